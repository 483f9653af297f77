//! What is told of faces: eyes, glasses, drawings, and how the head is held.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::OnceLock;

use common::{file, finds, models, png, portrait, studio};
use face::Avatars;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, imageops};
use studio::report::Seen;
use studio::{Code, Report};

fn stock(name: &str, which: &str) -> RgbImage {
    let path = models().join(format!("faces/{name}/{which}.jpg"));
    image::open(path).unwrap().into_rgb8()
}

fn head(name: &str) -> Vec<u8> {
    std::fs::read(models().join(format!("faces/test/{name}.jpg"))).unwrap()
}

fn check(bytes: &[u8]) -> Report {
    studio().check(bytes, None).unwrap()
}

const PEOPLE: [&str; 4] = ["maya", "kofi", "kenji", "ingrid"];

/// What is seen of a person of the stock without anything drawn on.
fn seen(name: &str) -> Seen {
    static ALL: OnceLock<Vec<Seen>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let report = |name: &&str| check(&png(stock(name, "portrait")));
        PEOPLE
            .iter()
            .map(|name| report(name).face.unwrap())
            .collect()
    });
    all[PEOPLE.iter().position(|known| *known == name).unwrap()]
}

/// Paints two lenses over the eyes: `glass` is how much of what lies behind is
/// hidden, `rim` the width of the frame as a part of the face's height.
fn with_glasses(name: &str, glass: f32, rim: f32) -> RgbImage {
    const TINT: [f32; 3] = [22.0, 18.0, 16.0];
    let face = seen(name);
    let mut picture = stock(name, "portrait");
    let middle = face.y + 0.37 * face.height;
    let size = 0.19 * face.height;
    for part in [0.27, 0.73] {
        let centre = face.x + part * face.width;
        for y in (middle - size) as u32..(middle + size) as u32 {
            for x in (centre - size) as u32..(centre + size) as u32 {
                let (across, down) = (x as f32 - centre, (y as f32 - middle) * 1.4);
                let from_edge = size - across.hypot(down);
                if from_edge < 0.0 {
                    continue;
                }
                let hidden = if from_edge < rim * face.height {
                    1.0
                } else {
                    glass
                };
                let pixel = picture.get_pixel_mut(x, y);
                for (value, tint) in pixel.0.iter_mut().zip(TINT) {
                    *value = (f32::from(*value) * (1.0 - hidden) + tint * hidden) as u8;
                }
            }
        }
    }
    let thick = (rim * face.height).max(1.0) as u32;
    for y in middle as u32..middle as u32 + thick {
        for x in (face.x + 0.45 * face.width) as u32..(face.x + 0.55 * face.width) as u32 {
            picture.put_pixel(x, y, Rgb([22, 18, 16]));
        }
    }
    picture
}

#[test]
fn people_without_anything_have_nothing_to_change() {
    for name in PEOPLE {
        let report = check(&png(stock(name, "portrait")));
        assert!(report.usable, "{name}: {report:?}");
        for code in [
            Code::Glasses,
            Code::EyesHidden,
            Code::EyesClosed,
            Code::Drawing,
        ] {
            assert!(!report.has(code), "{name}: {report:?}");
        }
    }
    for name in ["bearded", "sidelit", "smiling", "tilted"] {
        let report = check(&head(name));
        assert!(
            report.usable && !report.has(Code::Glasses),
            "{name}: {report:?}"
        );
    }
}

#[test]
fn sunglasses_hide_the_eyes_of_everybody() {
    for name in PEOPLE {
        for glass in [1.0, 0.82] {
            let report = check(&png(with_glasses(name, glass, 0.01)));
            assert!(
                report.has(Code::EyesHidden) && !report.usable,
                "{name}: {report:?}"
            );
        }
        let tinted = check(&png(with_glasses(name, 0.55, 0.0)));
        assert!(
            tinted.usable && tinted.has(Code::Glasses),
            "{name}: {tinted:?}"
        );
    }
}

#[test]
fn heads_that_no_avatar_can_be_made_of_are_told_with_advice() {
    for (name, code, asks) in [
        ("profile", Code::NoFace, "looks into the camera"),
        ("sunglasses", Code::EyesHidden, "Take off sunglasses"),
        ("pair", Code::SeveralFaces, "a picture of one person"),
    ] {
        let report = check(&head(name));
        assert!(!report.usable, "{name}: {report:?}");
        let found = report.findings.iter().find(|f| f.code == code.as_str());
        assert!(
            found.is_some_and(|f| f.advice.contains(asks)),
            "{name}: {report:?}"
        );
    }
}

#[test]
fn spectacles_are_told() {
    for name in PEOPLE {
        for rim in [0.012, 0.025] {
            let report = check(&png(with_glasses(name, 0.0, rim)));
            assert!(
                report.usable && report.has(Code::Glasses),
                "{name} {rim}: {report:?}"
            );
        }
    }
    finds(&head("glasses"), Code::Glasses);
}

#[test]
fn closed_eyes_are_told() {
    for name in PEOPLE {
        finds(&png(stock(name, "eyes_closed")), Code::EyesClosed);
    }
}

#[test]
fn drawings_are_told_however_they_are_saved() {
    for name in ["nora", "leo"] {
        let drawn = Avatars::new().preview(name, 512).unwrap();
        let report = check(&drawn);
        assert!(
            report.usable && report.has(Code::Drawing),
            "{name}: {report:?}"
        );
        let picture = image::load_from_memory(&drawn).unwrap().into_rgb8();
        finds(&file(picture.clone(), ImageFormat::Jpeg), Code::Drawing);
        let large = imageops::resize(&picture, 1_000, 1_000, imageops::FilterType::CatmullRom);
        finds(&png(large), Code::Drawing);
    }
}

#[test]
fn what_has_no_human_face_is_told() {
    // An animal of few strokes: two eyes, ears and a snout in fur.
    let mut animal = RgbImage::from_fn(400, 400, |x, y| {
        let grain = ((x * 7 + y * 13) % 17) as u8;
        Rgb([150 + grain, 120 + grain, 80 + grain])
    });
    for (x, y, radius, colour) in [
        (140, 170, 26, [40, 120, 60]),
        (260, 170, 26, [40, 120, 60]),
        (140, 170, 12, [5, 5, 5]),
        (260, 170, 12, [5, 5, 5]),
        (200, 260, 30, [60, 35, 35]),
        (90, 60, 50, [110, 80, 50]),
        (310, 60, 50, [110, 80, 50]),
    ] {
        for (at_x, at_y, pixel) in animal.enumerate_pixels_mut() {
            if (at_x as f32 - x as f32).hypot(at_y as f32 - y as f32) < radius as f32 {
                *pixel = Rgb(colour);
            }
        }
    }
    finds(&png(animal), Code::NoFace);
}

#[test]
fn pictures_on_their_side_are_told() {
    let upright = DynamicImage::from(portrait());
    for lying in [upright.rotate90(), upright.rotate270()] {
        let report = check(&png(lying));
        assert!(report.has(Code::Lying) && !report.usable, "{report:?}");
    }
}

#[test]
fn a_face_of_twenty_pixels_is_too_small() {
    let mut far = RgbImage::from_pixel(400, 400, Rgb([150; 3]));
    let small = imageops::thumbnail(&portrait(), 68, 68);
    imageops::replace(&mut far, &small, 150, 150);
    let report = check(&png(far));
    assert!(!report.usable, "{report:?}");
    let advice = report.errors().next().unwrap().advice;
    assert!(advice.contains("face"), "{advice}");
}
