//! Text and sound, whole and in pieces.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::server::{MAX_TEXT, Reply, Server, dev};

/// A session and its events from the beginning.
struct Talk {
    server: Server,
    path: String,
    events: engine::Subscription,
}

impl Talk {
    async fn open() -> Self {
        let server = dev();
        let session = server.open().await;
        let id = session["id"].as_str().unwrap();
        Self {
            path: format!("/v1/sessions/{id}/speak"),
            events: server.engine.get(id).unwrap().events(Some(0)),
            server,
        }
    }

    async fn send(&self, content_type: &str, body: impl Into<Body>) -> Reply {
        self.server
            .call("POST", &self.path, &[("content-type", content_type)], body)
            .await
    }

    /// Says a text; gives the turn.
    async fn say(&self, text: &Value) -> Value {
        let reply = self.server.post(&self.path, text.clone()).await;
        reply.ok(202).json()["turn"].clone()
    }

    /// Sends a body in pieces; gives the turn.
    async fn stream(&self, content_type: &str, pieces: Vec<Bytes>) -> Value {
        let reply = self.send(content_type, streamed(pieces)).await;
        reply.ok(202).json()["turn"].clone()
    }

    async fn interrupt(&self) -> Value {
        let path = self.path.replace("/speak", "/interrupt");
        let reply = self.server.call("POST", &path, &[], Body::empty()).await;
        reply.ok(200).json()
    }

    /// Asserts that a body is refused in this way.
    async fn refuses(&self, content_type: &str, body: impl Into<Body>, status: u16, code: &str) {
        let reply = self.send(content_type, body).await;
        reply.ok(status).refused(code);
    }

    /// The end of a turn.
    async fn ended(&mut self, turn: &Value) -> Value {
        loop {
            let event = self.events.next().await.unwrap();
            let event = serde_json::to_value(&*event).unwrap();
            if event["type"] == "speak_ended" && event["turn"] == *turn {
                return event;
            }
        }
    }
}

/// A body that comes in these pieces.
fn streamed(pieces: Vec<Bytes>) -> Body {
    Body::from_stream(futures_util::stream::iter(
        pieces.into_iter().map(Ok::<_, Infallible>),
    ))
}

#[tokio::test]
async fn text_is_spoken_whole_and_as_it_is_written() {
    let mut talk = Talk::open().await;
    let turn = talk.say(&json!({ "text": "Hello there." })).await;
    assert_eq!(talk.ended(&turn).await["heard_text"], "Hello there.");

    // Cut in the middle of a character.
    let text = "  Café, please.".as_bytes();
    let pieces = text.chunks(6).map(Bytes::copy_from_slice).collect();
    let turn = talk.stream("text/plain; charset=utf-8", pieces).await;
    let ended = talk.ended(&turn).await;
    assert_eq!(ended["heard_text"], "Café, please.");
    assert_eq!(ended["interrupted"], false);
    let session = talk
        .server
        .get(talk.path.strip_suffix("/speak").unwrap())
        .await
        .json();
    let receipts = session["receipts"].as_array().unwrap();
    assert_eq!(receipts.len(), 2);
    assert!(receipts[1]["stages"]["first_packet_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn tags_are_not_spoken_and_moods_are_taken() {
    let mut talk = Talk::open().await;
    let text = "[happy] Hello [nod] there [1].";
    let turn = talk
        .say(&json!({ "text": text, "emotion": "friendly", "intensity": 0.5 }))
        .await;
    assert_eq!(talk.ended(&turn).await["heard_text"], "Hello there [1].");
    // A tag may be cut in two on its way.
    let pieces = ["Well, [rai", "se_brows] yes."].map(Bytes::from);
    let turn = talk.stream("text/plain", pieces.to_vec()).await;
    assert_eq!(talk.ended(&turn).await["heard_text"], "Well, yes.");
}

#[tokio::test]
async fn a_face_listens_and_thinks_until_it_speaks() {
    let mut talk = Talk::open().await;
    let id = talk.path.split('/').nth(3).unwrap().to_owned();
    let path = format!("/v1/sessions/{id}/state");
    for state in ["listening", "idle", "thinking"] {
        let wanted = json!({ "state": state });
        let reply = talk.server.post(&path, wanted.clone()).await;
        assert_eq!(reply.ok(200).json(), wanted);
    }
    let turn = talk.say(&json!({ "text": "I know." })).await;
    talk.ended(&turn).await;
    for wrong in [
        json!({ "state": "asleep" }),
        json!({}),
        json!({ "state": "idle", "x": 1 }),
    ] {
        let reply = talk.server.post(&path, wrong).await;
        reply.ok(400).refused("invalid_request");
    }
}

#[tokio::test]
async fn an_interrupt_cuts_what_is_said() {
    let mut talk = Talk::open().await;
    let long = json!({ "text": "This goes on and on. ".repeat(20) });
    let first = talk.say(&long).await;
    assert_eq!(talk.interrupt().await["turn"], first);
    assert_eq!(talk.ended(&first).await["interrupted"], true);
    let none = talk.interrupt().await;
    assert_eq!(none, json!({ "turn": null, "heard_text": "" }));

    let second = talk.say(&long).await;
    let third = json!({ "text": "Stop.", "mode": "interrupt" });
    talk.say(&third).await;
    assert_eq!(talk.ended(&second).await["interrupted"], true);
}

#[tokio::test]
async fn text_that_cannot_be_spoken_is_refused() {
    let talk = Talk::open().await;
    let too_long = "a ".repeat(MAX_TEXT / 2 + 1);
    for (body, status, code) in [
        (json!({ "text": "" }), 400, "empty_text"),
        (json!({ "text": " \n\t " }), 400, "empty_text"),
        (json!({ "text": too_long }), 413, "text_too_long"),
        (json!({ "text": "x".repeat(1 << 20) }), 413, "text_too_long"),
        (
            json!({ "text": "Hi", "voice": "nobody" }),
            400,
            "unknown_voice",
        ),
        (
            json!({ "text": "Hi", "mode": "shout" }),
            400,
            "invalid_request",
        ),
        (json!({ "text": "Hi", "speed": 2 }), 400, "invalid_request"),
        (
            json!({ "text": "Hi", "emotion": "angry" }),
            400,
            "invalid_request",
        ),
        (
            json!({ "text": "Hi", "emotion": "happy", "intensity": 1.5 }),
            400,
            "invalid_request",
        ),
        (
            json!({ "text": "Hi", "intensity": 0.5 }),
            400,
            "invalid_request",
        ),
        (json!({ "text": 5 }), 400, "invalid_request"),
        (json!({}), 400, "invalid_request"),
    ] {
        talk.server
            .post(&talk.path, body)
            .await
            .ok(status)
            .refused(code);
    }
    let long = vec![Bytes::from(too_long.clone()); 2];
    for (content_type, body, status, code) in [
        ("text/plain", "".into(), 400, "empty_text"),
        ("text/plain", " \n ".into(), 400, "empty_text"),
        ("text/plain", too_long.into(), 413, "text_too_long"),
        ("text/plain", streamed(long), 413, "text_too_long"),
        (
            "text/plain",
            (&b"\xff\xfe"[..]).into(),
            400,
            "invalid_request",
        ),
        ("text/html", "Hi".into(), 415, "unsupported_media_type"),
        (
            "text/plain; charset=latin1",
            "Hi".into(),
            415,
            "unsupported_media_type",
        ),
    ] {
        talk.refuses(content_type, body, status, code).await;
    }
    let untyped = talk.server.call("POST", &talk.path, &[], "Hi").await;
    untyped.ok(415).refused("unsupported_media_type");
    let query = format!("{}?mode=shout", talk.path);
    let reply = talk
        .server
        .call("POST", &query, &[("content-type", "text/plain")], "Hi")
        .await;
    reply.ok(400).refused("invalid_request");
    // Nothing of all that was begun.
    assert_eq!(
        talk.server
            .engine
            .get(talk.path.split('/').nth(3).unwrap())
            .unwrap()
            .info()
            .turn,
        None
    );
}

#[tokio::test]
async fn what_came_before_a_fault_is_said() {
    let mut talk = Talk::open().await;
    let pieces = vec![
        Bytes::from("Good so far. "),
        Bytes::from(&b"\xc3\x28 bad"[..]),
    ];
    let reply = talk.send("text/plain", streamed(pieces)).await;
    let detail = reply.ok(400).refused("invalid_request")["detail"].clone();
    assert!(detail.as_str().unwrap().contains("byte 13"), "{detail}");
    assert_eq!(talk.ended(&json!(1)).await["heard_text"], "Good so far.");

    // A client that breaks off.
    let broken = futures_util::stream::iter([
        Ok(Bytes::from("One more thing. ")),
        Err(std::io::Error::other("gone")),
    ]);
    let reply = talk.send("text/plain", Body::from_stream(broken)).await;
    reply.ok(400).refused("invalid_request");
    assert_eq!(talk.ended(&json!(2)).await["heard_text"], "One more thing.");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let config = api::Config {
        body_pause: std::time::Duration::from_millis(50),
        ..api::Config::default()
    };
    let server = Server::new(dev().engine, &config, None);
    let session = server.open().await;
    let path = format!("/v1/sessions/{}/speak", session["id"].as_str().unwrap());
    let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
    let request = Request::post(&path)
        .header("content-type", "text/plain")
        .body(body)
        .unwrap();
    server.raw(request).await.ok(408).refused("timeout");
}

#[tokio::test]
async fn too_many_turns_are_refused() {
    let talk = Talk::open().await;
    // Sound waits without a voice having to compute it.
    let sound = vec![0_u8; 48_000];
    let mut refused = None;
    for _ in 0..40 {
        let reply = talk.send("audio/pcm;rate=8000", sound.clone()).await;
        if reply.status != 202 {
            refused = Some(reply);
            break;
        }
    }
    refused.unwrap().ok(429).refused("too_many_turns");
}

fn wav(rate: u32, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0".to_vec();
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend([0; 6]);
    file.extend(bits.to_le_bytes());
    file.extend(b"data\xff\xff\xff\xff");
    file.extend(data);
    file
}

#[tokio::test]
async fn sound_is_played_whatever_it_is_made_of() {
    let mut talk = Talk::open().await;
    let tenth = |rate: usize, frame: usize| vec![1_u8; rate / 10 * frame];
    for (content_type, body) in [
        ("audio/wav", wav(44_100, 2, 24, &tenth(44_100, 6))),
        ("audio/x-wav", wav(11_025, 1, 8, &tenth(11_025, 1))),
        ("audio/wav", wav(96_000, 1, 32, &tenth(96_000, 4))),
        ("audio/pcm;rate=16000", tenth(16_000, 2)),
        ("audio/pcm", tenth(24_000, 2)),
        ("audio/L16;rate=8000;channels=2", tenth(8_000, 4)),
    ] {
        // In pieces that cut samples apart.
        let pieces = body.chunks(997).map(Bytes::copy_from_slice).collect();
        let turn = talk.stream(content_type, pieces).await;
        assert_eq!(
            talk.ended(&turn).await["interrupted"],
            false,
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn sound_that_cannot_be_played_is_refused() {
    let talk = Talk::open().await;
    for (content_type, body) in [
        ("audio/wav", Vec::new()),
        ("audio/wav", b"RIFF".to_vec()),
        ("audio/wav", b"ID3\x04 not a wav file at all".to_vec()),
        ("audio/wav", wav(24_000, 1, 16, &[])),
        ("audio/wav", wav(24_000, 1, 13, &[0; 8])),
        ("audio/wav", wav(24_000, 0, 16, &[0; 8])),
        ("audio/wav", wav(0, 1, 16, &[0; 8])),
        ("audio/wav", wav(4_000_000, 1, 16, &[0; 8])),
        ("audio/pcm;rate=24000", Vec::new()),
        ("audio/pcm;rate=24000", vec![0]),
        ("audio/pcm;rate=5", vec![0; 8]),
        ("audio/pcm;rate=fast", vec![0; 8]),
        ("audio/pcm;rate=24000;channels=99999", vec![0; 8]),
    ] {
        let what = format!("{content_type} {:?}", &body[..body.len().min(30)]);
        let reply = talk.send(content_type, body).await;
        assert_eq!(reply.status, 400, "{what}");
        reply.refused("bad_audio");
    }
    talk.refuses("audio/mpeg", vec![0; 8], 415, "unsupported_media_type")
        .await;
}
