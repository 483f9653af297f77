//! The network behind the mouth: same numbers as in training, in pieces, in
//! batches and after a reset.

mod common;

use lipsync::features::{BANDS, FRAMES, Features, HopFeatures};
use lipsync::model::HEADS;
use lipsync::{Delay, Job, Mouth, Settings, hop_all};
use media::decimate::HOP_16K;
use media::face::VISEMES;
use media::seam::{LipSync, MouthSource};
use media::{FaceControls, HOP, MediaTime};
use ort::value::TensorRef;

/// Log-mels of a fixture's own 16 kHz samples, two frames for each hop.
fn log_mels(name: &str) -> Vec<HopFeatures> {
    let path = common::fixture(&format!("{name}.wav"));
    let bytes = std::fs::read(path).expect("the fixture is there");
    let samples: Vec<f32> = bytes[44..]
        .as_chunks::<2>()
        .0
        .iter()
        .map(|&pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0)
        .collect();
    let mut features = Features::new();
    samples
        .as_chunks::<HOP_16K>()
        .0
        .iter()
        .map(|hop| {
            let mut out = [0.0; FRAMES * BANDS];
            features.push_16k(hop, &mut out);
            out
        })
        .collect()
}

#[test]
fn features_are_those_of_training() {
    let mels = log_mels("slt");
    let golden = std::fs::read_to_string(common::fixture("features.txt")).unwrap();
    assert_eq!(golden.lines().count(), 8);
    for line in golden.lines() {
        let mut fields = line.split(' ');
        let frame: usize = fields.next().unwrap().parse().unwrap();
        let row = &mels[frame / FRAMES][frame % FRAMES * BANDS..][..BANDS];
        for (band, (want, got)) in fields.zip(row).enumerate() {
            let want: f32 = want.parse().unwrap();
            assert!(
                (want - got).abs() < 2e-3,
                "frame {frame} band {band}: {got}, in training {want}"
            );
        }
    }
}

#[test]
fn hops_give_what_the_whole_clip_gives_at_once() {
    let model = common::model();
    let mels = log_mels("slt");
    let mut stream = model.stream();
    let streamed: Vec<f32> = mels
        .iter()
        .flat_map(|mel| {
            model.advance(mel, &mut stream).unwrap();
            stream
                .heads
                .iter()
                .flatten()
                .flatten()
                .copied()
                .collect::<Vec<_>>()
        })
        .collect();

    let mut session = common::session();
    let size = session.inputs()[1].dtype().tensor_shape().unwrap()[1] as usize;
    let state = vec![0.0_f32; size];
    let whole = mels.as_flattened();
    let out = session
        .run(ort::inputs![
            "mel" => TensorRef::from_array_view(([1, mels.len() * FRAMES, BANDS], whole)).unwrap(),
            "state" => TensorRef::from_array_view(([1, size], state.as_slice())).unwrap()
        ])
        .unwrap();
    let (_, batch) = out["visemes"].try_extract_tensor::<f32>().unwrap();
    assert_eq!(batch.len(), mels.len() * HEADS * FRAMES * VISEMES);
    let worst = streamed
        .iter()
        .zip(batch)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst < 2e-5, "streamed and whole differ by {worst}");
}

#[test]
fn streams_in_one_batch_do_not_touch_each_other() {
    let model = common::model();
    let (one, two) = (log_mels("slt"), log_mels("rms"));
    let (mut alone_one, mut alone_two) = (model.stream(), model.stream());
    let (mut both_one, mut both_two) = (model.stream(), model.stream());
    for (a, b) in one.iter().zip(&two) {
        model.advance(a, &mut alone_one).unwrap();
        model.advance(b, &mut alone_two).unwrap();
        model
            .advance_all(&mut [(a, &mut both_one), (b, &mut both_two)])
            .unwrap();
        for (x, y) in [(&alone_one, &both_one), (&alone_two, &both_two)] {
            let pairs = x.heads.as_flattened().as_flattened().iter();
            let worst = pairs
                .zip(y.heads.as_flattened().as_flattened())
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 2e-5, "{worst}");
        }
    }
}

/// Faces of a clip from a mouth that may have heard other things before.
fn faces(mouth: &mut Mouth, sound: &[f32]) -> Vec<FaceControls> {
    let hops = sound.as_chunks::<HOP>().0.iter();
    hops.enumerate()
        .map(|(i, hop)| {
            let at = MediaTime((i * HOP) as i64);
            mouth
                .hop(at, hop, MouthSource::Heard)
                .expect("inference works")
        })
        .collect()
}

#[test]
fn an_interrupt_forgets_all_that_was_heard() {
    let settings = Settings {
        expression: 0.0,
        ..Settings::default()
    };
    let (first, _) = common::clip("rms");
    let (second, _) = common::clip("slt");
    let mut fresh = Mouth::new(common::model(), settings);
    let want = faces(&mut fresh, &second);

    let mut used = Mouth::new(common::model(), settings);
    faces(&mut used, &first[..HOP * 60]);
    used.cancel();
    // The mouth itself settles from where it was: 300 ms of silence bring it to rest.
    let silence = vec![0.0; HOP * 15];
    let settling = faces(&mut used, &silence);
    assert_eq!(settling.last().map(|face| face.shapes), Some([0.0; 52]));
    used.cancel();
    assert_eq!(faces(&mut used, &second), want);
}

#[test]
fn many_sessions_in_one_call_move_as_each_alone() {
    let model = common::model();
    let settings = Settings {
        delay: Delay::LowLatency,
        ..Settings::default()
    };
    let sounds = [common::clip("rms").0, common::clip("slt").0];
    let mut alone = sounds
        .each_ref()
        .map(|_| Mouth::new(common::model(), settings));
    let mut together = sounds
        .each_ref()
        .map(|_| Mouth::new(common::model(), settings));
    for i in 0..100 {
        let at = MediaTime((i * HOP) as i64);
        let hops = sounds.each_ref().map(|s| &s.as_chunks::<HOP>().0[i]);
        let mut jobs: Vec<Job> = together
            .iter_mut()
            .zip(hops)
            .map(|(mouth, sound)| Job {
                mouth,
                at,
                sound,
                source: MouthSource::Heard,
            })
            .collect();
        let got = hop_all(&model, &mut jobs).unwrap();
        for ((mouth, sound), got) in alone.iter_mut().zip(hops).zip(&got) {
            let want = mouth.hop(at, sound, MouthSource::Heard).unwrap();
            assert_eq!(want.at, got.at);
            for (a, b) in want.shapes.iter().zip(&got.shapes) {
                assert!((a - b).abs() < 1e-3, "{a} and {b} at hop {i}");
            }
        }
    }
}
