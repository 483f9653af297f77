//! The presenters from outside: what a face looks like for its controls, and
//! that pictures depend on nothing but the controls and the moment.

use std::ops::Range;

use face::{Avatars, Error, Scene};
use media::Blendshape as B;
use media::seam::Renderer;
use media::{FaceControls, MediaTime, Picture, Viseme};

#[path = "common/talk.rs"]
mod talk;
#[path = "../examples/common/visemes.rs"]
mod visemes;

const IDS: [&str; 2] = ["nora", "leo"];
const SIDE: usize = 512;
/// A moment between blinks for seed 1.
const CALM: MediaTime = MediaTime::from_millis(200);

/// Where the mouth and the eyes are at 512x512, with room for the idle sway.
const MOUTH: (Range<usize>, Range<usize>) = (222..290, 286..336);
const EYE: (Range<usize>, Range<usize>) = (270..322, 204..240);

fn renderer(id: &str, seed: u64) -> Box<dyn Renderer> {
    Avatars::new()
        .renderer(id, &Scene::new(SIDE, SIDE), seed)
        .expect("the avatar exists")
}

fn draw(id: &str, face: &FaceControls) -> Picture {
    let mut picture = Picture::black(SIDE, SIDE);
    renderer(id, 1)
        .render(face, &mut picture)
        .expect("the picture has the renderer's size");
    picture
}

fn with(weights: &[(B, f32)]) -> FaceControls {
    visemes::with(weights, CALM)
}

/// How many pixels of an area fulfil a condition on luma and both chromas.
fn count(
    picture: &Picture,
    area: &(Range<usize>, Range<usize>),
    condition: impl Fn(u8, u8, u8) -> bool,
) -> usize {
    let width = picture.width();
    area.1
        .clone()
        .flat_map(|y| area.0.clone().map(move |x| (x, y)))
        .filter(|(x, y)| {
            let chroma = y / 2 * (width / 2) + x / 2;
            condition(
                picture.y[y * width + x],
                picture.u[chroma],
                picture.v[chroma],
            )
        })
        .count()
}

/// The dark of an open mouth: darker than the line between closed lips.
fn cavity(picture: &Picture) -> usize {
    count(picture, &MOUTH, |y, _, _| y < 44)
}

/// White without the tint of skin.
fn white(picture: &Picture, area: &(Range<usize>, Range<usize>)) -> usize {
    count(picture, area, |y, u, v| {
        y > 165 && u.abs_diff(128) < 14 && v.abs_diff(128) < 14
    })
}

/// Pixels of the picture that differ clearly in luma.
fn different(a: &Picture, b: &Picture) -> usize {
    a.y.iter()
        .zip(&b.y)
        .filter(|(a, b)| a.abs_diff(**b) > 12)
        .count()
}

#[test]
fn closed_lips_show_neither_teeth_nor_cavity() {
    for id in IDS {
        for viseme in [Viseme::Sil, Viseme::Pp] {
            let picture = draw(id, &visemes::face(viseme, CALM));
            assert_eq!(cavity(&picture), 0, "{id} {}", viseme.name());
            assert_eq!(white(&picture, &MOUTH), 0, "{id} {}", viseme.name());
        }
    }
}

#[test]
fn the_mouth_opens_with_the_jaw() {
    for id in IDS {
        let mut before = 0;
        for step in 1..=10 {
            let open = cavity(&draw(id, &with(&[(B::JawOpen, step as f32 / 10.0)])));
            // The first steps open onto the teeth.
            assert!(
                open > before || (step <= 2 && open == 0),
                "{id}: {open} after {before} at {step}"
            );
            before = open;
        }
        assert!(before > 700, "{id}: {before}");
    }
}

#[test]
fn a_closed_mouth_stays_closed_over_an_open_jaw() {
    for id in IDS {
        let face = with(&[(B::JawOpen, 0.4), (B::MouthClose, 0.4)]);
        assert_eq!(cavity(&draw(id, &face)), 0, "{id}");
    }
}

#[test]
fn pressed_lips_differ_from_rest() {
    for id in IDS {
        let rest = draw(id, &visemes::face(Viseme::Sil, CALM));
        let pressed = draw(id, &visemes::face(Viseme::Pp, CALM));
        assert!(different(&rest, &pressed) > 120, "{id}");
    }
}

#[test]
fn every_pair_of_visemes_can_be_told_apart() {
    // The alveolars n and d are one shape to the eye.
    let alike = [(Viseme::Dd, Viseme::Nn)];
    for id in IDS {
        let pictures = Viseme::ALL.map(|viseme| draw(id, &visemes::face(viseme, CALM)));
        for (i, a) in Viseme::ALL.into_iter().enumerate() {
            for (j, b) in Viseme::ALL.into_iter().enumerate().skip(i + 1) {
                let pixels = different(&pictures[i], &pictures[j]);
                assert!(
                    pixels > 60 || alike.contains(&(a, b)),
                    "{id}: {} and {} differ in {pixels} pixels",
                    a.name(),
                    b.name()
                );
            }
        }
    }
}

#[test]
fn f_shows_the_upper_teeth_on_the_lower_lip() {
    for id in IDS {
        let picture = draw(id, &visemes::face(Viseme::Ff, CALM));
        assert!(
            white(&picture, &MOUTH) > 60,
            "{id}: {}",
            white(&picture, &MOUTH)
        );
        // Teeth meet the lip: nothing dark between them in the middle.
        let middle = (244..268, MOUTH.1);
        assert_eq!(count(&picture, &middle, |y, _, _| y < 44), 0, "{id}");
    }
}

#[test]
fn s_shows_closed_teeth_and_ou_a_small_round_opening() {
    for id in IDS {
        let s = draw(id, &visemes::face(Viseme::Ss, CALM));
        assert!(white(&s, &MOUTH) > 100, "{id}: {}", white(&s, &MOUTH));
        let ou = draw(id, &visemes::face(Viseme::Ou, CALM));
        let columns = MOUTH
            .0
            .clone()
            .filter(|&x| count(&ou, &(x..x + 1, MOUTH.1.clone()), |y, _, _| y < 44) > 0)
            .count();
        assert!((8..30).contains(&columns), "{id}: {columns} columns wide");
    }
}

#[test]
fn a_blink_hides_the_eye() {
    for id in IDS {
        let open = draw(id, &with(&[]));
        let shut = draw(
            id,
            &with(&[(B::EyeBlinkLeft, 1.0), (B::EyeBlinkRight, 1.0)]),
        );
        let dark = |p: &Picture| count(p, &(286..306, 214..224), |y, _, _| y < 60);
        assert!(white(&open, &EYE) > 120, "{id}: {}", white(&open, &EYE));
        assert_eq!(white(&shut, &EYE), 0, "{id}");
        assert!(dark(&open) > 20, "{id}: {}", dark(&open));
        assert_eq!(dark(&shut), 0, "{id}");
    }
}

#[test]
fn seeds_lead_different_lives() {
    let at = |seed| {
        let mut picture = Picture::black(SIDE, SIDE);
        let face = FaceControls::rest(MediaTime::from_millis(7_000));
        renderer("nora", seed).render(&face, &mut picture).unwrap();
        picture
    };
    assert_eq!(at(1), at(1));
    assert_ne!(at(1), at(2));
}

#[test]
fn all_formats_can_be_drawn() {
    let avatars = Avatars::new();
    for id in IDS {
        for (width, height) in [
            (128, 128),
            (1920, 128),
            (128, 1920),
            (1280, 720),
            (720, 1280),
        ] {
            let mut renderer = avatars.renderer(id, &Scene::new(width, height), 1).unwrap();
            assert_eq!(renderer.size(), (width, height));
            let mut picture = Picture::black(width, height);
            for n in 0..3 {
                renderer.render(&talk::face(160 + n), &mut picture).unwrap();
            }
            // Every part of the picture is painted.
            assert!(picture.y.iter().all(|&y| y > 16), "{id} {width}x{height}");
        }
    }
}

#[test]
fn bad_requests_are_refused_with_advice() {
    let avatars = Avatars::new();
    let error = avatars
        .renderer("ghost", &Scene::new(512, 512), 1)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "there is no avatar \"ghost\"; there are: nora, leo"
    );
    for (width, height) in [
        (511, 512),
        (0, 512),
        (512, 4096),
        (126, 512),
        (usize::MAX, 2),
    ] {
        let error = avatars
            .renderer("nora", &Scene::new(width, height), 1)
            .err()
            .unwrap();
        assert_eq!(error, Error::Size { width, height });
    }
    let mut other = Picture::black(256, 256);
    let error = renderer("leo", 1)
        .render(&with(&[]), &mut other)
        .unwrap_err();
    assert!(error.to_string().contains("256x256"), "{error}");
}

#[test]
fn previews_are_png_of_the_size_asked_for() {
    let avatars = Avatars::new();
    for avatar in avatars.list() {
        let png = avatars.preview(&avatar.id, 256).unwrap();
        let image = tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((image.width(), image.height()), (256, 256));
        assert!(image.pixels().iter().all(|p| p.alpha() == 255));
        assert_eq!(avatars.get(&avatar.id).unwrap(), avatar);
        assert!(!avatar.voices.is_empty());
    }
}
