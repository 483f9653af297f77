//! Every refusal of the API as problem+json (RFC 9457), and the one place
//! where errors of other rooms become one.

use axum::Json;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::background;
use engine::{RequestError, SpeakError, ViewError};
use serde::Serialize;
use transport::{FragmentError, OfferError};
use utoipa::ToSchema;
pub(crate) use wire::shown;

use crate::vendor::shape::Shape;

/// Seconds to wait when a place may become free at any moment.
const RETRY_SOON_S: u64 = 5;

/// Seconds to wait when this process ends: its successor is up by then.
const RETRY_RESTART_S: u64 = 15;

macro_rules! codes {
    ($($variant:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// What went wrong, machine-readable. Codes are stable; new ones may
        /// be added.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant),+
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As it is on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status it comes with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// A short sentence that is the same for all its occurrences.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    InvalidRequest = "invalid_request", BAD_REQUEST, "The request is malformed.";
    EmptyText = "empty_text", BAD_REQUEST, "There is no text to speak.";
    BadAudio = "bad_audio", BAD_REQUEST, "The sound cannot be used.";
    ConsentNeeded = "consent_needed", BAD_REQUEST, "The person shown must agree.";
    PictureUnusable = "picture_unusable", UNPROCESSABLE_ENTITY, "No avatar can be made of this picture.";
    BadSdp = "bad_sdp", BAD_REQUEST, "The session description cannot be used.";
    UnknownVoice = "unknown_voice", BAD_REQUEST, "There is no such voice.";
    UnknownAvatar = "unknown_avatar", BAD_REQUEST, "There is no such avatar.";
    Unauthorized = "unauthorized", UNAUTHORIZED, "Valid credentials are needed.";
    Forbidden = "forbidden", FORBIDDEN, "These credentials do not allow this.";
    NotFound = "not_found", NOT_FOUND, "There is no such thing.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This address does not take this method.";
    NoH264 = "no_h264", NOT_ACCEPTABLE, "The player cannot decode H.264.";
    NoOpus = "no_opus", NOT_ACCEPTABLE, "The player cannot decode Opus.";
    Timeout = "timeout", REQUEST_TIMEOUT, "The body stopped coming.";
    Conflict = "conflict", CONFLICT, "This does not fit the present state.";
    SessionClosed = "session_closed", GONE, "The session is over.";
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "The thing has changed since.";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large.";
    TextTooLong = "text_too_long", PAYLOAD_TOO_LARGE, "The text is too long for one turn.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body has a type that cannot be used here.";
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "The range lies outside.";
    UpgradeRequired = "upgrade_required", UPGRADE_REQUIRED, "This address speaks WebSocket only.";
    PreconditionRequired = "precondition_required", PRECONDITION_REQUIRED, "If-Match is needed.";
    TooManyTurns = "too_many_turns", TOO_MANY_REQUESTS, "Too many turns are waiting.";
    TooFarAhead = "too_far_ahead", TOO_MANY_REQUESTS, "Too much sound waits to be played.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something failed inside the server.";
    RoomRefused = "room_refused", BAD_GATEWAY, "The LiveKit room cannot be joined.";
    TooManySessions = "too_many_sessions", SERVICE_UNAVAILABLE, "The server is full.";
    TooManyViewers = "too_many_viewers", SERVICE_UNAVAILABLE, "No further viewer can join.";
    ShuttingDown = "shutting_down", SERVICE_UNAVAILABLE, "The server is going down.";
    VoiceUnavailable = "voice_unavailable", SERVICE_UNAVAILABLE, "The voice cannot be loaded.";
    NoMediaPort = "no_media_port", SERVICE_UNAVAILABLE, "The server has no media port.";
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What.
    pub code: Code,
    /// Why, and what to do, for a person.
    pub detail: String,
    /// Further headers of the answer.
    headers: Vec<(axum::http::HeaderName, HeaderValue)>,
}

/// The body of every refusal, `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// `urn:visavis:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:visavis:problem:text_too_long")]
    kind: String,
    /// A short sentence that is the same for all occurrences of a code.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened here, and what to do.
    detail: String,
    /// Stable machine-readable code.
    #[schema(example = "text_too_long")]
    code: &'static str,
    /// Names this request in the server's log.
    request_id: String,
}

impl Problem {
    /// A refusal with its reason.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let mut headers = Vec::new();
        match code {
            Code::Unauthorized => {
                headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
            }
            Code::TooManySessions
            | Code::TooManyViewers
            | Code::TooManyTurns
            | Code::TooFarAhead
            | Code::VoiceUnavailable => headers.push((RETRY_AFTER, RETRY_SOON_S.into())),
            Code::ShuttingDown => headers.push((RETRY_AFTER, RETRY_RESTART_S.into())),
            _ => {}
        }
        Self {
            code,
            detail: detail.into(),
            headers,
        }
    }

    /// What happened, and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// [`Code::InvalidRequest`].
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// [`Code::NotFound`] of a kind of thing.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(
            Code::NotFound,
            format!("there is no {what} '{}'", shown(id)),
        )
    }

    /// [`Code::UnsupportedMediaType`], naming what can be used.
    pub fn media_type(found: Option<&str>, wanted: &str) -> Self {
        let found = found.map_or_else(
            || "the request names no content type".to_owned(),
            |found| format!("a body of type '{}' cannot be used here", shown(found)),
        );
        Self::new(
            Code::UnsupportedMediaType,
            format!("{found}; send {wanted}"),
        )
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with(mut self, name: axum::http::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer, once the request's name is known.
    pub(crate) fn render(self, request_id: &str, shape: Shape) -> Response {
        let status = self.code.status();
        if let Some(body) = shape.body(&self, request_id) {
            let mut response = (status, Json(body)).into_response();
            response.headers_mut().extend(self.headers);
            return response;
        }
        let body = Body {
            kind: format!("urn:visavis:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            detail: self.detail,
            code: self.code.as_str(),
            request_id: request_id.to_owned(),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.extend(self.headers);
        response
    }
}

/// The request's name is added at the outer edge, which finds the problem in
/// the response's extensions.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Replaces a problem that a handler left in the response by its rendering.
pub(crate) fn finish(mut response: Response, request_id: &str, shape: Shape) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut rendered = problem.render(request_id, shape);
    if rendered.status() == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is not read, so the connection ends with this
        // answer (RFC 9110, section 15.5.14); a client must not use it again.
        (rendered.headers_mut()).insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(allow) = response.headers_mut().remove(ALLOW) {
        rendered.headers_mut().insert(ALLOW, allow);
    }
    rendered
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let code = match &error {
            RequestError::UnknownVoice { .. } => Code::UnknownVoice,
            RequestError::UnknownAvatar { .. } => Code::UnknownAvatar,
            RequestError::Full { .. } | RequestError::Background(background::Error::Full) => {
                Code::TooManySessions
            }
            RequestError::Size { .. }
            | RequestError::Range { .. }
            | RequestError::Scene(_)
            | RequestError::Background(_) => Code::InvalidRequest,
            RequestError::Draining => Code::ShuttingDown,
            RequestError::Taken => Code::Conflict,
            RequestError::Voice { .. } => Code::VoiceUnavailable,
            _ => Code::Internal,
        };
        // The name that was asked for is repeated, and it may be anything.
        let detail = match error {
            RequestError::UnknownVoice { id, known } => RequestError::UnknownVoice {
                id: shown(&id),
                known,
            },
            RequestError::UnknownAvatar { id, known } => RequestError::UnknownAvatar {
                id: shown(&id),
                known,
            },
            other => other,
        };
        Self::new(code, detail.to_string())
    }
}

impl From<SpeakError> for Problem {
    fn from(error: SpeakError) -> Self {
        let code = match error {
            SpeakError::Closed => Code::SessionClosed,
            SpeakError::Over(_) => {
                return Self::new(
                    Code::Conflict,
                    format!("{error}: it was interrupted, and the rest was not taken"),
                );
            }
            SpeakError::QueueFull(_) => Code::TooManyTurns,
            SpeakError::TextTooLong { .. } => Code::TextTooLong,
            SpeakError::TooFarAhead => Code::TooFarAhead,
            SpeakError::Sound(_) => Code::BadAudio,
            SpeakError::Voice(error) => return error.into(),
            _ => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        let code = match error {
            ViewError::Closed => Code::SessionClosed,
            ViewError::TooMany => Code::TooManyViewers,
            ViewError::NoEndpoint => Code::NoMediaPort,
            ViewError::Offer(error) => return error.into(),
            _ => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<OfferError> for Problem {
    fn from(error: OfferError) -> Self {
        let code = match error {
            OfferError::Malformed(_)
            | OfferError::TooManySections { .. }
            | OfferError::NotReceiving { .. } => Code::BadSdp,
            OfferError::TooLarge { .. } => Code::PayloadTooLarge,
            OfferError::NoH264 { .. } => Code::NoH264,
            OfferError::NoOpus { .. } => Code::NoOpus,
            OfferError::Full { .. } => Code::TooManyViewers,
            OfferError::Stopped => Code::ShuttingDown,
            OfferError::Gone => Code::NotFound,
            _ => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<FragmentError> for Problem {
    fn from(error: FragmentError) -> Self {
        let code = match error {
            FragmentError::Malformed(_) | FragmentError::NotARestart => Code::BadSdp,
            FragmentError::OtherSession => Code::PreconditionFailed,
            FragmentError::Gone => Code::NotFound,
            _ => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<record::Error> for Problem {
    fn from(error: record::Error) -> Self {
        match &error {
            record::Error::Id(id) | record::Error::NotFound(id) => Self::not_found("recording", id),
            record::Error::Exists(_) => Self::new(Code::Conflict, error.to_string()),
            record::Error::Unfinished(_) => {
                Self::new(Code::Conflict, format!("{error}; end its session first"))
            }
            _ => {
                // It names files of the server.
                tracing::error!(%error, "a recording could not be had");
                Self::new(Code::Internal, "the recording could not be read or written")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_name_an_error_status() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error());
            assert!(code.title().ends_with('.'));
        }
    }

    #[test]
    fn full_and_closing_servers_say_when_to_come_back() {
        for code in Code::ALL {
            let response = Problem::new(*code, "x").render("r", Shape::Problem);
            let retry = response.headers().contains_key(RETRY_AFTER);
            let busy = matches!(response.status().as_u16(), 429 | 503);
            // A server without a media port will have none in a minute either.
            assert_eq!(retry, busy && *code != Code::NoMediaPort, "{code:?}");
        }
    }
}
