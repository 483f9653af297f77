//! Contact sheets: every viseme at rest, blinking, with raised brows, smiling,
//! turned to both sides, with the jaw wide open, and from near; lids on their
//! way down from near; and whole pictures of every shape, for each avatar.
//!
//! `cargo run --release -p face --example sheet -- OUTDIR [SIZE] [FOLDER OF PACKAGES]`

use std::error::Error;
use std::path::Path;

use face::scene::Shot;
use face::{Avatars, Scene};
use media::Blendshape as B;
use media::seam::Renderer;
use media::{FaceControls, MediaTime, Picture, Viseme};
use tiny_skia::{Pixmap, PremultipliedColorU8};

#[path = "common/visemes.rs"]
mod visemes;

type Variant = (&'static str, fn(&mut FaceControls));

const VARIANTS: [Variant; 7] = [
    ("front", |_| {}),
    ("blink", |face| {
        face.set(B::EyeBlinkLeft, 1.0);
        face.set(B::EyeBlinkRight, 1.0);
    }),
    ("brows", |face| {
        face.set(B::BrowInnerUp, 0.8);
        face.set(B::BrowOuterUpLeft, 0.8);
        face.set(B::BrowOuterUpRight, 0.8);
    }),
    ("smile", |face| {
        for shape in [B::MouthSmileLeft, B::MouthSmileRight] {
            face.add(shape, 0.7);
        }
        for shape in [B::CheekSquintLeft, B::CheekSquintRight] {
            face.add(shape, 0.4);
        }
    }),
    ("left", |face| face.yaw = 5.0),
    ("right", |face| face.yaw = -5.0),
    ("wide", |face| face.add(B::JawOpen, 1.0)),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("usage: sheet OUTDIR [SIZE] [FOLDER]")?;
    let size: usize = args.next().map_or(Ok(512), |s| s.parse())?;
    let folder = args.next();
    std::fs::create_dir_all(&out)?;
    let (avatars, refused) = Avatars::open(None, folder.as_deref().map(Path::new));
    for (path, error) in refused {
        eprintln!("{}: {error}", path.display());
    }
    for avatar in avatars.list() {
        // A moment between blinks, the same for every cell.
        let at = MediaTime::from_millis(200);
        let mut renderer = avatars.renderer(&avatar.id, &Scene::new(size, size), 1)?;
        let mut picture = Picture::black(size, size);
        for (name, variant) in VARIANTS {
            // The face only: the sheet is for looking at features.
            let (left, top, side) = (size / 4, size / 8, size * 5 / 8);
            let cell = size / 2;
            let (across, down) = (5, 3);
            let mut sheet = Pixmap::new((cell * across) as u32, (side * down) as u32)
                .ok_or("the sheet is too large")?;
            for viseme in Viseme::ALL {
                let mut face = visemes::face(viseme, at);
                variant(&mut face);
                renderer.render(&face, &mut picture)?;
                let (column, row) = (viseme.index() % across, viseme.index() / across);
                blit(
                    &picture,
                    (left, top, cell, side),
                    &mut sheet,
                    (column * cell, row * side),
                );
            }
            sheet.save_png(Path::new(&out).join(format!("{}-{name}.png", avatar.id)))?;
        }
        mouths(&avatars, &avatar.id, at, size, Path::new(&out))?;
        lids(&avatars, &avatar.id, at, size, Path::new(&out))?;
        for (width, height) in [(size, size), (1280, 720), (720, 1280)] {
            let mut renderer = avatars.renderer(&avatar.id, &Scene::new(width, height), 1)?;
            let mut picture = Picture::black(width, height);
            renderer.render(&FaceControls::rest(at), &mut picture)?;
            let mut whole = Pixmap::new(width as u32, height as u32).ok_or("too large")?;
            blit(&picture, (0, 0, width, height), &mut whole, (0, 0));
            whole.save_png(Path::new(&out).join(format!("{}-{width}x{height}.png", avatar.id)))?;
        }
        std::fs::write(
            Path::new(&out).join(format!("{}-preview.png", avatar.id)),
            avatars.preview(&avatar.id, size)?,
        )?;
    }
    Ok(())
}

/// A renderer of a square close-up, and a picture for it.
fn near(
    avatars: &Avatars,
    id: &str,
    side: usize,
) -> Result<(Box<dyn Renderer>, Picture), Box<dyn Error>> {
    let mut scene = Scene::new(side, side);
    scene.framing.shot = Shot::CloseUp;
    let renderer = avatars.renderer(id, &scene, 1)?;
    Ok((renderer, Picture::black(side, side)))
}

/// Every viseme from near: the lower half of a close-up of twice the size.
fn mouths(
    avatars: &Avatars,
    id: &str,
    at: MediaTime,
    size: usize,
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let (mut renderer, mut picture) = near(avatars, id, size * 2)?;
    let (cell, across, down) = (size * 7 / 8, 5, 3);
    let part = ((size * 2 - cell) / 2, size * 13 / 16, cell, size * 5 / 8);
    let mut sheet = Pixmap::new((cell * across) as u32, (part.3 * down) as u32)
        .ok_or("the sheet is too large")?;
    for viseme in Viseme::ALL {
        renderer.render(&visemes::face(viseme, at), &mut picture)?;
        let (column, row) = (viseme.index() % across, viseme.index() / across);
        blit(&picture, part, &mut sheet, (column * cell, row * part.3));
    }
    sheet.save_png(out.join(format!("{id}-mouths.png")))?;
    Ok(())
}

/// Lids in five steps of a blink, looking ahead, aside and down, from near.
fn lids(
    avatars: &Avatars,
    id: &str,
    at: MediaTime,
    size: usize,
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let (mut renderer, mut picture) = near(avatars, id, size * 2)?;
    let (cell, across) = (size * 7 / 8, 5);
    let part = ((size * 2 - cell) / 2, size * 5 / 8, cell, size * 3 / 8);
    let looks: [&[B]; 3] = [
        &[],
        &[B::EyeLookOutLeft, B::EyeLookInRight],
        &[B::EyeLookDownLeft, B::EyeLookDownRight],
    ];
    let mut sheet = Pixmap::new((cell * across) as u32, (part.3 * looks.len()) as u32)
        .ok_or("the sheet is too large")?;
    for (row, look) in looks.into_iter().enumerate() {
        for column in 0..across {
            let mut face = FaceControls::rest(at);
            for &shape in look {
                face.set(shape, 0.7);
            }
            for shape in [B::EyeBlinkLeft, B::EyeBlinkRight] {
                face.set(shape, column as f32 / (across - 1) as f32);
            }
            renderer.render(&face, &mut picture)?;
            blit(&picture, part, &mut sheet, (column * cell, row * part.3));
        }
    }
    sheet.save_png(out.join(format!("{id}-lids.png")))?;
    Ok(())
}

/// Copies a part (left, top, width, height) of a picture as RGB.
fn blit(
    picture: &Picture,
    part: (usize, usize, usize, usize),
    sheet: &mut Pixmap,
    to: (usize, usize),
) {
    let width = sheet.width() as usize;
    let pixels = sheet.pixels_mut();
    for y in 0..part.3 {
        for x in 0..part.2 {
            let (px, py) = (part.0 + x, part.1 + y);
            let luma = f32::from(picture.y[py * picture.width() + px]) - 16.0;
            let chroma = py / 2 * (picture.width() / 2) + px / 2;
            let u = f32::from(picture.u[chroma]) - 128.0;
            let v = f32::from(picture.v[chroma]) - 128.0;
            let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
            let color = PremultipliedColorU8::from_rgba(
                byte(1.164 * luma + 1.596 * v),
                byte(1.164 * luma - 0.392 * u - 0.813 * v),
                byte(1.164 * luma + 2.017 * u),
                255,
            );
            if let Some(color) = color {
                pixels[(to.1 + y) * width + to.0 + x] = color;
            }
        }
    }
}
