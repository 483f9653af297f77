//! What the edges hold of a live session.

use std::sync::Arc;
use std::time::SystemTime;

use media::seam::MouthSource;
use media::{MediaTime, Posture, Turn};
use serde::{Deserialize, Serialize};
use session::{CloseReason, Interrupted, Receipt, TurnError};
use speech::resample::Resampler;
use thiserror::Error;
use transport::{Answer, Control, Endpoint, Link, LinkSettings, OfferError, ViewerSettings};

use crate::assemble::{Plan, RequestError, Rooms, check_voice, mouth_source};
use crate::events::Subscription;
use crate::hear::Ears;
use crate::live::Live;
use crate::recording;
use crate::sound::{RATES, SoundTurn};
use crate::talk::{self, TextTurn};
use crate::viewer::{MAX_VIEWERS, ViewerInfo, Viewers};

/// What happens to turns that are open when a new one comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The new one waits.
    #[default]
    Queue,
    /// They are interrupted.
    Interrupt,
}

/// Why something could not be said.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpeakError {
    /// The session is over.
    #[error("the session is over")]
    Closed,
    /// The turn is over: it was interrupted.
    #[error("turn {0} is over")]
    Over(Turn),
    /// Too many turns wait.
    #[error("{0}")]
    QueueFull(TurnError),
    /// The text of one turn is too long.
    #[error("the text is longer than {limit} bytes; split it over several turns")]
    TextTooLong {
        /// Bytes.
        limit: usize,
    },
    /// Too much sound waits to be played.
    #[error("more than two minutes of sound wait to be played; send slower")]
    TooFarAhead,
    /// The sound cannot be used.
    #[error("{0}")]
    Sound(String),
    /// See [`RequestError`].
    #[error(transparent)]
    Voice(#[from] RequestError),
    /// The system refused a thread.
    #[error("no thread could be started: {0}")]
    Thread(#[source] std::io::Error),
}

impl From<TurnError> for SpeakError {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Over(turn) => Self::Over(turn),
            TurnError::QueueFull => Self::QueueFull(error),
        }
    }
}

/// Why a viewer could not join.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The session is over.
    #[error("the session is over")]
    Closed,
    /// The session has as many viewers as it may.
    #[error("this session has {MAX_VIEWERS} viewers already")]
    TooMany,
    /// The server was started without a media port.
    #[error("this server has no media port")]
    NoEndpoint,
    /// See [`OfferError`].
    #[error(transparent)]
    Offer(#[from] OfferError),
}

/// The recording of a session as the edges see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordingInfo {
    /// `recording`, `ready`, `ended_early` or `off`.
    pub state: &'static str,
    /// Why it ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Size so far.
    pub bytes: u64,
    /// Length so far.
    pub duration_ms: i64,
}

/// What a session is at this moment.
#[derive(Clone, Debug)]
pub struct Info {
    /// Identifier.
    pub id: Arc<str>,
    /// What it was made with.
    pub plan: Plan,
    /// When it was made.
    pub created: SystemTime,
    /// Why it is over, if it is.
    pub closed: Option<CloseReason>,
    /// Media time.
    pub at: MediaTime,
    /// The turn that speaks or waits first.
    pub turn: Option<Turn>,
    /// How many viewers there are.
    pub viewers: usize,
    /// Receipts of the last turns.
    pub receipts: Vec<Receipt>,
    /// The recording.
    pub recording: RecordingInfo,
}

/// Viewers and lateness of a session.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    /// The viewers.
    pub viewers: Vec<ViewerInfo>,
}

pub(crate) struct Inner {
    pub(crate) id: Arc<str>,
    pub(crate) plan: Plan,
    pub(crate) created: SystemTime,
    pub(crate) live: Arc<Live>,
    pub(crate) viewers: Arc<Viewers>,
    pub(crate) ears: Arc<Ears>,
    pub(crate) recording: recording::Monitor,
    pub(crate) rooms: Rooms,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
}

/// A live session. Cheap to clone; does not keep the session open.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Inner>);

impl Handle {
    /// Identifier.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.0.id
    }

    /// Begins a text turn, with another voice than the session's if one is
    /// named.
    ///
    /// # Errors
    /// [`SpeakError`].
    pub fn speak(&self, mode: Mode, voice: Option<&str>) -> Result<TextTurn, SpeakError> {
        let id = voice.unwrap_or(&self.0.plan.voice);
        check_voice(&self.0.rooms, id)?;
        let voice = self.0.rooms.voice(id).map_err(|e| RequestError::Voice {
            id: id.to_owned(),
            cause: e.to_string(),
        })?;
        let turn = self.open(mode, mouth_source(voice.as_ref()))?;
        talk::start(self.0.live.clone(), voice, turn).map_err(SpeakError::Thread)
    }

    /// Begins a turn of pushed mono sound at `rate` Hz.
    ///
    /// # Errors
    /// [`SpeakError`].
    pub fn push(&self, mode: Mode, rate: u32) -> Result<SoundTurn, SpeakError> {
        if !RATES.contains(&rate) {
            return Err(SpeakError::Sound(format!(
                "sound of {rate} Hz cannot be used; {} to {} Hz can",
                RATES.start(),
                RATES.end()
            )));
        }
        // Before the turn: one that is open must be able to end.
        let resampler = Resampler::new(rate).map_err(|e| SpeakError::Sound(e.to_string()))?;
        let turn = self.open(mode, MouthSource::Heard)?;
        Ok(SoundTurn::new(self.0.live.clone(), turn, resampler))
    }

    fn open(&self, mode: Mode, mouth: MouthSource) -> Result<Turn, SpeakError> {
        let live = &self.0.live;
        let now = live.now();
        // Under one lock: of two that interrupt each other the later one
        // speaks, not both.
        let (turn, cut) = live.with(|c| {
            if c.closed().is_some() {
                return Err(SpeakError::Closed);
            }
            let cut = match mode {
                Mode::Queue => None,
                Mode::Interrupt => c.interrupt(),
            };
            Ok((c.open(mouth, now)?, cut))
        })?;
        if cut.is_some() {
            live.was_interrupted();
        }
        live.metrics().add_turn();
        Ok(turn)
    }

    /// Ends all open turns at once.
    pub fn interrupt(&self) -> Option<Interrupted> {
        self.0.live.interrupt()
    }

    /// What the face does from now on while nothing is said. Thinking is over
    /// when a turn begins to speak; listening goes on after it.
    pub fn pose(&self, posture: Posture) {
        self.0.live.with(|c| c.pose(posture));
    }

    /// Follows the events: after the numbered one, or from now on.
    #[must_use]
    pub fn events(&self, after: Option<u64>) -> Subscription {
        self.0.live.log().subscribe(after)
    }

    /// Notes a sign of life of the client.
    pub fn touch(&self) {
        self.0.live.with(session::Conductor::touch);
    }

    /// Notes what the client showed.
    pub fn shown(&self, turn: Turn, after_ms: f64) {
        self.0.live.with(|c| c.shown(turn, after_ms));
    }

    /// Answers a viewer's offer. Returns the answer and the viewer's control.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn view(&self, offer: &str) -> Result<(String, Control), ViewError> {
        let settings = ViewerSettings {
            stream: self.0.id.to_string(),
        };
        let (answer, viewer) = self.endpoint()?.view(offer, &settings)?;
        let control = viewer.control().clone();
        self.0.viewers.add(viewer)?;
        self.touch();
        Ok((answer, control))
    }

    /// Answers an offer to watch, to speak and to exchange data, as the
    /// settings say. The connection closes with the session; who holds the
    /// [`Link`] has its data and events.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn answer(
        &self,
        offer: &str,
        settings: &LinkSettings,
    ) -> Result<(Answer, Link), ViewError> {
        let (answer, mut link) = self.endpoint()?.answer(offer, settings)?;
        self.attach(&mut link)?;
        Ok((answer, link))
    }

    /// Offers the session's sound and picture and data channels, as the
    /// settings say. [`Link::accept`] takes the answer.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn offer(&self, settings: &LinkSettings) -> Result<(String, Link), ViewError> {
        let (offer, mut link) = self.endpoint()?.offer(settings)?;
        self.attach(&mut link)?;
        Ok((offer, link))
    }

    fn endpoint(&self) -> Result<&Endpoint, ViewError> {
        if self.closed().is_some() {
            return Err(ViewError::Closed);
        }
        self.0.endpoint.as_deref().ok_or(ViewError::NoEndpoint)
    }

    fn attach(&self, link: &mut Link) -> Result<(), ViewError> {
        match link.take_viewer() {
            Some(viewer) => self.0.viewers.add(viewer)?,
            None => self.0.viewers.keep(link.control().clone())?,
        }
        if let Some(microphone) = link.take_microphone() {
            self.0.ears.add(link.control().id(), microphone);
        }
        self.touch();
        Ok(())
    }

    /// The control of a viewer that is still there.
    #[must_use]
    pub fn viewer(&self, id: &str) -> Option<Control> {
        self.0.viewers.control(id)
    }

    /// Closes the session; the recording is finished in the background.
    pub fn close(&self, reason: CloseReason) {
        self.0.live.close(reason);
    }

    /// Whether the pacer has let go of the session and its recording is whole.
    #[must_use]
    pub fn over(&self) -> bool {
        self.0.live.over()
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub fn closed(&self) -> Option<CloseReason> {
        self.0.live.with(|c| c.closed())
    }

    /// What the session is at this moment.
    #[must_use]
    pub fn info(&self) -> Info {
        let (closed, at, turn, receipts) = self.0.live.with(|c| {
            (
                c.closed(),
                c.now(),
                c.current(),
                c.receipts().copied().collect(),
            )
        });
        Info {
            id: self.0.id.clone(),
            plan: self.0.plan.clone(),
            created: self.0.created,
            closed,
            at,
            turn,
            viewers: self.0.viewers.count(),
            receipts,
            recording: self.0.recording.info(),
        }
    }

    /// Viewers and lateness.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            viewers: self.0.viewers.list(),
        }
    }
}
