//! A network of a user's avatar through the whole pipeline: sound in, H.264
//! out, decoded again.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use engine::assemble::{Plan, Request};
use engine::render::{self, Script};
use engine::{Rooms, Settings};
use face::neural::{self, Kind};
use face::{Avatars, Package};
use media::seam::{Sink, SinkState};
use media::{CLOCK_HZ, Packet, Picture, Track};
use session::pipeline::NoMeter;

#[path = "../../face/tests/common/networks.rs"]
#[allow(dead_code)]
mod networks;

const SIDE: usize = 256;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// Rooms whose only photo avatar is a user's, kept in `folder`; and its id.
fn rooms(folder: &Path) -> (Rooms, String) {
    let library = weights::runtime::locate(None, &models()).unwrap();
    let environment = weights::runtime::init(&library).unwrap();
    let (avatars, refused) = Avatars::open(None, Some(folder));
    assert!(refused.is_empty());
    let faces = std::fs::read_dir(models().join("faces")).unwrap();
    let mut faces: Vec<_> = faces
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "avatar"))
        .collect();
    faces.sort();
    let avatar = avatars.add(Package::read(&faces[0]).unwrap()).unwrap();
    let voices = speech::Voices::load(&speech::Settings {
        environment: environment.clone(),
        weights: models().join("weights"),
        piper_folders: Vec::new(),
        remote: Vec::new(),
        parallel: 1,
    });
    let rooms = Rooms {
        voices: Arc::new(voices.unwrap()),
        mouth: Arc::new(lipsync::Model::load(&models().join("lipsync/lipsync.onnx")).unwrap()),
        avatars: Arc::new(avatars),
        backgrounds: Arc::default(),
    };
    (rooms, avatar.id.clone())
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Packet>>>);

impl Sink for Kept {
    fn write(&mut self, packet: &Packet) -> SinkState {
        self.0.lock().unwrap().push(packet.clone());
        SinkState::Open
    }
}

/// Renders a second of a hum and half a second of silence.
fn video(rooms: &Rooms, avatar: &str) -> Vec<Packet> {
    let request = Request {
        avatar: Some(avatar.to_owned()),
        width: Some(SIDE),
        height: Some(SIDE),
        seed: Some(1),
        ..Request::default()
    };
    let plan = Plan::new(request, rooms, &Settings::default(), 1).unwrap();
    let sound = (0..CLOCK_HZ * 3 / 2)
        .map(|n| {
            let t = n as f32 / CLOCK_HZ as f32;
            let tone = |hz: f32| (2.0 * std::f32::consts::PI * hz * t).sin();
            if n < CLOCK_HZ {
                0.2 * (tone(140.0) + tone(700.0) + tone(1_100.0))
            } else {
                0.0
            }
        })
        .collect();
    let kept = Kept::default();
    let parts = plan.parts(rooms).unwrap();
    let sink = Box::new(kept.clone());
    render::render(
        parts,
        Script::Sound(sound),
        None,
        sink,
        &mut NoMeter,
        |_| (),
    )
    .unwrap();
    let packets = kept.0.lock().unwrap();
    packets
        .iter()
        .filter(|packet| packet.track == Track::Video)
        .cloned()
        .collect()
}

fn decode(packets: &[Packet]) -> Vec<Picture> {
    let mut decoder = codec::h264::Decoder::new().unwrap();
    packets
        .iter()
        .filter_map(|packet| decoder.decode(&packet.data).unwrap())
        .collect()
}

/// How green a picture is: chroma samples far below grey in both planes.
fn green(picture: &Picture) -> usize {
    let pairs = picture.u.iter().zip(&picture.v);
    pairs.filter(|(u, v)| **u < 110 && **v < 110).count()
}

/// Mean luma around the mouth.
fn lower_face(picture: &Picture) -> u64 {
    let (rows, columns) = (SIDE / 2..SIDE * 3 / 5, SIDE * 2 / 5..SIDE * 3 / 5);
    let count = (rows.len() * columns.len()) as u64;
    let pixels = rows.flat_map(|y| columns.clone().map(move |x| y * SIDE + x));
    pixels.map(|at| u64::from(picture.y[at])).sum::<u64>() / count
}

#[test]
fn what_the_network_paints_is_in_the_video() {
    let folder = tempfile::tempdir().unwrap();
    let (rooms, id) = rooms(folder.path());
    let attach = |kind, network| {
        let settings = neural::Settings::new(kind);
        rooms
            .avatars
            .attach(&id, Some((settings, network)))
            .unwrap();
    };
    let plain = decode(&video(&rooms, &id));
    assert_eq!(plain.iter().map(green).max(), Some(0));

    // Blendshapes: the mouth is green while it is open, and only then.
    attach(Kind::Controls, networks::tint());
    let tinted = video(&rooms, &id);
    let greens: Vec<usize> = decode(&tinted).iter().map(green).collect();
    assert!(*greens.iter().max().unwrap() > 200, "{greens:?}");
    assert_eq!((greens[0], greens.last()), (0, Some(&0)), "{greens:?}");
    // The same again is the same, byte by byte.
    assert_eq!(tinted, video(&rooms, &id));

    // Sound: the lower face is the brighter the louder it is.
    attach(Kind::Wav2Lip, networks::wav2lip("mel", "face"));
    let heard = decode(&video(&rooms, &id));
    let levels: Vec<u64> = heard.iter().map(lower_face).collect();
    let loud = *levels.iter().max().unwrap();
    assert!(loud > levels[0] + 20, "{levels:?}");
    assert!(loud > levels.last().unwrap() + 20, "{levels:?}");
}
