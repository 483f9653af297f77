//! Talking photos, and the list of everything.

use axum::extract::Request;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Known, Operator};
use crate::extract::Query;
use crate::photo_avatars::consent::Agreed;
use crate::photo_avatars::looks::{create as make, is_own, picture};
use crate::photo_avatars::{Call, Id, uploads, v1, v2};
use crate::problem::Problem;
use crate::studio::delete;

/// The query of an upload.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Named {
    name: Option<String>,
}

/// `POST /v1/talking_photo`: the body is the picture.
pub(super) async fn create(
    Call { state, address, .. }: Call<Operator>,
    agreed: Agreed,
    Query(query): Query<Named>,
    request: Request,
) -> Result<Response, Problem> {
    let consent = agreed.record(None, None)?;
    let bytes = uploads::picture(request, &state).await?;
    let avatar = make(&state, bytes, query.name, None, consent).await?;
    Ok(v1(json!({
        "talking_photo_id": avatar.id,
        "talking_photo_url": picture(&address, &avatar),
    })))
}

/// `GET /v1/talking_photo.list`.
pub(super) async fn list(Call { state, address, .. }: Call<Known>) -> Response {
    let photos: Vec<_> = state
        .engine
        .rooms()
        .avatars
        .list()
        .iter()
        .filter(|avatar| avatar.kind == face::avatars::Kind::Photo)
        .map(|avatar| {
            let url = picture(&address, avatar);
            json!({
                "id": avatar.id,
                "name": avatar.name,
                "image_url": url,
                "circle_image": url,
                "is_preset": !is_own(avatar),
            })
        })
        .collect();
    v1(photos.into())
}

/// `DELETE /v2/talking_photo/{id}`.
pub(super) async fn remove(
    Call { state, .. }: Call<Operator>,
    Id(id): Id,
) -> Result<Response, Problem> {
    delete(&state, id).await?;
    Ok(v2(Value::Null))
}

/// `GET /v2/avatars`: those of users are talking photos.
pub(super) async fn avatars(Call { state, address, .. }: Call<Known>) -> Response {
    let (own, stock): (Vec<_>, Vec<_>) = state
        .engine
        .rooms()
        .avatars
        .list()
        .into_iter()
        .partition(|avatar| is_own(avatar));
    let avatars: Vec<_> = stock
        .iter()
        .map(|avatar| {
            json!({
                "avatar_id": avatar.id,
                "avatar_name": avatar.name,
                "gender": "unknown",
                "preview_image_url": picture(&address, avatar),
                "preview_video_url": null,
                "premium": false,
            })
        })
        .collect();
    let photos: Vec<_> = own
        .iter()
        .map(|avatar| {
            json!({
                "talking_photo_id": avatar.id,
                "talking_photo_name": avatar.name,
                "preview_image_url": picture(&address, avatar),
            })
        })
        .collect();
    v2(json!({ "avatars": avatars, "talking_photos": photos }))
}
