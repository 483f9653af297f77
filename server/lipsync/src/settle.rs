//! What the network says, made calm: a gate on loudness and a minimum hold.
//!
//! The gate closes the mouth when nothing is heard above the noise of the room.
//! It never takes away a closure: lips that press before a word are silent.

use media::Viseme;

use crate::features::FRAMES;
use crate::model::{HEADS, SILENT, Visemes};

/// Frames that one answer of the network describes, oldest first.
pub const SEEN: usize = HEADS * FRAMES;

/// Loudness above the noise floor at which the gate opens, dB.
const OPEN: f32 = 7.0;

/// The gate stays open for so many frames of 10 ms after the last loud one
/// (unvoiced ends of words are weak), and opens so many early.
const HANGOVER: usize = 10;
const EARLY: usize = 3;

/// The floor follows a quieter frame by this share, and rises by so many dB
/// each frame (2 dB a second: a phrase is shorter than what it takes to reach
/// its level).
const FALL: f32 = 0.25;
const RISE: f32 = 0.02;

/// A stream begins somewhere: its first frame is taken to be so far above the
/// floor.
const FIRST: f32 = 5.0;

/// Below this nobody speaks, whatever the floor, dB of full scale.
const NOTHING: f32 = -72.0;

/// How much of a shut-out frame becomes silence.
const SHUT: f32 = 0.85;

/// Least length of a closure, frames: lips do not meet and part in 20 ms.
const CLOSURE: usize = 3;

const HISTORY: usize = SEEN + HANGOVER;

/// The calm of one stream.
#[derive(Clone, Debug)]
pub struct Settle {
    floor: Option<f32>,
    /// Whether each of the last frames was loud, newest last.
    loud: [bool; HISTORY],
    levels: [f32; HISTORY],
    held: Visemes,
}

impl Default for Settle {
    fn default() -> Self {
        Self::new()
    }
}

fn strongest(weights: &Visemes) -> usize {
    let mut best = 0;
    for (i, &p) in weights.iter().enumerate() {
        if p > weights[best] {
            best = i;
        }
    }
    best
}

impl Settle {
    /// Of a stream that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            floor: None,
            loud: [false; HISTORY],
            levels: [-120.0; HISTORY],
            held: SILENT,
        }
    }

    /// Notes the loudness of the next frame, dB of full scale.
    pub fn hear(&mut self, level: f32) {
        let floor = match self.floor {
            None => level - FIRST,
            Some(floor) if level < floor => floor + FALL * (level - floor),
            Some(floor) => (floor + RISE).min(level),
        };
        self.floor = Some(floor);
        self.levels.copy_within(1.., 0);
        self.levels[HISTORY - 1] = level;
        self.loud.copy_within(1.., 0);
        self.loud[HISTORY - 1] = level > floor + OPEN && level > NOTHING;
    }

    /// Loudness of the frame that came `age` frames before the newest, dB.
    #[must_use]
    pub fn level(&self, age: usize) -> f32 {
        self.levels[HISTORY - 1 - age.min(HISTORY - 1)]
    }

    /// Whether the frame that came `age` frames before the newest lets sound
    /// through.
    fn open(&self, age: usize) -> bool {
        let at = HISTORY - 1 - age.min(HISTORY - 1);
        let from = at.saturating_sub(HANGOVER);
        let to = (at + EARLY).min(HISTORY - 1);
        self.loud[from..=to].contains(&true)
    }

    /// Applies the gate and the hold to frames in order of time, of which the
    /// last is the newest; the first `present` are final, the others describe
    /// what comes.
    pub fn calm(&mut self, frames: &mut [Visemes], present: usize) {
        let count = frames.len();
        for (i, weights) in frames.iter_mut().enumerate() {
            if !self.open(count - 1 - i) {
                shut(weights);
            }
        }
        for i in 0..present {
            // A viseme that lasts one frame is a slip of the network, not of a tongue; so is a
            // closure of two.
            let first = strongest(&frames[i]);
            if is_closure(first) && first != strongest(&self.held) {
                let rest = &frames[i..];
                let length = rest.iter().take_while(|w| strongest(w) == first).count();
                if length < CLOSURE && length < rest.len() {
                    for weights in &mut frames[i..i + length] {
                        weights[first] = 0.0;
                        normalise(weights);
                    }
                }
            }
            let now = strongest(&frames[i]);
            let next = frames.get(i + 1).map_or(now, strongest);
            if now != strongest(&self.held) && now != next {
                frames[i] = if next == strongest(&self.held) {
                    self.held
                } else {
                    frames[i + 1]
                };
            }
            self.held = frames[i];
        }
    }
}

fn is_closure(viseme: usize) -> bool {
    viseme == Viseme::Pp.index() || viseme == Viseme::Ff.index()
}

/// Makes the weights sum to 1 again.
fn normalise(weights: &mut Visemes) {
    let sum: f32 = weights.iter().sum();
    if sum > 1e-6 {
        for weight in weights.iter_mut() {
            *weight /= sum;
        }
    } else {
        *weights = SILENT;
    }
}

/// Turns a frame to silence but for its closures.
fn shut(weights: &mut Visemes) {
    let mut freed = 0.0;
    for viseme in Viseme::ALL {
        if viseme != Viseme::Sil && !is_closure(viseme.index()) {
            let weight = &mut weights[viseme.index()];
            freed += *weight * SHUT;
            *weight *= 1.0 - SHUT;
        }
    }
    weights[Viseme::Sil.index()] += freed;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pure;

    fn after(levels: &[f32]) -> Settle {
        let mut settle = Settle::new();
        for &level in levels {
            settle.hear(level);
        }
        settle
    }

    #[test]
    fn the_gate_shuts_vowels_but_never_closures() {
        let mut settle = after(&[-60.0; 300]);
        for viseme in Viseme::ALL {
            let mut frames = [pure(viseme); 2];
            settle.calm(&mut frames, 2);
            let kept = matches!(viseme, Viseme::Sil | Viseme::Pp | Viseme::Ff);
            assert_eq!(strongest(&frames[1]) == viseme.index(), kept);
        }
    }

    #[test]
    fn speech_above_the_room_passes_and_the_floor_follows_the_room() {
        let mut settle = after(&[-60.0; 50]);
        settle.hear(-35.0);
        assert!(settle.open(0));
        assert!(settle.open(EARLY), "early");
        let mut settle = after(&[-30.0; 1_500]);
        assert!(!settle.open(0), "a loud fan is a room");
        settle.hear(-20.0);
        assert!(settle.open(0));
        for _ in 0..=HANGOVER {
            settle.hear(-30.0);
        }
        assert!(!settle.open(0));
    }

    #[test]
    fn lips_do_not_meet_for_20_ms() {
        let mut settle = after(&[-20.0; 3]);
        settle.loud = [true; HISTORY];
        let (aa, pp) = (pure(Viseme::Aa), pure(Viseme::Pp));
        settle.calm(&mut [aa, aa], 2);
        let mut short = [pp, pp, aa, aa, aa, aa];
        settle.calm(&mut short, 2);
        assert!(
            short[..2]
                .iter()
                .all(|w| strongest(w) != Viseme::Pp.index())
        );
        settle.calm(&mut [aa, aa], 2);
        let mut long = [pp, pp, pp, aa, aa, aa];
        settle.calm(&mut long, 2);
        assert_eq!(long[0], pp);
        // The rest of a closure that began is never cut off.
        let mut tail = [pp, aa, aa, aa];
        settle.calm(&mut tail, 2);
        assert_eq!(tail[0], pp);
    }

    #[test]
    fn a_slip_of_one_frame_is_held_back() {
        let mut settle = after(&[-20.0; 3]);
        settle.loud = [true; HISTORY];
        let (aa, kk) = (pure(Viseme::Aa), pure(Viseme::Kk));
        settle.calm(&mut [aa, aa], 2);
        let mut frames = [kk, aa, aa, aa];
        settle.calm(&mut frames, 2);
        assert_eq!(frames[0], aa);
        let mut frames = [kk, kk, aa, aa];
        settle.calm(&mut frames, 2);
        assert_eq!(frames[0], kk);
        assert_eq!(frames[1], kk);
    }
}
