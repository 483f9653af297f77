//! How refusals are written: as problems on our own routes, as their clients
//! expect them on those of vendors.

use serde_json::{Value, json};

use crate::photo_avatars;
use crate::problem::Problem;
use crate::shims;

/// How a refusal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `application/problem+json` (RFC 9457).
    Problem,
    /// `{code, data, message}`, with the HTTP status as the code: `LiveAvatar`
    /// and its predecessor.
    Envelope,
    /// `{error, message, detail}`: the services of agent plugins, each of
    /// which shows one of them to its user.
    Plain,
    /// `{error: {code, message}, data}`: `HeyGen`'s v2 and v3.
    Nested,
}

/// Addresses of the `LiveAvatar` API that are not ours as well.
const LIVEAVATAR: &[&str] = &[
    "/v1/sessions/token",
    "/v1/sessions/start",
    "/v1/sessions/stop",
    "/v1/sessions/keep-alive",
    "/v1/avatars/public",
    "/v1/contexts",
    "/v1/languages",
    "/v1/users/credits",
];

impl Shape {
    /// That of an address.
    pub(crate) fn of(path: &str) -> Self {
        let of_session = path.strip_prefix("/v1/sessions/").is_some_and(|rest| {
            rest.split_once('/')
                .is_some_and(|(_, what)| matches!(what, "transcript" | "realtime"))
        });
        if LIVEAVATAR.contains(&path)
            || of_session
            || path.starts_with("/v1/contexts/")
            || path.starts_with("/v1/streaming")
            || path.starts_with("/v1/ws/")
            || photo_avatars::is_v1(path)
        {
            Self::Envelope
        } else if photo_avatars::is_newer(path) {
            Self::Nested
        } else if shims::knows(path) {
            Self::Plain
        } else {
            Self::Problem
        }
    }

    /// The body of a refusal; `None` for a problem.
    pub(crate) fn body(self, problem: &Problem, request_id: &str) -> Option<Value> {
        let code = problem.code;
        match self {
            Self::Problem => None,
            Self::Envelope => Some(json!({
                "code": code.status().as_u16(),
                "data": null,
                "message": problem.detail,
                "error": code.as_str(),
                "request_id": request_id,
            })),
            Self::Plain => Some(json!({
                "error": code.as_str(),
                "message": problem.detail,
                "detail": problem.detail,
                "request_id": request_id,
            })),
            Self::Nested => Some(json!({
                "error": { "code": code.as_str(), "message": problem.detail },
                "data": null,
                "request_id": request_id,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_shape_of_their_clients() {
        for (path, shape) in [
            ("/v1/sessions", Shape::Problem),
            ("/v1/sessions/start", Shape::Envelope),
            ("/v1/sessions/abc", Shape::Problem),
            ("/v1/sessions/abc/ws", Shape::Problem),
            ("/v1/sessions/abc/transcript", Shape::Envelope),
            ("/v1/sessions/abc/realtime", Shape::Envelope),
            ("/v1/sessions/plugins/livekit", Shape::Plain),
            ("/v2/agents/leo/sessions/join", Shape::Plain),
            ("/v1/streaming.new", Shape::Envelope),
            ("/v1/ws/streaming.chat", Shape::Envelope),
            ("/v1/contexts/7", Shape::Envelope),
            ("/v1/talking_photo.list", Shape::Envelope),
            ("/v2/avatar_group.list", Shape::Nested),
            ("/v2/photo_avatar/train", Shape::Nested),
            ("/v3/avatars/looks", Shape::Nested),
            ("/v1/avatars", Shape::Problem),
            ("/healthz", Shape::Problem),
        ] {
            assert_eq!(Shape::of(path), shape, "{path}");
        }
    }
}
