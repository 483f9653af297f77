//! The HTTP and WebSocket edge.
//!
//! ```text
//!  request ─► edge (name, log, CORS) ─► auth ─► handler ─► engine
//!  answer  ◄─ edge (problem+json)    ◄────────────┘
//! ```
//!
//! [`router`] serves the start page, the API under `/v1`, and what operators
//! need (`/healthz`, `/readyz`, `/metrics`, `/openapi.json`). Every refusal is
//! a [`problem`]; every route is described in `/openapi.json`. Nothing here
//! reads configuration: the binary fills in a [`Config`].

#![forbid(unsafe_code)]

mod acting;
mod assets;
mod auth;
mod catalogue;
mod config;
mod edge;
pub mod events;
mod extract;
mod guest;
mod health;
mod liveavatar;
mod livekit;
mod metrics;
mod openapi;
mod photo_avatars;
mod pipecat;
pub mod problem;
mod range;
mod recordings;
mod sessions;
mod shims;
pub mod socket;
mod speak;
mod state;
mod streaming;
mod studio;
mod text;
mod time;
pub mod token;
mod vendor;
mod whep;
mod whip;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware;

pub use config::{Config, ConfigError, IceServer, KEY_OWNER, MIN_KEY, Stated};
pub use state::State;
pub use time::rfc3339;
pub use vendor::address::Secure;

use problem::{Code, Problem};

/// The version of this server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The whole edge as one service.
pub fn router(state: State) -> Router {
    let (routes, _) = openapi::routes().split_for_parts();
    routes
        .merge(liveavatar::routes())
        .merge(streaming::routes())
        .merge(livekit::routes())
        .merge(shims::routes())
        .merge(photo_avatars::routes())
        .fallback(assets::fallback)
        .method_not_allowed_fallback(method_not_allowed)
        // Every handler that reads a body names its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(edge::wrap))
        .with_state(Arc::new(state))
}

/// The description of the API, as it is served at `/openapi.json`.
#[must_use]
pub fn description() -> bytes::Bytes {
    openapi::document()
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        format!("{} does not take {method}", problem::shown(uri.path())),
    )
}
