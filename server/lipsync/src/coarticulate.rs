//! Viseme weights to a moving mouth. The one place where both inputs, sound and
//! phonemes, become movement.
//!
//! At 100 Hz. Each frame sees its own weights and those of the next frames
//! (which heads with less delay, or the plan, already know). Targets are mixed
//! by dominance, smoothed by an attack and a release for each channel, and then
//! bound by what the eye does not forgive: lips that must touch do touch.

use media::Viseme;

use crate::model::Visemes;
use crate::shapes::{CHANNELS, Channel, Channels, DOMINANCE, MOTION, Motion, TARGETS};

/// Frames that the mouth sees at once: the present and the next 60 ms.
pub const WINDOW: usize = 7;

/// Length of a frame, ms.
const FRAME_MS: f32 = 10.0;

/// Power that sharpens posteriors: a mouth that shows the mean of its doubts
/// mumbles.
const SHARPEN: f32 = 1.5;

/// Weight of a closure at which lips begin to touch, and at which they are shut.
const TOUCH: (f32, f32) = (0.22, 0.5);

/// Time constant of the seal towards shut and towards open, ms. Shorter than
/// any bilabial (30 ms and more), so that each one is seen.
const SEAL: (f32, f32) = (8.0, 16.0);

/// Time constant with which silence brings every channel to rest, ms: below
/// 3 % after 140 ms.
const REST: f32 = 40.0;

/// Below this a resting channel is zero.
const STILL: f32 = 0.004;

/// The mouth of one stream.
#[derive(Clone, Debug)]
pub struct Mouth {
    channels: Channels,
    seal: f32,
    tuck: f32,
}

impl Default for Mouth {
    fn default() -> Self {
        Self::new()
    }
}

fn sharpen(weights: &Visemes) -> Visemes {
    let mut sharp = weights.map(|p| p.max(0.0).powf(SHARPEN));
    let sum: f32 = sharp.iter().sum();
    if sum > 0.0 {
        for p in &mut sharp {
            *p /= sum;
        }
    } else {
        sharp[Viseme::Sil.index()] = 1.0;
    }
    sharp
}

fn ramp(x: f32, (from, to): (f32, f32)) -> f32 {
    ((x - from) / (to - from)).clamp(0.0, 1.0)
}

/// One step of a one-pole filter with a time constant for each direction.
fn follow(value: f32, target: f32, attack: f32, release: f32) -> f32 {
    let constant = if target > value { attack } else { release };
    value + (target - value) * (1.0 - (-FRAME_MS / constant).exp())
}

/// What a channel aims for, given the weights of now and of what comes.
fn target(channel: usize, motion: &Motion, window: &[Visemes]) -> f32 {
    let (mut sum, mut pull, mut lead, mut near) = (0.0, 0.0, 0.0_f32, 1.0);
    for weights in &window[..=motion.ahead.min(window.len() - 1)] {
        let (mut value, mut weight) = (0.0, 0.0);
        for (viseme, &p) in weights.iter().enumerate() {
            let dominance = p * DOMINANCE[viseme][channel];
            value += dominance * TARGETS[viseme][channel];
            weight += dominance;
        }
        sum += near * value;
        pull += near * weight;
        lead = lead.max(near * value / weight.max(1e-6));
        near *= motion.fade;
    }
    let mean = sum / pull.max(1e-6);
    if motion.leads {
        0.5 * (mean + lead)
    } else {
        mean
    }
}

impl Mouth {
    /// A mouth at rest.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            channels: [0.0; CHANNELS],
            seal: 0.0,
            tuck: 0.0,
        }
    }

    /// Whether nothing moves and nothing is left to move.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.seal == 0.0 && self.tuck == 0.0 && self.channels.iter().all(|&value| value == 0.0)
    }

    /// Goes on by one frame of 10 ms. `window[0]` are the weights of that
    /// frame, the rest those of the frames after it, at most [`WINDOW`] in all.
    ///
    /// # Panics
    /// When the window is empty or longer than [`WINDOW`].
    pub fn advance(&mut self, window: &[Visemes]) -> Channels {
        assert!((1..=WINDOW).contains(&window.len()), "a window of frames");
        let mut sharp = [[0.0; media::face::VISEMES]; WINDOW];
        for (sharp, weights) in sharp.iter_mut().zip(window) {
            *sharp = sharpen(weights);
        }
        let sharp = &sharp[..window.len()];
        // Silence that lasts lets go of everything; a short pause does not.
        let silence = sharp
            .iter()
            .map(|weights| weights[Viseme::Sil.index()])
            .fold(1.0, f32::min);
        for (channel, (value, motion)) in self.channels.iter_mut().zip(&MOTION).enumerate() {
            let goal = target(channel, motion, sharp);
            let release = motion.release + (REST.min(motion.release) - motion.release) * silence;
            *value = follow(*value, goal, motion.attack, release);
            if silence > 0.9 && *value < STILL {
                *value = 0.0;
            }
        }
        // The frame that comes next counts too: lips are on their way before the sound stops.
        let soon = |viseme: Viseme| {
            let next = sharp.get(1).map_or(0.0, |weights| weights[viseme.index()]);
            sharp[0][viseme.index()].max(0.8 * next)
        };
        self.seal = touch(self.seal, soon(Viseme::Pp));
        self.tuck = touch(self.tuck, soon(Viseme::Ff));
        self.bound()
    }

    /// The channels under the rules that hold whatever the smoothing made of
    /// them.
    fn bound(&self) -> Channels {
        let mut out = self.channels;
        let (seal, tuck) = (self.seal, self.tuck);
        let mut scale = |channel: Channel, factor: f32| out[channel as usize] *= factor;
        // p b m: lips meet. The jaw need not be shut for that: `mouthClose` takes up what is left of it.
        scale(Channel::Jaw, 1.0 - 0.88 * seal);
        scale(Channel::LowerDown, 1.0 - seal);
        scale(Channel::UpperUp, 1.0 - seal);
        scale(Channel::Funnel, 1.0 - 0.7 * seal);
        scale(Channel::Stretch, 1.0 - 0.5 * seal);
        scale(Channel::Tongue, 1.0 - seal);
        // f v: the lower lip is under the upper teeth, which stay visible.
        scale(Channel::Jaw, 1.0 - 0.6 * tuck);
        scale(Channel::LowerDown, 1.0 - tuck);
        scale(Channel::Tongue, 1.0 - tuck);
        scale(Channel::Pucker, 1.0 - 0.4 * tuck);
        let mut at_least = |channel: Channel, viseme: Viseme, much: f32| {
            let value = &mut out[channel as usize];
            *value = value.max(much * TARGETS[viseme.index()][channel as usize]);
        };
        for channel in [Channel::RollLower, Channel::RollUpper, Channel::Press] {
            at_least(channel, Viseme::Pp, seal);
        }
        at_least(Channel::RollLower, Viseme::Ff, tuck);
        at_least(Channel::UpperUp, Viseme::Ff, tuck * (1.0 - seal));
        out[Channel::Close as usize] = seal * out[Channel::Jaw as usize];
        out
    }
}

/// Moves a contact (0 apart, 1 touching) for a closure of this weight.
fn touch(contact: f32, weight: f32) -> f32 {
    let next = follow(contact, ramp(weight, TOUCH), SEAL.0, SEAL.1);
    if next < STILL { 0.0 } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SILENT, pure};

    /// Runs through visemes held for so many frames; gives the channels of each frame.
    fn run(script: &[(Viseme, usize)]) -> Vec<Channels> {
        let frames: Vec<Visemes> = script
            .iter()
            .flat_map(|&(viseme, n)| std::iter::repeat_n(pure(viseme), n))
            .chain(std::iter::repeat_n(SILENT, WINDOW))
            .collect();
        let mut mouth = Mouth::new();
        frames
            .windows(WINDOW)
            .map(|window| mouth.advance(window))
            .collect()
    }

    fn value(channels: &Channels, channel: Channel) -> f32 {
        channels[channel as usize]
    }

    fn opening(channels: &Channels) -> f32 {
        value(channels, Channel::Jaw) - value(channels, Channel::Close)
    }

    #[test]
    fn lips_seal_on_every_short_closure() {
        // 40 ms, the shortest /m/ of quick speech, between two open vowels.
        let frames = run(&[(Viseme::Aa, 12), (Viseme::Pp, 4), (Viseme::Aa, 12)]);
        let least = frames[12..16].iter().map(opening).fold(f32::MAX, f32::min);
        assert!(least < 0.02, "lips stay {least} apart");
        assert!(value(&frames[15], Channel::Press) > 0.4);
        assert!(value(&frames[15], Channel::LowerDown) < 0.05);
        assert!(value(&frames[10], Channel::Jaw) > 0.4);
        assert!(value(&frames[24], Channel::Jaw) > 0.4);
    }

    #[test]
    fn the_lower_lip_tucks_and_teeth_stay_in_sight() {
        let frames = run(&[(Viseme::Aa, 12), (Viseme::Ff, 6), (Viseme::Aa, 12)]);
        let held = &frames[16];
        assert!(value(held, Channel::RollLower) > 0.5);
        assert!(value(held, Channel::UpperUp) > 0.25);
        assert!(value(held, Channel::Jaw) < 0.2);
        assert!(value(held, Channel::LowerDown) < 0.05);
    }

    #[test]
    fn teeth_nearly_close_on_a_hiss() {
        let frames = run(&[(Viseme::Aa, 12), (Viseme::Ss, 9), (Viseme::Aa, 12)]);
        assert!(frames[12..21].iter().any(|f| value(f, Channel::Jaw) < 0.17));
    }

    #[test]
    fn rounding_begins_before_its_vowel() {
        let frames = run(&[(Viseme::Ih, 12), (Viseme::Nn, 6), (Viseme::Ou, 12)]);
        assert!(
            value(&frames[17], Channel::Pucker) > 0.2,
            "before the vowel"
        );
        assert!(value(&frames[8], Channel::Pucker) < 0.02, "not too early");
        assert!(value(&frames[26], Channel::Pucker) > 0.65);
    }

    #[test]
    fn silence_comes_to_rest_within_150_ms() {
        for viseme in Viseme::ALL {
            let frames = run(&[(viseme, 30), (Viseme::Sil, 40)]);
            let late = frames[45].iter().copied().fold(0.0, f32::max);
            assert!(late < 0.05, "{} leaves {late}", viseme.name());
            assert_eq!(frames[69], [0.0; CHANNELS], "{}", viseme.name());
        }
    }

    #[test]
    fn half_sure_closures_still_close() {
        let mut doubt = [0.0; media::face::VISEMES];
        doubt[Viseme::Pp.index()] = 0.5;
        doubt[Viseme::Nn.index()] = 0.3;
        doubt[Viseme::Aa.index()] = 0.2;
        let mut mouth = Mouth::new();
        for _ in 0..20 {
            mouth.advance(&[pure(Viseme::Aa); WINDOW]);
        }
        let mut last = [0.0; CHANNELS];
        for _ in 0..5 {
            last = mouth.advance(&[doubt; WINDOW]);
        }
        assert!(opening(&last) < 0.03);
    }

    #[test]
    fn movement_is_continuous() {
        let script: Vec<(Viseme, usize)> = Viseme::ALL.iter().map(|&v| (v, 8)).collect();
        let frames = run(&script);
        for pair in frames.windows(2) {
            let jaw = (value(&pair[1], Channel::Jaw) - value(&pair[0], Channel::Jaw)).abs();
            assert!(jaw < 0.3, "the jaw jumps by {jaw} in 10 ms");
        }
    }
}
