//! One turn's content: its sound, its clauses and words, and how far it was
//! heard. Positions are *content* positions, samples from the turn's first
//! sample, so that a stall of the voice shifts everything that follows.

use std::collections::VecDeque;

use media::seam::MouthSource;
use media::{Clause, Cue, HOP, Mood, Phoneme, Timings, Turn};

/// A clause and where it begins in the content of its turn.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) start: i64,
    pub(crate) text: String,
    /// First byte in the text of the turn.
    pub(crate) offset: usize,
    pub(crate) timings: Timings,
    pub(crate) planned: bool,
    announced: bool,
    words_announced: usize,
}

impl Placed {
    fn end(&self) -> i64 {
        let phonemes = self.timings.phonemes.last().map_or(0, |p| p.end);
        let words = self.timings.words.last().map_or(0, |w| w.end);
        self.start + phonemes.max(words)
    }
}

/// Something that begins to be heard.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Clause {
        text: String,
        start: i64,
        end: i64,
    },
    Word {
        index: usize,
        text: String,
        start: i64,
        end: i64,
        chars: (usize, usize),
    },
}

/// The content of one turn.
#[derive(Debug)]
pub(crate) struct Speech {
    pub(crate) turn: Turn,
    pub(crate) mouth: MouthSource,
    pub(crate) clauses: Vec<Placed>,
    pub(crate) started: bool,
    pub(crate) finished: bool,
    /// Whether sound ran out before its end.
    pub(crate) stalled: bool,
    /// Sound received and not yet played; its first sample is at `played`.
    sound: VecDeque<f32>,
    played: i64,
    /// Up to where the mouth has heard; ahead of `played` by its look-ahead.
    heard: i64,
    text: String,
    words: usize,
    /// What the face is to do, and at which byte of the text.
    cues: VecDeque<(usize, Cue)>,
    /// The mood of what is heard, if the turn has named one.
    pub(crate) mood: Option<Mood>,
}

impl Speech {
    pub(crate) const fn new(turn: Turn, mouth: MouthSource) -> Self {
        Self {
            turn,
            mouth,
            clauses: Vec::new(),
            started: false,
            finished: false,
            stalled: false,
            sound: VecDeque::new(),
            played: 0,
            heard: 0,
            text: String::new(),
            words: 0,
            cues: VecDeque::new(),
            mood: None,
        }
    }

    /// Notes a cue for the word at or after byte `at` of the text.
    pub(crate) fn cue(&mut self, at: usize, cue: Cue) {
        let place = self.cues.partition_point(|(other, _)| *other <= at);
        self.cues.insert(place, (at, cue));
    }

    /// How many cues were noted and are not due yet.
    pub(crate) fn waiting_cues(&self) -> usize {
        self.cues.len()
    }

    /// The cues of what is heard before content position `until`, once each, in
    /// order.
    pub(crate) fn cues(&mut self, until: i64) -> Vec<Cue> {
        let mut due = Vec::new();
        while let Some(&(at, cue)) = self.cues.front() {
            if self.position(at).is_none_or(|position| position >= until) {
                break;
            }
            self.cues.pop_front();
            if let Cue::Mood(mood) = cue {
                self.mood = Some(mood);
            }
            due.push(cue);
        }
        due
    }

    /// Where the word at or after byte `at` of the text is heard, if that is
    /// known yet. What comes after the last word is heard when all is said.
    fn position(&self, at: usize) -> Option<i64> {
        if at == 0 {
            return Some(0);
        }
        self.clauses
            .iter()
            .flat_map(|c| c.timings.words.iter().map(move |w| (c, w)))
            .find(|(c, w)| c.offset + w.range.end > at)
            .map(|(c, w)| c.start + w.start)
            .or_else(|| self.finished.then(|| self.received()))
    }

    /// Content position of the next sample that arrives.
    pub(crate) fn received(&self) -> i64 {
        self.played + self.sound.len() as i64
    }

    /// Content position of the next sample to be played.
    pub(crate) const fn played(&self) -> i64 {
        self.played
    }

    /// Places a clause at the end of what was received.
    pub(crate) fn place(&mut self, clause: Clause, timings: Timings) {
        // The clause says where it stands in the text of its turn; text that
        // lies between clauses (spaces, markup) belongs to what was heard.
        let offset = clause.range.start.max(self.text.len());
        self.text
            .extend(std::iter::repeat_n(' ', offset - self.text.len()));
        self.text.push_str(&clause.text);
        self.clauses.push(Placed {
            start: self.received(),
            text: clause.text,
            offset,
            timings,
            planned: false,
            announced: false,
            words_announced: 0,
        });
    }

    /// Puts other phonemes in place of those of the last clause. The mouth is
    /// told of them with the next hop.
    pub(crate) fn replan(&mut self, phonemes: Vec<Phoneme>) {
        if let Some(clause) = self.clauses.last_mut() {
            clause.timings.phonemes = phonemes;
            clause.planned = false;
        }
    }

    pub(crate) fn push(&mut self, sound: &[f32]) {
        self.sound.extend(sound.iter().map(|s| s.clamp(-1.0, 1.0)));
    }

    /// Whether the next hop can be played: enough sound is there for the ear
    /// and further on, `look_ahead` samples for the mouth and `preview` for the
    /// face.
    pub(crate) fn ready(&self, look_ahead: i64, preview: i64, margin: i64) -> bool {
        let mouth = match self.mouth {
            MouthSource::Planned => 0,
            MouthSource::Heard => look_ahead,
        };
        let ahead = mouth.max(preview);
        self.finished || self.sound.len() as i64 >= HOP as i64 + ahead + margin
    }

    /// Whether everything was played.
    pub(crate) fn done(&self) -> bool {
        self.finished && self.sound.is_empty()
    }

    /// The hops that the mouth has to hear before the next hop is played:
    /// silence after the end.
    pub(crate) fn hear(&mut self, look_ahead: i64) -> Vec<[f32; HOP]> {
        let mut hops = Vec::with_capacity(1);
        while self.heard < self.played + look_ahead + HOP as i64 {
            let from = usize::try_from(self.heard - self.played).unwrap_or(0);
            let mut hop = [0.0; HOP];
            for (to, from) in hop.iter_mut().zip(self.sound.iter().skip(from)) {
                *to = *from;
            }
            hops.push(hop);
            self.heard += HOP as i64;
        }
        hops
    }

    /// Sound ran out: the mouth goes to rest, and what it was told of things
    /// to come is told again when sound is back.
    pub(crate) fn stall(&mut self) {
        self.stalled = true;
        self.heard = self.played;
        for clause in &mut self.clauses {
            clause.planned = false;
        }
    }

    /// Plays one hop, filled with silence past the end. Returns how many
    /// samples of content it held.
    pub(crate) fn play(&mut self, out: &mut [f32; HOP]) -> usize {
        let count = self.sound.len().min(HOP);
        for (to, from) in out.iter_mut().zip(self.sound.drain(..count)) {
            *to = from;
        }
        out[count..].fill(0.0);
        self.played += count as i64;
        count
    }

    /// The next samples without playing them: what fades out, or what a face
    /// that listens is shown of the sound to come.
    pub(crate) fn peek(&self, count: usize) -> impl Iterator<Item = f32> + '_ {
        self.sound.iter().copied().take(count)
    }

    /// What began to be heard before content position `until`, once each, in
    /// order.
    pub(crate) fn announce(&mut self, until: i64) -> Vec<Heard> {
        let mut heard = Vec::new();
        for clause in &mut self.clauses {
            if clause.start >= until {
                break;
            }
            if !clause.announced {
                clause.announced = true;
                heard.push(Heard::Clause {
                    text: clause.text.clone(),
                    start: clause.start,
                    end: clause.end(),
                });
            }
            while let Some(word) = clause.timings.words.get(clause.words_announced) {
                if clause.start + word.start >= until {
                    break;
                }
                heard.push(Heard::Word {
                    index: self.words,
                    text: word.text.clone(),
                    start: clause.start + word.start,
                    end: clause.start + word.end,
                    chars: (
                        clause.offset + word.range.start,
                        clause.offset + word.range.end,
                    ),
                });
                clause.words_announced += 1;
                self.words += 1;
            }
        }
        heard
    }

    /// The text up to the last word of which more than half was played; all of
    /// the clauses that were heard when the turn was played out.
    pub(crate) fn heard_text(&self) -> String {
        let end = if self.done() {
            // Timings may have been estimated too long; the sound is the
            // truth. A clause of which no sound came was not heard.
            self.clauses
                .iter()
                .rfind(|c| c.start < self.played)
                .map_or(0, |c| c.offset + c.text.len())
        } else {
            self.clauses
                .iter()
                .flat_map(|c| c.timings.words.iter().map(move |w| (c, w)))
                .take_while(|(c, w)| c.start + i64::midpoint(w.start, w.end) <= self.played)
                .last()
                .map_or(0, |(c, w)| c.offset + w.range.end)
        };
        self.text.get(..end).unwrap_or_default().trim().to_owned()
    }
}
