//! The idle life of a face: blinks, glances, breathing, a little sway. (What it
//! does while it listens or thinks comes with the controls.)
//!
//! Everything is a function of a seed and the moment on the media clock, never
//! of what came before: a picture of a given moment looks the same whether the
//! session ran up to it or began there, live or offline.

use std::f32::consts::TAU;

use media::Blendshape::{
    EyeBlinkLeft, EyeBlinkRight, EyeLookDownLeft, EyeLookDownRight, EyeLookInLeft, EyeLookInRight,
    EyeLookOutLeft, EyeLookOutRight, EyeLookUpLeft, EyeLookUpRight, JawOpen,
};
use media::{FaceControls, MediaTime};

/// One blink falls into each span of this length, seconds; its place in the
/// span is by chance, so that pauses between blinks vary around 4 s as they do
/// in people who listen.
const BLINK_SPAN: f64 = 4.0;
/// A blink: lids down, held, up, seconds.
const BLINK_DOWN: f64 = 0.1;
const BLINK_HOLD: f64 = 0.06;
const BLINK_UP: f64 = 0.16;
/// One blink in this many is a double one.
const BLINK_DOUBLE: u64 = 7;
/// From the first blink of a double one to the second, seconds.
const BLINK_AGAIN: f64 = 0.38;

/// One glance falls into each span of this length, seconds.
const GLANCE_SPAN: f64 = 1.9;
/// How long the eyes take to jump, seconds.
const GLANCE_JUMP: f64 = 0.06;

/// Breaths per second: twelve a minute.
const BREATH_HZ: f64 = 0.2;

/// Head and breath move every so many pictures: while something else of the
/// face moves, and of a face that is wholly at rest. The pictures between cost
/// almost nothing. A head that is large on its screen moves more often.
const SWAY_PICTURES: i64 = 3;
const REST_PICTURES: i64 = 6;
/// A step moves the head by less than this, pixels; by a third of it as a rule.
const LARGEST_STEP: f32 = 1.0;
/// How fast the sway moves the middle of a face at most, of the head's width
/// in a second: the sines of the sway together rise by 0.67 of a second, which
/// the 2 degrees of yaw take to 0.014 widths and the shift to 0.005 more.
const SWAY_SPEED: f32 = 0.02;
/// Frequencies of the three sines of the sway, Hz: no common period in hours.
const SWAY_HZ: [f64; 3] = [0.071, 0.127, 0.233];
/// Share of each sine.
const SWAY_SHARE: [f32; 3] = [0.58, 0.31, 0.11];

/// Idle life with its own course for each seed.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    seed: u64,
    /// Pictures between steps of the slow motion of a face at rest.
    pictures: i64,
}

/// The independent courses of chance.
#[derive(Clone, Copy)]
enum Course {
    Blink = 1,
    Double,
    Glance,
    GlanceAcross,
    GlanceDown,
    Yaw,
    Pitch,
    Roll,
    Across,
    Down,
}

impl Life {
    /// The life that belongs to a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            pictures: REST_PICTURES,
        }
    }

    /// The same life of a head that is this wide on its screen, pixels.
    #[must_use]
    pub fn of_width(self, width: f32) -> Self {
        let each = SWAY_SPEED * width * media::FRAME as f32 / media::CLOCK_HZ as f32;
        let pictures = (LARGEST_STEP / each) as i64;
        Self {
            pictures: pictures.clamp(1, REST_PICTURES),
            ..self
        }
    }

    /// Adds blinks, gaze, brows and head sway of the moment `face.at`. Weights
    /// that are set already are kept: a blink adds to lids, a glance to gaze.
    pub fn add(self, face: &mut FaceControls) {
        let (at, slow) = (face.at, self.slow(face));
        let blink = self.blink(at);
        for lid in [EyeBlinkLeft, EyeBlinkRight] {
            face.set(lid, face.get(lid).max(blink));
        }
        let (across, down) = self.gaze(at);
        face.add(EyeLookOutLeft, across.max(0.0));
        face.add(EyeLookInRight, across.max(0.0));
        face.add(EyeLookInLeft, (-across).max(0.0));
        face.add(EyeLookOutRight, (-across).max(0.0));
        for (shape, weight) in [
            (EyeLookDownLeft, down),
            (EyeLookDownRight, down),
            (EyeLookUpLeft, -down),
            (EyeLookUpRight, -down),
        ] {
            face.add(shape, weight.max(0.0));
        }
        let sway = |course| self.sway(course, slow);
        face.yaw += 2.0 * sway(Course::Yaw);
        // The head gives way a little when the jaw opens.
        face.pitch += 1.2 * sway(Course::Pitch) - 1.1 * face.get(JawOpen);
        face.roll += 0.7 * sway(Course::Roll);
    }

    /// The moment whose sway and breath a face shows, before anything is added
    /// to it: they go in steps.
    #[must_use]
    pub fn slow(self, face: &FaceControls) -> MediaTime {
        let turned = [face.yaw, face.pitch, face.roll];
        let rests = face.shapes.iter().chain(&turned).all(|v| *v == 0.0);
        let pictures = if rests {
            self.pictures
        } else {
            self.pictures.min(SWAY_PICTURES)
        };
        let since = face.at.0.rem_euclid(pictures * media::FRAME);
        MediaTime(face.at.0.saturating_sub(since))
    }

    /// How far the breath is in at a [`slow`](Self::slow) moment, 0..=1.
    #[must_use]
    pub fn breath(self, at: MediaTime) -> f32 {
        let phase = (at.as_secs_f64() * BREATH_HZ + self.unit(Course::Blink, -1)).fract() as f32;
        // In faster than out, with a rest between.
        let t = if phase < 0.4 {
            phase / 0.4
        } else {
            1.0 - ((phase - 0.4) / 0.5).min(1.0)
        };
        t * t * (3.0 - 2.0 * t)
    }

    /// Shift of the head across and down at a slow moment, design units of the portrait (a
    /// hundredth is about half a percent of the face).
    #[must_use]
    pub fn shift(self, at: MediaTime) -> (f32, f32) {
        (
            1.6 * self.sway(Course::Across, at),
            0.9 * self.sway(Course::Down, at),
        )
    }

    /// How far the lids are down, 0..=1.
    fn blink(self, at: MediaTime) -> f32 {
        let now = at.as_secs_f64();
        let span = (now / BLINK_SPAN).floor() as i64;
        let mut down: f32 = 0.0;
        for span in [span - 1, span] {
            let start = (span as f64 + 0.1 + 0.7 * self.unit(Course::Blink, span)) * BLINK_SPAN;
            down = down.max(lids(now - start));
            if self.hash(Course::Double, span).is_multiple_of(BLINK_DOUBLE) {
                down = down.max(lids(now - start - BLINK_AGAIN));
            }
        }
        down
    }

    /// Gaze across (towards the viewer's right) and down, -1..=1.
    fn gaze(self, at: MediaTime) -> (f32, f32) {
        let now = at.as_secs_f64();
        let start = |span: i64| (span as f64 + 0.7 * self.unit(Course::Glance, span)) * GLANCE_SPAN;
        let mut span = (now / GLANCE_SPAN).floor() as i64;
        if start(span) > now {
            span -= 1;
        }
        let (from, to) = (self.glance(span - 1), self.glance(span));
        let t = ((now - start(span)) / GLANCE_JUMP).clamp(0.0, 1.0) as f32;
        let t = t * t * (3.0 - 2.0 * t);
        (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t)
    }

    /// Where the eyes rest after a glance: mostly near the viewer's eyes,
    /// sometimes elsewhere.
    fn glance(self, span: i64) -> (f32, f32) {
        let reach = if self
            .hash(Course::Glance, span.wrapping_mul(3))
            .is_multiple_of(4)
        {
            0.3
        } else {
            0.07
        };
        let side = |course| (self.unit(course, span) * 2.0 - 1.0) as f32;
        (
            reach * side(Course::GlanceAcross),
            0.5 * reach * side(Course::GlanceDown),
        )
    }

    /// A slow wander, -1..=1.
    fn sway(self, course: Course, at: MediaTime) -> f32 {
        let now = at.as_secs_f64();
        SWAY_HZ
            .into_iter()
            .zip(SWAY_SHARE)
            .enumerate()
            .map(|(i, (hz, share))| {
                let phase = (now * hz + self.unit(course, i as i64)).fract() as f32;
                share * (phase * TAU).sin()
            })
            .sum()
    }

    /// Chance, 0..1.
    fn unit(self, course: Course, index: i64) -> f64 {
        (self.hash(course, index) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014) over seed, course and index.
    fn hash(self, course: Course, index: i64) -> u64 {
        let mut z = self
            .seed
            .wrapping_add((course as u64).wrapping_mul(0xD1B5_4A32_D192_ED03))
            .wrapping_add((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// How far the lids are down at a time since the blink began, 0..=1.
fn lids(since: f64) -> f32 {
    let t = if since < BLINK_DOWN {
        since / BLINK_DOWN
    } else if since < BLINK_DOWN + BLINK_HOLD {
        1.0
    } else {
        1.0 - (since - BLINK_DOWN - BLINK_HOLD) / BLINK_UP
    };
    let t = t.clamp(0.0, 1.0) as f32;
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::FRAME;

    fn minute(seed: u64) -> Vec<FaceControls> {
        (0..1500)
            .map(|n| {
                let mut face = FaceControls::rest(MediaTime(n * FRAME));
                Life::new(seed).add(&mut face);
                face
            })
            .collect()
    }

    #[test]
    fn eyes_blink_ten_to_twenty_five_times_a_minute() {
        for seed in 0..50 {
            let faces = minute(seed);
            let blinks = faces
                .windows(2)
                .filter(|pair| pair[0].get(EyeBlinkLeft) < 0.5 && pair[1].get(EyeBlinkLeft) >= 0.5)
                .count();
            assert!((10..=25).contains(&blinks), "seed {seed}: {blinks}");
            let shut = faces.iter().filter(|f| f.get(EyeBlinkLeft) > 0.5).count();
            assert!(shut < 1500 / 10, "seed {seed}: shut in {shut} pictures");
        }
    }

    #[test]
    fn lids_rest_open_between_blinks() {
        let open = minute(9)
            .iter()
            .filter(|f| f.get(EyeBlinkRight) == 0.0)
            .count();
        assert!(open > 1500 * 8 / 10, "{open}");
    }

    #[test]
    fn both_eyes_look_the_same_way() {
        let mut looked = 0;
        for face in minute(4) {
            let left = face.get(EyeLookOutLeft) - face.get(EyeLookInLeft);
            let right = face.get(EyeLookInRight) - face.get(EyeLookOutRight);
            assert!((left - right).abs() < 1e-6);
            assert!(left.abs() <= 0.3 + 1e-6);
            looked += usize::from(left.abs() > 0.1);
        }
        assert!(looked > 0);
    }

    #[test]
    fn the_head_never_jumps() {
        for pair in minute(2).windows(2) {
            for (a, b) in [
                (pair[0].yaw, pair[1].yaw),
                (pair[0].pitch, pair[1].pitch),
                (pair[0].roll, pair[1].roll),
            ] {
                assert!((a - b).abs() < 0.35 && b.abs() < 3.0);
            }
        }
    }

    /// Everything that a picture depends on, with how far it may go from one
    /// picture to the next and at all.
    fn motion(life: Life, n: i64) -> Vec<(f32, f32, f32)> {
        let mut face = FaceControls::rest(MediaTime(n * FRAME));
        let slow = life.slow(&face);
        life.add(&mut face);
        let (across, down) = life.shift(slow);
        vec![
            (face.yaw, 0.35, 2.0),
            (face.pitch, 0.25, 1.2),
            (face.roll, 0.15, 0.7),
            (across, 0.3, 1.6),
            (down, 0.2, 0.9),
            (life.breath(slow), 0.2, 1.0),
            // Lids and eyes are as fast as those of people.
            (face.get(EyeBlinkLeft), 0.6, 1.0),
            (face.get(EyeLookOutLeft), 0.6, 0.3),
            (face.get(EyeLookDownRight), 0.3, 0.15),
        ]
    }

    proptest::proptest! {
        /// A loop would show where it begins again: there is no such place, in
        /// any of a hundred days.
        #[test]
        fn no_hour_has_a_seam(seed: u64, start in 0..100 * 24 * 3600 * 25_i64) {
            let life = Life::new(seed);
            let mut before = motion(life, start);
            // Longer than the spans of blinks, glances and breaths.
            for n in start + 1..start + 200 {
                let now = motion(life, n);
                for (k, (&(was, ..), &(is, step, most))) in before.iter().zip(&now).enumerate() {
                    assert!((is - was).abs() <= step, "{k}: {was} to {is} in {n}");
                    assert!(is.abs() <= most + 1e-4, "{k}: {is} in {n}");
                }
                before = now;
            }
        }
    }

    #[test]
    fn steps_are_less_than_a_pixel_on_every_screen() {
        // From a small square to a close-up of 1920 x 1080 and beyond.
        for width in [60.0_f32, 155.0, 200.0, 300.0, 450.0, 900.0] {
            for seed in 0..4 {
                let life = Life::new(seed).of_width(width);
                // The tip of the nose is half a head before the axis, and the
                // neck carries it a tenth along.
                let nose = |n: i64| {
                    let mut face = FaceControls::rest(MediaTime(n * FRAME));
                    let (across, _) = life.shift(life.slow(&face));
                    life.add(&mut face);
                    width * (0.6 * face.yaw.to_radians().sin() + 0.005 * across)
                };
                let moves = (1..3000).map(|n| (nose(n) - nose(n - 1)).abs());
                let (most, sum) = moves.fold((0.0_f32, 0.0), |(m, s), v| (m.max(v), s + v));
                assert!(most < LARGEST_STEP, "{most} at {width}");
                assert!(sum > 0.0);
            }
        }
    }

    #[test]
    fn a_face_at_rest_moves_in_longer_steps() {
        let life = Life::new(4);
        let steps = |face: &dyn Fn(i64) -> FaceControls| {
            let yaws = (0..600).map(|n| {
                let mut face = face(n);
                life.add(&mut face);
                face.yaw.to_bits()
            });
            let mut yaws: Vec<_> = yaws.collect();
            yaws.dedup();
            yaws.len()
        };
        let rest = |n| FaceControls::rest(MediaTime(n * FRAME));
        let smiling = |n| {
            let mut face = rest(n);
            face.set(media::Blendshape::MouthSmileLeft, 0.1);
            face
        };
        assert_eq!((steps(&rest), steps(&smiling)), (100, 200));
    }

    #[test]
    fn a_breath_is_smooth_and_whole() {
        let life = Life::new(3);
        let breaths: Vec<f32> = (0..250)
            .map(|n| life.breath(MediaTime(n * FRAME)))
            .collect();
        assert!(
            breaths
                .windows(2)
                .all(|pair| (pair[0] - pair[1]).abs() < 0.15)
        );
        assert!(breaths.iter().copied().fold(0.0, f32::max) > 0.98);
        assert!(breaths.iter().copied().fold(1.0, f32::min) < 0.02);
    }

    #[test]
    fn weights_that_are_set_stay() {
        let mut face = FaceControls::rest(MediaTime::ZERO);
        face.set(EyeBlinkLeft, 1.0);
        face.set(JawOpen, 0.7);
        Life::new(1).add(&mut face);
        assert_eq!(face.get(EyeBlinkLeft), 1.0);
        assert_eq!(face.get(JawOpen), 0.7);
    }
}
