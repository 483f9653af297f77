//! Input that nobody honest would send: it must be refused, never crash.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request};
use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Server, dev};
use crate::socket::Client;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SERVER: LazyLock<(Server, String)> = LazyLock::new(|| {
    let server = dev();
    let session = RUNTIME.block_on(server.open());
    (server, session["id"].as_str().unwrap().to_owned())
});

const HEADERS: [&str; 12] = [
    "authorization",
    "x-api-key",
    "content-type",
    "content-length",
    "if-match",
    "if-range",
    "if-none-match",
    "range",
    "last-event-id",
    "host",
    "origin",
    "x-request-id",
];

/// Paths that answer at once.
const PATHS: [&str; 18] = [
    "/v1/sessions/ID/speak",
    "/v1/sessions/ID/shown",
    "/v1/sessions/ID/token",
    "/v1/sessions/ID/whep",
    "/v1/sessions/ID/whep/1",
    "/v1/sessions/ID/ws",
    "/v1/sessions/ID/stats",
    "/v1/recordings/ID/video.mp4",
    "/v1/recordings/ID",
    "/v1/avatars/ID/preview.png",
    "/v1/avatars/ID/keep",
    "/v1/asset",
    "/v1/talking_photo",
    "/v2/photo_avatar/ID",
    "/v3/avatars",
    "/v3/avatars/looks/ID",
    "/v1/ID",
    "/assets/ID",
];

fn paths() -> impl Strategy<Value = String> {
    let path = prop::sample::select(PATHS.to_vec());
    let id = prop_oneof![
        3 => Just("SESSION".to_owned()),
        1 => "[a-zA-Z0-9._~%:@-]{1,20}".prop_filter("escapes are two digits", |id| {
            id.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit))
        }),
    ];
    let query = prop_oneof![Just(String::new()), "\\?[a-z=&%0-9.-]{0,20}"];
    (path, id, query).prop_map(|(path, id, query)| format!("{}{query}", path.replace("ID", &id)))
}

fn values() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(vec![
            "Bearer a.b.c",
            "application/json",
            "text/plain",
            "audio/wav",
            "audio/pcm;rate=1",
            "audio/L16;channels=0",
            "application/sdp",
            "application/trickle-ice-sdpfrag",
            "*",
            "\"x\"",
            "bytes=-1",
            "localhost",
            "null",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_is_answered_and_described(
        method in prop::sample::select(vec![Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::OPTIONS]),
        path in paths(),
        headers in prop::collection::vec((prop::sample::select(HEADERS.to_vec()), values()), 0..4),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let (server, id) = &*SERVER;
        let mut request = Request::builder().method(method).uri(path.replace("SESSION", id));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request = request.header(HeaderName::from_static(name), value);
            }
        }
        if let Ok(request) = request.body(Body::from(body)) {
            let reply = RUNTIME.block_on(server.raw(request));
            prop_assert!(reply.status != 500, "{:?}", reply);
        }
    }
}

/// Messages: some almost right, some anything.
fn messages() -> impl Strategy<Value = Message> {
    let kinds = vec![
        "speak",
        "text.begin",
        "text.append",
        "text.end",
        "audio.begin",
        "audio.end",
        "interrupt",
        "shown",
        "ping",
        "x",
    ];
    prop_oneof![
        (
            prop::sample::select(kinds),
            ".{0,8}",
            any::<i64>(),
            any::<f64>(),
            any::<bool>()
        )
            .prop_map(|(kind, text, number, float, whole)| {
                let mut message = json!({ "type": kind });
                if whole {
                    message["text"] = text.into();
                    message["rate"] = (number % 50_000).into();
                    message["turn"] = number.into();
                    message["after_ms"] = float.into();
                }
                Message::text(message.to_string())
            }),
        ".{0,40}".prop_map(Message::text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Message::binary),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(|b| Message::Ping(b.into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_messages_leave_the_session_in_order(messages in prop::collection::vec(messages(), 1..40)) {
        let (server, _) = &*SERVER;
        let path = RUNTIME.block_on(async {
            let mut client = Client::connect(server).await;
            for message in messages {
                if client.socket.send(message).await.is_err() {
                    break;
                }
            }
            let _ = client.socket.close(None).await;
            while client.socket.next().await.is_some_and(|message| message.is_ok()) {}
            client.session["urls"]["self"].as_str().unwrap().to_owned()
        });
        // It still answers, and can still be ended.
        let reply = RUNTIME.block_on(server.get(&path));
        prop_assert_eq!(reply.status, 200);
        let reply = RUNTIME.block_on(server.delete(&path));
        prop_assert_eq!(reply.status, 204);
    }
}
