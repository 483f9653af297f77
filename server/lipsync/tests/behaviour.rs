//! What the mouth does with speech, noise, music, plans and interrupts.

mod common;

use lipsync::{Aligner, Clip, Delay, Mouth, Settings};
use media::seam::{LipSync, MouthSource};
use media::{
    Blendshape, Cue, Emotion, FaceControls, Gesture, HOP, MediaTime, Mood, Timings, Viseme,
};

const SETTINGS: Settings = Settings {
    delay: Delay::Balanced,
    articulation: 1.0,
    tongue: 0.6,
    expression: 0.0,
    seed: 1,
};

fn curve(clip: &Clip, read: impl Fn(&FaceControls) -> f32) -> Vec<f32> {
    clip.faces.iter().map(read).collect()
}

fn jaw(face: &FaceControls) -> f32 {
    face.get(Blendshape::JawOpen)
}

/// How far the lips are apart.
fn gap(face: &FaceControls) -> f32 {
    face.get(Blendshape::JawOpen) - face.get(Blendshape::MouthClose)
        + face.get(Blendshape::MouthLowerDownLeft)
        + face.get(Blendshape::MouthUpperUpLeft)
}

/// Share of the spoken frames whose strongest viseme is that of the phoneme.
fn accuracy(clip: &Clip, timings: &Timings) -> f32 {
    let (mut right, mut all) = (0, 0);
    for (i, weights) in clip.visemes.iter().enumerate() {
        let middle = i as i64 * 480 + 240;
        let spoken = timings
            .phonemes
            .iter()
            .find(|p| p.start <= middle && middle < p.end && p.viseme != Viseme::Sil);
        if let Some(phoneme) = spoken {
            all += 1;
            right += usize::from(common::strongest(weights) == phoneme.viseme);
        }
    }
    right as f32 / all as f32
}

#[test]
fn speech_is_heard_as_the_visemes_it_is_made_of() {
    for (name, least) in [("slt", 0.6), ("rms", 0.6)] {
        let (sound, timings) = common::clip(name);
        for delay in [Delay::LowLatency, Delay::Balanced] {
            let settings = Settings { delay, ..SETTINGS };
            let clip = Clip::heard(&common::model(), settings, &sound).unwrap();
            let share = accuracy(&clip, &timings);
            assert!(share > least, "{name} {delay:?}: {share} of frames");
        }
    }
}

#[test]
fn a_mood_and_a_gesture_leave_the_lips_to_speech() {
    let (sound, timings) = common::clip("slt");
    let mut mouths = [0, 1].map(|_| Mouth::new(common::model(), SETTINGS));
    for mouth in &mut mouths {
        mouth.plan(MediaTime::ZERO, &timings);
    }
    mouths[1].act(Cue::Mood(Mood::new(Emotion::Happy, 1.0)));
    let mut most: (f32, f32) = (0.0, 0.0);
    for (i, piece) in sound.chunks_exact(HOP).enumerate() {
        if i == 40 {
            mouths[1].act(Cue::Gesture(Gesture::Nod));
        }
        let at = MediaTime((i * HOP) as i64);
        let [plain, acted] = mouths.each_mut().map(|mouth| {
            let piece = piece.try_into().unwrap();
            mouth.hop(at, piece, MouthSource::Planned).unwrap()
        });
        for shape in [
            Blendshape::JawOpen,
            Blendshape::MouthClose,
            Blendshape::MouthPucker,
            Blendshape::MouthRollLower,
            Blendshape::MouthLowerDownLeft,
        ] {
            assert_eq!(plain.get(shape), acted.get(shape), "{}", shape.name());
        }
        most.0 = most.0.max(acted.get(Blendshape::MouthSmileLeft));
        most.1 = most.1.max(plain.pitch - acted.pitch);
    }
    assert!(most.0 > 0.5 && most.1 > 3.0, "smiles and nods: {most:?}");
    // An interrupt lets go of both.
    mouths[1].cancel();
    let mut last = FaceControls::rest(MediaTime::ZERO);
    for i in 0..60 {
        let at = MediaTime(((sound.len() / HOP + i) * HOP) as i64);
        last = mouths[1]
            .hop(at, &[0.0; HOP], MouthSource::Planned)
            .unwrap();
    }
    assert_eq!(last.get(Blendshape::MouthSmileLeft), 0.0);
    assert_eq!(last.get(Blendshape::CheekSquintLeft), 0.0);
}

#[test]
fn a_mouth_that_catches_up_does_not_rush_its_acting() {
    let mut mouth = Mouth::new(common::model(), SETTINGS);
    mouth.act(Cue::Mood(Mood::new(Emotion::Happy, 1.0)));
    let mut smiles = Vec::new();
    for _ in 0..4 {
        let face = mouth.hop(MediaTime::ZERO, &[0.0; HOP], MouthSource::Heard);
        smiles.push(face.unwrap().get(Blendshape::MouthSmileLeft));
    }
    assert!(smiles.iter().all(|smile| *smile == smiles[0]));
}

/// The phonemes as they are known when all of the sound has come, in pieces of
/// a size that fits no hop.
fn aligned(sound: &[f32], said: Timings) -> Timings {
    let mut aligner = Aligner::new(common::model(), said);
    for piece in sound.chunks(9_001) {
        aligner.hear(piece).expect("inference works");
    }
    aligner.timings().clone()
}

#[test]
fn labels_that_are_off_are_brought_back() {
    for name in ["slt", "rms"] {
        let (sound, exact) = common::clip(name);
        // As the durations of a neural voice are: late, and each by another amount.
        let mut chance = common::noise(5);
        let mut said = exact.clone();
        for i in 1..said.phonemes.len() {
            let off = 480 + (chance.next().unwrap() * 1_920.0) as i64;
            let least = said.phonemes[i - 1].start + 480;
            let most = said.phonemes[i].end - 480;
            let at = (said.phonemes[i].start + off).clamp(least, most.max(least));
            said.phonemes[i - 1].end = at;
            said.phonemes[i].start = at;
        }
        let error = |timings: &Timings| -> f32 {
            let pairs = timings.phonemes.iter().zip(&exact.phonemes).skip(1);
            let sum: i64 = pairs.map(|(a, b)| (a.start - b.start).abs()).sum();
            sum as f32 / 48.0 / (exact.phonemes.len() - 1) as f32
        };
        let (before, after) = (error(&said), error(&aligned(&sound, said.clone())));
        println!("{name}: boundaries were off by {before:.1} ms and are by {after:.1} ms");
        assert!(
            after < 0.75 * before,
            "{name}: boundaries were off by {before} ms and are by {after} ms"
        );
    }
}

#[test]
fn both_inputs_agree() {
    for name in ["slt", "rms"] {
        let (sound, timings) = common::clip(name);
        let model = common::model();
        let heard = Clip::heard(&model, SETTINGS, &sound).unwrap();
        let planned = Clip::planned(&model, SETTINGS, &sound, &aligned(&sound, timings)).unwrap();
        let (heard, planned) = (curve(&heard, jaw), curve(&planned, jaw));
        let at = |lag: usize| common::correlation(&heard[lag..], &planned);
        assert!(at(0) > 0.9, "{name}: the jaws correlate by {}", at(0));
        let early = common::correlation(&heard, &planned[1..]);
        assert!(at(0) > at(1) && at(0) > early, "{name}: one lags by a hop");
    }
}

#[test]
fn planned_lips_meet_on_every_p_b_m_and_tuck_on_every_f_v() {
    for name in ["slt", "rms"] {
        let (sound, timings) = common::clip(name);
        let clip = Clip::planned(&common::model(), SETTINGS, &sound, &timings).unwrap();
        let mut seen = 0;
        for phoneme in &timings.phonemes {
            let hops = phoneme.start as usize / HOP
                ..=(phoneme.end as usize / HOP).min(clip.faces.len() - 1);
            let faces = &clip.faces[hops];
            match phoneme.viseme {
                Viseme::Pp => {
                    seen += 1;
                    let least = faces.iter().map(gap).fold(f32::MAX, f32::min);
                    assert!(least < 0.05, "{name}: {} leaves {least}", phoneme.ipa);
                }
                Viseme::Ff => {
                    seen += 1;
                    let roll = |face: &FaceControls| face.get(Blendshape::MouthRollLower);
                    let most = faces.iter().map(roll).fold(0.0, f32::max);
                    assert!(most > 0.4, "{name}: {} tucks by {most}", phoneme.ipa);
                }
                _ => {}
            }
        }
        assert!(seen >= 8, "the sentence has that many");
    }
}

#[test]
fn heard_lips_meet_on_most_p_b_m() {
    let (mut met, mut all) = (0, 0);
    for name in ["slt", "rms"] {
        let (sound, timings) = common::clip(name);
        let clip = Clip::heard(&common::model(), SETTINGS, &sound).unwrap();
        for phoneme in timings.phonemes.iter().filter(|p| p.viseme == Viseme::Pp) {
            let hops =
                (phoneme.start as usize / HOP).saturating_sub(1)..=phoneme.end as usize / HOP;
            let least = clip.faces[hops].iter().map(gap).fold(f32::MAX, f32::min);
            all += 1;
            met += usize::from(least < 0.1);
        }
    }
    assert!(met * 3 >= all * 2, "{met} of {all} closures");
}

/// Share of frames that are not silence after the first half second.
fn restless(sound: &[f32]) -> f32 {
    let clip = Clip::heard(&common::model(), SETTINGS, sound).expect("inference works");
    let frames = &clip.visemes[50..];
    let moving = frames
        .iter()
        .filter(|w| common::strongest(w) != Viseme::Sil);
    moving.count() as f32 / frames.len() as f32
}

#[test]
fn the_mouth_rests_in_silence_and_noise() {
    let seconds = 48_000 * 6;
    assert_eq!(restless(&vec![0.0; seconds]), 0.0);
    for level in [0.001, 0.01, 0.1, 0.4] {
        let white: Vec<f32> = common::noise(3).take(seconds).map(|x| x * level).collect();
        let share = restless(&white);
        assert!(share <= 0.02, "white noise at {level}: {share}");
        let mut low = 0.0;
        let brown: Vec<f32> = common::noise(4)
            .take(seconds)
            .map(|x| {
                low = 0.98 * low + 0.02 * x;
                low * 8.0 * level
            })
            .collect();
        let share = restless(&brown);
        assert!(share <= 0.02, "brown noise at {level}: {share}");
    }
}

#[test]
fn music_without_a_voice_hardly_moves_the_mouth() {
    let tau = std::f32::consts::TAU;
    // Chords of plucked strings over a drum, 100 beats a minute.
    let chords = [
        [220.0, 277.2, 329.6],
        [196.0, 246.9, 293.7],
        [174.6, 220.0, 261.6],
    ];
    let mut hiss = common::noise(9);
    let music: Vec<f32> = (0..48_000 * 9)
        .map(|i| {
            let t = i as f32 / 48_000.0;
            let (beat, phase) = ((t / 0.6) as usize, t % 0.6);
            let mut sample = 0.0;
            for hz in chords[beat / 4 % 3] {
                for harmonic in 1..6 {
                    let h = harmonic as f32;
                    sample += (tau * hz * h * t).sin() / h * (-phase * 3.0).exp() * 0.1;
                }
            }
            sample += (tau * 60.0 * phase).sin() * (-phase * 20.0).exp() * 0.4;
            sample + hiss.next().unwrap_or(0.0) * (-phase * 50.0).exp() * 0.1
        })
        .collect();
    let share = restless(&music);
    assert!(share <= 0.1, "{share} of the frames");
}

#[test]
fn an_interrupt_settles_the_mouth_without_a_jump() {
    let (sound, timings) = common::clip("slt");
    for source in [MouthSource::Planned, MouthSource::Heard] {
        let mut mouth = Mouth::new(common::model(), SETTINGS);
        mouth.plan(MediaTime::ZERO, &timings);
        let hops = sound.as_chunks::<HOP>().0;
        let mut last = None;
        for (i, hop) in hops.iter().enumerate() {
            let face = mouth.hop(MediaTime((i * HOP) as i64), hop, source).unwrap();
            last = Some((i, jaw(&face)));
            if i > 30 && jaw(&face) > 0.35 {
                break;
            }
        }
        let (at, open) = last.unwrap();
        assert!(open > 0.35, "the mouth opens somewhere");
        mouth.cancel();
        let mut before = open;
        for i in 1..=12 {
            let time = MediaTime(((at + i) * HOP) as i64);
            let face = mouth.hop(time, &[0.0; HOP], source).unwrap();
            let now = jaw(&face);
            assert!(
                before - now < 0.3 && now <= before,
                "{source:?}: {before} to {now}"
            );
            before = now;
            if i >= 8 {
                assert!(
                    now < 0.03,
                    "{source:?}: still {now} open after {} ms",
                    i * 20
                );
            }
        }
        assert_eq!(before, 0.0);
    }
}

#[test]
fn sources_change_without_a_jump() {
    let (sound, timings) = common::clip("rms");
    let mut mouth = Mouth::new(common::model(), SETTINGS);
    mouth.plan(MediaTime::ZERO, &timings);
    let mut before = 0.0;
    for (i, hop) in sound.as_chunks::<HOP>().0.iter().enumerate() {
        let source = if i / 20 % 2 == 0 {
            MouthSource::Planned
        } else {
            MouthSource::Heard
        };
        let face = mouth.hop(MediaTime((i * HOP) as i64), hop, source).unwrap();
        let wait = if source == MouthSource::Heard {
            mouth.look_ahead()
        } else {
            0
        };
        assert_eq!(face.at, MediaTime((i * HOP) as i64 - wait));
        assert!((jaw(&face) - before).abs() < 0.35, "a jump at hop {i}");
        before = jaw(&face);
    }
}

#[test]
fn accents_of_the_plan_move_brows_and_head() {
    let (sound, timings) = common::clip("rms");
    let settings = Settings {
        expression: 1.0,
        ..SETTINGS
    };
    let model = common::model();
    let clip = Clip::planned(&model, settings, &sound, &timings).unwrap();
    let brows = curve(&clip, |face| face.get(Blendshape::BrowInnerUp));
    assert!(brows.iter().copied().fold(0.0, f32::max) > 0.05);
    assert!(clip.faces.iter().any(|face| face.pitch < -0.5));
    let still = Clip::planned(&model, SETTINGS, &sound, &timings).unwrap();
    assert!(still.faces.iter().all(|face| face.pitch == 0.0));
}

#[test]
fn sound_of_other_rates_is_understood() {
    let (sound, timings) = common::clip("slt");
    // As from a telephone: 8 kHz.
    let low: Vec<f32> = sound
        .chunks_exact(6)
        .map(|six| six.iter().sum::<f32>() / 6.0)
        .collect();
    let back = lipsync::sound::to_clock(&low, 8_000).unwrap();
    let clip = Clip::heard(&common::model(), SETTINGS, &back).unwrap();
    let share = accuracy(&clip, &timings);
    assert!(share > 0.4, "{share}");
}
