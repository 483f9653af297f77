//! The bounded queue between a session and one of its viewers.

use std::collections::VecDeque;

use media::{Packet, Track, Turn};

/// Most packets that wait: 0.85 s of 25 pictures and 50 sound packets a
/// second. The driver empties the queue within a millisecond; only a machine
/// that stands still fills it.
pub(crate) const BOUND: usize = 64;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Queued behind others.
    Queued,
    /// Queued as the first: the driver has to be told.
    First,
    /// Not wanted now.
    Dropped,
    /// Not queued; the viewer needs a key frame to go on.
    KeyNeeded,
}

/// Packets for one viewer.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    packets: VecDeque<Packet>,
    open: bool,
    decodable: bool,
    dropped: u64,
}

impl Inbox {
    /// From now on packets are taken; pictures from the first key frame on.
    pub(crate) fn open(&mut self) {
        self.open = true;
        self.decodable = false;
    }

    /// Takes no more packets and forgets those that wait.
    pub(crate) fn close(&mut self) {
        self.open = false;
        self.packets.clear();
    }

    /// Packets that were not sent to a connected viewer: pictures before its
    /// key frame, and what a full queue or an interrupt removed.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn push(&mut self, packet: &Packet) -> Pushed {
        if !self.open {
            return Pushed::Dropped;
        }
        let mut overflown = false;
        if self.packets.len() >= BOUND {
            overflown = true;
            self.make_room();
        }
        if packet.track == Track::Video {
            self.decodable |= packet.key;
            if !self.decodable {
                self.dropped += 1;
                return if overflown {
                    Pushed::KeyNeeded
                } else {
                    Pushed::Dropped
                };
            }
        }
        self.packets.push_back(packet.clone());
        if overflown && !self.decodable {
            Pushed::KeyNeeded
        } else if self.packets.len() == 1 {
            Pushed::First
        } else {
            Pushed::Queued
        }
    }

    /// Pictures go first, up to the next key frame; sound only when there is
    /// nothing else, the oldest first.
    fn make_room(&mut self) {
        let before = self.packets.len();
        self.packets.retain(|p| p.track == Track::Audio);
        if self.packets.len() == before {
            self.packets.pop_front();
        } else {
            self.decodable = false;
        }
        self.dropped += (before - self.packets.len()) as u64;
    }

    /// Removes what belongs to turns before `turn`. True when pictures went,
    /// so that the next ones cannot be decoded without a key frame.
    pub(crate) fn drop_before(&mut self, turn: Turn) -> bool {
        let mut pictures = false;
        let before = self.packets.len();
        self.packets.retain(|p| {
            let keep = p.turn >= turn;
            pictures |= !keep && p.track == Track::Video;
            keep
        });
        if pictures {
            // Pictures that stay refer to those that went.
            self.packets.retain({
                let mut decodable = false;
                move |p| {
                    decodable |= p.key && p.track == Track::Video;
                    decodable || p.track == Track::Audio
                }
            });
            self.decodable = self.packets.iter().any(|p| p.track == Track::Video);
        }
        self.dropped += (before - self.packets.len()) as u64;
        pictures && !self.decodable
    }

    /// Everything that waits.
    pub(crate) fn take(&mut self) -> VecDeque<Packet> {
        std::mem::take(&mut self.packets)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use media::{FRAME, MediaTime};

    use super::*;

    fn packet(track: Track, key: bool, turn: u64, n: i64) -> Packet {
        Packet {
            track,
            pts: MediaTime(n * FRAME),
            duration: FRAME,
            key,
            turn: Turn(turn),
            data: Bytes::from_static(b"x"),
        }
    }

    fn open() -> Inbox {
        let mut inbox = Inbox::default();
        inbox.open();
        inbox
    }

    fn times(inbox: &mut Inbox) -> Vec<(Track, i64)> {
        let taken = inbox.take();
        taken.iter().map(|p| (p.track, p.pts.0 / FRAME)).collect()
    }

    #[test]
    fn nothing_is_taken_before_the_viewer_is_connected() {
        let mut inbox = Inbox::default();
        assert_eq!(
            inbox.push(&packet(Track::Video, true, 0, 0)),
            Pushed::Dropped
        );
        assert!(inbox.take().is_empty());
        assert_eq!(inbox.dropped(), 0);
    }

    #[test]
    fn sound_passes_at_once_and_pictures_from_the_key_frame() {
        let mut inbox = open();
        assert_eq!(
            inbox.push(&packet(Track::Video, false, 0, 0)),
            Pushed::Dropped
        );
        assert_eq!(
            inbox.push(&packet(Track::Audio, false, 0, 0)),
            Pushed::First
        );
        assert_eq!(
            inbox.push(&packet(Track::Video, true, 0, 1)),
            Pushed::Queued
        );
        assert_eq!(
            inbox.push(&packet(Track::Video, false, 0, 2)),
            Pushed::Queued
        );
        let expected = [(Track::Audio, 0), (Track::Video, 1), (Track::Video, 2)];
        assert_eq!(times(&mut inbox), expected);
    }

    #[test]
    fn a_full_queue_drops_pictures_keeps_sound_and_asks_for_a_key() {
        let mut inbox = open();
        inbox.push(&packet(Track::Video, true, 0, 0));
        for n in 0..BOUND as i64 - 11 {
            inbox.push(&packet(Track::Video, false, 0, n + 1));
        }
        for n in 0..10 {
            inbox.push(&packet(Track::Audio, false, 0, n));
        }
        assert_eq!(
            inbox.push(&packet(Track::Video, false, 0, 99)),
            Pushed::KeyNeeded
        );
        assert_eq!(
            inbox.push(&packet(Track::Video, false, 0, 100)),
            Pushed::Dropped
        );
        assert_eq!(inbox.dropped(), BOUND as u64 - 10 + 2);
        let left = times(&mut inbox);
        assert_eq!(left.len(), 10);
        assert!(left.iter().all(|(track, _)| *track == Track::Audio));
        assert_eq!(
            inbox.push(&packet(Track::Video, true, 0, 101)),
            Pushed::First
        );
    }

    #[test]
    fn a_queue_full_of_sound_loses_the_oldest() {
        let mut inbox = open();
        for n in 0..=BOUND as i64 {
            inbox.push(&packet(Track::Audio, false, 0, n));
        }
        let left = times(&mut inbox);
        assert_eq!(left.len(), BOUND);
        assert_eq!(left[0].1, 1);
    }

    #[test]
    fn an_interrupt_removes_both_tracks_of_older_turns() {
        let mut inbox = open();
        inbox.push(&packet(Track::Video, true, 1, 0));
        inbox.push(&packet(Track::Audio, false, 1, 0));
        inbox.push(&packet(Track::Audio, false, 2, 1));
        inbox.push(&packet(Track::Video, false, 2, 1));
        assert!(inbox.drop_before(Turn(2)));
        assert_eq!(times(&mut inbox), [(Track::Audio, 1)]);
        assert_eq!(
            inbox.push(&packet(Track::Video, false, 2, 2)),
            Pushed::Dropped
        );
    }

    #[test]
    fn an_interrupt_needs_no_key_when_one_waits() {
        let mut inbox = open();
        inbox.push(&packet(Track::Video, true, 1, 0));
        inbox.push(&packet(Track::Video, true, 2, 1));
        assert!(!inbox.drop_before(Turn(2)));
        assert_eq!(
            inbox.push(&packet(Track::Video, false, 2, 2)),
            Pushed::Queued
        );
        assert!(!inbox.drop_before(Turn(2)));
    }
}
