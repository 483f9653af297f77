//! The description of the API (OpenAPI 3.1), made from the routes themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{self, Code};
use crate::socket::{ClientMessage, ServerMessage};
use crate::state::State;
use crate::{
    acting, catalogue, events, guest, health, metrics, pipecat, recordings, sessions, socket,
    speak, studio, whep, whip,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Visavis",
        description = "A talking face: text or sound in, WebRTC and MP4 out.\n\nEvery refusal is `application/problem+json` (RFC 9457) with a stable `code`. Browsers get a session token, made together with a session, instead of an API key.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(problem::Body, ClientMessage, ServerMessage)),
    security(("api_key" = []), ("x_api_key" = []), ("session_token" = [])),
    tags(
        (name = "sessions", description = "Sessions: made, looked at, ended."),
        (name = "speech", description = "What is said."),
        (name = "events", description = "What happens."),
        (name = "publishing", description = "Sending a session to other servers."),
        (name = "viewers", description = "Watching by WHEP, or by Pipecat's SmallWebRTC."),
        (name = "recordings", description = "MP4 files."),
        (name = "catalogue", description = "Voices and avatars."),
        (name = "server", description = "The server itself."),
    )
)]
struct Document;

/// Refusals that operations may answer with, besides those of
/// [`everywhere`].
const REFUSALS: &[(&str, &[Code])] = {
    use Code as C;
    &[
        (
            "create_session",
            &[
                C::InvalidRequest,
                C::UnknownVoice,
                C::UnknownAvatar,
                C::Forbidden,
                C::PayloadTooLarge,
                C::UnsupportedMediaType,
                C::RoomRefused,
                C::TooManySessions,
                C::ShuttingDown,
                C::VoiceUnavailable,
            ],
        ),
        ("list_sessions", &[C::InvalidRequest, C::Forbidden]),
        ("get_session", SESSION),
        ("delete_session", SESSION),
        ("renew_token", SESSION),
        ("interrupt", SESSION),
        ("session_stats", SESSION),
        ("shown", TOLD),
        ("set_state", TOLD),
        (
            "speak",
            &[
                C::InvalidRequest,
                C::EmptyText,
                C::BadAudio,
                C::UnknownVoice,
                C::Forbidden,
                C::NotFound,
                C::Timeout,
                C::Conflict,
                C::SessionClosed,
                C::TextTooLong,
                C::UnsupportedMediaType,
                C::TooManyTurns,
                C::TooFarAhead,
                C::VoiceUnavailable,
            ],
        ),
        ("events", SESSION),
        (
            "socket",
            &[
                C::InvalidRequest,
                C::Forbidden,
                C::NotFound,
                C::SessionClosed,
                C::UpgradeRequired,
            ],
        ),
        (
            "whep_offer",
            &[
                C::InvalidRequest,
                C::BadSdp,
                C::Forbidden,
                C::NotFound,
                C::NoH264,
                C::NoOpus,
                C::SessionClosed,
                C::PayloadTooLarge,
                C::UnsupportedMediaType,
                C::TooManyViewers,
                C::ShuttingDown,
                C::NoMediaPort,
            ],
        ),
        (
            "join_room",
            &[
                C::InvalidRequest,
                C::Forbidden,
                C::NotFound,
                C::SessionClosed,
                C::PayloadTooLarge,
                C::UnsupportedMediaType,
                C::RoomRefused,
            ],
        ),
        ("get_room", SESSION),
        ("leave_room", SESSION),
        ("whep_options", &[]),
        (
            "whep_patch",
            &[
                C::InvalidRequest,
                C::BadSdp,
                C::Forbidden,
                C::NotFound,
                C::SessionClosed,
                C::PreconditionFailed,
                C::PreconditionRequired,
                C::PayloadTooLarge,
                C::UnsupportedMediaType,
            ],
        ),
        ("whep_delete", SESSION),
        (
            "start_push",
            &[
                C::InvalidRequest,
                C::Forbidden,
                C::NotFound,
                C::Conflict,
                C::SessionClosed,
                C::PayloadTooLarge,
                C::UnsupportedMediaType,
            ],
        ),
        ("list_pushes", SESSION),
        ("stop_push", SESSION),
        (
            "offer",
            &[
                C::InvalidRequest,
                C::BadSdp,
                C::Forbidden,
                C::NotFound,
                C::NoH264,
                C::NoOpus,
                C::UnknownVoice,
                C::UnknownAvatar,
                C::SessionClosed,
                C::PayloadTooLarge,
                C::TooManySessions,
                C::TooManyViewers,
                C::ShuttingDown,
                C::VoiceUnavailable,
                C::NoMediaPort,
            ],
        ),
        (
            "candidates",
            &[
                C::InvalidRequest,
                C::BadSdp,
                C::Forbidden,
                C::NotFound,
                C::PayloadTooLarge,
            ],
        ),
        ("list_recordings", &[C::Forbidden]),
        (
            "get_recording",
            &[C::InvalidRequest, C::Forbidden, C::NotFound],
        ),
        (
            "delete_recording",
            &[C::InvalidRequest, C::Forbidden, C::NotFound, C::Conflict],
        ),
        (
            "get_video",
            &[
                C::InvalidRequest,
                C::Forbidden,
                C::NotFound,
                C::RangeNotSatisfiable,
            ],
        ),
        ("list_voices", &[C::InvalidRequest]),
        ("list_avatars", &[C::InvalidRequest]),
        ("preview", &[C::InvalidRequest, C::NotFound]),
        (
            "check_picture",
            &[
                C::InvalidRequest,
                C::Forbidden,
                C::NotFound,
                C::PayloadTooLarge,
                C::UnsupportedMediaType,
            ],
        ),
        (
            "create_avatar",
            &[
                C::InvalidRequest,
                C::ConsentNeeded,
                C::UnknownVoice,
                C::Forbidden,
                C::NotFound,
                C::Conflict,
                C::PayloadTooLarge,
                C::UnsupportedMediaType,
                C::PictureUnusable,
            ],
        ),
        (
            "keep_avatar",
            &[C::InvalidRequest, C::Forbidden, C::NotFound, C::Conflict],
        ),
        ("get_avatar", &[C::InvalidRequest, C::NotFound]),
        (
            "delete_avatar",
            &[C::InvalidRequest, C::Forbidden, C::NotFound, C::Conflict],
        ),
        ("health", &[]),
        ("ready", &[C::ShuttingDown]),
        ("status", &[]),
        ("metrics", &[C::Forbidden]),
        ("openapi", &[]),
    ]
};

/// What every operation on one session may answer.
const SESSION: &[Code] = &[
    Code::InvalidRequest,
    Code::Forbidden,
    Code::NotFound,
    Code::SessionClosed,
];

/// What an operation on one session that takes JSON may answer.
const TOLD: &[Code] = &[
    Code::InvalidRequest,
    Code::Forbidden,
    Code::NotFound,
    Code::SessionClosed,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
];

/// Refusals of every operation; public ones need no credentials.
fn everywhere(public: bool) -> Vec<Code> {
    let mut codes = vec![Code::Internal];
    if !public {
        codes.push(Code::Unauthorized);
    }
    codes
}

/// All routes, with what they say of themselves.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(sessions::routes())
        .merge(speak::routes())
        .merge(acting::routes())
        .merge(events::routes())
        .merge(socket::routes())
        .merge(whep::routes())
        .merge(guest::routes())
        .merge(whip::routes())
        .merge(pipecat::routes())
        .merge(recordings::routes())
        .merge(catalogue::routes())
        .merge(studio::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .routes(routes!(openapi))
}

/// The description of the API.
#[utoipa::path(get, path = "/openapi.json", tag = "server", security(()),
    responses((status = 200, description = "This document.", body = Object)))]
async fn openapi(Shared(state): Shared<Arc<State>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], state.openapi()).into_response()
}

/// The document, made once.
pub(crate) fn document() -> Bytes {
    let (_, mut document) = routes().split_for_parts();
    crate::VERSION.clone_into(&mut document.info.version);
    let components = document.components.get_or_insert_default();
    let bearer = |format: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        SecurityScheme::Http(scheme.bearer_format(format).build())
    };
    components.add_security_scheme("api_key", bearer("API key"));
    components.add_security_scheme("session_token", bearer("JWT"));
    components.add_security_scheme(
        "x_api_key",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key"))),
    );
    let mut document = serde_json::to_value(document).unwrap_or_default();
    describe_refusals(&mut document);
    Bytes::from(document.to_string())
}

/// Writes the codes of each operation into its responses, by status.
fn describe_refusals(document: &mut Value) {
    let paths = document["paths"].as_object_mut();
    for operation in paths
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut())
    {
        let id = operation["operationId"].as_str().unwrap_or_default();
        let public = operation["security"] == json!([{}]);
        let own = REFUSALS.iter().find(|(name, _)| *name == id);
        let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
        for code in everywhere(public)
            .iter()
            .chain(own.map_or(&[][..], |(_, codes)| codes))
        {
            by_status
                .entry(code.status().as_u16())
                .or_default()
                .push(*code);
        }
        for (status, codes) in by_status {
            let names = codes.iter().map(|c| json!(c.as_str()));
            let lines: Vec<_> = codes
                .iter()
                .map(|c| format!("`{}`: {}", c.as_str(), c.title()))
                .collect();
            operation["responses"][status.to_string()] = json!({
                "description": lines.join("\n\n"),
                "content": { "application/problem+json": { "schema": {
                    "allOf": [
                        { "$ref": "#/components/schemas/Problem" },
                        { "properties": { "code": { "enum": names.collect::<Value>() } } },
                    ],
                } } },
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn read() -> Value {
        serde_json::from_slice(&document()).unwrap()
    }

    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                let item = item.as_object().unwrap();
                item.iter()
                    .map(move |(method, operation)| (format!("{method} {path}"), operation))
            })
            .collect()
    }

    #[test]
    fn every_operation_says_what_it_refuses() {
        let document = read();
        let described: BTreeSet<_> = REFUSALS.iter().map(|(id, _)| *id).collect();
        let there: BTreeSet<_> = operations(&document)
            .iter()
            .map(|(_, operation)| operation["operationId"].as_str().unwrap())
            .collect();
        assert_eq!(described, there);
        assert_eq!(REFUSALS.len(), there.len(), "names are unique");
    }

    #[test]
    fn every_code_is_documented() {
        let text = read().to_string();
        for code in Code::ALL {
            // A method that an address does not take is no operation.
            if *code != Code::MethodNotAllowed {
                assert!(text.contains(&format!("`{}`", code.as_str())), "{code:?}");
            }
        }
    }

    #[test]
    fn operations_and_fields_are_described() {
        let document = read();
        for (name, operation) in operations(&document) {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{name}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let text = parameter["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{name} {parameter}");
            }
        }
        assert!(operations(&document).len() >= 25);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str));
                    map.values().for_each(|value| references(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = read();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
