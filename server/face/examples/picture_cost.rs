//! What a picture costs: CPU milliseconds of one thread, talking and idle.
//!
//! `cargo run --release -p face --example picture_cost -- [FOLDER OF PACKAGES]`
//!
//! The last rows are of the first photo avatar with small networks over its
//! mouth: what crop, call and blend cost, and next to nothing for the network.

use std::error::Error;
use std::path::Path;

use face::avatars::Kind;
use face::neural::{self, Settings};
use face::{Avatars, Package, Scene};
use media::seam::Renderer;
use media::{FRAME, FaceControls, HOP, MediaTime, Picture, Viseme};

#[path = "../tests/common/networks.rs"]
#[allow(dead_code)]
mod networks;
#[path = "common/visemes.rs"]
mod visemes;

/// Pictures measured for each row: 20 s.
const PICTURES: i64 = 500;

const SCREENS: [(usize, usize); 2] = [(512, 512), (1280, 720)];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1);
    let folder = folder.as_deref().map(Path::new);
    let (avatars, refused) = Avatars::open(None, folder);
    for (path, error) in refused {
        eprintln!("{}: {error}", path.display());
    }
    println!(
        "{:<16} {:>10} {:>8} {:>8} {:>8} {:>9}",
        "avatar", "size", "set-up", "talking", "idle", "unchanged"
    );
    let list = avatars.list();
    for avatar in &list {
        for (width, height) in SCREENS {
            let scene = Scene::new(width, height);
            row(&avatar.id, (width, height), || {
                avatars.renderer(&avatar.id, &scene, 1)
            })?;
        }
    }
    let photo = list.iter().find(|avatar| avatar.kind == Kind::Photo);
    let (Some(photo), Some(folder)) = (photo, folder) else {
        return Ok(());
    };
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    weights::runtime::init(&weights::runtime::locate(None, &models)?)?;
    let package = Package::read(&folder.join(format!("{}.avatar", photo.id)))?;
    for (kind, network) in [
        (neural::Kind::Controls, networks::tint()),
        (neural::Kind::Wav2Lip, networks::wav2lip("mel", "face")),
    ] {
        let package = package.with_network(Some((Settings::new(kind), network)))?;
        for (width, height) in SCREENS {
            let scene = Scene::new(width, height);
            let name = format!("{} {}", photo.id, kind.name());
            row(&name, (width, height), || {
                Avatars::draft(&package, &scene, 1)
            })?;
        }
    }
    Ok(())
}

/// Measures a renderer and prints a row.
fn row<E: Error + 'static>(
    name: &str,
    (width, height): (usize, usize),
    make: impl FnOnce() -> Result<Box<dyn Renderer>, E>,
) -> Result<(), Box<dyn Error>> {
    let before = cpu()?;
    let mut renderer = make()?;
    let setup = cpu()? - before;
    let mut picture = Picture::black(width, height);
    let mut run = |talking: bool| -> Result<(f64, usize), Box<dyn Error>> {
        renderer.render(&FaceControls::rest(MediaTime::ZERO), &mut picture)?;
        let mut unchanged = 0;
        let before = cpu()?;
        for n in 1..=PICTURES {
            let at = MediaTime(n * FRAME);
            let face = if talking {
                speech(at)
            } else {
                FaceControls::rest(at)
            };
            if let Some(ahead) = renderer.preview() {
                for hop in [at, at + HOP as i64] {
                    renderer.hear(hop, &hum(hop, HOP + ahead as usize, talking));
                }
            }
            renderer.render(&face, &mut picture)?;
            unchanged += usize::from(picture.changed.is_empty());
        }
        Ok(((cpu()? - before) / PICTURES as f64, unchanged))
    };
    let (talking, _) = run(true)?;
    let (idle, unchanged) = run(false)?;
    println!(
        "{name:<16} {:>10} {setup:>5.0} ms {talking:>5.2} ms {idle:>5.2} ms {:>7} %",
        format!("{width}x{height}"),
        unchanged * 100 / PICTURES as usize,
    );
    Ok(())
}

/// A low tone, or silence.
fn hum(at: MediaTime, samples: usize, talking: bool) -> Vec<f32> {
    let level = if talking { 0.3 } else { 0.0 };
    (0..samples as i64)
        .map(|n| level * ((at.0 + n) as f32 * 0.02).sin())
        .collect()
}

/// A new viseme every 80 ms, blended half and half with the one before.
fn speech(at: MediaTime) -> FaceControls {
    let step = at.0 / (2 * FRAME);
    let pick = |n: i64| visemes::face(Viseme::ALL[(n * 7).rem_euclid(15) as usize], at);
    let (mut face, before) = (pick(step), pick(step - 1));
    if at.0 % (2 * FRAME) == 0 {
        for (weight, old) in face.shapes.iter_mut().zip(before.shapes) {
            *weight = f32::midpoint(*weight, old);
        }
    }
    face
}

/// CPU time of this process so far, milliseconds (Linux: the sum of run times
/// that the scheduler has counted).
fn cpu() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = text
        .split_whitespace()
        .next()
        .ok_or("no schedstat")?
        .parse()?;
    Ok(nanoseconds / 1e6)
}
