//! Log-mel features: 48 kHz sound to two frames of 40 bands for each hop,
//! exactly as the network was trained with (`models/lipsync/features.py`).
//!
//! Nothing looks ahead: frame `j` ends with its own last sample. The decimating
//! filter delays the sound by 1 ms.

use std::f32::consts::PI;
use std::sync::Arc;

use media::HOP;
use media::decimate::{Decimator, HOP_16K};
use media::filterbank::Band;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Mel bands of a frame.
pub const BANDS: usize = 40;

/// Frames of 10 ms that one hop brings.
pub const FRAMES: usize = 2;

/// Two frames of log-mels, `[frame][band]` in one row.
pub type HopFeatures = [f32; FRAMES * BANDS];

const RATE: f32 = 16_000.0;
const WINDOW: usize = 400;
const STEP: usize = 160;
const FFT: usize = 512;
/// Edges of the mel bank, Hz.
const LOW: f32 = 60.0;
const HIGH: f32 = 7_600.0;
/// Added to the power of a band before the logarithm: about -90 dB of full scale.
const FLOOR: f32 = 1e-5;
/// Power over all bands of a sine of amplitude 1 in the Hann window.
const FULL_SCALE: f32 = (WINDOW * WINDOW / 16) as f32 * 1.5;
/// Level of digital silence, dB.
const SILENCE: f32 = -120.0;

fn mel_bank() -> Vec<Band> {
    let mel = |hz: f32| 2595.0 * (1.0 + hz / 700.0).log10();
    let edge = |i: usize| {
        let at = mel(LOW) + (mel(HIGH) - mel(LOW)) * i as f32 / (BANDS + 1) as f32;
        700.0 * (10_f32.powf(at / 2595.0) - 1.0)
    };
    Band::bank(BANDS, edge, RATE, FFT).collect()
}

/// Streaming features of one session. No allocation after [`Features::new`].
pub struct Features {
    decimator: Decimator,
    fft: Arc<dyn RealToComplex<f32>>,
    bank: Vec<Band>,
    window: [f32; WINDOW],
    /// The last `WINDOW - STEP` samples at 16 kHz, then the hop.
    line: [f32; WINDOW - STEP + HOP_16K],
    input: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    levels: [f32; FRAMES],
}

impl Default for Features {
    fn default() -> Self {
        Self::new()
    }
}

impl Features {
    /// Features of a stream that begins in silence.
    #[must_use]
    pub fn new() -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FFT);
        let mut window = [0.0; WINDOW];
        for (i, weight) in window.iter_mut().enumerate() {
            *weight = 0.5 - 0.5 * (2.0 * PI * i as f32 / WINDOW as f32).cos();
        }
        Self {
            decimator: Decimator::new(),
            bank: mel_bank(),
            window,
            line: [0.0; WINDOW - STEP + HOP_16K],
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
            levels: [SILENCE; FRAMES],
        }
    }

    /// Loudness of the two frames of the last hop, dB of full scale.
    #[must_use]
    pub const fn levels(&self) -> [f32; FRAMES] {
        self.levels
    }

    /// Forgets all sound.
    pub fn reset(&mut self) {
        self.decimator.reset();
        self.line.fill(0.0);
    }

    /// Takes one hop at 48 kHz and gives its two frames.
    pub fn push(&mut self, sound: &[f32; HOP], out: &mut HopFeatures) {
        let mut low = [0.0; HOP_16K];
        self.decimator.push(sound, &mut low);
        self.push_16k(&low, out);
    }

    /// Takes one hop of sound that is at 16 kHz already.
    ///
    /// # Panics
    /// Never: the buffers are those that the plan asked for.
    pub fn push_16k(&mut self, sound: &[f32; HOP_16K], out: &mut HopFeatures) {
        self.line[WINDOW - STEP..].copy_from_slice(sound);
        for frame in 0..FRAMES {
            let piece = &self.line[frame * STEP..frame * STEP + WINDOW];
            for ((x, &sample), &weight) in self.input.iter_mut().zip(piece).zip(&self.window) {
                *x = sample * weight;
            }
            self.input[WINDOW..].fill(0.0);
            self.fft
                .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
                .expect("buffers come from the plan itself");
            let mut sum = 0.0;
            for (band, level) in self
                .bank
                .iter()
                .zip(&mut out[frame * BANDS..(frame + 1) * BANDS])
            {
                let power = band.sum(&self.spectrum, Complex::norm_sqr);
                *level = (power + FLOOR).ln();
                sum += power;
            }
            self.levels[frame] = 10.0 * (sum / FULL_SCALE).max(1e-12).log10();
        }
        self.line.copy_within(HOP_16K.., 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32) -> Vec<f32> {
        (0..HOP * 20)
            .map(|i| (2.0 * PI * hz * i as f32 / 48_000.0).sin())
            .collect()
    }

    #[test]
    fn a_tone_lights_its_own_band() {
        let mut features = Features::new();
        let mut out = [0.0; FRAMES * BANDS];
        for hop in tone(1_000.0).as_chunks::<HOP>().0 {
            features.push(hop, &mut out);
        }
        let loudest = (0..BANDS).max_by(|&a, &b| out[a].total_cmp(&out[b]));
        // 1 kHz is 1000 mel; the bank spans 94 to 2786 mel in 41 steps.
        assert_eq!(loudest, Some(13));
        features.reset();
        features.push(&[0.0; HOP], &mut out);
        assert!(out.iter().all(|level| (level - FLOOR.ln()).abs() < 1e-6));
    }
}
