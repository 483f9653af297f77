//! The WebSocket of a session: events out, text and sound in, on one
//! connection.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use bytes::Bytes;
use engine::{Handle, SoundTurn, SpeakError, Subscription, TextTurn};
use serde::{Deserialize, Serialize};
use speech::pcm::{Encoding, Samples};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::acting::{self, Feeling, IdleState};
use crate::auth::Session as Asked;
use crate::events;
use crate::extract::{Query, parse};
use crate::problem::{Code, Problem};
use crate::sessions::Shown;
use crate::speak::{SpeakMode, open_sound, open_text, say};
use crate::state::State;

/// Longest message, bytes: 5 s of sound at 96 kHz, or several texts.
const LONGEST_MESSAGE: usize = 1 << 20;

/// Messages that may be wrong before the connection is: a client that does not
/// read its errors is broken.
const MAX_ERRORS: usize = 64;

/// How long a client may take to read what it is sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the far side is asked whether it is there.
const PING: Duration = Duration::from_secs(20);

/// How long it may be silent: three pings.
const SILENCE: Duration = Duration::from_mins(1);

/// Closed because the client read too slowly. The range from 4000 on is free
/// for applications (RFC 6455 §7.4.2).
pub const SLOW_READER: u16 = 4_008;

/// Closed because nothing was heard of the client.
pub const SILENT: u16 = 4_001;

/// What a client sends as text. Sound comes as binary messages: signed 16-bit
/// little-endian samples, mono, cut anywhere.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", deny_unknown_fields)]
pub(crate) enum ClientMessage {
    /// Say a whole text.
    #[serde(rename = "speak")]
    Speak {
        /// The text, in which tags move the face.
        text: String,
        #[serde(default)]
        mode: SpeakMode,
        /// Another voice than the session's.
        voice: Option<String>,
        /// How the face feels about it.
        emotion: Option<Feeling>,
        /// How much of it shows, 0 to 1. Default 1.
        #[schema(minimum = 0, maximum = 1)]
        intensity: Option<f32>,
    },
    /// A text begins that is still being written.
    #[serde(rename = "text.begin")]
    TextBegin {
        #[serde(default)]
        mode: SpeakMode,
        /// Another voice than the session's.
        voice: Option<String>,
        /// How the face feels about it.
        emotion: Option<Feeling>,
        /// How much of it shows, 0 to 1. Default 1.
        #[schema(minimum = 0, maximum = 1)]
        intensity: Option<f32>,
    },
    /// The next piece of it.
    #[serde(rename = "text.append")]
    TextAppend {
        /// A word, a token, a page.
        text: String,
    },
    /// It is complete.
    #[serde(rename = "text.end")]
    TextEnd {},
    /// Sound begins; binary messages follow.
    #[serde(rename = "audio.begin")]
    AudioBegin {
        /// Samples per second, 8000 to 192000.
        rate: u32,
        #[serde(default)]
        mode: SpeakMode,
        /// How the face feels about it.
        emotion: Option<Feeling>,
        /// How much of it shows, 0 to 1. Default 1.
        #[schema(minimum = 0, maximum = 1)]
        intensity: Option<f32>,
    },
    /// It is complete.
    #[serde(rename = "audio.end")]
    AudioEnd {},
    /// Stop what is being said.
    #[serde(rename = "interrupt")]
    Interrupt {},
    /// What the face does while nothing is said.
    #[serde(rename = "state")]
    State {
        /// From now on.
        state: IdleState,
    },
    /// When a turn was shown.
    #[serde(rename = "shown")]
    Shown {
        /// The turn.
        turn: u64,
        /// Ms after the text was sent.
        after_ms: f64,
    },
    /// A sign of life: the idle limit begins anew.
    #[serde(rename = "ping")]
    Ping {},
}

/// What the server sends besides events. Events have a `seq`, these have none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerMessage {
    /// The answer to `speak`, `text.begin` and `audio.begin`.
    Accepted {
        /// The turn, as in the events that follow.
        turn: u64,
    },
    /// The answer to `ping`.
    Pong,
    /// A message was refused. After a refused `text.begin` or `audio.begin`,
    /// what belongs to it is passed over up to its end.
    Error {
        /// As in problems.
        code: &'static str,
        /// What happened and what to do.
        detail: String,
        /// The turn that it cut short, if it was accepted before.
        #[serde(skip_serializing_if = "Option::is_none")]
        turn: Option<u64>,
    },
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SocketQuery {
    /// Begin with the events after this number. Default: from now on.
    after: Option<u64>,
    /// A session token: browsers cannot set headers here.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(socket))
}

/// Talk with a session over a WebSocket.
///
/// The server sends `Event` and `ServerMessage` as JSON, the client
/// `ClientMessage` as JSON and sound as binary messages. One text or sound is
/// open at a time. The connection is closed with 1000 after `closed`, with
/// 4008 when the client reads too slowly, with 4001 when nothing is heard of
/// it for a minute (browsers answer pings by themselves), with 1008 after too
/// many wrong messages, and with 1009 after one that is too long (1 MiB).
#[utoipa::path(get, path = "/v1/sessions/{id}/ws", tag = "events",
    params(("id" = String, Path, description = "The session."), SocketQuery),
    responses((status = 101, description = "The connection is a WebSocket from now on.")))]
async fn socket(
    asked: Asked,
    Query(query): Query<SocketQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| {
        Problem::new(
            Code::UpgradeRequired,
            format!("connect with a WebSocket client: {}", error.body_text()),
        )
        .with(
            axum::http::header::UPGRADE,
            axum::http::HeaderValue::from_static("websocket"),
        )
    })?;
    let subscription = asked.handle.events(query.after);
    Ok(upgrade
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| serve(socket, asked.handle, subscription)))
}

/// Why a connection ends.
struct Close(u16, &'static str);

async fn serve(mut socket: WebSocket, handle: Handle, events: Subscription) {
    let close = converse(&mut socket, handle, events).await;
    if let Some(Close(code, reason)) = close {
        say_goodbye(&mut socket, code, reason).await;
    }
}

/// Tells the other side why the connection ends.
pub(crate) async fn say_goodbye(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    // Somebody who does not read will not read this either.
    let _ = timeout(
        Duration::from_secs(1),
        socket.send(Message::Close(Some(frame))),
    )
    .await;
}

/// Passes messages both ways until one side ends it; `None` when the client
/// did.
async fn converse(
    socket: &mut WebSocket,
    handle: Handle,
    mut events: Subscription,
) -> Option<Close> {
    let mut talk = Talk::new(handle);
    let mut heard = Instant::now();
    let mut errors = 0;
    let mut ping = interval_at(heard + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else {
                    return Some(Close(close_code::NORMAL, "the session is over"));
                };
                if let Err(close) = send(socket, events::json(&event)).await {
                    return close;
                }
            }
            message = socket.recv() => {
                let message = message?;
                heard = Instant::now();
                let answer = match message {
                    Ok(Message::Text(text)) => talk.text(&text).await,
                    Ok(Message::Binary(bytes)) => talk.sound(&bytes),
                    Ok(Message::Close(_)) => return None,
                    // Pings are answered below us.
                    Ok(Message::Ping(_) | Message::Pong(_)) => None,
                    Err(error) => {
                        tracing::debug!(%error, "a WebSocket broke");
                        return Some(broken(error));
                    }
                };
                if let Some(answer) = answer {
                    errors += usize::from(matches!(answer, ServerMessage::Error { .. }));
                    if let Err(close) = send(socket, answer.json()).await {
                        return close;
                    }
                }
                if errors > MAX_ERRORS {
                    return Some(Close(close_code::POLICY, "too many wrong messages"));
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE {
                    return Some(Close(SILENT, "nothing was heard of the client"));
                }
                if let Err(close) = put(socket, Message::Ping(Bytes::new())).await {
                    return close;
                }
            }
        }
    }
}

fn broken(error: axum::Error) -> Close {
    let text = error.into_inner().to_string();
    if text.contains("too long") || text.contains("too big") {
        Close(close_code::SIZE, "a message is longer than 1 MiB")
    } else if text.to_lowercase().contains("utf-8") {
        Close(close_code::INVALID, "a text message is not UTF-8")
    } else {
        Close(close_code::PROTOCOL, "the connection broke")
    }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), Option<Close>> {
    put(socket, Message::Text(text.into())).await
}

async fn put(socket: &mut WebSocket, message: Message) -> Result<(), Option<Close>> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(Some(Close(SLOW_READER, "the client reads too slowly"))),
    }
}

/// What is open on this connection.
enum Feed {
    Nothing,
    Text(TextTurn),
    /// Refused or over: passed over up to its end.
    NoText,
    Sound(SoundTurn, Samples),
    /// Refused or over: passed over up to its end.
    NoSound,
}

/// The client's side of the conversation.
struct Talk {
    handle: Handle,
    feed: Feed,
}

impl Talk {
    const fn new(handle: Handle) -> Self {
        Self {
            handle,
            feed: Feed::Nothing,
        }
    }

    /// Takes a text message.
    async fn text(&mut self, text: &str) -> Option<ServerMessage> {
        let result = match parse(text.as_bytes()) {
            Ok(message) => self.take(message).await,
            Err(problem) => Err(problem),
        };
        match result {
            Ok(answer) => answer,
            Err(problem) => Some(ServerMessage::error(problem, None)),
        }
    }

    async fn take(&mut self, message: ClientMessage) -> Result<Option<ServerMessage>, Problem> {
        match message {
            ClientMessage::Speak {
                text,
                mode,
                voice,
                emotion,
                intensity,
            } => {
                let mood = acting::mood(emotion, intensity)?;
                let turn = say(&self.handle, &text, mode, voice, mood).await?;
                return Ok(Some(ServerMessage::Accepted { turn }));
            }
            ClientMessage::TextBegin {
                mode,
                voice,
                emotion,
                intensity,
            } => {
                self.nothing_open()?;
                self.feed = Feed::NoText;
                let mood = acting::mood(emotion, intensity)?;
                let turn = open_text(&self.handle, mode, voice, mood).await?;
                let number = turn.turn().0;
                self.feed = Feed::Text(turn);
                return Ok(Some(ServerMessage::Accepted { turn: number }));
            }
            ClientMessage::TextAppend { text } => match &self.feed {
                Feed::Text(turn) => {
                    if let Err(error) = turn.append(&text) {
                        let number = turn.turn().0;
                        self.feed = Feed::NoText;
                        return Ok(ServerMessage::cut(error, number));
                    }
                }
                Feed::NoText => {}
                _ => return Err(not_open("text")),
            },
            ClientMessage::TextEnd {} => match &self.feed {
                Feed::Text(_) | Feed::NoText => self.feed = Feed::Nothing,
                _ => return Err(not_open("text")),
            },
            ClientMessage::AudioBegin {
                rate,
                mode,
                emotion,
                intensity,
            } => {
                self.nothing_open()?;
                self.feed = Feed::NoSound;
                let mood = acting::mood(emotion, intensity)?;
                let turn = open_sound(&self.handle, mode, rate, mood).await?;
                let number = turn.turn().0;
                let samples = Samples::new(Encoding::S16Le, 1)
                    .map_err(|error| Problem::new(Code::BadAudio, error.to_string()))?;
                self.feed = Feed::Sound(turn, samples);
                return Ok(Some(ServerMessage::Accepted { turn: number }));
            }
            ClientMessage::AudioEnd {} => match &self.feed {
                Feed::Sound(..) | Feed::NoSound => self.feed = Feed::Nothing,
                _ => return Err(not_open("audio")),
            },
            ClientMessage::Interrupt {} => {
                self.handle.interrupt();
            }
            ClientMessage::State { state } => self.handle.pose(state.into()),
            ClientMessage::Shown { turn, after_ms } => Shown::note(turn, after_ms, &self.handle)?,
            ClientMessage::Ping {} => {
                self.handle.touch();
                return Ok(Some(ServerMessage::Pong));
            }
        }
        Ok(None)
    }

    /// Takes a binary message.
    fn sound(&mut self, bytes: &[u8]) -> Option<ServerMessage> {
        match &mut self.feed {
            Feed::Sound(turn, samples) => {
                let Err(error) = turn.write(&samples.push(bytes)) else {
                    return None;
                };
                let number = turn.turn().0;
                self.feed = Feed::NoSound;
                ServerMessage::cut(error, number)
            }
            Feed::NoSound => None,
            _ => Some(ServerMessage::error(not_open("audio"), None)),
        }
    }

    fn nothing_open(&self) -> Result<(), Problem> {
        match self.feed {
            Feed::Nothing => Ok(()),
            Feed::Text(_) | Feed::NoText => Err(still_open("text")),
            Feed::Sound(..) | Feed::NoSound => Err(still_open("audio")),
        }
    }
}

fn not_open(what: &str) -> Problem {
    Problem::new(Code::Conflict, format!("send {what}.begin first"))
}

fn still_open(what: &str) -> Problem {
    Problem::new(Code::Conflict, format!("send {what}.end first"))
}

impl ServerMessage {
    /// Why no more is taken of a turn. Of its end an event tells already.
    fn cut(error: SpeakError, turn: u64) -> Option<Self> {
        (!matches!(error, SpeakError::Over(_))).then(|| Self::error(error.into(), Some(turn)))
    }

    fn error(problem: Problem, turn: Option<u64>) -> Self {
        Self::Error {
            code: problem.code.as_str(),
            detail: problem.detail,
            turn,
        }
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
