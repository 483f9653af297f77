//! Media time to RTP time and to the wall clock of sender reports.

use std::time::{Duration, Instant};

use media::{CLOCK_HZ, MediaTime, Track};
use rand::Rng;

/// How far the wall clock of a packet lies before the moment of its first
/// writing. Sender reports extrapolate from the last packet to now, which
/// works only for packets of the past; a session may hand out its packets up
/// to this much early.
pub(crate) const HEADROOM: Duration = Duration::from_millis(500);

/// The RTP clock rate of a track, Hz (RFC 6184 §8.2.1, RFC 7587 §4.1).
pub(crate) const fn rate(track: Track) -> u32 {
    match track {
        Track::Video => 90_000,
        Track::Audio => 48_000,
    }
}

/// One packet's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// RTP time before it is cut to 32 bits.
    pub rtp: u64,
    /// The wall clock that sender reports pair with it.
    pub wall: Instant,
}

/// The clock of one viewer.
///
/// The wall clock is a straight line through media time, the same for both
/// tracks. When a packet really leaves does not enter, so neither jitter nor a
/// stall can put sound and picture apart.
#[derive(Debug)]
pub(crate) struct Clock {
    video: u64,
    audio: u64,
    anchor: Option<(MediaTime, Instant)>,
}

impl Clock {
    /// A clock with random RTP offsets (RFC 3550 §5.1). The offsets lie far
    /// from zero so that media time before zero still counts up.
    pub(crate) fn new(rng: &mut impl Rng) -> Self {
        let mut offset = || u64::from(rng.random::<u32>()) | 1 << 40;
        Self {
            video: offset(),
            audio: offset(),
            anchor: None,
        }
    }

    /// The stamp of a packet that is written at `now`.
    pub(crate) fn stamp(&mut self, now: Instant, track: Track, pts: MediaTime) -> Stamp {
        let (offset, ticks) = match track {
            // 90 kHz is 15/8 of the media clock; a picture begins on a whole tick.
            Track::Video => (self.video, (pts.0 * 15).div_euclid(8)),
            Track::Audio => (self.audio, pts.0),
        };
        Stamp {
            rtp: offset.wrapping_add_signed(ticks),
            wall: self.wall(now, pts),
        }
    }

    fn wall(&mut self, now: Instant, pts: MediaTime) -> Instant {
        let (origin, at) = *self
            .anchor
            .get_or_insert_with(|| (pts, now.checked_sub(HEADROOM).unwrap_or(now)));
        let wall = along(at, pts - origin);
        if wall <= now {
            return wall;
        }
        // Earlier than the headroom allows: move the line for both tracks.
        let moved = now.checked_sub(HEADROOM).unwrap_or(now);
        self.anchor = Some((pts, moved));
        moved
    }
}

/// `at` moved by a count of media-clock samples, exact to the nanosecond.
fn along(at: Instant, samples: i64) -> Instant {
    let span = |n: i64| {
        let (seconds, rest) = (n / CLOCK_HZ, n % CLOCK_HZ);
        Duration::new(
            seconds.unsigned_abs(),
            (rest * 1_000_000_000 / CLOCK_HZ) as u32,
        )
    };
    if samples >= 0 {
        at + span(samples)
    } else {
        at.checked_sub(span(-samples)).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use media::FRAME;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn clock() -> Clock {
        Clock::new(&mut StdRng::seed_from_u64(1))
    }

    #[test]
    fn a_picture_is_3600_ticks_and_a_hop_960() {
        let (mut clock, now) = (clock(), Instant::now());
        let at = |clock: &mut Clock, track, pts| clock.stamp(now, track, MediaTime(pts)).rtp;
        let (v0, a0) = (
            at(&mut clock, Track::Video, 0),
            at(&mut clock, Track::Audio, 0),
        );
        for n in [1, 25, 90_000, 24 * 3600 * 25] {
            assert_eq!(
                at(&mut clock, Track::Video, n * FRAME) - v0,
                n as u64 * 3600
            );
            assert_eq!(at(&mut clock, Track::Audio, n * 960) - a0, n as u64 * 960);
        }
        assert_eq!(v0 - at(&mut clock, Track::Video, -FRAME), 3600);
    }

    #[test]
    fn late_packets_do_not_move_the_wall_clock() {
        let (mut clock, start) = (clock(), Instant::now());
        let first = clock.stamp(start, Track::Audio, MediaTime::ZERO).wall;
        let late = start + Duration::from_millis(1_700);
        let picture = clock.stamp(late, Track::Video, MediaTime::from_millis(1_000));
        let sound = clock.stamp(
            start + Duration::from_secs(2),
            Track::Audio,
            MediaTime::from_millis(1_000),
        );
        assert_eq!(picture.wall, sound.wall);
        assert_eq!(picture.wall - first, Duration::from_secs(1));
    }

    #[test]
    fn the_wall_clock_never_lies_in_the_future() {
        let (mut clock, now) = (clock(), Instant::now());
        clock.stamp(now, Track::Audio, MediaTime::ZERO);
        let ahead = clock.stamp(now, Track::Audio, MediaTime::from_millis(3_000));
        assert!(ahead.wall <= now);
        let with_it = clock.stamp(now, Track::Video, MediaTime::from_millis(3_000));
        assert_eq!(with_it.wall, ahead.wall);
    }

    #[test]
    fn a_day_of_steps_ends_where_one_jump_does() {
        let at = Instant::now();
        let day = 24 * 3600 * CLOCK_HZ;
        assert_eq!(along(at, day) - at, Duration::from_hours(24));
        assert_eq!(along(at, 960) - at, Duration::from_millis(20));
    }
}
