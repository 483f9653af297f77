//! Reading requests so that every rejection is a problem.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};
use crate::state::State;

/// Longest JSON body where a route names no other, bytes. Ours have some
/// hundred.
pub(crate) const LONGEST_JSON: usize = 64 * 1024;

/// A media type and its parameters, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// Without parameters, such as `audio/pcm`.
    pub(crate) essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// That of the body; `None` when there is none.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next()?.to_ascii_lowercase();
        let parameters = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| {
                (
                    name.trim().to_ascii_lowercase(),
                    value.trim().trim_matches('"').to_ascii_lowercase(),
                )
            })
            .collect();
        Some(Self {
            essence,
            parameters,
        })
    }

    /// The value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether text in it is UTF-8.
    pub(crate) fn is_utf8(&self) -> bool {
        matches!(
            self.parameter("charset"),
            None | Some("utf-8" | "utf8" | "us-ascii")
        )
    }
}

/// Refuses a body of another type.
pub(crate) fn expect_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    match MediaType::of(headers) {
        Some(found) if found.essence == wanted && found.is_utf8() => Ok(()),
        found => Err(Problem::media_type(
            found.as_ref().map(|f| f.essence.as_str()),
            wanted,
        )),
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        // The only other cause is a connection that broke, and then nobody
        // reads this.
        Problem::new(
            Code::PayloadTooLarge,
            format!("the body could not be read up to {limit} bytes: {error}"),
        )
    })
}

/// Reads a JSON object.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Else an array would be read as the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid("this is not a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // The message may repeat what was sent.
        let detail = error.to_string();
        Problem::invalid(detail.chars().take(400).collect::<String>())
    })
}

/// A JSON body of at most `LONGEST` bytes. One that may be left out is read as
/// `{}`.
pub(crate) struct Json<T, const LONGEST: usize = LONGEST_JSON>(pub(crate) T);

impl<T: DeserializeOwned, const LONGEST: usize> FromRequest<Arc<State>> for Json<T, LONGEST> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<State>) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let empty = parts.headers.get(CONTENT_TYPE).is_none()
            && parts
                .headers
                .get(CONTENT_LENGTH)
                .is_none_or(|length| length == "0");
        if !empty {
            expect_type(&parts.headers, "application/json")?;
        }
        let bytes = read(body, LONGEST).await?;
        if empty && !bytes.is_empty() {
            return Err(Problem::media_type(None, "application/json"));
        }
        parse(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<State>> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|query| Self(query.0))
            .map_err(|error| Problem::invalid(error.body_text()))
    }
}

/// Runs something that takes CPU time or waits for a disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| failed(&error))
}

/// Does something to its end, even if the client goes away meanwhile: a handler
/// is dropped then wherever it waits.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(|error| failed(&error))
}

fn failed(error: &tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "work of a request failed");
    Problem::new(
        Code::Internal,
        "this is a fault of the server; its log says more",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_is_done_to_its_end_when_its_client_goes_away() {
        let (go_on, told) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel::<()>();
        let handler = to_the_end(async move {
            told.await.unwrap();
            end.send(()).unwrap();
        });
        // Begun, and dropped before its end.
        let dropped = tokio::time::timeout(Duration::ZERO, handler).await;
        assert!(dropped.is_err());
        go_on.send(()).unwrap();
        ended.await.unwrap();
    }

    #[test]
    fn media_types_are_read_with_their_parameters() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
            MediaType::of(&headers).unwrap()
        };
        let pcm = of("Audio/PCM; Rate=24000 ;channels=\"1\"");
        assert_eq!(pcm.essence, "audio/pcm");
        assert_eq!(pcm.parameter("rate"), Some("24000"));
        assert_eq!(pcm.parameter("channels"), Some("1"));
        assert_eq!(pcm.parameter("x"), None);
        assert!(of("text/plain; charset=UTF-8").is_utf8());
        assert!(!of("text/plain; charset=latin1").is_utf8());
    }
}
