//! Moods, gestures and postures as offsets of the face controls.
//!
//! What each of them looks like is a pure function: [`mood`], [`gesture`] and
//! [`posture`]. [`Acting`] keeps what one session is doing and moves from one
//! to the next without a jump. Nothing here opens the jaw or parts the lips:
//! those belong to speech.

use std::f32::consts::PI;

use media::Blendshape::{
    BrowDownLeft, BrowDownRight, BrowInnerUp, BrowOuterUpLeft, BrowOuterUpRight, CheekSquintLeft,
    CheekSquintRight, EyeBlinkLeft, EyeLookDownLeft, EyeLookDownRight, EyeLookInLeft,
    EyeLookInRight, EyeLookOutLeft, EyeLookOutRight, EyeLookUpLeft, EyeLookUpRight, EyeSquintLeft,
    EyeSquintRight, EyeWideLeft, EyeWideRight, MouthDimpleLeft, MouthDimpleRight, MouthFrownLeft,
    MouthFrownRight, MouthPressLeft, MouthPressRight, MouthPucker, MouthSmileLeft, MouthSmileRight,
};
use media::face::BLENDSHAPES;
use media::{
    Blendshape, CLOCK_HZ, Cue, Emotion, FaceControls, Gesture, HOP, MediaTime, Mood, Posture,
};

/// One hop, seconds.
const STEP: f32 = HOP as f32 / CLOCK_HZ as f32;

/// How fast a mood comes and goes, radians a second of a critically damped
/// spring: 90 % after 350 ms, as a smile takes that is meant.
const MOOD_SPEED: f32 = 11.0;

/// The same of a posture: 90 % after half a second.
const POSTURE_SPEED: f32 = 7.5;

/// Time constant with which gestures fade when they are cut off, seconds.
const FADE: f32 = 0.09;

/// Gestures that can overlap. More than four at once is no gesture.
const AT_ONCE: usize = 4;

/// The head stays within so many degrees, whatever adds up.
const TURN: f32 = 12.0;

/// How much of a smile or a frown is left when the lips are pursed: corners
/// cannot be drawn apart and pushed forward at once.
const CORNERS_WHILE_PURSED: f32 = 0.35;

const CORNERS: [Blendshape; 6] = [
    MouthSmileLeft,
    MouthSmileRight,
    MouthFrownLeft,
    MouthFrownRight,
    MouthDimpleLeft,
    MouthDimpleRight,
];

/// What is added to a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offsets {
    shapes: [f32; BLENDSHAPES],
    /// Yaw, pitch and roll, degrees.
    head: [f32; 3],
}

impl Offsets {
    /// Nothing.
    pub const NONE: Self = Self {
        shapes: [0.0; BLENDSHAPES],
        head: [0.0; 3],
    };

    fn of(shapes: &[(Blendshape, f32)], head: [f32; 3], share: f32) -> Self {
        let mut offsets = Self::NONE;
        for &(shape, weight) in shapes {
            offsets.shapes[shape.index()] = weight * share;
        }
        offsets.head = head.map(|degrees| degrees * share);
        offsets
    }

    /// The weight that is added to a shape.
    #[must_use]
    pub const fn get(&self, shape: Blendshape) -> f32 {
        self.shapes[shape.index()]
    }

    /// Yaw, pitch and roll that are added, degrees.
    #[must_use]
    pub const fn head(&self) -> [f32; 3] {
        self.head
    }

    fn values(&self) -> impl Iterator<Item = &f32> {
        self.shapes.iter().chain(&self.head)
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.shapes.iter_mut().chain(&mut self.head)
    }

    fn add(&mut self, other: &Self, share: f32) {
        for (to, from) in self.values_mut().zip(other.values()) {
            *to += share * from;
        }
    }

    /// Adds this to a face. Weights and head stay within their limits.
    pub fn show(&self, face: &mut FaceControls) {
        let pursed = face.get(MouthPucker);
        let corners = 1.0 - (1.0 - CORNERS_WHILE_PURSED) * pursed;
        for shape in Blendshape::ALL {
            let share = if CORNERS.contains(&shape) {
                corners
            } else {
                1.0
            };
            face.add(shape, share * self.get(shape));
        }
        for (angle, add) in [&mut face.yaw, &mut face.pitch, &mut face.roll]
            .into_iter()
            .zip(self.head)
        {
            *angle = (*angle + add).clamp(-TURN, TURN);
        }
    }
}

/// What a mood looks like.
#[must_use]
pub fn mood(mood: Mood) -> Offsets {
    let (shapes, head): (&[_], _) = match mood.emotion {
        Emotion::Neutral => (&[], [0.0; 3]),
        Emotion::Happy => (
            &[
                (MouthSmileLeft, 0.58),
                (MouthSmileRight, 0.58),
                (CheekSquintLeft, 0.4),
                (CheekSquintRight, 0.4),
                (EyeSquintLeft, 0.18),
                (EyeSquintRight, 0.18),
                (BrowOuterUpLeft, 0.18),
                (BrowOuterUpRight, 0.18),
                (BrowInnerUp, 0.12),
            ],
            [0.0, 1.2, 0.8],
        ),
        Emotion::Friendly => (
            &[
                (MouthSmileLeft, 0.34),
                (MouthSmileRight, 0.34),
                (CheekSquintLeft, 0.18),
                (CheekSquintRight, 0.18),
                (BrowInnerUp, 0.14),
                (BrowOuterUpLeft, 0.1),
                (BrowOuterUpRight, 0.1),
            ],
            [0.0, 0.3, 1.6],
        ),
        // Brows that are a little lower and lips that are a little firmer: more would be anger.
        Emotion::Serious => (
            &[
                (BrowDownLeft, 0.2),
                (BrowDownRight, 0.2),
                (EyeSquintLeft, 0.1),
                (EyeSquintRight, 0.1),
                (MouthPressLeft, 0.1),
                (MouthPressRight, 0.1),
            ],
            [0.0, -1.2, 0.0],
        ),
        Emotion::Concerned => (
            &[
                (BrowInnerUp, 0.62),
                (MouthFrownLeft, 0.24),
                (MouthFrownRight, 0.24),
                (MouthPressLeft, 0.08),
                (MouthPressRight, 0.08),
                (EyeSquintLeft, 0.1),
                (EyeSquintRight, 0.1),
            ],
            [0.0, -1.0, 2.2],
        ),
        Emotion::Excited => (
            &[
                (MouthSmileLeft, 0.55),
                (MouthSmileRight, 0.55),
                (CheekSquintLeft, 0.22),
                (CheekSquintRight, 0.22),
                (BrowInnerUp, 0.42),
                (BrowOuterUpLeft, 0.46),
                (BrowOuterUpRight, 0.46),
                (EyeWideLeft, 0.3),
                (EyeWideRight, 0.3),
            ],
            [0.0, 1.8, 0.0],
        ),
    };
    Offsets::of(shapes, head, mood.intensity)
}

/// How long a gesture takes, seconds.
#[must_use]
pub const fn length(gesture: Gesture) -> f32 {
    match gesture {
        Gesture::Nod => 0.95,
        Gesture::Shake => 1.1,
        Gesture::RaiseBrows => 0.9,
        Gesture::Wink => 0.5,
    }
}

/// What a gesture looks like so many seconds after it began. It begins and
/// ends at nothing.
#[must_use]
pub fn gesture(gesture: Gesture, since: f32) -> Offsets {
    let whole = length(gesture);
    if !(0.0..whole).contains(&since) {
        return Offsets::NONE;
    }
    let phase = since / whole;
    match gesture {
        // Twice down, the second time less.
        Gesture::Nod => {
            let down = (2.0 * PI * phase).sin().powi(2) * (1.0 - 0.55 * phase);
            Offsets::of(&[], [0.0, -6.5, 0.0], down)
        }
        // To both sides twice, fading in and out.
        Gesture::Shake => {
            let side = (4.0 * PI * phase).sin() * (PI * phase).sin().powi(2);
            Offsets::of(&[], [6.0, 0.0, 0.0], side)
        }
        Gesture::RaiseBrows => Offsets::of(
            &[
                (BrowInnerUp, 0.6),
                (BrowOuterUpLeft, 0.75),
                (BrowOuterUpRight, 0.75),
                (EyeWideLeft, 0.18),
                (EyeWideRight, 0.18),
            ],
            [0.0, 0.8, 0.0],
            held(since, 0.14, 0.45, whole),
        ),
        Gesture::Wink => Offsets::of(
            &[
                (EyeBlinkLeft, 1.0),
                (CheekSquintLeft, 0.55),
                (MouthSmileLeft, 0.35),
                (BrowDownLeft, 0.2),
            ],
            [0.0, 0.0, 2.0],
            held(since, 0.11, 0.25, whole),
        ),
    }
}

/// Up until `up`, held until `hold`, back to nothing at `end`.
fn held(since: f32, up: f32, hold: f32, end: f32) -> f32 {
    smooth(since / up) * (1.0 - smooth((since - hold) / (end - hold)))
}

fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// One small nod falls into most spans of this length while somebody listens,
/// seconds.
const NOD_SPAN: f64 = 3.4;

/// Eyes that think rest in one place for about this long, seconds, and take so
/// long to move on.
const LOOK_SPAN: f64 = 1.7;
const LOOK_JUMP: f64 = 0.11;

/// What a posture looks like at a moment. Its course is a function of the seed
/// and the moment alone.
#[must_use]
pub fn posture(posture: Posture, seed: u64, at: MediaTime) -> Offsets {
    match posture {
        Posture::Idle => Offsets::NONE,
        Posture::Listening => listening(seed, at),
        Posture::Thinking => thinking(seed, at),
    }
}

/// Attentive: brows up a little, head tilted, a small nod now and then.
fn listening(seed: u64, at: MediaTime) -> Offsets {
    let mut offsets = Offsets::of(
        &[
            (BrowInnerUp, 0.24),
            (BrowOuterUpLeft, 0.12),
            (BrowOuterUpRight, 0.12),
            (EyeWideLeft, 0.12),
            (EyeWideRight, 0.12),
            (MouthSmileLeft, 0.12),
            (MouthSmileRight, 0.12),
        ],
        [0.0, -0.8, 2.4],
        1.0,
    );
    let now = at.as_secs_f64();
    let span = (now / NOD_SPAN).floor() as i64;
    if chance(seed, 1, span) < 0.75 {
        let start = (span as f64 + 0.6 * chance(seed, 2, span)) * NOD_SPAN;
        let size = 0.3 + 0.25 * chance(seed, 3, span);
        offsets.add(&gesture(Gesture::Nod, (now - start) as f32), size as f32);
    }
    offsets
}

/// Elsewhere: eyes up and aside, brows a little drawn, lips a little pressed.
fn thinking(seed: u64, at: MediaTime) -> Offsets {
    let now = at.as_secs_f64();
    let span = (now / LOOK_SPAN).floor() as i64;
    let (from, to) = (look(seed, span - 1), look(seed, span));
    let share = smooth(((now - span as f64 * LOOK_SPAN) / LOOK_JUMP) as f32);
    let across = from.0 + (to.0 - from.0) * share;
    let up = from.1 + (to.1 - from.1) * share;
    // Positive is towards the face's own left.
    let (left, right) = (across.max(0.0), (-across).max(0.0));
    let (up, down) = (up.max(0.0), (-up).max(0.0));
    Offsets::of(
        &[
            (EyeLookOutLeft, left),
            (EyeLookInRight, left),
            (EyeLookInLeft, right),
            (EyeLookOutRight, right),
            (EyeLookUpLeft, up),
            (EyeLookUpRight, up),
            (EyeLookDownLeft, down),
            (EyeLookDownRight, down),
            (BrowInnerUp, 0.16),
            (BrowDownLeft, 0.1),
            (BrowDownRight, 0.1),
            (MouthPressLeft, 0.14),
            (MouthPressRight, 0.14),
        ],
        [4.0 * across, 1.6, -1.4],
        1.0,
    )
}

/// Where eyes that think rest in a span: across (own left) and up. Mostly up,
/// and to the same side for the whole thought.
fn look(seed: u64, span: i64) -> (f32, f32) {
    let side = if seed.is_multiple_of(2) { 1.0 } else { -1.0 };
    let across = 0.25 + 0.35 * chance(seed, 4, span);
    let up = if chance(seed, 5, span) < 0.8 {
        0.3 + 0.25 * chance(seed, 6, span)
    } else {
        -0.25
    };
    ((side * across) as f32, up as f32)
}

/// Chance, 0..1: `SplitMix64` (Steele, Lea, Flood 2014) over its arguments.
fn chance(seed: u64, course: u64, index: i64) -> f64 {
    let mut z = seed
        .wrapping_add(course.wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// One step of a critically damped spring, exactly.
fn spring(value: &mut f32, speed: &mut f32, target: f32, rate: f32) {
    let away = *value - target;
    let push = *speed + rate * away;
    let decay = (-rate * STEP).exp();
    *value = target + (away + push * STEP) * decay;
    *speed = (*speed - rate * push * STEP) * decay;
    // Too small to be seen: at rest is at rest.
    if (*value - target).abs() < 1e-3 && speed.abs() < 1e-2 {
        *value = target;
        *speed = 0.0;
    }
}

#[derive(Clone, Copy, Debug)]
struct Running {
    gesture: Gesture,
    since: f32,
    share: f32,
    fading: bool,
}

/// What one session's face is doing.
#[derive(Clone, Debug)]
pub struct Acting {
    seed: u64,
    target: Offsets,
    mood: Offsets,
    mood_speed: Offsets,
    gestures: [Option<Running>; AT_ONCE],
    /// Which posture is wanted, and how much of each is shown.
    posture: Posture,
    postures: [(f32, f32); media::acting::POSTURES],
}

impl Acting {
    /// A face that does nothing.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            target: Offsets::NONE,
            mood: Offsets::NONE,
            mood_speed: Offsets::NONE,
            gestures: [None; AT_ONCE],
            posture: Posture::Idle,
            postures: [(0.0, 0.0); media::acting::POSTURES],
        }
    }

    /// Begins to act on a cue. A gesture beyond the fourth at once is dropped.
    pub fn act(&mut self, cue: Cue) {
        match cue {
            Cue::Mood(wanted) => self.target = mood(wanted),
            Cue::Posture(posture) => self.posture = posture,
            Cue::Gesture(gesture) => {
                if let Some(free) = self.gestures.iter_mut().find(|slot| slot.is_none()) {
                    *free = Some(Running {
                        gesture,
                        since: 0.0,
                        share: 1.0,
                        fading: false,
                    });
                }
            }
        }
    }

    /// Lets go: gestures fade, the mood goes.
    pub fn cancel(&mut self) {
        self.target = Offsets::NONE;
        for running in self.gestures.iter_mut().flatten() {
            running.fading = true;
        }
    }

    /// Whether nothing is shown and nothing is about to be.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.posture == Posture::Idle
            && self.gestures.iter().all(Option::is_none)
            && self.target == Offsets::NONE
            && self.mood == Offsets::NONE
            && self.mood_speed == Offsets::NONE
            && self.postures.iter().all(|&shown| shown == (0.0, 0.0))
    }

    /// Goes on by one hop.
    pub fn advance(&mut self) {
        if self.is_still() {
            return;
        }
        let targets = self.target.values();
        let speeds = self.mood_speed.values_mut();
        for ((value, speed), target) in self.mood.values_mut().zip(speeds).zip(targets) {
            spring(value, speed, *target, MOOD_SPEED);
        }
        for posture in Posture::ALL {
            let wanted = f32::from(posture == self.posture && posture != Posture::Idle);
            let (value, speed) = &mut self.postures[posture.index()];
            spring(value, speed, wanted, POSTURE_SPEED);
        }
        for slot in &mut self.gestures {
            if let Some(running) = slot {
                running.since += STEP;
                if running.fading {
                    running.share *= (-STEP / FADE).exp();
                }
                if running.since >= length(running.gesture) || running.share < 0.01 {
                    *slot = None;
                }
            }
        }
    }

    /// Adds what is shown at a moment to the face.
    pub fn show(&self, at: MediaTime, face: &mut FaceControls) {
        if self.is_still() {
            return;
        }
        let mut all = self.mood;
        for running in self.gestures.iter().flatten() {
            all.add(&gesture(running.gesture, running.since), running.share);
        }
        for kind in Posture::ALL {
            let (amount, _) = self.postures[kind.index()];
            if amount > 0.0 {
                all.add(&posture(kind, self.seed, at), amount);
            }
        }
        all.show(face);
    }
}

#[cfg(test)]
mod tests;
