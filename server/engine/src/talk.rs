//! From a stream of text to clauses and sound in the conductor: one thread for
//! each text turn that is open.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media::seam::{Voice, VoiceError};
use media::{CLOCK_HZ, Clause, Turn};
use session::{Event, TurnError};
use speech::cut::Cutter;

use crate::handle::SpeakError;
use crate::live::Live;

/// How long the text may pause before what is there is spoken, even in the
/// middle of a sentence. A language model that stalls for this long is slower
/// than a person who speaks.
pub const PAUSE: Duration = Duration::from_millis(350);

/// Sound that a voice may be ahead of what is played, samples: 8 s. Enough to
/// ride out a busy machine; an interrupt throws it away, so not more.
const MAX_AHEAD: i64 = 8 * CLOCK_HZ;

/// Text that waits for a voice thread.
#[derive(Debug, Default)]
struct Feed {
    pieces: VecDeque<String>,
    bytes: usize,
    /// Nothing more will be written.
    done: bool,
    /// Nothing more will be read: the turn is over.
    over: bool,
}

/// The writing end of a text turn and the reading end share this.
#[derive(Debug, Default)]
struct Channel {
    feed: Mutex<Feed>,
    changed: Condvar,
}

/// What a voice thread finds in the channel.
enum Found {
    Text(String),
    Pause,
    End,
}

impl Channel {
    fn lock(&self) -> std::sync::MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Found {
        let (mut feed, _) = self
            .changed
            .wait_timeout_while(self.lock(), PAUSE, |f| f.pieces.is_empty() && !f.done)
            .unwrap_or_else(PoisonError::into_inner);
        match feed.pieces.pop_front() {
            Some(text) => Found::Text(text),
            None if feed.done => Found::End,
            None => Found::Pause,
        }
    }

    /// The reading end is gone; what it left is not kept.
    fn close(&self) {
        let mut feed = self.lock();
        feed.over = true;
        feed.pieces.clear();
    }
}

/// A text turn that is being written. Dropping it ends the text.
pub struct TextTurn {
    turn: Turn,
    limit: usize,
    channel: Arc<Channel>,
}

impl TextTurn {
    /// The turn.
    #[must_use]
    pub const fn turn(&self) -> Turn {
        self.turn
    }

    /// Adds text: a word, a token, a whole page.
    ///
    /// # Errors
    /// [`SpeakError::TextTooLong`]; what was added before is still spoken.
    /// [`SpeakError::Over`] when nobody listens any more.
    pub fn append(&self, text: &str) -> Result<(), SpeakError> {
        let mut feed = self.channel.lock();
        if feed.over {
            return Err(SpeakError::Over(self.turn));
        }
        if feed.bytes + text.len() > self.limit {
            return Err(SpeakError::TextTooLong { limit: self.limit });
        }
        feed.bytes += text.len();
        feed.pieces.push_back(text.to_owned());
        self.channel.changed.notify_one();
        Ok(())
    }
}

impl Drop for TextTurn {
    fn drop(&mut self) {
        self.channel.lock().done = true;
        self.channel.changed.notify_one();
    }
}

/// Limits how many voices compute at once.
#[derive(Debug)]
pub(crate) struct Permits {
    free: Mutex<usize>,
    changed: Condvar,
}

impl Permits {
    pub(crate) fn new(count: NonZeroUsize) -> Self {
        Self {
            free: Mutex::new(count.get()),
            changed: Condvar::new(),
        }
    }

    /// Runs `work` when a permit is free.
    fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Return<'a>(&'a Permits);
        impl Drop for Return<'_> {
            fn drop(&mut self) {
                *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                self.0.changed.notify_one();
            }
        }
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .changed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        let _return = Return(self);
        work()
    }
}

/// Starts the voice thread of a turn that was just opened.
pub(crate) fn start(
    live: Arc<Live>,
    voice: Arc<dyn Voice>,
    turn: Turn,
) -> std::io::Result<TextTurn> {
    let channel = Arc::new(Channel::default());
    let text = TextTurn {
        turn,
        limit: live.limits().max_text_bytes,
        channel: channel.clone(),
    };
    std::thread::Builder::new()
        .name(format!("voice-{turn}"))
        .spawn(move || {
            let mut speaker = Speaker {
                live: &live,
                voice: voice.as_ref(),
                turn,
                spoken: false,
            };
            if speaker.run(&channel).is_ok() {
                speaker.finish();
            }
            channel.close();
        })?;
    Ok(text)
}

/// Speaks one turn.
struct Speaker<'a> {
    live: &'a Live,
    voice: &'a dyn Voice,
    turn: Turn,
    /// Whether anything could be spoken.
    spoken: bool,
}

impl Speaker<'_> {
    fn run(&mut self, channel: &Channel) -> Result<(), TurnError> {
        self.live.wait_until_next(self.turn)?;
        let mut cutter = Cutter::new();
        loop {
            let (clauses, end) = match channel.next() {
                Found::Text(text) => (cutter.push(&text), false),
                Found::Pause => (cutter.flush_ready(PAUSE.as_millis() as u64), false),
                Found::End => (cutter.finish(), true),
            };
            for clause in clauses {
                self.speak(clause)?;
            }
            if end {
                return Ok(());
            }
            // An interrupted turn must not wait for its text to end.
            self.live.backlog(self.turn)?;
        }
    }

    fn speak(&mut self, clause: Clause) -> Result<(), TurnError> {
        let utterance = self.measured(|| self.voice.begin(&clause));
        let mut utterance = match utterance {
            Ok(utterance) => utterance,
            Err(VoiceError::NothingToSay) => return Ok(()),
            Err(error) => return self.fail(&error),
        };
        self.live
            .clause(self.turn, clause, utterance.timings().clone())?;
        loop {
            match self.measured(|| utterance.next_chunk()) {
                Ok(Some(sound)) => {
                    self.spoken = true;
                    self.live.wait_for_room(self.turn, MAX_AHEAD)?;
                    self.live.sound(self.turn, &sound)?;
                }
                Ok(None) => return Ok(()),
                Err(error) => return self.fail(&error),
            }
        }
    }

    /// A voice that fails ends its turn; what was spoken before is heard.
    fn fail(&self, error: &VoiceError) -> Result<(), TurnError> {
        tracing::warn!(turn = %self.turn, %error, "the voice failed");
        self.live.publish(Event::Error {
            code: "voice_failed",
            detail: error.to_string(),
            turn: Some(self.turn),
        });
        self.live.finish(self.turn)?;
        Err(TurnError::Over(self.turn))
    }

    fn finish(&self) {
        if !self.spoken {
            self.live.publish(Event::Error {
                code: "nothing_to_say",
                detail: VoiceError::NothingToSay.to_string(),
                turn: Some(self.turn),
            });
        }
        // An interrupt in this moment has ended the turn already.
        let _ = self.live.finish(self.turn);
    }

    fn measured<T>(&self, work: impl FnOnce() -> T) -> T {
        self.live.permits().run(|| {
            let start = Instant::now();
            let result = work();
            self.live.metrics().add_voice(start.elapsed());
            result
        })
    }
}
