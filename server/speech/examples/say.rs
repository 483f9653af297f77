//! Says a text with one voice and prints what it cost.
//!
//! ```sh
//! cargo run --release -p speech --example say -- joe "Hello there." out.wav
//! ```
//!
//! CPU time is that of the calling thread (Linux), which does all the work.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use media::{CLOCK_HZ, Clause, Timings};
use speech::cut::Cutter;
use speech::{Settings, Voices};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [id, text, rest @ ..] = arguments.as_slice() else {
        return Err("usage: say VOICE TEXT [OUT.wav]".into());
    };
    let models = weights::directory();
    let library = weights::runtime::locate(None, &models)?;
    let environment = weights::runtime::init(&library)?.clone();
    println!("memory before: {}", memory());
    let voices = Voices::load(&Settings {
        environment,
        weights: models.join("weights"),
        piper_folders: Vec::new(),
        remote: Vec::new(),
        parallel: 1,
    })?;
    let voice = voices.get(id)?;
    let loading = Clock::start();
    voices.warm(voice.as_ref())?;
    println!("loaded in {loading}; memory: {}", memory());
    let mut sound = Vec::new();
    for clause in clauses(text) {
        let clock = Clock::start();
        let mut speaking = voice.begin(&clause)?;
        println!("{:?}", clause.text);
        println!("  timings after {clock}");
        let mut first = None;
        let mut length = 0;
        while let Some(chunk) = speaking.next_chunk()? {
            first.get_or_insert_with(|| clock.to_string());
            length += chunk.len();
            sound.extend(chunk);
        }
        let seconds = length as f64 / CLOCK_HZ as f64;
        println!("  first sound after {}", first.unwrap_or_default());
        println!(
            "  all of {seconds:.2} s after {clock}, RTF {:.3}",
            clock.cpu() / seconds
        );
        show(speaking.timings());
    }
    println!("memory: {}", memory());
    if let Some(path) = rest.first() {
        write(Path::new(path), &sound)?;
    }
    Ok(())
}

fn clauses(text: &str) -> Vec<Clause> {
    let mut cutter = Cutter::new();
    let mut clauses = cutter.push(text);
    clauses.extend(cutter.finish());
    clauses
}

fn show(timings: &Timings) {
    const MS: i64 = CLOCK_HZ / 1000;
    let phonemes: Vec<_> = timings
        .phonemes
        .iter()
        .map(|p| format!("{}/{} {}", p.ipa, p.viseme.name(), p.start / MS))
        .collect();
    println!("  {}", phonemes.join("  "));
    let words: Vec<_> = timings
        .words
        .iter()
        .map(|word| format!("{} {}-{}", word.text, word.start / MS, word.end / MS))
        .collect();
    println!("  {}", words.join(", "));
}

/// Wall and CPU time since a moment.
struct Clock {
    wall: Instant,
    cpu: f64,
}

impl Clock {
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu_seconds(),
        }
    }

    fn cpu(&self) -> f64 {
        cpu_seconds() - self.cpu
    }
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.3} s CPU ({:.3} s wall)",
            self.cpu(),
            self.wall.elapsed().as_secs_f64()
        )
    }
}

/// Seconds that this thread ran.
fn cpu_seconds() -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|line| line.split(' ').next()?.parse::<f64>().ok())
        .map_or(0.0, |nanoseconds| nanoseconds / 1e9)
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let figure = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .map_or(0, |kilobytes| kilobytes / 1024)
    };
    format!(
        "{} MB now, {} MB at most",
        figure("VmRSS:"),
        figure("VmHWM:")
    )
}

/// Writes 16 bit mono.
fn write(path: &Path, sound: &[f32]) -> std::io::Result<()> {
    const RATE: u32 = CLOCK_HZ as u32;
    let data = sound.len() as u32 * 2;
    let mut bytes = Vec::with_capacity(44 + data as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([1, 0, 1, 0]);
    bytes.extend(RATE.to_le_bytes());
    bytes.extend((RATE * 2).to_le_bytes());
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    for sample in sound {
        bytes.extend(((sample * 32_767.0) as i16).to_le_bytes());
    }
    std::fs::write(path, bytes)
}
