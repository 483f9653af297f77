//! A stream of text to clauses, while the text still comes.
//!
//! A piece of text is cut as soon as nothing that may follow can change where
//! it ends, so the clauses do not depend on how the text was split on its way
//! here (unless the caller flushes at a pause).

use std::mem;

use media::Clause;

mod find;

use find::{Cut, Found};

/// Silence of the text stream after which whole words are spoken without
/// waiting for the end of their clause, milliseconds. Between two tokens of a
/// language model there are rarely more than 100.
pub const PAUSE_MS: u64 = 300;

/// Silence after which even a word that may be half is spoken, milliseconds.
pub const LONG_PAUSE_MS: u64 = 1_000;

/// Cuts one turn's text into clauses.
#[derive(Debug, Default)]
pub struct Cutter {
    /// Text not yet cut.
    pending: String,
    /// Position of `pending` in the whole text, bytes.
    base: usize,
    /// Whether a clause was given already: the first is cut short, so that
    /// its sound begins soon.
    begun: bool,
}

impl Cutter {
    /// A cutter for a new turn.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more text and gives the clauses that are certain.
    pub fn push(&mut self, text: &str) -> Vec<Clause> {
        self.pending.push_str(text);
        self.cut(false)
    }

    /// Ends the text and gives the rest. The cutter then begins a new turn.
    pub fn finish(&mut self) -> Vec<Clause> {
        let clauses = self.cut(true);
        *self = Self::new();
        clauses
    }

    /// Gives what can be spoken when no text came for `idle_ms` milliseconds:
    /// whole words after [`PAUSE_MS`], everything after [`LONG_PAUSE_MS`].
    pub fn flush_ready(&mut self, idle_ms: u64) -> Vec<Clause> {
        if idle_ms < PAUSE_MS {
            return Vec::new();
        }
        if idle_ms >= LONG_PAUSE_MS {
            return self.cut(true);
        }
        let mut clauses = self.cut(false);
        let end = find::last_whole_word(&self.pending);
        if end > 0 {
            let rest = self.pending.split_off(end);
            clauses.extend(self.cut(true));
            self.pending = rest;
        }
        clauses
    }

    /// Bytes that wait for more text. Bounded, but for one push of any size.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn cut(&mut self, is_end: bool) -> Vec<Clause> {
        let pending = mem::take(&mut self.pending);
        let mut clauses = Vec::new();
        let mut at = 0;
        loop {
            at += find::leading_space(&pending[at..]);
            let rest = &pending[at..];
            let Found::At(Cut {
                length,
                ends_sentence,
            }) = find::next(rest, !self.begun, is_end)
            else {
                break;
            };
            let text = rest[..length].trim_end();
            let start = self.base + at;
            clauses.push(Clause {
                text: text.to_owned(),
                range: start..start + text.len(),
                ends_sentence,
            });
            self.begun = true;
            at += length;
        }
        self.base += at;
        self.pending = pending;
        self.pending.drain(..at);
        clauses
    }
}

#[cfg(test)]
mod tests;
