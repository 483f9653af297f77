//! Reading WAV files (RIFF WAVE, Microsoft "Multimedia Programming Interface
//! and Data Specifications 1.0", and `WAVE_FORMAT_EXTENSIBLE`), whole or as
//! they come in.
//!
//! Lenient where a file was cut short or written by a stream, strict where
//! guessing would give noise.

use thiserror::Error;

use crate::pcm::{Encoding, Samples, UnsupportedChannels};
use crate::resample::{Resampler, UnsupportedRate};

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin as a WAV file does.
    #[error("this is not a WAV file: it does not begin with RIFF and WAVE")]
    NotWav,
    /// It has no description of its sound, or a damaged one.
    #[error("the WAV file has no usable format chunk before its sound")]
    NoFormat,
    /// It has no sound.
    #[error("the WAV file has no sound data")]
    NoData,
    /// Its encoding is not one of those read here.
    #[error(
        "WAV format {format} with {bits} bits cannot be used; \
         PCM of 8, 16, 24 or 32 bits and float of 32 or 64 bits can"
    )]
    Encoding {
        /// Format tag.
        format: u16,
        /// Bits of a sample.
        bits: u16,
    },
    /// Its channels cannot be mixed.
    #[error(transparent)]
    Channels(#[from] UnsupportedChannels),
    /// Its rate cannot be resampled.
    #[error(transparent)]
    Rate(#[from] UnsupportedRate),
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;

/// Longest format chunk that is read; `WAVE_FORMAT_EXTENSIBLE` has 40 bytes.
const LONGEST_FORMAT: u32 = 256;

/// Sound of a file, mixed to one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Wav {
    /// Samples of a second.
    pub rate: u32,
    /// Samples, -1..=1.
    pub samples: Vec<f32>,
}

impl Wav {
    /// Reads a file. Data that ends early is taken as far as it goes.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut stream = Stream::default();
        let samples = stream.push(bytes)?;
        if matches!(stream.stage, Stage::Riff) {
            return Err(Error::NotWav);
        }
        let rate = stream.rate().ok_or(Error::NoFormat)?;
        Resampler::new(rate)?;
        if samples.is_empty() {
            return Err(Error::NoData);
        }
        Ok(Self { rate, samples })
    }

    /// The sound at the media clock's rate.
    ///
    /// # Errors
    /// [`UnsupportedRate`].
    pub fn on_clock(&self) -> Result<Vec<f32>, UnsupportedRate> {
        let mut resampler = Resampler::new(self.rate)?;
        let mut sound = resampler.push(&self.samples);
        sound.extend(resampler.flush());
        Ok(sound)
    }
}

/// Where a WAV reader stands.
#[derive(Debug, Default)]
enum Stage {
    #[default]
    Riff,
    Chunk,
    Format {
        bytes: usize,
        pad: u64,
    },
    Skip {
        bytes: u64,
    },
    Data {
        left: Option<u64>,
    },
    End,
}

/// A WAV file that comes in pieces. Its announced length is not trusted:
/// programs that stream do not know it.
#[derive(Debug, Default)]
pub struct Stream {
    stage: Stage,
    head: Vec<u8>,
    format: Option<(Samples, u32)>,
}

impl Stream {
    /// Samples per second, once the format is known.
    #[must_use]
    pub fn rate(&self) -> Option<u32> {
        self.format.as_ref().map(|(_, rate)| *rate)
    }

    /// Whether sound has begun.
    #[must_use]
    pub const fn has_data(&self) -> bool {
        matches!(self.stage, Stage::Data { .. } | Stage::End)
    }

    /// Takes the next bytes; gives whole samples, -1..=1, mixed to mono.
    ///
    /// # Errors
    /// [`Error::NotWav`], [`Error::NoFormat`], [`Error::Encoding`] and
    /// [`Error::Channels`], as soon as they can be known.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<f32>, Error> {
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
                    self.format = Some(read_format(&head)?);
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
fn read_format(chunk: &[u8]) -> Result<(Samples, u32), Error> {
    let u16_at = |at: usize| {
        chunk
            .get(at..at + 2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
    };
    let (Some(format), Some(channels), Some(bits)) = (u16_at(0), u16_at(2), u16_at(14)) else {
        return Err(Error::NoFormat);
    };
    let rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
    // The first two bytes of the sub-format's GUID are the format.
    let format = match format {
        EXTENSIBLE => u16_at(24).ok_or(Error::NoFormat)?,
        format => format,
    };
    let encoding = match (format, bits) {
        (PCM, 8) => Encoding::U8,
        (PCM, 16) => Encoding::S16Le,
        (PCM, 24) => Encoding::S24Le,
        (PCM, 32) => Encoding::S32Le,
        (FLOAT, 32) => Encoding::F32Le,
        (FLOAT, 64) => Encoding::F64Le,
        _ => return Err(Error::Encoding { format, bits }),
    };
    Ok((Samples::new(encoding, channels)?, rate))
}

#[cfg(test)]
mod stream_tests;

#[cfg(test)]
mod tests {
    use super::*;

    pub fn file(format: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
        let frame = channels * (bits / 8);
        let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
        // A chunk of odd length, with its padding.
        bytes.extend(b"LIST\x03\0\0\0abc\0");
        let extensible = format == EXTENSIBLE;
        bytes.extend(b"fmt ");
        bytes.extend((if extensible { 40_u32 } else { 16 }).to_le_bytes());
        bytes.extend(format.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * u32::from(frame)).to_le_bytes());
        bytes.extend(frame.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        if extensible {
            bytes.extend([22, 0]);
            bytes.extend(bits.to_le_bytes());
            bytes.extend([4, 0, 0, 0]);
            bytes.extend(PCM.to_le_bytes());
            bytes.extend([0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]);
        }
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn every_encoding_gives_the_same_sound() {
        let half_down: [(u16, u16, &[u8]); 7] = [
            (PCM, 8, &[192, 64]),
            (PCM, 16, &[0, 64, 0, 192]),
            (EXTENSIBLE, 16, &[0, 64, 0, 192]),
            (PCM, 24, &[0, 0, 64, 0, 0, 192]),
            (PCM, 32, &[0, 0, 0, 64, 0, 0, 0, 192]),
            (FLOAT, 32, &[0, 0, 0, 63, 0, 0, 0, 191]),
            (
                FLOAT,
                64,
                &[0, 0, 0, 0, 0, 0, 224, 63, 0, 0, 0, 0, 0, 0, 224, 191],
            ),
        ];
        for (format, bits, data) in half_down {
            let wav = Wav::read(&file(format, bits, 1, 44_100, data)).unwrap();
            assert_eq!(wav.samples, [0.5, -0.5], "{format} {bits}");
            assert_eq!(wav.rate, 44_100);
            let stereo = Wav::read(&file(format, bits, 2, 11_025, data)).unwrap();
            assert_eq!(stereo.samples, [0.0], "{format} {bits}");
        }
    }

    #[test]
    fn what_is_there_of_a_truncated_file_is_read() {
        let whole = file(PCM, 16, 2, 16_000, &[1; 4_000]);
        let wav = Wav::read(&whole[..whole.len() - 1_001]).unwrap();
        assert_eq!(wav.samples.len(), 749);
        let data = whole.len() - 4_004;
        for unknown in [0_u32, u32::MAX] {
            let mut stream = whole.clone();
            stream[data..data + 4].copy_from_slice(&unknown.to_le_bytes());
            assert_eq!(Wav::read(&stream).unwrap().samples.len(), 1_000);
        }
        for length in 0..whole.len() - 4_000 {
            assert!(Wav::read(&whole[..length]).is_err());
        }
    }

    #[test]
    fn errors_name_the_reason() {
        let odd = |format, bits, channels, rate| {
            Wav::read(&file(format, bits, channels, rate, &[0; 64])).unwrap_err()
        };
        assert_eq!(Wav::read(b"ID3"), Err(Error::NotWav));
        assert_eq!(odd(7, 8, 1, 8_000), Error::Encoding { format: 7, bits: 8 });
        assert_eq!(
            odd(PCM, 12, 1, 8_000),
            Error::Encoding {
                format: 1,
                bits: 12
            }
        );
        assert_eq!(odd(PCM, 16, 0, 8_000), UnsupportedChannels(0).into());
        assert_eq!(odd(PCM, 16, 1, 1), Error::Rate(UnsupportedRate(1)));
        let empty = file(PCM, 16, 1, 8_000, &[]);
        assert_eq!(Wav::read(&empty), Err(Error::NoData));
    }

    #[test]
    fn sound_is_brought_to_the_clock() {
        let wav = Wav {
            rate: 22_254,
            samples: vec![0.0; 22_254],
        };
        assert_eq!(wav.on_clock().unwrap().len(), 48_000);
    }
}
