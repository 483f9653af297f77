//! Encoded access units on their way to viewers and recordings.

use bytes::Bytes;

use crate::time::{MediaTime, Turn};

/// Which elementary stream a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// H.264, Annex B byte stream (ITU-T H.264 Annex B), parameter sets in
    /// front of each key frame; PNG files where pictures go into a folder.
    Video,
    /// Opus (RFC 6716), one 20 ms frame, mono; signed 16-bit samples where
    /// pictures go into a folder.
    Audio,
}

/// One encoded access unit. Cloning shares the payload: the same bytes go to
/// every viewer and into the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The stream.
    pub track: Track,
    /// When it is shown or heard. Decoding order is the same (no B pictures).
    pub pts: MediaTime,
    /// How long it lasts, samples of the media clock.
    pub duration: i64,
    /// Whether decoding can begin here.
    pub key: bool,
    /// The turn it belongs to.
    pub turn: Turn,
    /// The payload.
    pub data: Bytes,
}
