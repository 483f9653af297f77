//! Real packets of a small session, and decoders to look at files with.
#![allow(clippy::unwrap_used)]
// Each file of tests uses a part of it.
#![allow(dead_code)]

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use codec::{h264, opus};
use media::seam::{AudioEncoder, VideoEncoder};
use media::{FRAME, HOP, MediaTime, Packet, Picture, Track, Turn};

pub const WIDTH: usize = 192;
pub const HEIGHT: usize = 144;

/// A second of which every picture is white and a tone is heard: media time.
pub const FLASH: std::ops::Range<i64> = 96_000..144_000;

/// Packets of `pictures` pictures and their sound, in the order of sending.
/// `start` is the time of the first, `drop` says which pictures (by number) are
/// left out before the encoder, `keys` which are key frames beside the first.
pub fn packets(
    pictures: i64,
    start: i64,
    drop: impl Fn(i64) -> bool,
    keys: impl Fn(i64) -> bool,
) -> Vec<Packet> {
    let mut video = h264::Encoder::new(h264::Settings::for_size(WIDTH, HEIGHT)).unwrap();
    let mut audio = opus::Encoder::new(opus::Settings::default()).unwrap();
    let mut picture = Picture::black(WIDTH, HEIGHT);
    let whole = picture.changed;
    let mut out = Vec::new();
    for n in 0..pictures {
        let at = start + n * FRAME;
        if !drop(n) {
            let light = FLASH.contains(&at);
            for (i, luma) in picture.y.iter_mut().enumerate() {
                let moving = ((i % WIDTH) as i64 + n * 3) % 32;
                *luma = if light { 220 } else { 40 + moving as u8 };
            }
            picture.changed = whole;
            let coded = video.encode(&picture, keys(n)).unwrap();
            out.push(packet(Track::Video, at, FRAME, coded.key, coded.data));
        }
        for hop in [at, at + HOP as i64] {
            let sound: [f32; HOP] = std::array::from_fn(|i| {
                let now = hop + i as i64;
                let t = now as f32 / 48_000.0;
                let loud = if FLASH.contains(&now) { 0.5 } else { 0.0 };
                loud * (std::f32::consts::TAU * 1_000.0 * t).sin()
            });
            let data = audio.encode(&sound).unwrap();
            out.push(packet(Track::Audio, hop, HOP as i64, true, data));
        }
    }
    out
}

pub fn packet(track: Track, pts: i64, duration: i64, key: bool, data: Bytes) -> Packet {
    Packet {
        track,
        pts: MediaTime(pts),
        duration,
        key,
        turn: Turn(1),
        data,
    }
}

pub fn of(packets: &[Packet], track: Track) -> Vec<&Packet> {
    packets.iter().filter(|p| p.track == track).collect()
}

fn run(program: &str, arguments: &[&str], file: &Path) -> Vec<u8> {
    let before = arguments.iter().position(|a| *a == "FILE").unwrap();
    let output = Command::new(program)
        .args(["-v", "warning"])
        .args(&arguments[..before])
        .arg(file)
        .args(&arguments[before + 1..])
        .output()
        .expect("the tests need ffmpeg and ffprobe");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {complaints}");
    assert_eq!(complaints, "", "{program} complained of {}", file.display());
    output.stdout
}

/// What ffprobe says, `key=value` by line.
pub fn ffprobe(file: &Path, entries: &str) -> String {
    let arguments = ["-show_entries", entries, "-of", "default=nw=1", "FILE"];
    String::from_utf8(run("ffprobe", &arguments, file)).unwrap()
}

/// What ffmpeg writes of a file in which nothing may be damaged.
fn decode(output: &[&str], file: &Path) -> Vec<u8> {
    let mut arguments = vec![
        // Or ffmpeg moves the file so that its earliest packet is at zero.
        "-copyts",
        "-err_detect",
        "explode",
        "-xerror",
        "-i",
        "FILE",
    ];
    arguments.extend(output);
    run("ffmpeg", &arguments, file)
}

/// All pictures as ffmpeg decodes them, with the time at which each is shown,
/// ms, and the mean of its luma.
pub fn pictures(file: &Path) -> Vec<(i64, u8)> {
    let arguments = [
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-",
    ];
    let raw = decode(&arguments, file);
    let means = raw.chunks(WIDTH * HEIGHT).map(|plane| {
        let sum: u64 = plane.iter().map(|v| u64::from(*v)).sum();
        (sum / plane.len() as u64) as u8
    });
    let listed = [
        "-select_streams",
        "v",
        "-show_entries",
        "frame=pts",
        "-of",
        "csv=p=0",
        "FILE",
    ];
    let times = String::from_utf8(run("ffprobe", &listed, file)).unwrap();
    let times = times.lines().map(|line| {
        let ticks: i64 = line.trim_end_matches(',').parse().unwrap();
        ticks / 48
    });
    times.zip(means).collect()
}

/// The sound as ffmpeg decodes it, mono at 48 kHz, from the movie's time zero.
pub fn sound(file: &Path) -> Vec<f32> {
    let arguments = [
        "-map",
        "0:a",
        "-af",
        "aresample=async=1:first_pts=0",
        "-f",
        "f32le",
        "-ar",
        "48000",
        "-",
    ];
    decode(&arguments, file)
        .chunks(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

/// Time at which sound becomes loud, ms.
pub fn onset(sound: &[f32]) -> i64 {
    (sound.iter().position(|v| v.abs() > 0.1).unwrap() / 48) as i64
}
