//! From a stream of text to clauses and sound in the conductor: one thread for
//! each text turn that is open.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media::seam::{Voice, VoiceError};
use media::{CLOCK_HZ, Clause, Cue, Mood, Turn};
use session::TurnError;
use speech::cut::Cutter;
use speech::tags::{Piece, Tags};

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
    live: Arc<Live>,
    turn: Turn,
    channel: Arc<Channel>,
}

impl TextTurn {
    /// The turn.
    #[must_use]
    pub const fn turn(&self) -> Turn {
        self.turn
    }

    /// Sets the mood that the turn begins with. Ends with the turn.
    ///
    /// # Errors
    /// [`SpeakError::Over`] when nobody listens any more.
    pub fn feel(&self, mood: Mood) -> Result<(), SpeakError> {
        Ok(self.live.cue(self.turn, 0, Cue::Mood(mood))?)
    }

    /// Adds text: a word, a token, a whole page. Tags in it ([`speech::tags`])
    /// move the face.
    ///
    /// # Errors
    /// [`SpeakError::TextTooLong`]; what was added before is still spoken.
    /// [`SpeakError::Over`] when nobody listens any more.
    pub fn append(&self, text: &str) -> Result<(), SpeakError> {
        let mut feed = self.channel.lock();
        if feed.over {
            return Err(SpeakError::Over(self.turn));
        }
        let limit = self.live.limits().max_text_bytes;
        if feed.bytes + text.len() > limit {
            return Err(SpeakError::TextTooLong { limit });
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

/// Starts the voice thread of a turn that was just opened.
pub(crate) fn start(
    live: Arc<Live>,
    voice: Arc<dyn Voice>,
    turn: Turn,
) -> std::io::Result<TextTurn> {
    let channel = Arc::new(Channel::default());
    let text = TextTurn {
        live: live.clone(),
        turn,
        channel: channel.clone(),
    };
    let mut speaker = Speaker {
        live,
        voice,
        turn,
        channel,
        spoken: false,
    };
    std::thread::Builder::new()
        .name(format!("voice-{turn}"))
        .spawn(move || {
            if speaker.run().is_ok() {
                speaker.finish();
            }
        })?;
    Ok(text)
}

/// Speaks one turn. However it goes, the turn is finished when this is dropped:
/// a turn that nobody finishes would block all that follow.
struct Speaker {
    live: Arc<Live>,
    voice: Arc<dyn Voice>,
    turn: Turn,
    channel: Arc<Channel>,
    /// Whether anything could be spoken.
    spoken: bool,
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.channel.close();
        // Does nothing to a turn that is over or finished already.
        self.live.fail(
            self.turn,
            "voice_failed",
            "the voice stopped before the end of the text".to_owned(),
        );
    }
}

impl Speaker {
    fn run(&mut self) -> Result<(), TurnError> {
        self.live.wait_until_next(self.turn)?;
        let mut tags = Tags::new();
        let mut cutter = Cutter::new();
        let mut idle = Duration::ZERO;
        loop {
            let (clauses, end) = match self.channel.next() {
                Found::Text(text) => {
                    idle = Duration::ZERO;
                    (cutter.push(&self.read(tags.push(&text))?), false)
                }
                Found::Pause => {
                    idle += PAUSE;
                    (cutter.flush_ready(idle.as_millis() as u64), false)
                }
                Found::End => {
                    let mut clauses = cutter.push(&self.read(tags.finish())?);
                    clauses.extend(cutter.finish());
                    (clauses, true)
                }
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

    /// Passes on the cues of a piece of text and gives its words.
    fn read(&self, piece: Piece) -> Result<String, TurnError> {
        for (at, cue) in piece.cues {
            self.live.cue(self.turn, at, cue)?;
        }
        Ok(piece.text)
    }

    fn speak(&mut self, clause: Clause) -> Result<(), TurnError> {
        let utterance = self.compute(|| self.voice.begin(&clause))?;
        let mut utterance = match utterance {
            Ok(utterance) => utterance,
            Err(VoiceError::NothingToSay) => return Ok(()),
            Err(error) => return Err(self.fail(&error)),
        };
        let mut timings = utterance.timings().clone();
        self.live.clause(self.turn, clause, timings.clone())?;
        loop {
            match self.compute(|| utterance.next_chunk())? {
                Ok(Some(sound)) => {
                    self.spoken = true;
                    self.live.wait_for_room(self.turn, MAX_AHEAD)?;
                    if *utterance.timings() != timings {
                        timings.clone_from(utterance.timings());
                        self.live.replan(self.turn, timings.phonemes.clone())?;
                    }
                    self.live.sound(self.turn, &sound)?;
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.fail(&error)),
            }
        }
    }

    /// A voice that fails ends its turn; what was spoken before is heard.
    fn fail(&self, error: &VoiceError) -> TurnError {
        tracing::warn!(turn = %self.turn, %error, "the voice failed");
        self.live.fail(self.turn, "voice_failed", error.to_string());
        TurnError::Over(self.turn)
    }

    fn finish(&self) {
        if self.spoken {
            // An interrupt in this moment has ended the turn already.
            let _ = self.live.finish(self.turn);
        } else {
            let detail = VoiceError::NothingToSay.to_string();
            self.live.fail(self.turn, "nothing_to_say", detail);
        }
    }

    /// Runs a piece of the voice's work among those of other voices.
    fn compute<T>(&self, work: impl FnOnce() -> T) -> Result<T, TurnError> {
        if self.voice.info().cost == 0.0 {
            // A remote voice computes elsewhere: a service that is slow must
            // not keep the voices of this machine from it.
            return Ok(work());
        }
        self.live.permits().run(|| {
            // It may have been interrupted while it stood in line.
            self.live.backlog(self.turn)?;
            let start = Instant::now();
            let result = work();
            self.live.metrics().add_voice(start.elapsed());
            Ok(result)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Published, Subscription};
    use crate::testing::{Fake, hop, live};
    use media::HOP;
    use media::seam::MouthSource;
    use session::Event;
    use std::sync::mpsc::RecvTimeoutError;
    use std::thread;

    /// Longer than anything here takes: reached only when something hangs.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn open(live: &Live) -> Turn {
        live.with(|c| c.open(MouthSource::Planned, Duration::ZERO))
            .unwrap()
    }

    async fn next(events: &mut Subscription) -> Arc<Published> {
        let next = tokio::time::timeout(PATIENCE, events.next()).await;
        next.expect("an event comes").expect("the session is open")
    }

    #[tokio::test]
    async fn a_voice_that_fails_or_panics_ends_its_turn() {
        let fails = Fake::new(1.0, || Err(VoiceError::Model("no weights".into())));
        let panics = Fake::new(1.0, || panic!("a bug in a voice"));
        for (voice, _) in [fails, panics] {
            let (live, mut pipeline) = live();
            let mut events = live.log().subscribe(Some(0));
            let turn = open(&live);
            let text = start(live.clone(), voice, turn).unwrap();
            text.append("Hello there.").unwrap();
            // The client goes on writing.
            let failed = next(&mut events).await;
            assert!(
                matches!(failed.event, Event::Error { code: "voice_failed", turn: Some(t), .. } if t == turn),
                "{failed:?}"
            );
            hop(&live, &mut pipeline);
            let ended = next(&mut events).await;
            assert!(
                matches!(&ended.event, Event::SpeakEnded { heard_text, interrupted: false, .. } if heard_text.is_empty()),
                "{ended:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_text_without_words_ends_its_turn_and_says_so() {
        let (live, mut pipeline) = live();
        let mut events = live.log().subscribe(Some(0));
        let turn = open(&live);
        let (voice, _) = Fake::new(1.0, || Ok(vec![0.1; HOP]));
        drop(start(live.clone(), voice, turn).unwrap());
        let told = next(&mut events).await;
        assert!(matches!(
            told.event,
            Event::Error {
                code: "nothing_to_say",
                ..
            }
        ));
        hop(&live, &mut pipeline);
        let ended = next(&mut events).await;
        assert!(matches!(ended.event, Event::SpeakEnded { .. }), "{ended:?}");
    }

    #[test]
    fn a_word_is_spoken_when_nothing_follows_it_for_long() {
        let (live, _pipeline) = live();
        let turn = open(&live);
        let (voice, begun) = Fake::new(1.0, || Ok(vec![0.1; HOP]));
        let text = start(live.clone(), voice, turn).unwrap();
        text.append("Sure").unwrap();
        assert_eq!(begun.recv_timeout(PATIENCE), Ok("Sure".to_owned()));
    }

    #[test]
    fn a_remote_voice_that_waits_leaves_the_machine_to_others() {
        let (live, _pipeline) = live();
        let turn = open(&live);
        let (sender, heard) = std::sync::mpsc::channel();
        let other = live.clone();
        let (voice, _) = Fake::new(0.0, move || {
            // While it waits for its service, another voice computes.
            let _ = sender.send(other.permits().run(|| "another voice"));
            Ok(vec![0.1; HOP])
        });
        let text = start(live.clone(), voice, turn).unwrap();
        text.append("Hello there. ").unwrap();
        drop(text);
        assert_eq!(heard.recv_timeout(PATIENCE), Ok("another voice"));
    }

    #[test]
    fn a_turn_that_is_interrupted_in_line_does_not_compute() {
        let (live, _pipeline) = live();
        let turn = open(&live);
        let (voice, begun) = Fake::new(1.0, || Ok(vec![0.1; HOP]));
        live.permits().run(|| {
            let text = start(live.clone(), voice, turn).unwrap();
            text.append("Hello there. ").unwrap();
            while live.permits().came() < 2 {
                thread::yield_now();
            }
            live.interrupt();
        });
        // The thread ends, and its voice with it.
        assert_eq!(
            begun.recv_timeout(PATIENCE),
            Err(RecvTimeoutError::Disconnected)
        );
    }
}
