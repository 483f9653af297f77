//! The realtime WebSocket: messages in, messages out, and a watch over whether
//! the client is still there.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State as Shared;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderValue;
use axum::http::header::UPGRADE;
use axum::response::Response;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::auth::Recording as Named;
use crate::problem::{Code, Problem};
use crate::socket::{SILENT, SLOW_READER, say_goodbye};
use crate::state::State;
use crate::streaming::chat;
use crate::vendor::live::{Client, Input, OUTPUTS};

/// Longest message, bytes: a minute of sound in base64. The vendor's own
/// limit is 1 MB.
pub(crate) const LONGEST: usize = 4 << 20;

/// How often the far side is asked whether it is there. Together with
/// [`SILENCE`] and the grace of the session it makes 15 s at most until a
/// client that vanished has freed its session.
const PING: Duration = Duration::from_millis(2_500);

/// How long it may be silent.
const SILENCE: Duration = Duration::from_millis(9_500);

/// How long a client may take to read what it is sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// Numbers of connections.
static CLIENTS: AtomicU64 = AtomicU64::new(1);

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// JSON with sound in it.
    Realtime,
    /// Frames of the legacy chat.
    Chat,
}

/// `GET /v1/sessions/{id}/realtime`.
pub(crate) async fn realtime(
    Named(id): Named,
    Shared(state): Shared<Arc<State>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    connect(&state, &id, Dialect::Realtime, upgrade)
}

/// Answers the request for a WebSocket of a session that runs.
///
/// # Errors
/// As of [`crate::vendor::table::Table::live`], or [`Code::UpgradeRequired`].
pub(crate) fn connect(
    state: &State,
    id: &str,
    dialect: Dialect,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let (_, live) = state.vendor.live(id)?;
    let upgrade = upgrade.map_err(|error| {
        Problem::new(
            Code::UpgradeRequired,
            format!("connect with a WebSocket client: {}", error.body_text()),
        )
        .with(UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    Ok(upgrade
        .max_message_size(LONGEST)
        .max_frame_size(LONGEST)
        .on_upgrade(move |socket| serve(socket, dialect, live.inputs)))
}

async fn serve(mut socket: WebSocket, dialect: Dialect, session: mpsc::Sender<Input>) {
    let id = CLIENTS.fetch_add(1, Ordering::Relaxed);
    let (messages, outgoing) = mpsc::channel(OUTPUTS);
    let client = Client { id, messages };
    let hello = match dialect {
        Dialect::Realtime => Input::Realtime(client),
        Dialect::Chat => Input::Chat(client),
    };
    if session.send(hello).await.is_err() {
        say_goodbye(&mut socket, close_code::NORMAL, "the session is over").await;
        return;
    }
    let mut connection = Connection {
        id,
        dialect,
        session,
        outgoing,
    };
    let Err(end) = connection.converse(&mut socket).await;
    if let Some((code, reason)) = end {
        say_goodbye(&mut socket, code, reason).await;
    }
    // The session may be over by now.
    let _ = connection.session.send(Input::Gone(id)).await;
}

struct Connection {
    id: u64,
    dialect: Dialect,
    session: mpsc::Sender<Input>,
    outgoing: mpsc::Receiver<String>,
}

/// How a connection is to be closed; `None` when the client has done it.
type End = Option<(u16, &'static str)>;

const OVER: End = Some((close_code::NORMAL, "the session is over"));

const LET_GO: &str = "another client took over, or this one reads too slowly";

impl Connection {
    /// Passes messages both ways until one side ends it.
    async fn converse(&mut self, socket: &mut WebSocket) -> Result<Infallible, End> {
        let mut heard = Instant::now();
        let mut ping = interval_at(heard + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = self.outgoing.recv() => match message {
                    Some(message) => put(socket, Message::Text(message.into())).await?,
                    None if self.session.is_closed() => return Err(OVER),
                    None => return Err(Some((SLOW_READER, LET_GO))),
                },
                message = socket.recv() => {
                    heard = Instant::now();
                    let input = match message.ok_or(None)? {
                        Ok(Message::Text(text)) => self.text(text.as_str()),
                        Ok(Message::Binary(bytes)) => self.binary(&bytes),
                        Ok(Message::Close(_)) => return Err(None),
                        // Pings are answered below us.
                        Ok(Message::Ping(_) | Message::Pong(_)) => None,
                        Err(error) => return Err(Some(broken(socket, error).await)),
                    };
                    if let Some(input) = input
                        && self.session.send(input).await.is_err()
                    {
                        return Err(OVER);
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE {
                        return Err(Some((SILENT, "nothing was heard of the client")));
                    }
                    put(socket, Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    fn text(&self, text: &str) -> Option<Input> {
        (self.dialect == Dialect::Realtime).then(|| Input::Said(self.id, text.to_owned()))
    }

    fn binary(&self, bytes: &[u8]) -> Option<Input> {
        match self.dialect {
            Dialect::Realtime => Some(Input::Unreadable(
                self.id,
                "invalid_message",
                "binary messages cannot be used; send JSON with the sound as base64".to_owned(),
            )),
            Dialect::Chat => chat::frame(bytes).map(Input::Wrote),
        }
    }
}

/// Says why a connection cannot go on.
async fn broken(socket: &mut WebSocket, error: axum::Error) -> (u16, &'static str) {
    let text = error.into_inner().to_string();
    if text.contains("too long") || text.contains("too big") {
        let message = crate::liveavatar::realtime::too_long(LONGEST).to_string();
        // It may not be read any more.
        let _ = put(socket, Message::Text(message.into())).await;
        (close_code::SIZE, "a message is longer than 4 MiB")
    } else if text.to_lowercase().contains("utf-8") {
        (close_code::INVALID, "a text message is not UTF-8")
    } else {
        tracing::debug!(error = text, "a WebSocket broke");
        (close_code::PROTOCOL, "the connection broke")
    }
}

async fn put(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(Some((SLOW_READER, "the client reads too slowly"))),
    }
}
