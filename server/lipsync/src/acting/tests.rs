use media::Blendshape::{JawOpen, MouthClose, MouthFunnel, MouthLowerDownLeft, MouthUpperUpLeft};

use super::*;

/// Hops in a second.
const SECOND: usize = 50;

fn faces(acting: &mut Acting, hops: usize) -> Vec<FaceControls> {
    (0..hops)
        .map(|hop| {
            let at = MediaTime((hop * HOP) as i64);
            acting.advance();
            let mut face = FaceControls::rest(at);
            acting.show(at, &mut face);
            face
        })
        .collect()
}

fn moods() -> impl Iterator<Item = Mood> {
    Emotion::ALL.into_iter().map(|e| Mood::new(e, 1.0))
}

#[test]
fn a_mood_grows_with_its_intensity_and_leaves_speech_alone() {
    for full in moods() {
        let half = mood(Mood::new(full.emotion, 0.5));
        let full = mood(full);
        for shape in Blendshape::ALL {
            assert!((half.get(shape) * 2.0 - full.get(shape)).abs() < 1e-6);
            assert!((0.0..=1.0).contains(&full.get(shape)));
        }
        for shape in [
            JawOpen,
            MouthClose,
            MouthFunnel,
            MouthLowerDownLeft,
            MouthUpperUpLeft,
        ] {
            assert_eq!(full.get(shape), 0.0, "{} is for speech", shape.name());
        }
    }
    assert_eq!(mood(Mood::default()), Offsets::NONE);
}

#[test]
fn no_mood_looks_angry() {
    // Lowered brows with a frown or a sneer do.
    for wanted in moods() {
        let offsets = mood(wanted);
        assert!(offsets.get(BrowDownLeft) <= 0.25, "{wanted:?}");
        assert!(offsets.get(BrowDownLeft) * offsets.get(MouthFrownLeft) == 0.0);
        assert_eq!(offsets.get(Blendshape::NoseSneerLeft), 0.0);
    }
}

#[test]
fn a_mood_comes_and_goes_smoothly() {
    let mut acting = Acting::new(1);
    acting.act(Cue::Mood(Mood::new(Emotion::Happy, 1.0)));
    let mut all = faces(&mut acting, SECOND);
    let smile = |face: &FaceControls| face.get(MouthSmileLeft);
    assert!(smile(&all[17]) > 0.85 * 0.58, "there within 350 ms");
    assert!((smile(&all[SECOND - 1]) - 0.58).abs() < 1e-3);
    acting.act(Cue::Mood(Mood::new(Emotion::Concerned, 1.0)));
    all.extend(faces(&mut acting, SECOND));
    assert!(smile(&all[2 * SECOND - 1]) < 1e-3);
    acting.cancel();
    all.extend(faces(&mut acting, SECOND));
    for pair in all.windows(2) {
        for shape in Blendshape::ALL {
            let step = (pair[1].get(shape) - pair[0].get(shape)).abs();
            assert!(step < 0.09, "{} jumps by {step}", shape.name());
        }
    }
    assert!(acting.is_still(), "nothing is left");
    assert_eq!(all[3 * SECOND - 1].shapes, [0.0; BLENDSHAPES]);
}

#[test]
fn gestures_begin_and_end_at_nothing_and_never_jump() {
    for kind in Gesture::ALL {
        let mut acting = Acting::new(1);
        acting.act(Cue::Gesture(kind));
        let all = faces(&mut acting, 2 * SECOND);
        assert!(acting.is_still());
        let rest = FaceControls::rest(MediaTime::ZERO);
        let mut before = &rest;
        let mut most: f32 = 0.0;
        for face in &all {
            for (a, b) in [(before.yaw, face.yaw), (before.pitch, face.pitch)] {
                assert!((a - b).abs() < 1.6, "{} jumps", kind.name());
                most = most.max(b.abs());
            }
            for shape in Blendshape::ALL {
                assert!((before.get(shape) - face.get(shape)).abs() < 0.35);
                most = most.max(face.get(shape));
            }
            before = face;
        }
        assert!(most > 0.5, "{} is not seen", kind.name());
        let last = &all[2 * SECOND - 1];
        assert_eq!((last.shapes, last.yaw, last.pitch), (rest.shapes, 0.0, 0.0));
    }
}

#[test]
fn a_nod_goes_down_and_a_shake_to_both_sides() {
    let steps = || (0..100).map(|i| i as f32 * 0.01);
    let least = |kind, axis: usize| {
        steps()
            .map(|t| gesture(kind, t).head()[axis])
            .fold(0.0, f32::min)
    };
    let most = |kind, axis: usize| {
        steps()
            .map(|t| gesture(kind, t).head()[axis])
            .fold(0.0, f32::max)
    };
    assert!(least(Gesture::Nod, 1) < -4.0);
    assert_eq!(most(Gesture::Nod, 1), 0.0);
    assert!(least(Gesture::Shake, 0) < -3.0 && most(Gesture::Shake, 0) > 3.0);
    assert_eq!(gesture(Gesture::Nod, -0.1), Offsets::NONE);
    assert_eq!(gesture(Gesture::Nod, 9.0), Offsets::NONE);
}

#[test]
fn a_gesture_that_is_cut_off_fades() {
    let mut acting = Acting::new(1);
    acting.act(Cue::Gesture(Gesture::RaiseBrows));
    let raised = faces(&mut acting, 12);
    assert!(raised[11].get(BrowInnerUp) > 0.5);
    acting.cancel();
    let fading = faces(&mut acting, 25);
    assert!((fading[0].get(BrowInnerUp) - raised[11].get(BrowInnerUp)).abs() < 0.2);
    assert!(fading[14].get(BrowInnerUp) < 0.05);
    assert!(acting.is_still());
}

#[test]
fn more_gestures_than_fit_are_dropped() {
    let mut acting = Acting::new(1);
    for _ in 0..100 {
        acting.act(Cue::Gesture(Gesture::Nod));
    }
    let all = faces(&mut acting, SECOND);
    assert!(all.iter().all(|face| face.pitch >= -TURN));
}

#[test]
fn who_listens_nods_and_who_thinks_looks_away() {
    let course = |kind, seed| -> Vec<FaceControls> {
        let mut acting = Acting::new(seed);
        acting.act(Cue::Posture(kind));
        faces(&mut acting, 20 * SECOND)
    };
    for seed in 0..20 {
        let listening = course(Posture::Listening, seed);
        let nods = listening
            .windows(2)
            .filter(|pair| pair[0].pitch >= -2.0 && pair[1].pitch < -2.0)
            .count();
        assert!((2..=14).contains(&nods), "seed {seed}: {nods} nods in 20 s");
        assert!(listening.iter().all(|face| face.get(EyeLookUpLeft) == 0.0));
        let thinking = course(Posture::Thinking, seed);
        let away = thinking
            .iter()
            .filter(|face| face.get(EyeLookUpLeft) > 0.2)
            .count();
        assert!(away > 8 * SECOND, "seed {seed}: away for {away} hops");
        for face in thinking.iter().chain(&listening) {
            assert!(face.get(BrowDownLeft) < 0.15 && face.get(MouthFrownLeft) == 0.0);
        }
        assert_eq!(thinking, course(Posture::Thinking, seed));
    }
    assert_ne!(
        course(Posture::Thinking, 1),
        course(Posture::Thinking, 2),
        "the seed decides"
    );
}

#[test]
fn a_posture_ends_when_another_begins_and_outlives_a_cancel() {
    let mut acting = Acting::new(3);
    acting.act(Cue::Posture(Posture::Thinking));
    faces(&mut acting, 2 * SECOND);
    acting.cancel();
    let kept = faces(&mut acting, 2 * SECOND);
    assert!(kept[2 * SECOND - 1].get(MouthPressLeft) > 0.1);
    acting.act(Cue::Posture(Posture::Idle));
    faces(&mut acting, 2 * SECOND);
    assert!(acting.is_still());
}

#[test]
fn pursed_lips_take_the_smile_back() {
    let offsets = mood(Mood::new(Emotion::Happy, 1.0));
    let smile = |pucker| {
        let mut face = FaceControls::rest(MediaTime::ZERO);
        face.set(MouthPucker, pucker);
        offsets.show(&mut face);
        face.get(MouthSmileLeft)
    };
    assert!(smile(0.9) < 0.5 * smile(0.0));
}
