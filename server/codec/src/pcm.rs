//! Sound as it is: signed 16-bit samples, little-endian, mono at 48 kHz, as WAV
//! files hold them.

use bytes::Bytes;
use media::HOP;
use media::seam::{AudioEncoder, EncodeError};

/// Sound to samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoder;

impl AudioEncoder for Encoder {
    fn encode(&mut self, sound: &[f32; HOP]) -> Result<Bytes, EncodeError> {
        let level = |sample: f32| (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
        let bytes = sound.iter().flat_map(|&s| level(s).to_le_bytes());
        Ok(bytes.collect::<Vec<u8>>().into())
    }

    fn pre_skip(&self) -> u16 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_scaled_and_clipped() {
        let mut sound = [0.0; HOP];
        sound[..4].copy_from_slice(&[1.0, -1.0, 0.5, 7.0]);
        let bytes = Encoder.encode(&sound).unwrap();
        assert_eq!(bytes.len(), 2 * HOP);
        let (samples, _) = bytes.as_chunks::<2>();
        let samples: Vec<i16> = samples.iter().map(|&b| i16::from_le_bytes(b)).collect();
        assert_eq!(samples[..5], [32_767, -32_767, 16_384, 32_767, 0]);
    }
}
