//! CPU time of recording on this machine: the writer's thread and the
//! rewriting at the end.
//!
//! `cargo run --release -p record --example record_cost`

use std::time::Instant;

use bytes::Bytes;
use codec::h264;
use media::seam::{Sink, VideoEncoder};
use media::{FRAME, HOP, MediaTime, Packet, Picture, Track, Turn};
use record::{Recorder, Settings, WhenFull};

/// CPU time of the whole process, ms.
fn cpu() -> f64 {
    // Fields 14 and 15 of proc(5) stat: user and system time in ticks of 10 ms.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(f64::NAN))
        .collect();
    (fields[11] + fields[12]) * 10.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("record-cost-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let path = directory.join("cost.mp4");
    let settings = Settings {
        when_full: WhenFull::Wait,
        ..Settings::default()
    };
    let mut recorder = Recorder::create(&path, settings)?;
    let handle = recorder.handle();
    let mut encoder = h264::Encoder::new(h264::Settings::default())?;
    let key = encoder.encode(&Picture::black(512, 512), true)?;
    // 1 Mbit/s of pictures and 48 kbit/s of sound.
    let picture = Bytes::from([&[0, 0, 0, 1, 0x41][..], &[0x9a; 5_000]].concat());
    let sound = Bytes::from(vec![0x78; 120]);

    let seconds = 1_200;
    let before = cpu();
    for n in 0..seconds * 25 {
        let (key, data) = if n == 0 {
            (true, key.data.clone())
        } else {
            (false, picture.clone())
        };
        let mut packet = Packet {
            track: Track::Video,
            pts: MediaTime(n * FRAME),
            duration: FRAME,
            key,
            turn: Turn(0),
            data,
        };
        let _ = recorder.write(&packet);
        packet.track = Track::Audio;
        packet.duration = HOP as i64;
        packet.data = sound.clone();
        let _ = recorder.write(&packet);
        packet.pts += HOP as i64;
        let _ = recorder.write(&packet);
    }
    while handle.status().ended.is_none()
        && handle.status().duration_ms + 2_000 < seconds as u64 * 1_000
    {
        std::thread::yield_now();
    }
    let recorded = cpu();
    let start = Instant::now();
    let status = recorder.finish();
    let finished = cpu();
    println!("{status:?}");
    println!(
        "recording: {:.3} ms of CPU time per second of media",
        (recorded - before) / seconds as f64
    );
    println!(
        "finishing {seconds} s: {:.0} ms of CPU time, {:.0} ms in all, {:.1} MB",
        finished - recorded,
        start.elapsed().as_secs_f64() * 1_000.0,
        status.bytes as f64 / 1e6
    );
    std::fs::remove_dir_all(directory)?;
    Ok(())
}
