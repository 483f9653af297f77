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

/// Faces from near, five in a row: the part of a close-up of twice the size
/// that begins at `top` and has this height.
fn close_ups(
    avatars: &Avatars,
    id: &str,
    size: usize,
    (top, height): (usize, usize),
    faces: &[FaceControls],
    file: &Path,
) -> Result<(), Box<dyn Error>> {
    const ACROSS: usize = 5;
    let side = size * 2;
    let mut scene = Scene::new(side, side);
    scene.framing.shot = Shot::CloseUp;
    let mut renderer = avatars.renderer(id, &scene, 1)?;
    let mut picture = Picture::black(side, side);
    let cell = size * 7 / 8;
    let part = ((side - cell) / 2, top, cell, height);
    let down = faces.len().div_ceil(ACROSS);
    let mut sheet = Pixmap::new((cell * ACROSS) as u32, (height * down) as u32)
        .ok_or("the sheet is too large")?;
    for (index, face) in faces.iter().enumerate() {
        renderer.render(face, &mut picture)?;
        let (column, row) = (index % ACROSS, index / ACROSS);
        blit(&picture, part, &mut sheet, (column * cell, row * height));
    }
    sheet.save_png(file)?;
    Ok(())
}

/// Every viseme from near: the lower half of the face.
fn mouths(
    avatars: &Avatars,
    id: &str,
    at: MediaTime,
    size: usize,
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let faces = Viseme::ALL.map(|viseme| visemes::face(viseme, at));
    let part = (size * 13 / 16, size * 5 / 8);
    let file = out.join(format!("{id}-mouths.png"));
    close_ups(avatars, id, size, part, &faces, &file)
}

/// Lids in five steps of a blink, looking ahead, aside and down, from near.
fn lids(
    avatars: &Avatars,
    id: &str,
    at: MediaTime,
    size: usize,
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let looks: [&[B]; 3] = [
        &[],
        &[B::EyeLookOutLeft, B::EyeLookInRight],
        &[B::EyeLookDownLeft, B::EyeLookDownRight],
    ];
    let mut faces = Vec::new();
    for look in looks {
        for step in 0..5 {
            let shut = step as f32 / 4.0;
            let blink = [(B::EyeBlinkLeft, shut), (B::EyeBlinkRight, shut)];
            let look = look.iter().map(|&shape| (shape, 0.7));
            faces.push(visemes::with(&look.chain(blink).collect::<Vec<_>>(), at));
        }
    }
    let part = (size * 5 / 8, size * 3 / 8);
    let file = out.join(format!("{id}-lids.png"));
    close_ups(avatars, id, size, part, &faces, &file)
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
