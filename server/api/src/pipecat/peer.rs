//! A connection of a SmallWebRTC client, from its answer to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::Handle;
use serde_json::json;
use session::CloseReason;
use tokio::time::sleep;
use transport::{FragmentError, Link, LinkEvent, Message, OfferError};

use super::rtvi::{self, Rtvi, Wish};
use crate::speak::{SpeakMode, say};
use crate::state::State;

/// How long a session of its own waits for a client that has lost its
/// connection and makes a new one. The transport tries three times.
const GRACE: Duration = Duration::from_secs(10);

/// A connection.
pub(super) struct Peer {
    handle: Handle,
    link: Link,
    own: bool,
    replaced: AtomicBool,
}

impl Peer {
    pub(super) const fn new(handle: Handle, link: Link, own: bool) -> Self {
        Self {
            handle,
            link,
            own,
            replaced: AtomicBool::new(false),
        }
    }

    /// Its name.
    pub(super) fn id(&self) -> String {
        self.link.control().id().to_string()
    }

    /// The name of its session.
    pub(super) fn session(&self) -> &str {
        self.handle.id()
    }

    /// Whether the session ends with it.
    pub(super) const fn own(&self) -> bool {
        self.own
    }

    /// Gives its place to a new one.
    pub(super) fn replace(&self) {
        self.replaced.store(true, Ordering::Relaxed);
        self.link.control().close();
    }

    pub(super) fn renegotiate(&self, offer: &str) -> Result<transport::Answer, OfferError> {
        self.link.renegotiate(offer)
    }

    pub(super) fn trickle(&self, candidate: &str) -> Result<(), FragmentError> {
        self.link.trickle(candidate)
    }
}

/// Talks with the client until one side is gone.
pub(super) async fn converse(state: Arc<State>, peer: Arc<Peer>) {
    let mut events = peer.handle.events(None);
    let mut rtvi = Rtvi::default();
    // The client opens one channel; whatever its name, answers go there.
    let mut channel: Option<Arc<str>> = None;
    loop {
        let messages = tokio::select! {
            event = peer.link.next() => match event {
                None | Some(LinkEvent::Closed(_)) => break,
                Some(LinkEvent::ChannelOpen { label }) => {
                    channel.get_or_insert(label);
                    continue;
                }
                Some(LinkEvent::Data { message: Message::Text(text), .. }) => {
                    let Some(wish) = rtvi.take(&text) else { continue };
                    let Some(answer) = fulfil(&peer.handle, wish).await else { break };
                    vec![answer]
                }
                Some(_) => continue,
            },
            event = events.next() => match event {
                None => {
                    send(&peer.link, channel.as_ref(), rtvi::peer_left());
                    break;
                }
                Some(published) => rtvi.tell(&published.event),
            },
        };
        for message in messages {
            send(&peer.link, channel.as_ref(), message);
        }
    }
    state.peers.forget(&peer.id());
    peer.link.control().close();
    if peer.own && !peer.replaced.load(Ordering::Relaxed) {
        sleep(GRACE).await;
        if peer.handle.info().viewers == 0 {
            peer.handle.close(CloseReason::Client);
        }
    }
}

/// A client that does not read loses messages, not its pictures.
fn send(link: &Link, channel: Option<&Arc<str>>, message: String) {
    if let Some(channel) = channel
        && let Err(error) = link.send(channel, Message::Text(message))
    {
        tracing::debug!(%error, "a message to a client was dropped");
    }
}

/// Does what a client wants; `None` when it wants to leave.
async fn fulfil(handle: &Handle, wish: Wish) -> Option<String> {
    Some(match wish {
        Wish::Speak { id, text } => match say(handle, &text, SpeakMode::Queue, None, None).await {
            Ok(turn) => rtvi::done(&id, "speak", &json!({ "turn": turn })),
            Err(problem) => rtvi::refusal(&id, problem.detail()),
        },
        Wish::Interrupt { id } => {
            let cut = handle.interrupt();
            rtvi::done(&id, "interrupt", &json!({ "interrupted": cut.is_some() }))
        }
        Wish::Answer(message) => message,
        Wish::Leave => return None,
    })
}
