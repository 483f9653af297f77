//! The sound of a moment as `Wav2Lip`'s networks hear it.
//!
//! Log-mel spectra of 16 kHz sound with that network's own settings: first-order
//! pre-emphasis, a periodic Hann window of 50 ms every 12.5 ms, 80 bands of
//! Slaney's mel scale with unit area, amplitudes (not powers) in dB, mapped
//! from -80..20 dB to -4..4. The window of a picture begins at the picture and
//! holds 16 spectra, as in that project's inference program.

use std::f32::consts::PI;
use std::sync::Arc;

use media::decimate::{Decimator, HOP_16K};
use media::filterbank::Band;
use media::{HOP, MediaTime};
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Bands of a spectrum.
pub(super) const BANDS: usize = 80;
/// Spectra of a window.
pub(super) const SPECTRA: usize = 16;
/// Values of a window, by band and then by time.
pub(super) const WINDOW: usize = BANDS * SPECTRA;

/// Samples of the media clock that follow the hop of a picture and that its
/// window needs: the last spectrum is centred up to 187.5 ms after the picture
/// and reaches 25 ms further.
pub(super) const PREVIEW: i64 = 10 * HOP as i64;

const RATE: f32 = 16_000.0;
const LENGTH: usize = 800;
const STEP: usize = 200;
const EMPHASIS: f32 = 0.97;
/// Edges of the bands, Hz.
const EDGES: (f32, f32) = (55.0, 7_600.0);
/// Smallest amplitude, -100 dB.
const FLOOR: f32 = 1e-5;
/// What is taken for 0 dB, dB.
const REFERENCE: f32 = 20.0;
/// Largest magnitude of a value; also what digital silence is, below zero.
const LARGEST: f32 = 4.0;

/// Hops of 16 kHz sound that are kept: the first spectrum of a window begins up
/// to 600 samples before the picture, whose own hop counts too.
const KEPT: usize = 3;

/// Slaney's scale ("Auditory Toolbox", 1998): linear to 1 kHz, then
/// logarithmic.
fn to_mel(hz: f32) -> f32 {
    if hz < 1_000.0 {
        hz * 3.0 / 200.0
    } else {
        15.0 + 27.0 * (hz / 1_000.0).ln() / 6.4_f32.ln()
    }
}

fn to_hz(mel: f32) -> f32 {
    if mel < 15.0 {
        mel * 200.0 / 3.0
    } else {
        1_000.0 * ((mel - 15.0) / 27.0 * 6.4_f32.ln()).exp()
    }
}

/// Triangles of the same area: the wider, the lower.
fn bands() -> Vec<Band> {
    let (low, high) = (to_mel(EDGES.0), to_mel(EDGES.1));
    let edge = |i: usize| to_hz(low + (high - low) * i as f32 / (BANDS + 1) as f32);
    let mut bands: Vec<_> = Band::bank(BANDS, edge, RATE, LENGTH).collect();
    for (i, band) in bands.iter_mut().enumerate() {
        for weight in &mut band.weights {
            *weight = *weight * 2.0 / (edge(i + 2) - edge(i));
        }
    }
    bands
}

/// Makes spectra.
struct Mel {
    fft: Arc<dyn RealToComplex<f32>>,
    bands: Vec<Band>,
    hann: Vec<f32>,
    input: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Mel {
    fn new() -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(LENGTH);
        let phase = |i: usize| 2.0 * PI * i as f32 / LENGTH as f32;
        Self {
            bands: bands(),
            hann: (0..LENGTH).map(|i| 0.5 - 0.5 * phase(i).cos()).collect(),
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    /// The spectrum of [`LENGTH`] samples that follow the first one of `sound`.
    fn spectrum(&mut self, sound: &[f32], mut each: impl FnMut(usize, f32)) {
        for ((x, pair), weight) in self.input.iter_mut().zip(sound.windows(2)).zip(&self.hann) {
            *x = (pair[1] - EMPHASIS * pair[0]) * weight;
        }
        self.fft
            .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
            .expect("buffers come from the plan itself");
        for (index, band) in self.bands.iter().enumerate() {
            let amplitude = band.sum(&self.spectrum, |bin| bin.norm());
            let db = 20.0 * amplitude.max(FLOOR).log10() - REFERENCE;
            let value = 2.0 * LARGEST * (db + 100.0) / 100.0 - LARGEST;
            each(index, value.clamp(-LARGEST, LARGEST));
        }
    }
}

/// Listens to a session and gives the window of a picture.
pub(super) struct Hearing {
    mel: Mel,
    decimator: Decimator,
    /// 16 kHz sound that ends with the present hop, then what follows it.
    sound: Vec<f32>,
    /// What follows the present hop, at 48 kHz.
    ahead: Vec<f32>,
    window: Vec<f32>,
}

impl Hearing {
    pub fn new() -> Self {
        Self {
            mel: Mel::new(),
            decimator: Decimator::new(),
            sound: vec![0.0; KEPT * HOP_16K],
            ahead: Vec::new(),
            window: vec![-LARGEST; WINDOW],
        }
    }

    /// Takes one hop and what follows it; see
    /// [`media::seam::Renderer::hear`].
    pub fn hear(&mut self, sound: &[f32]) {
        let Some((hop, ahead)) = sound.split_first_chunk::<HOP>() else {
            return;
        };
        let mut low = [0.0; HOP_16K];
        self.decimator.push(hop, &mut low);
        self.sound.truncate(KEPT * HOP_16K);
        self.sound.drain(..HOP_16K);
        self.sound.extend_from_slice(&low);
        self.ahead.clear();
        self.ahead.extend_from_slice(ahead);
    }

    /// The window of a picture at the beginning of the hop heard last.
    pub fn window(&mut self, at: MediaTime) -> &[f32] {
        self.sound.truncate(KEPT * HOP_16K);
        let mut decimator = self.decimator.clone();
        let mut low = [0.0; HOP_16K];
        for hop in self.ahead.as_chunks::<HOP>().0 {
            decimator.push(hop, &mut low);
            self.sound.extend_from_slice(&low);
        }
        let wanted = KEPT * HOP_16K + PREVIEW as usize / 3;
        self.sound.resize(wanted, 0.0);
        // Spectra stand on a grid that begins with the session.
        let now = at.0.div_euclid(3);
        let late = now.rem_euclid(STEP as i64) as usize;
        let centre = (KEPT - 1) * HOP_16K - late;
        for column in 0..SPECTRA {
            let from = centre + column * STEP - LENGTH / 2 - 1;
            let sound = &self.sound[from..=from + LENGTH];
            let window = &mut self.window;
            self.mel.spectrum(sound, |band, value| {
                window[band * SPECTRA + column] = value;
            });
        }
        &self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a second of what `tests/fixtures/mel.py` makes: a rising tone, a
    /// pause, and noise.
    fn sound() -> Vec<f32> {
        let mut seed = 1_u32;
        (0..8_000)
            .map(|n| {
                // In double precision, as there: the phase grows large.
                let t = f64::from(n) / f64::from(RATE);
                let tone = 2.0 * std::f64::consts::PI * (200.0 + 4_000.0 * t) * t;
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = f64::from(seed >> 8) / f64::from(1 << 23) - 1.0;
                let value = match n {
                    0..4_000 => 0.4 * tone.sin(),
                    4_000..5_000 => 0.0,
                    _ => 0.2 * noise,
                };
                value as f32
            })
            .collect()
    }

    #[test]
    fn spectra_are_those_of_the_reference() {
        let (values, _) = include_bytes!("../../tests/fixtures/mel.f32").as_chunks::<4>();
        let wanted: Vec<f32> = values.iter().map(|v| f32::from_le_bytes(*v)).collect();
        let (sound, mut mel) = (sound(), Mel::new());
        // The file holds spectra 4 to 35, so that no edge is within any.
        assert_eq!(wanted.len(), 32 * BANDS);
        for (n, wanted) in wanted.chunks_exact(BANDS).enumerate() {
            let from = (n + 4) * STEP - LENGTH / 2 - 1;
            mel.spectrum(&sound[from..=from + LENGTH], |band, value| {
                let far = (value - wanted[band]).abs();
                assert!(far < 2e-3, "spectrum {n}, band {band}: off by {far}");
            });
        }
    }

    #[test]
    fn a_window_begins_at_its_picture() {
        // A click at 48 kHz sample 30 000 is at 10 000 of 16 kHz, on the grid.
        let click = 30_000;
        let mut sound = vec![0.0; 60_000];
        sound[click] = 1.0;
        let mut hearing = Hearing::new();
        let mut loudest = Vec::new();
        for n in 0..40 {
            let from = n * HOP;
            hearing.hear(&sound[from..from + HOP + PREVIEW as usize]);
            if n % 2 == 0 {
                let window = hearing.window(MediaTime(from as i64));
                let loudness = |t: usize| -> f32 { (0..BANDS).map(|b| window[b * 16 + t]).sum() };
                let best = (0..SPECTRA).max_by(|&a, &b| loudness(a).total_cmp(&loudness(b)));
                if loudness(best.unwrap()) > -LARGEST * BANDS as f32 {
                    // The first spectrum of this picture's window on the grid.
                    let first = from / 3 / STEP;
                    loudest.push((first, first + best.unwrap()));
                }
            }
        }
        // Pictures that have the click's whole spectrum in their window agree
        // on where it is: at 10 000 / 200, the filter's 1 ms later.
        let seen: Vec<_> = loudest
            .iter()
            .filter(|(first, _)| (*first..first + SPECTRA).contains(&50))
            .collect();
        assert!(seen.len() >= 4, "{loudest:?}");
        assert!(seen.iter().all(|(_, at)| *at == 50), "{loudest:?}");
    }

    #[test]
    fn silence_is_the_lowest_value_everywhere() {
        let mut hearing = Hearing::new();
        hearing.hear(&[0.0; HOP]);
        assert!(hearing.window(MediaTime::ZERO).iter().all(|&v| v == -4.0));
    }
}
