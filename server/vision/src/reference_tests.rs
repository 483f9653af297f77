//! The networks against what the runtimes of their makers say
//! (`reference/record.py`), and damaged files.

use proptest::prelude::*;
use serde::Deserialize;

use crate::analyser::{Task, read};
use crate::convert;
use crate::identity::Recogniser;
use crate::network::Network;

/// A network, how its input was made, and values of its outputs, evenly spread.
#[derive(Deserialize)]
struct Reference {
    name: String,
    gain: f64,
    offset: f64,
    outputs: Vec<Vec<f32>>,
}

/// As `record.py` has it.
const MOST: usize = 200;

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("../reference/networks.json")).unwrap()
}

fn models() -> weights::Models {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models");
    let models = weights::Models::open(folder).unwrap();
    weights::runtime::init(&models.library(None).unwrap()).unwrap();
    models
}

fn tflite(models: &weights::Models, name: &str) -> Vec<u8> {
    if name == "selfie_segmentation.tflite" {
        return read(&models.file("face/selfie_segmentation.tflite").unwrap()).unwrap();
    }
    let task = models.file("face/face_landmarker.task").unwrap();
    Task::open(&task).unwrap().member(name).unwrap()
}

fn pattern(count: usize, gain: f64, offset: f64) -> Vec<f32> {
    (0..count)
        .map(|i| {
            let i = i as f64;
            let wave = 0.4 * (0.37 * i).sin() * (0.0011 * i).cos() + 0.1 * (0.00013 * i).sin();
            (offset + gain * (0.5 + wave)) as f32
        })
        .collect()
}

/// The largest difference, as a part of the largest value.
fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    let step = (ours.len() / MOST).max(1);
    let ours: Vec<f32> = ours.iter().copied().step_by(step).collect();
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs
        .iter()
        .fold(1e-3_f32, |most, value| most.max(value.abs()));
    let pairs = ours.iter().zip(theirs);
    pairs.fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / largest
}

#[test]
fn converted_networks_say_what_the_originals_say() {
    let models = models();
    for reference in references() {
        let Reference {
            name,
            gain,
            offset,
            outputs,
        } = &reference;
        if name == "identity" {
            continue;
        }
        let bytes = tflite(&models, name);
        let shape = convert::to_onnx(&bytes).unwrap().inputs[0].1.clone();
        let mut network = Network::from_tflite("test", &bytes, &shape, &[]).unwrap();
        let input = pattern(shape.iter().product::<i64>() as usize, *gain, *offset);
        let ours = network.run(&input).unwrap();
        assert_eq!(ours.len(), outputs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(outputs) {
            let difference = difference(ours, theirs);
            assert!(difference < 2e-3, "{name}: {difference}");
        }
    }
}

#[test]
fn the_identity_network_says_what_the_original_says() {
    let models = models();
    let file = |name: &str| read(&models.file(name).unwrap()).unwrap();
    let mut recogniser = Recogniser::load(
        &file("face/face_recognition_model.bin"),
        &file("face/face_recognition_model.json"),
    )
    .unwrap();
    let reference = references().pop().unwrap();
    let identity = recogniser.look(pattern(150 * 150 * 3, reference.gain, reference.offset));
    let difference = difference(&identity.unwrap(), &reference.outputs[0]);
    assert!(difference < 2e-3, "{difference}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A damaged file is converted or refused, quickly; what happens to its
    /// weights is not seen, what happens to its structure must be.
    #[test]
    fn damaged_files_do_no_harm(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_front in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = tflite(&models(), "face_detector.tflite");
        // Tables stand at both ends, weights in the middle.
        let length = bytes.len();
        for (place, value) in damage {
            let place = place.index(length / 16);
            let place = if in_front { place } else { length - 1 - place };
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(length));
        }
        let _ = convert::to_onnx(&bytes);
    }

    #[test]
    fn noise_is_refused(mut bytes in prop::collection::vec(any::<u8>(), 8..512)) {
        bytes[4..8].copy_from_slice(b"TFL3");
        let _ = convert::to_onnx(&bytes);
    }
}
