//! The voices and avatars there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use face::avatars::Origin;
use media::speech::{TimingQuality, VoiceInfo};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Known;
use crate::extract::{Query, blocking};
use crate::liveavatar::{Page, beside, envelope, lists, page};
use crate::problem::{Code, Problem};
use crate::state::State;

/// Sides that previews have, pixels: whole steps of [`PREVIEW_STEP`]. A small
/// set, so that anybody may ask and each is drawn once.
const PREVIEW_SIZES: std::ops::RangeInclusive<usize> = 128..=1_024;

/// See [`PREVIEW_SIZES`].
const PREVIEW_STEP: usize = 64;

/// Previews that were drawn, by avatar and size: at most 15 for each avatar.
/// Its lock is held while one is drawn, so that strangers cannot take more
/// than one core with it.
pub(crate) type Previews = Mutex<BTreeMap<(String, usize), Bytes>>;

/// A voice.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Voice {
    /// Identifier.
    #[schema(example = "joe")]
    id: String,
    /// For people.
    name: String,
    /// BCP 47.
    #[schema(example = "en-US")]
    language: String,
    /// Licence of the weights or service.
    licence: String,
    /// Where the weights come from.
    origin: String,
    /// Rate of the model's own sound, Hz.
    sample_rate: u32,
    /// CPU seconds for a second of speech; 0 for a remote service.
    cost: f32,
    /// `exact`: words and mouth follow the model's own durations; `estimated`:
    /// the mouth follows the sound.
    timing: Timing,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Timing {
    Exact,
    Estimated,
}

impl From<&VoiceInfo> for Voice {
    fn from(info: &VoiceInfo) -> Self {
        Self {
            id: info.id.clone(),
            name: info.name.clone(),
            language: info.language.clone(),
            licence: info.licence.clone(),
            origin: info.origin.clone(),
            sample_rate: info.sample_rate,
            cost: info.cost,
            timing: match info.timing {
                TimingQuality::Exact => Timing::Exact,
                TimingQuality::Estimated => Timing::Estimated,
            },
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VoiceList {
    voices: Vec<Voice>,
    /// Voice of sessions that name none.
    default: String,
}

/// A face.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Avatar {
    /// Identifier.
    #[schema(example = "nora")]
    id: String,
    /// For people.
    name: String,
    /// One sentence about it.
    description: String,
    /// Licence of the artwork.
    licence: String,
    /// How it is drawn.
    #[schema(example = "vector")]
    kind: String,
    /// Whether a user made it, so that it can be deleted (or a draft discarded).
    deletable: bool,
    /// The voice that suits it best; null when none of its voices is there.
    default_voice: Option<String>,
    /// A square picture, PNG. Takes `?size=`.
    preview_url: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AvatarList {
    avatars: Vec<Avatar>,
    /// Avatar of sessions that name none.
    default: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewQuery {
    /// Side, pixels. Default 256.
    #[param(minimum = 128, maximum = 1024, multiple_of = 64)]
    size: Option<usize>,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(list_voices))
        .routes(routes!(list_avatars))
        .routes(routes!(preview))
}

/// List the voices.
///
/// The answer also has `code`, `message` and `data`, for clients of
/// `LiveAvatar`, which read the list there, in pages.
#[utoipa::path(get, path = "/v1/voices", tag = "catalogue", params(Page),
    responses((status = 200, description = "All voices.", body = VoiceList)))]
async fn list_voices(
    _: Known,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<Page>,
) -> Response {
    let voices = state.engine.rooms().voices.list();
    let ours = VoiceList {
        voices: voices.map(Voice::from).collect(),
        default: state.engine.settings().default_voice.clone(),
    };
    let vendors = page("/v1/voices?", &query, lists::voices(&state));
    beside(&ours, envelope(vendors, "Voices"))
}

/// List the avatars.
///
/// The answer also has `code`, `message` and `data`, for clients of
/// `LiveAvatar`, which read the list there, in pages.
#[utoipa::path(get, path = "/v1/avatars", tag = "catalogue", params(Page),
    responses((status = 200, description = "All avatars.", body = AvatarList)))]
async fn list_avatars(
    _: Known,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<Page>,
) -> Response {
    let avatars = state.engine.rooms().avatars.list();
    let ours = AvatarList {
        avatars: avatars
            .iter()
            .map(|avatar| describe(&state, avatar))
            .collect(),
        default: state.engine.settings().default_avatar.clone(),
    };
    let vendors = page("/v1/avatars?", &query, lists::avatars(&state));
    beside(&ours, envelope(vendors, "Avatars"))
}

/// What is said of an avatar.
pub(crate) fn describe(state: &State, avatar: &face::Avatar) -> Avatar {
    let voices = &state.engine.rooms().voices;
    Avatar {
        id: avatar.id.clone(),
        name: avatar.name.clone(),
        description: avatar.description.clone(),
        licence: avatar.licence.clone(),
        kind: avatar.kind.name().to_owned(),
        deletable: matches!(avatar.origin, Origin::User | Origin::Draft),
        default_voice: avatar
            .voices
            .iter()
            .find(|id| voices.list().any(|voice| voice.id == **id))
            .cloned(),
        preview_url: state.url(&format!("/v1/avatars/{}/preview.png", avatar.id)),
    }
}

#[derive(Deserialize)]
struct AvatarPath {
    id: String,
}

/// A picture of an avatar.
///
/// Needs no credentials, so that it can stand in an `<img>`.
#[utoipa::path(get, path = "/v1/avatars/{id}/preview.png", tag = "catalogue",
    params(("id" = String, Path, description = "The avatar."), PreviewQuery),
    security(()),
    responses((status = 200, description = "The picture.", content_type = "image/png", body = Vec<u8>)))]
async fn preview(
    Shared(state): Shared<Arc<State>>,
    path: Result<Path<AvatarPath>, axum::extract::rejection::PathRejection>,
    Query(query): Query<PreviewQuery>,
) -> Result<Response, Problem> {
    let Path(AvatarPath { id }) = path.map_err(|error| Problem::invalid(error.body_text()))?;
    let size = query.size.unwrap_or(256);
    if !PREVIEW_SIZES.contains(&size) || !size.is_multiple_of(PREVIEW_STEP) {
        return Err(Problem::invalid(format!(
            "previews have {} to {} pixels, in steps of {PREVIEW_STEP}",
            PREVIEW_SIZES.start(),
            PREVIEW_SIZES.end()
        )));
    }
    let avatars = state.engine.rooms().avatars.clone();
    let Ok(avatar) = avatars.get(&id) else {
        return Err(Problem::not_found("avatar", &id));
    };
    let origin = avatar.origin;
    let mut previews = state.previews.lock().await;
    let png = if let Some(png) = previews.get(&(id.clone(), size)) {
        png.clone()
    } else {
        let png = blocking(move || avatars.preview(&avatar.id, size)).await?;
        let png = Bytes::from(png.map_err(|error| {
            tracing::error!(%error, "a preview could not be drawn");
            Problem::new(Code::Internal, "the preview could not be drawn")
        })?);
        // A draft is gone soon, and nobody asks for it twice.
        if origin != Origin::Draft {
            previews.insert((id, size), png.clone());
        }
        png
    };
    drop(previews);
    let cache = match origin {
        // When it is deleted, another may get its id.
        Origin::User | Origin::Draft => "private, no-cache",
        _ => "public, max-age=3600",
    };
    let headers = [(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, cache)];
    Ok((headers, png).into_response())
}
