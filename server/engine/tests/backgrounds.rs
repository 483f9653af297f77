//! Backgrounds from files, good and bad.

use std::sync::Arc;

use bytes::Bytes;
use engine::background::{Backgrounds, Error, Source};
use face::clip::Clip;
use face::scene::Background;
use media::FRAME;

const SWING: &[u8] = include_bytes!("fixtures/swing.mp4");
const LYING: &[u8] = include_bytes!("fixtures/lying.mp4");
const HEVC: &[u8] = include_bytes!("fixtures/hevc.mp4");
const SOUND: &[u8] = include_bytes!("fixtures/sound.mp4");

const SIZE: (usize, usize) = (128, 128);

fn video(backgrounds: &Backgrounds, bytes: &[u8]) -> Result<Arc<Clip>, Error> {
    let source = Source::Video(Bytes::copy_from_slice(bytes));
    match backgrounds.read(source, SIZE)? {
        Background::Clip(clip) => Ok(clip),
        other => panic!("a video became {other:?}"),
    }
}

#[test]
fn pictures_come_in_the_order_of_showing() {
    let clip = video(&Backgrounds::default(), SWING).unwrap();
    assert_eq!((clip.count(), clip.each(), clip.size()), (50, FRAME, SIZE));
    for n in 0..50 {
        // In the middle: the wide picture is cut, not squeezed.
        let luma = clip.picture(n).y[64 * 128 + 64];
        let wanted = 16 + 8 * (24 - 24_u8.abs_diff(n as u8)) + 64 / 8;
        assert!(
            luma.abs_diff(wanted) <= 2,
            "picture {n}: {luma} for {wanted}"
        );
        let row = &clip.picture(n).y[64 * 128..65 * 128];
        let across = row[127].abs_diff(row[0]);
        assert!((7..=11).contains(&across), "a part of the width: {across}");
    }
}

#[test]
fn a_lying_video_in_fragments_is_set_upright() {
    let backgrounds = Backgrounds::default();
    let read = backgrounds.read(Source::Video(LYING.into()), (128, 228));
    let Ok(Background::Clip(clip)) = read else {
        panic!("it is a clip")
    };
    assert_eq!(clip.count(), 50);
    for n in 0..50 {
        // Its left, the darkest part, is at the top.
        let luma = |y: usize| clip.picture(n).y[y * 128 + 64];
        let grey = 16 + 8 * (24 - 24_u8.abs_diff(n as u8));
        assert!(luma(2).abs_diff(grey) <= 4, "picture {n}: {}", luma(2));
        assert!(
            luma(225).abs_diff(grey + 15) <= 4,
            "picture {n}: {}",
            luma(225)
        );
    }
}

#[test]
fn sessions_share_a_clip_and_nothing_keeps_it() {
    let backgrounds = Backgrounds::default();
    let one = video(&backgrounds, SWING).unwrap();
    let two = video(&backgrounds, SWING).unwrap();
    assert!(Arc::ptr_eq(&one, &two));
    let other = backgrounds.read(Source::Video(SWING.into()), (128, 256));
    let Ok(Background::Clip(other)) = other else {
        panic!("it is a clip on another screen too")
    };
    assert_eq!(other.size(), (128, 256));
    let gone = Arc::downgrade(&one);
    drop((one, two));
    assert!(gone.upgrade().is_none());
    assert_eq!(video(&backgrounds, SWING).unwrap().count(), 50);
}

#[test]
fn what_is_no_video_says_what_it_is() {
    let backgrounds = Backgrounds::default();
    let mut other = SWING.to_vec();
    let at = SWING.windows(4).position(|four| four == b"avc1").unwrap();
    // Its second brand is `avc1` too: the entry is the last.
    let entry = SWING.windows(4).rposition(|four| four == b"avc1").unwrap();
    assert!(at <= entry);
    other[entry..entry + 4].copy_from_slice(b"vp09");
    for (bytes, words) in [
        (HEVC, "no H.264 video, but HEVC"),
        (SOUND, "no H.264 video, but sound"),
        (&other[..], "no H.264 video, but VP9"),
        (b"", "no index"),
        (b"\x89PNG", "no index"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "no index"),
        (b"GIF89a", "read"),
    ] {
        let error = video(&backgrounds, bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    for (source, words) in [
        (Source::Image(SWING.into()), "neither PNG nor JPEG"),
        (
            Source::file(Bytes::from_static(b"text")),
            "neither PNG nor JPEG",
        ),
    ] {
        let error = backgrounds.read(source, SIZE).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(Source::file(SWING.into()), Source::Video(SWING.into()));
}

/// What of the file is put at a box's contents, in place of what is there.
fn patched(kind: [u8; 4], skip: usize, value: u32) -> Vec<u8> {
    let mut bytes = SWING.to_vec();
    let at = SWING
        .windows(4)
        .position(|four| four == kind)
        .expect("it has the box")
        + 4
        + skip;
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    bytes
}

#[test]
fn what_would_take_too_much_is_refused() {
    let backgrounds = Backgrounds::default();
    // A slower clock makes it longer: mdhd's timescale, behind version and
    // two times.
    let long = video(&backgrounds, &patched(*b"mdhd", 12, 200)).unwrap_err();
    assert!(long.to_string().contains("may be 60 s"), "{long}");
    // More samples than the file has bytes.
    let many = video(&backgrounds, &patched(*b"stsz", 8, u32::MAX)).unwrap_err();
    assert!(many.to_string().contains("damaged"), "{many}");
    let none = video(&backgrounds, &patched(*b"stsz", 8, 0)).unwrap_err();
    assert!(none.to_string().contains("damaged"), "{none}");
    let large = vec![0; (64 << 20) + 1];
    let large = video(&backgrounds, &large).unwrap_err();
    assert!(large.to_string().contains("64 MB"), "{large}");
    // Where a full screen's pictures would not fit into memory.
    let wide = backgrounds.read(
        Source::Video(patched(*b"mdhd", 12, 480).into()),
        (1920, 1920),
    );
    let wide = wide.unwrap_err().to_string();
    assert!(wide.contains("at 1920x1920 it may be"), "{wide}");
}

#[test]
fn cut_and_damaged_files_are_refused_or_shown() {
    let backgrounds = Backgrounds::default();
    for length in (0..SWING.len()).step_by(61) {
        assert!(video(&backgrounds, &SWING[..length]).is_err(), "{length}");
    }
    for at in (0..SWING.len()).step_by(23) {
        let mut bytes = SWING.to_vec();
        bytes[at] ^= 0xff;
        if let Ok(clip) = video(&backgrounds, &bytes) {
            assert!(clip.count() <= Clip::most(SIZE));
        }
    }
}
