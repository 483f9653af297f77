//! Recordings: listed, downloaded, deleted. They stay when their session ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use record::{Entry, Kind, Store};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Operator, Recording as Asked};
use crate::extract::{Query, blocking};
use crate::problem::Problem;
use crate::range;
use crate::state::State;
use crate::time::rfc3339;

/// A recording: MP4 with H.264 and Opus.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoredRecording)]
pub(crate) struct Recording {
    /// Identifier, that of its session.
    id: String,
    /// `recording`, `ready`, or `ended_early` when it could not be recorded to
    /// the end of its session.
    state: String,
    /// Why it ended early, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Size so far.
    bytes: u64,
    /// Length so far, ms.
    duration_ms: i64,
    /// When it began, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    urls: RecordingUrls,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingUrls {
    /// The file.
    video: String,
    #[serde(rename = "self")]
    this: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingList {
    /// The newest first.
    recordings: Vec<Recording>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct VideoQuery {
    /// `1` to be saved under a name instead of being played.
    #[param(minimum = 0, maximum = 1)]
    download: Option<u8>,
    /// A session token, where headers cannot be set.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(list_recordings))
        .routes(routes!(get_recording, delete_recording))
        .routes(routes!(get_video))
}

/// List the recordings.
#[utoipa::path(get, path = "/v1/recordings", tag = "recordings",
    responses((status = 200, description = "All recordings, the newest first.", body = RecordingList)))]
async fn list_recordings(
    _: Operator,
    Shared(state): Shared<Arc<State>>,
) -> Result<Answer<RecordingList>, Problem> {
    let Some(store) = state.engine.recordings().cloned() else {
        return Ok(Answer(RecordingList {
            recordings: Vec::new(),
        }));
    };
    let entries = blocking(move || store.list()).await??;
    let mut recordings: Vec<_> = entries.iter().map(|e| describe(e, &state)).collect();
    recordings.sort_by(|a, b| (&b.created_at, &b.id).cmp(&(&a.created_at, &a.id)));
    Ok(Answer(RecordingList { recordings }))
}

/// Look at a recording.
#[utoipa::path(get, path = "/v1/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording, that is its session.")),
    responses((status = 200, description = "The recording.", body = Recording)))]
async fn get_recording(
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
) -> Result<Answer<Recording>, Problem> {
    let entry = with_store(&state, asked.0, record::Store::entry).await?;
    Ok(Answer(describe(&entry, &state)))
}

/// Delete a recording.
#[utoipa::path(delete, path = "/v1/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording, that is its session.")),
    responses((status = 204, description = "It is gone.")))]
async fn delete_recording(
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
) -> Result<StatusCode, Problem> {
    with_store(&state, asked.0, record::Store::delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Download or play a recording.
///
/// With byte ranges. While its session runs, this is the file as far as it
/// has been written, which can be played.
#[utoipa::path(get, path = "/v1/recordings/{id}/video.mp4", tag = "recordings",
    params(("id" = String, Path, description = "The recording, that is its session."), VideoQuery,
        ("Range" = Option<String>, Header, description = "One range of bytes; several are answered with all of it.")),
    responses(
        (status = 200, description = "The file.", content_type = "video/mp4", body = Vec<u8>,
            headers(("ETag" = String, description = "Changes with the file."))),
        (status = 206, description = "The wanted part of it.", content_type = "video/mp4", body = Vec<u8>,
            headers(("Content-Range" = String, description = "Which part."))),
        (status = 304, description = "It is as the If-None-Match header says.")))]
async fn get_video(
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<VideoQuery>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let id = asked.0.clone();
    let file = with_store(&state, asked.0, open).await?;
    let mut response = range::serve(file, "video/mp4", &headers).await?;
    let kind = match query.download {
        Some(1..) => "attachment",
        _ => "inline",
    };
    // The store has found the id harmless.
    let disposition = format!("{kind}; filename=\"visavis-{id}.mp4\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        response
            .headers_mut()
            .insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// Opens a recording, whether it is finished or not.
fn open(store: &Store, id: &str) -> Result<std::fs::File, record::Error> {
    let finished = || store.get(id).map(|(file, _)| file);
    match finished() {
        Err(record::Error::Unfinished(_)) => {}
        result => return result,
    }
    let mut part = store.path(id)?.into_os_string();
    part.push(".part");
    // It may have been finished between the two looks.
    std::fs::File::open(part).or_else(|_| finished())
}

async fn with_store<T: Send + 'static>(
    state: &State,
    id: String,
    work: impl FnOnce(&Store, &str) -> Result<T, record::Error> + Send + 'static,
) -> Result<T, Problem> {
    let store = state
        .engine
        .recordings()
        .cloned()
        .ok_or_else(|| Problem::not_found("recording", &id))?;
    Ok(blocking(move || work(&store, &id)).await??)
}

fn describe(entry: &Entry, state: &State) -> Recording {
    let live = state.engine.get(&entry.id).map(|h| h.info().recording);
    let kind = match entry.kind {
        Kind::Recording => "recording",
        Kind::Finished => "ready",
        Kind::Unfinished => "ended_early",
    };
    let length = entry.seconds.unwrap_or_default();
    let url = |rest: &str| state.url(&format!("/v1/recordings/{}{rest}", entry.id));
    Recording {
        state: live
            .as_ref()
            .map_or(kind, |recording| recording.state)
            .to_owned(),
        reason: live.and_then(|recording| recording.reason),
        bytes: entry.bytes,
        duration_ms: (length * 1e3) as i64,
        created_at: rfc3339(began(&entry.id, entry.modified, length)),
        urls: RecordingUrls {
            video: url("/video.mp4"),
            this: url(""),
        },
        id: entry.id.clone(),
    }
}

/// When a recording began: identifiers of sessions hold their time (UUID
/// version 7); of other names, the file tells when it ended.
fn began(id: &str, modified: Option<SystemTime>, seconds: f64) -> SystemTime {
    let named = uuid::Uuid::parse_str(id)
        .ok()
        .and_then(|id| id.get_timestamp());
    if let Some(time) = named {
        let (seconds, nanos) = time.to_unix();
        return SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
    }
    let length = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    modified
        .and_then(|end| end.checked_sub(length))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_recording_is_in_its_name_or_its_file() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let id = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            1_772_323_200,
            0,
        ));
        assert_eq!(began(&id.to_string(), Some(at(9)), 1.0), at(1_772_323_200));
        assert_eq!(began("demo", Some(at(100)), 10.0), at(90));
        assert_eq!(began("demo", None, f64::NAN), at(0));
    }

    #[test]
    fn running_recordings_are_opened_where_they_grow() {
        use std::io::Read;
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        assert!(matches!(open(&store, "a"), Err(record::Error::NotFound(_))));
        assert!(matches!(open(&store, "../a"), Err(record::Error::Id(_))));
        let mut text = String::new();
        std::fs::write(directory.path().join("a.mp4.part"), "growing").unwrap();
        open(&store, "a")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        std::fs::write(directory.path().join("a.mp4"), " done").unwrap();
        open(&store, "a")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "growing done");
    }
}
