//! The legacy streaming API, `/v1/streaming.*` and its chat WebSocket: texts
//! in, events out, the picture in a room.
//!
//! As for `LiveAvatar`, its addresses are not in `/openapi.json`.

mod access;
pub(crate) mod chat;
mod sessions;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::state::State;

/// What every answer that is none of a refusal says.
const OK: u16 = 100;

/// The routes of this API.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/streaming.create_token", post(sessions::create_token))
        .route("/v1/streaming.new", post(sessions::new))
        .route("/v1/streaming.start", post(sessions::start))
        .route("/v1/streaming.task", post(sessions::task))
        .route("/v1/streaming.interrupt", post(sessions::interrupt))
        .route("/v1/streaming.stop", post(sessions::stop))
        .route("/v1/streaming.keep_alive", post(sessions::keep_alive))
        .route(
            "/v1/streaming.start_listening",
            post(sessions::start_listening),
        )
        .route(
            "/v1/streaming.stop_listening",
            post(sessions::stop_listening),
        )
        .route("/v1/streaming.list", get(sessions::list))
        .route("/v1/ws/streaming.chat", get(sessions::socket))
}

/// An answer in the API's envelope.
fn answer(data: Value) -> Response {
    let mut envelope = json!({ "code": OK, "message": "success" });
    envelope["data"] = data;
    Json(envelope).into_response()
}
