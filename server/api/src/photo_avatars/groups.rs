//! Groups of looks, v2.

use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use bytes::Bytes;
use face::Avatar;
use serde::Deserialize;
use serde_json::{Value, json};
use studio::Consent;

use crate::auth::{Known, Operator};
use crate::extract::{Query, to_the_end};
use crate::liveavatar::request::given;
use crate::photo_avatars::consent::Agreed;
use crate::photo_avatars::looks::{self, created_at, group_of, picture};
use crate::photo_avatars::{Call, Id, v2};
use crate::problem::Problem;
use crate::state::State;
use crate::studio::delete;
use crate::vendor::address::Address;
use crate::vendor::body::Body;

/// Most looks that are added at a time, as at the vendor's.
const MOST_ADDED: usize = 4;

/// A look, in the vendor's words.
fn described(address: &Address, avatar: &Avatar) -> Value {
    json!({
        "id": avatar.id,
        "image_url": picture(address, avatar),
        "created_at": created_at(avatar),
        "name": avatar.name,
        "status": "completed",
        "group_id": group_of(avatar),
        "is_motion": false,
        "motion_preview_url": null,
        "business_type": "uploaded",
        "upscale_availability": { "available": false, "reason": "nothing is upscaled here" },
        "upscaled": false,
        "background_sound_effect": null,
        "default_voice_id": avatar.voices.first(),
    })
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NewGroup {
    name: Option<String>,
    image_key: Option<String>,
    consent: Option<String>,
    consent_by: Option<String>,
}

/// `POST /v2/photo_avatar/avatar_group/create`.
pub(super) async fn create(
    Call { state, address, .. }: Call<Operator>,
    agreed: Agreed,
    Body(wanted): Body<NewGroup>,
) -> Result<Response, Problem> {
    let consent = agreed.record(wanted.consent, wanted.consent_by)?;
    let key = given(wanted.image_key)
        .ok_or_else(|| Problem::invalid("name the image_key of an upload (POST /v1/asset)"))?;
    let bytes = state.uploads.get(&key, Instant::now())?;
    let avatar = looks::create(&state, bytes, wanted.name, None, consent).await?;
    Ok(v2(described(&address, &avatar)))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NewLooks {
    group_id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    image_keys: Vec<String>,
    consent: Option<String>,
    consent_by: Option<String>,
}

/// `POST /v2/photo_avatar/avatar_group/add`.
pub(super) async fn add(
    Call { state, address, .. }: Call<Operator>,
    agreed: Agreed,
    Body(wanted): Body<NewLooks>,
) -> Result<Response, Problem> {
    let consent = agreed.record(wanted.consent, wanted.consent_by)?;
    let id = given(wanted.group_id).ok_or_else(|| Problem::invalid("name the group_id"))?;
    let group = own_group(&state, &id)?;
    if wanted.image_keys.is_empty() || wanted.image_keys.len() > MOST_ADDED {
        return Err(Problem::invalid(format!(
            "name 1 to {MOST_ADDED} image_keys of uploads (POST /v1/asset)"
        )));
    }
    let now = Instant::now();
    let pictures: Result<Vec<_>, _> = wanted
        .image_keys
        .iter()
        .map(|key| state.uploads.get(key, now))
        .collect();
    let pictures = pictures?;
    let name = given(wanted.name).unwrap_or_else(|| group.name().to_owned());
    let adding = async move { add_all(&state, &id, &name, pictures, &consent).await };
    let made = to_the_end(adding).await??;
    let made: Vec<_> = made.iter().map(|look| described(&address, look)).collect();
    Ok(v2(json!({ "photo_avatar_list": made })))
}

/// Adds looks to a group: all or none.
///
/// # Errors
/// Why the first of them that cannot be made cannot be made.
async fn add_all(
    state: &Arc<State>,
    group: &str,
    name: &str,
    pictures: Vec<Bytes>,
    consent: &Consent,
) -> Result<Vec<Arc<Avatar>>, Problem> {
    let mut made: Vec<Arc<Avatar>> = Vec::new();
    for bytes in pictures {
        let (name, group) = (name.to_owned(), group.to_owned());
        let look = looks::create(state, bytes, Some(name), Some(group), consent.clone());
        match look.await {
            Ok(look) => made.push(look),
            Err(problem) => {
                for look in made {
                    // The client must hear what it can change; this it cannot.
                    if let Err(left) = delete(state, look.id.clone()).await {
                        let why = left.detail;
                        tracing::error!(id = %look.id, why, "an unwanted look is left");
                    }
                }
                return Err(problem);
            }
        }
    }
    Ok(made)
}

/// A group that a user made.
///
/// # Errors
/// When there is no such group, or it comes with the product.
pub(super) fn own_group(state: &State, id: &str) -> Result<looks::Group, Problem> {
    let group = looks::group(state, id)?;
    if group.is_own() {
        return Ok(group);
    }
    Err(Problem::invalid(format!(
        "'{id}' comes with the product; make a group of your own"
    )))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    group_id: Option<String>,
}

/// `POST /v2/photo_avatar/train`: there is nothing to train.
pub(super) async fn train(
    Call { state, .. }: Call<Operator>,
    Body(which): Body<Which>,
) -> Result<Response, Problem> {
    let id = given(which.group_id).ok_or_else(|| Problem::invalid("name the group_id"))?;
    let group = looks::group(&state, &id)?;
    Ok(v2(json!({ "flow_id": group.id })))
}

/// `GET /v2/photo_avatar/train/status/{id}`: ready from the start.
pub(super) async fn trained(
    Call { state, .. }: Call<Known>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let group = looks::group(&state, &id)?;
    let at = group.created_at();
    Ok(v2(json!({
        "status": "ready",
        "error_msg": null,
        "created_at": at,
        "updated_at": at,
    })))
}

/// `GET /v2/photo_avatar/{id}`.
pub(super) async fn look(
    Call { state, address, .. }: Call<Known>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let look = looks::look(&state, &id)?;
    Ok(v2(described(&address, &look)))
}

/// `DELETE /v2/photo_avatar/{id}`.
pub(super) async fn remove_look(
    Call { state, .. }: Call<Operator>,
    Id(id): Id,
) -> Result<Response, Problem> {
    delete(&state, id).await?;
    Ok(v2(Value::Null))
}

/// `DELETE /v2/photo_avatar_group/{id}`.
pub(super) async fn remove(
    Call { state, .. }: Call<Operator>,
    Id(id): Id,
) -> Result<Response, Problem> {
    remove_group(&state, &id).await?;
    Ok(v2(Value::Null))
}

/// Deletes all looks of a group.
///
/// # Errors
/// When there is no such group, or it comes with the product.
pub(super) async fn remove_group(state: &Arc<State>, id: &str) -> Result<(), Problem> {
    for look in own_group(state, id)?.looks {
        delete(state, look.id.clone()).await?;
    }
    Ok(())
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    include_public: Option<bool>,
}

/// `GET /v2/avatar_group.list`: those of users; all with `include_public`.
pub(super) async fn list(
    Call { state, address, .. }: Call<Known>,
    Query(query): Query<Wanted>,
) -> Response {
    let all = query.include_public == Some(true);
    let groups: Vec<_> = looks::groups(&state)
        .iter()
        .filter(|group| all || group.is_own())
        .map(|group| {
            let first = group.looks.first();
            json!({
                "id": group.id,
                "name": group.name(),
                "created_at": group.created_at(),
                "num_looks": group.looks.len(),
                "preview_image": first.map(|look| picture(&address, look)),
                "group_type": if group.is_own() { "PHOTO" } else { "PUBLIC_PHOTO" },
                "train_status": "ready",
                "default_voice_id": first.and_then(|look| look.voices.first()),
            })
        })
        .collect();
    v2(json!({ "total_count": groups.len(), "avatar_group_list": groups }))
}

/// `GET /v2/avatar_group/{id}/avatars`.
pub(super) async fn avatars(
    Call { state, address, .. }: Call<Known>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let group = looks::group(&state, &id)?;
    let list: Vec<_> = group
        .looks
        .iter()
        .map(|look| described(&address, look))
        .collect();
    Ok(v2(json!({ "avatar_list": list })))
}
