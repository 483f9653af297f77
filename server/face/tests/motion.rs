//! How pictures follow each other, the same for drawn presenters and photo
//! avatars: what is still stays, nothing jumps, every picture depends on its
//! moment alone, and no controls break anything.

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use face::scene::Shot;
use face::{Avatars, Package, Scene};
use media::face::BLENDSHAPES;
use media::seam::Renderer;
use media::{FRAME, FaceControls, MediaTime, Picture, Rect};

#[path = "common/sitter.rs"]
mod sitter;
#[path = "common/talk.rs"]
mod talk;
#[path = "../examples/common/visemes.rs"]
mod visemes;

/// Somebody on a screen, and what of it is face, above the mouth.
struct Cast {
    /// A built-in presenter, or the sitter, cut out or with the picture's own
    /// background.
    name: &'static str,
    scene: Scene,
    face: Rect,
}

static PACKAGES: LazyLock<[Package; 2]> = LazyLock::new(|| {
    let whole = sitter::portrait();
    let mut opaque = whole.clone();
    opaque.person = None;
    [whole, opaque].map(|portrait| Package::new(sitter::meta("sitter"), &portrait).unwrap())
});

impl Cast {
    fn renderer(&self, seed: u64) -> Box<dyn Renderer> {
        match self.name {
            "sitter" => Avatars::draft(&PACKAGES[0], &self.scene, seed).unwrap(),
            "opaque" => Avatars::draft(&PACKAGES[1], &self.scene, seed).unwrap(),
            id => Avatars::new().renderer(id, &self.scene, seed).unwrap(),
        }
    }

    fn picture(&self) -> Picture {
        Picture::black(self.scene.width, self.scene.height)
    }
}

/// Every kind of presenter: drawn and photographed, with and without what is
/// behind, wide, high and round.
fn casts() -> Vec<Cast> {
    let cast = |name, (width, height), shot, face: [usize; 4]| {
        let mut scene = Scene::new(width, height);
        scene.framing.shot = shot;
        let [x, y, width, height] = face;
        Cast {
            name,
            scene,
            face: Rect {
                x,
                y,
                width,
                height,
            },
        }
    };
    vec![
        cast("nora", (512, 512), Shot::Normal, [206, 180, 100, 90]),
        cast("leo", (640, 360), Shot::Normal, [280, 120, 80, 70]),
        cast("sitter", (480, 270), Shot::Normal, [210, 60, 60, 50]),
        cast("opaque", (256, 320), Shot::Normal, [88, 90, 80, 60]),
        cast("sitter", (256, 256), Shot::Circle, [88, 70, 80, 70]),
    ]
}

#[test]
fn nothing_changes_outside_the_changed_rectangle() {
    for cast in casts() {
        let (width, height) = (cast.scene.width, cast.scene.height);
        let mut renderer = cast.renderer(7);
        let mut picture = cast.picture();
        renderer.render(&talk::face(0), &mut picture).unwrap();
        for n in 1..500 {
            let before = picture.clone();
            renderer.render(&talk::face(n), &mut picture).unwrap();
            let r = picture.changed;
            assert!([r.x, r.y, r.width, r.height].iter().all(|v| v % 2 == 0));
            assert!(r.x + r.width <= width && r.y + r.height <= height);
            let check = |old: &[u8], new: &[u8], width: usize, scale: usize| {
                for (i, (a, b)) in old.iter().zip(new).enumerate() {
                    let (x, y) = (i % width * scale, i / width * scale);
                    assert!(
                        a == b || r.contains(x, y),
                        "{} picture {n} at {x},{y}",
                        cast.name
                    );
                }
            };
            check(&before.y, &picture.y, width, 1);
            check(&before.u, &picture.u, width / 2, 2);
            check(&before.v, &picture.v, width / 2, 2);
        }
    }
}

#[test]
fn a_picture_depends_on_its_moment_only() {
    for cast in casts() {
        let mut running = cast.renderer(3);
        let mut picture = cast.picture();
        let mut shown = Vec::new();
        for n in 0..450 {
            running.render(&talk::face(n), &mut picture).unwrap();
            if n % 23 == 0 {
                shown.push((n, picture.clone()));
            }
        }
        // Backwards, by a renderer of its own.
        let mut other = cast.renderer(3);
        for (n, before) in shown.iter().rev() {
            other.render(&talk::face(*n), &mut picture).unwrap();
            assert!(
                (&picture.y, &picture.u, &picture.v) == (&before.y, &before.u, &before.v),
                "{} picture {n}",
                cast.name
            );
        }
    }
}

/// By how many whole pixels the face went from one picture to the next: the
/// shift after which both agree much better than without.
fn shift(before: &Picture, after: &Picture, face: Rect) -> (isize, isize) {
    let width = before.width();
    let apart = |dx: isize, dy: isize| {
        let mut sum = 0;
        for y in (face.y..face.y + face.height).step_by(2) {
            let from = y.checked_add_signed(dy).unwrap() * width;
            for x in (face.x..face.x + face.width).step_by(2) {
                let moved = from + x.checked_add_signed(dx).unwrap();
                let difference = u32::from(before.y[y * width + x].abs_diff(after.y[moved]));
                // Lids and irises change by themselves.
                sum += difference.min(24);
            }
        }
        sum
    };
    let still = apart(0, 0);
    (-3..=3)
        .flat_map(|dy| (-3..=3).map(move |dx| (dx, dy)))
        .map(|(dx, dy)| (apart(dx, dy), (dx, dy)))
        .filter(|(sum, _)| sum * 2 < still)
        .min()
        .map_or((0, 0), |(_, shift)| shift)
}

#[test]
fn a_jump_would_be_seen() {
    for cast in casts() {
        let mut before = cast.picture();
        cast.renderer(5)
            .render(&talk::face(0), &mut before)
            .unwrap();
        let mut after = before.clone();
        let width = before.width();
        after.y.rotate_right(2 * width + 3);
        let moved = shift(&before, &after, cast.face);
        assert_eq!(moved, (3, 2), "{}", cast.name);
    }
}

#[test]
fn the_head_never_jumps_and_corners_never_flicker() {
    for cast in casts() {
        let mut renderer = cast.renderer(5);
        let mut picture = cast.picture();
        let mut moved = 0;
        let mut first = None;
        for n in 0..500 {
            let before = picture.clone();
            renderer.render(&talk::face(n), &mut picture).unwrap();
            let corner: Vec<u8> = (0..24)
                .flat_map(|y| picture.y[y * cast.scene.width..][..24].to_vec())
                .collect();
            let first = first.get_or_insert_with(|| corner.clone());
            assert!(*first == corner, "{}: a corner in {n}", cast.name);
            if n == 0 {
                continue;
            }
            moved += usize::from(!picture.changed.is_empty());
            let (dx, dy) = shift(&before, &picture, cast.face);
            assert!(
                dx.abs() <= 1 && dy.abs() <= 1,
                "{}: by {dx},{dy} in {n}",
                cast.name
            );
        }
        assert!(moved > 300, "{}: {moved}", cast.name);
    }
}

/// A head that fills a large screen moves in steps as small as any.
#[test]
fn a_large_head_at_rest_moves_by_less_than_a_pixel() {
    let mut scene = Scene::new(1920, 1080);
    scene.framing.shot = Shot::CloseUp;
    let mut renderer = Avatars::draft(&PACKAGES[0], &scene, 5).unwrap();
    let mut picture = Picture::black(1920, 1080);
    let face = Rect {
        x: 800,
        y: 250,
        width: 320,
        height: 260,
    };
    let mut moved = 0;
    for n in 0..75 {
        let before = picture.clone();
        let rest = FaceControls::rest(MediaTime(n * FRAME));
        renderer.render(&rest, &mut picture).unwrap();
        if n > 0 {
            let (dx, dy) = shift(&before, &picture, face);
            assert!(dx.abs() <= 1 && dy.abs() <= 1, "by {dx},{dy} in {n}");
            moved += usize::from(!picture.changed.is_empty());
        }
    }
    // More often than every sixth picture.
    assert!(moved > 75 / 3, "{moved}");
}

#[test]
fn between_its_slow_steps_only_the_eyes_of_a_resting_face_move() {
    for cast in casts() {
        let mut renderer = cast.renderer(5);
        let mut picture = cast.picture();
        // A minute that begins after ten hours.
        let start = 10 * 3600 * 25;
        let (mut still, mut moved) = (0, 0);
        for n in start..start + 1500 {
            renderer
                .render(&FaceControls::rest(MediaTime(n * FRAME)), &mut picture)
                .unwrap();
            let changed = picture.changed;
            if n % 6 != 0 {
                // Both eyes, with room for brows and cheeks.
                assert!(
                    changed.height < cast.scene.height / 3,
                    "{}: {changed:?} in {n}",
                    cast.name
                );
            }
            still += usize::from(changed.is_empty());
            moved += usize::from(!changed.is_empty());
        }
        assert!(still > 900, "{}: {still} are still", cast.name);
        assert!(moved > 50, "{}: it does not live", cast.name);
    }
}

#[test]
fn no_controls_break_a_presenter() {
    let wild = [
        1.0,
        -4.0,
        10.0,
        -10.0,
        1e30,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];
    for cast in casts() {
        let mut renderer = cast.renderer(1);
        let mut picture = cast.picture();
        for weight in wild {
            for angle in wild {
                let mut face = FaceControls::rest(MediaTime(5 * FRAME));
                face.shapes = [weight; BLENDSHAPES];
                (face.yaw, face.pitch, face.roll) = (angle, angle, angle);
                renderer.render(&face, &mut picture).unwrap();
            }
        }
        for at in [i64::MIN, -1, i64::MAX] {
            let face = FaceControls::rest(MediaTime(at));
            renderer.render(&face, &mut picture).unwrap();
        }
        // And it is none the worse for it.
        renderer.render(&talk::face(5), &mut picture).unwrap();
        let mut clean = cast.picture();
        cast.renderer(1).render(&talk::face(5), &mut clean).unwrap();
        assert_eq!((picture.y, picture.u), (clean.y, clean.u), "{}", cast.name);
    }
}
