//! What a picture costs: CPU milliseconds of one thread, talking and idle.
//!
//! `cargo run --release -p face --example picture_cost -- [FOLDER OF PACKAGES]`

use std::error::Error;
use std::path::Path;

use face::{Avatars, Scene};
use media::{FRAME, FaceControls, MediaTime, Picture, Viseme};

#[path = "common/visemes.rs"]
mod visemes;

/// Pictures measured for each row: 20 s.
const PICTURES: i64 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1);
    let (avatars, refused) = Avatars::open(None, folder.as_deref().map(Path::new));
    for (path, error) in refused {
        eprintln!("{}: {error}", path.display());
    }
    println!(
        "{:<8} {:>10} {:>8} {:>8} {:>8} {:>9}",
        "avatar", "size", "set-up", "talking", "idle", "unchanged"
    );
    for avatar in avatars.list() {
        for (width, height) in [(512, 512), (1280, 720)] {
            let before = cpu()?;
            let mut renderer = avatars.renderer(&avatar.id, &Scene::new(width, height), 1)?;
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
                    renderer.render(&face, &mut picture)?;
                    unchanged += usize::from(picture.changed.is_empty());
                }
                Ok(((cpu()? - before) / PICTURES as f64, unchanged))
            };
            let (talking, _) = run(true)?;
            let (idle, unchanged) = run(false)?;
            println!(
                "{:<8} {:>10} {setup:>5.0} ms {talking:>5.2} ms {idle:>5.2} ms {:>7} %",
                &avatar.id,
                format!("{width}x{height}"),
                unchanged * 100 / PICTURES as usize,
            );
        }
    }
    Ok(())
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
