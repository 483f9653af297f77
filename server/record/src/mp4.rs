//! The boxes of ISO base media files (ISO/IEC 14496-12), as far as recordings
//! need them: H.264 (ISO/IEC 14496-15) and Opus ("Encapsulation of Opus in ISO
//! Base Media File Format", version 0.8.1).

pub mod avc;
pub mod boxes;
pub mod head;

/// Ticks a second of the movie and of both tracks: the media clock, so that
/// every time in the file is exact.
pub const TIMESCALE: u32 = media::CLOCK_HZ as u32;

/// One sample of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Position in the file, bytes.
    pub offset: u64,
    /// Length, bytes.
    pub size: u32,
    /// How long it lasts, in the track's timescale.
    pub duration: u32,
    /// How much later it is shown than the durations before it say, in the
    /// track's timescale: pictures may be stored in another order than they are
    /// shown in (§8.6.1.3). Always zero in recordings.
    pub shift: i32,
    /// Whether decoding can begin here.
    pub key: bool,
}

impl Sample {
    /// Whether it lies in the first `length` bytes of the file.
    #[must_use]
    pub fn is_inside(&self, length: u64) -> bool {
        self.offset
            .checked_add(u64::from(self.size))
            .is_some_and(|end| end <= length)
    }
}

/// Where a track lies on the movie's time line (the edit list, §8.6.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Nothing is shown or heard for this long at first, movie timescale.
    pub delay: u64,
    /// Then the track begins at this time of its own, track timescale.
    pub from: u64,
}

/// How to decode a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coding {
    /// H.264 with its parameter sets.
    Avc(avc::Config),
    /// Opus.
    Opus(Opus),
}

/// How to decode Opus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opus {
    /// Number of channels.
    pub channels: u8,
    /// Samples at 48 kHz to drop at first (RFC 7845 §4.2).
    pub pre_skip: u16,
}
