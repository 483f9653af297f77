//! The seams between rooms. Each is small, and each has a fake in the tests of
//! the room that uses it.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use crate::acting::Cue;
use crate::face::FaceControls;
use crate::packet::Packet;
use crate::picture::Picture;
use crate::speech::{Clause, Timings, VoiceInfo};
use crate::time::{HOP, MediaTime};

/// The cause of a failure below a seam.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a clause could not be spoken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VoiceError {
    /// Nothing in the text can be spoken (only emoji or punctuation).
    #[error("the text holds nothing that can be spoken")]
    NothingToSay,
    /// The model failed.
    #[error("the voice model failed: {0}")]
    Model(#[source] Cause),
    /// A remote voice did not answer as it should.
    #[error("the remote voice failed: {0}")]
    Remote(#[source] Cause),
}

/// Text to sound. Shared by all sessions; calls block and take CPU time.
pub trait Voice: Send + Sync {
    /// What the voice says of itself.
    fn info(&self) -> &VoiceInfo;

    /// Begins a clause. Timings are known when this returns, before any
    /// sample exists.
    ///
    /// # Errors
    /// [`VoiceError`].
    fn begin(&self, clause: &Clause) -> Result<Box<dyn Utterance>, VoiceError>;
}

/// A clause that is being spoken. Dropping it cancels the rest.
pub trait Utterance: Send {
    /// Phoneme and word timings of the whole clause. The phonemes may be known
    /// more exactly after each piece of sound.
    fn timings(&self) -> &Timings;

    /// The next piece of sound, mono at 48 kHz, -1..=1; `None` after the last.
    ///
    /// # Errors
    /// [`VoiceError`].
    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, VoiceError>;
}

/// Where the mouth of a hop comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouthSource {
    /// From the phonemes given to [`LipSync::plan`]: no delay.
    Planned,
    /// From the sound itself: [`LipSync::look_ahead`] samples of delay.
    Heard,
}

/// A failure of the lip-sync model.
#[derive(Debug, Error)]
#[error("the lip-sync model failed: {0}")]
pub struct LipSyncError(#[source] pub Cause);

/// Sound or phonemes to face controls, one stream per session.
pub trait LipSync: Send {
    /// Delay of [`MouthSource::Heard`], media-clock samples, a whole number of
    /// hops.
    fn look_ahead(&self) -> i64;

    /// Adds phonemes that will be heard from `start` on the media clock, in
    /// place of what was planned from there on.
    fn plan(&mut self, start: MediaTime, timings: &Timings);

    /// Takes one hop of sound that begins at `at` and gives the controls of
    /// `at` (planned) or of `at - look_ahead` (heard).
    ///
    /// # Errors
    /// [`LipSyncError`] when inference fails.
    fn hop(
        &mut self,
        at: MediaTime,
        sound: &[f32; HOP],
        source: MouthSource,
    ) -> Result<FaceControls, LipSyncError>;

    /// Begins to act on a cue with the next hop.
    fn act(&mut self, cue: Cue);

    /// Forgets all plans and all sound heard; the mouth settles to rest from
    /// where it is, gestures fade and the mood goes. The posture stays.
    fn cancel(&mut self);
}

/// A failure to draw.
#[derive(Debug, Error)]
#[error("the face could not be drawn: {0}")]
pub struct RenderError(#[source] pub Cause);

/// Face controls to pictures, one per session. Adds the idle life (blinks,
/// gaze, breathing) that belongs to the moment `face.at`.
pub trait Renderer: Send {
    /// Width and height in pixels, even.
    fn size(&self) -> (usize, usize);

    /// How much sound beyond the present hop the renderer wants to hear,
    /// media-clock samples, a whole number of hops. A turn that comes in real
    /// time begins that much later. `None`, as for all that draw from the
    /// controls alone: [`Renderer::hear`] is not called and nothing waits.
    fn preview(&self) -> Option<i64> {
        None
    }

    /// Takes the sound of every hop, before the picture of that hop if there is
    /// one: the hop that begins at `at`, then [`Renderer::preview`] samples that
    /// follow it. What is not known yet, or comes after the end of a turn, is
    /// silence.
    fn hear(&mut self, at: MediaTime, sound: &[f32]) {
        let _ = (at, sound);
    }

    /// Draws the face into `picture`, which is the same one at every call, and
    /// sets its time and changed rectangle.
    ///
    /// # Errors
    /// [`RenderError`].
    fn render(&mut self, face: &FaceControls, picture: &mut Picture) -> Result<(), RenderError>;

    /// Is told what the last picture took: wall time in a live session, zero
    /// where nobody waits for it. One that is always late may go on with less.
    fn took(&mut self, time: Duration) {
        let _ = time;
    }
}

/// A failure to encode.
#[derive(Debug, Error)]
#[error("encoding failed: {0}")]
pub struct EncodeError(#[source] pub Cause);

/// One encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPicture {
    /// Annex B access unit, or a whole file of a picture.
    pub data: Bytes,
    /// Whether decoding can begin here.
    pub key: bool,
}

/// Pictures to H.264, or to files of pictures; one per session, no reordering.
pub trait VideoEncoder: Send {
    /// Encodes one picture; `key` asks for a key frame with parameter sets.
    ///
    /// # Errors
    /// [`EncodeError`].
    fn encode(&mut self, picture: &Picture, key: bool) -> Result<EncodedPicture, EncodeError>;

    /// Changes the target rate, bit/s, from the next picture on. Ignored by
    /// those that lose nothing.
    ///
    /// # Errors
    /// [`EncodeError`] when the encoder refuses the rate.
    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError>;
}

/// Sound to Opus, or to samples for a file; one per session.
pub trait AudioEncoder: Send {
    /// Encodes one hop of mono sound.
    ///
    /// # Errors
    /// [`EncodeError`].
    fn encode(&mut self, sound: &[f32; HOP]) -> Result<Bytes, EncodeError>;

    /// Samples at 48 kHz by which decoded sound lags behind its input (the
    /// pre-skip of RFC 7845 §4.2).
    fn pre_skip(&self) -> u16;
}

/// Whether a sink wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkState {
    /// Go on.
    Open,
    /// The far side is gone: drop the sink.
    Closed,
}

/// Takes packets: a viewer or a recording. Never blocks: a sink with a queue
/// bounds it and says what it does when it is full.
pub trait Sink: Send {
    /// Takes one packet.
    fn write(&mut self, packet: &Packet) -> SinkState;
}
