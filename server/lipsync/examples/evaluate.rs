//! Runs the mouth over a folder of WAV files, in pieces of 20 ms as the server
//! does, and writes what the evaluation's scorer reads.
//!
//! ```text
//! cargo run --release -p lipsync --example evaluate -- WAVS OUT [--low-latency]
//! ```
//!
//! `OUT/ID.npy` holds viseme weights `[T, 15]` at 100 Hz, `OUT.cur/ID.npy` the
//! curves `[T, 4]` (jaw, rounding, closure, spread) read from the final face
//! controls, `OUT.cost.txt` the CPU time for each hop. All delays are compensated.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lipsync::{Clip, Delay, Model, Settings, sound};
use media::{Blendshape, FaceControls};

fn main() -> Result<(), Box<dyn Error>> {
    let mut folders = Vec::new();
    let mut settings = Settings {
        expression: 0.0,
        ..Settings::default()
    };
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--low-latency" => settings.delay = Delay::LowLatency,
            _ => folders.push(PathBuf::from(argument)),
        }
    }
    let [wavs, out] = folders.as_slice() else {
        return Err("usage: evaluate WAVS OUT [--low-latency]".into());
    };
    let models = weights::directory();
    weights::runtime::init(&weights::runtime::locate(None, &models)?)?;
    let model = Arc::new(Model::load(&models.join("lipsync/lipsync.onnx"))?);

    let curves = with_suffix(out, "cur");
    fs::create_dir_all(out)?;
    fs::create_dir_all(&curves)?;
    let mut paths: Vec<PathBuf> = fs::read_dir(wavs)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "wav"));
    paths.sort();
    let (mut hops, mut seconds) = (0, 0.0);
    for path in &paths {
        let sound = sound::read_wav(&fs::read(path)?)?;
        let began = cpu_seconds()?;
        let clip = Clip::heard(&model, settings, &sound)?;
        seconds += cpu_seconds()? - began;
        hops += clip.faces.len();
        let name = path.file_stem().ok_or("a file without a name")?;
        let file = |folder: &Path| folder.join(name).with_extension("npy");
        fs::write(file(out), npy(&clip.visemes))?;
        fs::write(file(&curves), npy(&curve_rows(&clip.faces)))?;
    }
    let cost = format!(
        "{} clips, {hops} hops, {:.3} ms of CPU time for each hop of 20 ms\n",
        paths.len(),
        seconds * 1_000.0 / hops.max(1) as f64
    );
    print!("{cost}");
    fs::write(with_suffix(out, "cost.txt"), cost)?;
    Ok(())
}

/// CPU time of this thread, which does all the work. Linux only: wall time on a
/// shared machine says little.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds * 1e-9)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Jaw, rounding, closure and spread of a face, on the scale of the scorer.
fn curves(face: &FaceControls) -> [f32; 4] {
    let get = |shape| face.get(shape);
    let jaw = get(Blendshape::JawOpen);
    let round = 1.1 * get(Blendshape::MouthPucker) + 0.65 * get(Blendshape::MouthFunnel);
    let gap = jaw - get(Blendshape::MouthClose)
        + 0.5 * (get(Blendshape::MouthLowerDownLeft) + get(Blendshape::MouthUpperUpLeft));
    let touching = 0.35 * (1.0 - gap / 0.12).clamp(0.0, 1.0);
    let tucked = 0.45 * get(Blendshape::MouthRollLower) / 0.6;
    let closed = (get(Blendshape::MouthPressLeft) / 0.45)
        .max(tucked)
        .max(touching);
    let spread = 2.0 * get(Blendshape::MouthStretchLeft);
    [1.5 * jaw, round, closed, spread]
}

/// Curves at 100 Hz: each face stands for the middle of its hop, and a renderer
/// moves in a straight line between two of them.
fn curve_rows(faces: &[FaceControls]) -> Vec<[f32; 4]> {
    let values: Vec<[f32; 4]> = faces.iter().map(curves).collect();
    let mut rows = Vec::with_capacity(values.len() * 2);
    for (i, now) in values.iter().enumerate() {
        let before = values[i.saturating_sub(1)];
        let after = values[(i + 1).min(values.len() - 1)];
        for other in [before, after] {
            rows.push(std::array::from_fn(|k| 0.75 * now[k] + 0.25 * other[k]));
        }
    }
    rows
}

/// A two-dimensional float32 array in the format of `NumPy` (version 1.0).
fn npy<const N: usize>(rows: &[[f32; N]]) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {N}), }}",
        rows.len()
    );
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
    out
}
