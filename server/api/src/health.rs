//! Whether the server is up, takes sessions, and what it is.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State as Shared;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::VERSION;
use crate::problem::{Code, Problem};
use crate::state::State;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` or `ready`.
    status: &'static str,
}

/// What the server says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    version: &'static str,
    /// Whether it runs without API keys, for this machine only.
    dev_mode: bool,
    /// Open sessions.
    sessions: usize,
    /// Most open sessions.
    capacity: usize,
    /// Where it is reached, where that is configured.
    public_url: Option<String>,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(status))
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "server", security(()),
    responses((status = 200, description = "It does.", body = Health)))]
async fn health() -> Answer<Health> {
    Answer(Health { status: "ok" })
}

/// Whether new sessions are taken.
///
/// Not while the server goes down. A full server is ready: it says so itself
/// when it is asked for one more.
#[utoipa::path(get, path = "/readyz", tag = "server", security(()),
    responses((status = 200, description = "They are.", body = Health)))]
async fn ready(Shared(state): Shared<Arc<State>>) -> Result<Answer<Health>, Problem> {
    if state.engine.draining() {
        return Err(Problem::new(
            Code::ShuttingDown,
            "this server is shutting down",
        ));
    }
    Ok(Answer(Health { status: "ready" }))
}

/// What this server is.
///
/// Needs no credentials, so that a page can tell whether it needs some.
#[utoipa::path(get, path = "/v1/status", tag = "server", security(()),
    responses((status = 200, description = "The server.", body = Status)))]
async fn status(Shared(state): Shared<Arc<State>>) -> Answer<Status> {
    Answer(Status {
        version: VERSION,
        dev_mode: state.dev_mode(),
        sessions: state.engine.open(),
        capacity: state.engine.settings().max_sessions,
        public_url: state.public.url.clone(),
    })
}
