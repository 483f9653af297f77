//! Networks that repaint the mouth, made here node by node: what they paint is
//! where it belongs and nowhere else, and what breaks the contract is refused.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use face::neural::{Kind, Network, Settings};
use face::scene::{Background, Shot};
use face::{Avatars, Package, Scene, neural, package};
use media::Blendshape as B;
use media::seam::Renderer;
use media::{FRAME, FaceControls, HOP, MediaTime, Picture, Rect};
use onnx::{Element, Graph};

#[path = "common/networks.rs"]
mod networks;
#[path = "common/sitter.rs"]
mod sitter;

use networks::{CROP, Net, tint};

const SIDE: usize = 320;
/// Pixels of the portrait, which lies pixel by pixel on the screen.
const REGION: [f32; 4] = [120.0, 176.0, 200.0, 256.0];

static PACKAGE: LazyLock<Package> = LazyLock::new(|| {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let library = weights::runtime::locate(None, &models).expect("the library is fetched");
    weights::runtime::init(&library).expect("the library loads");
    let mut portrait = sitter::portrait();
    portrait.person = None;
    Package::new(sitter::meta("sitter"), &portrait).expect("the sitter is a person")
});

fn settings(kind: Kind) -> Settings {
    Settings {
        crop: Some(REGION),
        feather: 0.1,
        ..Settings::new(kind)
    }
}

fn scene() -> Scene {
    let mut scene = Scene::new(SIDE, SIDE);
    scene.framing.scale = 0.5;
    scene
}

fn with_network(kind: Kind, network: Vec<u8>) -> Box<dyn Renderer> {
    let package = PACKAGE.with_network(Some((settings(kind), network)));
    Avatars::draft(&package.unwrap(), &scene(), 1).unwrap()
}

fn plain() -> Box<dyn Renderer> {
    Avatars::draft(&PACKAGE, &scene(), 1).unwrap()
}

/// A face with an open jaw at the n-th picture.
fn open(n: i64, jaw: f32) -> FaceControls {
    let mut face = FaceControls::rest(MediaTime(n * FRAME));
    face.set(B::JawOpen, jaw);
    face
}

fn draw(renderer: &mut dyn Renderer, face: &FaceControls) -> Picture {
    let mut picture = Picture::black(SIDE, SIDE);
    renderer.render(face, &mut picture).unwrap();
    picture
}

/// Where two pictures differ.
fn difference(a: &Picture, b: &Picture) -> Rect {
    let mut found = Rect::EMPTY;
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (at, half) = (y * SIDE + x, y / 2 * (SIDE / 2) + x / 2);
            if a.y[at] != b.y[at] || a.u[half] != b.u[half] || a.v[half] != b.v[half] {
                found = found.union(Rect {
                    x,
                    y,
                    width: 1,
                    height: 1,
                });
            }
        }
    }
    found
}

/// The region with room for the head's sway.
fn around_region() -> Rect {
    let [left, top, right, bottom] = REGION;
    Rect::cover(
        left - 6.0,
        top - 6.0,
        right + 6.0,
        bottom + 6.0,
        (SIDE, SIDE),
    )
}

/// Luma and chroma at the middle of the region.
fn middle(picture: &Picture) -> [u8; 3] {
    let (x, y) = (160, 216);
    let half = y / 2 * (SIDE / 2) + x / 2;
    [picture.y[y * SIDE + x], picture.u[half], picture.v[half]]
}

fn refusal(kind: Kind, bytes: &[u8]) -> neural::Error {
    LazyLock::force(&PACKAGE);
    Network::try_out(bytes, kind, [0.0, 1.0]).expect_err("it must be refused")
}

#[test]
fn the_network_paints_its_crop_and_nothing_else() {
    let mut painted = with_network(Kind::Controls, tint());
    let (shut, wide) = (open(5, 0.0), open(5, 1.0));
    // At rest the tint is the crop itself: only resampling may show.
    let (mut shown, without) = (draw(&mut *painted, &shut), draw(&mut *plain(), &shut));
    let far = shown.y.iter().zip(&without.y).map(|(a, b)| a.abs_diff(*b));
    assert!(far.max().unwrap() < 40);
    assert!(around_region().contains(160, 216));
    // With the jaw open it is green: BT.601 has luma 145, chroma 54 and 34.
    painted.render(&wide, &mut shown).unwrap();
    let without = draw(&mut *plain(), &wide);
    for (value, wanted) in middle(&shown).into_iter().zip([145, 54, 34]) {
        assert!(value.abs_diff(wanted) <= 2, "{:?}", middle(&shown));
    }
    let differs = difference(&shown, &without);
    assert_eq!(differs.intersection(around_region()), differs);
    assert!(differs.width > 60 && differs.height > 60, "{differs:?}");
    // Half open is half green.
    let half = middle(&draw(&mut *painted, &open(5, 0.5)))[0];
    let from = middle(&draw(&mut *plain(), &open(5, 0.5)))[0];
    assert!((i32::from(half) - i32::midpoint(i32::from(from), 145)).abs() < 6);
}

#[test]
fn a_picture_depends_on_its_moment_only() {
    let mut running = with_network(Kind::Controls, tint());
    let mut picture = Picture::black(SIDE, SIDE);
    for n in 0..60 {
        let face = open(n, (n % 13) as f32 / 12.0);
        let before = picture.clone();
        running.render(&face, &mut picture).unwrap();
        if n > 0 {
            let differs = difference(&before, &picture);
            assert_eq!(
                differs.intersection(picture.changed),
                differs,
                "picture {n}"
            );
        }
        if n % 7 == 3 {
            let alone = draw(&mut *with_network(Kind::Controls, tint()), &face);
            assert_eq!(difference(&alone, &picture), Rect::EMPTY, "picture {n}");
        }
    }
    // Nothing new: nothing is drawn.
    running.render(&open(59, 7.0 / 12.0), &mut picture).unwrap();
    assert_eq!(picture.changed, Rect::EMPTY);
}

#[test]
fn alpha_range_and_pose_reach_the_network() {
    // An alpha of 0 on the left and 1 on the right.
    let mut net = Net::new();
    net.paint([0.0, 1.0, 0.0]);
    let ramp: Vec<f32> = (0..CROP * CROP)
        .map(|i| f32::from(i % CROP >= CROP / 2))
        .collect();
    net.graph
        .floats("half", &[1, 1, CROP as i64, CROP as i64], &ramp);
    net.graph.node("Identity", &["half"], &["alpha"], &[]);
    net.output("alpha", 1);
    let face = open(5, 0.0);
    let green = draw(&mut *with_network(Kind::Controls, net.finish()), &face);
    let differs = difference(&green, &draw(&mut *plain(), &face));
    assert!(
        differs.x > 150 && differs.x + differs.width < 206,
        "{differs:?}"
    );

    // -1..1: what comes in goes out, and zero is the middle grey.
    for (colour, luma) in [([0.0; 3], 126), ([1.0; 3], 235), ([-1.0; 3], 16)] {
        let mut net = Net::new();
        net.paint(colour);
        let mut settings = settings(Kind::Controls);
        settings.range = [-1.0, 1.0];
        let package = PACKAGE
            .with_network(Some((settings, net.finish())))
            .unwrap();
        let mut renderer = Avatars::draft(&package, &scene(), 1).unwrap();
        let shown = middle(&draw(&mut *renderer, &face))[0];
        assert!(shown.abs_diff(luma) <= 1, "{shown} for {colour:?}");
    }

    // Yaw in degrees, as brightness: 0.1 + yaw / 10.
    let mut net = Net::new();
    net.graph.input("pose", Element::Float, &[Some(1), Some(6)]);
    net.graph
        .floats("weights", &[6, 1], &[0.1, 0.0, 0.0, 0.0, 0.0, 0.0]);
    net.graph
        .node("MatMul", &["pose", "weights"], &["yaw"], &[]);
    net.graph.floats(
        "grey",
        &[1, 3, CROP as i64, CROP as i64],
        &vec![0.1; 3 * CROP * CROP],
    );
    net.graph.node("Add", &["grey", "yaw"], &["mouth"], &[]);
    net.output("mouth", 3);
    let mut renderer = with_network(Kind::Controls, net.finish());
    let mut turned = open(5, 0.0);
    turned.yaw = 4.0;
    let dark = middle(&draw(&mut *renderer, &open(5, 0.0)))[0];
    let light = middle(&draw(&mut *renderer, &turned))[0];
    let rise = f32::from(light.abs_diff(dark)) / 219.0;
    assert!((rise - 0.4).abs() < 0.02, "{rise}");
}

#[test]
fn crops_follow_the_landmarks_and_the_shots() {
    let mut scene = scene();
    for (shot, kind, network) in [
        (Shot::Normal, Kind::Controls, tint()),
        (Shot::CloseUp, Kind::Controls, tint()),
        (Shot::Circle, Kind::Wav2Lip, networks::wav2lip("a", "b")),
    ] {
        scene.framing.shot = shot;
        scene.background = Background::Own;
        let package = PACKAGE.with_network(Some((Settings::new(kind), network)));
        let mut with = Avatars::draft(&package.unwrap(), &scene, 1).unwrap();
        let mut without = Avatars::draft(&PACKAGE, &scene, 1).unwrap();
        if let Some(ahead) = with.preview() {
            with.hear(MediaTime(0), &vec![0.5; HOP + ahead as usize]);
        }
        let face = open(0, 1.0);
        let (with, without) = (draw(&mut *with, &face), draw(&mut *without, &face));
        let differs = difference(&with, &without);
        // The lips are in it, the eyes are not.
        assert!(
            differs.height > 40 && differs.width > 40,
            "{shot:?}: {differs:?}"
        );
        let (x, y) = (
            differs.x + differs.width / 2,
            differs.y + differs.height / 2,
        );
        assert!(x.abs_diff(SIDE / 2) < 16, "{shot:?}: {differs:?}");
        assert!(y > SIDE / 2, "{shot:?}: {differs:?}");
        // Around a circle everything stays as it is.
        if shot == Shot::Circle {
            assert_eq!(with.y[0], 235);
        }
    }
}

#[test]
fn wav2lip_hears_sound_and_sees_its_six_channels() {
    // Whatever the tensors are called; loud sound is bright.
    for (mel, faces) in [("mel", "face"), ("audio_sequences", "input.7")] {
        let mut renderer = with_network(Kind::Wav2Lip, networks::wav2lip(mel, faces));
        let ahead = renderer.preview().expect("it listens") as usize;
        let mut lumas = Vec::new();
        let mut picture = Picture::black(SIDE, SIDE);
        for n in 0..20 {
            let level = if n < 10 { 0.0 } else { 0.5 };
            let sound: Vec<f32> = (0..HOP + ahead)
                .map(|i| level * ((n * HOP + i) as f32 * 0.05).sin())
                .collect();
            renderer.hear(MediaTime((n * HOP) as i64), &sound);
            if n % 2 == 0 {
                let face = FaceControls::rest(MediaTime((n * HOP) as i64));
                renderer.render(&face, &mut picture).unwrap();
                lumas.push(picture.clone());
            }
        }
        let (quiet, loud) = (&lumas[2], &lumas[9]);
        assert!(
            middle_of_lower(loud)[0] > middle_of_lower(quiet)[0] + 20,
            "{:?} after {:?}",
            middle_of_lower(loud),
            middle_of_lower(quiet)
        );
        // Its upper half is never blended back.
        let face = FaceControls::rest(MediaTime(18 * HOP as i64));
        let differs = difference(loud, &draw(&mut *plain(), &face));
        assert!(differs.y >= 212 && differs.height > 30, "{differs:?}");
        assert_eq!(differs.intersection(around_region()), differs);
    }
    // Channel by channel: the masked half is black, then the crop as BGR.
    let network = networks::wav2lip_channel(0);
    let black = draw(&mut *with_network(Kind::Wav2Lip, network), &open(0, 0.0));
    assert_eq!(middle_of_lower(&black)[0], 16);
    let (red, green, blue) = (5, 4, 3);
    let grey = |channel| {
        let network = networks::wav2lip_channel(channel);
        middle_of_lower(&draw(
            &mut *with_network(Kind::Wav2Lip, network),
            &open(0, 0.0),
        ))[0]
    };
    // Skin is red before green before blue.
    assert!(grey(red) > grey(green) && grey(green) > grey(blue));
}

fn middle_of_lower(picture: &Picture) -> [u8; 3] {
    let (x, y) = (136, 236);
    let half = y / 2 * (SIDE / 2) + x / 2;
    [picture.y[y * SIDE + x], picture.u[half], picture.v[half]]
}

#[test]
fn what_breaks_the_contract_is_refused_with_its_name() {
    use neural::Error as E;

    let sides = |side: i64, channels: i64| {
        let mut graph = Graph::new("wrong");
        graph.input("controls", Element::Float, &[Some(1), Some(52)]);
        let shape = [Some(1), Some(channels), Some(side), Some(side)];
        graph.input("crop", Element::Float, &shape);
        graph.node("Identity", &["crop"], &["mouth"], &[]);
        graph.output("mouth", Element::Float, &shape);
        refusal(Kind::Controls, &graph.finish())
    };
    for (side, channels) in [(8, 3), (1024, 3), (64, 1)] {
        assert!(matches!(sides(side, channels), E::Shape { name, .. } if name == "crop"));
    }
    let renamed = |from: &str, to: &str| {
        let mut net = Net::named(&[(from, to)]);
        net.paint([0.0; 3]);
        refusal(Kind::Controls, &net.finish())
    };
    let lips = renamed("crop", "lips");
    assert_eq!(
        lips.to_string(),
        "the network has no input 'crop'; there are: controls, lips"
    );
    assert!(matches!(renamed("controls", "weights"), E::Missing { .. }));
    let mut net = Net::new();
    net.graph.input("style", Element::Float, &[Some(1)]);
    net.paint([0.0; 3]);
    assert_eq!(
        refusal(Kind::Controls, &net.finish()),
        E::Unknown("style".into())
    );
    // An output of another size.
    let mut net = Net::new();
    net.graph
        .floats("small", &[1, 3, 32, 32], &[0.0; 3 * 32 * 32]);
    net.graph.node("Identity", &["small"], &["mouth"], &[]);
    let small = [Some(1), Some(3), Some(32), Some(32)];
    net.graph.output("mouth", Element::Float, &small);
    assert!(matches!(
        refusal(Kind::Controls, &net.finish()),
        E::Shape { name, .. } if name == "mouth"
    ));
    // The other kind.
    assert!(matches!(refusal(Kind::Wav2Lip, &tint()), E::Missing { .. }));
    assert!(matches!(
        refusal(Kind::Controls, &networks::wav2lip("mel", "face")),
        E::Missing { .. }
    ));
    // Numbers that are none, in the trial run.
    let mut net = Net::new();
    net.paint([f32::NAN, 0.0, 0.0]);
    assert_eq!(
        refusal(Kind::Controls, &net.finish()),
        E::NotFinite("mouth".into())
    );
    // No model at all, and one that is cut short.
    assert!(matches!(refusal(Kind::Controls, b"no model"), E::Load(_)));
    let whole = tint();
    assert!(matches!(
        refusal(Kind::Controls, &whole[..whole.len() - 9]),
        E::Load(_)
    ));
}

#[test]
fn work_without_bounds_is_refused() {
    use neural::Error as E;

    let mut net = Net::new();
    for n in 0..5_000 {
        net.graph
            .node("Identity", &["crop"], &[&format!("n{n}")], &[]);
    }
    net.paint([0.0; 3]);
    assert!(matches!(
        refusal(Kind::Controls, &net.finish()),
        E::Refused(_)
    ));
    let big = vec![0; neural::MAX_NETWORK as usize + 1];
    assert_eq!(refusal(Kind::Controls, &big), E::TooLarge);
    assert!(matches!(
        PACKAGE.with_network(Some((settings(Kind::Controls), big))),
        Err(package::Error::TooLarge { .. })
    ));
    // A few nodes that take minutes: multiplying large matrices again and again,
    // which depend on an input, or on none: loading would compute those before
    // any trial.
    for constant in [false, true] {
        let mut net = Net::new();
        net.graph.integers("large", &[2], &[3_000, 3_000]);
        if constant {
            net.graph.floats("mean", &[1, 1], &[0.5]);
        } else {
            net.graph.node("ReduceMean", &["controls"], &["mean"], &[]);
        }
        net.graph.node("Expand", &["mean", "large"], &["m0"], &[]);
        for n in 0..400 {
            let (from, to) = (format!("m{n}"), format!("m{}", n + 1));
            net.graph.node("MatMul", &[&from, &from], &[&to], &[]);
        }
        net.graph.node("ReduceMean", &["m400"], &["late"], &[]);
        net.graph.node("Add", &["crop", "late"], &["mouth"], &[]);
        net.output("mouth", 3);
        assert!(matches!(refusal(Kind::Controls, &net.finish()), E::Slow(_)));
    }
}

#[test]
fn a_network_that_keeps_a_live_session_waiting_is_given_up() {
    let (slow, quick) = (Duration::from_millis(41), Duration::from_millis(40));
    // What pictures take, and whether the network still paints the next one.
    let paints = |pictures: &[Duration]| {
        let mut renderer = with_network(Kind::Controls, tint());
        let mut picture = Picture::black(SIDE, SIDE);
        for (n, time) in pictures.iter().enumerate() {
            let face = open(n as i64, 0.5 + (n % 2) as f32 / 2.0);
            renderer.render(&face, &mut picture).unwrap();
            renderer.took(*time);
        }
        let next = open(pictures.len() as i64, 0.8);
        renderer.render(&next, &mut picture).unwrap();
        difference(&picture, &draw(&mut *plain(), &next)) != Rect::EMPTY
    };
    assert!(paints(&[quick; 12]));
    assert!(paints(&[slow; 9]));
    assert!(!paints(&[slow; 10]));
    // In a row.
    assert!(paints(&[&[slow; 9][..], &[quick], &[slow; 9]].concat()));
    // Very slow ones are not waited for so often.
    assert!(paints(&[Duration::from_millis(539)]));
    assert!(!paints(&[Duration::from_millis(540)]));
    assert!(!paints(&[Duration::from_millis(290); 2]));
    // A picture that shows the last one again says nothing of the network.
    let mut renderer = with_network(Kind::Controls, tint());
    let mut picture = Picture::black(SIDE, SIDE);
    let face = open(3, 1.0);
    renderer.render(&face, &mut picture).unwrap();
    renderer.render(&face, &mut picture).unwrap();
    renderer.took(Duration::from_secs(9));
    renderer.render(&face, &mut picture).unwrap();
    let differs = difference(&picture, &draw(&mut *plain(), &face));
    assert_ne!(differs, Rect::EMPTY);
}

#[test]
fn a_session_begins_without_a_network_that_does_not_load() {
    LazyLock::force(&PACKAGE);
    let folder = tempfile::tempdir().unwrap();
    let package = PACKAGE
        .with_network(Some((settings(Kind::Controls), b"no model".to_vec())))
        .unwrap();
    let (avatars, _) = Avatars::open(None, Some(folder.path()));
    avatars.add(package).unwrap();
    let mut renderer = avatars.renderer("sitter", &scene(), 1).unwrap();
    let face = open(3, 1.0);
    let differs = difference(&draw(&mut *renderer, &face), &draw(&mut *plain(), &face));
    assert_eq!(differs, Rect::EMPTY);
}

#[test]
fn what_is_around_a_circle_stays_as_it_is() {
    let mut scene = scene();
    scene.framing.shot = Shot::Circle;
    // The whole portrait: the crop reaches beyond the circle on all sides.
    let settings = Settings {
        crop: Some([0.0, 0.0, SIDE as f32, SIDE as f32]),
        feather: 0.0,
        ..Settings::new(Kind::Controls)
    };
    let face = open(3, 0.0);
    let shown = |network: Vec<u8>| {
        let package = PACKAGE.with_network(Some((settings.clone(), network)));
        draw(
            &mut *Avatars::draft(&package.unwrap(), &scene, 1).unwrap(),
            &face,
        )
    };
    let without = draw(&mut *Avatars::draft(&PACKAGE, &scene, 1).unwrap(), &face);
    // Nothing of it is seen: no pixel changes, also not on the ring.
    let mut net = Net::new();
    net.paint([0.0; 3]);
    net.graph.floats(
        "clear",
        &[1, 1, CROP as i64, CROP as i64],
        &[0.0; CROP * CROP],
    );
    net.graph.node("Identity", &["clear"], &["alpha"], &[]);
    net.output("alpha", 1);
    assert_eq!(difference(&shown(net.finish()), &without), Rect::EMPTY);
    // All of it is seen: black within, and outside as before.
    let mut net = Net::new();
    net.paint([0.0; 3]);
    let black = shown(net.finish());
    assert_eq!(black.y[SIDE / 2 * SIDE + SIDE / 2], 16);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let middle = SIDE as f32 / 2.0;
            let far = (x as f32 + 0.5 - middle).hypot(y as f32 + 0.5 - middle);
            let at = y * SIDE + x;
            if far > middle {
                assert_eq!(black.y[at], without.y[at], "{x}, {y}");
            }
        }
    }
}

#[test]
fn a_network_that_fails_later_is_given_up_and_the_session_goes_on() {
    // No number, or a failing operator, as soon as the jaw opens wide.
    for network in [networks::breaks_with_nan(), networks::breaks_with_error()] {
        let mut renderer = with_network(Kind::Controls, network);
        let mut photo = plain();
        let mut picture = Picture::black(SIDE, SIDE);
        let mut wanted = Picture::black(SIDE, SIDE);
        for (n, jaw) in [0.0, 0.2, 0.9, 0.3, 0.0].into_iter().enumerate() {
            let face = open(n as i64, jaw);
            renderer.render(&face, &mut picture).unwrap();
            photo.render(&face, &mut wanted).unwrap();
            let same = difference(&picture, &wanted) == Rect::EMPTY;
            assert_eq!(same, n >= 2, "picture {n}");
        }
    }
}

#[test]
fn packages_carry_the_network_and_its_settings() {
    let settings = settings(Kind::Controls);
    let package = PACKAGE
        .with_network(Some((settings.clone(), tint())))
        .unwrap();
    let read = Package::from_bytes(&package.to_bytes().unwrap()).unwrap();
    assert_eq!(read.network(), Some((&settings, tint().as_slice())));
    let without = read.with_network(None).unwrap();
    assert_eq!(without.to_bytes().unwrap(), PACKAGE.to_bytes().unwrap());
    for (wrong, what) in [
        (
            Settings {
                feather: 0.7,
                ..settings.clone()
            },
            "feather",
        ),
        (
            Settings {
                range: [1.0, 0.0],
                ..settings.clone()
            },
            "range",
        ),
        (
            Settings {
                range: [0.0, f32::NAN],
                ..settings.clone()
            },
            "range",
        ),
        (
            Settings {
                crop: Some([0.0, 0.0, 400.0, 90.0]),
                ..settings.clone()
            },
            "crop",
        ),
        (
            Settings {
                crop: Some([9.0, 9.0, 9.0, 90.0]),
                ..settings.clone()
            },
            "crop",
        ),
    ] {
        let error = PACKAGE.with_network(Some((wrong, tint()))).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn an_avatar_of_a_user_is_given_a_network_and_loses_it() {
    let folder = tempfile::tempdir().unwrap();
    let user = folder.path();
    let (avatars, _) = Avatars::open(None, Some(user));
    avatars.add(PACKAGE.clone()).unwrap();
    let kind = |avatars: &Avatars| avatars.get("sitter").unwrap().network;
    assert_eq!(kind(&avatars), None);
    let green = |avatars: &Avatars| {
        let mut renderer = avatars.renderer("sitter", &scene(), 1).unwrap();
        middle(&draw(&mut *renderer, &open(3, 1.0)))[1] < 70
    };
    assert!(!green(&avatars));
    let loaded = avatars.attach("sitter", Some((settings(Kind::Controls), tint())));
    assert_eq!(loaded.unwrap().unwrap().size, (CROP, CROP));
    assert_eq!(kind(&avatars), Some(Kind::Controls));
    assert!(green(&avatars));
    // Also for those who open the folder later.
    let (again, refused) = Avatars::open(None, Some(user));
    assert!(refused.is_empty() && green(&again));
    // What breaks the contract changes nothing.
    let wrong = avatars.attach("sitter", Some((settings(Kind::Wav2Lip), tint())));
    assert!(matches!(wrong, Err(face::Error::Network(_))));
    assert!(green(&avatars));
    assert!(avatars.attach("sitter", None).unwrap().is_none());
    assert!(!green(&avatars));
    assert_eq!(std::fs::read_dir(user).unwrap().count(), 1);
    // An avatar that was put aside when the process ended is there again, one
    // whose successor is there is not.
    std::fs::rename(user.join("sitter"), user.join(".sitter.old")).unwrap();
    let (again, _) = Avatars::open(None, Some(user));
    assert_eq!(kind(&again), None);
    std::fs::create_dir(user.join(".sitter.old")).unwrap();
    let (again, _) = Avatars::open(None, Some(user));
    assert_eq!(kind(&again), None);
    assert_eq!(std::fs::read_dir(user).unwrap().count(), 1);
    // A file is replaced by a folder.
    std::fs::remove_dir_all(user.join("sitter")).unwrap();
    std::fs::write(user.join("ada.avatar"), PACKAGE.to_bytes().unwrap()).unwrap();
    let (again, _) = Avatars::open(None, Some(user));
    again
        .attach("sitter", Some((settings(Kind::Controls), tint())))
        .unwrap();
    assert!(green(&again) && user.join("sitter").is_dir());
    assert_eq!(std::fs::read_dir(user).unwrap().count(), 1);
    assert!(matches!(
        avatars.attach("leo", Some((settings(Kind::Controls), tint()))),
        Err(face::Error::ReadOnly(_))
    ));
}
