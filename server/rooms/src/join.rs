//! A session in somebody else's room: passes what happens on a WebSocket and
//! a peer connection to [`livekit::participant`], and does what it says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use engine::{Handle, Subscription};
use futures_util::{SinkExt, StreamExt};
use livekit::participant::{Action, Event, Failure, Over, Participant, Settings};
use livekit::token::{TokenError, read_unverified};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use transport::{Channel, Ice, Link, LinkEvent, LinkSettings, Message, Tracks};

use crate::speech::Player;
use crate::watch::Turns;

/// Longest frame that is taken of a server, bytes: its list of participants
/// grows with their attributes.
const LONGEST_FRAME: usize = 1 << 20;

/// Time for name, TCP, TLS and the WebSocket's handshake.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Time for a frame to leave. A server that reads slower is as good as gone.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// A server waits this long for a connection that stopped, as ours does.
const VANISHED_AFTER: Duration = Duration::from_secs(15);

/// The attribute by which an avatar names its agent.
const ON_BEHALF: &str = "lk.publish_on_behalf";

/// Why a room cannot be joined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// No such address.
    #[error("'{0}' is not a LiveKit address; it begins with ws://, wss://, http:// or https://")]
    Url(String),
    /// The token is of no use.
    #[error("the token of the room is of no use: {0}")]
    Token(#[from] TokenError),
    /// The server refused, or could not be reached.
    #[error("the room cannot be joined: {0}")]
    Refused(String),
}

/// Where a session stands in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinState {
    /// Not there yet.
    Connecting,
    /// Sound and picture are published.
    Published,
    /// No longer, and why.
    Over(String),
}

/// A session's place in somebody else's room. Dropping it leaves the room.
#[derive(Debug)]
pub struct Joined {
    state: watch::Receiver<JoinState>,
    /// Dropped with this, which tells the task to leave.
    _leave: watch::Sender<()>,
    room: String,
    identity: String,
}

impl Joined {
    /// The room's name, from the token.
    #[must_use]
    pub fn room(&self) -> &str {
        &self.room
    }

    /// What the session is called there, from the token.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Follows where it stands.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<JoinState> {
        self.state.clone()
    }

    /// Waits until sound and picture are published.
    ///
    /// # Errors
    /// [`JoinError::Refused`], in the words of the server if it had any.
    pub async fn published(&self) -> Result<(), JoinError> {
        let mut state = self.state.clone();
        let stands = state
            .wait_for(|state| *state != JoinState::Connecting)
            .await
            .map(|state| state.clone());
        match stands {
            Ok(JoinState::Over(why)) => Err(JoinError::Refused(why)),
            Ok(_) => Ok(()),
            Err(_) => Err(JoinError::Refused("the session is over".to_owned())),
        }
    }
}

/// Joins a room with a session, as the avatar of the agent that the token
/// names (`lk.publish_on_behalf`) or of the first one there. Returns at once;
/// [`Joined::published`] waits. The session leaves when it is over, and when
/// the agent has left.
///
/// # Errors
/// [`JoinError::Url`], [`JoinError::Token`].
pub fn join(url: &str, token: &str, handle: &Handle) -> Result<Joined, JoinError> {
    let url = address(url)?;
    let claims = read_unverified(token)?;
    let plan = handle.info().plan;
    let participant = Participant::new(
        Settings {
            token: token.to_owned(),
            agent: claims.attributes.get(ON_BEHALF).cloned(),
            picture: (plan.width as u32, plan.height as u32),
            seed: rand::random(),
        },
        Instant::now(),
    );
    let (state_sender, state) = watch::channel(JoinState::Connecting);
    let (leave, left) = watch::channel(());
    let driver = Driver {
        url,
        events: handle.events(None),
        player: Player::new(handle.clone()),
        handle: handle.clone(),
        participant,
        socket: None,
        link: None,
        turns: Turns::default(),
        state: state_sender,
    };
    tokio::spawn(driver.run(left));
    Ok(Joined {
        state,
        _leave: leave,
        room: claims.grants.room,
        identity: claims.identity,
    })
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Driver {
    /// Without a slash at its end.
    url: String,
    handle: Handle,
    events: Subscription,
    player: Player,
    participant: Participant,
    socket: Option<Socket>,
    link: Option<Link>,
    turns: Turns,
    state: watch::Sender<JoinState>,
}

impl Driver {
    async fn run(mut self, mut left: watch::Receiver<()>) {
        let mut session = true;
        let mut wanted = true;
        loop {
            if self.settle().await {
                return;
            }
            let due = self.participant.poll_timeout();
            tokio::select! {
                message = receive(&mut self.socket) => self.message(message),
                event = next(self.link.as_ref()) => self.link_event(event),
                event = self.events.next(), if session => {
                    if let Some(event) = event {
                        if let Some(told) = self.turns.told(&event) {
                            self.participant.told(Instant::now(), told);
                        }
                    } else {
                        session = false;
                        self.participant.leave();
                    }
                }
                _ = left.changed(), if wanted => {
                    wanted = false;
                    self.participant.leave();
                }
                () = wait(due) => self.participant.advance(Instant::now()),
            }
        }
    }

    fn message(&mut self, message: Option<Result<WsMessage, WsError>>) {
        let now = Instant::now();
        match message {
            Some(Ok(WsMessage::Binary(frame))) => self.participant.frame(now, &frame),
            // Answered by the library, when it is next used.
            Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Text(_))) => {}
            Some(Ok(WsMessage::Close(_) | WsMessage::Frame(_)) | Err(_)) | None => {
                self.socket = None;
                self.participant.lost(now);
            }
        }
    }

    fn link_event(&mut self, event: Option<LinkEvent>) {
        let now = Instant::now();
        match event {
            Some(LinkEvent::Connected) => self.participant.connected(),
            Some(LinkEvent::ChannelOpen { label }) => self.participant.channel_open(&label),
            Some(LinkEvent::Data {
                message: Message::Binary(packet),
                ..
            }) => self.participant.packet(now, &packet),
            Some(LinkEvent::Closed(reason)) => {
                tracing::info!(session = %self.handle.id(), ?reason, "the connection to a room's server is over");
                self.link = None;
                self.participant.closed(now);
            }
            None => self.link = None,
            Some(_) => {}
        }
    }

    /// Does what the participant says; true when it is over.
    async fn settle(&mut self) -> bool {
        loop {
            if let Some(action) = self.participant.poll_action() {
                self.act(action).await;
            } else if let Some(event) = self.participant.poll_event() {
                match event {
                    Event::Published => {
                        tracing::info!(session = %self.handle.id(), "published in a room");
                        self.state.send_replace(JoinState::Published);
                    }
                    Event::Agent(identity) => {
                        tracing::info!(session = %self.handle.id(), identity, "speaks for an agent");
                    }
                    Event::Speech(speech) => {
                        self.handle.touch();
                        for told in self.player.play(speech) {
                            self.participant.told(Instant::now(), told);
                        }
                    }
                    Event::Over(over) => {
                        let why = words(&over);
                        tracing::info!(session = %self.handle.id(), why, "left a room");
                        self.state.send_replace(JoinState::Over(why));
                        return true;
                    }
                }
            } else {
                return false;
            }
        }
    }

    async fn act(&mut self, action: Action) {
        let now = Instant::now();
        match action {
            Action::Connect {
                token,
                join_request,
            } => match connect(&self.url, &token, &join_request).await {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.participant.opened(Instant::now());
                }
                Err(failure) => self.participant.failed(Instant::now(), failure),
            },
            Action::Send(frame) => {
                if let Some(socket) = &mut self.socket {
                    let sent = socket.send(WsMessage::Binary(frame.into()));
                    if !matches!(timeout(SEND_WITHIN, sent).await, Ok(Ok(()))) {
                        self.socket = None;
                        self.participant.lost(Instant::now());
                    }
                }
            }
            Action::Hangup => {
                if let Some(mut socket) = self.socket.take() {
                    // One that cannot be told finds out by itself.
                    let _ = timeout(SEND_WITHIN, socket.close(None)).await;
                }
            }
            Action::Offer {
                stream,
                audio,
                video,
            } => {
                let offer = self.offer(Tracks {
                    stream,
                    audio,
                    video,
                });
                self.participant.offered(now, offer);
            }
            Action::Restart => {
                let offer = match &self.link {
                    Some(link) => link.restart().map_err(|e| e.to_string()),
                    None => Err("the media connection is gone".to_owned()),
                };
                self.participant.offered(now, offer);
            }
            Action::Accept(answer) => {
                if let Some(link) = &self.link {
                    let accepted = link.accept(&answer);
                    let accepted = accepted.map(|_| ()).map_err(|e| e.to_string());
                    self.participant.accepted(now, accepted);
                }
            }
            Action::Candidate(candidate) => {
                if let Some(link) = &self.link
                    && let Err(error) = link.trickle(&candidate)
                {
                    tracing::debug!(%error, "a candidate is passed over");
                }
            }
            Action::Data(packet) => self.data(packet),
            Action::Close => self.link = None,
        }
    }

    fn data(&mut self, packet: Bytes) {
        if let Some(link) = &self.link
            && let Err(error) = link.send("_reliable", Message::Binary(packet))
        {
            // The calls in it are made again when nobody answers.
            tracing::info!(session = %self.handle.id(), %error, "a data packet is not sent");
        }
    }

    fn offer(&mut self, tracks: Tracks) -> Result<String, String> {
        let channel = |label: &str, ordered, retransmits| Channel {
            label: label.to_owned(),
            ordered,
            retransmits,
        };
        let settings = LinkSettings {
            send: Some(tracks),
            ice: Ice::Full,
            channels: vec![
                channel("_lossy", false, Some(0)),
                channel("_reliable", true, None),
            ],
            vanished_after: Some(VANISHED_AFTER),
            ..LinkSettings::default()
        };
        let (offer, link) = self.handle.offer(&settings).map_err(|e| e.to_string())?;
        self.link = Some(link);
        Ok(offer)
    }
}

/// Opens a WebSocket. (It borrows no driver: its sound cannot be shared.)
async fn connect(url: &str, token: &str, join_request: &str) -> Result<Socket, Failure> {
    let unreachable = |error: &dyn std::fmt::Display| Failure::Unreachable(error.to_string());
    // Of base64url, only the padding has another meaning in a query.
    let join_request = join_request.replace('=', "%3D");
    let mut request = format!("{url}/rtc/v1?join_request={join_request}")
        .into_client_request()
        .map_err(|e| unreachable(&e))?;
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
    let bearer = bearer.map_err(|e| unreachable(&e))?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST_FRAME))
        .max_frame_size(Some(LONGEST_FRAME));
    let tls = tls().map_err(|e| unreachable(&e))?;
    let connecting = connect_async_tls_with_config(request, Some(config), true, Some(tls));
    match timeout(CONNECT_WITHIN, connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(WsError::Http(response))) => {
            let body = response.body().as_deref().unwrap_or_default();
            let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
            Err(Failure::Status(response.status().as_u16(), text))
        }
        Ok(Err(error)) => Err(unreachable(&error)),
        Err(_) => Err(Failure::Unreachable("no answer in time".to_owned())),
    }
}

/// The next message; never without a socket.
async fn receive(socket: &mut Option<Socket>) -> Option<Result<WsMessage, WsError>> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}

/// The next event; never without a connection.
async fn next(link: Option<&Link>) -> Option<LinkEvent> {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

async fn wait(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// TLS as every browser does it, with Mozilla's roots.
fn tls() -> Result<Connector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = webpki_roots::TLS_SERVER_ROOTS
        .iter()
        .cloned()
        .collect::<RootCertStore>();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Connector::Rustls(Arc::new(config)))
}

/// The WebSocket address of a server, without a slash at its end. Customers
/// name it by either scheme.
fn address(url: &str) -> Result<String, JoinError> {
    let bad = || JoinError::Url(url.chars().take(200).collect());
    let uri: Uri = url.trim().parse().map_err(|_| bad())?;
    let scheme = match uri.scheme_str() {
        Some("ws" | "http") => "ws",
        Some("wss" | "https") => "wss",
        _ => return Err(bad()),
    };
    let authority = uri.authority().ok_or_else(bad)?;
    if uri.query().is_some() || authority.as_str().contains('@') {
        return Err(bad());
    }
    let path = uri.path().trim_end_matches('/');
    Ok(format!("{scheme}://{authority}{path}"))
}

fn words(over: &Over) -> String {
    match over {
        Over::Left => "left from this side".to_owned(),
        Over::NoAgent => "the agent is gone".to_owned(),
        Over::Refused(why) | Over::Lost(why) => why.clone(),
        Over::Removed(reason) => {
            format!("the server ended it (DisconnectReason {reason})")
        }
        _ => "it ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_by_either_scheme() {
        for (url, expected) in [
            ("ws://a.example:7880", "ws://a.example:7880"),
            ("https://a.example/", "wss://a.example"),
            ("wss://a.example/livekit/", "wss://a.example/livekit"),
            (" http://127.0.0.1:1 ", "ws://127.0.0.1:1"),
        ] {
            assert_eq!(address(url).unwrap(), expected);
        }
        for bad in [
            "",
            "a.example",
            "ftp://a",
            "ws://",
            "ws://a?b=c",
            "ws://u:p@a",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn trusted_roots_are_there() {
        assert!(tls().is_ok());
    }
}
