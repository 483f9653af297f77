//! Pictures that were sent and are not used yet: in memory, few, and not for
//! long.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;
use studio::decode::{MOST_BYTES, media_type};

use crate::auth::Operator;
use crate::extract::{MediaType, read};
use crate::photo_avatars::Call;
use crate::problem::Problem;
use crate::state::State;
use crate::studio::Form;

/// Bytes of all of them: eight pictures of phones at their best, or hundreds of
/// common size.
const MOST_IN_ALL: usize = 64 << 20;

/// Most of them, so that tiny ones take no more than that either.
const MOST: usize = 256;

/// How long one is kept: clients use it with their next request.
const LIFE: Duration = Duration::from_hours(1);

struct Upload {
    id: String,
    bytes: Bytes,
    until: Instant,
}

/// All of them, the oldest first.
#[derive(Default)]
struct Shelf {
    uploads: VecDeque<Upload>,
    /// Bytes of all of them.
    bytes: usize,
    /// Whether somebody forgets them in time.
    swept: bool,
}

impl Shelf {
    fn drop_first(&mut self) {
        if let Some(upload) = self.uploads.pop_front() {
            self.bytes -= upload.bytes.len();
        }
    }

    fn expire(&mut self, now: Instant) {
        while self.uploads.front().is_some_and(|first| first.until <= now) {
            self.drop_first();
        }
    }
}

/// What was sent and is not used yet.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<Shelf>);

impl Uploads {
    /// Keeps a picture of at most [`MOST_BYTES`]; the oldest make room.
    fn add(&self, bytes: Bytes, now: Instant) -> String {
        let id = uuid::Uuid::now_v7().simple().to_string();
        let mut shelf = self.living(now);
        shelf.bytes += bytes.len();
        shelf.uploads.push_back(Upload {
            id: id.clone(),
            bytes,
            until: now + LIFE,
        });
        while shelf.bytes > MOST_IN_ALL || shelf.uploads.len() > MOST {
            shelf.drop_first();
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
        let shelf = self.living(now);
        let found = shelf.uploads.iter().find(|upload| upload.id == id);
        found
            .map(|upload| upload.bytes.clone())
            .ok_or_else(|| Problem::not_found("upload", key))
    }

    fn living(&self, now: Instant) -> MutexGuard<'_, Shelf> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.expire(now);
        shelf
    }

    /// Whether the caller is the one to [`Uploads::sweep`] from now on.
    fn wants_sweeper(&self, now: Instant) -> bool {
        !std::mem::replace(&mut self.living(now).swept, true)
    }

    /// Forgets those whose time is over; says when to come again. With the last
    /// one the sweeper's work ends.
    fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut shelf = self.living(now);
        let next = shelf.uploads.front().map(|first| first.until);
        shelf.swept = next.is_some();
        next
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
    let kind = media_type(&bytes).unwrap_or("application/octet-stream");
    let now = Instant::now();
    let id = state.uploads.add(bytes, now);
    if state.uploads.wants_sweeper(now) {
        let state = state.clone();
        tokio::spawn(async move {
            while let Some(next) = state.uploads.sweep(Instant::now()) {
                tokio::time::sleep_until(next.into()).await;
            }
        });
    }
    Ok(Stored { id, size, kind })
}

struct Stored {
    id: String,
    size: usize,
    /// What it is by its content.
    kind: &'static str,
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
        let shelf = uploads.living(now);
        assert!(shelf.uploads.is_empty(), "it takes no memory");
        assert_eq!(shelf.bytes, 0);
    }

    #[test]
    fn the_oldest_make_room() {
        let uploads = Uploads::default();
        let now = Instant::now();
        let large = || Bytes::from(vec![0; MOST_BYTES]);
        let ids: Vec<_> = (0..5).map(|_| uploads.add(large(), now)).collect();
        let there = ids.iter().map(|id| uploads.get(id, now).is_ok());
        assert_eq!(there.collect::<Vec<_>>(), [false, false, true, true, true]);
        assert_eq!(uploads.living(now).bytes, 3 * MOST_BYTES);
    }

    #[test]
    fn tiny_ones_are_few_too() {
        let uploads = Uploads::default();
        let now = Instant::now();
        let ids: Vec<_> = (0..MOST + 3)
            .map(|_| uploads.add(Bytes::from_static(b"1"), now))
            .collect();
        let there = ids.iter().map(|id| uploads.get(id, now).is_ok());
        let gone = there.take_while(|there| !there).count();
        assert_eq!((gone, uploads.living(now).bytes), (3, MOST));
    }

    #[test]
    fn one_sweeper_comes_whenever_one_expires_and_ends_with_the_last() {
        let uploads = Uploads::default();
        let start = Instant::now();
        let later = start + LIFE / 2;
        uploads.add(Bytes::from_static(b"1"), start);
        assert!(uploads.wants_sweeper(start));
        assert_eq!(uploads.sweep(start), Some(start + LIFE));
        uploads.add(Bytes::from_static(b"2"), later);
        assert!(!uploads.wants_sweeper(later));
        assert_eq!(uploads.sweep(start + LIFE), Some(later + LIFE));
        assert_eq!(uploads.living(start + LIFE).uploads.len(), 1);
        assert_eq!(uploads.sweep(later + LIFE), None);
        assert!(
            uploads.wants_sweeper(later + LIFE),
            "the next one begins anew"
        );
    }
}
