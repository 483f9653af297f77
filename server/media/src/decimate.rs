//! From the media clock's 48 kHz to the 16 kHz at which speech networks listen.

use std::f32::consts::PI;

use crate::time::HOP;

/// Samples at 16 kHz in one hop.
pub const HOP_16K: usize = HOP / 3;

/// Taps of the filter: 97 at 48 kHz delay by exactly 1 ms.
const TAPS: usize = 97;

/// 48 kHz to 16 kHz: a windowed-sinc low-pass (half power at 8 kHz, 60 dB down
/// from 9 kHz), every third sample kept.
#[derive(Clone, Debug)]
pub struct Decimator {
    taps: [f32; TAPS],
    /// The last `TAPS - 1` samples, then the hop.
    line: [f32; TAPS - 1 + HOP],
}

impl Decimator {
    /// A filter that has heard nothing but silence.
    #[must_use]
    pub fn new() -> Self {
        let middle = (TAPS / 2) as f32;
        let mut taps = [0.0; TAPS];
        for (i, tap) in taps.iter_mut().enumerate() {
            let x = i as f32 - middle;
            let sinc = if x == 0.0 {
                1.0 / 3.0
            } else {
                (PI * x / 3.0).sin() / (PI * x)
            };
            // Blackman: side lobes below -70 dB.
            let phase = PI * i as f32 / middle;
            *tap = sinc * (0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos());
        }
        let gain: f32 = taps.iter().sum();
        for tap in &mut taps {
            *tap /= gain;
        }
        Self {
            taps,
            line: [0.0; TAPS - 1 + HOP],
        }
    }

    /// Takes one hop and gives its samples at 16 kHz.
    pub fn push(&mut self, sound: &[f32; HOP], out: &mut [f32; HOP_16K]) {
        self.line[TAPS - 1..].copy_from_slice(sound);
        for (i, sample) in out.iter_mut().enumerate() {
            let piece = &self.line[3 * i..3 * i + TAPS];
            *sample = dot(piece, &self.taps);
        }
        self.line.copy_within(HOP.., 0);
    }

    /// Forgets all sound.
    pub fn reset(&mut self) {
        self.line.fill(0.0);
    }
}

impl Default for Decimator {
    fn default() -> Self {
        Self::new()
    }
}

/// Scalar product in eight lanes: a single sum would wait for each addition.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32) -> Vec<f32> {
        (0..HOP * 20)
            .map(|i| (2.0 * PI * hz * i as f32 / 48_000.0).sin())
            .collect()
    }

    fn decimated_power(hz: f32) -> f32 {
        let mut decimator = Decimator::new();
        let mut out = [0.0; HOP_16K];
        for hop in tone(hz).as_chunks::<HOP>().0 {
            decimator.push(hop, &mut out);
        }
        out.iter().map(|x| x * x).sum::<f32>() / HOP_16K as f32
    }

    #[test]
    fn the_decimator_passes_speech_and_stops_what_would_fold() {
        for hz in [100.0, 1_000.0, 4_000.0, 6_500.0] {
            let db = 10.0 * (decimated_power(hz) * 2.0).log10();
            assert!(db.abs() < 0.3, "{hz} Hz changed by {db} dB");
        }
        for hz in [9_700.0, 12_000.0, 15_900.0, 20_000.0] {
            let db = 10.0 * (decimated_power(hz) * 2.0).log10();
            assert!(db < -55.0, "{hz} Hz only {db} dB down");
        }
    }

    #[test]
    fn the_decimator_delays_by_one_millisecond() {
        let mut decimator = Decimator::new();
        let mut sound = [0.0; HOP];
        sound[300] = 1.0;
        let mut out = [0.0; HOP_16K];
        decimator.push(&sound, &mut out);
        let peak = (0..HOP_16K).max_by(|&a, &b| out[a].total_cmp(&out[b]));
        assert_eq!(peak, Some(100 + 16));
    }
}
