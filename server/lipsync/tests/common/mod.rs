//! What the tests of the mouth share: the model, clips with known phonemes.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use lipsync::{Model, Visemes, sound};
use media::{Phoneme, Timings, Viseme};
use ort::session::Session;

/// The folder of models of this checkout, or the one that the environment names.
pub fn models() -> PathBuf {
    std::env::var_os(weights::DIRECTORY_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"),
        PathBuf::from,
    )
}

/// The shipped network, one for all tests of a file.
pub fn model() -> Arc<Model> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    let load = || {
        let models = models();
        let library = weights::runtime::locate(None, &models).expect("ONNX Runtime is fetched");
        weights::runtime::init(&library).expect("ONNX Runtime loads");
        Arc::new(Model::load(&network_path()).expect("the network loads"))
    };
    Arc::clone(MODEL.get_or_init(load))
}

/// The shipped network without our code around it. [`model`] must have been
/// loaded before.
pub fn session() -> Session {
    let environment = weights::runtime::environment().expect("ONNX Runtime is loaded");
    Session::builder(environment)
        .expect("a session can be made")
        .commit_from_file(network_path())
        .expect("the network loads")
}

/// The shipped network.
pub fn network_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/lipsync/lipsync.onnx")
}

/// A file of the fixtures.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Sound at 48 kHz and phonemes of a fixture.
pub fn clip(name: &str) -> (Vec<f32>, Timings) {
    let bytes = std::fs::read(fixture(&format!("{name}.wav"))).expect("the fixture is there");
    let table = std::fs::read_to_string(fixture(&format!("{name}.tsv"))).expect("it has phonemes");
    let phonemes = table
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let number = |i: usize| fields[i].parse().expect("a sample position");
            Phoneme {
                ipa: fields[4].into(),
                viseme: Viseme::from_name(fields[2]).expect("a viseme"),
                start: number(0),
                end: number(1),
                stress: u8::try_from(number(3)).expect("a stress"),
            }
        })
        .collect();
    let timings = Timings {
        phonemes,
        words: Vec::new(),
    };
    (
        sound::read_wav(&bytes).expect("the fixture is sound"),
        timings,
    )
}

/// The viseme with the greatest weight.
pub fn strongest(weights: &Visemes) -> Viseme {
    Viseme::ALL
        .into_iter()
        .max_by(|a, b| weights[a.index()].total_cmp(&weights[b.index()]))
        .unwrap_or(Viseme::Sil)
}

/// Pearson's correlation.
pub fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len()) as f32;
    let mean = |x: &[f32]| x.iter().take(n as usize).sum::<f32>() / n;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f32, f32) -> f32| {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| f(x - ma, y - mb))
            .sum::<f32>()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

/// Noise by a fixed rule, -1..1, so that every run hears the same.
pub fn noise(seed: u64) -> impl Iterator<Item = f32> {
    let mut state = seed;
    std::iter::from_fn(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Some((state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0)
    })
}
