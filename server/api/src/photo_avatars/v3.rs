//! Avatars, v3: groups and their looks.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use face::Avatar;
use face::avatars::Kind;
use serde::Deserialize;
use serde_json::{Value, json};
use studio::decode::MOST_BYTES;

use crate::auth::{Known, Operator};
use crate::extract::{Query, blocking, parse, read};
use crate::liveavatar::request::given;
use crate::photo_avatars::consent::Agreed;
use crate::photo_avatars::groups::{own_group, remove_group};
use crate::photo_avatars::looks::{self, Group, created_at, group_of, is_own, picture};
use crate::photo_avatars::{Call, Id, v3};
use crate::problem::Problem;
use crate::state::State;
use crate::studio::delete;
use crate::vendor::address::Address;

/// Longest body: a picture of [`MOST_BYTES`] in base64, and some words.
const LONGEST: usize = MOST_BYTES / 3 * 4 + 64 * 1024;

#[derive(Debug, Deserialize)]
struct NewAvatar {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    file: Option<Picture>,
    avatar_group_id: Option<String>,
    consent: Option<String>,
    consent_by: Option<String>,
}

/// Where the picture is.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Picture {
    AssetId { asset_id: String },
    Base64 { data: String },
    Url {},
}

impl Picture {
    async fn read(self, state: &State) -> Result<Bytes, Problem> {
        match self {
            Self::AssetId { asset_id } => state.uploads.get(&asset_id, Instant::now()),
            Self::Base64 { data } => {
                let bytes = blocking(move || {
                    let data = data.split_once(";base64,").map_or(&*data, |(_, data)| data);
                    BASE64.decode(data.trim())
                });
                let bytes = bytes.await?;
                let bytes = bytes.map_err(|_| Problem::invalid("file.data is not base64"))?;
                Ok(bytes.into())
            }
            Self::Url {} => Err(Problem::invalid(
                "this server fetches nothing from addresses that it is told; send the picture as base64, or upload it with POST /v3/assets",
            )),
        }
    }
}

/// A JSON body that may hold a picture.
pub(super) struct Large(NewAvatar);

impl FromRequest<Arc<State>> for Large {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<State>) -> Result<Self, Self::Rejection> {
        let bytes = read(request.into_body(), LONGEST).await?;
        parse(&bytes).map(Self)
    }
}

/// `POST /v3/avatars`.
pub(super) async fn create(
    Call { state, address, .. }: Call<Operator>,
    agreed: Agreed,
    Large(wanted): Large,
) -> Result<Response, Problem> {
    match wanted.kind.as_str() {
        "photo" => {}
        "prompt" | "digital_twin" => {
            return Err(Problem::invalid(
                "this server makes avatars of type photo: from a picture of a person who agrees",
            ));
        }
        _ => return Err(Problem::invalid("type is photo")),
    }
    let consent = agreed.record(wanted.consent, wanted.consent_by)?;
    let file = wanted
        .file
        .ok_or_else(|| Problem::invalid("send the picture as file"))?;
    let group = given(wanted.avatar_group_id);
    if let Some(id) = &group {
        own_group(&state, id)?;
    }
    let bytes = file.read(&state).await?;
    let avatar = looks::create(&state, bytes, wanted.name, group, consent).await?;
    let group = looks::group(&state, group_of(&avatar))?;
    Ok(v3(json!({
        "avatar_item": described_look(&address, &avatar),
        "avatar_group": described_group(&address, &group),
    })))
}

fn described_look(address: &Address, avatar: &Avatar) -> Value {
    json!({
        "id": avatar.id,
        "name": avatar.name,
        "avatar_type": if avatar.kind == Kind::Photo { "photo_avatar" } else { "studio_avatar" },
        "group_id": group_of(avatar),
        "gender": null,
        "preview_image_url": picture(address, avatar),
        "preview_video_url": null,
        "default_voice_id": avatar.voices.first(),
        "tags": [],
        "status": "completed",
        "created_at": created_at(avatar),
        "error": null,
    })
}

fn described_group(address: &Address, group: &Group) -> Value {
    let first = group.looks.first();
    json!({
        "id": group.id,
        "name": group.name(),
        "created_at": group.created_at(),
        "looks_count": group.looks.len(),
        "gender": null,
        "preview_image_url": first.map(|look| picture(address, look)),
        "preview_video_url": null,
        "default_voice_id": first.and_then(|look| look.voices.first()),
        "consent_status": if group.is_own() { Some("approved") } else { None },
        "status": "completed",
        "error": null,
    })
}

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Part {
    limit: Option<usize>,
    token: Option<usize>,
    ownership: Option<String>,
    group_id: Option<String>,
    avatar_type: Option<String>,
}

impl Part {
    fn wants(&self, own: bool) -> bool {
        match self.ownership.as_deref() {
            Some("private") => own,
            Some("public") => !own,
            _ => true,
        }
    }

    fn of(&self, all: &[Value]) -> Response {
        let limit = self.limit.unwrap_or(20).clamp(1, 50);
        let first = self.token.unwrap_or(0).min(all.len());
        let end = (first + limit).min(all.len());
        let next = (end < all.len()).then(|| end.to_string());
        Json(json!({
            "data": all[first..end],
            "has_more": next.is_some(),
            "next_token": next,
        }))
        .into_response()
    }
}

/// `GET /v3/avatars`: the groups.
pub(super) async fn list(
    Call { state, address, .. }: Call<Known>,
    Query(part): Query<Part>,
) -> Response {
    let groups: Vec<_> = looks::groups(&state)
        .iter()
        .filter(|group| part.wants(group.is_own()))
        .map(|group| described_group(&address, group))
        .collect();
    part.of(&groups)
}

/// `GET /v3/avatars/looks`.
pub(super) async fn looks(
    Call { state, address, .. }: Call<Known>,
    Query(part): Query<Part>,
) -> Response {
    let avatars = state.engine.rooms().avatars.list();
    let all: Vec<_> = avatars
        .iter()
        .filter(|avatar| part.wants(is_own(avatar)))
        .filter(|avatar| {
            let group = part.group_id.as_deref();
            group.is_none_or(|group| group == group_of(avatar))
        })
        .map(|avatar| described_look(&address, avatar))
        .filter(|look| {
            let kind = part.avatar_type.as_deref();
            kind.is_none_or(|kind| look["avatar_type"] == kind)
        })
        .collect();
    part.of(&all)
}

/// `GET /v3/avatars/{id}`.
pub(super) async fn group(
    Call { state, address, .. }: Call<Known>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let group = looks::group(&state, &id)?;
    Ok(v3(described_group(&address, &group)))
}

/// `GET /v3/avatars/looks/{id}`.
pub(super) async fn look(
    Call { state, address, .. }: Call<Known>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let look = looks::look(&state, &id)?;
    Ok(v3(described_look(&address, &look)))
}

/// `DELETE /v3/avatars/{id}`: all looks of the group.
pub(super) async fn remove(
    Call { state, .. }: Call<Operator>,
    Id(id): Id,
) -> Result<Response, Problem> {
    remove_group(&state, &id).await?;
    Ok(v3(json!({ "id": id })))
}

/// `DELETE /v3/avatars/looks/{id}`.
pub(super) async fn remove_look(
    Call { state, .. }: Call<Operator>,
    Id(id): Id,
) -> Result<Response, Problem> {
    delete(&state, id.clone()).await?;
    Ok(v3(json!({ "id": id })))
}
