//! The turn machine. Turns are opened, filled and finished from outside; each
//! hop it says what sound leaves, what the mouth is told, and what happened.
//!
//! ```text
//!            open            first sound            last sample
//!   (none) ───────► waiting ───────────► speaking ─────────────► ended
//!                      │                  │    ▲
//!                      │             no sound  sound again
//!                      │                  ▼    │
//!                      │                 stalled
//!                      └──────── interrupt ──────► ended (interrupted)
//! ```
//! Every turn that was opened ends exactly once. One that is finished without
//! any sound ends from where it waits.

use std::collections::VecDeque;
use std::time::Duration;

use media::seam::MouthSource;
use media::{Clause, Cue, HOP, MediaTime, Mood, Phoneme, Posture, Timings, Turn};
use thiserror::Error;

use crate::event::{CloseReason, Event, Timed};
use crate::limits::{Limits, Watch};
use crate::receipt::{Book, Mark, Receipt};
use crate::speech::{Heard, Speech};

/// Fade-out at an interrupt, samples: 5 ms, short enough to count as silence
/// at once, long enough not to click.
const FADE: usize = 240;

/// Extra sound to wait for after a stall, samples: 60 ms. A source that
/// stalled once will stall again; one longer pause is less ugly than many.
const STALL_MARGIN: i64 = 2_880;

/// A cue begins so long before its word, samples: 100 ms. Brows and head are
/// then on their way when the word is heard, as they are in people.
const CUE_LEAD: i64 = 4_800;

/// Cues of one turn that may wait. More than a face can show in the longest text.
pub const MAX_CUES: usize = 256;

/// Turns that may wait behind the one that speaks. More is a runaway client.
pub const MAX_QUEUED: usize = 16;

/// Why a turn could not be opened or filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TurnError {
    /// The turn is over: interrupted, or finished before.
    #[error("turn {0} is over")]
    Over(Turn),
    /// [`MAX_QUEUED`] turns already wait.
    #[error("too many turns are waiting; interrupt, or wait for some to end")]
    QueueFull,
}

/// What was cut by an interrupt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// The turn that was speaking.
    pub turn: Turn,
    /// Its text up to the last word that was heard.
    pub heard_text: String,
}

/// What the mouth is told before and in a hop.
#[derive(Debug, PartialEq)]
pub enum MouthStep {
    /// Forget everything.
    Cancel,
    /// Phonemes that are heard from a moment on.
    Plan(MediaTime, Timings),
    /// Begin to act on a cue.
    Act(Cue),
    /// Sound that will be played `look_ahead` later; the controls of the last
    /// one belong to this hop.
    Hear(Box<[f32; HOP]>),
}

/// What leaves in one hop.
#[derive(Debug)]
pub struct Step {
    /// The moment of its first sample.
    pub at: MediaTime,
    /// The turn that speaks, or the last one that did.
    pub turn: Turn,
    /// Whether the sound belongs to a turn (else it is silence between turns).
    pub speaking: bool,
    /// The sound to be heard.
    pub sound: [f32; HOP],
    /// What the mouth is told, in order.
    pub mouth: Vec<MouthStep>,
    /// The sound that follows, [`Conductor::preview`] samples of it.
    pub ahead: Vec<f32>,
    /// Samples of content that left, to be given back to the producer as room.
    pub consumed: usize,
}

/// The turn machine of one session.
#[derive(Debug)]
pub struct Conductor {
    look_ahead: i64,
    preview: i64,
    watch: Watch,
    next_turn: Turn,
    queue: VecDeque<Speech>,
    last_spoken: Turn,
    cut: Turn,
    fade: Vec<f32>,
    cancel_mouth: bool,
    /// The posture between turns, and the one that the face was told.
    posture: Posture,
    shown_posture: Posture,
    events: VecDeque<Timed>,
    book: Book,
    now: MediaTime,
    closed: Option<CloseReason>,
}

impl Conductor {
    /// A silent session. `look_ahead` is the delay of a mouth that follows the
    /// sound ([`media::seam::LipSync::look_ahead`]).
    #[must_use]
    pub fn new(look_ahead: i64, limits: Limits) -> Self {
        Self {
            look_ahead,
            preview: 0,
            watch: Watch::new(limits),
            next_turn: Turn::default().next(),
            queue: VecDeque::new(),
            last_spoken: Turn::default(),
            cut: Turn::default(),
            fade: Vec::new(),
            cancel_mouth: false,
            posture: Posture::Idle,
            shown_posture: Posture::Idle,
            events: VecDeque::new(),
            book: Book::default(),
            now: MediaTime::ZERO,
            closed: None,
        }
    }

    /// Gives `samples` of the sound ahead with every step, for a face that
    /// listens ([`media::seam::Renderer::preview`]).
    #[must_use]
    pub const fn preview(mut self, samples: i64) -> Self {
        self.preview = samples;
        self
    }

    /// Opens a turn behind those that wait. `now` is wall time since any fixed
    /// moment.
    ///
    /// # Errors
    /// [`TurnError::QueueFull`].
    pub fn open(&mut self, mouth: MouthSource, now: Duration) -> Result<Turn, TurnError> {
        if self.queue.len() > MAX_QUEUED {
            return Err(TurnError::QueueFull);
        }
        let turn = self.next_turn;
        self.next_turn = turn.next();
        self.queue.push_back(Speech::new(turn, mouth));
        self.book.open(turn, now);
        self.touch();
        Ok(turn)
    }

    /// Announces a clause whose sound follows.
    ///
    /// # Errors
    /// [`TurnError::Over`] when the turn has ended.
    pub fn clause(
        &mut self,
        turn: Turn,
        clause: Clause,
        timings: Timings,
        now: Duration,
    ) -> Result<(), TurnError> {
        self.speech(turn)?.place(clause, timings);
        self.mark(turn, Mark::Timings, now);
        Ok(())
    }

    /// Says more exactly when the phonemes of the last clause are heard.
    ///
    /// # Errors
    /// [`TurnError::Over`] when the turn has ended.
    pub fn replan(&mut self, turn: Turn, phonemes: Vec<Phoneme>) -> Result<(), TurnError> {
        self.speech(turn)?.replan(phonemes);
        Ok(())
    }

    /// Adds a cue: it is acted on at the first word that begins or goes on at
    /// byte `at` of the turn's text, or at once when `at` is 0. Cues beyond
    /// [`MAX_CUES`] that wait are dropped. Moods end with the turn; gestures that
    /// are still to come are dropped when it is interrupted.
    ///
    /// # Errors
    /// [`TurnError::Over`] when the turn has ended.
    pub fn cue(&mut self, turn: Turn, at: usize, cue: Cue) -> Result<(), TurnError> {
        let speech = self.speech(turn)?;
        if speech.waiting_cues() < MAX_CUES {
            speech.cue(at, cue);
        }
        Ok(())
    }

    /// What the face does from now on while nothing is said. Thinking is over
    /// when a turn begins to speak.
    pub const fn pose(&mut self, posture: Posture) {
        self.posture = posture;
        self.touch();
    }

    /// The posture between turns.
    #[must_use]
    pub const fn posture(&self) -> Posture {
        self.posture
    }

    /// Adds sound, mono at 48 kHz.
    ///
    /// # Errors
    /// [`TurnError::Over`] when the turn has ended.
    pub fn sound(&mut self, turn: Turn, sound: &[f32], now: Duration) -> Result<(), TurnError> {
        self.speech(turn)?.push(sound);
        self.mark(turn, Mark::Sample, now);
        Ok(())
    }

    /// Says that nothing more will come for a turn.
    ///
    /// # Errors
    /// [`TurnError::Over`] when the turn has ended.
    pub fn finish(&mut self, turn: Turn) -> Result<(), TurnError> {
        self.speech(turn)?.finished = true;
        Ok(())
    }

    /// Ends every turn that is open, at once. Sound fades within 5 ms of the
    /// next hop. Returns the turn that was speaking, or the first that waited.
    pub fn interrupt(&mut self) -> Option<Interrupted> {
        let mut interrupted = None;
        for (place, speech) in std::mem::take(&mut self.queue).into_iter().enumerate() {
            let heard_text = speech.heard_text();
            if place == 0 {
                if speech.started && !speech.stalled {
                    self.fade = fade_out(speech.peek(FADE));
                }
                interrupted = Some(Interrupted {
                    turn: speech.turn,
                    heard_text: heard_text.clone(),
                });
            }
            self.emit(Event::SpeakEnded {
                turn: speech.turn,
                heard_text,
                interrupted: true,
            });
        }
        if interrupted.is_some() {
            self.cancel_mouth = true;
            // The silence that follows has a number of its own, so that what
            // is still queued of the turns before can be told from it.
            self.last_spoken = self.next_turn;
            self.next_turn = self.next_turn.next();
            self.cut = self.last_spoken;
            self.touch();
            self.emit(Event::Idle);
        }
        interrupted
    }

    /// Notes a sign of life of the client: the idle limit begins anew.
    pub const fn touch(&mut self) {
        self.watch.touch(self.now);
    }

    /// Closes the session: open turns end as interrupted.
    pub fn close(&mut self, reason: CloseReason) {
        if self.closed.is_none() {
            self.interrupt();
            self.emit(Event::Closed { reason });
            self.closed = Some(reason);
        }
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub const fn closed(&self) -> Option<CloseReason> {
        self.closed
    }

    /// The moment of the last hop.
    #[must_use]
    pub const fn now(&self) -> MediaTime {
        self.now
    }

    /// Whether a turn is open.
    #[must_use]
    pub fn busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The turn that speaks or waits first.
    #[must_use]
    pub fn current(&self) -> Option<Turn> {
        self.queue.front().map(|s| s.turn)
    }

    /// Turns older than this were over at the last interrupt: nothing of them
    /// may leave any more. Turns that were played to their end after it are
    /// not among them, so what is queued of them is still heard.
    #[must_use]
    pub const fn cut_before(&self) -> Turn {
        self.cut
    }

    /// Samples of a turn that were received and not yet played; `None` when
    /// the turn is over. Producers wait while this is high.
    #[must_use]
    pub fn backlog(&self, turn: Turn) -> Option<i64> {
        self.queue
            .iter()
            .find(|s| s.turn == turn)
            .map(|s| s.received() - s.played())
    }

    /// Whether everything of the turns before this one has been received, so
    /// that producing this one comes next.
    #[must_use]
    pub fn is_next(&self, turn: Turn) -> bool {
        self.queue
            .iter()
            .take_while(|s| s.turn < turn)
            .all(|s| s.finished)
    }

    /// Whether the next hop of the first turn can be played without a stall;
    /// true also when no turn is open. A renderer waits for this before it
    /// steps on.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.queue
            .front()
            .is_none_or(|s| s.ready(self.look_ahead, self.preview, 0))
    }

    /// Receipts of the last turns.
    pub fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        self.book.iter()
    }

    /// Notes when the client showed the first talking picture of a turn.
    pub fn shown(&mut self, turn: Turn, after_ms: f64) {
        if let Some(receipt) = self.book.shown(turn, after_ms) {
            self.emit(Event::Receipt(receipt));
        }
    }

    /// Notes that a stage of a turn happened.
    pub fn mark(&mut self, turn: Turn, mark: Mark, now: Duration) {
        if let Some(receipt) = self.book.mark(turn, mark, now) {
            self.emit(Event::Receipt(receipt));
        }
    }

    /// Adds an event of another room at the present moment. Nothing follows
    /// [`Event::Closed`]: those who read events stop there.
    pub fn emit(&mut self, event: Event) {
        if self.closed.is_some() {
            return;
        }
        self.events.push_back(Timed {
            at: self.now,
            event,
        });
    }

    /// The next event, in order.
    pub fn poll_event(&mut self) -> Option<Timed> {
        self.events.pop_front()
    }

    /// Steps one hop that begins at `at`.
    pub fn hop(&mut self, at: MediaTime) -> Step {
        self.now = at;
        if self.busy() {
            self.watch.touch(at);
        }
        if self.closed.is_none() {
            match self.watch.check(at) {
                Some(Event::Closed { reason }) => self.close(reason),
                Some(warning) => self.emit(warning),
                None => {}
            }
        }
        let mut step = Step {
            at,
            turn: self.last_spoken,
            speaking: false,
            sound: [0.0; HOP],
            mouth: Vec::new(),
            ahead: Vec::new(),
            consumed: 0,
        };
        if std::mem::take(&mut self.cancel_mouth) {
            step.mouth.push(MouthStep::Cancel);
        }
        let mut posture = self.posture;
        if let Some(mut speech) = self.queue.pop_front() {
            self.speak(&mut speech, &mut step);
            if speech.started {
                posture = Posture::Idle;
            }
            if speech.done() {
                self.end(&speech, &mut step);
            } else {
                self.queue.push_front(speech);
            }
        }
        if posture != self.shown_posture {
            self.shown_posture = posture;
            step.mouth.push(MouthStep::Act(Cue::Posture(posture)));
        }
        for (to, from) in step.sound.iter_mut().zip(self.fade.drain(..)) {
            *to += from;
        }
        step.ahead.resize(self.preview as usize, 0.0);
        step
    }

    fn speak(&mut self, speech: &mut Speech, step: &mut Step) {
        // A turn without sound (nothing in it can be spoken, or its voice
        // failed) ends without having begun.
        if speech.done() {
            return;
        }
        let margin = if speech.stalled { STALL_MARGIN } else { 0 };
        if !speech.ready(self.look_ahead, self.preview, margin) {
            if speech.started && !speech.stalled {
                speech.stall();
                step.mouth.push(MouthStep::Cancel);
                // A voice that falters does not change how it feels.
                step.mouth
                    .extend(speech.mood.map(|mood| MouthStep::Act(Cue::Mood(mood))));
            }
            return;
        }
        speech.stalled = false;
        if !speech.started {
            speech.started = true;
            self.last_spoken = speech.turn;
            if self.posture == Posture::Thinking {
                self.posture = Posture::Idle;
            }
            self.emit(Event::SpeakStarted { turn: speech.turn });
        }
        step.turn = speech.turn;
        step.speaking = true;
        // Where content position 0 lies on the media clock, as of now.
        let base = step.at - speech.played();
        match speech.mouth {
            MouthSource::Planned => {
                for clause in speech.clauses.iter_mut().filter(|c| !c.planned) {
                    clause.planned = true;
                    step.mouth
                        .push(MouthStep::Plan(base + clause.start, clause.timings.clone()));
                }
            }
            MouthSource::Heard => {
                let hops = speech.hear(self.look_ahead);
                step.mouth
                    .extend(hops.into_iter().map(|hop| MouthStep::Hear(Box::new(hop))));
            }
        }
        step.consumed = speech.play(&mut step.sound);
        step.ahead.extend(speech.peek(self.preview as usize));
        let cues = speech.cues(speech.played() + CUE_LEAD);
        step.mouth.extend(cues.into_iter().map(MouthStep::Act));
        for heard in speech.announce(speech.played()) {
            let ms = |position: i64| (base + position).as_millis();
            let turn = speech.turn;
            self.emit(match heard {
                Heard::Clause { text, start, end } => Event::Clause {
                    turn,
                    text,
                    start_ms: ms(start),
                    end_ms: ms(end),
                },
                Heard::Word {
                    index,
                    text,
                    start,
                    end,
                    chars,
                } => Event::Word {
                    turn,
                    index,
                    text,
                    start_ms: ms(start),
                    end_ms: ms(end),
                    char_start: chars.0,
                    char_end: chars.1,
                },
            });
        }
    }

    fn end(&mut self, speech: &Speech, step: &mut Step) {
        if speech.mood.is_some() {
            let rest = Cue::Mood(Mood::default());
            step.mouth.push(MouthStep::Act(rest));
        }
        self.emit(Event::SpeakEnded {
            turn: speech.turn,
            heard_text: speech.heard_text(),
            interrupted: false,
        });
        self.touch();
        if !self.busy() {
            self.emit(Event::Idle);
        }
    }

    fn speech(&mut self, turn: Turn) -> Result<&mut Speech, TurnError> {
        self.queue
            .iter_mut()
            .find(|s| s.turn == turn && !s.finished)
            .ok_or(TurnError::Over(turn))
    }
}

fn fade_out(sound: impl Iterator<Item = f32>) -> Vec<f32> {
    sound
        .enumerate()
        .map(|(i, sample)| sample * (1.0 - i as f32 / FADE as f32))
        .collect()
}
