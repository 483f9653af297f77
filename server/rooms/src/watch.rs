//! What a session tells of its turns, as the agent's side wants to know it.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::Published;
use livekit::Told;
use media::{CLOCK_HZ, HOP};
use session::Event;

/// One hop, ms.
const HOP_MS: i64 = HOP as i64 * 1_000 / CLOCK_HZ;

/// Turns that are heard, with the moment each began, ms of media time.
#[derive(Debug, Default)]
pub(crate) struct Turns(BTreeMap<u64, i64>);

impl Turns {
    /// Takes an event of the session.
    pub(crate) fn told(&mut self, published: &Published) -> Option<Told> {
        match &published.event {
            Event::SpeakStarted { turn } => {
                self.0.insert(turn.0, published.at_ms);
                Some(Told::Started(turn.0))
            }
            Event::SpeakEnded {
                turn, interrupted, ..
            } => {
                let began = self.0.remove(&turn.0);
                // Both moments are those of a hop's begin; the last is heard whole.
                let last = if *interrupted { 0 } else { HOP_MS };
                let ms = began.map_or(0, |began| published.at_ms - began + last);
                Some(Told::Ended {
                    turn: turn.0,
                    heard: Duration::from_millis(ms.unsigned_abs()),
                    interrupted: *interrupted,
                })
            }
            Event::Closed { .. } => Some(Told::Stopped),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use media::Turn;
    use session::CloseReason;

    use super::*;

    fn at(at_ms: i64, event: Event) -> Published {
        Published {
            session_id: "s".into(),
            seq: 1,
            at_ms,
            event,
        }
    }

    fn ended(turn: u64, interrupted: bool) -> Event {
        Event::SpeakEnded {
            turn: Turn(turn),
            heard_text: String::new(),
            interrupted,
        }
    }

    #[test]
    fn what_was_heard_is_counted_on_the_media_clock() {
        let mut turns = Turns::default();
        let heard = |turn, ms, interrupted| {
            Some(Told::Ended {
                turn,
                heard: Duration::from_millis(ms),
                interrupted,
            })
        };
        for (interrupted, ms) in [(true, 1_500), (false, 1_520)] {
            let started = at(1_000, Event::SpeakStarted { turn: Turn(3) });
            assert_eq!(turns.told(&started), Some(Told::Started(3)));
            let told = turns.told(&at(2_500, ended(3, interrupted)));
            assert_eq!(told, heard(3, ms, interrupted));
        }
        let never = turns.told(&at(2_500, ended(4, true)));
        assert_eq!(never, heard(4, 0, true), "never heard");
        let closed = Event::Closed {
            reason: CloseReason::Client,
        };
        assert_eq!(turns.told(&at(9_000, closed)), Some(Told::Stopped));
        assert_eq!(turns.told(&at(9_000, Event::Idle)), None);
    }
}
