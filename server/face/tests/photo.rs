//! The photo renderer from outside, on a drawn sitter: what a face looks like
//! for its controls, and how pictures follow each other.

#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use face::clip::Clip;
use face::scene::{Background, Shot};
use face::{Avatars, Error, Package, Scene};
use media::Blendshape as B;
use media::seam::Renderer;
use media::{FRAME, FaceControls, MediaTime, Picture, Viseme};

#[path = "common/sitter.rs"]
mod sitter;
#[path = "../examples/common/visemes.rs"]
mod visemes;

const SIDE: usize = 320;
/// A moment between blinks for seed 1, at which faces at rest and others take a
/// step of their slow motion.
const CALM: MediaTime = MediaTime(6 * FRAME);

static PACKAGE: LazyLock<Package> = LazyLock::new(|| {
    Package::new(sitter::meta("sitter"), &sitter::portrait()).expect("the sitter is a person")
});

/// A scene in which the sitter's picture lies pixel by pixel.
fn scene() -> Scene {
    let mut scene = Scene::new(SIDE, SIDE);
    // Smaller than the picture, so that the picture fills the screen.
    scene.framing.scale = 0.5;
    scene
}

fn renderer(seed: u64) -> Box<dyn Renderer> {
    let mut portrait = sitter::portrait();
    portrait.person = None;
    let package = Package::new(sitter::meta("sitter"), &portrait).expect("it is a face");
    Avatars::draft(&package, &scene(), seed).expect("the scene is right")
}

fn draw(face: &FaceControls) -> Picture {
    let mut picture = Picture::black(SIDE, SIDE);
    renderer(1)
        .render(face, &mut picture)
        .expect("the sizes agree");
    picture
}

fn with(weights: &[(B, f32)]) -> FaceControls {
    visemes::with(weights, CALM)
}

/// Where landmarks are, with room for the idle sway.
fn around(list: &[usize], room: f32) -> (Range<usize>, Range<usize>) {
    let points = sitter::landmarks();
    let pick = |k: usize| list.iter().map(move |&i| points[i][k]).collect::<Vec<_>>();
    let range = |values: Vec<f32>| {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min) - room;
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) + room;
        low as usize..high as usize
    };
    (range(pick.clone()(0)), range(pick(1)))
}

fn count(
    picture: &Picture,
    area: &(Range<usize>, Range<usize>),
    condition: impl Fn(u8) -> bool,
) -> usize {
    area.1
        .clone()
        .flat_map(|y| area.0.clone().map(move |x| y * SIDE + x))
        .filter(|&at| condition(picture.y[at]))
        .count()
}

fn mouth() -> (Range<usize>, Range<usize>) {
    around(&[61, 291, 0, 17, 152], 2.0)
}

fn cavity(picture: &Picture) -> usize {
    count(picture, &mouth(), |y| y < 56)
}

#[test]
fn at_rest_it_is_the_picture() {
    let picture = draw(&FaceControls::rest(CALM));
    let portrait = sitter::portrait().picture;
    // Idle life moves the head by up to two pixels; away from outlines nothing
    // may differ.
    for (x, y) in [
        (160, 60),
        (110, 170),
        (210, 170),
        (160, 280),
        (20, 20),
        (300, 40),
    ] {
        let [r, g, b] = [0, 1, 2].map(|k| f32::from(portrait.data[(y * SIDE + x) * 3 + k]));
        let luma = 16.0 + (65.738 * r + 129.057 * g + 25.064 * b) / 256.0;
        let shown = f32::from(picture.y[y * SIDE + x]);
        assert!((luma - shown).abs() < 4.0, "{luma} and {shown} at {x},{y}");
    }
}

#[test]
fn the_mouth_opens_with_the_jaw_and_seals_without() {
    let open = [0.0, 0.3, 0.6, 1.0].map(|jaw| cavity(&draw(&with(&[(B::JawOpen, jaw)]))));
    assert_eq!(open[0], 0);
    assert!(open.is_sorted() && open[3] > 200, "{open:?}");
    let sealed = draw(&with(&[(B::JawOpen, 0.4), (B::MouthClose, 0.4)]));
    assert_eq!(cavity(&sealed), 0);
    for viseme in [Viseme::Sil, Viseme::Pp] {
        assert_eq!(cavity(&draw(&visemes::face(viseme, CALM))), 0);
    }
}

#[test]
fn visemes_can_be_told_apart() {
    let alike = [
        (Viseme::Dd, Viseme::Nn),
        (Viseme::Kk, Viseme::Nn),
        (Viseme::Dd, Viseme::Kk),
    ];
    let pictures = Viseme::ALL.map(|viseme| draw(&visemes::face(viseme, CALM)));
    for (i, a) in Viseme::ALL.into_iter().enumerate() {
        for (j, b) in Viseme::ALL.into_iter().enumerate().skip(i + 1) {
            let pixels = pictures[i]
                .y
                .iter()
                .zip(&pictures[j].y)
                .filter(|(a, b)| a.abs_diff(**b) > 12)
                .count();
            assert!(
                pixels > 30 || alike.contains(&(a, b)),
                "{} and {} differ in {pixels} pixels",
                a.name(),
                b.name()
            );
        }
    }
}

#[test]
fn a_blink_hides_the_eyes() {
    let eyes = around(&[33, 159, 145, 133], 1.0);
    let open = draw(&with(&[]));
    let shut = draw(&with(&[(B::EyeBlinkLeft, 1.0), (B::EyeBlinkRight, 1.0)]));
    let white = |picture: &Picture| count(picture, &eyes, |y| y > 195);
    assert!(white(&open) > 40, "{}", white(&open));
    assert_eq!(white(&shut), 0);
}

#[test]
fn the_gaze_moves_the_iris_and_nothing_else() {
    let eyes = around(&[33, 159, 145, 133, 263, 386, 374, 362], 1.0);
    let ahead = draw(&with(&[]));
    let aside = draw(&with(&[(B::EyeLookOutLeft, 0.8), (B::EyeLookInRight, 0.8)]));
    let mut moved = 0;
    for (at, (a, b)) in ahead.y.iter().zip(&aside.y).enumerate() {
        if a != b {
            let (x, y) = (at % SIDE, at / SIDE);
            assert!(eyes.0.contains(&x) && eyes.1.contains(&y), "at {x},{y}");
            moved += 1;
        }
    }
    assert!(moved > 40, "{moved}");
}

#[test]
fn a_smile_of_the_picture_is_not_smiled_twice() {
    let mut portrait = sitter::portrait();
    for shape in [B::MouthSmileLeft, B::MouthSmileRight] {
        portrait.shapes[shape.index()] = 0.6;
    }
    let package = Package::new(sitter::meta("smiler"), &portrait).unwrap();
    let render = |face: &FaceControls| {
        let mut picture = Picture::black(SIDE, SIDE);
        let mut renderer = Avatars::draft(&package, &scene(), 1).unwrap();
        renderer.render(face, &mut picture).unwrap();
        picture
    };
    let rest = render(&with(&[]));
    let smile = [(B::MouthSmileLeft, 0.5), (B::MouthSmileRight, 0.5)];
    assert!(rest.y == render(&with(&smile)).y);
    // But rounded lips take it back.
    let round = |face: &[(B, f32)]| render(&with(face)).y;
    assert!(round(&[(B::MouthPucker, 0.8)]) != draw(&with(&[(B::MouthPucker, 0.8)])).y);
}

fn shown(scene: &Scene, at: MediaTime) -> Picture {
    let mut picture = Picture::black(scene.width, scene.height);
    Avatars::draft(&PACKAGE, scene, 1)
        .unwrap()
        .render(&FaceControls::rest(at), &mut picture)
        .unwrap();
    picture
}

#[test]
fn the_background_is_replaced() {
    let mut scene = Scene::new(480, 256);
    scene.background = Background::Colour([0, 0, 255]);
    let picture = shown(&scene, CALM);
    // Blue in all upper corners, skin in the middle.
    for x in [2, 477] {
        assert_eq!(picture.y[4 * 480 + x], 41);
    }
    let middle = picture.y[110 * 480 + 240];
    assert!(middle > 100, "{middle}");

    let flat = |luma: u8| {
        let mut picture = Picture::black(480, 256);
        picture.y.fill(luma);
        picture
    };
    let clip = Clip::new(vec![flat(16), flat(235)], FRAME).unwrap();
    scene.background = Background::Clip(Arc::new(clip));
    let corner = |n: i64| shown(&scene, MediaTime(n * FRAME)).y[0];
    assert_eq!([0, 1, 2, 3].map(corner), [16, 235, 16, 235]);
    // A clip for another screen is none.
    let mut other = scene.clone();
    other.width = 512;
    let refused = Avatars::draft(&PACKAGE, &other, 1).err();
    assert_eq!(refused, Some(Error::Background));

    let mut portrait = sitter::portrait();
    portrait.person = None;
    let fixed = Package::new(sitter::meta("fixed"), &portrait).unwrap();
    let refused = Avatars::draft(&fixed, &scene, 1).err().unwrap();
    assert!(matches!(refused, Error::Fixed { .. }));
}

#[test]
fn a_circle_is_cut_out() {
    let mut scene = Scene::new(256, 256);
    scene.framing.shot = Shot::Circle;
    let white = shown(&scene, CALM);
    assert_eq!(white.y[0], 235);
    scene.background = Background::Colour([0, 0, 0]);
    let black = shown(&scene, CALM);
    assert_eq!(black.y[0], 16);
    // Inside both are the same.
    assert_eq!(white.y[128 * 256 + 128], black.y[128 * 256 + 128]);
}

#[test]
fn all_formats_are_filled_and_framed() {
    let face_rows = |picture: &Picture| {
        let width = picture.width();
        // Skin is brighter than hair and clothes, and than this background.
        (0..picture.height())
            .filter(|y| picture.y[y * width + width / 2] > 150)
            .count()
    };
    for (width, height) in [(512, 512), (640, 360), (360, 640), (1920, 128), (128, 1920)] {
        let mut scene = Scene::new(width, height);
        scene.background = Background::Colour([0, 40, 80]);
        let normal = shown(&scene, CALM);
        // Every part is painted: nothing in it is as dark as an empty picture.
        let dark = normal.y.iter().filter(|&&y| y <= 16).count();
        assert_eq!(dark, 0, "{width}x{height}");
        let mut near = scene.clone();
        near.framing.shot = Shot::CloseUp;
        let near = face_rows(&shown(&near, CALM));
        assert!(
            near > face_rows(&normal),
            "{width}x{height}: {near} and {}",
            face_rows(&normal)
        );
    }
    let mut scene = Scene::new(512, 512);
    for (scale, position) in [(0.1, (0.0, 0.0)), (f32::NAN, (0.0, 0.0)), (1.0, (0.7, 0.0))] {
        scene.framing.scale = scale;
        scene.framing.position = position;
        assert!(matches!(
            Avatars::draft(&PACKAGE, &scene, 1),
            Err(Error::Framing(..))
        ));
    }
}

/// Faces whose pictures are kept in small, to see when drawing changes.
fn golden_faces() -> Vec<FaceControls> {
    let mut faces: Vec<_> = [Viseme::Sil, Viseme::Pp, Viseme::Aa, Viseme::Ou, Viseme::Ss]
        .map(|viseme| visemes::face(viseme, CALM))
        .into();
    faces.push(with(&[(B::EyeBlinkLeft, 1.0), (B::EyeBlinkRight, 0.5)]));
    faces.push(with(&[(B::MouthSmileLeft, 0.7), (B::MouthSmileRight, 0.7)]));
    let mut turned = FaceControls::rest(CALM);
    (turned.yaw, turned.roll) = (4.0, 3.0);
    faces.push(turned);
    faces
}

/// Means of 4x4 pixels of the middle of the picture.
fn small(picture: &Picture) -> Vec<u8> {
    let cells = 40;
    let start = (SIDE - cells * 4) / 2;
    (0..cells * cells)
        .map(|i| {
            let (x, y) = (start + i % cells * 4, start + i / cells * 4);
            let sum: u32 = (0..16)
                .map(|k| u32::from(picture.y[(y + k / 4) * SIDE + x + k % 4]))
                .sum();
            (sum / 16) as u8
        })
        .collect()
}

#[test]
fn pictures_are_those_that_were_looked_at() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/photo.bin");
    let now: Vec<u8> = golden_faces()
        .iter()
        .flat_map(|face| small(&draw(face)))
        .collect();
    if std::env::var_os("GOLDEN_UPDATE").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let kept = std::fs::read(path).expect("GOLDEN_UPDATE=1 writes the file");
    assert_eq!(kept.len(), now.len());
    let far = kept.iter().zip(&now).filter(|(a, b)| a.abs_diff(**b) > 8);
    assert!(far.count() <= 4, "look at the sheets, then GOLDEN_UPDATE=1");
    let sum: u32 = kept
        .iter()
        .zip(&now)
        .map(|(a, b)| u32::from(a.abs_diff(*b)))
        .sum();
    assert!((sum as usize) < now.len() / 4, "{sum} over {}", now.len());
}
