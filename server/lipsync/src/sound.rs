//! Sound files for the tools: WAV in, 48 kHz mono out.

use std::f64::consts::PI;

use media::CLOCK_HZ;
use thiserror::Error;

/// Why a file is not sound that can be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// Not a RIFF WAVE file, or cut short.
    #[error("not a WAV file")]
    NotWav,
    /// A format other than 16-bit PCM or 32-bit float.
    #[error("only 16-bit PCM and 32-bit float WAV files can be read")]
    Format,
    /// A rate outside 8 to 48 kHz.
    #[error("a rate of {0} Hz; 8000 to 48000 can be read")]
    Rate(u32),
}

/// Reads a WAV file (8 to 48 kHz, 16-bit PCM or 32-bit float, any number of
/// channels, which are mixed) and gives it at 48 kHz.
///
/// # Errors
/// [`Error`].
pub fn read_wav(bytes: &[u8]) -> Result<Vec<f32>, Error> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(Error::NotWav);
    }
    let u16_at = |data: &[u8], at: usize| {
        let pair = data.get(at..at + 2)?;
        Some(u16::from_le_bytes([pair[0], pair[1]]))
    };
    let u32_at = |data: &[u8], at: usize| {
        let four = data.get(at..at + 4)?;
        Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    };
    let (mut at, mut format, mut data) = (12, None, None);
    while let (Some(name), Some(size)) = (bytes.get(at..at + 4), u32_at(bytes, at + 4)) {
        let end = (at + 8).saturating_add(size as usize).min(bytes.len());
        let body = &bytes[at + 8..end];
        match name {
            b"fmt " => format = Some(body),
            b"data" => data = Some(body),
            _ => {}
        }
        at = (at + 8)
            .saturating_add(size as usize)
            .saturating_add(size as usize & 1);
    }
    let (Some(format), Some(data)) = (format, data) else {
        return Err(Error::NotWav);
    };
    let (Some(mut kind), Some(channels), Some(rate), Some(bits)) = (
        u16_at(format, 0),
        u16_at(format, 2),
        u32_at(format, 4),
        u16_at(format, 14),
    ) else {
        return Err(Error::NotWav);
    };
    if kind == 0xFFFE {
        kind = u16_at(format, 24).ok_or(Error::NotWav)?; // WAVE_FORMAT_EXTENSIBLE
    }
    let samples: Vec<f32> = match (kind, bits) {
        (1, 16) => data
            .as_chunks::<2>()
            .0
            .iter()
            .map(|&pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0)
            .collect(),
        (3, 32) => data
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&four| f32::from_le_bytes(four))
            .collect(),
        _ => return Err(Error::Format),
    };
    if channels == 0 {
        return Err(Error::NotWav);
    }
    let mono: Vec<f32> = samples
        .chunks_exact(channels as usize)
        .map(|frame| frame.iter().sum::<f32>() / f32::from(channels))
        .collect();
    to_clock(&mono, rate)
}

/// Zero crossings of the resampling kernel on each side.
const REACH: usize = 24;

/// Sound of any rate between 8 and 48 kHz at the rate of the media clock
/// (windowed-sinc interpolation, no delay).
///
/// # Errors
/// [`Error::Rate`].
pub fn to_clock(sound: &[f32], rate: u32) -> Result<Vec<f32>, Error> {
    let clock = CLOCK_HZ as u64;
    if !(8_000..=CLOCK_HZ as u32).contains(&rate) {
        return Err(Error::Rate(rate));
    }
    if i64::from(rate) == CLOCK_HZ {
        return Ok(sound.to_vec());
    }
    // The kernel has as many phases as there are output samples before the grids meet again.
    let common = gcd(clock, u64::from(rate));
    let (phases, step) = (clock / common, u64::from(rate) / common);
    let kernel: Vec<[f32; 2 * REACH]> = (0..phases)
        .map(|phase| {
            let offset = phase as f64 / phases as f64;
            std::array::from_fn(|tap| {
                let x = tap as f64 - (REACH as f64 - 1.0) - offset;
                let window = 0.5 + 0.5 * (PI * x / REACH as f64).cos();
                let sinc = if x == 0.0 {
                    1.0
                } else {
                    (PI * x).sin() / (PI * x)
                };
                (sinc * window) as f32
            })
        })
        .collect();
    let length = sound.len() as u64 * phases / step;
    Ok((0..length)
        .map(|i| {
            let (whole, phase) = ((i * step) / phases, (i * step) % phases);
            let first = whole as i64 - (REACH as i64 - 1);
            kernel[phase as usize]
                .iter()
                .enumerate()
                .map(|(tap, weight)| {
                    let at = usize::try_from(first + tap as i64).ok();
                    weight * at.and_then(|at| sound.get(at)).copied().unwrap_or(0.0)
                })
                .sum()
        })
        .collect())
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(kind: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        out.extend(kind.to_le_bytes());
        out.extend(channels.to_le_bytes());
        out.extend(rate.to_le_bytes());
        out.extend([0; 6]);
        out.extend(bits.to_le_bytes());
        out.extend(b"data");
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn channels_are_mixed_and_other_formats_refused() {
        let data: Vec<u8> = [16_384_i16, 0, -16_384, -16_384]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        assert_eq!(
            read_wav(&wav(1, 16, 2, 48_000, &data)),
            Ok(vec![0.25, -0.5])
        );
        assert_eq!(read_wav(&wav(1, 24, 1, 48_000, &data)), Err(Error::Format));
        assert_eq!(
            read_wav(&wav(1, 16, 1, 96_000, &data)),
            Err(Error::Rate(96_000))
        );
        assert_eq!(read_wav(&wav(1, 16, 0, 48_000, &data)), Err(Error::NotWav));
        assert_eq!(read_wav(b"RIFF"), Err(Error::NotWav));
        assert_eq!(
            read_wav(&wav(1, 16, 1, 16_000, &data)[..40]),
            Err(Error::NotWav)
        );
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_level_from_every_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100] {
            let tone = |rate: u32, n: usize| -> Vec<f32> {
                (0..n)
                    .map(|i| (2.0 * PI * 1_000.0 * i as f64 / f64::from(rate)).sin() as f32)
                    .collect()
            };
            let out = to_clock(&tone(rate, rate as usize / 5), rate).unwrap();
            let want = tone(48_000, out.len());
            let worst = out[2_000..out.len() - 2_000]
                .iter()
                .zip(&want[2_000..])
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 3e-3, "{rate} Hz: {worst}");
        }
    }
}
