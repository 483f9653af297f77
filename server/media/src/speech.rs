//! What voices take and give: clauses, timings, and how a voice describes itself.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::face::Viseme;

/// A piece of text that is spoken in one breath, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The words as written (not normalised).
    pub text: String,
    /// Byte range of [`Clause::text`] in the whole text of its turn.
    pub range: Range<usize>,
    /// Whether it ends a sentence, so that a longer pause follows.
    pub ends_sentence: bool,
}

/// One phoneme on the clock of its clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Phoneme {
    /// IPA symbol with its length mark merged in, without stress marks; empty
    /// for a pause.
    pub ipa: String,
    /// The viseme it is shown by. Diphthongs are split in two spans.
    pub viseme: Viseme,
    /// First sample, media-clock samples from the start of the clause, already
    /// corrected for the voice's own label delay.
    pub start: i64,
    /// One past the last sample.
    pub end: i64,
    /// 0 none, 1 secondary, 2 primary stress.
    pub stress: u8,
}

/// One word on the clock of its clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word as written.
    pub text: String,
    /// Byte range in the text of the clause.
    pub range: Range<usize>,
    /// First sample, media-clock samples from the start of the clause.
    pub start: i64,
    /// One past the last sample.
    pub end: i64,
}

/// All that is known of a clause before its first sample is heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timings {
    /// Phonemes in order, without gaps. Empty when the voice has none: the
    /// mouth then follows the sound.
    pub phonemes: Vec<Phoneme>,
    /// Words in order. Estimated from text length when the voice has none.
    pub words: Vec<Word>,
}

/// How well a voice knows when its phonemes are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimingQuality {
    /// From the model's own durations.
    Exact,
    /// Spread over the text; the mouth follows the sound instead.
    Estimated,
}

/// What a voice says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VoiceInfo {
    /// Stable identifier, such as `joe`.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// BCP 47 language tag.
    pub language: String,
    /// Licence of the weights or service.
    pub licence: String,
    /// Where the weights come from, with any doubt about them.
    pub origin: String,
    /// Rate of the model's own output, Hz (what [`crate::seam::Utterance`]
    /// gives is always at the media clock's rate).
    pub sample_rate: u32,
    /// CPU seconds for one second of speech on one core, as measured by the
    /// bench; 0 for a remote voice.
    pub cost: f32,
    /// How exact its timings are.
    pub timing: TimingQuality,
}
