//! LITE sessions: sound over the realtime WebSocket.

use api::Config;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use session::Limits;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{PATIENCE, brisk, prepare, with};
use crate::server::{KEY, SECRET, Server, engine_with, keyed, until};
use crate::socket::listen;

/// Rate of the sound that clients push, Hz.
const RATE: usize = 24_000;

/// What is told when a session is over.
const ENDED: [&str; 3] = [
    "session.stopped",
    "session.state_updated",
    "session.state_updated",
];

/// A LITE session with its client.
pub(super) struct Lite {
    id: String,
    token: String,
    path: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Lite {
    async fn open(server: &Server) -> Self {
        Self::open_with(server, json!({ "mode": "LITE", "video_quality": "low" })).await
    }

    async fn open_with(server: &Server, wanted: Value) -> Self {
        let (id, token) = prepare(server, wanted).await;
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

    pub(super) async fn connect(
        server: &Server,
        path: &str,
    ) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
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
    let over = lite.expect(&ENDED).await;
    assert_eq!(over[0]["stop_reason"], "USER_DISCONNECTED");
    assert_eq!(
        (&over[1]["state"], &over[2]["state"]),
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
async fn sound_may_come_before_the_greeting_and_is_void_after_the_stop() {
    let server = keyed();
    let mut lite = Lite::open(&server).await;
    // Without waiting for "connected", an odd number of bytes, and its end.
    lite.speak(json!("early"), &tone(100)[1..]).await;
    lite.send(json!({ "type": "agent.speak_end", "event_id": "early" }))
        .await;
    let said = lite
        .expect(&[
            "session.state_updated",
            "agent.speak_started",
            "agent.state_updated",
            "agent.speak_ended",
            "agent.state_updated",
        ])
        .await;
    assert_eq!(said[3]["event_id"], "early");

    with(&server, "POST", "/v1/sessions/stop", &lite.token)
        .await
        .ok(200);
    lite.expect(&ENDED).await;
    assert_eq!(lite.closed().await.0, CloseCode::Normal);
    let late = BASE64.encode(tone(100));
    let late = json!({ "type": "agent.speak", "event_id": "late", "audio": late });
    let sent = lite.socket.send(Message::text(late.to_string())).await;
    assert!(sent.is_err(), "the socket is closed");
    let again = with(
        &server,
        "GET",
        &format!("/v1/sessions/{}/realtime", lite.id),
        &lite.token,
    )
    .await;
    assert_eq!(again.status, 410);
}

#[tokio::test]
async fn whatever_ends_a_session_is_told_with_its_reason() {
    let short = engine_with(Limits {
        idle_timeout_s: 1,
        ..Limits::default()
    });
    let config = Config {
        api_keys: vec![KEY.to_owned()],
        token_secret: Some(SECRET.to_vec()),
        ..Config::default()
    };
    let short = Server::new(short, &config, Some(KEY));
    let lite = json!({ "mode": "LITE" });
    let brief = json!({ "mode": "LITE", "max_session_duration": 1 });
    for (server, wanted, reason) in [
        (keyed(), brief, "MAX_DURATION_REACHED"),
        (short.clone(), lite.clone(), "IDLE_TIMEOUT"),
        (short, lite, "SERVER_SHUTDOWN"),
    ] {
        let mut lite = Lite::open_with(&server, wanted).await;
        let hello = lite.next().await;
        assert_eq!(hello["state"], "connected");
        if reason == "SERVER_SHUTDOWN" {
            server.engine.drain(PATIENCE).await;
        }
        let told = loop {
            let message = lite.next().await;
            if message["type"] != "warning" {
                break message;
            }
        };
        assert_eq!(told["type"], "session.stopped", "{told}");
        for name in ["reason", "stop_reason", "end_reason"] {
            assert_eq!(told[name], reason, "{told}");
        }
        let over = lite.expect(&ENDED[1..]).await;
        assert_eq!(over[1]["reason"], reason);
        assert_eq!(lite.closed().await.0, CloseCode::Normal);
    }
}
