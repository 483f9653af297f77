//! The event log of a session: numbered, kept for a while so that a client can
//! resume, and awaited by any number of subscribers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Serialize, Serializer};
use session::Event;
use session::event::Timed;
use tokio::sync::watch;

/// Events kept for resuming clients. About five minutes of speech; a client
/// that was away for longer starts from the oldest that is left.
const KEPT: usize = 1_024;

/// An event as published.
#[derive(Debug, Serialize)]
pub struct Published {
    /// The session.
    #[serde(serialize_with = "as_text")]
    pub session_id: Arc<str>,
    /// Number in the session, from 1, without gaps.
    pub seq: u64,
    /// Media time, ms.
    pub at_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// The event log of one session.
#[derive(Debug)]
pub(crate) struct Log {
    session_id: Arc<str>,
    events: Mutex<VecDeque<Arc<Published>>>,
    /// Number of the newest event.
    newest: watch::Sender<u64>,
}

impl Log {
    pub(crate) fn new(session_id: Arc<str>) -> Self {
        Self {
            session_id,
            events: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// Appends events in order and wakes the subscribers.
    pub(crate) fn publish(&self, timed: impl Iterator<Item = Timed>) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *self.newest.borrow();
        let mut seq = before;
        for Timed { at, event } in timed {
            seq += 1;
            if events.len() == KEPT {
                events.pop_front();
            }
            events.push_back(Arc::new(Published {
                session_id: self.session_id.clone(),
                seq,
                at_ms: at.as_millis(),
                event,
            }));
        }
        if seq != before {
            self.newest.send_replace(seq);
        }
    }

    /// Follows the log from the event after `after`; from now on when `None`,
    /// or when there is no such event yet (a number of another session).
    pub(crate) fn subscribe(self: &Arc<Self>, after: Option<u64>) -> Subscription {
        let newest = self.newest.subscribe();
        let last = self.last();
        let seen = after.map_or(last, |after| after.min(last));
        Subscription {
            log: self.clone(),
            newest,
            seen,
        }
    }

    /// Number of the newest event, 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        *self.newest.borrow()
    }

    fn after(&self, seen: u64) -> Option<Arc<Published>> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let first = events.front()?.seq;
        let index = (seen + 1).saturating_sub(first);
        events.get(usize::try_from(index).ok()?).cloned()
    }
}

/// Follows the events of one session.
#[derive(Debug)]
pub struct Subscription {
    log: Arc<Log>,
    newest: watch::Receiver<u64>,
    seen: u64,
}

impl Subscription {
    /// The next event; `None` after the one that closed the session. Cancel
    /// safe.
    pub async fn next(&mut self) -> Option<Arc<Published>> {
        loop {
            if let Some(published) = self.log.after(self.seen) {
                self.seen = published.seq;
                return Some(published);
            }
            let over = self
                .log
                .after(self.seen.saturating_sub(1))
                .is_some_and(|last| matches!(last.event, Event::Closed { .. }));
            if over {
                return None;
            }
            self.newest.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{MediaTime, Turn};
    use session::CloseReason;

    fn timed(event: Event) -> Timed {
        Timed {
            at: MediaTime::ZERO,
            event,
        }
    }

    #[tokio::test]
    async fn resumes_after_a_number_and_ends_with_closed() {
        let log = Arc::new(Log::new("s".into()));
        log.publish((1..=3).map(|t| timed(Event::SpeakStarted { turn: Turn(t) })));
        let mut resumed = log.subscribe(Some(1));
        assert_eq!(resumed.next().await.map(|p| p.seq), Some(2));
        assert_eq!(resumed.next().await.map(|p| p.seq), Some(3));
        let mut fresh = log.subscribe(None);
        log.publish(std::iter::once(timed(Event::Closed {
            reason: CloseReason::Client,
        })));
        assert_eq!(fresh.next().await.map(|p| p.seq), Some(4));
        assert!(fresh.next().await.is_none());
        assert!(log.subscribe(None).next().await.is_none());
    }

    #[tokio::test]
    async fn a_number_that_was_never_given_is_from_now_on() {
        let log = Arc::new(Log::new("s".into()));
        log.publish(std::iter::once(timed(Event::Idle)));
        for after in [2, u64::MAX] {
            assert_eq!(log.subscribe(Some(after)).seen, 1);
        }
        log.publish(std::iter::once(timed(Event::Closed {
            reason: CloseReason::Client,
        })));
        let mut lost = log.subscribe(Some(u64::MAX));
        assert!(lost.next().await.is_none(), "it ends with the session");
    }

    #[tokio::test]
    async fn a_late_client_gets_the_oldest_kept() {
        let log = Arc::new(Log::new("s".into()));
        for _ in 0..3 {
            log.publish((0..KEPT).map(|_| timed(Event::Idle)));
        }
        let first = log.subscribe(Some(0)).next().await.map(|p| p.seq);
        assert_eq!(first, Some(2 * KEPT as u64 + 1));
    }
}
