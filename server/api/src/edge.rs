//! What happens around every request: its name, the access log, CORS, and the
//! last net under a panic.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::problem::{self, Code, Problem};
use crate::vendor::shape::Shape;

/// Names a request in the answer, the problem and the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers that scripts of other origins may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Location, ETag, Link, Retry-After, X-Request-Id, Accept-Patch, Accept-Post, Content-Range, Accept-Ranges, Content-Disposition, Date",
);

/// Headers that scripts of other origins may send. `*` would leave out
/// `Authorization`.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Last-Event-ID, Range, X-Api-Key, X-Consent, X-Consent-By, X-Request-Id",
);

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE, OPTIONS");

/// Seconds for which a browser need not ask again; the longest that Chromium
/// honours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Wraps every request.
pub(crate) async fn wrap(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    // The query may hold a token, so only the path is ever logged.
    let path = request.uri().path().to_owned();
    let preflight = method == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);

    let shape = Shape::of(&path);
    let origin = request.headers().get(ORIGIN).cloned();

    let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = response.unwrap_or_else(|_| {
        tracing::error!(request_id = id, "a handler panicked");
        Problem::new(
            Code::Internal,
            "this is a fault of the server; its log says more",
        )
        .into_response()
    });
    let mut response = problem::finish(response, &id, shape);
    if preflight && !response.status().is_success() {
        // Routes with an answer of their own to OPTIONS keep it.
        response = StatusCode::NO_CONTENT.into_response();
    }
    let headers = response.headers_mut();
    cors(headers, preflight);
    if shape != Shape::Problem
        && let Some(origin) = origin
    {
        with_credentials(headers, origin);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Addresses may hold a token.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }

    let status = response.status().as_u16();
    let ms = start.elapsed().as_millis() as u64;
    if matches!(path.as_str(), "/healthz" | "/readyz" | "/metrics") {
        tracing::debug!(request_id = id, %method, path, status, ms, "answered");
    } else {
        tracing::info!(request_id = id, %method, path, status, ms, "answered");
    }
    response
}

/// Any page may use the server: what counts is the key or token it sends, and
/// there are no cookies that a browser would add by itself.
fn cors(headers: &mut HeaderMap, preflight: bool) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}

/// Vendors' SDKs ask with credentials, which browsers allow only for a named
/// origin. There are no cookies, so that gives nothing away.
fn with_credentials(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

/// The name that the caller gave, if it is harmless, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (1..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        })
        .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}
