//! Publishing a session to other servers by WHIP (RFC 9725).

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue, LOCATION};
use engine::ViewError;
use publish::whip::{NoOffer, StartError, State as PushState, Status, Target};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Operator, Session as Asked};
use crate::extract::Json;
use crate::problem::{Code, Problem};
use crate::state::State;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(start_push, list_pushes))
        .routes(routes!(stop_push))
}

/// Where to publish.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartPush {
    /// The WHIP endpoint, `http` or `https`.
    url: String,
    /// Sent as a bearer token, for instance the token of a room. Never shown.
    bearer: Option<String>,
}

/// A push.
#[derive(Serialize, ToSchema)]
pub(crate) struct Push {
    /// Its name in the session.
    id: String,
    /// The endpoint, without query.
    url: String,
    /// `connecting`, `publishing`, `retrying`, `failed` (the server does not
    /// want it) or `stopped`.
    state: &'static str,
    /// Attempts so far.
    attempts: u32,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Status> for Push {
    fn from(status: Status) -> Self {
        Self {
            id: status.id,
            url: status.url,
            state: match status.state {
                PushState::Connecting => "connecting",
                PushState::Publishing => "publishing",
                PushState::Retrying => "retrying",
                PushState::Failed => "failed",
                PushState::Stopped => "stopped",
            },
            attempts: status.attempts,
            error: status.error,
        }
    }
}

/// The pushes of a session.
#[derive(Serialize, ToSchema)]
pub(crate) struct PushList {
    /// The oldest first.
    pushes: Vec<Push>,
}

/// Publish a session by WHIP.
///
/// It is offered to the endpoint anew whenever the connection ends, until the
/// push is stopped, the session is over or the endpoint refuses it.
#[utoipa::path(post, path = "/v1/sessions/{id}/whip", tag = "publishing",
    params(("id" = String, Path, description = "The session.")),
    request_body(content = StartPush),
    responses((status = 201, description = "The push is under way.", body = Push,
        headers(("Location" = String, description = "The push, for DELETE.")))))]
async fn start_push(
    _: Operator,
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
    Json(wanted): Json<StartPush>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Answer<Push>), Problem> {
    let handle = asked.handle.clone();
    let target = Target {
        url: wanted.url,
        bearer: wanted.bearer,
    };
    let id = handle.id().clone();
    let started = state.publisher.start(&id, target, move |settings| {
        handle.offer(settings).map_err(|error| match error {
            ViewError::Closed => NoOffer::Over,
            error => NoOffer::NotNow(error.to_string()),
        })
    });
    let status = started.map_err(|error| {
        let code = match error {
            StartError::TooMany => Code::Conflict,
            _ => Code::InvalidRequest,
        };
        Problem::new(code, error.to_string())
    })?;
    let path = format!("/v1/sessions/{}/whip/{}", asked.handle.id(), status.id);
    let location = HeaderValue::from_str(&state.url(&path))
        .map_err(|_| Problem::invalid("the public URL cannot stand in a header"))?;
    let push = Answer(Push::from(status));
    Ok((StatusCode::CREATED, [(LOCATION, location)], push))
}

/// List the pushes of a session.
#[utoipa::path(get, path = "/v1/sessions/{id}/whip", tag = "publishing",
    params(("id" = String, Path, description = "The session.")),
    responses((status = 200, description = "The pushes.", body = PushList)))]
async fn list_pushes(
    _: Operator,
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
) -> Answer<PushList> {
    let pushes = state.publisher.list(asked.handle.id());
    Answer(PushList {
        pushes: pushes.into_iter().map(Push::from).collect(),
    })
}

#[derive(Deserialize)]
struct PushPath {
    push: String,
}

/// Stop a push.
#[utoipa::path(delete, path = "/v1/sessions/{id}/whip/{push}", tag = "publishing",
    params(("id" = String, Path, description = "The session."),
        ("push" = String, Path, description = "The push.")),
    responses((status = 204, description = "The push is ending; the endpoint is told.")))]
async fn stop_push(
    _: Operator,
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
    Path(path): Path<PushPath>,
) -> Result<StatusCode, Problem> {
    if state.publisher.stop(asked.handle.id(), &path.push) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("push", &path.push))
    }
}
