//! The start page and what belongs to it, from a directory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::extract::blocking;
use crate::problem::{Code, Problem};
use crate::state::State;

/// What the page may do: run its own scripts, talk to this server, play what
/// comes by WebRTC (`mediastream:`) or from a recording. The element's styles
/// stand in its shadow root, hence `unsafe-inline` for styles only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
);

/// Shown instead of a page that was not built.
const MISSING: &str = "Visavis runs, but its start page was not built.

Build it with:

    cd client-js && npm ci && npm run build

and load this page again. If it lies elsewhere, start the server with
--page and the directory that holds index.html.

The API works without it; it is described at /openapi.json.
";

/// Longest file that is served, bytes. Ours have some hundred thousand.
const LONGEST: u64 = 16 << 20;

/// Answers everything that is no other route.
pub(crate) async fn fallback(
    Shared(state): Shared<Arc<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = uri.path();
    let nothing = || Problem::not_found("address", path);
    if path.starts_with("/v1/") || path == "/v1" {
        return Err(nothing());
    }
    let relative = match path {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    let Some(file) = locate(&state.assets, relative) else {
        return Err(nothing());
    };
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(match path {
            "/" => Problem::new(Code::MethodNotAllowed, "this is a page to be read"),
            _ => nothing(),
        });
    }
    let content = blocking(move || read(&file)).await?;
    match content {
        Ok(content) => Ok(serve(relative, content, &headers)),
        Err(_) if path == "/" => Ok((
            StatusCode::NOT_FOUND,
            [(CONTENT_TYPE, "text/plain; charset=utf-8")],
            MISSING,
        )
            .into_response()),
        Err(_) => Err(nothing()),
    }
}

/// Where a path leads, if each of its steps is a plain name.
fn locate(directory: &Path, relative: &str) -> Option<PathBuf> {
    let plain = |step: &str| {
        !step.is_empty()
            && !step.starts_with('.')
            && step
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    relative
        .split('/')
        .all(plain)
        .then(|| directory.join(relative))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(file)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    std::fs::read(file)
}

fn serve(path: &str, content: Vec<u8>, request: &HeaderMap) -> Response {
    let hash = Sha256::digest(&content);
    // 128 bits are more than enough to tell versions of a page apart.
    let etag = hash[..16]
        .iter()
        .fold(0, |all, byte| all << 8 | u128::from(*byte));
    let etag = format!("\"{etag:032x}\"");
    let unchanged = request
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|list| {
            list.split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == etag)
        });
    // Names in this directory hold a hash of their content.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, content_type(path))], content).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    if Path::new(path).extension().is_some_and(|e| e == "html") {
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(|e| e.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_names_are_located() {
        let within = |path: &str| locate(Path::new("dist"), path);
        assert_eq!(
            within("assets/index-4f.js"),
            Some(PathBuf::from("dist/assets/index-4f.js"))
        );
        for path in [
            "",
            "..",
            "../x",
            "a/../../x",
            "a//b",
            "/etc/passwd",
            ".env",
            "a/.git/config",
            "a%2fb",
            "a\\b",
            "a\0",
            "c:x",
            "~",
            "é",
        ] {
            assert_eq!(within(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_leads_out(path in "[a-z./\\\\%~\0]{0,20}") {
            if let Some(file) = locate(Path::new("/dist"), &path) {
                let plain = file.components().all(|c| !matches!(c, std::path::Component::ParentDir));
                prop_assert!(plain && file.starts_with("/dist"));
            }
        }
    }
}
