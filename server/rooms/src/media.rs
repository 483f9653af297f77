//! The peer connections of a room.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::Handle;
use livekit::room::{Answered, Heard, PeerId, Sending, Side};
use transport::{Answer, Channel, Endpoint, Link, LinkSettings, Message, SendError, Tracks};

const RELIABLE: &str = "_reliable";
const LOSSY: &str = "_lossy";

/// What a room's connections are made of.
pub(crate) enum Source {
    /// A session: its sound and picture are sent, microphones are heard.
    Session(Handle),
    /// Guests among themselves: data only.
    Guests(Arc<Endpoint>),
}

/// The peer connections of a room, by name.
pub(crate) struct Links {
    source: Source,
    /// How long a silent one is waited for.
    grace: Duration,
    open: HashMap<PeerId, Arc<Link>>,
}

impl Links {
    pub(crate) fn new(source: Source, grace: Duration) -> Self {
        Self {
            source,
            grace,
            open: HashMap::new(),
        }
    }

    /// Answers an offer; a connection that is new is given back too.
    pub(crate) fn answer(
        &mut self,
        peer: PeerId,
        offer: &str,
        send: Option<&Sending>,
        hear: bool,
    ) -> Result<(Answered, Option<Arc<Link>>), String> {
        if let Some(link) = self.open.get(&peer) {
            let answer = link.renegotiate(offer).map_err(|e| e.to_string())?;
            return Ok((answered(answer), None));
        }
        let settings = self.settings(send, hear, Vec::new());
        let (answer, link) = match &self.source {
            Source::Session(handle) => {
                handle.answer(offer, &settings).map_err(|e| e.to_string())?
            }
            Source::Guests(endpoint) => endpoint
                .answer(offer, &settings)
                .map_err(|e| e.to_string())?,
        };
        Ok((answered(answer), Some(self.keep(peer, link))))
    }

    /// Offers what is to be sent, and the channels.
    pub(crate) fn offer(
        &mut self,
        peer: PeerId,
        send: Option<&Sending>,
    ) -> Result<(String, Arc<Link>), String> {
        let channel = |label: &str, ordered, retransmits| Channel {
            label: label.to_owned(),
            ordered,
            retransmits,
        };
        let channels = vec![
            channel(RELIABLE, true, None),
            channel(LOSSY, false, Some(0)),
        ];
        let settings = self.settings(send, false, channels);
        let (offer, link) = match &self.source {
            Source::Session(handle) => handle.offer(&settings).map_err(|e| e.to_string())?,
            Source::Guests(endpoint) => endpoint.offer(&settings).map_err(|e| e.to_string())?,
        };
        Ok((offer, self.keep(peer, link)))
    }

    /// Offers new ICE credentials.
    pub(crate) fn restart(&self, peer: PeerId) -> Result<String, String> {
        let link = self.open.get(&peer).ok_or("the connection is gone")?;
        link.restart().map_err(|e| e.to_string())
    }

    /// Takes an answer.
    pub(crate) fn accept(&self, peer: PeerId, answer: &str) -> Result<(), String> {
        let link = self.open.get(&peer).ok_or("the connection is gone")?;
        link.accept(answer).map(|_| ()).map_err(|e| e.to_string())
    }

    /// Sends a packet. False when the far side does not read, and is better
    /// let go.
    pub(crate) fn send(&self, peer: PeerId, lossy: bool, packet: Bytes) -> bool {
        let Some(link) = self.open.get(&peer) else {
            return true;
        };
        let label = if lossy { LOSSY } else { RELIABLE };
        match link.send(label, Message::Binary(packet)) {
            Err(SendError::Full) => lossy,
            Err(error) => {
                tracing::debug!(%error, label, "a data packet is not sent");
                true
            }
            Ok(()) => true,
        }
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, peer: PeerId) {
        if let Some(link) = self.open.remove(&peer) {
            link.control().close();
        }
    }

    fn settings(&self, send: Option<&Sending>, hear: bool, channels: Vec<Channel>) -> LinkSettings {
        let session = matches!(self.source, Source::Session(_));
        LinkSettings {
            send: send.filter(|_| session).map(|sending| Tracks {
                stream: sending.stream.clone(),
                audio: sending.audio.clone(),
                video: sending.video.clone(),
            }),
            hear: hear && session,
            channels,
            vanished_after: Some(self.grace),
            ..LinkSettings::default()
        }
    }

    fn keep(&mut self, peer: PeerId, link: Link) -> Arc<Link> {
        let link = Arc::new(link);
        self.open.insert(peer, link.clone());
        link
    }
}

fn answered(answer: Answer) -> Answered {
    Answered {
        sdp: answer.sdp,
        audio: answer.audio,
        video: answer.video,
        heard: answer
            .heard
            .into_iter()
            .map(|heard| Heard {
                mid: heard.mid,
                side: Side::Audio,
                track: heard.track,
            })
            .collect(),
    }
}
