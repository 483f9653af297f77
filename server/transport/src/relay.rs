//! Tracks of one connection that are passed on on others.
//!
//! What is passed on are whole pictures and packets of sound, not datagrams:
//! each connection has numbers, retransmissions and reports of its own, so a
//! loss on one costs the others nothing.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use media::Track;
use str0m::media::{MediaData, Mid};
use str0m::rtp::rtcp::SenderInfo;

use crate::clock::{HEADROOM, rate};
use crate::viewer::ViewerId;

/// Tracks that are taken of one connection: microphone, camera, a screen with
/// sound, twice for changes between devices.
pub(crate) const MOST_TAKEN: usize = 8;

/// Largest picture that is passed on, bytes. A key frame of a screen in 4K has
/// about one million; more is an attempt to fill memory, which each receiver
/// would cost once more.
const LARGEST_PICTURE: usize = 2_000_000;

/// Least bytes of a picture per packet that it came in: a start code (four) and
/// the header of its NAL unit. Fragments have far more (RFC 6184 §5.8).
const LEAST_OF_PACKET: u64 = 5;

/// Hollow pictures of a track after which its connection is let go. No encoder
/// makes any: they consist of fragments whose end never comes, which the
/// library keeps, of each picture 4096 packets at most.
const MOST_HOLLOW: u32 = 8;

/// Least time between two requests for a key frame: about a round trip over a
/// slow path, so that one that is under way is not asked for again.
pub(crate) const KEY_EVERY: Duration = Duration::from_millis(250);

/// Sender reports that put a packet further into the past than this are wrong.
const OLDEST: Duration = Duration::from_secs(5);

/// A track of another connection of the same endpoint, which is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The connection that it comes over.
    pub from: ViewerId,
    /// Its section there ([`crate::Heard::mid`]).
    pub mid: String,
    /// Sound or pictures.
    pub kind: Track,
    /// Its stream, as the far side is told it. Tracks of one connection with
    /// the same stream are aligned by players.
    pub stream: String,
    /// Its stream where the section of an offer of this side had another track
    /// before: browsers keep the first one's name there, so that the stream is
    /// all that can tell them apart.
    pub renamed: String,
    /// Its name, as the far side is told it.
    pub track: String,
}

/// A picture or a packet of sound on its way from one connection to others.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub mid: Mid,
    pub kind: Track,
    /// RTP time of its sender, extended.
    pub rtp: u64,
    /// The moment that sender reports pair with it.
    pub wall: Instant,
    pub key: bool,
    pub data: Arc<[u8]>,
}

/// What one connection has for others.
#[derive(Debug)]
pub(crate) enum Errand {
    /// For whoever gets the track.
    Unit(Unit),
    /// A picture of one's own track is missing; who gets that needs a key
    /// frame.
    Gap(Mid),
    /// The sender of a track should make a key frame.
    Key(ViewerId, Mid),
}

/// Lets one request for a key frame through at a time, and none get lost.
#[derive(Debug, Default)]
pub(crate) struct KeyGate {
    asked: Option<Instant>,
    pending: bool,
}

impl KeyGate {
    /// Asked for another reason, just now.
    pub(crate) fn asked(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Whether to ask now; otherwise it is due at [`KeyGate::due`].
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        let allowed = self.asked.is_none_or(|asked| now >= asked + KEY_EVERY);
        self.pending = !allowed;
        if allowed {
            self.asked = Some(now);
        }
        allowed
    }

    /// Whether a request that waited is to be made now.
    pub(crate) fn advance(&mut self, now: Instant) -> bool {
        self.pending && self.ask(now)
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        let asked = self.pending.then_some(self.asked).flatten();
        asked.map(|asked| asked + KEY_EVERY)
    }
}

/// A track that a connection brings.
#[derive(Debug)]
pub(crate) struct Taken {
    pub mid: Mid,
    pub kind: Track,
    /// Pictures can be decoded: none is missing since the last key frame.
    whole: bool,
    /// Pictures with next to nothing in their packets.
    hollow: u32,
    pub keys: KeyGate,
}

impl Taken {
    pub(crate) fn new(mid: Mid, kind: Track) -> Self {
        Self {
            mid,
            kind,
            whole: false,
            hollow: 0,
            keys: KeyGate::default(),
        }
    }

    /// Whether what came in so many packets can be a track; else its sender is
    /// up to something.
    pub(crate) fn is_sane(&mut self, packets: u64, bytes: usize) -> bool {
        if self.kind == Track::Video && (bytes as u64) < packets.saturating_mul(LEAST_OF_PACKET) {
            self.hollow += 1;
        }
        self.hollow < MOST_HOLLOW && bytes <= LARGEST_PICTURE
    }

    /// Whether the next unit is of use to anybody. After a gap, pictures are
    /// not, up to a key frame.
    pub(crate) fn passes(&mut self, key: bool, contiguous: bool) -> bool {
        self.whole = key || self.whole && contiguous;
        self.whole || self.kind == Track::Audio
    }
}

/// Pictures pass from the first key frame on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFirst(bool);

impl KeyFirst {
    pub(crate) fn passes(&mut self, unit: &Unit) -> bool {
        self.0 |= unit.key || unit.kind == Track::Audio;
        self.0
    }
}

/// Our time of what a connection brings, from its sender reports: sound and
/// pictures keep the distance that their sender gave them.
#[derive(Debug, Default)]
pub(crate) struct SenderClock(Option<(SystemTime, Instant)>);

impl SenderClock {
    pub(crate) fn wall(&mut self, now: Instant, kind: Track, data: &MediaData) -> Instant {
        let arrived = data.network_time.min(now);
        let Some(info) = &data.last_sender_info else {
            return before(arrived, HEADROOM);
        };
        let Some(ntp) = sent_at(kind, data.time.numer(), info) else {
            return before(arrived, HEADROOM);
        };
        self.along(now, ntp)
    }

    fn along(&mut self, now: Instant, ntp: SystemTime) -> Instant {
        let (at, origin) = *self.0.get_or_insert((ntp, before(now, HEADROOM)));
        let wall = match ntp.duration_since(at) {
            Ok(later) => origin.checked_add(later),
            Err(earlier) => origin.checked_sub(earlier.duration()),
        };
        let fits = |wall: &Instant| *wall <= now && *wall + OLDEST >= now;
        if let Some(wall) = wall.filter(fits) {
            return wall;
        }
        // Its clock and ours have drifted apart, or it has set its own.
        let moved = before(now, HEADROOM);
        self.0 = Some((ntp, moved));
        moved
    }
}

/// When a packet was sent, by its sender's clock.
fn sent_at(kind: Track, rtp: u64, info: &SenderInfo) -> Option<SystemTime> {
    // Both are of 32 bits on the wire; they are at most some seconds apart.
    let ticks = (rtp as u32).wrapping_sub(info.rtp_time.numer() as u32) as i32;
    let span = Duration::from_secs(ticks.unsigned_abs().into()) / rate(kind);
    if ticks < 0 {
        info.ntp_time.checked_sub(span)
    } else {
        info.ntp_time.checked_add(span)
    }
}

fn before(at: Instant, span: Duration) -> Instant {
    at.checked_sub(span).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use str0m::media::{Frequency, MediaTime};

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn report(ntp_ms: u64, rtp: u64) -> SenderInfo {
        SenderInfo {
            ssrc: 1.into(),
            ntp_time: UNIX_EPOCH + ms(ntp_ms),
            rtp_time: MediaTime::new(rtp, Frequency::NINETY_KHZ),
            sender_packet_count: 0,
            sender_octet_count: 0,
        }
    }

    #[test]
    fn time_by_reports_goes_on_over_the_wrap_of_rtp_time() {
        let at = |rtp, info: &SenderInfo| sent_at(Track::Video, rtp, info).unwrap();
        let info = report(10_000, 9_000);
        assert_eq!(at(9_000 + 90_000, &info), UNIX_EPOCH + ms(11_000));
        assert_eq!(at(9_000 - 4_500, &info), UNIX_EPOCH + ms(9_950));
        let wrapped = report(10_000, u64::from(u32::MAX));
        assert_eq!(at((1 << 32) + 899, &wrapped), UNIX_EPOCH + ms(10_010));
        let sound = sent_at(Track::Audio, 9_000 + 48_000, &info);
        assert_eq!(sound, Some(UNIX_EPOCH + ms(11_000)));
    }

    #[test]
    fn sound_and_pictures_keep_their_distance_and_stay_in_the_past() {
        let mut clock = SenderClock::default();
        let now = Instant::now() + ms(60_000);
        let ntp = UNIX_EPOCH + ms(1_000_000);
        let first = clock.along(now, ntp);
        // The second one arrives much later than it was sent.
        let second = clock.along(now + ms(300), ntp + ms(40));
        assert_eq!(second - first, ms(40));
        for wrong in [ntp + ms(100_000), ntp - ms(100_000), UNIX_EPOCH] {
            let wall = clock.along(now + ms(400), wrong);
            assert!(wall <= now + ms(400) && wall + OLDEST >= now);
        }
    }

    #[test]
    fn after_a_gap_pictures_wait_for_a_key_frame() {
        let mut pictures = Taken::new("1".into(), Track::Video);
        let units = [
            (false, true, false),
            (true, false, true),
            (false, true, true),
            (false, false, false),
            (false, true, false),
            (true, true, true),
        ];
        for (key, contiguous, passes) in units {
            assert_eq!(pictures.passes(key, contiguous), passes);
        }
        assert!(Taken::new("0".into(), Track::Audio).passes(false, false));
    }

    #[test]
    fn hollow_and_huge_pictures_are_no_track() {
        let mut pictures = Taken::new("1".into(), Track::Video);
        assert!(pictures.is_sane(1, 5) && pictures.is_sane(1_700, LARGEST_PICTURE));
        assert!(!pictures.is_sane(1_700, LARGEST_PICTURE + 1));
        for _ in 1..MOST_HOLLOW {
            assert!(pictures.is_sane(9, 30), "a few may be a mistake");
            assert!(pictures.is_sane(1, 1_000));
        }
        assert!(!pictures.is_sane(1, 0));
        let mut sound = Taken::new("0".into(), Track::Audio);
        for _ in 0..100 {
            assert!(sound.is_sane(1, 0));
        }
    }

    #[test]
    fn requests_for_key_frames_are_spaced_and_none_is_lost() {
        let (mut gate, now) = (KeyGate::default(), Instant::now());
        assert!(gate.ask(now) && !gate.ask(now + ms(100)));
        assert_eq!(gate.due(), Some(now + KEY_EVERY));
        assert!(!gate.advance(now + ms(200)) && gate.advance(now + KEY_EVERY));
        assert_eq!(gate.due(), None);
    }
}
