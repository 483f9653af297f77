//! CPU time of each codec on this machine, one thread.
//!
//! `cargo run --release -p codec --example codec_cost`

#[path = "../tests/scene/mod.rs"]
mod scene;

use codec::{h264, opus};
use media::seam::{AudioEncoder, VideoEncoder};
use media::{HOP, Picture, Rect};

/// CPU time of the calling thread, ms.
fn cpu() -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(f64::NAN, |nanoseconds| nanoseconds / 1e6)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("assembly in openh264: {}", h264::has_assembly());
    println!("     size what            ms/picture   kbit/s");
    for (width, height) in [(512, 512), (1280, 720)] {
        let mut encoder = h264::Encoder::new(h264::Settings::for_size(width, height))?;
        let mut picture = Picture::black(width, height);
        let pictures: Vec<Picture> = (0..50)
            .map(|n| {
                scene::draw(&mut picture, n);
                picture.clone()
            })
            .collect();
        // The kernel counts a thread's time in ticks, so whole runs are timed.
        let mut report = |what: &str, pictures: &[&Picture], key: bool| {
            let mut bytes = 0;
            let start = cpu();
            for picture in pictures {
                bytes += encoder.encode(picture, key)?.data.len();
            }
            let count = pictures.len() as f64;
            println!(
                "{width:>4}x{height:<4} {what:<16}{:>11.4}{:>9.1}",
                (cpu() - start) / count,
                bytes as f64 * 8.0 * 25.0 / count / 1000.0
            );
            Ok::<(), media::seam::EncodeError>(())
        };
        // There and back again, so that no step is a cut.
        let there: Vec<&Picture> = pictures.iter().chain(pictures.iter().rev()).collect();
        let talking = there.repeat(5);
        // A whole rectangle makes the encoder code what does not move.
        let last = pictures[0].clone();
        let mut still = last.clone();
        still.changed = Rect::EMPTY;
        report("key", &talking[..50], true)?;
        report("talking", &talking, false)?;
        report("still, coded", &[&last; 250], false)?;
        report("still, repeated", &vec![&still; 100_000], false)?;
    }

    let mut encoder = opus::Encoder::new(opus::Settings::default())?;
    let mut spent = 0.0;
    let mut bytes = 0;
    let hops = 500;
    for hop in 0..hops {
        let sound: [f32; HOP] = std::array::from_fn(|i| {
            let t = (hop * HOP + i) as f32 / 48_000.0;
            let voice: f32 = (1..20)
                .map(|k| (t * 760.0 * k as f32).sin() / k as f32)
                .sum();
            0.2 * voice * (t * 12.0).sin()
        });
        let start = cpu();
        bytes += encoder.encode(&sound)?.len();
        spent += cpu() - start;
    }
    let seconds = hops as f64 / 50.0;
    println!(
        "opus 48 kbit/s, complexity 5: {:.2} ms per second of sound, {:.1} kbit/s",
        spent / seconds,
        bytes as f64 * 8.0 / seconds / 1000.0
    );
    Ok(())
}
