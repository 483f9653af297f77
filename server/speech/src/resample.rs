//! Any rate to the media clock's 48 kHz, in pieces.

use media::CLOCK_HZ;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, Indexing, Resampler as Engine, SincInterpolationParameters,
    WindowFunction,
};
use thiserror::Error;

/// Lowest rate taken, Hz.
pub const LOWEST_RATE: u32 = 4_000;

/// Highest rate taken, Hz.
pub const HIGHEST_RATE: u32 = 384_000;

/// Calls of the engine for a second of input. It waits for a whole block, and
/// its own delay is half of one: at 13.3 ms a block, 20 ms are kept back at
/// most, so that sound that comes in pieces of a hop is one piece late and no
/// more. Smaller blocks cost more and pass less of the highest octave.
const BLOCKS_PER_SECOND: u32 = 75;

/// Taps of the sinc for odd rates: flat to 90 % of the band.
const SINC_TAPS: usize = 128;

/// The rate cannot be resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a sample rate of {0} Hz is outside {LOWEST_RATE}..={HIGHEST_RATE} Hz")]
pub struct UnsupportedRate(pub u32);

/// A streaming resampler to 48 kHz, mono.
///
/// What is pushed comes out once, in order, without delay on the clock: sample
/// `n` of the input is heard at `n / rate`. Over a stream the number of
/// samples is exact to rounding.
pub struct Resampler {
    engine: Option<Box<dyn Engine<f32>>>,
    from: u32,
    /// Input samples for one call of the engine; 0 without one.
    block: usize,
    waiting: Vec<f32>,
    /// Samples pushed since the start of the stream.
    taken: i64,
    /// Samples given out since the start of the stream.
    given: i64,
    /// Output samples of the engine's own delay still to be dropped.
    delay: usize,
}

impl Resampler {
    /// A resampler from `from` Hz.
    ///
    /// # Errors
    /// [`UnsupportedRate`].
    pub fn new(from: u32) -> Result<Self, UnsupportedRate> {
        if !(LOWEST_RATE..=HIGHEST_RATE).contains(&from) {
            return Err(UnsupportedRate(from));
        }
        let engine = engine(from)?;
        let delay = engine.as_ref().map_or(0, |engine| engine.output_delay());
        Ok(Self {
            block: engine
                .as_ref()
                .map_or(0, |engine| engine.input_frames_max()),
            engine,
            from,
            waiting: Vec::new(),
            taken: 0,
            given: 0,
            delay,
        })
    }

    /// Takes samples and gives what is ready. Samples that are not numbers
    /// count as silence.
    pub fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        self.taken += samples.len() as i64;
        let clean = samples
            .iter()
            .map(|&sample| if sample.is_finite() { sample } else { 0.0 });
        let mut out = Vec::new();
        if self.engine.is_none() {
            out.extend(clean);
        } else {
            self.waiting.extend(clean);
            self.drain(&mut out);
        }
        self.given += out.len() as i64;
        out
    }

    /// Ends the stream: gives the rest, and begins a new one.
    pub fn flush(&mut self) -> Vec<f32> {
        let total = media::MediaTime::rescale(self.taken, self.from);
        let missing = usize::try_from(total - self.given).unwrap_or(0);
        let mut out = Vec::with_capacity(missing);
        while out.len() < missing && self.block > 0 {
            self.waiting.resize(self.waiting.len() + self.block, 0.0);
            self.drain(&mut out);
        }
        out.truncate(missing);
        self.waiting.clear();
        (self.taken, self.given) = (0, 0);
        if let Some(engine) = &mut self.engine {
            engine.reset();
            self.delay = engine.output_delay();
        }
        out
    }

    fn drain(&mut self, out: &mut Vec<f32>) {
        let Some(engine) = &mut self.engine else {
            return;
        };
        let mut used = 0;
        let mut block = vec![0.0; engine.output_frames_max()];
        while self.waiting.len() - used >= engine.input_frames_next() {
            let input = &self.waiting[used..];
            let frames = block.len();
            let (read, written) = engine
                .process_into_buffer(
                    &InterleavedSlice::new(input, 1, input.len())
                        .expect("a mono slice is as long as its frames"),
                    &mut InterleavedSlice::new_mut(&mut block, 1, frames)
                        .expect("a mono slice is as long as its frames"),
                    None::<&Indexing>,
                )
                .expect("both buffers are as long as the engine asks");
            used += read;
            let dropped = self.delay.min(written);
            self.delay -= dropped;
            out.extend_from_slice(&block[dropped..written]);
        }
        self.waiting.drain(..used);
    }
}

fn engine(from: u32) -> Result<Option<Box<dyn Engine<f32>>>, UnsupportedRate> {
    const TO: u32 = CLOCK_HZ as u32;
    if from == TO {
        return Ok(None);
    }
    let shortest = from / gcd(from, TO);
    // The Fourier engine is centred in its block, which must be even and a
    // multiple of the shortest. For rates that share no large factor with
    // 48 kHz that is too long, and a windowed sinc is used.
    let unit = shortest * (1 + shortest % 2);
    let block = from / BLOCKS_PER_SECOND;
    let engine: Box<dyn Engine<f32>> = if unit <= block {
        Box::new(
            Fft::new_custom(
                from as usize,
                TO as usize,
                (block - block % unit) as usize,
                1,
                1,
                WindowFunction::BlackmanHarris2,
                FixedSync::Both,
            )
            .map_err(|_| UnsupportedRate(from))?,
        )
    } else {
        Box::new(
            Async::new_sinc(
                f64::from(TO) / f64::from(from),
                1.0,
                &SincInterpolationParameters::new(SINC_TAPS, WindowFunction::BlackmanHarris2),
                block as usize,
                1,
                FixedAsync::Input,
            )
            .map_err(|_| UnsupportedRate(from))?,
        )
    };
    Ok(Some(engine))
}

const fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONE_HZ: f64 = 1_000.0;

    fn tone(rate: u32, count: usize) -> Vec<f32> {
        (0..count)
            .map(|n| {
                let at = n as f64 / f64::from(rate);
                (0.5 * (std::f64::consts::TAU * TONE_HZ * at).sin()) as f32
            })
            .collect()
    }

    fn in_pieces(rate: u32, sound: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out: Vec<f32> = sound
            .chunks(piece)
            .flat_map(|piece| resampler.push(piece))
            .collect();
        out.extend(resampler.flush());
        out
    }

    #[test]
    fn a_tone_stays_in_place_at_every_rate() {
        for rate in [
            8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 44_101, 48_000, 96_000,
        ] {
            let sound = tone(rate, rate as usize);
            let out = in_pieces(rate, &sound, 999);
            assert_eq!(out.len(), 48_000, "{rate}");
            let ideal = tone(48_000, 48_000);
            // The ends lack a neighbour, as in any filter.
            let error = (2_000..46_000)
                .map(|n| (out[n] - ideal[n]).abs())
                .fold(0.0, f32::max);
            // The sinc is centred to the nearest sample only: 10 µs.
            let sinc = [11_025, 44_101].contains(&rate);
            let most = if sinc { 0.04 } else { 2e-3 };
            assert!(error < most, "{rate} Hz is off by {error}");
        }
    }

    #[test]
    fn pieces_of_a_hop_are_late_by_one_at_most() {
        for rate in [
            8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 96_000,
        ] {
            let sound = tone(rate, rate as usize);
            let mut resampler = Resampler::new(rate).unwrap();
            let (mut pushed, mut out) = (0, 0);
            for piece in sound.chunks(rate as usize / 50) {
                pushed += piece.len() as i64;
                out += resampler.push(piece).len() as i64;
                let late = media::MediaTime::rescale(pushed, rate) - out;
                assert!(late <= media::HOP as i64, "{late} at {rate} Hz");
            }
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_sound() {
        let sound = tone(22_050, 30_000);
        let whole = in_pieces(22_050, &sound, sound.len());
        for piece in [1, 7, 512, 4_096] {
            assert_eq!(in_pieces(22_050, &sound, piece), whole);
        }
    }

    #[test]
    fn lengths_are_exact_even_of_scraps() {
        for count in [0, 1, 2, 100, 511, 512, 513, 5_000] {
            let out = in_pieces(22_050, &tone(22_050, count), 64);
            let exact = media::MediaTime::rescale(count as i64, 22_050);
            assert_eq!(out.len() as i64, exact);
        }
    }

    #[test]
    fn a_stream_can_follow_another() {
        let sound = tone(24_000, 5_000);
        let mut resampler = Resampler::new(24_000).unwrap();
        let mut first = resampler.push(&sound);
        first.extend(resampler.flush());
        let mut second = resampler.push(&sound);
        second.extend(resampler.flush());
        assert_eq!(first, second);
    }

    #[test]
    fn what_is_not_a_number_is_silence() {
        let mut resampler = Resampler::new(16_000).unwrap();
        let mut out = resampler.push(&[f32::NAN; 4_000]);
        out.extend(resampler.push(&[f32::INFINITY; 4_000]));
        out.extend(resampler.flush());
        assert_eq!(out.len(), 24_000);
        assert!(out.iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn impossible_rates_are_refused() {
        for rate in [0, 1, 3_999, 384_001, u32::MAX] {
            assert_eq!(Resampler::new(rate).err(), Some(UnsupportedRate(rate)));
        }
    }
}
