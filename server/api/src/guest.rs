//! A session as a guest in a LiveKit room of another server.

use std::sync::Arc;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use rooms::{JoinError, JoinState, Joined};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Operator, Session as Asked};
use crate::extract::Json;
use crate::problem::{Code, Problem};
use crate::state::State;

/// How long the answer waits for the room. A server that is up takes less than
/// a second; joining goes on after the answer.
const WAIT: Duration = Duration::from_secs(10);

/// The room to join.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinRoom {
    /// Address of the LiveKit server.
    #[schema(example = "wss://project.livekit.cloud")]
    url: String,
    /// Access token for the room. Its attribute `lk.publish_on_behalf` names
    /// the agent whose speech is played; without it, that of the first agent
    /// in the room is.
    token: String,
}

/// Where a session is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GuestRoom {
    /// The room.
    room: String,
    /// What the session is called there.
    identity: String,
    /// `connecting` or `published`.
    #[schema(example = "published")]
    state: &'static str,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(join_room, get_room, leave_room))
}

impl GuestRoom {
    fn of(joined: &Joined) -> Self {
        let published = *joined.state().borrow() == JoinState::Published;
        Self {
            room: joined.room().to_owned(),
            identity: joined.identity().to_owned(),
            state: if published { "published" } else { "connecting" },
        }
    }
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        let code = match error {
            JoinError::Url(_) | JoinError::Token(_) => Code::InvalidRequest,
            _ => Code::RoomRefused,
        };
        Self::new(code, error.to_string())
    }
}

/// Join a LiveKit room.
///
/// The session publishes sound and picture there and plays what an agent
/// streams to it (LiveKit Agents' avatar contract: `lk.audio_stream`,
/// `lk.clear_buffer`, `lk.playback_started`, `lk.playback_finished`). It leaves
/// when it is over or the agent is gone, and the room it was in before.
#[utoipa::path(post, path = "/v1/sessions/{id}/livekit", tag = "sessions",
    params(("id" = String, Path, description = "The session.")),
    request_body = JoinRoom,
    responses((status = 201, description = "The session is in the room, or about to be.", body = GuestRoom)))]
async fn join_room(
    _: Operator,
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
    Json(wanted): Json<JoinRoom>,
) -> Result<(StatusCode, Answer<GuestRoom>), Problem> {
    let joined = state.away.join(&wanted.url, &wanted.token, &asked.handle)?;
    if let Ok(published) = timeout(WAIT, joined.published()).await {
        published?;
    }
    Ok((StatusCode::CREATED, Answer(GuestRoom::of(&joined))))
}

/// Look at the LiveKit room that a session is in.
#[utoipa::path(get, path = "/v1/sessions/{id}/livekit", tag = "sessions",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 200, description = "The room.", body = GuestRoom)))]
async fn get_room(
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
) -> Result<Answer<GuestRoom>, Problem> {
    let session = asked.handle.id();
    let joined = state.away.get(session);
    let joined = joined.ok_or_else(|| Problem::not_found("LiveKit room of session", session))?;
    Ok(Answer(GuestRoom::of(&joined)))
}

/// Leave the LiveKit room that a session is in.
#[utoipa::path(delete, path = "/v1/sessions/{id}/livekit", tag = "sessions",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 204, description = "The session leaves the room.")))]
async fn leave_room(
    _: Operator,
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
) -> Result<StatusCode, Problem> {
    let session = asked.handle.id();
    if state.away.leave(session) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("LiveKit room of session", session))
    }
}
