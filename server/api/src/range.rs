//! Files with byte ranges (RFC 9110 §14), also while they grow.

use std::fs::File;
use std::io::SeekFrom;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::problem::{Code, Problem};

/// How much of a file is read at once, bytes.
const PIECE: usize = 64 * 1024;

/// What part of a file is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    All,
    /// First and last byte.
    Bytes(u64, u64),
    Outside,
}

impl Part {
    /// Reads a `Range` header for a file of `length` bytes. What is not
    /// understood, and several ranges at once, are answered with all of it, as
    /// §14.2 allows.
    fn of(range: &str, length: u64) -> Self {
        let number = |text: &str| -> Option<u64> {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            // Too large a number lies outside of any file.
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let Some((unit, set)) = range.split_once('=') else {
            return Self::All;
        };
        let Some((first, last)) = set.trim().split_once('-') else {
            return Self::All;
        };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Self::All;
        }
        match (first, number(first), last, number(last)) {
            ("", _, _, Some(count)) if count > 0 && length > 0 => {
                Self::Bytes(length.saturating_sub(count), length - 1)
            }
            ("", _, _, Some(_)) => Self::Outside,
            (_, Some(first), "", _) if first < length => Self::Bytes(first, length - 1),
            (_, Some(first), _, Some(last)) if first <= last && first < length => {
                Self::Bytes(first, last.min(length - 1))
            }
            (_, Some(_), "", _) => Self::Outside,
            (_, Some(first), _, Some(last)) if first <= last => Self::Outside,
            _ => Self::All,
        }
    }
}

/// Answers with an open file, or a part of it.
pub(crate) async fn serve(
    file: File,
    content_type: &'static str,
    request: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let failed = |error: std::io::Error| {
        tracing::error!(%error, "a file could not be read");
        Problem::new(Code::Internal, "the file could not be read")
    };
    let mut file = tokio::fs::File::from_std(file);
    let metadata = file.metadata().await.map_err(failed)?;
    // A file that grows has another tag at each look, so that a player does
    // not join parts of different files.
    let length = metadata.len();
    let modified = metadata
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos());
    let etag = format!("\"{length:x}-{modified:x}\"");

    let text = |name| request.get(name).and_then(|v| v.to_str().ok());
    let known = |list: &str| {
        list.split(',')
            .any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag)
    };
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    if text(IF_NONE_MATCH).is_some_and(known) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    // A date in If-Range never fits: there is no Last-Modified.
    let fresh = text(IF_RANGE).is_none_or(|tag| tag == etag);
    let part = match text(RANGE) {
        Some(range) if fresh => Part::of(range, length),
        _ => Part::All,
    };
    let (first, count) = match part {
        Part::All => (0, length),
        Part::Bytes(first, last) => {
            let range = format!("bytes {first}-{last}/{length}");
            if let Ok(range) = HeaderValue::from_str(&range) {
                headers.insert(CONTENT_RANGE, range);
            }
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            (first, last - first + 1)
        }
        Part::Outside => {
            let problem = Problem::new(
                Code::RangeNotSatisfiable,
                format!("the file has {length} bytes"),
            );
            return Err(match HeaderValue::from_str(&format!("bytes */{length}")) {
                Ok(range) => problem.with(CONTENT_RANGE, range),
                Err(_) => problem,
            });
        }
    };
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(count));
    file.seek(SeekFrom::Start(first)).await.map_err(failed)?;
    let stream = ReaderStream::with_capacity(file.take(count), PIECE);
    *response.body_mut() = Body::from_stream(stream);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        use Part::{All, Bytes, Outside};
        for (range, part) in [
            ("bytes=0-0", Bytes(0, 0)),
            ("bytes=0-499", Bytes(0, 499)),
            ("bytes=500-999", Bytes(500, 999)),
            ("bytes=900-5000", Bytes(900, 999)),
            ("bytes=10-", Bytes(10, 999)),
            ("bytes=-1", Bytes(999, 999)),
            ("bytes=-5000", Bytes(0, 999)),
            ("Bytes = 1-2", Bytes(1, 2)),
            ("bytes=0-99999999999999999999999", Bytes(0, 999)),
            ("bytes=1000-", Outside),
            ("bytes=1000-2000", Outside),
            ("bytes=99999999999999999999999-", Outside),
            ("bytes=-0", Outside),
            // Several, malformed, other units: all of it.
            ("bytes=0-1,5-6", All),
            ("bytes=5-1", All),
            ("bytes=-", All),
            ("bytes=a-b", All),
            ("bytes=+1-2", All),
            ("bytes=1 - 2", All),
            ("bytes", All),
            ("seconds=0-1", All),
            ("", All),
        ] {
            assert_eq!(Part::of(range, 1_000), part, "{range}");
        }
        assert_eq!(Part::of("bytes=0-", 0), Outside);
        assert_eq!(Part::of("bytes=-5", 0), Outside);
    }

    proptest! {
        #[test]
        fn no_range_leads_out_of_the_file(range in ".{0,40}", first in 0u64..50, last in 0u64..50, length in 0u64..40) {
            for range in [range, format!("bytes={first}-{last}"), format!("bytes=-{last}")] {
                if let Part::Bytes(first, last) = Part::of(&range, length) {
                    prop_assert!(first <= last && last < length);
                }
            }
        }
    }
}
