//! What of a session's speech was really heard, told once for each segment.
//!
//! A segment is what one client asked to be said or sent as one utterance: a
//! turn of the engine, with the name that the client gave it. The engine's
//! events are the truth; they come from the media clock. Here they become
//! pairs that a client can rely on: every segment begins at most once and ends
//! exactly once, in order, whatever happened in between.
//!
//! ```text
//!   opened ──► waiting ── first sound ──► heard ── last sound, cut ──► ended
//!                 │                                      
//!                 ├── finished without sound ──► started and ended at once
//!                 └── cut ──► dropped
//! ```

use std::collections::VecDeque;

use media::Turn;
use session::Event;

/// Something that a listener noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard<S> {
    /// The first sound of a segment left.
    Started {
        /// The turn.
        turn: Turn,
        /// Who asked for it; `None` when it was not this client.
        source: Option<S>,
    },
    /// A segment that was started is over.
    Ended {
        /// The turn.
        turn: Turn,
        /// Who asked for it.
        source: Option<S>,
        /// Whether it was cut short.
        interrupted: bool,
        /// What was heard of its text; empty for pushed sound.
        text: String,
    },
    /// A segment is over before anything of it was heard: it was cut while it
    /// waited.
    Dropped {
        /// The turn.
        turn: Turn,
        /// Who asked for it.
        source: Option<S>,
    },
}

#[derive(Debug)]
struct Segment<S> {
    turn: Turn,
    source: Option<S>,
    started: bool,
}

/// The segments of one session that are not over.
#[derive(Debug)]
pub(crate) struct Playback<S> {
    /// In the order of their turns. The engine lets 17 wait at most.
    segments: VecDeque<Segment<S>>,
    /// The newest turn that is over, and all before it.
    over: Turn,
    /// The newest turn that was heard.
    heard: Turn,
    closed: bool,
}

impl<S> Default for Playback<S> {
    fn default() -> Self {
        Self {
            segments: VecDeque::new(),
            over: Turn::default(),
            heard: Turn::default(),
            closed: false,
        }
    }
}

impl<S: Clone> Playback<S> {
    /// Whether something is heard.
    pub(crate) fn speaking(&self) -> bool {
        self.segments.iter().any(|segment| segment.started)
    }

    /// Whether something waits to be heard.
    pub(crate) fn waiting(&self) -> bool {
        self.segments.iter().any(|segment| !segment.started)
    }

    /// Names the turn that was opened for a client.
    pub(crate) fn opened(&mut self, turn: Turn, source: S, heard: &mut Vec<Heard<S>>) {
        if self.closed || turn <= self.over || turn < self.heard {
            // It was cut before its name was known.
            heard.push(Heard::Dropped {
                turn,
                source: Some(source),
            });
            return;
        }
        match self.segments.iter_mut().find(|s| s.turn >= turn) {
            Some(segment) if segment.turn == turn => segment.source = Some(source),
            _ => {
                let place = self.segments.partition_point(|s| s.turn < turn);
                self.segments.insert(
                    place,
                    Segment {
                        turn,
                        source: Some(source),
                        started: false,
                    },
                );
            }
        }
    }

    /// Takes an event of the engine.
    pub(crate) fn event(&mut self, event: &Event, heard: &mut Vec<Heard<S>>) {
        if self.closed {
            return;
        }
        match event {
            Event::SpeakStarted { turn } if *turn > self.over && *turn >= self.heard => {
                self.heard = *turn;
                self.end_before(*turn, heard);
                let segment = match self.segments.front_mut() {
                    Some(segment) if segment.turn == *turn => segment,
                    _ => {
                        self.segments.push_front(Segment {
                            turn: *turn,
                            source: None,
                            started: false,
                        });
                        &mut self.segments[0]
                    }
                };
                if !segment.started {
                    segment.started = true;
                    heard.push(Heard::Started {
                        turn: *turn,
                        source: segment.source.clone(),
                    });
                }
            }
            Event::SpeakEnded {
                turn,
                heard_text,
                interrupted,
            } if *turn > self.over => {
                self.end_before(*turn, heard);
                self.over = *turn;
                if self.segments.front().is_some_and(|s| s.turn == *turn)
                    && let Some(segment) = self.segments.pop_front()
                {
                    end(segment, *interrupted, heard_text.clone(), heard);
                }
            }
            Event::Closed { .. } => {
                self.closed = true;
                for segment in self.segments.drain(..) {
                    end(segment, true, String::new(), heard);
                }
            }
            _ => {}
        }
    }

    /// Ends the segments before a turn: the engine plays turns in order, so
    /// they are over even if the event that says so was missed.
    fn end_before(&mut self, turn: Turn, heard: &mut Vec<Heard<S>>) {
        while self.segments.front().is_some_and(|s| s.turn < turn)
            && let Some(segment) = self.segments.pop_front()
        {
            self.over = segment.turn;
            end(segment, false, String::new(), heard);
        }
    }
}

fn end<S: Clone>(segment: Segment<S>, interrupted: bool, text: String, heard: &mut Vec<Heard<S>>) {
    let Segment {
        turn,
        source,
        started,
    } = segment;
    if !started && interrupted {
        heard.push(Heard::Dropped { turn, source });
        return;
    }
    if !started {
        // Nothing in it could be heard, but who waits for its beginning and
        // its end sees both.
        heard.push(Heard::Started {
            turn,
            source: source.clone(),
        });
    }
    heard.push(Heard::Ended {
        turn,
        source,
        interrupted,
        text,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use session::CloseReason;

    fn started(turn: u64) -> Event {
        Event::SpeakStarted { turn: Turn(turn) }
    }

    fn ended(turn: u64, interrupted: bool) -> Event {
        Event::SpeakEnded {
            turn: Turn(turn),
            heard_text: String::new(),
            interrupted,
        }
    }

    const CLOSED: Event = Event::Closed {
        reason: CloseReason::Client,
    };

    /// A word for each thing that was told.
    fn told(heard: &[Heard<u64>]) -> Vec<(u64, &'static str)> {
        let word = |heard: &Heard<u64>| match heard {
            Heard::Started { turn, .. } => (turn.0, "started"),
            Heard::Ended {
                turn,
                interrupted: true,
                ..
            } => (turn.0, "cut"),
            Heard::Ended { turn, .. } => (turn.0, "ended"),
            Heard::Dropped { turn, .. } => (turn.0, "dropped"),
        };
        heard.iter().map(word).collect()
    }

    #[test]
    fn an_empty_segment_begins_and_ends_and_a_cut_one_is_dropped() {
        let (mut playback, mut heard) = (Playback::default(), Vec::new());
        for turn in 1..=3 {
            playback.opened(Turn(turn), turn, &mut heard);
        }
        playback.event(&ended(1, false), &mut heard);
        playback.event(&started(2), &mut heard);
        playback.event(&ended(2, true), &mut heard);
        playback.event(&ended(3, true), &mut heard);
        assert_eq!(
            told(&heard),
            [
                (1, "started"),
                (1, "ended"),
                (2, "started"),
                (2, "cut"),
                (3, "dropped")
            ]
        );
        assert!(playback.segments.is_empty());
    }

    #[test]
    fn a_missed_end_is_made_up_for() {
        let (mut playback, mut heard) = (Playback::default(), Vec::new());
        playback.opened(Turn(1), 1, &mut heard);
        playback.event(&started(1), &mut heard);
        playback.event(&started(4), &mut heard);
        // Too late, and not told again.
        playback.event(&ended(1, false), &mut heard);
        playback.opened(Turn(1), 1, &mut heard);
        assert_eq!(
            told(&heard),
            [(1, "started"), (1, "ended"), (4, "started"), (1, "dropped")]
        );
        playback.event(&CLOSED, &mut heard);
        assert_eq!(told(&heard).last(), Some(&(4, "cut")));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Opened,
        Started(u64),
        Ended(u64, bool),
        Noise,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Opened),
            3 => (0u64..24).prop_map(Step::Started),
            3 => (0u64..24, any::<bool>()).prop_map(|(t, i)| Step::Ended(t, i)),
            1 => Just(Step::Noise),
        ]
    }

    proptest! {
        /// Events may be missing, doubled or late, and between the turns of
        /// this client (the even ones) there are those of others: every
        /// segment that was opened still ends exactly once, none begins twice,
        /// and those that are heard are heard in order.
        #[test]
        fn every_segment_ends_exactly_once(steps in prop::collection::vec(step(), 0..60)) {
            let (mut playback, mut heard) = (Playback::default(), Vec::new());
            let mut opened = Vec::new();
            for step in steps {
                // Nothing happens to a turn before it is opened.
                let known = |turn: u64| turn % 2 == 1 || turn / 2 <= opened.len() as u64;
                match step {
                    Step::Opened => {
                        let turn = opened.len() as u64 * 2 + 2;
                        opened.push(turn);
                        playback.opened(Turn(turn), turn, &mut heard);
                    }
                    Step::Started(turn) if known(turn) => playback.event(&started(turn), &mut heard),
                    Step::Ended(turn, cut) if known(turn) => playback.event(&ended(turn, cut), &mut heard),
                    _ => playback.event(&Event::Idle, &mut heard),
                }
            }
            playback.event(&CLOSED, &mut heard);
            playback.event(&started(200), &mut heard);
            prop_assert!(playback.segments.is_empty());

            let told = told(&heard);
            for turn in &opened {
                let ends = told.iter().filter(|(t, word)| t == turn && *word != "started");
                prop_assert_eq!(ends.count(), 1, "turn {} in {:?}", turn, told);
            }
            let starts: Vec<_> = told.iter().filter(|(_, word)| *word == "started").collect();
            prop_assert!(starts.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", told);
            for (place, (turn, word)) in told.iter().enumerate() {
                let begun = told[..place].contains(&(*turn, "started"));
                match *word {
                    "ended" | "cut" => prop_assert!(begun, "{:?}", told),
                    _ => prop_assert!(!begun, "{:?}", told),
                }
            }
        }
    }
}
