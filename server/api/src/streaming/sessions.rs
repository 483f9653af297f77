//! The life of a streaming session, and what is said in it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State as Shared;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use engine::Request;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::auth::Operator;
use crate::extract::Query;
use crate::liveavatar::request::{avatar, check, check_encoding, duration, given, set_quality};
use crate::liveavatar::sessions::{close, open, session_token};
use crate::liveavatar::socket::{Dialect, connect};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::streaming::access::Client;
use crate::streaming::answer;
use crate::streaming::chat::wants_answer;
use crate::time::unix_seconds;
use crate::vendor::address::Address;
use crate::vendor::body::Body;
use crate::vendor::conversation::{Kind, NO_MODEL};
use crate::vendor::live::{Input, hand};
use crate::vendor::table::{Entry, Stage, Wanted};

/// How long a client may make sessions with its token.
const TOKEN: Duration = Duration::from_hours(1);

/// Shortest and longest idle limit that clients set, seconds.
const IDLE: std::ops::RangeInclusive<i64> = 30..=3_600;

/// The body of `streaming.new`. Clients send null for what they do not set.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct NewRequest {
    quality: Option<String>,
    avatar_name: Option<String>,
    avatar_id: Option<String>,
    talking_photo_id: Option<String>,
    voice: Option<Voice>,
    video_encoding: Option<String>,
    knowledge_base_id: Option<String>,
    knowledge_id: Option<String>,
    activity_idle_timeout: Option<i64>,
    disable_idle_timeout: Option<bool>,
    version: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Voice {
    voice_id: Option<String>,
}

impl NewRequest {
    fn wanted(self, state: &State, owner: Option<String>) -> Result<Wanted, Problem> {
        if self.version.as_deref() == Some("v1") {
            return Err(Problem::invalid(
                "version v1, where offer and answer go through REST, cannot be used; \
                 leave version out, or watch over /v1/sessions/{id}/whep",
            ));
        }
        check_encoding(self.video_encoding.as_deref())?;
        let limits = state.engine.settings().limits;
        let idle = if self.disable_idle_timeout == Some(true) {
            None
        } else {
            self.activity_idle_timeout
                .map(|seconds| seconds.clamp(*IDLE.start(), *IDLE.end()))
        };
        let mut request = Request {
            avatar: avatar(self.avatar_id)
                .or_else(|| avatar(self.talking_photo_id))
                .or_else(|| avatar(self.avatar_name)),
            voice: self.voice.and_then(|voice| given(voice.voice_id)),
            idle_timeout_s: duration("activity_idle_timeout", idle, limits.idle_timeout_s)?,
            ..Request::default()
        };
        set_quality(&mut request, self.quality.as_deref())?;
        check(&request, state)?;
        let context = given(self.knowledge_base_id).or_else(|| given(self.knowledge_id));
        let opening = match context {
            None => None,
            Some(id) => state.contexts.get(&id)?.opening_text,
        };
        Ok(Wanted {
            kind: Kind::Streaming,
            request,
            elsewhere: None,
            opening,
            owner,
        })
    }
}

/// Which session is meant.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Which {
    session_id: Option<String>,
}

/// The session that is meant, if the client may use it.
fn find(state: &State, client: &Client, which: Option<String>) -> Result<Entry, Problem> {
    let id = given(which).ok_or_else(|| Problem::invalid("name the session_id"))?;
    let entry = state.vendor.get(&id)?;
    client.may(&entry)?;
    Ok(entry)
}

/// The same, for one that runs: its task.
fn find_live(
    state: &State,
    client: &Client,
    which: Option<String>,
) -> Result<mpsc::Sender<Input>, Problem> {
    let entry = find(state, client, which)?;
    Ok(state.vendor.live(&entry.id)?.1.inputs)
}

/// `streaming.create_token`.
pub(crate) async fn create_token(_: Operator, Shared(state): Shared<Arc<State>>) -> Response {
    let client = uuid::Uuid::now_v7().to_string();
    let grant = state
        .tokens
        .grant_streaming(&client, TOKEN, SystemTime::now());
    answer(json!({ "token": grant.token }))
}

/// `streaming.new`: opens a session.
pub(crate) async fn new(
    client: Client,
    Shared(state): Shared<Arc<State>>,
    address: Address,
    Body(request): Body<NewRequest>,
) -> Result<Response, Problem> {
    if let Client::Member(_) = client {
        return Err(Problem::new(
            Code::Forbidden,
            "a session token is good for its own session only; ask for a token with streaming.create_token",
        ));
    }
    let wanted = request.wanted(&state, client.owner())?;
    let now = SystemTime::now();
    let id = state.vendor.prepare(wanted, now);
    let mut data = open(&state, &id, address).await?;
    let entry = state.vendor.get(&id)?;
    let limit = data["max_session_duration"].clone();
    data["session_duration_limit"] = limit;
    data["is_paid"] = true.into();
    data["realtime_endpoint"] = data["ws_url"].clone();
    data["url"] = data["livekit_url"].clone();
    data["access_token"] = data["livekit_client_token"].clone();
    data["session_token"] = session_token(&state, &entry, now).into();
    Ok(answer(data))
}

/// `streaming.start`: the session runs already.
pub(crate) async fn start(
    client: Client,
    Shared(state): Shared<Arc<State>>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    find_live(&state, &client, which.session_id)?;
    Ok(answer(json!({})))
}

/// The body of `streaming.task`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Task {
    session_id: Option<String>,
    text: Option<String>,
    #[serde(rename = "task_type")]
    kind: Option<Value>,
}

/// `streaming.task`: something is to be said. Without a language model it is
/// said as it is, and the answer tells so.
pub(crate) async fn task(
    client: Client,
    Shared(state): Shared<Arc<State>>,
    Body(task): Body<Task>,
) -> Result<Response, Problem> {
    let session = find_live(&state, &client, task.session_id)?;
    let text = given(task.text)
        .ok_or_else(|| Problem::new(Code::EmptyText, "there is no text to speak"))?;
    let (reply, said) = oneshot::channel();
    hand(&session, Input::Task(text, reply)).await?;
    let over = || Problem::new(Code::SessionClosed, "the session is over");
    let turn = said.await.map_err(|_| over())??;
    // Nobody knows yet how long it takes; events tell.
    let mut data = json!({ "task_id": turn.to_string(), "duration_ms": 0 });
    if wants_answer(task.kind.as_ref()) {
        data["warning"] = NO_MODEL.into();
    }
    Ok(answer(data))
}

/// `streaming.interrupt`.
pub(crate) async fn interrupt(
    client: Client,
    Shared(state): Shared<Arc<State>>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let session = find_live(&state, &client, which.session_id)?;
    hand(&session, Input::Interrupt).await?;
    Ok(answer(json!({})))
}

/// `streaming.start_listening`.
pub(crate) async fn start_listening(
    client: Client,
    Shared(state): Shared<Arc<State>>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let session = find_live(&state, &client, which.session_id)?;
    hand(&session, Input::Listen(true)).await?;
    Ok(answer(json!({})))
}

/// `streaming.stop_listening`.
pub(crate) async fn stop_listening(
    client: Client,
    Shared(state): Shared<Arc<State>>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let session = find_live(&state, &client, which.session_id)?;
    hand(&session, Input::Listen(false)).await?;
    Ok(answer(json!({})))
}

/// `streaming.keep_alive`.
pub(crate) async fn keep_alive(
    client: Client,
    Shared(state): Shared<Arc<State>>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let entry = find(&state, &client, which.session_id)?;
    state.vendor.live(&entry.id)?;
    state.find(&entry.id)?.touch();
    Ok(answer(json!({})))
}

/// `streaming.stop`. Stopping what is over already is no fault.
pub(crate) async fn stop(
    client: Client,
    Shared(state): Shared<Arc<State>>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let entry = find(&state, &client, which.session_id)?;
    close(&state, &entry.id)?;
    Ok(answer(json!({ "status": "closed" })))
}

/// `streaming.list`: those that run, of this client.
pub(crate) async fn list(client: Client, Shared(state): Shared<Arc<State>>) -> Response {
    let all = state.vendor.list();
    let sessions: Vec<_> = all
        .iter()
        .filter(|entry| entry.wanted.kind == Kind::Streaming && client.may(entry).is_ok())
        .filter_map(|entry| match &entry.stage {
            Stage::Live(live) => Some(json!({
                "session_id": &*entry.id,
                "status": "connected",
                "created_at": unix_seconds(live.since),
            })),
            _ => None,
        })
        .collect();
    answer(json!({ "sessions": sessions }))
}

/// The query of the chat WebSocket.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ChatQuery {
    session_id: Option<String>,
    session_token: Option<String>,
}

/// `GET /v1/ws/streaming.chat`. Browsers cannot set headers here, so the token
/// comes in the query.
pub(crate) async fn socket(
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<ChatQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let token = given(query.session_token)
        .ok_or_else(|| Problem::new(Code::Unauthorized, "send the token as session_token"))?;
    let client = Client::of_token(&token, &state)?;
    let entry = find(&state, &client, query.session_id)?;
    connect(&state, &entry.id, Dialect::Chat, upgrade)
}
