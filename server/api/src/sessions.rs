//! Sessions: made, looked at, interrupted, ended.

mod wanted;

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json as Answer;
use axum::extract::State as Shared;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Handle, Request};
use media::Turn;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use session::CloseReason;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Operator, Recording as Named, Session as Asked};
use crate::extract::{Json, Query, blocking};
use crate::liveavatar;
use crate::liveavatar::sessions::ListQuery;
use crate::problem::Problem;
use crate::shims;
use crate::state::State;
use crate::time::rfc3339;
use crate::vendor::address::Address;

use wanted::CreateSession;

/// A session's request may hold a background of some 12 MB.
const LONGEST_REQUEST: usize = 16 << 20;

/// A session. Addresses are relative to the server's.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Identifier.
    id: String,
    /// `open`; `closing` while its recording is finished; `closed`.
    state: SessionState,
    /// Avatar.
    avatar: String,
    /// Voice of turns that name none.
    voice: String,
    /// Picture width, pixels.
    width: usize,
    /// Picture height, pixels.
    height: usize,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// Position of the media clock, ms.
    media_time_ms: i64,
    /// The turn that speaks or waits first; 0 when there is none.
    turn: u64,
    /// Whether a turn is open.
    speaking: bool,
    /// How many viewers there are.
    viewers: usize,
    /// Whether it is recorded.
    record: bool,
    /// What it will accept.
    limits: Limits,
    /// Where things are.
    urls: Urls,
    /// Its recording.
    recording: Recording,
    /// Session token, good for this session only. Only in the answer to its
    /// creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// When the token ends, RFC 3339. Only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    token_expires_at: Option<String>,
    /// Latency receipts of the last turns. Only when one session is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipts: Option<Vec<Receipt>>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionState {
    Open,
    Closing,
    Closed,
}

/// What a session will accept before it refuses or closes. Limits of time are
/// announced before they strike, by `limit_warning` events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Longest duration, seconds.
    max_duration_s: u64,
    /// Seconds without use after which it closes.
    idle_timeout_s: u64,
    /// Longest text of one turn, bytes of UTF-8.
    max_text_bytes: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Urls {
    #[serde(rename = "self")]
    this: String,
    /// WHEP endpoint.
    whep: String,
    /// Server-sent events.
    events: String,
    /// WebSocket.
    ws: String,
    /// The recording as MP4; absent when there is none.
    recording: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Recording {
    id: String,
    /// `recording`, `ready`, `ended_early` or `off`.
    #[schema(example = "recording")]
    state: String,
    /// Size so far.
    bytes: u64,
    /// Length so far, ms.
    duration_ms: i64,
    /// Why it ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How long each stage of a turn took to begin: ms after its text or first
/// sound was received, by the server's wall clock.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Receipt {
    /// The turn.
    turn: u64,
    /// The stages; null where one did not happen (yet).
    stages: Stages,
}

/// The stages of a [`Receipt`], ms.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are those on the wire")]
pub struct Stages {
    /// Always 0: the start of the count.
    text_received_ms: f64,
    /// Phonemes of the first clause are known. Null for pushed sound.
    first_timings_ms: Option<f64>,
    /// The first sample of sound exists.
    first_sample_ms: Option<f64>,
    /// The first face controls exist.
    first_controls_ms: Option<f64>,
    /// The first picture is drawn.
    first_picture_ms: Option<f64>,
    /// The first packet with sound was given to viewers and recording.
    first_packet_ms: Option<f64>,
    /// The first talking picture was shown, as the client reported it.
    shown_ms: Option<f64>,
}

impl From<&session::Receipt> for Receipt {
    fn from(receipt: &session::Receipt) -> Self {
        let stages = &receipt.stages;
        Self {
            turn: receipt.turn.0,
            stages: Stages {
                text_received_ms: stages.text_received_ms,
                first_timings_ms: stages.first_timings_ms,
                first_sample_ms: stages.first_sample_ms,
                first_controls_ms: stages.first_controls_ms,
                first_picture_ms: stages.first_picture_ms,
                first_packet_ms: stages.first_packet_ms,
                shown_ms: stages.shown_ms,
            },
        }
    }
}

impl Session {
    fn of(handle: &Handle, state: &State) -> Self {
        let info = handle.info();
        let url = |rest: &str| state.url(&format!("/v1/sessions/{}{rest}", info.id));
        let limits = info.plan.limits;
        let recorded = info.recording.state != "off";
        Self {
            id: info.id.to_string(),
            state: match info.closed {
                None => SessionState::Open,
                Some(_) if handle.over() => SessionState::Closed,
                Some(_) => SessionState::Closing,
            },
            width: info.plan.width,
            height: info.plan.height,
            created_at: rfc3339(info.created),
            media_time_ms: info.at.as_millis(),
            turn: info.turn.unwrap_or_default().0,
            speaking: info.turn.is_some(),
            viewers: info.viewers,
            record: recorded,
            limits: Limits {
                max_duration_s: limits.max_duration_s,
                idle_timeout_s: limits.idle_timeout_s,
                max_text_bytes: limits.max_text_bytes,
            },
            urls: Urls {
                this: url(""),
                whep: url("/whep"),
                events: url("/events"),
                ws: url("/ws"),
                recording: recorded
                    .then(|| state.url(&format!("/v1/recordings/{}/video.mp4", info.id))),
            },
            recording: Recording {
                id: info.id.to_string(),
                state: info.recording.state.to_owned(),
                bytes: info.recording.bytes,
                duration_ms: info.recording.duration_ms,
                reason: info.recording.reason,
            },
            avatar: info.plan.avatar,
            voice: info.plan.voice,
            token: None,
            token_expires_at: None,
            receipts: None,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// Open sessions, the oldest first.
    sessions: Vec<Session>,
}

/// A session token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenGrant {
    /// Send it as `Authorization: Bearer …`, or as `?token=…` where headers
    /// cannot be set.
    token: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    token_expires_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Interrupted {
    /// The turn that was cut; null when nothing was being said.
    turn: Option<u64>,
    /// Its text up to the last word that was heard.
    heard_text: String,
}

/// What a client saw.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shown {
    /// The turn.
    turn: u64,
    /// When the first talking picture was shown, ms after the client had sent
    /// the text.
    #[schema(minimum = 0, maximum = 3_600_000)]
    after_ms: f64,
}

impl Shown {
    /// Longest time that is believed, ms.
    const LONGEST: f64 = 3_600_000.0;

    pub(crate) fn note(turn: u64, after_ms: f64, handle: &Handle) -> Result<(), Problem> {
        if !(0.0..=Self::LONGEST).contains(&after_ms) {
            return Err(Problem::invalid(format!(
                "after_ms is {after_ms}; it may be 0 to {}",
                Self::LONGEST
            )));
        }
        handle.shown(Turn(turn), after_ms);
        Ok(())
    }
}

/// Viewers of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stats {
    viewers: Vec<Viewer>,
    pictures: Pictures,
    /// Time after its due moment within which 95 of 100 steps of 20 ms began,
    /// ms, over all sessions of this server; null before the first.
    late_ms_p95: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Viewer {
    /// Its name in the session.
    id: String,
    /// `connecting`, `connected` or `closed`.
    state: String,
    /// Round trip, ms.
    rtt_ms: Option<f64>,
    /// Datagrams sent.
    packets_sent: u64,
    /// Bytes sent.
    bytes_sent: u64,
    /// Reports of lost packets received.
    nacks: u64,
    /// Requests for a key frame received.
    plis: u64,
    /// Share of sound packets lost on the way, 0 to 1, by the latest reports
    /// of the player.
    loss: Option<f32>,
    /// What the path carries, bit/s, as estimated.
    estimated_bitrate: Option<u32>,
}

/// Pictures of all sessions of this server since its start.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pictures {
    /// Drawn and encoded.
    rendered: u64,
    /// Left out because a step ran late.
    skipped: u64,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(create_session, list_sessions))
        .routes(routes!(get_session, delete_session))
        .routes(routes!(renew_token))
        .routes(routes!(interrupt))
        .routes(routes!(shown))
        .routes(routes!(session_stats))
}

/// Make a session.
///
/// The answer holds a token for it, to be handed to a browser. (A body with
/// `transport` is a request of Beyond Presence's plugin for `LiveKit` agents.)
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions",
    request_body(content = CreateSession, description = "May be left out."),
    responses((status = 201, description = "The session is open.", body = Session,
        headers(("Location" = String, description = "Its address."))))
)]
async fn create_session(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    address: Result<Address, Problem>,
    Json(body): Json<Value, LONGEST_REQUEST>,
) -> Result<Response, Problem> {
    if shims::is_bey(&body) {
        return shims::bey(operator, &state, address?, &body).await;
    }
    let wanted: CreateSession = serde_json::from_value(body).map_err(|error| {
        // The message may repeat what was sent.
        Problem::invalid(error.to_string().chars().take(400).collect::<String>())
    })?;
    let engine = state.engine.clone();
    let request: Request = wanted.try_into()?;
    let handle = blocking(move || engine.create(request)).await??;
    state.remember(handle.id());
    let grant = state.tokens.grant(handle.id(), SystemTime::now());
    let session = Session {
        token: Some(grant.token),
        token_expires_at: Some(rfc3339(grant.expires)),
        ..Session::of(&handle, &state)
    };
    let location = HeaderValue::from_str(&session.urls.this)
        .map_err(|_| Problem::invalid("the public URL cannot stand in a header"))?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], Answer(session)).into_response())
}

/// List the open sessions, and those that are ending.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions",
    params(("type" = Option<String>, Query, description = "`active` or `historic`: the sessions of the LiveAvatar API instead, in its words.")),
    responses((status = 200, description = "Open sessions, the oldest first.", body = SessionList)))]
async fn list_sessions(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    if query.vendors() {
        let list = liveavatar::sessions::list(&state, &query)?;
        return Ok(Answer(list).into_response());
    }
    let handles = state.engine.list();
    let sessions = handles.iter().map(|h| Session::of(h, &state)).collect();
    Ok(Answer(SessionList { sessions }).into_response())
}

/// Look at a session.
#[utoipa::path(get, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 200, description = "The session, with receipts of its last turns.", body = Session)))]
async fn get_session(
    Named(id): Named,
    Shared(state): Shared<Arc<State>>,
) -> Result<Response, Problem> {
    // A session of a vendor's API answers in its words as well, also when it
    // has not begun or is over.
    let vendors = state
        .vendor
        .get(&id)
        .map(|entry| liveavatar::sessions::get(&entry));
    let handle = match (state.find(&id), &vendors) {
        (Ok(handle), _) => handle,
        (Err(problem), Err(_)) => return Err(problem),
        (Err(_), Ok(vendors)) => return Ok(Answer(vendors).into_response()),
    };
    let receipts = handle.info().receipts;
    let session = Session {
        receipts: Some(receipts.iter().map(Receipt::from).collect()),
        ..Session::of(&handle, &state)
    };
    Ok(match vendors {
        Ok(vendors) => liveavatar::beside(&session, vendors),
        Err(_) => Answer(session).into_response(),
    })
}

/// End a session.
///
/// What is being said is cut, viewers leave, and the recording is finished in
/// the background. It stays until it is deleted.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 204, description = "The session is ending.")))]
async fn delete_session(asked: Asked) -> StatusCode {
    asked.handle.close(CloseReason::Client);
    StatusCode::NO_CONTENT
}

/// Renew the session token.
///
/// With a token that is still good, or with an API key.
#[utoipa::path(post, path = "/v1/sessions/{id}/token", tag = "sessions",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 200, description = "A fresh token.", body = TokenGrant)))]
async fn renew_token(asked: Asked, Shared(state): Shared<Arc<State>>) -> Answer<TokenGrant> {
    let grant = state.tokens.grant(asked.handle.id(), SystemTime::now());
    Answer(TokenGrant {
        token: grant.token,
        token_expires_at: rfc3339(grant.expires),
    })
}

/// Stop what is being said.
///
/// Everything that waits behind it is dropped as well. Silence follows within
/// 150 ms.
#[utoipa::path(post, path = "/v1/sessions/{id}/interrupt", tag = "speech",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 200, description = "What was cut.", body = Interrupted)))]
async fn interrupt(asked: Asked) -> Result<Answer<Interrupted>, Problem> {
    let interrupted = asked.handle.interrupt();
    Ok(Answer(match interrupted {
        Some(cut) => Interrupted {
            turn: Some(cut.turn.0),
            heard_text: cut.heard_text,
        },
        None => Interrupted {
            turn: None,
            heard_text: String::new(),
        },
    }))
}

/// Report when a turn was shown.
///
/// Completes the latency receipt of the turn.
#[utoipa::path(post, path = "/v1/sessions/{id}/shown", tag = "speech",
    params(("id" = String, Path, description = "The session.")),
    request_body = Shown,
    responses((status = 204, description = "Noted.")))]
async fn shown(asked: Asked, Json(shown): Json<Shown>) -> Result<StatusCode, Problem> {
    Shown::note(shown.turn, shown.after_ms, &asked.handle)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Measure the viewers of a session.
#[utoipa::path(get, path = "/v1/sessions/{id}/stats", tag = "sessions",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 200, description = "Its viewers, and how well the server keeps up.", body = Stats)))]
async fn session_stats(asked: Asked, Shared(state): Shared<Arc<State>>) -> Answer<Stats> {
    let metrics = state.engine.metrics();
    let viewers = asked.handle.stats().viewers.into_iter().map(|v| Viewer {
        id: v.id,
        state: v.state.to_owned(),
        rtt_ms: v.rtt_ms,
        packets_sent: v.packets_sent,
        bytes_sent: v.bytes_sent,
        nacks: v.nacks,
        plis: v.plis,
        loss: v.loss,
        estimated_bitrate: v.estimated_bitrate,
    });
    Answer(Stats {
        viewers: viewers.collect(),
        pictures: Pictures {
            rendered: metrics.pictures(),
            skipped: metrics.skipped(),
        },
        late_ms_p95: crate::metrics::late_p95(metrics),
    })
}
