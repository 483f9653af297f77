//! Pictures of every bad kind, made of the stock people.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{file, finds, models, opened, png, portrait, request, studio};
use face::Avatars;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, imageops};
use proptest::prelude::*;
use studio::decode::{decode, media_type};
use studio::{Code, Crop, Error, Studio};

#[test]
fn a_portrait_becomes_an_avatar_that_can_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (avatars, refused) = Avatars::open(None, Some(folder.path()));
    assert!(refused.is_empty());
    let avatars = Arc::new(avatars);
    let studio = Studio::new(opened(), avatars.clone());
    let bytes = std::fs::read(models().join("faces/maya/portrait.jpg")).unwrap();
    let first = studio.create(&request(&bytes, "Ada L.")).unwrap();
    assert!(first.report.usable, "{:?}", first.report);
    assert_eq!(first.avatar.id, "ada-l");
    assert_eq!(
        studio.create(&request(&bytes, "Ada L")).unwrap().avatar.id,
        "ada-l-2"
    );
    let package = face::Package::read(&folder.path().join("ada-l")).unwrap();
    assert_eq!(package.meta().consent.as_ref().unwrap().by, "Maya");
    avatars.remove("ada-l").unwrap();
    assert!(!folder.path().join("ada-l").exists());
}

#[test]
fn refusals_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (avatars, _) = Avatars::open(None, Some(folder.path()));
    let studio = Studio::new(opened(), Arc::new(avatars));
    let wall = png(RgbImage::from_pixel(400, 400, Rgb([90, 120, 150])));
    assert!(matches!(
        studio.create(&request(&wall, "Wall")),
        Err(Error::Unusable(_))
    ));
    let bytes = file(portrait(), ImageFormat::Jpeg);
    let mut without = request(&bytes, "Ada");
    without.consent.statement.clear();
    assert!(matches!(studio.create(&without), Err(Error::Consent(_))));
    let mut outside = request(&bytes, "Ada");
    outside.crop = Some(Crop {
        x: 5_000,
        y: 0,
        size: 100,
    });
    assert!(matches!(studio.create(&outside), Err(Error::Crop)));
    assert!(studio.create(&request(&bytes, &"x".repeat(200))).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn no_face_several_faces_and_small_faces_are_told() {
    finds(
        &png(RgbImage::from_pixel(400, 400, Rgb([90, 120, 150]))),
        Code::NoFace,
    );
    let one = imageops::thumbnail(&portrait(), 500, 500);
    let mut two = RgbImage::new(1_000, 500);
    imageops::replace(&mut two, &one, 0, 0);
    imageops::replace(&mut two, &one, 500, 0);
    finds(&png(two), Code::SeveralFaces);
    let mut far = RgbImage::from_pixel(400, 400, Rgb([150; 3]));
    imageops::replace(
        &mut far,
        &imageops::thumbnail(&portrait(), 90, 90),
        150,
        150,
    );
    let report = studio().check(&png(far), None).unwrap();
    assert!(
        report.has(Code::FaceTooSmall) || report.has(Code::NoFace),
        "{report:?}"
    );
    assert!(!report.usable);
}

#[test]
fn light_and_sharpness_are_told() {
    let portrait = portrait();
    finds(&png(imageops::blur(&portrait, 8.0)), Code::Blurred);
    let darkened = |by: u8| {
        let mut dark = portrait.clone();
        dark.pixels_mut()
            .for_each(|pixel| pixel.0 = pixel.0.map(|value| value / by));
        png(dark)
    };
    finds(&darkened(3), Code::Dark);
    finds(&darkened(8), Code::TooDark);
}

#[test]
fn kinds_of_files_are_told_by_content_whatever_they_are_called() {
    for (bytes, code) in [
        (&b"hello"[..], Code::NotAPicture),
        (b"", Code::NotAPicture),
        (b"%PDF-1.7 ....", Code::NotAPicture),
        (b"GIF89a\x01\0\x01\0\0\0\0;", Code::UnsupportedFormat),
        (b"\0\0\0\x18ftypheic\0\0\0\0", Code::UnsupportedFormat),
        (b"<svg xmlns='x'></svg>", Code::UnsupportedFormat),
    ] {
        assert_eq!(decode(bytes).unwrap_err(), code, "{bytes:?}");
    }
    assert_eq!(
        decode(&vec![0; 20_000_001]).unwrap_err(),
        Code::FileTooLarge
    );
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let small = imageops::thumbnail(&portrait(), 64, 64);
        assert_eq!(decode(&file(small, format)).unwrap().dimensions(), (64, 64));
    }
}

#[test]
fn grey_deep_and_transparent_pictures_become_rgb() {
    let small = DynamicImage::from(imageops::thumbnail(&portrait(), 64, 64));
    for picture in [
        DynamicImage::from(small.to_luma8()),
        small.to_rgb16().into(),
        small.to_rgba16().into(),
        small.to_luma_alpha8().into(),
    ] {
        assert_eq!(decode(&png(picture)).unwrap().dimensions(), (64, 64));
    }
    let clear = image::RgbaImage::from_pixel(8, 8, image::Rgba([0; 4]));
    assert!(decode(&png(clear)).unwrap().get_pixel(0, 0).0[0] > 200);
}

#[test]
fn orientation_is_applied() {
    // EXIF that says: turned by a quarter (orientation 6).
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let plain = file(RgbImage::new(64, 32), ImageFormat::Jpeg);
    let turned = [&plain[..2], exif, &plain[2..]].concat();
    assert_eq!(decode(&plain).unwrap().dimensions(), (64, 32));
    assert_eq!(decode(&turned).unwrap().dimensions(), (32, 64));
}

#[test]
fn too_many_pixels_are_refused_before_they_are_read() {
    // 60 000 × 60 000 in the header of a PNG that has nothing else.
    let mut bomb = png(RgbImage::new(1, 1));
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let refused = decode(&bomb).unwrap_err();
    assert!(
        matches!(refused, Code::TooManyPixels | Code::Damaged),
        "{refused:?}"
    );
    let large = png(image::GrayImage::new(10_000, 6_000));
    assert_eq!(decode(&large).unwrap_err(), Code::TooManyPixels);
}

#[test]
fn files_that_end_early_are_refused() {
    let picture = imageops::thumbnail(&portrait(), 200, 200);
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let bytes = file(picture.clone(), format);
        for part in [4, 2] {
            let cut = &bytes[..bytes.len() * (part - 1) / part];
            assert_eq!(decode(cut).unwrap_err(), Code::Damaged, "{format:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damaged_files_do_no_harm(
        which in 0..3_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let format = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP][which];
        let mut bytes = file(RgbImage::from_pixel(24, 24, Rgb([9, 80, 200])), format);
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Ok(picture) = decode(&bytes) {
            prop_assert!(u64::from(picture.width()) * u64::from(picture.height()) <= studio::decode::MOST_PIXELS);
        }
    }
}

#[test]
fn files_say_by_their_content_what_they_are() {
    let picture = || RgbImage::new(8, 8);
    for (format, kind) in [
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::Png, "image/png"),
        (ImageFormat::WebP, "image/webp"),
    ] {
        assert_eq!(media_type(&file(picture(), format)), Some(kind));
    }
    assert_eq!(media_type(b"hello"), None);
    assert_eq!(media_type(b""), None);
}
