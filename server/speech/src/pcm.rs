//! Raw samples, as clients and WAV files ([`crate::wav`]) write them.

use thiserror::Error;

/// Most channels that are mixed: those of 7.1 sound.
const MAX_CHANNELS: u16 = 8;

/// There is no channel, or there are more than are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("sound with {0} channels cannot be used; 1 to {MAX_CHANNELS} can")]
pub struct UnsupportedChannels(pub u16);

/// How a sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 16 bits, little-endian.
    S16Le,
    /// Signed, 16 bits, big-endian.
    S16Be,
    /// Signed, 24 bits, little-endian.
    S24Le,
    /// Signed, 32 bits, little-endian.
    S32Le,
    /// Float, 32 bits, little-endian.
    F32Le,
    /// Float, 64 bits, little-endian.
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

    /// One sample, -1..=1. `b` has [`Encoding::bytes`] bytes.
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

/// Raw interleaved samples that come in pieces cut anywhere, mixed to mono.
#[derive(Debug)]
pub struct Samples {
    encoding: Encoding,
    channels: u16,
    /// The beginning of a sample of all channels.
    carry: Vec<u8>,
}

impl Samples {
    /// A reader of 1 to 8 channels.
    ///
    /// # Errors
    /// [`UnsupportedChannels`].
    pub fn new(encoding: Encoding, channels: u16) -> Result<Self, UnsupportedChannels> {
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(UnsupportedChannels(channels));
        }
        Ok(Self {
            encoding,
            channels,
            carry: Vec::new(),
        })
    }

    /// Takes the next bytes; gives whole samples, -1..=1.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<f32> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_endian_samples_are_read() {
        let mut big = Samples::new(Encoding::S16Be, 1).unwrap();
        assert_eq!(big.push(&[0x40, 0, 0xc0, 0]), [0.5, -0.5]);
    }

    #[test]
    fn channels_have_a_limit() {
        for (channels, usable) in [(0, false), (1, true), (8, true), (9, false)] {
            let samples = Samples::new(Encoding::U8, channels);
            assert_eq!(samples.is_ok(), usable, "{channels}");
        }
    }
}
