//! The life of a session: token, start, keep-alive, stop, and what is told of
//! it meanwhile and afterwards.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use engine::Handle;
use rooms::Joined;
use serde::Deserialize;
use serde_json::{Value, json};
use session::CloseReason;

use crate::auth::{Caller, Operator, Recording as Named, Who};
use crate::extract::{Query, blocking};
use crate::liveavatar::request::{TokenRequest, given};
use crate::liveavatar::{Page, answer, envelope, page};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::time::{rfc3339, unix_seconds};
use crate::vendor::address::Address;
use crate::vendor::body::Body;
use crate::vendor::conversation::{Kind, reason_of};
use crate::vendor::live::{self, Input, Place};
use crate::vendor::table::{Begin, Elsewhere, Entry, Stage};

/// How long after its token a session may be started.
const TO_START: Duration = Duration::from_mins(15);

/// How long joining a room elsewhere may take. Agents give up after about as
/// long.
const TO_JOIN: Duration = Duration::from_secs(10);

/// Identity of the client in its room.
const CLIENT: &str = "client";

/// Which session is meant, where the credentials do not say.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Which {
    session_id: Option<String>,
}

/// The session that a caller means and may use.
///
/// # Errors
/// [`Code::Forbidden`], or [`Code::InvalidRequest`] when none is named.
fn meant(caller: Caller, which: Which) -> Result<String, Problem> {
    match (caller, given(which.session_id)) {
        (Caller::Member(own), None) => Ok(own),
        (Caller::Member(own), Some(id)) if own == id => Ok(own),
        (Caller::Member(_), Some(_)) => Err(Problem::new(
            Code::Forbidden,
            "the session token belongs to another session",
        )),
        (Caller::Operator, Some(id)) => Ok(id),
        (Caller::Operator, None) => Err(Problem::invalid(
            "send the session token as 'Authorization: Bearer …', or name the session_id",
        )),
    }
}

/// `POST /v1/sessions/token`: prepares a session.
pub(crate) async fn token(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    Body(request): Body<TokenRequest>,
) -> Result<Response, Problem> {
    let wanted = request.wanted(&state)?;
    let now = SystemTime::now();
    let id = state.vendor.prepare(wanted, now);
    let entry = state.vendor.get(&id)?;
    let token = session_token(&state, &entry, now);
    let data = json!({ "session_id": &*id, "session_token": token });
    Ok(answer(StatusCode::OK, data, "Session token created"))
}

/// A token for the whole life of a session. SDKs read in it what kind of
/// session it is.
pub(crate) fn session_token(state: &State, entry: &Entry, now: SystemTime) -> String {
    let lifetime = Duration::from_secs(longest(state, entry)) + TO_START;
    let data = json!({ "mode": mode(entry.wanted.kind) });
    state
        .tokens
        .grant_vendor(&entry.id, lifetime, data, now)
        .token
}

/// Longest duration of a session, seconds.
fn longest(state: &State, entry: &Entry) -> u64 {
    let most = state.engine.settings().limits.max_duration_s;
    entry.wanted.request.max_duration_s.unwrap_or(most)
}

const fn mode(kind: Kind) -> &'static str {
    match kind {
        Kind::Lite => "LITE",
        Kind::Full => "FULL",
        Kind::Streaming => "STREAMING",
    }
}

/// `POST /v1/sessions/start`: opens the session. Repeated before a client has
/// come, it gives the same answer, because the first may have been lost.
pub(crate) async fn start(
    Who(caller): Who,
    Shared(state): Shared<Arc<State>>,
    address: Address,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let id = meant(caller, which)?;
    let data = open(&state, &id, address).await?;
    Ok(answer(StatusCode::CREATED, data, "Session started"))
}

/// Opens a prepared session and gives what its client is told.
///
/// # Errors
/// As of [`crate::vendor::table::Table::begin`] and of the engine.
pub(crate) async fn open(state: &Arc<State>, id: &str, address: Address) -> Result<Value, Problem> {
    let entry = match state.vendor.begin(id)? {
        Begin::Again(answer) => return Ok(answer),
        Begin::Now(entry) => *entry,
    };
    let state = state.clone();
    // A client that goes away meanwhile must not leave it half open.
    let opening = tokio::spawn(async move {
        let opened = begin(&state, &entry, &address).await;
        if opened.is_err() {
            state.vendor.set(&entry.id, Stage::Prepared);
        }
        opened
    });
    opening.await.map_err(|error| {
        tracing::error!(%error, "a start failed");
        Problem::new(Code::Internal, "the session could not be started")
    })?
}

async fn begin(state: &Arc<State>, entry: &Entry, address: &Address) -> Result<Value, Problem> {
    let engine = state.engine.clone();
    let (id, request) = (entry.id.clone(), entry.wanted.request.clone());
    let handle = blocking(move || engine.create_as(&id, request)).await??;
    state.remember(handle.id());
    let token = session_token(state, entry, SystemTime::now());
    let mut data = json!({
        "session_id": &*entry.id,
        "max_session_duration": longest(state, entry),
    });
    let place = if let Some(elsewhere) = &entry.wanted.elsewhere {
        match enter(state, elsewhere, &handle).await {
            Ok(joined) => Place::Elsewhere(joined),
            Err(problem) => {
                handle.close(CloseReason::Client);
                return Err(problem);
            }
        }
    } else {
        let mode = match entry.wanted.kind {
            Kind::Full => rooms::Mode::Full,
            Kind::Lite | Kind::Streaming => rooms::Mode::Lite,
        };
        let room = state.rooms.open(&handle, mode);
        data["livekit_url"] = address.ws("").into();
        data["livekit_client_token"] = state.rooms.viewer_token(&entry.id, CLIENT).into();
        data["livekit_agent_token"] = state.rooms.agent_token(&entry.id).into();
        Place::Here(room)
    };
    if entry.wanted.kind != Kind::Full {
        let path = format!("/v1/sessions/{}/realtime?token={token}", entry.id);
        data["ws_url"] = address.ws(&path).into();
    }
    live::start(state, entry, handle, place, data.clone());
    Ok(data)
}

/// Joins a room of the customer's.
async fn enter(
    state: &State,
    elsewhere: &Elsewhere,
    handle: &Handle,
) -> Result<Arc<Joined>, Problem> {
    let joined = state.away.join(&elsewhere.url, &elsewhere.token, handle)?;
    match tokio::time::timeout(TO_JOIN, joined.published()).await {
        Ok(published) => published?,
        Err(_) => {
            return Err(Problem::new(
                Code::RoomRefused,
                format!("the room was not joined within {} s", TO_JOIN.as_secs()),
            ));
        }
    }
    Ok(joined)
}

/// `POST /v1/sessions/stop`. Stopping what is over already is no fault: SDKs
/// do it on every way out.
pub(crate) async fn stop(
    Who(caller): Who,
    Shared(state): Shared<Arc<State>>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let id = meant(caller, which)?;
    let message = if close(&state, &id)? {
        "Session stopped"
    } else {
        "The session was over already"
    };
    Ok(answer(StatusCode::OK, Value::Null, message))
}

/// Ends a session; false when it was over.
///
/// # Errors
/// [`Code::NotFound`], or [`Code::Conflict`] while it is being started.
pub(crate) fn close(state: &State, id: &str) -> Result<bool, Problem> {
    match state.vendor.get(id)?.stage {
        Stage::Live(live) => {
            // A task that does not listen is not waited for.
            if live.inputs.try_send(Input::Stop).is_err()
                && let Ok(handle) = state.find(id)
            {
                handle.close(CloseReason::Client);
            }
            Ok(true)
        }
        Stage::Prepared => {
            let over = Stage::Over {
                since: SystemTime::now(),
                reason: reason_of(CloseReason::Client),
            };
            state.vendor.set(id, over);
            Ok(true)
        }
        Stage::Starting => Err(Problem::new(
            Code::Conflict,
            "the session is being started; stop it when that is done",
        )),
        Stage::Over { .. } => Ok(false),
    }
}

/// `POST /v1/sessions/keep-alive`: the idle limit begins anew.
pub(crate) async fn keep_alive(
    Who(caller): Who,
    Shared(state): Shared<Arc<State>>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let id = meant(caller, which)?;
    state.vendor.live(&id)?;
    state.find(&id)?.touch();
    Ok(answer(StatusCode::OK, Value::Null, "Session kept alive"))
}

/// Which lines of a transcript are wanted, seconds since 1970.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Span {
    start_timestamp: Option<u64>,
    end_timestamp: Option<u64>,
}

/// `GET /v1/sessions/{id}/transcript`: what was said and heard.
pub(crate) async fn transcript(
    Named(id): Named,
    Shared(state): Shared<Arc<State>>,
    Query(span): Query<Span>,
) -> Result<Response, Problem> {
    let entry = state.vendor.get(&id)?;
    let begun = unix_seconds(entry.created);
    let lines: Vec<_> = entry
        .transcript
        .lines()
        .into_iter()
        .map(|line| (unix_seconds(line.at), line.text))
        .filter(|(at, _)| {
            span.start_timestamp.is_none_or(|from| *at >= from)
                && span.end_timestamp.is_none_or(|to| *at <= to)
        })
        .collect();
    let next = lines.last().map(|(at, _)| at + 1);
    let lines: Vec<_> = lines
        .into_iter()
        .map(|(at, text)| {
            json!({
                "role": "avatar",
                "transcript": text,
                "absolute_timestamp": at,
                "relative_timestamp": at.saturating_sub(begun),
            })
        })
        .collect();
    let data = json!({
        "session_active": matches!(entry.stage, Stage::Live(_)),
        "transcript_data": lines,
        "next_timestamp": next,
    });
    Ok(answer(StatusCode::OK, data, "Transcript"))
}

/// Which sessions are wanted.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    /// `active` or `historic`.
    #[serde(rename = "type")]
    kind: Option<String>,
    page: Option<usize>,
    page_size: Option<usize>,
}

impl ListQuery {
    /// Whether the vendor's list is meant, not ours.
    pub(crate) const fn vendors(&self) -> bool {
        self.kind.is_some()
    }
}

/// `GET /v1/sessions?type=`.
///
/// # Errors
/// For another type.
pub(crate) fn list(state: &State, query: &ListQuery) -> Result<Value, Problem> {
    let kind = query.kind.as_deref().unwrap_or("active");
    let active = match kind {
        "active" => true,
        "historic" => false,
        other => {
            return Err(Problem::invalid(format!(
                "there is no type '{}'; there are active and historic",
                crate::problem::shown(other)
            )));
        }
    };
    let all = state.vendor.list();
    let wanted = |entry: &&Entry| match entry.stage {
        Stage::Live(_) => active,
        Stage::Over { .. } => !active,
        Stage::Prepared | Stage::Starting => false,
    };
    let all = all.iter().filter(wanted).map(described).collect();
    let path = format!("/v1/sessions?type={kind}&");
    let part = Page {
        page: query.page,
        page_size: query.page_size,
    };
    Ok(envelope(page(&path, &part, all), "Sessions"))
}

/// `GET /v1/sessions/{id}`, as the vendor's clients read it.
pub(crate) fn get(entry: &Entry) -> Value {
    envelope(described(entry), "Session")
}

fn described(entry: &Entry) -> Value {
    let (status, started, ended, reason) = match &entry.stage {
        Stage::Prepared | Stage::Starting => ("created", None, None, None),
        Stage::Live(live) => ("active", Some(live.since), None, None),
        Stage::Over { since, reason } => ("ended", None, Some(*since), Some(*reason)),
    };
    json!({
        "id": &*entry.id,
        "session_id": &*entry.id,
        "mode": mode(entry.wanted.kind),
        "avatar_id": entry.wanted.request.avatar,
        "status": status,
        "created_at": rfc3339(entry.created),
        "started_at": started.map(rfc3339),
        "ended_at": ended.map(rfc3339),
        "end_reason": reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_session_only() {
        let which = |id: &str| Which {
            session_id: Some(id.to_owned()),
        };
        let member = || Caller::Member("a".to_owned());
        assert_eq!(meant(member(), Which::default()).unwrap(), "a");
        assert_eq!(meant(member(), which("")).unwrap(), "a");
        assert_eq!(meant(member(), which("a")).unwrap(), "a");
        let foreign = meant(member(), which("b")).unwrap_err();
        assert_eq!(foreign.code, Code::Forbidden);
        assert_eq!(meant(Caller::Operator, which("b")).unwrap(), "b");
        let nothing = meant(Caller::Operator, Which::default()).unwrap_err();
        assert_eq!(nothing.code, Code::InvalidRequest);
    }
}
