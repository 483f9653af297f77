//! The peer connections of a room.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::Handle;
use livekit::room::{Accepted, Answered, Forward, Heard, PeerId, Refused, Sending, Side};
use media::Track;
use transport::{
    Answer, Channel, Endpoint, Link, LinkSettings, Message, OfferError, Relay, SendError, Tracks,
};

const RELIABLE: &str = "_reliable";
const LOSSY: &str = "_lossy";

/// What a room's connections are made of.
pub(crate) enum Source {
    /// A session: its sound and picture are sent, microphones are heard.
    Session(Handle),
    /// Guests among themselves.
    Guests(Arc<Endpoint>),
}

/// Why an offer is not answered: for the room, and in words for the log.
pub(crate) struct Unanswered {
    pub(crate) refused: Refused,
    pub(crate) why: String,
}

impl Unanswered {
    fn useless(why: &impl ToString) -> Self {
        Self {
            refused: Refused::Useless,
            why: why.to_string(),
        }
    }
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
        forwards: &[Forward],
        hear: bool,
    ) -> Result<(Answered, Option<Arc<Link>>), Unanswered> {
        let relays = self.relays(forwards);
        if let Some(link) = self.open.get(&peer) {
            link.set_relays(relays);
            let answer = link.renegotiate(offer).map_err(|error| {
                let refused = match error {
                    OfferError::TooLarge { .. } | OfferError::TooManySections { .. } => {
                        Refused::Worn
                    }
                    _ => Refused::Useless,
                };
                Unanswered {
                    refused,
                    why: error.to_string(),
                }
            })?;
            return Ok((answered(answer), None));
        }
        let settings = LinkSettings {
            take: hear,
            relays,
            ..self.settings(send, hear, Vec::new())
        };
        let (answer, link) = match &self.source {
            Source::Session(handle) => handle
                .answer(offer, &settings)
                .map_err(|error| Unanswered::useless(&error))?,
            Source::Guests(endpoint) => endpoint
                .answer(offer, &settings)
                .map_err(|error| Unanswered::useless(&error))?,
        };
        // What is heard is told next; until then, nothing.
        link.hear(None);
        Ok((answered(answer), Some(self.keep(peer, link))))
    }

    /// Passes on no more than this from now on.
    pub(crate) fn relay(&self, peer: PeerId, forwards: &[Forward]) {
        if let Some(link) = self.open.get(&peer) {
            link.set_relays(self.relays(forwards));
        }
    }

    /// Hears a section of a guest, or none.
    pub(crate) fn hear(&self, peer: PeerId, mid: Option<&str>) {
        if let Some(link) = self.open.get(&peer) {
            link.hear(mid);
        }
    }

    /// Offers what is to be sent, and the channels.
    pub(crate) fn offer(
        &mut self,
        peer: PeerId,
        send: Option<&Sending>,
        forwards: &[Forward],
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
        let settings = LinkSettings {
            relays: self.relays(forwards),
            ..self.settings(send, false, channels)
        };
        let (offer, link) = match &self.source {
            Source::Session(handle) => handle.offer(&settings).map_err(|e| e.to_string())?,
            Source::Guests(endpoint) => endpoint.offer(&settings).map_err(|e| e.to_string())?,
        };
        Ok((offer, self.keep(peer, link)))
    }

    /// Offers what is forwarded now; `None` when nothing has changed.
    pub(crate) fn reoffer(
        &self,
        peer: PeerId,
        forwards: &[Forward],
    ) -> Result<Option<String>, String> {
        let link = self.open.get(&peer).ok_or("the connection is gone")?;
        link.set_relays(self.relays(forwards));
        link.reoffer().map_err(|e| e.to_string())
    }

    /// Offers new ICE credentials.
    pub(crate) fn restart(&self, peer: PeerId) -> Result<String, String> {
        let link = self.open.get(&peer).ok_or("the connection is gone")?;
        link.restart().map_err(|e| e.to_string())
    }

    /// Takes an answer.
    pub(crate) fn accept(&self, peer: PeerId, answer: &str) -> Result<Accepted, String> {
        let link = self.open.get(&peer).ok_or("the connection is gone")?;
        let accepted = link.accept(answer).map_err(|e| e.to_string())?;
        Ok(Accepted {
            no_pictures: accepted.no_pictures,
        })
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
            sound_alone: true,
            vanished_after: Some(self.grace),
            ..LinkSettings::default()
        }
    }

    /// Where the tracks of guests come from. Those of a connection that has
    /// just gone are left out; the room will say so next.
    fn relays(&self, forwards: &[Forward]) -> Vec<Relay> {
        let relay = |forward: &Forward| {
            Some(Relay {
                from: self.open.get(&forward.from)?.control().id(),
                mid: forward.mid.clone(),
                kind: match forward.side {
                    Side::Audio => Track::Audio,
                    Side::Video => Track::Video,
                },
                stream: forward.stream.clone(),
                renamed: forward.renamed.clone(),
                track: forward.track.clone(),
            })
        };
        forwards.iter().filter_map(relay).collect()
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
        forwarded: answer.relayed,
        no_pictures: answer.no_pictures,
        heard: answer
            .heard
            .into_iter()
            .map(|heard| Heard {
                mid: heard.mid,
                side: match heard.kind {
                    Track::Audio => Side::Audio,
                    Track::Video => Side::Video,
                },
                track: heard.track,
            })
            .collect(),
    }
}
