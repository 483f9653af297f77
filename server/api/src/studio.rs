//! Avatars of users: checked, made of a picture, deleted.

mod form;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Json as Answer;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State as Shared};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use studio::{Consent, Created, Crop, DRAFT_LIFE, Level, Report, Studio};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Known, Operator};
use crate::catalogue::{self, Avatar};
use crate::extract::{blocking, to_the_end};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::time::rfc3339;
pub(crate) use form::Form;

/// A picture, and what is to be done with it.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form, which is read field by field"
)]
struct PictureForm {
    /// JPEG, PNG or WebP; at most 20 MB and 40 megapixels.
    #[schema(value_type = String, format = Binary)]
    picture: Vec<u8>,
    /// A square of the upright picture: `x,y,size` in pixels. Default: chosen by the face.
    #[schema(example = "120,40,640")]
    crop: Option<String>,
}

/// A picture, and who agreed.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form, which is read field by field"
)]
struct AvatarForm {
    /// JPEG, PNG or WebP; at most 20 MB and 40 megapixels.
    #[schema(value_type = String, format = Binary)]
    picture: Vec<u8>,
    /// A square of the upright picture: `x,y,size` in pixels. Default: chosen by the face.
    #[schema(example = "120,40,640")]
    crop: Option<String>,
    /// Name shown to people.
    #[schema(example = "Ada")]
    name: String,
    /// What the person shown agreed to, word for word. It is kept with the avatar.
    #[schema(example = "I am the person in this picture and agree that it is animated.")]
    consent: String,
    /// Who says so. Default: the name.
    consent_by: Option<String>,
    /// The voice that it speaks with unless a session names another, see `/v1/voices`.
    voice: Option<String>,
    /// Whether it is only to be looked at: then it is not listed, nothing of it is on disk, and
    /// it is gone after 15 minutes unless it is kept. Default false.
    #[schema(default = false)]
    draft: Option<bool>,
}

/// Something found about a picture.
#[derive(Debug, Serialize, ToSchema)]
struct PictureFinding {
    /// `error`: no avatar can be made; `warning`: it will look worse than it could.
    #[schema(value_type = String, example = "warning")]
    level: Level,
    /// Stable machine-readable name.
    #[schema(example = "mouth_open")]
    code: &'static str,
    /// What to do.
    advice: &'static str,
}

/// Where the face is, pixels of the upright picture, and how it is held, degrees.
#[derive(Debug, Serialize, ToSchema)]
struct PictureFace {
    /// Left edge of the face, without hair and ears.
    x: f32,
    /// Upper edge.
    y: f32,
    /// Width.
    width: f32,
    /// Height.
    height: f32,
    /// Turned to the person's own left.
    yaw: f32,
    /// Raised.
    pitch: f32,
    /// Tilted towards the person's own left shoulder.
    roll: f32,
}

/// A square of the upright picture, pixels.
#[derive(Debug, Serialize, ToSchema)]
struct PictureCrop {
    /// Left edge.
    x: u32,
    /// Upper edge.
    y: u32,
    /// Side.
    size: u32,
}

/// What a picture is good for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PictureReport {
    /// Whether an avatar can be made of it.
    usable: bool,
    /// Pixels across, once the picture is upright; 0 if it cannot be read.
    width: usize,
    /// Pixels down.
    height: usize,
    /// The face, if there is exactly one.
    face: Option<PictureFace>,
    /// The part that the avatar is made of.
    crop: Option<PictureCrop>,
    /// What was found, errors first.
    findings: Vec<PictureFinding>,
}

impl From<Report> for PictureReport {
    fn from(report: Report) -> Self {
        Self {
            usable: report.usable,
            width: report.width,
            height: report.height,
            face: report.face.map(|face| PictureFace {
                x: face.x,
                y: face.y,
                width: face.width,
                height: face.height,
                yaw: face.yaw,
                pitch: face.pitch,
                roll: face.roll,
            }),
            crop: report.crop.map(|crop| PictureCrop {
                x: crop.x,
                y: crop.y,
                size: crop.size,
            }),
            findings: report
                .findings
                .into_iter()
                .map(|finding| PictureFinding {
                    level: finding.level,
                    code: finding.code,
                    advice: finding.advice,
                })
                .collect(),
        }
    }
}

/// A new avatar and what was found about its picture.
#[derive(Debug, Serialize, ToSchema)]
struct NewAvatar {
    avatar: Avatar,
    report: PictureReport,
    /// When a draft is gone, RFC 3339; null for an avatar that stays. When there are 8 drafts,
    /// the oldest goes before its time.
    expires_at: Option<String>,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(check_picture))
        .routes(routes!(create_avatar))
        .routes(routes!(get_avatar, delete_avatar))
        .routes(routes!(keep_avatar))
}

fn studio(state: &State) -> Result<Arc<Studio>, Problem> {
    state
        .studio
        .clone()
        .ok_or_else(|| Problem::new(Code::NotFound, "this server makes no avatars"))
}

impl From<studio::Error> for Problem {
    fn from(error: studio::Error) -> Self {
        use face::Error as Face;
        let code = match &error {
            studio::Error::Unusable(_) => Code::PictureUnusable,
            studio::Error::NoDraft(_) => Code::NotFound,
            studio::Error::Consent(_) => Code::ConsentNeeded,
            studio::Error::Crop
            | studio::Error::Avatar(Face::Package(face::package::Error::Meta { .. })) => {
                Code::InvalidRequest
            }
            studio::Error::Avatar(Face::Exists(_) | Face::ReadOnly(_)) => Code::Conflict,
            _ => {
                // It may name files of the server.
                tracing::error!(%error, "an avatar could not be made");
                return Self::new(Code::Internal, "the avatar could not be made");
            }
        };
        Self::new(code, error.to_string())
    }
}

/// Say what a picture is good for.
///
/// Nothing is kept.
#[utoipa::path(post, path = "/v1/avatars/check", tag = "catalogue",
    request_body(content = PictureForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "The report.", body = PictureReport)))]
async fn check_picture(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Answer<PictureReport>, Problem> {
    let studio = studio(&state)?;
    let form = Form::read(request, &state).await?;
    let (picture, crop) = (form.picture()?, form.crop()?);
    let report = blocking(move || studio.check(&picture, crop)).await??;
    Ok(Answer(report.into()))
}

/// What an avatar is to be made of.
pub(crate) struct Wanted {
    pub(crate) picture: Bytes,
    pub(crate) crop: Option<Crop>,
    pub(crate) name: String,
    pub(crate) voice: Option<String>,
    pub(crate) consent: Consent,
    /// The avatar whose further look this is.
    pub(crate) group: Option<String>,
    pub(crate) draft: bool,
}

/// Makes an avatar.
///
/// # Errors
/// [`Code::UnknownVoice`], [`Code::ConsentNeeded`], [`Code::PictureUnusable`]
/// and what else the studio says.
pub(crate) async fn make(state: &Arc<State>, wanted: Wanted) -> Result<Created, Problem> {
    let studio = studio(state)?;
    if let Some(voice) = &wanted.voice {
        let mut known = state.engine.rooms().voices.list();
        if !known.any(|known| known.id == *voice) {
            let voice = crate::problem::shown(voice);
            return Err(Problem::new(
                Code::UnknownVoice,
                format!("there is no voice '{voice}'"),
            ));
        }
    }
    // A draft that nobody waits for any longer expires like the others.
    to_the_end(async move {
        let draft = wanted.draft;
        let maker = studio.clone();
        let created = blocking(move || {
            let request = studio::Request {
                picture: &wanted.picture,
                crop: wanted.crop,
                name: &wanted.name,
                voice: wanted.voice.as_deref(),
                group: wanted.group.as_deref(),
                consent: wanted.consent,
            };
            if draft {
                maker.draft(&request, Instant::now())
            } else {
                maker.create(&request)
            }
        })
        .await??;
        if draft {
            tokio::spawn(async move {
                tokio::time::sleep(DRAFT_LIFE).await;
                studio.expire(Instant::now());
            });
        }
        Ok(created)
    })
    .await?
}

/// Make an avatar of a picture.
///
/// Sessions can use it at once. It needs the consent of the person shown.
#[utoipa::path(post, path = "/v1/avatars", tag = "catalogue",
    request_body(content = AvatarForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "It is made.", body = NewAvatar)))]
async fn create_avatar(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<(StatusCode, Answer<NewAvatar>), Problem> {
    let form = Form::read(request, &state).await?;
    let (picture, crop, draft) = (form.picture()?, form.crop()?, form.draft()?);
    let name = form
        .name
        .ok_or_else(|| Problem::invalid("the form has no field 'name'"))?;
    let now = SystemTime::now();
    let consent = Consent {
        by: form.consent_by.unwrap_or_else(|| name.clone()),
        statement: form.consent.unwrap_or_default(),
        at: rfc3339(now),
    };
    let wanted = Wanted {
        picture,
        crop,
        name,
        voice: form.voice,
        consent,
        group: None,
        draft,
    };
    let created = make(&state, wanted).await?;
    let answer = NewAvatar {
        avatar: catalogue::describe(&state, &created.avatar),
        report: created.report.into(),
        expires_at: draft.then(|| rfc3339(now + DRAFT_LIFE)),
    };
    Ok((StatusCode::CREATED, Answer(answer)))
}

/// Keep a draft.
///
/// It gets the id that its name gives and is listed. Sessions that show the draft go on.
#[utoipa::path(post, path = "/v1/avatars/{id}/keep", tag = "catalogue",
    params(("id" = String, Path, description = "The draft.")),
    responses((status = 201, description = "It is kept, under a new id.", body = Avatar)))]
async fn keep_avatar(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    path: Result<Path<AvatarPath>, PathRejection>,
) -> Result<(StatusCode, Answer<Avatar>), Problem> {
    let id = id_of(path)?;
    let studio = studio(&state)?;
    let avatar = blocking(move || studio.keep(&id, Instant::now())).await??;
    let answer = catalogue::describe(&state, &avatar);
    Ok((StatusCode::CREATED, Answer(answer)))
}

#[derive(Deserialize)]
struct AvatarPath {
    id: String,
}

fn id_of(path: Result<Path<AvatarPath>, PathRejection>) -> Result<String, Problem> {
    let Path(AvatarPath { id }) = path.map_err(|error| Problem::invalid(error.body_text()))?;
    Ok(id)
}

/// Get one avatar.
#[utoipa::path(get, path = "/v1/avatars/{id}", tag = "catalogue",
    params(("id" = String, Path, description = "The avatar.")),
    responses((status = 200, description = "The avatar.", body = Avatar)))]
async fn get_avatar(
    _: Known,
    Shared(state): Shared<Arc<State>>,
    path: Result<Path<AvatarPath>, PathRejection>,
) -> Result<Answer<Avatar>, Problem> {
    let id = id_of(path)?;
    let avatar = state.engine.rooms().avatars.get(&id);
    let avatar = avatar.map_err(|_| Problem::not_found("avatar", &id))?;
    Ok(Answer(catalogue::describe(&state, &avatar)))
}

/// Delete an avatar that a user made, or discard a draft.
///
/// Its picture and the record of consent are deleted, too. Sessions that show
/// it go on.
#[utoipa::path(delete, path = "/v1/avatars/{id}", tag = "catalogue",
    params(("id" = String, Path, description = "The avatar.")),
    responses((status = 204, description = "It is gone.")))]
async fn delete_avatar(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
    path: Result<Path<AvatarPath>, PathRejection>,
) -> Result<StatusCode, Problem> {
    delete(&state, id_of(path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes an avatar that a user made, or discards a draft.
///
/// # Errors
/// [`Code::NotFound`]; [`Code::Conflict`] for one that comes with the product.
pub(crate) async fn delete(state: &Arc<State>, id: String) -> Result<(), Problem> {
    if state
        .studio
        .as_ref()
        .is_some_and(|studio| studio.discard(&id))
    {
        return Ok(());
    }
    let avatars = state.engine.rooms().avatars.clone();
    let name = id.clone();
    blocking(move || avatars.remove(&name))
        .await?
        .map_err(|error| match error {
            face::Error::Unknown { .. } => Problem::not_found("avatar", &id),
            face::Error::ReadOnly(why) => Problem::new(Code::Conflict, why),
            error => studio::Error::from(error).into(),
        })?;
    // Another avatar may get this id.
    state
        .previews
        .lock()
        .await
        .retain(|(known, _), _| *known != id);
    Ok(())
}
