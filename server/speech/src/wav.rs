//! Reading WAV files (RIFF WAVE, Microsoft "Multimedia Programming Interface
//! and Data Specifications 1.0", and `WAVE_FORMAT_EXTENSIBLE`).
//!
//! Lenient where a file was cut short or written by a stream, strict where
//! guessing would give noise.

use thiserror::Error;

use crate::resample::{Resampler, UnsupportedRate};

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin as a WAV file does.
    #[error("this is not a WAV file (it does not begin with RIFF and WAVE)")]
    NotWav,
    /// It has no description of its sound, or a damaged one.
    #[error("the WAV file has no sound format chunk")]
    NoFormat,
    /// It has no sound.
    #[error("the WAV file has no sound data")]
    NoData,
    /// Its encoding is not one of those read here.
    #[error(
        "WAV files with {bits} bits of format {format:#06x} are not read; \
         PCM of 8, 16, 24 or 32 bits and float of 32 or 64 bits are"
    )]
    Encoding {
        /// Format tag.
        format: u16,
        /// Bits of a sample.
        bits: u16,
    },
    /// It has no channel, or more than is sensible.
    #[error("WAV files with {0} channels are not read; 1 to {MOST_CHANNELS} are")]
    Channels(u16),
    /// Its rate cannot be resampled.
    #[error(transparent)]
    Rate(#[from] UnsupportedRate),
}

/// Most channels that are mixed.
const MOST_CHANNELS: u16 = 32;

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;

/// Sound of a file, mixed to one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Wav {
    /// Samples of a second.
    pub rate: u32,
    /// Samples, -1..=1 unless the file itself goes beyond.
    pub samples: Vec<f32>,
}

impl Wav {
    /// Reads a file. Data that ends early is taken as far as it goes.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
            return Err(Error::NotWav);
        }
        let mut rest = &bytes[12..];
        let mut format = None;
        while let Some((id, tail)) = rest.split_first_chunk::<4>() {
            let Some((length, tail)) = tail.split_first_chunk::<4>() else {
                break;
            };
            // Streams write 0 or the largest number for a length they do not
            // know yet; both mean "to the end" where there is no more.
            let length = u32::from_le_bytes(*length) as usize;
            let body = &tail[..length.min(tail.len())];
            match id {
                b"fmt " => format = Some(Format::read(body)?),
                b"data" => {
                    let body = if length == 0 { tail } else { body };
                    return format.ok_or(Error::NoFormat)?.decode(body);
                }
                _ => {}
            }
            // Chunks are padded to even lengths.
            rest = tail.get(length.saturating_add(length % 2)..).unwrap_or(&[]);
        }
        Err(if format.is_some() {
            Error::NoData
        } else {
            Error::NoFormat
        })
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

struct Format {
    rate: u32,
    channels: u16,
    decode: fn(&[u8]) -> f32,
    /// Bytes of a sample.
    width: usize,
}

impl Format {
    fn read(body: &[u8]) -> Result<Self, Error> {
        let word = |at: usize| -> Result<u16, Error> {
            match body.get(at..at + 2) {
                Some(&[low, high]) => Ok(u16::from_le_bytes([low, high])),
                _ => Err(Error::NoFormat),
            }
        };
        let mut format = word(0)?;
        let channels = word(2)?;
        let rate = u32::from(word(4)?) | u32::from(word(6)?) << 16;
        let bits = word(14)?;
        if format == EXTENSIBLE {
            // The first two bytes of the sub-format's GUID are the format.
            format = word(24)?;
        }
        if !(1..=MOST_CHANNELS).contains(&channels) {
            return Err(Error::Channels(channels));
        }
        Resampler::new(rate)?;
        let decode: fn(&[u8]) -> f32 = match (format, bits) {
            (PCM, 8) => |s| (f32::from(s[0]) - 128.0) / 128.0,
            (PCM, 16) => |s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32_768.0,
            (PCM, 24) => |s| i32::from_le_bytes([0, s[0], s[1], s[2]]) as f32 / 2_147_483_648.0,
            (PCM, 32) => |s| i32::from_le_bytes([s[0], s[1], s[2], s[3]]) as f32 / 2_147_483_648.0,
            (FLOAT, 32) => |s| f32::from_le_bytes([s[0], s[1], s[2], s[3]]),
            (FLOAT, 64) => {
                |s| f64::from_le_bytes([s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]]) as f32
            }
            _ => return Err(Error::Encoding { format, bits }),
        };
        Ok(Self {
            rate,
            channels,
            decode,
            width: usize::from(bits / 8),
        })
    }

    fn decode(&self, data: &[u8]) -> Result<Wav, Error> {
        let channels = usize::from(self.channels);
        let samples: Vec<f32> = data
            .chunks_exact(self.width * channels)
            .map(|frame| {
                let sum: f32 = frame.chunks_exact(self.width).map(self.decode).sum();
                let sample = sum / channels as f32;
                if sample.is_finite() { sample } else { 0.0 }
            })
            .collect();
        if samples.is_empty() {
            return Err(Error::NoData);
        }
        Ok(Wav {
            rate: self.rate,
            samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(format: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
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
        assert_eq!(odd(PCM, 16, 0, 8_000), Error::Channels(0));
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
