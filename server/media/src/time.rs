//! The media clock: positions in samples at 48 kHz, and turn numbers.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// Rate of the media clock, Hz. 48 kHz is the clock of Opus in RTP (RFC 7587
/// §4.1), divides by 16 kHz (features) and gives whole samples at 25 fps.
pub const CLOCK_HZ: i64 = 48_000;

/// One step of the pipeline, samples: 20 ms. One Opus frame and one set of
/// face controls (50 Hz) come out of each step.
pub const HOP: usize = 960;

/// One picture, samples: 40 ms, that is 25 pictures a second.
pub const FRAME: i64 = 1_920;

/// A position on a session's media clock, in samples at [`CLOCK_HZ`].
///
/// Zero is the first sample that the session sends. Never wall time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MediaTime(pub i64);

impl MediaTime {
    /// The first sample of the session.
    pub const ZERO: Self = Self(0);

    /// The position `ms` milliseconds after zero.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms * (CLOCK_HZ / 1000))
    }

    /// Milliseconds since zero, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(CLOCK_HZ / 1000)
    }

    /// Seconds since zero.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / CLOCK_HZ as f64
    }

    /// Converts a count of samples at `rate` Hz to samples of the media clock,
    /// rounded to the nearest.
    #[must_use]
    pub const fn rescale(samples: i64, rate: u32) -> i64 {
        let rate = rate as i64;
        (samples * CLOCK_HZ + rate / 2).div_euclid(rate)
    }
}

impl Add<i64> for MediaTime {
    type Output = Self;
    fn add(self, samples: i64) -> Self {
        Self(self.0 + samples)
    }
}

impl AddAssign<i64> for MediaTime {
    fn add_assign(&mut self, samples: i64) {
        self.0 += samples;
    }
}

impl Sub<i64> for MediaTime {
    type Output = Self;
    fn sub(self, samples: i64) -> Self {
        Self(self.0 - samples)
    }
}

impl Sub for MediaTime {
    type Output = i64;
    fn sub(self, other: Self) -> i64 {
        self.0 - other.0
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.as_secs_f64())
    }
}

/// The number of the utterance that a thing belongs to.
///
/// An interrupt advances the number; whatever carries an older one is dropped
/// wherever it is. Turn 0 is the idle life before anything was said.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Turn(pub u64);

impl Turn {
    /// The turn after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_is_two_hops() {
        assert_eq!(FRAME, 2 * HOP as i64);
    }

    #[test]
    fn rescale_rounds_to_nearest() {
        assert_eq!(MediaTime::rescale(22_050, 22_050), 48_000);
        assert_eq!(MediaTime::rescale(1, 22_050), 2);
        assert_eq!(MediaTime::rescale(600, 24_000), 1_200);
        assert_eq!(MediaTime::rescale(-1, 24_000), -2);
    }

    #[test]
    fn millis_round_down_on_both_sides_of_zero() {
        assert_eq!(MediaTime(47).as_millis(), 0);
        assert_eq!(MediaTime(-1).as_millis(), -1);
        assert_eq!(MediaTime::from_millis(20).0, HOP as i64);
    }
}
