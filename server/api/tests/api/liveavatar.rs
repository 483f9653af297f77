//! Sessions of the `LiveAvatar` API, over real connections.

use std::time::Duration;

use api::Config;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt, StreamExt};
use livekit::token::{Claims, Grants, Key, Kind};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::{KEY, SECRET, Server, engine, keyed, until};
use crate::socket::listen;

/// Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// Signs the tokens of the customer's room.
const ROOM_KEY: &str = "customer:0123456789abcdef0123456789abcdef";

/// Rate of the sound that clients push, Hz.
const RATE: usize = 24_000;

/// The envelope of a refusal, with this status.
#[track_caller]
fn refused(reply: &crate::server::Reply, status: u16) -> String {
    let body = reply.ok(status).json();
    assert_eq!(body["code"], status, "{body}");
    assert!(body["data"].is_null(), "{body}");
    body["message"].as_str().unwrap().to_owned()
}

/// A server that soon frees what was left.
fn brisk() -> Server {
    let config = Config {
        api_keys: vec![KEY.to_owned()],
        token_secret: Some(SECRET.to_vec()),
        vendor_grace: Duration::from_millis(200),
        ..Config::default()
    };
    Server::new(keyed().engine, &config, Some(KEY))
}

async fn prepare(server: &Server, wanted: Value) -> (String, String) {
    let reply = server.post("/v1/sessions/token", wanted).await;
    let body = reply.ok(200).json();
    assert_eq!(body["code"], 1_000);
    let text = |field: &str| body["data"][field].as_str().unwrap().to_owned();
    (text("session_id"), text("session_token"))
}

async fn with(server: &Server, method: &str, path: &str, token: &str) -> crate::server::Reply {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("host", "localhost:8747"),
    ];
    server.call(method, path, &headers, Body::empty()).await
}

/// A LITE session with its client.
struct Lite {
    id: String,
    token: String,
    path: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Lite {
    async fn open(server: &Server) -> Self {
        let (id, token) = prepare(server, json!({ "mode": "LITE", "video_quality": "low" })).await;
        let reply = with(server, "POST", "/v1/sessions/start", &token).await;
        let body = reply.ok(201).json();
        assert_eq!(body["code"], 1_000);
        assert!(body["data"]["max_session_duration"].is_u64());
        assert_eq!(body["data"]["session_id"], id.as_str());
        assert_eq!(body["data"]["livekit_url"], "ws://localhost:8747");
        for token in ["livekit_client_token", "livekit_agent_token"] {
            assert!(body["data"][token].is_string());
        }
        let url = body["data"]["ws_url"].as_str().unwrap().to_owned();
        let path = url.strip_prefix("ws://localhost:8747").unwrap().to_owned();
        let socket = Self::connect(server, &path).await;
        Self {
            id,
            token,
            path,
            socket,
        }
    }

    async fn connect(server: &Server, path: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        let address = listen(server).await;
        connect_async(format!("ws://{address}{path}"))
            .await
            .unwrap()
            .0
    }

    async fn send(&mut self, message: Value) {
        let message = Message::text(message.to_string());
        self.socket.send(message).await.unwrap();
    }

    /// Sends sound as base64.
    async fn speak(&mut self, name: Value, bytes: &[u8]) {
        let audio = BASE64.encode(bytes);
        self.send(json!({ "type": "agent.speak", "event_id": name, "audio": audio }))
            .await;
    }

    /// The next message that is no ack.
    async fn next(&mut self) -> Value {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            if let Message::Text(text) = next.unwrap().unwrap().unwrap() {
                let message: Value = serde_json::from_str(&text).unwrap();
                if !message["type"]
                    .as_str()
                    .unwrap()
                    .starts_with("agent.audio_buffer")
                {
                    return message;
                }
            }
        }
    }

    /// The next messages' types and names.
    async fn expect(&mut self, types: &[&str]) -> Vec<Value> {
        let mut messages = Vec::new();
        for kind in types {
            let message = self.next().await;
            assert_eq!(message["type"], *kind, "{message} after {messages:?}");
            messages.push(message);
        }
        messages
    }

    async fn closed(&mut self) -> (CloseCode, String) {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            if let Message::Close(frame) = next.unwrap().unwrap().unwrap() {
                let frame = frame.unwrap();
                return (frame.code, frame.reason.to_string());
            }
        }
    }
}

/// A tone of 440 Hz, signed 16-bit little-endian.
fn tone(ms: usize) -> Vec<u8> {
    let sample = |n: usize| {
        let phase = n as f32 / RATE as f32 * 440.0 * std::f32::consts::TAU;
        ((phase.sin() * 9_000.0) as i16).to_le_bytes()
    };
    (0..RATE * ms / 1_000).flat_map(sample).collect()
}

/// Milliseconds of the recording of a session in which something is heard.
async fn heard_ms(server: &Server, id: &str) -> usize {
    let store = server.engine.recordings().unwrap();
    until("recorded", || store.get(id).ok().map(|_| ())).await;
    let video = server.get(&format!("/v1/recordings/{id}/video.mp4")).await;
    let mut movie =
        record::read::Movie::parse(std::io::Cursor::new(video.ok(200).body.to_vec())).unwrap();
    let mut decoder = codec::opus::Decoder::new().unwrap();
    let mut loud = 0;
    for index in 0.. {
        let Some(packet) = movie.packet(media::Track::Audio, index).unwrap() else {
            return loud;
        };
        let mut sound = Vec::new();
        decoder.decode(&packet, &mut sound).unwrap();
        let energy: f32 = sound.iter().map(|s| s * s).sum();
        if energy / sound.len() as f32 > 1e-4 {
            loud += sound.len() / 48;
        }
    }
    unreachable!()
}

#[tokio::test]
async fn pushed_sound_is_recorded_and_told_of() {
    let server = keyed();
    let mut lite = Lite::open(&server).await;
    let hello = lite.next().await;
    assert_eq!(
        (&hello["type"], &hello["state"]),
        (&json!("session.state_updated"), &json!("connected"))
    );
    // Cut in the middle of samples; a name for each piece, or none, or not
    // even text; once as characters instead of base64.
    lite.send(
        json!({ "type": "start", "encoding": "pcm_s16le", "sample_rate": 24_000, "channels": 1 }),
    )
    .await;
    let sound = tone(1_000);
    let names = [json!("a"), json!(null), json!(7), json!("d")];
    for (piece, name) in sound.chunks(12_001).zip(names.iter().cycle()) {
        lite.speak(name.clone(), piece).await;
    }
    lite.send(json!({ "type": "agent.speak_end" })).await;
    lite.send(json!({ "type": "agent.start_listening", "event_id": null }))
        .await;
    let said = lite
        .expect(&[
            "agent.speak_started",
            "agent.state_updated",
            "agent.speak_ended",
            "agent.state_updated",
        ])
        .await;
    assert_eq!(said[0]["event_id"], "a");
    assert_eq!(said[2]["event_id"], "a");
    assert_eq!(said[0]["task"], said[2]["task"]);
    assert_eq!(said[3]["state"], "listening");

    let characters: String = tone(200).iter().map(|&b| char::from(b)).collect();
    lite.send(json!({ "type": "agent.audio_buffer_append", "audio": characters }))
        .await;
    lite.send(json!({ "type": "agent.audio_buffer_commit" }))
        .await;
    lite.expect(&[
        "agent.speak_started",
        "agent.state_updated",
        "agent.speak_ended",
        "agent.state_updated",
    ])
    .await;

    // It is one of our sessions, too.
    let own = with(
        &server,
        "GET",
        &format!("/v1/sessions/{}", lite.id),
        &lite.token,
    )
    .await;
    let own = own.ok(200).json();
    assert_eq!(own["state"], "open");
    assert_eq!(own["data"]["status"], "active");
    assert_eq!(own["width"], 640);

    with(&server, "POST", "/v1/sessions/stop", &lite.token)
        .await
        .ok(200);
    let over = lite
        .expect(&["session.state_updated", "session.state_updated"])
        .await;
    assert_eq!(
        (&over[0]["state"], &over[1]["state"]),
        (&json!("closing"), &json!("closed"))
    );
    assert_eq!(lite.closed().await.0, CloseCode::Normal);
    let again = with(&server, "POST", "/v1/sessions/stop", &lite.token).await;
    assert_eq!(again.ok(200).json()["code"], 1_000);

    let heard = heard_ms(&server, &lite.id).await;
    assert!((1_160..=1_280).contains(&heard), "{heard} ms");
    let list = server.get("/v1/sessions?type=historic&page_size=100").await;
    let list = list.ok(200).json();
    let ours = list["data"]["results"].as_array().unwrap();
    assert!(
        ours.iter()
            .any(|s| s["id"] == lite.id.as_str() && s["end_reason"] == "USER_DISCONNECTED")
    );
}

#[tokio::test]
async fn an_interrupt_is_told_and_what_follows_is_heard() {
    let server = keyed();
    let mut lite = Lite::open(&server).await;
    lite.next().await;
    // Faster than it is played.
    for piece in tone(20_000).chunks(48_000) {
        lite.speak(json!("long"), piece).await;
    }
    lite.expect(&["agent.speak_started", "agent.state_updated"])
        .await;
    lite.send(json!({ "type": "agent.interrupt", "event_id": null }))
        .await;
    lite.speak(json!("short"), &tone(100)).await;
    lite.send(json!({ "type": "agent.speak_end", "event_id": "x" }))
        .await;
    let told = lite
        .expect(&[
            "agent.speak_interrupted",
            "agent.speak_ended",
            "agent.state_updated",
            "agent.speak_started",
            "agent.state_updated",
            "agent.speak_ended",
            "agent.state_updated",
        ])
        .await;
    assert_eq!(told[1]["event_id"], "long");
    assert_eq!(told[5]["event_id"], "short");
    // Two minutes ahead are too many, and it says so.
    let minute = tone(20_000);
    for _ in 0..8 {
        lite.speak(json!("flood"), &minute).await;
    }
    let flood = lite
        .expect(&["agent.speak_started", "agent.state_updated", "error"])
        .await;
    assert_eq!(flood[2]["error"]["code"], "too_far_ahead");
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_and_the_connection_stays() {
    let server = keyed();
    let mut lite = Lite::open(&server).await;
    lite.next().await;
    for (message, code) in [
        (json!([]), "invalid_message"),
        (json!({ "type": 3 }), "invalid_message"),
        (json!({ "type": "agent.speak", "audio": 3 }), "bad_audio"),
        (
            json!({ "type": "agent.speak", "audio": "abcde" }),
            "bad_audio",
        ),
        (
            json!({ "type": "agent.speak", "audio": BASE64.encode(b"RIFF....WAVEfmt ") }),
            "bad_audio",
        ),
        (
            json!({ "type": "start", "sample_rate": 4_000 }),
            "bad_audio",
        ),
    ] {
        lite.send(message).await;
        let error = lite.expect(&["error"]).await.remove(0);
        assert_eq!(error["error"]["code"], code, "{error}");
    }
    lite.socket
        .send(Message::binary(vec![1, 2, 3]))
        .await
        .unwrap();
    lite.expect(&["error"]).await;
    lite.send(json!({ "type": "session.dance" })).await;
    lite.expect(&["warning"]).await;
    lite.speak(json!("still here"), &tone(60)).await;
    lite.send(json!({ "type": "agent.speak_end" })).await;
    lite.expect(&["agent.speak_started"]).await;

    // Ten megabytes in one message end the connection, not the session.
    let long = Message::text("x".repeat(10 << 20));
    let _ = lite.socket.send(long).await;
    let session = server.get(&format!("/v1/sessions/{}", lite.id)).await;
    assert_eq!(session.ok(200).json()["state"], "open");
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_and_one_that_does_not_frees_its_session() {
    let server = brisk();
    let mut lite = Lite::open(&server).await;
    lite.next().await;
    lite.speak(json!("a"), &tone(300)).await;
    lite.expect(&["agent.speak_started", "agent.state_updated"])
        .await;
    let (server_two, path) = (server.clone(), lite.path.clone());
    drop(lite.socket);
    lite.socket = Lite::connect(&server_two, &path).await;
    let back = lite.expect(&["session.state_updated"]).await;
    assert_eq!(back[0]["state"], "connected");
    // The end marker of what was cut off is not waited for.
    lite.expect(&["agent.speak_ended", "agent.state_updated"])
        .await;

    // Another connection takes over.
    let mut old = std::mem::replace(&mut lite.socket, Lite::connect(&server, &path).await);
    lite.expect(&["session.state_updated"]).await;
    let end = tokio::time::timeout(PATIENCE, async {
        while let Some(Ok(message)) = old.next().await {
            if let Message::Close(frame) = message {
                return frame;
            }
        }
        None
    });
    assert_eq!(
        u16::from(end.await.unwrap().unwrap().code),
        api::socket::SLOW_READER
    );

    let id = lite.id.clone();
    drop(lite);
    until("freed", || server.engine.get(&id).is_none().then_some(())).await;
    let entry = server
        .get(&format!("/v1/sessions/{id}"))
        .await
        .ok(200)
        .json();
    assert_eq!(entry["data"]["status"], "ended");
    assert_eq!(entry["data"]["end_reason"], "IDLE_TIMEOUT");
}

#[tokio::test]
async fn the_life_of_a_session_is_kept_in_order() {
    let server = keyed();
    let (id, token) = prepare(&server, json!({ "mode": "LITE" })).await;
    let early = with(&server, "POST", "/v1/sessions/keep-alive", &token).await;
    refused(&early, 409);
    let path = format!("/v1/sessions/{id}/realtime");
    refused(&with(&server, "GET", &path, &token).await, 409);

    let first = with(&server, "POST", "/v1/sessions/start", &token).await;
    let first = first.ok(201).json();
    // The first answer may have been lost.
    let second = with(&server, "POST", "/v1/sessions/start", &token).await;
    assert_eq!(second.ok(201).json()["data"], first["data"]);
    let url = first["data"]["ws_url"].as_str().unwrap();
    let path_and_token = url.strip_prefix("ws://localhost:8747").unwrap();
    let mut socket = Lite::connect(&server, path_and_token).await;
    socket.next().await.unwrap().unwrap();
    let third = with(&server, "POST", "/v1/sessions/start", &token).await;
    assert!(refused(&third, 409).contains("in use"));
    with(&server, "POST", "/v1/sessions/keep-alive", &token)
        .await
        .ok(200);
    // With the key and the session's name, too.
    let named = json!({ "session_id": id, "reason": "USER_DISCONNECTED" });
    server
        .post("/v1/sessions/keep-alive", named.clone())
        .await
        .ok(200);
    server
        .post("/v1/sessions/stop", named.clone())
        .await
        .ok(200);
    until("stopped", || server.engine.get(&id).is_none().then_some(())).await;
    server
        .post("/v1/sessions/stop", named.clone())
        .await
        .ok(200);
    refused(&server.post("/v1/sessions/keep-alive", named).await, 410);
    refused(
        &with(&server, "POST", "/v1/sessions/start", &token).await,
        410,
    );
    refused(&with(&server, "GET", &path, &token).await, 410);
    let transcript = with(
        &server,
        "GET",
        &format!("/v1/sessions/{id}/transcript"),
        &token,
    )
    .await;
    let transcript = transcript.ok(200).json();
    assert_eq!(transcript["data"]["session_active"], false);
    assert_eq!(transcript["data"]["transcript_data"], json!([]));
}

#[tokio::test]
async fn bad_credentials_and_bodies_are_refused_in_the_vendors_shape() {
    let server = keyed();
    let (_, token) = prepare(&server, json!({})).await;
    let parts: Vec<_> = token.split('.').collect();
    let claims = BASE64.encode(r#"{"sub":"x","scope":"session","iat":0,"exp":99999999999}"#);
    let none =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for forged in [
        format!("{}.{claims}.{}", parts[0], parts[2]),
        format!("{none}.{}.", parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        "a.b.c".to_owned(),
        "no-token".to_owned(),
    ] {
        for path in ["start", "stop", "keep-alive"] {
            let reply = with(&server, "POST", &format!("/v1/sessions/{path}"), &forged).await;
            refused(&reply, 401);
        }
    }
    // A token of one session does not prepare another.
    refused(
        &with(&server, "POST", "/v1/sessions/token", &token).await,
        403,
    );
    let unknown = json!({ "session_id": "01900000-0000-7000-8000-000000000000" });
    for path in ["start", "stop", "keep-alive"] {
        let headers = [
            ("content-type", "application/json"),
            ("host", "localhost:8747"),
        ];
        let path = format!("/v1/sessions/{path}");
        for (body, status) in [(unknown.clone(), 404), (json!({}), 400)] {
            let reply = server.call("POST", &path, &headers, body.to_string()).await;
            refused(&reply, status);
        }
    }
    for wanted in [
        json!({ "mode": "HALF" }),
        json!({ "avatar_id": "nobody" }),
        json!({ "avatar_persona": { "voice_id": "nobody" } }),
        json!({ "avatar_persona": { "context_id": "nothing" } }),
        json!({ "video_quality": "8k" }),
        json!({ "video_settings": { "encoding": "AV1" } }),
        json!({ "max_session_duration": 0 }),
        json!({ "max_session_duration": "long" }),
        json!({ "livekit_config": { "livekit_url": "wss://a" } }),
        json!({ "elevenlabs_agent_config": {} }),
        json!({ "llm_configuration_id": "x" }),
    ] {
        let reply = server.post("/v1/sessions/token", wanted.clone()).await;
        let status = if wanted["avatar_persona"]["context_id"].is_null() {
            400
        } else {
            404
        };
        assert!(!refused(&reply, status).is_empty(), "{wanted}");
    }
    let json = [("content-type", "application/json")];
    refused(
        &server.call("POST", "/v1/sessions/token", &json, "{").await,
        400,
    );
    refused(
        &server
            .call("POST", "/v1/sessions/token", &json, "x".repeat(1 << 20))
            .await,
        413,
    );
    refused(
        &server
            .call("GET", "/v1/sessions/start", &[], Body::empty())
            .await,
        405,
    );
    // Nulls are nothing.
    let nulls = json!({ "mode": "LITE", "avatar_id": null, "avatar_persona": null, "is_sandbox": null,
        "video_settings": { "encoding": "H264", "quality": null }, "livekit_config": null, "max_session_duration": null });
    prepare(&server, nulls).await;
}

#[tokio::test]
async fn a_full_server_says_so_and_the_session_can_be_started_later() {
    let server = Server::new(engine(0), &Config::default(), None);
    let reply = server
        .post("/v1/sessions/token", json!({ "mode": "LITE" }))
        .await;
    let token = reply.ok(200).json()["data"]["session_token"]
        .as_str()
        .unwrap()
        .to_owned();
    for _ in 0..2 {
        let reply = with(&server, "POST", "/v1/sessions/start", &token).await;
        refused(&reply, 503);
        assert!(!reply.header("retry-after").is_empty());
    }
}

#[tokio::test]
async fn pages_may_ask_with_credentials() {
    let server = keyed();
    let (_, token) = prepare(&server, json!({ "mode": "LITE" })).await;
    let bearer = format!("Bearer {token}");
    let origin = ("origin", "https://shop.example");
    let preflight = [
        origin,
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
    ];
    let reply = server
        .call("OPTIONS", "/v1/sessions/start", &preflight, Body::empty())
        .await;
    assert_eq!(
        reply.ok(204).header("access-control-allow-origin"),
        "https://shop.example"
    );
    assert_eq!(reply.header("access-control-allow-credentials"), "true");
    assert!(
        reply
            .header("access-control-allow-headers")
            .contains("Authorization")
    );
    let asked = [origin, ("authorization", bearer.as_str())];
    let reply = server
        .call("POST", "/v1/sessions/keep-alive", &asked, Body::empty())
        .await;
    refused(&reply, 409);
    assert_eq!(
        reply.header("access-control-allow-origin"),
        "https://shop.example"
    );
    assert_eq!(reply.header("vary"), "Origin");
    let ours = server
        .call("GET", "/v1/sessions", &[origin], Body::empty())
        .await;
    assert_eq!(ours.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn contexts_are_kept_and_lists_have_the_vendors_shape() {
    let server = keyed();
    let made = server
        .post(
            "/v1/contexts",
            json!({ "name": "shop", "prompt": "Sell.", "opening_text": "Welcome." }),
        )
        .await;
    let id = made.ok(201).json()["data"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/contexts/{id}");
    let json = [("content-type", "application/json")];
    let changed = server
        .call("PATCH", &path, &json, r#"{"opening_text":"Hi."}"#)
        .await;
    assert_eq!(changed.ok(200).json()["data"]["opening_text"], "Hi.");
    let got = server.get(&path).await.ok(200).json();
    assert_eq!(
        (&got["data"]["name"], &got["data"]["prompt"]),
        (&json!("shop"), &json!("Sell."))
    );
    let list = server.get("/v1/contexts?page_size=1").await.ok(200).json();
    assert_eq!(list["data"]["results"][0]["id"], id.as_str());
    prepare(&server, json!({ "avatar_persona": { "context_id": id } })).await;
    server.delete(&path).await.ok(200);
    refused(&server.get(&path).await, 404);
    refused(&server.delete(&path).await, 404);
    refused(
        &server.post("/v1/contexts", json!({ "prompt": "x" })).await,
        400,
    );

    for path in ["/v1/avatars", "/v1/voices", "/v1/avatars/public"] {
        let list = server.get(path).await.ok(200).json();
        assert_eq!(list["code"], 1_000, "{path}");
        let count = list["data"]["count"].as_u64().unwrap();
        assert!(
            count > 0 && list["data"]["results"][0]["id"].is_string(),
            "{path}"
        );
    }
    let ours = server.get("/v1/avatars").await.json();
    assert!(ours["avatars"].is_array() && ours["default"].is_string());
    let languages = server.get("/v1/languages").await.ok(200).json();
    assert!(languages["data"]["languages"][0]["code"].is_string());
    server.get("/v1/users/credits").await.ok(200);
    refused(
        &server
            .call(
                "GET",
                "/v1/contexts",
                &[("x-api-key", "wrong")],
                Body::empty(),
            )
            .await,
        401,
    );
}

#[tokio::test]
async fn a_session_of_a_plugin_joins_the_room_it_is_told() {
    let config = Config {
        api_keys: vec![KEY.to_owned()],
        token_secret: Some(SECRET.to_vec()),
        rooms: rooms::Settings {
            keys: vec![ROOM_KEY.to_owned()],
            ..rooms::Settings::default()
        },
        ..Config::default()
    };
    let server = Server::new(keyed().engine, &config, Some(KEY));
    // A room of guests on a server of ours stands for the customer's.
    let address = listen(&server).await;
    let claims = Claims {
        identity: "avatar".to_owned(),
        kind: Kind::Agent,
        grants: Grants::join("customer"),
        ..Claims::default()
    };
    let key = Key::parse(ROOM_KEY).unwrap();
    let now = std::time::SystemTime::now();
    let token = key.sign(&claims, now, Duration::from_mins(5));
    let headers = [
        ("content-type", "application/json"),
        ("host", "localhost:8747"),
    ];
    let url = format!("ws://{address}");
    let bey = json!({ "transport": "livekit", "avatar_id": "leo", "url": url, "token": token });
    let made = server
        .call("POST", "/v1/sessions", &headers, bey.to_string())
        .await;
    let id = made.ok(201).json()["id"].as_str().unwrap().to_owned();
    assert!(server.engine.get(&id).is_some());
    server.delete(&format!("/v1/sessions/{id}")).await.ok(204);

    // Nobody is there.
    let none =
        json!({ "livekit_url": "ws://127.0.0.1:9", "livekit_token": token, "persona_id": "leo" });
    let path = "/v1/sessions/plugins/livekit";
    let reply = server.call("POST", path, &headers, none.to_string()).await;
    assert_eq!(reply.ok(502).json()["error"], "room_refused");
    let half = json!({ "livekit_url": "ws://127.0.0.1:9" });
    let reply = server.call("POST", path, &headers, half.to_string()).await;
    assert!(
        reply.ok(400).json()["message"]
            .as_str()
            .unwrap()
            .contains("livekit_token")
    );
}
