//! Pictures that were sent and are not used yet: in memory, few, and not for
//! long.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;
use studio::decode::MOST_BYTES;

use crate::auth::Operator;
use crate::extract::{MediaType, read};
use crate::photo_avatars::Call;
use crate::problem::Problem;
use crate::state::State;
use crate::studio::Form;

/// Bytes of all of them: eight pictures of phones at their best, or hundreds of
/// common size.
const MOST_IN_ALL: usize = 64 << 20;

/// How long one is kept: clients use it with their next request.
const LIFE: Duration = Duration::from_hours(1);

struct Upload {
    id: String,
    bytes: Bytes,
    until: Instant,
}

/// All of them, the oldest first.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<VecDeque<Upload>>);

impl Uploads {
    /// Keeps a picture of at most [`MOST_BYTES`]; the oldest make room.
    fn add(&self, bytes: Bytes, now: Instant) -> String {
        let id = uuid::Uuid::now_v7().simple().to_string();
        let mut uploads = self.living(now);
        uploads.push_back(Upload {
            id: id.clone(),
            bytes,
            until: now + LIFE,
        });
        while uploads
            .iter()
            .map(|upload| upload.bytes.len())
            .sum::<usize>()
            > MOST_IN_ALL
        {
            uploads.pop_front();
        }
        id
    }

    /// A picture, by its id or its `image_key`.
    ///
    /// # Errors
    /// [`crate::problem::Code::NotFound`].
    pub(super) fn get(&self, key: &str, now: Instant) -> Result<Bytes, Problem> {
        let id = key
            .strip_prefix("image/")
            .and_then(|rest| rest.strip_suffix("/original"))
            .unwrap_or(key);
        let uploads = self.living(now);
        let found = uploads.iter().find(|upload| upload.id == id);
        found
            .map(|upload| upload.bytes.clone())
            .ok_or_else(|| Problem::not_found("upload", key))
    }

    fn living(&self, now: Instant) -> MutexGuard<'_, VecDeque<Upload>> {
        let mut uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.retain(|upload| now < upload.until);
        uploads
    }
}

/// Reads a picture that is the whole body, or a field of a form.
///
/// # Errors
/// What is wrong with the body.
pub(super) async fn picture(request: Request, state: &Arc<State>) -> Result<Bytes, Problem> {
    let kind = MediaType::of(request.headers());
    if kind.is_some_and(|kind| kind.essence == "multipart/form-data") {
        return Form::read(request, state).await?.picture();
    }
    read(request.into_body(), MOST_BYTES).await
}

/// Keeps what a request brings, and forgets it in time.
async fn store(request: Request, state: &Arc<State>) -> Result<Stored, Problem> {
    let kind = MediaType::of(request.headers()).map(|kind| kind.essence);
    let refused = |kind: &str| kind.starts_with("video/") || kind.starts_with("audio/");
    if kind.as_deref().is_some_and(refused) {
        return Err(Problem::media_type(kind.as_deref(), "a picture (image/…)"));
    }
    let bytes = picture(request, state).await?;
    if bytes.is_empty() {
        return Err(Problem::invalid("the body is empty; send a picture"));
    }
    let size = bytes.len();
    let id = state.uploads.add(bytes, Instant::now());
    let forgetful = state.clone();
    tokio::spawn(async move {
        tokio::time::sleep(LIFE).await;
        drop(forgetful.uploads.living(Instant::now()));
    });
    let kind = kind.filter(|kind| kind.starts_with("image/"));
    Ok(Stored {
        id,
        size,
        kind: kind.unwrap_or_else(|| "image".to_owned()),
    })
}

struct Stored {
    id: String,
    size: usize,
    kind: String,
}

/// `POST /v1/asset`.
pub(super) async fn v1(
    Call { state, .. }: Call<Operator>,
    request: Request,
) -> Result<Response, Problem> {
    let stored = store(request, &state).await?;
    Ok(super::v1(json!({
        "id": stored.id,
        "name": stored.id,
        "file_type": "image",
        "image_key": format!("image/{}/original", stored.id),
        "url": null,
    })))
}

/// `POST /v3/assets`.
pub(super) async fn v3(
    Call { state, .. }: Call<Operator>,
    request: Request,
) -> Result<Response, Problem> {
    let stored = store(request, &state).await?;
    Ok(super::v3(json!({
        "asset_id": stored.id,
        "mime_type": stored.kind,
        "size_bytes": stored.size,
        "url": null,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[test]
    fn uploads_are_found_by_id_and_key_until_they_expire() {
        let uploads = Uploads::default();
        let now = Instant::now();
        let id = uploads.add(Bytes::from_static(b"picture"), now);
        for key in [id.clone(), format!("image/{id}/original")] {
            assert_eq!(&uploads.get(&key, now).unwrap()[..], b"picture");
        }
        let unknown = uploads.get("image//original", now).unwrap_err();
        assert_eq!(unknown.code, Code::NotFound);
        assert!(uploads.get(&id, now + LIFE).is_err());
        assert!(uploads.living(now).is_empty(), "it takes no memory");
    }

    #[test]
    fn the_oldest_make_room() {
        let uploads = Uploads::default();
        let now = Instant::now();
        let large = || Bytes::from(vec![0; MOST_BYTES]);
        let ids: Vec<_> = (0..5).map(|_| uploads.add(large(), now)).collect();
        let there = ids.iter().map(|id| uploads.get(id, now).is_ok());
        assert_eq!(there.collect::<Vec<_>>(), [false, false, true, true, true]);
    }
}
