//! Sound that comes in pieces cut anywhere: raw samples and WAV (RIFF), mixed
//! to mono.

use thiserror::Error;

/// Most channels that are mixed.
const MAX_CHANNELS: u16 = 8;

/// Longest format chunk that is read; `WAVE_FORMAT_EXTENSIBLE` has 40 bytes.
const LONGEST_FORMAT: u32 = 256;

/// Why sound cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Error {
    #[error("this is not a WAV file: it does not begin with RIFF and WAVE")]
    NotWav,
    #[error("the WAV file has no usable format chunk before its sound")]
    NoFormat,
    #[error(
        "WAV format {tag} with {bits} bits cannot be used; PCM of 8, 16, 24 or 32 bits and float of 32 or 64 bits can"
    )]
    Encoding { tag: u16, bits: u16 },
    #[error("sound with {0} channels cannot be used; 1 to {MAX_CHANNELS} can")]
    Channels(u16),
}

/// How a sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    U8,
    S16Le,
    S16Be,
    S24Le,
    S32Le,
    F32Le,
    F64Le,
}

impl Encoding {
    const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::S16Le | Self::S16Be => 2,
            Self::S24Le => 3,
            Self::S32Le | Self::F32Le => 4,
            Self::F64Le => 8,
        }
    }

    /// One sample, -1..=1 for integers. `b` has [`Encoding::bytes`] bytes.
    fn sample(self, b: &[u8]) -> f32 {
        match self {
            Self::U8 => (f32::from(b[0]) - 128.0) / 128.0,
            Self::S16Le => f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0,
            Self::S16Be => f32::from(i16::from_be_bytes([b[0], b[1]])) / 32_768.0,
            Self::S24Le => (i32::from_le_bytes([0, b[0], b[1], b[2]]) >> 8) as f32 / 8_388_608.0,
            Self::S32Le => i32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32 / 2_147_483_648.0,
            Self::F32Le => finite(f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            Self::F64Le => {
                let bytes = [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]];
                finite(f64::from_le_bytes(bytes) as f32)
            }
        }
    }
}

/// Nothing but numbers may reach the mixer and the models.
fn finite(sample: f32) -> f32 {
    if sample.is_finite() {
        sample.clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

/// Raw interleaved samples.
#[derive(Debug)]
pub(crate) struct Samples {
    encoding: Encoding,
    channels: u16,
    /// The beginning of a sample of all channels.
    carry: Vec<u8>,
}

impl Samples {
    pub(crate) fn new(encoding: Encoding, channels: u16) -> Result<Self, Error> {
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(Error::Channels(channels));
        }
        Ok(Self {
            encoding,
            channels,
            carry: Vec::new(),
        })
    }

    /// Takes the next bytes; gives whole samples, mixed to mono.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Vec<f32> {
        let frame = self.encoding.bytes() * usize::from(self.channels);
        let mut out = Vec::with_capacity(bytes.len() / frame + 1);
        if !self.carry.is_empty() {
            let missing = (frame - self.carry.len()).min(bytes.len());
            self.carry.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.carry.len() < frame {
                return out;
            }
            out.push(self.mix(&self.carry));
            self.carry.clear();
        }
        let frames = bytes.chunks_exact(frame);
        self.carry.extend_from_slice(frames.remainder());
        out.extend(frames.map(|frame| self.mix(frame)));
        out
    }

    fn mix(&self, frame: &[u8]) -> f32 {
        let samples = frame.chunks_exact(self.encoding.bytes());
        samples.map(|s| self.encoding.sample(s)).sum::<f32>() / f32::from(self.channels)
    }
}

/// Where a WAV reader stands.
#[derive(Debug)]
enum Stage {
    Riff,
    Chunk,
    Format { bytes: usize, pad: u64 },
    Skip { bytes: u64 },
    Data { left: Option<u64> },
    End,
}

/// A WAV file that comes in pieces. Its announced length is not trusted:
/// programs that stream do not know it.
#[derive(Debug)]
pub(crate) struct Wav {
    stage: Stage,
    head: Vec<u8>,
    format: Option<(Samples, u32)>,
}

impl Wav {
    pub(crate) const fn new() -> Self {
        Self {
            stage: Stage::Riff,
            head: Vec::new(),
            format: None,
        }
    }

    /// Samples per second, once the format is known.
    pub(crate) fn rate(&self) -> Option<u32> {
        self.format.as_ref().map(|(_, rate)| *rate)
    }

    /// Whether sound has begun.
    pub(crate) const fn has_data(&self) -> bool {
        matches!(self.stage, Stage::Data { .. } | Stage::End)
    }

    /// Takes the next bytes; gives whole samples, mixed to mono.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<f32>, Error> {
        let mut out = Vec::new();
        loop {
            match &mut self.stage {
                Stage::Riff => {
                    let Some(head) = take(&mut self.head, &mut bytes, 12) else {
                        // Something else is told apart at its first bytes.
                        let known = self.head.len().min(4);
                        if self.head[..known] != b"RIFF"[..known] {
                            return Err(Error::NotWav);
                        }
                        return Ok(out);
                    };
                    if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
                        return Err(Error::NotWav);
                    }
                    self.stage = Stage::Chunk;
                }
                Stage::Chunk => {
                    let Some(head) = take(&mut self.head, &mut bytes, 8) else {
                        return Ok(out);
                    };
                    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                    // Chunks are padded to an even length.
                    let pad = u64::from(size % 2);
                    self.stage = match &head[..4] {
                        b"fmt " if (16..=LONGEST_FORMAT).contains(&size) => Stage::Format {
                            bytes: size as usize,
                            pad,
                        },
                        b"fmt " => return Err(Error::NoFormat),
                        b"data" if self.format.is_none() => return Err(Error::NoFormat),
                        b"data" => Stage::Data {
                            // Both mean that the writer did not know.
                            left: (size != 0 && size != u32::MAX).then_some(size.into()),
                        },
                        _ => Stage::Skip {
                            bytes: u64::from(size) + pad,
                        },
                    };
                }
                Stage::Format { bytes: size, pad } => {
                    let (size, pad) = (*size, *pad);
                    let Some(head) = take(&mut self.head, &mut bytes, size) else {
                        return Ok(out);
                    };
                    self.format = Some(format(&head)?);
                    self.stage = Stage::Skip { bytes: pad };
                }
                Stage::Skip { bytes: left } => {
                    let skipped = bytes
                        .len()
                        .min(usize::try_from(*left).unwrap_or(usize::MAX));
                    bytes = &bytes[skipped..];
                    *left -= skipped as u64;
                    if *left > 0 {
                        return Ok(out);
                    }
                    self.stage = Stage::Chunk;
                }
                Stage::Data { left } => {
                    let most = left.map_or(usize::MAX, |left| {
                        usize::try_from(left).unwrap_or(usize::MAX)
                    });
                    let count = bytes.len().min(most);
                    if let Some((samples, _)) = &mut self.format {
                        out.append(&mut samples.push(&bytes[..count]));
                    }
                    bytes = &bytes[count..];
                    if let Some(left) = left {
                        *left -= count as u64;
                        if *left == 0 {
                            self.stage = Stage::End;
                            continue;
                        }
                    }
                    return Ok(out);
                }
                // What follows the sound is about it, not part of it.
                Stage::End => return Ok(out),
            }
        }
    }
}

/// Collects `size` bytes; `None` while some are missing.
fn take(head: &mut Vec<u8>, bytes: &mut &[u8], size: usize) -> Option<Vec<u8>> {
    let missing = (size - head.len()).min(bytes.len());
    let (now, later) = bytes.split_at(missing);
    head.extend_from_slice(now);
    *bytes = later;
    (head.len() == size).then(|| std::mem::take(head))
}

/// Reads a format chunk of at least 16 bytes.
fn format(chunk: &[u8]) -> Result<(Samples, u32), Error> {
    const PCM: u16 = 1;
    const FLOAT: u16 = 3;
    const EXTENSIBLE: u16 = 0xfffe;
    let u16_at = |at: usize| {
        chunk
            .get(at..at + 2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
    };
    let (Some(tag), Some(channels), Some(bits)) = (u16_at(0), u16_at(2), u16_at(14)) else {
        return Err(Error::NoFormat);
    };
    let rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
    // The extensible form keeps the real tag in front of its GUID.
    let tag = match tag {
        EXTENSIBLE => u16_at(24).ok_or(Error::NoFormat)?,
        tag => tag,
    };
    let encoding = match (tag, bits) {
        (PCM, 8) => Encoding::U8,
        (PCM, 16) => Encoding::S16Le,
        (PCM, 24) => Encoding::S24Le,
        (PCM, 32) => Encoding::S32Le,
        (FLOAT, 32) => Encoding::F32Le,
        (FLOAT, 64) => Encoding::F64Le,
        _ => return Err(Error::Encoding { tag, bits }),
    };
    Ok((Samples::new(encoding, channels)?, rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wav(tag: u16, channels: u16, bits: u16, size: u32, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        // A chunk of odd length before the format.
        file.extend(b"LIST\x03\0\0\0abc\0");
        file.extend(b"fmt \x10\0\0\0");
        file.extend(tag.to_le_bytes());
        file.extend(channels.to_le_bytes());
        file.extend(22_050_u32.to_le_bytes());
        file.extend([0; 6]);
        file.extend(bits.to_le_bytes());
        file.extend(b"data");
        file.extend(size.to_le_bytes());
        file.extend(data);
        file
    }

    fn read(file: &[u8]) -> Result<Vec<f32>, Error> {
        Wav::new().push(file)
    }

    #[test]
    fn every_width_gives_the_same_sound() {
        let half = [
            (1, 8, vec![192, 64]),
            (1, 16, vec![0, 0x40, 0, 0xc0]),
            (1, 24, vec![0, 0, 0x40, 0, 0, 0xc0]),
            (1, 32, vec![0, 0, 0, 0x40, 0, 0, 0, 0xc0]),
            (
                3,
                32,
                [0.5f32.to_le_bytes(), (-0.5f32).to_le_bytes()].concat(),
            ),
            (
                3,
                64,
                [0.5f64.to_le_bytes(), (-0.5f64).to_le_bytes()].concat(),
            ),
        ];
        for (tag, bits, data) in half {
            let size = data.len() as u32;
            let file = wav(tag, 1, bits, size, &data);
            assert_eq!(read(&file), Ok(vec![0.5, -0.5]), "{tag} {bits}");
        }
        let mut big = Samples::new(Encoding::S16Be, 1).unwrap();
        assert_eq!(big.push(&[0x40, 0, 0xc0, 0]), [0.5, -0.5]);
    }

    #[test]
    fn stereo_is_mixed_and_what_is_no_number_is_silence() {
        let data = [0, 0x40, 0, 0, 0, 0xc0, 0, 0xc0];
        assert_eq!(read(&wav(1, 2, 16, 8, &data)), Ok(vec![0.25, -0.5]));
        let nan = [
            f32::NAN.to_le_bytes(),
            f32::INFINITY.to_le_bytes(),
            9f32.to_le_bytes(),
        ];
        assert_eq!(
            read(&wav(3, 1, 32, 12, &nan.concat())),
            Ok(vec![0.0, 0.0, 1.0])
        );
    }

    #[test]
    fn announced_lengths_may_be_wrong() {
        let data = [0, 0x40, 0, 0xc0, 0];
        for size in [0, u32::MAX, 4_000] {
            assert_eq!(
                read(&wav(1, 1, 16, size, &data)),
                Ok(vec![0.5, -0.5]),
                "{size}"
            );
        }
        let mut longer = wav(1, 1, 16, 2, &data[..2]);
        longer.extend(b"LIST more about it");
        assert_eq!(read(&longer), Ok(vec![0.5]));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(read(b"ID3\x04 an mp3"), Err(Error::NotWav));
        assert_eq!(read(b"RIFF\0\0\0\0AVI "), Err(Error::NotWav));
        assert_eq!(
            read(b"RIFF\0\0\0\0WAVEdata\x04\0\0\0"),
            Err(Error::NoFormat)
        );
        assert_eq!(
            read(b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0"),
            Err(Error::NoFormat)
        );
        assert_eq!(read(&wav(1, 0, 16, 2, &[0; 2])), Err(Error::Channels(0)));
        assert_eq!(read(&wav(1, 9, 16, 2, &[0; 2])), Err(Error::Channels(9)));
        let law = Error::Encoding { tag: 7, bits: 8 };
        assert_eq!(read(&wav(7, 1, 8, 2, &[0; 2])), Err(law));
        assert_eq!(read(b"RI"), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            data in prop::collection::vec(any::<u8>(), 0..64),
            size in 1usize..9,
            channels in 1u16..4,
            (tag, bits) in prop::sample::select(vec![(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)]),
        ) {
            let file = wav(tag, channels, bits, u32::MAX, &data);
            let whole = read(&file).unwrap();
            let mut reader = Wav::new();
            let mut pieces = Vec::new();
            for piece in file.chunks(size) {
                pieces.extend(reader.push(piece).unwrap());
            }
            prop_assert_eq!(pieces, whole);
            prop_assert_eq!(reader.rate(), Some(22_050));
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..60) {
            let mut file = wav(1, 2, 24, 40, &bytes);
            for (to, from) in file.iter_mut().skip(at).zip(&bytes) {
                *to = *from;
            }
            if let Ok(sound) = read(&file) {
                prop_assert!(sound.iter().all(|s| (-1.0..=1.0).contains(s)));
            }
        }
    }
}
