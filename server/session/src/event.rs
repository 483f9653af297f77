//! What a session tells the world, on the media clock.

use media::{MediaTime, Turn};
use serde::{Deserialize, Serialize};

use crate::limits::LimitKind;
use crate::receipt::Receipt;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Somebody asked for it.
    Client,
    /// No turn was open and the client gave no sign of life for the configured
    /// time. Watching alone is no sign of life; a viewer that joins is.
    IdleTimeout,
    /// It reached its longest allowed duration.
    MaxDuration,
    /// The server is going down.
    Shutdown,
    /// A stage failed in a way that could not be repaired.
    InternalError,
}

/// Something that happened. Serialises to the `type` and fields of the public
/// event stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The first sample of a turn leaves.
    SpeakStarted {
        /// The turn.
        turn: Turn,
    },
    /// A clause begins to be heard.
    Clause {
        /// The turn.
        turn: Turn,
        /// As written.
        text: String,
        /// First sample, ms of media time.
        start_ms: i64,
        /// One past the last, ms of media time, if the voice keeps its plan.
        end_ms: i64,
    },
    /// A word begins to be heard.
    Word {
        /// The turn.
        turn: Turn,
        /// Position in the turn, from 0.
        index: usize,
        /// As written.
        text: String,
        /// First sample, ms of media time.
        start_ms: i64,
        /// One past the last, ms of media time.
        end_ms: i64,
        /// First byte in the text of the turn.
        char_start: usize,
        /// One past the last byte in the text of the turn.
        char_end: usize,
    },
    /// The last sample of a turn has left, or the turn was dropped.
    /// Comes exactly once for every turn that was opened.
    SpeakEnded {
        /// The turn.
        turn: Turn,
        /// The text up to the last word that was heard by more than half.
        heard_text: String,
        /// Whether it was cut short.
        interrupted: bool,
    },
    /// Nothing is left to say.
    Idle,
    /// How long each stage of a turn took; sent again when the client reports
    /// what it showed.
    Receipt(Receipt),
    /// A limit strikes soon.
    LimitWarning {
        /// Which.
        limit: LimitKind,
        /// Seconds until it strikes.
        remaining_s: u64,
    },
    /// Something went wrong with one turn; the session goes on.
    Error {
        /// Stable machine-readable code.
        code: &'static str,
        /// What happened and what to do.
        detail: String,
        /// The turn it belongs to.
        #[serde(skip_serializing_if = "Option::is_none")]
        turn: Option<Turn>,
    },
    /// A viewer's media path is up.
    ViewerJoined {
        /// The viewer.
        viewer: String,
    },
    /// A viewer is gone.
    ViewerLeft {
        /// The viewer.
        viewer: String,
        /// Why.
        reason: String,
    },
    /// Somebody begins to speak into the microphone of a connection.
    UserSpeakStarted {
        /// The connection.
        viewer: String,
    },
    /// They have stopped for more than half a second, or are gone.
    UserSpeakEnded {
        /// The connection.
        viewer: String,
    },
    /// The recording ended before the session, which goes on. (That it is ready
    /// after the session is found where recordings are.)
    Recording {
        /// `ended_early`.
        state: &'static str,
        /// Why it ended early.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Size of the file so far.
        bytes: u64,
        /// Length of the file so far.
        duration_ms: i64,
    },
    /// The session is over; nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// An event and the moment it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// Position on the media clock.
    pub at: MediaTime,
    /// What happened.
    pub event: Event,
}
