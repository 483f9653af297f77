//! Says a text with the default voice and prints what it cost: the figures of
//! this room. `cargo run --release -p speech --example say -- "text" out.f32`

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use media::seam::Voice;
use media::speech::TimingQuality;
use media::{Clause, VoiceInfo};
use speech::g2p::{Accent, Phonemiser, gru::Network};
use speech::piper::{Piper, Tuning, Weights};

fn memory() -> String {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

fn main() {
    let mut args = std::env::args().skip(1);
    let text = args.next().unwrap();
    let out = args.next();
    let models = weights::directory();
    let library = weights::runtime::locate(None, &models).unwrap();
    let environment = weights::runtime::init(&library).unwrap();
    println!("start {}", memory());
    let t = Instant::now();
    let gru = Arc::new(Network::load(&models.join("weights/g2p-en/checkpoint20.npz")).unwrap());
    let phonemiser = Arc::new(Phonemiser::new(Accent::American, gru));
    println!("g2p {:?} {}", t.elapsed(), memory());
    let t = Instant::now();
    let w = Weights::load(
        environment,
        Path::new(&models.join("weights/piper-joe/en_US-joe-medium.onnx")),
        Tuning::default(),
    )
    .unwrap();
    println!("piper {:?} {}", t.elapsed(), memory());
    let voice = Piper::new(
        VoiceInfo {
            id: "joe".into(),
            name: "Joe".into(),
            language: "en-US".into(),
            licence: String::new(),
            origin: String::new(),
            sample_rate: 0,
            cost: 0.1,
            timing: TimingQuality::Exact,
        },
        Arc::new(w),
        phonemiser,
        0,
    );
    for round in 0..3 {
        let clause = Clause {
            text: text.clone(),
            range: 0..text.len(),
            ends_sentence: true,
        };
        let t = Instant::now();
        let mut u = voice.begin(&clause).unwrap();
        let begin = t.elapsed();
        let mut sound = Vec::new();
        let mut first = None;
        while let Some(c) = u.next_chunk().unwrap() {
            first.get_or_insert((t.elapsed(), c.len()));
            sound.extend(c);
        }
        println!(
            "begin {begin:?} first {first:?} all {:?} for {:.2} s {}",
            t.elapsed(),
            sound.len() as f64 / 48e3,
            memory()
        );
        if round == 0 {
            for p in &u.timings().phonemes {
                print!(
                    "{}[{}]{}-{} ",
                    p.ipa,
                    p.viseme.name(),
                    p.start / 48,
                    p.end / 48
                );
            }
            println!();
            for w in &u.timings().words {
                print!("{} {}-{}, ", w.text, w.start / 48, w.end / 48);
            }
            println!();
            if let Some(out) = &out {
                std::fs::write(
                    out,
                    sound
                        .iter()
                        .flat_map(|x| x.to_le_bytes())
                        .collect::<Vec<u8>>(),
                )
                .unwrap();
            }
        }
    }
}
