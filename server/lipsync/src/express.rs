//! What a face does beyond its mouth while it speaks: brows and small nods on
//! accents, by rule. Blinks, gaze and breathing are not here: they go on when
//! nobody speaks.

use media::{Blendshape, FaceControls};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Movements that can overlap. More than a second of speech has accents.
const PULSES: usize = 6;

/// Least time between two accents that are heard, hops (460 ms): about the
/// rate of stressed syllables.
const APART: u32 = 23;

/// How far above the running mean a syllable must be to be an accent, dB.
const PEAK: f32 = 4.5;

/// The running mean forgets with this share each frame (time constant 1.2 s).
const FORGET: f32 = 1.0 / 120.0;

#[derive(Clone, Copy, Debug, Default)]
struct Pulse {
    /// Hops since it began, and in all; zero in all means unused.
    age: u32,
    length: u32,
    brow: f32,
    pitch: f32,
    yaw: f32,
    roll: f32,
}

/// The expression of one stream.
#[derive(Clone, Debug)]
pub struct Express {
    strength: f32,
    chance: StdRng,
    pulses: [Pulse; PULSES],
    mean: Option<f32>,
    since: u32,
}

impl Express {
    /// With a strength of 0 (none) to 1.
    #[must_use]
    pub fn new(strength: f32, seed: u64) -> Self {
        Self {
            strength: strength.clamp(0.0, 1.0),
            chance: StdRng::seed_from_u64(seed),
            pulses: [Pulse::default(); PULSES],
            mean: None,
            since: APART,
        }
    }

    /// A stressed syllable begins; the first of a clause is marked more often.
    pub fn accent(&mut self, first: bool) {
        let brow = self.chance.random_bool(if first { 0.7 } else { 0.3 });
        let nod = self.chance.random_bool(if first { 0.6 } else { 0.45 });
        let mut size = |low: f32, high: f32| self.chance.random_range(low..high);
        let pulse = Pulse {
            age: 0,
            length: size(14.0, 26.0) as u32,
            brow: if brow { size(0.15, 0.40) } else { 0.0 },
            pitch: if nod {
                -size(1.2, 3.0)
            } else {
                size(-0.4, 0.6)
            },
            yaw: size(-1.2, 1.2),
            roll: size(-0.8, 0.8),
        };
        if let Some(free) = self.pulses.iter_mut().find(|pulse| pulse.length == 0) {
            *free = pulse;
        }
    }

    /// Listens for accents: the loudness of a frame of voice, dB.
    pub fn hear(&mut self, level: f32) {
        let mean = self.mean.get_or_insert(level);
        let above = level - *mean;
        *mean += above * FORGET;
        if above > PEAK && self.since >= APART {
            self.accent(false);
            self.since = 0;
        }
    }

    /// Forgets the level of the voice; movements that began end.
    pub fn reset(&mut self) {
        self.mean = None;
    }

    /// Whether nothing moves.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.pulses.iter().all(|pulse| pulse.length == 0)
    }

    /// Goes on by one hop and adds to the face.
    pub fn advance(&mut self, face: &mut FaceControls) {
        self.since = self.since.saturating_add(1);
        for pulse in self.pulses.iter_mut().filter(|pulse| pulse.length > 0) {
            let phase = pulse.age as f32 / pulse.length as f32 * std::f32::consts::PI;
            let now = self.strength * phase.sin().powi(2);
            face.add(Blendshape::BrowInnerUp, now * pulse.brow);
            face.add(Blendshape::BrowOuterUpLeft, now * pulse.brow * 0.7);
            face.add(Blendshape::BrowOuterUpRight, now * pulse.brow * 0.7);
            face.pitch += now * pulse.pitch;
            face.yaw += now * pulse.yaw;
            face.roll += now * pulse.roll;
            pulse.age += 1;
            if pulse.age >= pulse.length {
                *pulse = Pulse::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use media::MediaTime;

    use super::*;

    fn run(strength: f32, seed: u64) -> Vec<FaceControls> {
        let mut express = Express::new(strength, seed);
        (0..200)
            .map(|hop| {
                if hop % 30 == 0 {
                    express.accent(hop == 0);
                }
                let mut face = FaceControls::rest(MediaTime::ZERO);
                express.advance(&mut face);
                face
            })
            .collect()
    }

    #[test]
    fn accents_move_brows_and_head_by_seed_and_strength() {
        assert_eq!(run(1.0, 7), run(1.0, 7));
        assert_ne!(run(1.0, 7), run(1.0, 8));
        assert!(run(0.0, 7).iter().all(|face| face.pitch == 0.0));
        let low = run(1.0, 7)
            .iter()
            .map(|face| face.pitch)
            .fold(0.0, f32::min);
        assert!((-6.0..-1.0).contains(&low), "nods by {low} degrees");
        assert!(
            run(1.0, 7)
                .iter()
                .any(|face| face.get(Blendshape::BrowInnerUp) > 0.1)
        );
    }

    #[test]
    fn movements_end() {
        let mut express = Express::new(1.0, 1);
        express.accent(true);
        let mut face = FaceControls::rest(MediaTime::ZERO);
        for _ in 0..40 {
            express.advance(&mut face);
        }
        assert!(express.is_still());
    }

    #[test]
    fn a_loud_syllable_is_an_accent_and_steady_sound_is_not() {
        let mut express = Express::new(1.0, 1);
        for _ in 0..100 {
            express.hear(-30.0);
        }
        assert!(express.is_still());
        express.hear(-20.0);
        assert!(!express.is_still());
    }
}
