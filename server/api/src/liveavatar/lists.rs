//! Lists that clients show: avatars, voices, languages, credits.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::auth::Known;
use crate::extract::Query;
use crate::liveavatar::{Page, answer, page};
use crate::state::State;

/// The avatars, in the vendor's words.
pub(crate) fn avatars(state: &State) -> Vec<Value> {
    let rooms = state.engine.rooms();
    let voices: Vec<_> = rooms.voices.list().collect();
    let listed = rooms.avatars.list();
    let described = listed.iter().map(|avatar| {
        let voice = avatar
            .voices
            .iter()
            .find_map(|id| voices.iter().find(|voice| voice.id == **id));
        json!({
            "id": avatar.id,
            "name": avatar.name,
            "status": "ACTIVE",
            "preview_url": state.url(&format!("/v1/avatars/{}/preview.png", avatar.id)),
            "default_voice": voice.map(|voice| json!({ "id": voice.id, "name": voice.name })),
            "is_public": true,
        })
    });
    described.collect()
}

/// The voices, in the vendor's words.
pub(crate) fn voices(state: &State) -> Vec<Value> {
    let voices = state.engine.rooms().voices.list();
    voices
        .map(|voice| {
            json!({
                "id": voice.id,
                "voice_id": voice.id,
                "name": voice.name,
                "language": voice.language,
            })
        })
        .collect()
}

/// `GET /v1/avatars/public`: all of them. There are no users, so none has
/// avatars of his own.
pub(crate) async fn public_avatars(
    _: Known,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<Page>,
) -> Response {
    let data = page("/v1/avatars/public?", &query, avatars(&state));
    answer(StatusCode::OK, data, "Avatars")
}

/// `GET /v1/languages`: those of the voices.
pub(crate) async fn languages(_: Known, Shared(state): Shared<Arc<State>>) -> Response {
    let voices = state.engine.rooms().voices.list();
    let languages: BTreeSet<_> = voices.map(|voice| voice.language.clone()).collect();
    let languages: Vec<_> = languages
        .iter()
        .map(|code| json!({ "code": code, "name": code }))
        .collect();
    answer(
        StatusCode::OK,
        json!({ "languages": languages }),
        "Languages",
    )
}

/// `GET /v1/users/credits`. Nothing is billed here. What a credit buys at the
/// vendor, a minute of a session, is what is counted: the minutes of all
/// sessions that could begin now. None are used up by them.
pub(crate) async fn credits(_: Known, Shared(state): Shared<Arc<State>>) -> Response {
    let settings = state.engine.settings();
    let free = settings.max_sessions.saturating_sub(state.engine.open());
    let minutes = free as u64 * (settings.limits.max_duration_s / 60);
    answer(
        StatusCode::OK,
        json!({ "credits_left": minutes, "unlimited": true }),
        "Credits: minutes of sessions that could begin now; nothing is billed",
    )
}
