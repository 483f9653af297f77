//! `HeyGen`'s API of photo avatars: uploads, talking photos, groups of looks
//! (v2) and avatars (v3).
//!
//! A look is an avatar made of one picture; a group is whatever looks say that
//! they belong to it, and its id is that of its first look. Nothing is trained,
//! so everything is ready at once. As for the vendors' other APIs, these
//! addresses are not in `/openapi.json`.

mod consent;
mod groups;
mod looks;
mod talking;
pub(crate) mod uploads;
mod v3;

use std::marker::PhantomData;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::{Value, json};

use crate::auth::Operator;
use crate::problem::Problem;
use crate::state::State;
use crate::vendor::address::Address;

/// Beginnings of the addresses of v2 and v3.
const NEWER: &[&str] = &[
    "/v2/avatar",
    "/v2/photo_avatar",
    "/v2/talking_photo",
    "/v3/assets",
    "/v3/avatars",
];

/// Whether an address is one of v1.
pub(crate) fn is_v1(path: &str) -> bool {
    path == "/v1/asset" || path.starts_with("/v1/talking_photo")
}

/// Whether an address is one of v2 or v3.
pub(crate) fn is_newer(path: &str) -> bool {
    NEWER.iter().any(|beginning| path.starts_with(beginning))
}

/// The routes of this API.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/v1/asset", post(uploads::v1))
        .route("/v1/talking_photo", post(talking::create))
        .route("/v1/talking_photo.list", get(talking::list))
        .route("/v2/talking_photo/{id}", delete(talking::remove))
        .route("/v2/avatars", get(talking::avatars))
        .route("/v2/photo_avatar/avatar_group/create", post(groups::create))
        .route("/v2/photo_avatar/avatar_group/add", post(groups::add))
        .route("/v2/photo_avatar/train", post(groups::train))
        .route("/v2/photo_avatar/train/status/{id}", get(groups::trained))
        .route("/v2/photo_avatar/photo/generate", post(draw))
        .route("/v2/photo_avatar/look/generate", post(draw))
        .route(
            "/v2/photo_avatar/{id}",
            get(groups::look).delete(groups::remove_look),
        )
        .route("/v2/photo_avatar_group/{id}", delete(groups::remove))
        .route("/v2/avatar_group.list", get(groups::list))
        .route("/v2/avatar_group/{id}/avatars", get(groups::avatars))
        .route("/v3/assets", post(uploads::v3))
        .route("/v3/avatars", get(v3::list).post(v3::create))
        .route("/v3/avatars/{id}", get(v3::group).delete(v3::remove))
        .route("/v3/avatars/looks", get(v3::looks))
        .route(
            "/v3/avatars/looks/{id}",
            get(v3::look).delete(v3::remove_look),
        )
}

/// What every call begins with: who asks, and where.
struct Call<Who> {
    state: Arc<State>,
    address: Address,
    _who: PhantomData<Who>,
}

impl<Who> FromRequestParts<Arc<State>> for Call<Who>
where
    Who: FromRequestParts<Arc<State>, Rejection = Problem> + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        Who::from_request_parts(parts, state).await?;
        Ok(Self {
            state: state.clone(),
            address: Address::from_request_parts(parts, state).await?,
            _who: PhantomData,
        })
    }
}

/// What the address names.
struct Id(String);

impl FromRequestParts<Arc<State>> for Id {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id))
            .map_err(|error| Problem::invalid(error.body_text()))
    }
}

/// An answer of v1.
fn v1(data: Value) -> Response {
    let mut answer = json!({ "code": 100, "message": "Success" });
    answer["data"] = data;
    Json(answer).into_response()
}

/// An answer of v2.
fn v2(data: Value) -> Response {
    let mut answer = json!({ "error": null });
    answer["data"] = data;
    Json(answer).into_response()
}

/// An answer of v3.
fn v3(data: Value) -> Response {
    let mut answer = json!({});
    answer["data"] = data;
    Json(answer).into_response()
}

/// Pictures from a description, which this server does not make.
async fn draw(_: Operator) -> Problem {
    Problem::invalid(
        "this server draws nobody from a description; send a picture of a person who agrees",
    )
}
