//! WebRTC playback by WHEP (draft-ietf-wish-whep, on the rules of RFC 9725):
//! any WHEP player can watch a session.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_MATCH, LINK, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use transport::Control;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Session as Asked;
use crate::extract::{blocking, expect_type, read};
use crate::problem::{Code, Problem};
use crate::state::State;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// Longest body, bytes: offers of browsers have 2 to 8 thousand.
const LONGEST: usize = 64 * 1024;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(whep_offer, whep_options))
        .routes(routes!(whep_patch, whep_delete))
}

#[derive(Deserialize)]
struct ViewerPath {
    viewer: String,
}

/// Watch a session by WHEP.
///
/// The offer must be able to receive H.264 (packetization-mode 1) and Opus. One
/// without a section for video gets the sound alone.
/// Players that can only be given an address may use `?token=`.
#[utoipa::path(post, path = "/v1/sessions/{id}/whep", tag = "viewers",
    params(("id" = String, Path, description = "The session."),
        ("token" = Option<String>, Query, description = "A session token, where headers cannot be set.")),
    request_body(content = String, content_type = "application/sdp", description = "The player's offer."),
    responses((status = 201, description = "The answer.", content_type = "application/sdp", body = String,
        headers(
            ("Location" = String, description = "The viewer, for PATCH and DELETE."),
            ("ETag" = String, description = "The ICE session."),
            ("Accept-Patch" = String, description = "application/trickle-ice-sdpfrag"),
            ("Link" = String, description = "ICE servers (rel=\"ice-server\"), where configured."),
        ))))]
async fn whep_offer(
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    expect_type(&headers, SDP)?;
    if !accepts(&headers, SDP) {
        return Err(Problem::invalid(
            "the answer is application/sdp, which the Accept header leaves out",
        ));
    }
    let offer = utf8(&read(body, LONGEST).await?)?;
    let handle = asked.handle.clone();
    let (answer, control) = blocking(move || handle.view(&offer)).await??;

    let mut location = state.url(&format!(
        "/v1/sessions/{}/whep/{}",
        asked.handle.id(),
        control.id()
    ));
    if let Some(token) = &asked.query_token.0 {
        // A player that was given its token in the address has no other.
        location = format!("{location}?token={token}");
    }
    let mut response = (StatusCode::CREATED, [(CONTENT_TYPE, SDP)], answer).into_response();
    let headers = response.headers_mut();
    let location = HeaderValue::from_str(&location)
        .map_err(|_| Problem::invalid("the viewer's address cannot stand in a header"))?;
    headers.insert(LOCATION, location);
    headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    add_etag(headers, &control);
    for link in &state.ice_links {
        headers.append(LINK, link.clone());
    }
    Ok(response)
}

/// Ask what the WHEP endpoint takes.
#[utoipa::path(options, path = "/v1/sessions/{id}/whep", tag = "viewers",
    params(("id" = String, Path, description = "The session.")),
    security(()),
    responses((status = 204, description = "See its headers.",
        headers(("Accept-Post" = String, description = "application/sdp")))))]
async fn whep_options(Shared(state): Shared<Arc<State>>) -> Response {
    let mut response = (
        StatusCode::NO_CONTENT,
        [(ACCEPT_POST, HeaderValue::from_static(SDP))],
    )
        .into_response();
    for link in &state.ice_links {
        response.headers_mut().append(LINK, link.clone());
    }
    response
}

/// Trickle candidates, or restart ICE.
///
/// With the `ETag` of the ICE session in `If-Match`, further candidates of the
/// player are taken. With `If-Match: *` and new credentials, ICE is restarted.
#[utoipa::path(patch, path = "/v1/sessions/{id}/whep/{viewer}", tag = "viewers",
    params(("id" = String, Path, description = "The session."),
        ("viewer" = String, Path, description = "The viewer."),
        ("If-Match" = Option<String>, Header, description = "The ETag, or `*` to restart ICE. Needed.")),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"),
    responses(
        (status = 200, description = "ICE restarts: the server's new credentials and candidates.",
            content_type = "application/trickle-ice-sdpfrag", body = String,
            headers(("ETag" = String, description = "The new ICE session."))),
        (status = 204, description = "The candidates are noted.")))]
async fn whep_patch(
    asked: Asked,
    Path(path): Path<ViewerPath>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let control = viewer(&asked, &path.viewer)?;
    expect_type(&headers, FRAGMENT)?;
    let wanted = Wanted::of(&headers)?;
    let fragment = utf8(&read(body, LONGEST).await?)?;
    match wanted {
        Wanted::Restart => {
            let answer = control.restart_ice(&fragment)?;
            let mut response = ([(CONTENT_TYPE, FRAGMENT)], answer).into_response();
            add_etag(response.headers_mut(), &control);
            Ok(response)
        }
        Wanted::Trickle(tags) => {
            let present = control.etag().ok_or_else(|| gone(&path.viewer))?;
            if !tags.contains(&present) {
                return Err(Problem::new(
                    Code::PreconditionFailed,
                    "the ETag in If-Match is not that of the present ICE session",
                ));
            }
            control.trickle(&fragment)?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
    }
}

/// Stop watching.
#[utoipa::path(delete, path = "/v1/sessions/{id}/whep/{viewer}", tag = "viewers",
    params(("id" = String, Path, description = "The session."),
        ("viewer" = String, Path, description = "The viewer.")),
    responses((status = 200, description = "The viewer is gone.")))]
async fn whep_delete(asked: Asked, Path(path): Path<ViewerPath>) -> Result<StatusCode, Problem> {
    viewer(&asked, &path.viewer)?.close();
    Ok(StatusCode::OK)
}

/// What a PATCH is about, by its `If-Match` (RFC 9725 §4.3).
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Restart,
    Trickle(Vec<String>),
}

impl Wanted {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(IF_MATCH) {
            let value = value
                .to_str()
                .map_err(|_| Problem::invalid("If-Match is not readable text"))?;
            tags.extend(value.split(',').map(|tag| tag.trim().to_owned()));
        }
        match tags.as_slice() {
            [] => Err(Problem::new(
                Code::PreconditionRequired,
                "send the ETag of the answer as If-Match, or * to restart ICE",
            )),
            [star] if star == "*" => Ok(Self::Restart),
            _ => Ok(Self::Trickle(tags)),
        }
    }
}

fn viewer(asked: &Asked, id: &str) -> Result<Control, Problem> {
    asked.handle.viewer(id).ok_or_else(|| gone(id))
}

fn gone(id: &str) -> Problem {
    Problem::not_found("viewer", id)
}

fn add_etag(headers: &mut HeaderMap, control: &Control) {
    let etag = control.etag().and_then(|etag| etag.parse().ok());
    if let Some(etag) = etag {
        headers.insert(ETAG, etag);
    }
}

fn utf8(bytes: &[u8]) -> Result<String, Problem> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| Problem::new(Code::BadSdp, "the body is not UTF-8"))
}

/// Whether the player takes an answer of this type.
fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_none_or(|accept| {
            accept.split(',').any(|range| {
                let essence = range.split(';').next().unwrap_or_default().trim();
                ["*/*", "application/*", wanted].contains(&essence)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(values: &[&str]) -> Result<Wanted, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, value.parse().unwrap());
        }
        Wanted::of(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn if_match_tells_trickle_from_restart() {
        assert_eq!(wanted(&[]), Err(Code::PreconditionRequired));
        assert_eq!(wanted(&["*"]), Ok(Wanted::Restart));
        let tags = |tags: &[&str]| Ok(Wanted::Trickle(tags.iter().map(|&t| t.into()).collect()));
        assert_eq!(wanted(&["\"a\""]), tags(&["\"a\""]));
        assert_eq!(wanted(&["\"a\" , \"b\""]), tags(&["\"a\"", "\"b\""]));
        assert_eq!(wanted(&["\"a\"", "\"b\""]), tags(&["\"a\"", "\"b\""]));
    }

    #[test]
    fn players_that_take_anything_are_served() {
        let with = |value: &str| HeaderMap::from_iter([(ACCEPT, value.parse().unwrap())]);
        assert!(accepts(&HeaderMap::new(), SDP));
        for value in ["application/sdp", "*/*", "text/html, application/*;q=0.8"] {
            assert!(accepts(&with(value), SDP), "{value}");
        }
        assert!(!accepts(&with("text/html"), SDP));
    }
}
