//! From messages with pieces of sound to segments.
//!
//! A segment begins with the first piece and ends with its end marker. Clients
//! lose that marker (they crash, they forget it, they are cut off), so a
//! segment also ends [`IDLE`] after everything of it should have been played.
//! An end marker that comes after that, or after an interrupt, belongs to a
//! segment that is over already and means nothing; one that belongs to no
//! segment at all ends an empty one.

use std::time::Duration;

use speech::pcm::{Encoding, Samples};

/// How long nothing may come after a segment was played out before it counts
/// as complete. A text-to-speech service that stalls for longer in the middle
/// of an answer is rarer than an end marker that never comes.
pub(crate) const IDLE: Duration = Duration::from_secs(5);

/// Rate of sound where the client names none, Hz.
pub(crate) const DEFAULT_RATE: u32 = 24_000;

/// What is to be done with the engine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Open a turn of pushed sound.
    Open {
        /// Samples per second.
        rate: u32,
    },
    /// Add samples, mono.
    Write(Vec<f32>),
    /// The turn is complete.
    Finish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No segment is open.
    Closed,
    /// A segment takes sound.
    Open,
    /// The rest of a segment that was refused or cut elsewhere is passed over.
    Skipping,
}

/// The pieces of sound of one client.
#[derive(Debug)]
pub(crate) struct Feed {
    state: State,
    samples: Option<Samples>,
    rate: u32,
    /// The end marker of a segment that is over may still come.
    owed: bool,
    /// When everything that came will have been played, at the earliest.
    plays_until: Duration,
    /// When sound last came.
    last: Duration,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            state: State::Closed,
            samples: None,
            rate: DEFAULT_RATE,
            owed: false,
            plays_until: Duration::ZERO,
            last: Duration::ZERO,
        }
    }
}

impl Feed {
    /// The rate of segments to come, Hz.
    pub(crate) const fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    /// Takes a piece of sound, cut anywhere; a sample that is cut between two
    /// pieces is put together again. `now` is any clock that does not go back.
    pub(crate) fn sound(&mut self, now: Duration, bytes: &[u8]) -> Vec<Step> {
        self.last = now;
        let mut steps = Vec::new();
        if self.state == State::Skipping || bytes.is_empty() {
            return steps;
        }
        if self.state == State::Closed {
            self.state = State::Open;
            self.owed = false;
            // One channel is always possible.
            self.samples = Samples::new(Encoding::S16Le, 1).ok();
            steps.push(Step::Open { rate: self.rate });
        }
        let samples = self
            .samples
            .as_mut()
            .map_or_else(Vec::new, |samples| samples.push(bytes));
        let length = Duration::from_secs_f64(samples.len() as f64 / f64::from(self.rate.max(1)));
        self.plays_until = self.plays_until.max(now) + length;
        if !samples.is_empty() {
            steps.push(Step::Write(samples));
        }
        steps
    }

    /// Takes an end marker.
    pub(crate) fn end(&mut self) -> Vec<Step> {
        match self.state {
            State::Open => {
                self.close(false);
                vec![Step::Finish]
            }
            State::Skipping => {
                self.close(false);
                Vec::new()
            }
            State::Closed if self.owed => {
                self.owed = false;
                Vec::new()
            }
            State::Closed => vec![Step::Open { rate: self.rate }, Step::Finish],
        }
    }

    /// The client interrupted: what it sends from now on is new.
    pub(crate) fn cut(&mut self) {
        self.plays_until = Duration::ZERO;
        self.close(self.owed || self.state != State::Closed);
    }

    /// The open segment is over without the client's doing, or was refused:
    /// what still comes of it is passed over.
    pub(crate) fn skip(&mut self) {
        if self.state == State::Open {
            self.state = State::Skipping;
            self.samples = None;
        }
    }

    /// Whether a segment takes sound.
    pub(crate) fn open(&self) -> bool {
        self.state == State::Open
    }

    /// When [`Feed::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        (self.state != State::Closed).then(|| self.last.max(self.plays_until) + IDLE)
    }

    /// Ends a segment of which nothing has come for [`IDLE`].
    pub(crate) fn tick(&mut self, now: Duration) -> Vec<Step> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        let open = self.open();
        self.close(true);
        if open { vec![Step::Finish] } else { Vec::new() }
    }

    /// The client is gone: what it sent is complete.
    pub(crate) fn lost(&mut self) -> Vec<Step> {
        let open = self.open();
        // Another connection knows nothing of the old one's segments.
        self.close(false);
        if open { vec![Step::Finish] } else { Vec::new() }
    }

    fn close(&mut self, owed: bool) {
        self.state = State::Closed;
        self.samples = None;
        self.owed = owed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A second of sound.
    fn second() -> Vec<u8> {
        vec![1; 2 * DEFAULT_RATE as usize]
    }

    fn kinds(steps: &[Step]) -> String {
        let letter = |step: &Step| match step {
            Step::Open { .. } => 'o',
            Step::Write(_) => 'w',
            Step::Finish => 'f',
        };
        steps.iter().map(letter).collect()
    }

    #[test]
    fn an_end_that_never_comes_is_waited_for_until_the_sound_was_played() {
        let mut feed = Feed::default();
        for _ in 0..3 {
            feed.sound(SECOND, &second());
        }
        // Sent faster than it is played.
        let end = SECOND + 3 * SECOND + IDLE;
        assert_eq!(feed.deadline(), Some(end));
        assert_eq!(
            kinds(&feed.tick(end.saturating_sub(Duration::from_millis(1)))),
            ""
        );
        assert_eq!(kinds(&feed.tick(end)), "f");
        assert_eq!(feed.deadline(), None);
        assert_eq!(kinds(&feed.end()), "", "it comes after all");
        assert_eq!(kinds(&feed.end()), "of", "an empty segment");
    }

    #[test]
    fn what_follows_an_interrupt_is_new() {
        let mut feed = Feed::default();
        assert_eq!(kinds(&feed.sound(SECOND, &second())), "ow");
        feed.cut();
        assert_eq!(kinds(&feed.end()), "", "the end of what was cut");
        assert_eq!(kinds(&feed.sound(SECOND, &second())), "ow");
        assert_eq!(kinds(&feed.end()), "f");
    }

    #[test]
    fn the_rest_of_what_was_cut_elsewhere_is_passed_over() {
        let mut feed = Feed::default();
        feed.sound(SECOND, &second());
        feed.skip();
        assert_eq!(kinds(&feed.sound(SECOND, &second())), "");
        assert_eq!(kinds(&feed.end()), "");
        assert_eq!(kinds(&feed.sound(SECOND, &second())), "ow");
    }

    #[derive(Clone, Debug)]
    enum Act {
        Sound(usize),
        End,
        Cut,
        Skip,
        Lost,
        Wait(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            6 => (0usize..9_000).prop_map(Act::Sound),
            2 => Just(Act::End),
            1 => Just(Act::Cut),
            1 => Just(Act::Skip),
            1 => Just(Act::Lost),
            2 => (0u64..9_000).prop_map(Act::Wait),
        ]
    }

    proptest! {
        /// Turns are opened and finished in turns, sound comes only between,
        /// and no segment stays open for ever.
        #[test]
        fn turns_are_opened_and_finished_in_turns(acts in prop::collection::vec(act(), 0..50)) {
            let mut feed = Feed::default();
            let (mut now, mut open) = (Duration::ZERO, false);
            for act in acts {
                let steps = match act {
                    Act::Sound(bytes) => feed.sound(now, &vec![0; bytes]),
                    Act::End => feed.end(),
                    Act::Cut => { feed.cut(); open = false; Vec::new() }
                    Act::Skip => { feed.skip(); open = false; Vec::new() }
                    Act::Lost => feed.lost(),
                    Act::Wait(ms) => {
                        now += Duration::from_millis(ms);
                        feed.tick(now)
                    }
                };
                for step in steps {
                    match step {
                        Step::Open { .. } => { prop_assert!(!open); open = true; }
                        Step::Write(samples) => prop_assert!(open && !samples.is_empty()),
                        Step::Finish => { prop_assert!(open); open = false; }
                    }
                }
                prop_assert_eq!(open, feed.open());
            }
            if let Some(deadline) = feed.deadline() {
                feed.tick(deadline);
                prop_assert_eq!(feed.deadline(), None);
            }
        }

        /// However the bytes are cut, the same samples come out.
        #[test]
        fn cuts_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1usize..9) {
            let collect = |size: usize| {
                let mut feed = Feed::default();
                let mut out = Vec::new();
                for piece in bytes.chunks(size) {
                    for step in feed.sound(SECOND, piece) {
                        if let Step::Write(samples) = step {
                            out.extend(samples);
                        }
                    }
                }
                out
            };
            prop_assert_eq!(collect(size), collect(1_000));
        }
    }
}
