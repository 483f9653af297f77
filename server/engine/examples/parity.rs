//! How well the two mouths of our own voices agree: the one that knows the
//! phonemes and the one that hears the sound.
//!
//! ```text
//! cargo run --release -p engine --example parity -- [VOICE...]
//! ```
//!
//! For each voice (all local ones when none is named) the correlation of the
//! jaws over 24 sentences, as the server moves them, and by how much the jaw
//! that hears is behind the other one where they agree best.

use std::error::Error;

#[path = "../tests/spoken/mod.rs"]
mod spoken;

use spoken::{SENTENCES, Spoken, correlation};

fn main() -> Result<(), Box<dyn Error>> {
    let rooms = spoken::rooms()?;
    let mut ids: Vec<String> = std::env::args().skip(1).collect();
    if ids.is_empty() {
        ids.extend(rooms.voices.list().map(|voice| voice.id.clone()));
    }
    println!("| voice | r jaw | worst sentence | lag ms |\n|---|---|---|---|");
    for id in ids {
        let voice = rooms.voice(&id)?;
        let (mut planned, mut heard, mut worst) = (Vec::new(), Vec::new(), 1.0_f32);
        for text in SENTENCES {
            let spoken = Spoken::new(voice.as_ref(), text)?;
            let mouths = [spoken.planned(&rooms.mouth)?, spoken.heard(&rooms.mouth)?];
            worst = worst.min(correlation(&mouths[0], &mouths[1]));
            planned.extend(&mouths[0]);
            heard.extend(&mouths[1]);
        }
        println!(
            "| {id} | {:.3} | {worst:.3} | {} |",
            correlation(&planned, &heard),
            lag(&planned, &heard)
        );
    }
    Ok(())
}

/// By how many ms `late` is behind `early` where they correlate best.
fn lag(early: &[f32], late: &[f32]) -> i32 {
    let at = |hops: i32| {
        let skip = hops.unsigned_abs() as usize;
        let (a, b) = if hops < 0 {
            (late, early)
        } else {
            (early, late)
        };
        correlation(&a[..a.len() - skip], &b[skip..])
    };
    let best = (-5..=5).max_by(|a, b| at(*a).total_cmp(&at(*b)));
    best.unwrap_or(0) * 20
}
