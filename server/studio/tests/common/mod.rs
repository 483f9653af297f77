//! What all tests of the studio need.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use face::Avatars;
use image::{DynamicImage, ImageFormat, RgbImage};
use studio::{Code, Consent, Request, Studio};
use weights::Models;

pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// The file of a portrait that nothing is to be said against.
pub fn portrait_file() -> Vec<u8> {
    std::fs::read(models().join("faces/maya/portrait.jpg")).unwrap()
}

pub fn portrait() -> RgbImage {
    image::load_from_memory(&portrait_file())
        .unwrap()
        .into_rgb8()
}

pub fn file(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    file(picture, ImageFormat::Png)
}

pub fn opened() -> Arc<Models> {
    static MODELS: OnceLock<Arc<Models>> = OnceLock::new();
    let open = || {
        let models = Models::open(models()).unwrap();
        weights::runtime::init(&models.library(None).unwrap()).unwrap();
        Arc::new(models)
    };
    MODELS.get_or_init(open).clone()
}

pub fn studio() -> &'static Studio {
    static STUDIO: OnceLock<Studio> = OnceLock::new();
    STUDIO.get_or_init(|| Studio::new(opened(), Arc::new(Avatars::new())))
}

#[track_caller]
pub fn finds(picture: &[u8], code: Code) {
    let report = studio().check(picture, None).unwrap();
    assert!(report.has(code), "{code:?} is not in {report:?}");
    assert_eq!(report.usable, report.errors().next().is_none());
}

pub fn request<'a>(picture: &'a [u8], name: &'a str) -> Request<'a> {
    Request {
        picture,
        crop: None,
        name,
        voice: None,
        group: None,
        consent: Consent {
            by: "Maya".to_owned(),
            statement: "I am the person in this picture and agree.".to_owned(),
            at: "2026-01-01T00:00:00Z".to_owned(),
        },
    }
}
