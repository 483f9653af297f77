//! The H.264 encoder against two independent decoders.

#![allow(clippy::unwrap_used)]

mod scene;

use std::process::Command;

use codec::h264::{Decoder, Encoder, Settings, has_assembly};
use media::seam::VideoEncoder;
use media::{Picture, Rect};

/// A session's worth of pictures: talk, rest, talk, rest, with key frames asked
/// for in between. Gives (picture, key asked).
fn session(width: usize, height: usize) -> Vec<(Picture, bool)> {
    let mut picture = Picture::black(width, height);
    let mut shown = 0;
    (0..120)
        .map(|n| {
            let resting = (20..50).contains(&n) || (70..75).contains(&n) || (80..110).contains(&n);
            if resting {
                picture.changed = Rect::EMPTY;
            } else {
                shown += 1;
                scene::draw(&mut picture, shown);
            }
            (picture.clone(), n == 60 || n == 95)
        })
        .collect()
}

fn encode(pictures: &[(Picture, bool)]) -> Vec<media::seam::EncodedPicture> {
    let settings = Settings::for_size(pictures[0].0.width(), pictures[0].0.height());
    let mut encoder = Encoder::new(settings).unwrap();
    pictures
        .iter()
        .map(|(picture, key)| encoder.encode(picture, *key).unwrap())
        .collect()
}

fn decode(units: &[media::seam::EncodedPicture]) -> Vec<Picture> {
    let mut decoder = Decoder::new().unwrap();
    units
        .iter()
        .map(|unit| {
            decoder
                .decode(&unit.data)
                .unwrap()
                .expect("a picture for each access unit, at once")
        })
        .collect()
}

/// Decodes an Annex B stream with ffmpeg, which fails on any error.
fn ffmpeg(stream: &[u8], width: usize, height: usize) -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stream.h264");
    std::fs::write(&path, stream).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "warning", "-err_detect", "explode", "-xerror", "-i"])
        .arg(&path)
        .args([
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "yuv420p",
            "-",
        ])
        .output()
        .expect("the tests need ffmpeg");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    assert_eq!(complaints, "", "ffmpeg complained");
    output
        .stdout
        .chunks(width * height * 3 / 2)
        .map(<[u8]>::to_vec)
        .collect()
}

fn planes(picture: &Picture) -> Vec<u8> {
    [&picture.y[..], &picture.u[..], &picture.v[..]].concat()
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let error: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / error.max(1e-9)).log10()
}

fn types(unit: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut rest = unit;
    while let Some(at) = rest.windows(3).position(|w| w == [0, 0, 1]) {
        rest = &rest[at + 3..];
        found.push(rest[0] & 0x1f);
    }
    found
}

#[test]
fn two_decoders_agree_on_every_picture_and_repeats_are_exact_copies() {
    for (width, height) in [(512, 512), (272, 144), (400, 226)] {
        let pictures = session(width, height);
        let units = encode(&pictures);
        let ours = decode(&units);
        let stream: Vec<u8> = units.iter().flat_map(|unit| unit.data.to_vec()).collect();
        let theirs = ffmpeg(&stream, width, height);
        assert_eq!(theirs.len(), pictures.len());
        let mut repeats = 0;
        for (n, ((picture, _), decoded)) in pictures.iter().zip(&ours).enumerate() {
            assert!(planes(decoded) == theirs[n], "decoders differ at {n}");
            let quality = psnr(&picture.y, &decoded.y);
            assert!(quality > 36.0, "{quality:.1} dB at {n}, {width}x{height}");
            if units[n].data.len() < 24 {
                repeats += 1;
                assert!(theirs[n] == theirs[n - 1], "{n} is no exact copy");
            }
        }
        // Less four repairs each, two in the short rest; a key frame breaks the
        // third in two.
        let expected = (30 - 4) + (5 - 2) + (15 - 4) + (14 - 4);
        assert_eq!(repeats, expected, "{width}x{height}");
    }
}

#[test]
fn pictures_after_a_rest_are_coded_as_if_there_had_been_none() {
    // The encoder must refer to what the decoder has: with and without the rest
    // the pictures that follow it decode to the same.
    let with: Vec<_> = session(512, 512).into_iter().take(60).collect();
    let mut quiet = 0;
    let without: Vec<_> = with
        .iter()
        .filter(|(picture, _)| {
            quiet = if picture.changed.is_empty() {
                quiet + 1
            } else {
                0
            };
            quiet == 0 || [2, 4, 6, 8].contains(&quiet)
        })
        .map(|(picture, key)| {
            // A whole rectangle makes the encoder code each of them.
            let mut picture = picture.clone();
            picture.changed = Picture::black(512, 512).changed;
            (picture, *key)
        })
        .collect();
    assert_eq!(with.len() - without.len(), 26);
    let with = decode(&encode(&with));
    let without = decode(&encode(&without));
    assert!(with[50..] == without[24..]);
}

#[test]
fn frame_numbers_wrap_without_harm() {
    // frame_num has 15 bits: nearly all of them are used up by repeats here.
    let mut pictures = session(64, 64);
    pictures.truncate(20);
    let mut encoder = Encoder::new(Settings::for_size(64, 64)).unwrap();
    let mut units: Vec<_> = pictures
        .iter()
        .map(|(picture, _)| encoder.encode(picture, false).unwrap())
        .collect();
    let mut still = pictures[19].0.clone();
    still.changed = Rect::EMPTY;
    for _ in 0..33_000 {
        units.push(encoder.encode(&still, false).unwrap());
    }
    let mut moving = still.clone();
    for n in 20..30 {
        scene::draw(&mut moving, n);
        units.push(encoder.encode(&moving, false).unwrap());
    }
    let stream: Vec<u8> = units.iter().flat_map(|unit| unit.data.to_vec()).collect();
    let theirs = ffmpeg(&stream, 64, 64);
    assert_eq!(theirs.len(), units.len());
    let ours = decode(&units);
    assert!(planes(ours.last().unwrap()) == *theirs.last().unwrap());
    assert!(psnr(&moving.y, &ours.last().unwrap().y) > 36.0);
    assert_eq!(units.iter().filter(|unit| unit.key).count(), 1);
}

#[test]
fn key_frames_come_when_asked_with_parameter_sets_in_front() {
    let units = encode(&session(512, 512));
    for (n, unit) in units.iter().enumerate() {
        assert_eq!(unit.key, [0, 60, 95].contains(&n), "picture {n}");
        let expected: &[u8] = if unit.key { &[7, 8, 5] } else { &[1] };
        assert_eq!(types(&unit.data), expected, "picture {n}");
        assert!(unit.data.starts_with(&[0, 0, 0, 1]));
    }
    // Constrained Baseline (profile 66, constraint_set1_flag), level 3.1.
    assert_eq!(units[0].data[5], 66);
    assert_eq!(units[0].data[6] & 0x40, 0x40);
    assert_eq!(units[0].data[7], 31);
}

#[test]
fn the_first_picture_is_as_good_as_those_that_follow() {
    for (width, height) in [(512, 512), (1280, 720)] {
        let mut picture = Picture::black(width, height);
        let mut encoder = Encoder::new(Settings::for_size(width, height)).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let quality: Vec<f64> = (0..50)
            .map(|n| {
                scene::draw(&mut picture, n);
                let unit = encoder.encode(&picture, false).unwrap();
                let shown = decoder.decode(&unit.data).unwrap().unwrap();
                psnr(&planes(&picture), &planes(&shown))
            })
            .collect();
        let settled = quality[25..].iter().sum::<f64>() / 25.0;
        let worst = quality[..25].iter().copied().fold(f64::MAX, f64::min);
        assert!(worst > settled - 2.0, "{worst} dB, later {settled} dB");
    }
}

#[test]
fn equal_pictures_give_equal_bytes() {
    let pictures = session(272, 144);
    assert!(encode(&pictures) == encode(&pictures));
}

#[test]
fn the_rate_is_held_and_follows_a_change_both_ways() {
    let mut encoder = Encoder::new(Settings {
        bitrate: 600_000,
        ..Settings::default()
    })
    .unwrap();
    let mut picture = Picture::black(512, 512);
    let mut n = 0;
    let mut measure = |encoder: &mut Encoder| {
        let mut bits = 0;
        for i in 0..150 {
            scene::draw(&mut picture, n);
            n += 1;
            let unit = encoder.encode(&picture, false).unwrap();
            // The first second is the time given to settle.
            bits += if i < 25 { 0 } else { unit.data.len() * 8 };
        }
        bits / 5
    };
    for target in [500_000, 1_500_000, 250_000] {
        // The first change comes before the first picture.
        encoder.set_bitrate(target).unwrap();
        let rate = measure(&mut encoder);
        let allowed = target as usize * 85 / 100..target as usize * 115 / 100;
        assert!(allowed.contains(&rate), "{rate} for {target}");
    }
}

#[test]
fn wrong_sizes_and_rates_are_refused_and_do_no_harm() {
    let bad = |settings: Settings| Encoder::new(settings).err().map(|e| e.to_string());
    assert!(
        bad(Settings {
            width: 513,
            ..Settings::default()
        })
        .unwrap()
        .contains("513")
    );
    assert!(
        bad(Settings {
            height: 8,
            ..Settings::default()
        })
        .is_some()
    );
    assert!(
        bad(Settings {
            fps: f32::NAN,
            ..Settings::default()
        })
        .is_some()
    );
    assert!(
        bad(Settings {
            bitrate: 1,
            ..Settings::default()
        })
        .is_some()
    );
    let mut encoder = Encoder::new(Settings::default()).unwrap();
    let error = encoder.encode(&Picture::black(64, 64), false).unwrap_err();
    assert!(error.to_string().contains("64x64"), "{error}");
    assert!(encoder.set_bitrate(0).is_err());
    let unit = encoder.encode(&Picture::black(512, 512), false).unwrap();
    assert!(unit.key);
    assert!(encoder.set_bitrate(u32::MAX).is_err());
    let mut picture = Picture::black(512, 512);
    scene::draw(&mut picture, 0);
    assert!(!encoder.encode(&picture, false).unwrap().key);
}

#[test]
fn colours_survive_the_way_to_rgb() {
    let mut picture = Picture::black(64, 64);
    // Pure red in BT.601 limited range.
    picture.y.fill(81);
    picture.u.fill(90);
    picture.v.fill(240);
    let mut encoder = Encoder::new(Settings::for_size(64, 64)).unwrap();
    let unit = encoder.encode(&picture, true).unwrap();
    let decoded = Decoder::new().unwrap().decode(&unit.data).unwrap().unwrap();
    let pixels = codec::h264::rgb(&decoded);
    assert_eq!(pixels.len(), 64 * 64 * 3);
    for pixel in pixels.chunks(3) {
        assert!(
            pixel[0] > 245 && pixel[1] < 12 && pixel[2] < 12,
            "{pixel:?}"
        );
    }
}

#[test]
fn damaged_streams_are_errors_or_nothing_but_never_a_panic() {
    let units = encode(&session(64, 64));
    let mut decoder = Decoder::new().unwrap();
    assert!(decoder.decode(&units[1].data).map_or(true, |p| p.is_none()));
    for (n, unit) in units.iter().enumerate() {
        let mut data = unit.data.to_vec();
        let at = n * 7 % data.len();
        data[at] ^= 0x5a;
        let _ = decoder.decode(&data);
    }
}

#[test]
fn this_build_has_assembly() {
    // Without nasm everything works, 2.5 times slower: better to be told.
    assert!(has_assembly(), "install nasm and build openh264 anew");
}
