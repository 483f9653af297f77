//! A clause as it is read aloud: what all voices with phonemes share.

use std::ops::Range;

use media::Clause;
use media::seam::VoiceError;

use crate::g2p::{Phonemiser, Sound};
use crate::normalise::{Piece, normalise};

/// Longest clause that is read, bytes. The cutter's are far shorter; whoever
/// brings another gets its beginning, in bounded time and memory.
const LONGEST: usize = 4_096;

/// What is heard of a clause, and the written words it comes from.
pub(crate) struct Script {
    pub sounds: Vec<Sound>,
    /// Text and range of each piece, at the index that sounds name. Marks have
    /// theirs too; nothing names them.
    pub words: Vec<(String, Range<usize>)>,
}

impl Script {
    pub fn read(phonemiser: &Phonemiser, clause: &Clause) -> Result<Self, VoiceError> {
        let text = &clause.text[..clause.text.floor_char_boundary(LONGEST)];
        if text.len() < clause.text.len() {
            tracing::warn!(
                bytes = clause.text.len(),
                "cut off a clause that is too long"
            );
        }
        let pieces = normalise(text);
        let sounds = phonemiser.read(&pieces);
        if !sounds
            .iter()
            .any(|sound| matches!(sound, Sound::Word { .. }))
        {
            return Err(VoiceError::NothingToSay);
        }
        Ok(Self {
            sounds,
            words: pieces.iter().map(|piece| written(piece, clause)).collect(),
        })
    }
}

/// A piece as it was written.
pub(crate) fn written(piece: &Piece, clause: &Clause) -> (String, Range<usize>) {
    let range = match piece {
        Piece::Word(word) => word.range.clone(),
        Piece::Mark { range, .. } => range.clone(),
    };
    (clause.text[range.clone()].to_owned(), range)
}
