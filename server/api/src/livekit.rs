//! LiveKit's signalling: a WebSocket by which clients join the room of their
//! token, and the addresses by which they find out why they could not.
//!
//! These are LiveKit's addresses, so errors are plain text, as its clients
//! read them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State as Shared};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use livekit::Join;
use livekit::room::MOST_FRAME;
use livekit::token::Claims;
use rooms::{ConnectError, Connection, Rooms};
use serde::Deserialize;
use tokio::time::timeout;

use crate::state::State;

/// How long a client may take to read a frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// Closed because the server has no room (RFC 6455 §7.4, registry: Try Again
/// Later).
const TRY_AGAIN: u16 = 1_013;

/// What clients send in the query; the rest is about themselves.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    access_token: Option<String>,
    join_request: Option<String>,
    reconnect: Option<String>,
    sid: Option<String>,
    auto_subscribe: Option<String>,
}

/// A refusal as LiveKit's clients read it.
type Refusal = (StatusCode, String);

impl Asked {
    fn single(&self) -> Result<Join, Refusal> {
        let request = self.join_request.as_deref().unwrap_or_default();
        Join::single(request).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
    }

    fn dual(&self) -> Join {
        let resumes = matches!(self.reconnect.as_deref(), Some("1" | "true"));
        let auto = !matches!(self.auto_subscribe.as_deref(), Some("0" | "false"));
        Join::dual(resumes, self.sid.as_deref().unwrap_or_default(), auto)
    }
}

/// The routes of this module.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/rtc", get(dual))
        .route("/rtc/v1", get(single))
        .route("/rtc/validate", get(validate))
        .route("/rtc/v1/validate", get(validate))
}

/// What a client connects with.
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Joins with one peer connection for both directions.
async fn single(
    shared: Shared<Arc<State>>,
    asked: Query<Asked>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, Refusal> {
    join(&shared, &asked, &headers, upgrade, Asked::single)
}

/// Joins with a peer connection for each direction.
async fn dual(
    shared: Shared<Arc<State>>,
    asked: Query<Asked>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, Refusal> {
    join(&shared, &asked, &headers, upgrade, |asked| Ok(asked.dual()))
}

fn join(
    state: &State,
    asked: &Asked,
    headers: &HeaderMap,
    upgrade: Upgrade,
    how: fn(&Asked) -> Result<Join, Refusal>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|_| no_upgrade())?;
    let claims = claims(state, asked, headers)?;
    Ok(enter(state.rooms.clone(), upgrade, claims, how(asked)?))
}

/// Tells a client whether it could have joined. (LiveKit's clients take 404
/// for a server that does not know the address.)
async fn validate(
    shared: Shared<Arc<State>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<&'static str, Refusal> {
    claims(&shared, &asked, &headers)?;
    asked.single()?;
    Ok("success")
}

fn no_upgrade() -> Refusal {
    let why = "this address takes WebSockets only";
    (StatusCode::NOT_FOUND, why.to_owned())
}

/// What the token of a request says.
fn claims(state: &State, asked: &Asked, headers: &HeaderMap) -> Result<Claims, Refusal> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let token = bearer.or(asked.access_token.as_deref()).ok_or_else(|| {
        let why = "no access token was sent";
        (StatusCode::UNAUTHORIZED, why.to_owned())
    })?;
    state.rooms.check(token.trim()).map_err(|error| {
        // In these words, 404 does not mean an unknown address to clients.
        let status = match error {
            ConnectError::Over => StatusCode::NOT_FOUND,
            _ => StatusCode::UNAUTHORIZED,
        };
        (status, error.to_string())
    })
}

fn enter(rooms: Rooms, upgrade: WebSocketUpgrade, claims: Claims, join: Join) -> Response {
    upgrade
        .max_message_size(MOST_FRAME)
        .max_frame_size(MOST_FRAME)
        .on_upgrade(move |socket| async move {
            match rooms.connect(claims, join) {
                Ok(connection) => converse(socket, connection).await,
                Err(error) => refuse(socket, &error).await,
            }
        })
        .into_response()
}

async fn refuse(mut socket: WebSocket, error: &ConnectError) {
    tracing::info!(%error, "a client cannot join");
    let frame = CloseFrame {
        code: TRY_AGAIN,
        reason: error.to_string().into(),
    };
    // One that does not read it finds out by itself.
    let _ = timeout(PATIENCE, socket.send(Message::Close(Some(frame)))).await;
}

/// Passes frames both ways until one side ends it.
async fn converse(mut socket: WebSocket, mut connection: Connection) {
    let code = loop {
        tokio::select! {
            frame = connection.next() => {
                let Some(frame) = frame else {
                    break close_code::NORMAL;
                };
                let sent = socket.send(Message::Binary(frame.into()));
                if !matches!(timeout(PATIENCE, sent).await, Ok(Ok(()))) {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(frame))) => connection.frame(&frame),
                // Pings are answered below us.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => connection.heard(),
                // The protocol's other form, JSON, which no client of today sends.
                Some(Ok(Message::Text(_))) => break close_code::UNSUPPORTED,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        }
    };
    let frame = CloseFrame {
        code,
        reason: "".into(),
    };
    let _ = timeout(PATIENCE, socket.send(Message::Close(Some(frame)))).await;
}
