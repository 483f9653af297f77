//! Limits of a session, counted on its media clock and announced before they
//! strike.

use media::{CLOCK_HZ, MediaTime};
use serde::{Deserialize, Serialize};

use crate::event::{CloseReason, Event};

/// How long before it strikes a limit is announced, seconds. Long enough for a
/// person to react, short enough to be believed.
pub const WARNING_S: u64 = 30;

/// A limit that can end a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// See [`Limits::idle_timeout_s`].
    IdleTimeout,
    /// See [`Limits::max_duration_s`].
    MaxDuration,
}

/// Limits of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds without a turn or any sign of the client after which the
    /// session closes. Default 300.
    pub idle_timeout_s: u64,
    /// Longest duration, seconds of media time. Default 3600.
    pub max_duration_s: u64,
    /// Longest text of one turn, bytes. Default 100 000 (about two hours of
    /// speech).
    pub max_text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle_timeout_s: 300,
            max_duration_s: 3_600,
            max_text_bytes: 100_000,
        }
    }
}

/// Watches the limits as media time goes by.
#[derive(Debug)]
pub(crate) struct Watch {
    limits: Limits,
    active: MediaTime,
    idle_warned: bool,
    duration_warned: bool,
}

impl Watch {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            active: MediaTime::ZERO,
            idle_warned: false,
            duration_warned: false,
        }
    }

    /// Notes a sign of life.
    pub(crate) const fn touch(&mut self, at: MediaTime) {
        self.active = at;
        self.idle_warned = false;
    }

    /// What the limits say at `at`: a warning, or the end.
    pub(crate) fn check(&mut self, at: MediaTime) -> Option<Event> {
        let left = |limit_s: u64, since: MediaTime| samples(limit_s) - (at - since);
        let idle = left(self.limits.idle_timeout_s, self.active);
        let duration = left(self.limits.max_duration_s, MediaTime::ZERO);
        if duration <= 0 {
            return Some(Event::Closed {
                reason: CloseReason::MaxDuration,
            });
        }
        if idle <= 0 {
            return Some(Event::Closed {
                reason: CloseReason::IdleTimeout,
            });
        }
        // A limit shorter than twice the usual notice is announced at its half.
        let notice = |limit_s: u64| samples(WARNING_S.min(limit_s / 2));
        let warning = |limit, left: i64| Event::LimitWarning {
            limit,
            remaining_s: (left / CLOCK_HZ) as u64,
        };
        if !self.duration_warned && duration <= notice(self.limits.max_duration_s) {
            self.duration_warned = true;
            return Some(warning(LimitKind::MaxDuration, duration));
        }
        if !self.idle_warned && idle <= notice(self.limits.idle_timeout_s) {
            self.idle_warned = true;
            return Some(warning(LimitKind::IdleTimeout, idle));
        }
        None
    }
}

/// Seconds as samples; what is longer than any clock is for ever.
fn samples(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(CLOCK_HZ)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> MediaTime {
        MediaTime(seconds * CLOCK_HZ)
    }

    #[test]
    fn idle_is_announced_then_strikes_and_a_touch_resets_both() {
        let mut watch = Watch::new(Limits {
            idle_timeout_s: 100,
            max_duration_s: 10_000,
            ..Limits::default()
        });
        assert_eq!(watch.check(at(69)), None);
        assert_eq!(
            watch.check(at(70)),
            Some(Event::LimitWarning {
                limit: LimitKind::IdleTimeout,
                remaining_s: 30
            })
        );
        assert_eq!(watch.check(at(71)), None, "announced once");
        watch.touch(at(80));
        assert_eq!(watch.check(at(149)), None);
        assert!(matches!(
            watch.check(at(150)),
            Some(Event::LimitWarning { .. })
        ));
        assert_eq!(
            watch.check(at(180)),
            Some(Event::Closed {
                reason: CloseReason::IdleTimeout
            })
        );
    }

    #[test]
    fn duration_strikes_even_when_active() {
        let mut watch = Watch::new(Limits {
            idle_timeout_s: 300,
            max_duration_s: 20,
            ..Limits::default()
        });
        watch.touch(at(19));
        assert!(matches!(
            watch.check(at(10)),
            Some(Event::LimitWarning {
                limit: LimitKind::MaxDuration,
                remaining_s: 10
            })
        ));
        assert_eq!(
            watch.check(at(20)),
            Some(Event::Closed {
                reason: CloseReason::MaxDuration
            })
        );
    }

    #[test]
    fn limits_longer_than_any_clock_never_strike() {
        let mut watch = Watch::new(Limits {
            idle_timeout_s: u64::MAX,
            max_duration_s: u64::MAX,
            ..Limits::default()
        });
        for seconds in [0, 1, 1_000_000_000] {
            assert_eq!(watch.check(at(seconds)), None);
        }
    }
}
