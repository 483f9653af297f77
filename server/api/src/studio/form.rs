//! The forms that bring pictures, field by field and each in its bounds.

use std::sync::Arc;

use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use studio::Crop;
use studio::decode::MOST_BYTES;

use crate::problem::{Code, Problem};
use crate::state::State;

/// Longest text field, bytes.
const LONGEST_TEXT: usize = 8 * 1024;

/// Fields a form may have: each of ours once, and some of a page's own.
const MOST_FIELDS: usize = 16;

/// What came in a form.
#[derive(Default)]
pub(crate) struct Form {
    picture: Option<Bytes>,
    crop: Option<String>,
    pub name: Option<String>,
    pub consent: Option<String>,
    pub consent_by: Option<String>,
    pub voice: Option<String>,
    draft: Option<String>,
}

impl Form {
    pub(crate) async fn read(request: Request, state: &Arc<State>) -> Result<Self, Problem> {
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
                "draft" => &mut form.draft,
                other => {
                    return Err(Problem::invalid(format!(
                        "there is no field '{}'; there are picture, crop, name, consent, consent_by, voice, draft",
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

    pub(crate) fn picture(&self) -> Result<Bytes, Problem> {
        self.picture
            .clone()
            .ok_or_else(|| Problem::invalid("the form has no field 'picture' with a file"))
    }

    pub(crate) fn crop(&self) -> Result<Option<Crop>, Problem> {
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

    /// Whether the avatar is only to be looked at.
    pub(crate) fn draft(&self) -> Result<bool, Problem> {
        match self.draft.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::invalid("'draft' is true or false")),
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
