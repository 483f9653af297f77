//! Avatars of users: checked, made of a picture, deleted.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json as Answer;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, Request, State as Shared};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use studio::decode::MOST_BYTES;
use studio::{Consent, Crop, Level, Report, Studio};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Known, Operator};
use crate::catalogue::{self, Avatar};
use crate::extract::blocking;
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::time::rfc3339;

/// Longest text field, bytes.
const LONGEST_TEXT: usize = 8 * 1024;

/// Fields a form may have: each of ours once, and some of a page's own.
const MOST_FIELDS: usize = 16;

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
    /// The voice that suits the avatar best, see `/v1/voices`.
    voice: Option<String>,
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
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(check_picture))
        .routes(routes!(create_avatar))
        .routes(routes!(get_avatar, delete_avatar))
}

/// What came in a form.
#[derive(Default)]
struct Form {
    picture: Option<Bytes>,
    crop: Option<String>,
    name: Option<String>,
    consent: Option<String>,
    consent_by: Option<String>,
    voice: Option<String>,
}

impl Form {
    async fn read(request: Request, state: &Arc<State>) -> Result<Self, Problem> {
        let mut parts = Multipart::from_request(request, state)
            .await
            .map_err(|error| {
                Problem::media_type(None, &format!("multipart/form-data ({error})"))
            })?;
        let mut form = Self::default();
        let broken =
            |error: axum::extract::multipart::MultipartError| Problem::invalid(error.body_text());
        let mut count = 0;
        while let Some(field) = parts.next_field().await.map_err(broken)? {
            count += 1;
            if count > MOST_FIELDS {
                return Err(Problem::invalid(format!(
                    "a form has at most {MOST_FIELDS} fields"
                )));
            }
            let name = field.name().unwrap_or_default().to_owned();
            let slot = match name.as_str() {
                "picture" | "file" | "image" => {
                    form.picture = Some(bytes(field, MOST_BYTES).await?);
                    continue;
                }
                "crop" => &mut form.crop,
                "name" => &mut form.name,
                "consent" => &mut form.consent,
                "consent_by" => &mut form.consent_by,
                "voice" => &mut form.voice,
                other => {
                    return Err(Problem::invalid(format!(
                        "there is no field '{}'; there are picture, crop, name, consent, consent_by, voice",
                        crate::problem::shown(other)
                    )));
                }
            };
            let text = bytes(field, LONGEST_TEXT).await?;
            let text = std::str::from_utf8(&text)
                .map_err(|_| Problem::invalid(format!("the field '{name}' is not UTF-8")))?;
            *slot = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        }
        Ok(form)
    }

    fn picture(&self) -> Result<Bytes, Problem> {
        self.picture
            .clone()
            .ok_or_else(|| Problem::invalid("the form has no field 'picture' with a file"))
    }

    fn crop(&self) -> Result<Option<Crop>, Problem> {
        let Some(text) = &self.crop else {
            return Ok(None);
        };
        let numbers: Result<Vec<u32>, _> =
            text.split(',').map(|part| part.trim().parse()).collect();
        match numbers.as_deref() {
            Ok(&[x, y, size]) => Ok(Some(Crop { x, y, size })),
            _ => Err(Problem::invalid("'crop' is three whole numbers: x,y,size")),
        }
    }
}

/// Reads a field of at most `limit` bytes.
async fn bytes(mut field: Field<'_>, limit: usize) -> Result<Bytes, Problem> {
    let mut out = BytesMut::new();
    let broken =
        |error: axum::extract::multipart::MultipartError| Problem::invalid(error.body_text());
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if out.len() + chunk.len() > limit {
            return Err(Problem::new(
                Code::PayloadTooLarge,
                format!("a field has more than {limit} bytes"),
            ));
        }
        out.extend_from_slice(&chunk);
    }
    Ok(out.freeze())
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
    let studio = studio(&state)?;
    let form = Form::read(request, &state).await?;
    let (picture, crop) = (form.picture()?, form.crop()?);
    let name = form
        .name
        .ok_or_else(|| Problem::invalid("the form has no field 'name'"))?;
    if let Some(voice) = &form.voice {
        let known = state
            .engine
            .rooms()
            .voices
            .list()
            .any(|known| known.id == *voice);
        if !known {
            let voice = crate::problem::shown(voice);
            return Err(Problem::new(
                Code::UnknownVoice,
                format!("there is no voice '{voice}'"),
            ));
        }
    }
    let consent = Consent {
        by: form.consent_by.unwrap_or_else(|| name.clone()),
        statement: form.consent.unwrap_or_default(),
        at: rfc3339(SystemTime::now()),
    };
    let voice = form.voice;
    let created = blocking(move || {
        studio.create(&studio::Request {
            picture: &picture,
            crop,
            name: &name,
            voice: voice.as_deref(),
            consent,
        })
    })
    .await??;
    let answer = NewAvatar {
        avatar: catalogue::describe(&state, &created.avatar),
        report: created.report.into(),
    };
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

/// Delete an avatar that a user made.
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
    let id = id_of(path)?;
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
    Ok(StatusCode::NO_CONTENT)
}
