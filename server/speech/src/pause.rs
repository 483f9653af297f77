//! Silence between clauses.

use media::CLOCK_HZ;

/// Silence after a sentence, seconds.
const AFTER_SENTENCE: f64 = 0.25;

/// Silence after a clause within a sentence, seconds.
const AFTER_CLAUSE: f64 = 0.1;

/// Media samples of silence to add to a clause that ends with `quiet` seconds
/// of its own.
pub(crate) fn after(ends_sentence: bool, quiet: f64) -> i64 {
    let wanted = if ends_sentence {
        AFTER_SENTENCE
    } else {
        AFTER_CLAUSE
    };
    ((wanted - quiet).max(0.0) * CLOCK_HZ as f64).round() as i64
}
