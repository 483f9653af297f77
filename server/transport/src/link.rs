//! What the edges hold of a connection that carries more than pictures and
//! sound to a player: data both ways, the far side's microphone, negotiation
//! that goes on.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::Track;

use crate::core::Core;
use crate::doorbell::{Doorbell, lock};
use crate::error::{AnswerError, FragmentError, OfferError, SendError};
use crate::microphone::Microphone;
use crate::relay::Relay;
use crate::viewer::{Control, Reason, Slot, Viewer};

/// The names of what is sent, as `a=msid:<stream> <track>` (RFC 8830 §2).
/// 1 to 64 token characters each; others are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracks {
    /// The stream that both tracks belong to, which is what makes a player
    /// align them.
    pub stream: String,
    /// The sound.
    pub audio: String,
    /// The picture.
    pub video: String,
}

/// Who finds the path (RFC 8445).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ice {
    /// The far side does: browsers and SDKs. The connection shares the
    /// endpoint's port.
    #[default]
    Lite,
    /// Both do: towards servers, which may be ICE-lite themselves. The
    /// connection has a port of its own, since a server serves all its
    /// connections from one.
    Full,
}

/// A data channel that this side opens (RFC 8832).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub label: String,
    /// Whether messages keep their order.
    pub ordered: bool,
    /// How often a lost message is sent again; `None` until it arrives.
    pub retransmits: Option<u16>,
}

/// What is wanted of a connection.
#[derive(Clone, Debug, Default)]
pub struct LinkSettings {
    /// The tracks to send; `None` sends neither sound nor picture. Those that
    /// an offer has no section for are sent once a later one has.
    pub send: Option<Tracks>,
    /// Whether a far side without H.264 is taken, and gets the sound alone;
    /// else it is refused.
    pub sound_alone: bool,
    /// Whether to hear the first section in which the far side sends sound;
    /// [`Link::hear`] chooses another.
    pub hear: bool,
    /// Whether to take what the far side sends, also pictures, so that it can
    /// be passed on; eight tracks at most.
    pub take: bool,
    /// Tracks of other connections to pass on; [`Link::set_relays`] changes
    /// them.
    pub relays: Vec<Relay>,
    /// Who finds the path.
    pub ice: Ice,
    /// Channels to open. Those of the far side are taken in any case.
    pub channels: Vec<Channel>,
    /// A connection of which nothing was heard for this long is let go; `None`
    /// is the endpoint's.
    pub vanished_after: Option<Duration>,
}

/// What the far side sends in one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The section.
    pub mid: String,
    /// Sound or pictures.
    pub kind: Track,
    /// The stream it belongs to, if it was named.
    pub stream: Option<String>,
    /// The track, if it was named.
    pub track: Option<String>,
}

/// The outcome of a negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The description for the far side; empty where it answered.
    pub sdp: String,
    /// The section that carries our sound.
    pub audio: Option<String>,
    /// The section that carries our picture.
    pub video: Option<String>,
    /// Sections in which the far side sends sound, the one that is heard first;
    /// where its tracks are taken, those that are.
    pub heard: Vec<Heard>,
    /// The tracks that are passed on: section and [`Relay::track`]. One that
    /// found no section is left out.
    pub relayed: Vec<(String, String)>,
    /// Whether pictures were left out because the far side has no H.264.
    pub no_pictures: bool,
}

/// A message of a data channel (RFC 8831 §6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Bytes.
    Binary(Bytes),
    /// Text.
    Text(String),
}

impl Message {
    /// Its length, bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }

    /// Whether it has no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Something that happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// ICE and DTLS are done.
    Connected,
    /// A channel can be used, whoever opened it.
    ChannelOpen {
        /// Its name.
        label: Arc<str>,
    },
    /// A channel is gone.
    ChannelClosed {
        /// Its name.
        label: Arc<str>,
    },
    /// A message came.
    Data {
        /// The name of its channel.
        channel: Arc<str>,
        /// The message.
        message: Message,
    },
    /// Gone, and why. The last event.
    Closed(Reason),
}

/// A connection. Dropping it closes it; so does dropping the [`Viewer`] taken
/// from it.
pub struct Link {
    control: Control,
    core: Arc<Mutex<Core>>,
    doorbell: Arc<Doorbell>,
    sends: bool,
    hears: bool,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(
        control: Control,
        core: Arc<Mutex<Core>>,
        doorbell: Arc<Doorbell>,
        settings: &LinkSettings,
    ) -> Self {
        Self {
            control,
            core,
            doorbell,
            sends: settings.send.is_some(),
            hears: settings.hear,
        }
    }

    fn slot(&self) -> &Arc<Mutex<Slot>> {
        self.control.slot()
    }

    /// Identifier, statistics, closing.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The end that takes packets, once, if the connection sends.
    pub fn take_viewer(&mut self) -> Option<Viewer> {
        std::mem::take(&mut self.sends).then(|| Viewer::new(self.control.clone()))
    }

    /// The end that gives the far side's sound, once, if it is to be heard.
    pub fn take_microphone(&mut self) -> Option<Microphone> {
        std::mem::take(&mut self.hears).then(|| Microphone::new(self.slot().clone()))
    }

    /// The tracks of other connections to pass on from the next negotiation
    /// on. Nothing more is sent of those that are not among them; their
    /// sections end with that negotiation.
    pub fn set_relays(&self, relays: Vec<Relay>) {
        lock(&self.core).set_relays(self.control.id(), relays);
    }

    /// Hears this section of the far side, from now on and instead of the
    /// first one ([`LinkSettings::hear`]); `None` hears nothing. When it ends,
    /// nothing is heard.
    pub fn hear(&self, mid: Option<&str>) {
        lock(&self.core).hear(self.control.id(), mid);
    }

    /// Answers a further offer of the far side. Sections stay what they were;
    /// new ones are used as the settings of the connection say. New ICE
    /// credentials restart ICE; packets flow on the old path until the new one
    /// stands.
    ///
    /// # Errors
    /// [`OfferError`]; the connection goes on as it was.
    pub fn renegotiate(&self, offer: &str) -> Result<Answer, OfferError> {
        let answer = lock(&self.core).renegotiate(Instant::now(), self.control.id(), offer);
        self.doorbell.ring();
        answer
    }

    /// Offers the connection anew with an ICE restart, for one that this side
    /// offered. [`Link::accept`] takes the answer.
    ///
    /// # Errors
    /// [`AnswerError::Gone`].
    pub fn restart(&self) -> Result<String, AnswerError> {
        lock(&self.core).offer_restart(Instant::now(), self.control.id())
    }

    /// Offers what is to be passed on now, for a connection that this side
    /// offered. [`Link::accept`] takes the answer; until then, no other offer
    /// may be made. `None` when nothing has changed.
    ///
    /// A description has 32 sections at most, and ended ones count: new tracks
    /// beyond are left out.
    ///
    /// # Errors
    /// [`OfferError::Gone`].
    pub fn reoffer(&self) -> Result<Option<String>, OfferError> {
        lock(&self.core).reoffer(Instant::now(), self.control.id())
    }

    /// Takes the answer to our offer.
    ///
    /// # Errors
    /// [`AnswerError`]; after any other than [`AnswerError::Unexpected`] the
    /// connection is of no use.
    pub fn accept(&self, answer: &str) -> Result<Answer, AnswerError> {
        let accepted = lock(&self.core).accept(Instant::now(), self.control.id(), answer);
        self.doorbell.ring();
        accepted
    }

    /// Takes a further candidate of the far side: the value of `a=candidate`,
    /// with or without that name in front (RFC 8839 §5.1). With [`Ice::Lite`]
    /// it is set aside. Candidates that are not UDP or whose address is a name
    /// are passed over.
    ///
    /// # Errors
    /// [`FragmentError`] when it is no candidate or the connection is gone.
    pub fn trickle(&self, candidate: &str) -> Result<(), FragmentError> {
        let taken = lock(&self.core).add_candidate(self.control.id(), candidate);
        self.doorbell.ring();
        taken
    }

    /// Sends a message. Returns at once; messages of one channel leave in
    /// order.
    ///
    /// # Errors
    /// [`SendError`]; the message is not sent.
    pub fn send(&self, channel: &str, message: Message) -> Result<(), SendError> {
        let first = lock(self.slot()).mail.send(channel, message)?;
        if first {
            self.doorbell.ready(self.control.id());
        }
        Ok(())
    }

    /// The next event; `None` after [`LinkEvent::Closed`]. Dropping the future
    /// loses nothing. One task may wait at a time.
    pub async fn next(&self) -> Option<LinkEvent> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same as [`Link::next`] by hand.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<LinkEvent>> {
        lock(self.slot()).mail.poll(context)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.control.close();
    }
}
