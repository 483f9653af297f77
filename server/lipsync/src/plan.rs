//! Phonemes to come: what a voice has said it will say, on the media clock.

use std::collections::VecDeque;

use media::face::VISEMES;
use media::{CLOCK_HZ, MediaTime, Timings, Viseme};

use crate::model::Visemes;

/// One frame, samples of the media clock: 10 ms.
pub const FRAME: i64 = CLOCK_HZ / 100;

/// Most phonemes kept: about seven minutes of speech. More than any queue of
/// clauses holds.
const CAPACITY: usize = 6_000;

/// An accent that moves by less than this is the same one, samples: 150 ms.
/// Stressed syllables are further apart.
const SAME_ACCENT: i64 = CLOCK_HZ * 15 / 100;

/// A stressed syllable to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    /// Where its vowel begins.
    pub at: MediaTime,
    /// Whether it is the first accent of its clause.
    pub first: bool,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    viseme: Viseme,
    start: i64,
    end: i64,
}

/// The phonemes that will be heard.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    spans: VecDeque<Span>,
    accents: VecDeque<Accent>,
    /// The last accent that was taken.
    taken: Option<MediaTime>,
}

impl Plan {
    /// Nothing planned.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the phonemes of a clause that begins at `start`. What was planned
    /// for later than its first phoneme gives way.
    pub fn add(&mut self, start: MediaTime, timings: &Timings) {
        let mut first = true;
        for phoneme in &timings.phonemes {
            let (from, to) = (start.0 + phoneme.start, start.0 + phoneme.end);
            while self.spans.back().is_some_and(|last| last.start >= from) {
                self.spans.pop_back();
            }
            if let Some(last) = self.spans.back_mut() {
                last.end = last.end.min(from);
            }
            if to <= from || self.spans.len() >= CAPACITY {
                continue;
            }
            self.spans.push_back(Span {
                viseme: phoneme.viseme,
                start: from,
                end: to,
            });
            if phoneme.stress == 2 && self.accents.len() < CAPACITY {
                let at = MediaTime(from);
                // A clause that is planned again keeps the accents that it has had.
                if self.taken.is_some_and(|taken| at - taken < SAME_ACCENT) {
                    first = false;
                    continue;
                }
                while self.accents.back().is_some_and(|last| last.at >= at) {
                    self.accents.pop_back();
                }
                self.accents.push_back(Accent { at, first });
                first = false;
            }
        }
    }

    /// Drops what ended before `at`.
    pub fn forget_before(&mut self, at: MediaTime) {
        while self.accents.front().is_some_and(|accent| accent.at < at) {
            self.accents.pop_front();
        }
        while self.spans.front().is_some_and(|span| span.end <= at.0) {
            self.spans.pop_front();
        }
    }

    /// Takes the accents that begin before `at`.
    pub fn take_accent(&mut self, at: MediaTime) -> Option<Accent> {
        if self.accents.front()?.at >= at {
            return None;
        }
        let accent = self.accents.pop_front()?;
        self.taken = Some(accent.at);
        Some(accent)
    }

    /// Whether anything is planned before `at`.
    #[must_use]
    pub fn speaks_before(&self, at: MediaTime) -> bool {
        self.spans.front().is_some_and(|span| span.start < at.0)
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.accents.clear();
        self.taken = None;
    }

    /// Viseme weights of the frames from `at` on: the share of each frame that
    /// each viseme fills.
    pub fn weights(&self, at: MediaTime, frames: &mut [Visemes]) {
        frames.fill([0.0; VISEMES]);
        let end = at.0 + frames.len() as i64 * FRAME;
        for span in &self.spans {
            if span.start >= end {
                break;
            }
            for (i, frame) in frames.iter_mut().enumerate() {
                let begin = at.0 + i as i64 * FRAME;
                let overlap = span.end.min(begin + FRAME) - span.start.max(begin);
                if overlap > 0 {
                    frame[span.viseme.index()] += overlap as f32 / FRAME as f32;
                }
            }
        }
        for frame in frames {
            let said: f32 = frame.iter().sum();
            frame[Viseme::Sil.index()] += (1.0 - said).max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use media::Phoneme;

    use super::*;

    fn phoneme(viseme: Viseme, start: i64, end: i64, stress: u8) -> Phoneme {
        Phoneme {
            ipa: "x".into(),
            viseme,
            start,
            end,
            stress,
        }
    }

    fn timings() -> Timings {
        Timings {
            phonemes: vec![
                phoneme(Viseme::Pp, 0, 960, 0),
                phoneme(Viseme::Aa, 960, 3_120, 2),
                phoneme(Viseme::Nn, 3_120, 4_080, 0),
            ],
            words: Vec::new(),
        }
    }

    #[test]
    fn frames_hold_the_share_of_each_span() {
        let mut plan = Plan::new();
        plan.add(MediaTime(480), &timings());
        let mut frames = [[0.0; VISEMES]; 10];
        plan.weights(MediaTime(0), &mut frames);
        assert_eq!(frames[0][Viseme::Sil.index()], 1.0);
        assert_eq!(frames[1][Viseme::Pp.index()], 1.0);
        assert_eq!(frames[3][Viseme::Aa.index()], 1.0);
        assert_eq!(frames[7][Viseme::Aa.index()], 0.5);
        assert_eq!(frames[7][Viseme::Nn.index()], 0.5);
        assert_eq!(frames[9][Viseme::Nn.index()], 0.5);
        assert_eq!(frames[9][Viseme::Sil.index()], 0.5);
        for frame in frames {
            assert!((frame.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_later_plan_replaces_what_it_covers() {
        let mut plan = Plan::new();
        plan.add(MediaTime(0), &timings());
        plan.add(MediaTime(1_920), &timings());
        let mut frames = [[0.0; VISEMES]; 3];
        plan.weights(MediaTime(1_440), &mut frames);
        assert_eq!(frames[0][Viseme::Aa.index()], 1.0);
        assert_eq!(frames[1][Viseme::Pp.index()], 1.0);
    }

    #[test]
    fn accents_come_out_once_and_in_order() {
        let mut plan = Plan::new();
        plan.add(MediaTime(0), &timings());
        assert_eq!(plan.take_accent(MediaTime(960)), None);
        let accent = plan.take_accent(MediaTime(961));
        assert_eq!(
            accent,
            Some(Accent {
                at: MediaTime(960),
                first: true
            })
        );
        assert_eq!(plan.take_accent(MediaTime(99_999)), None);
    }

    #[test]
    fn a_clause_that_is_planned_again_has_no_second_accents() {
        let mut plan = Plan::new();
        plan.add(MediaTime(0), &timings());
        assert!(plan.take_accent(MediaTime(9_600)).is_some());
        let mut exact = timings();
        for phoneme in &mut exact.phonemes {
            phoneme.start += 960;
            phoneme.end += 960;
        }
        plan.add(MediaTime(0), &exact);
        assert_eq!(plan.take_accent(MediaTime(9_600)), None);
        // One that comes too late is not made up for.
        plan.add(MediaTime(48_000), &timings());
        plan.forget_before(MediaTime(50_000));
        assert_eq!(plan.take_accent(MediaTime(96_000)), None);
    }

    #[test]
    fn the_past_is_forgotten() {
        let mut plan = Plan::new();
        plan.add(MediaTime(0), &timings());
        assert!(plan.speaks_before(MediaTime(1)));
        plan.forget_before(MediaTime(4_080));
        assert!(!plan.speaks_before(MediaTime(i64::MAX)));
    }
}
