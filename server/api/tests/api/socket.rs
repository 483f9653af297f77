//! The WebSocket, over a real connection.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::{MAX_TEXT, Server, dev};

pub async fn listen(server: &Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = server.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub session: Value,
}

impl Client {
    pub async fn connect(server: &Server) -> Self {
        let address = listen(server).await;
        let session = server.open().await;
        let url = format!("ws://{address}{}", session["urls"]["ws"].as_str().unwrap());
        let (socket, _) = connect_async(url).await.unwrap();
        Self { socket, session }
    }

    pub async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    pub async fn binary(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    /// The next message of one of these types.
    pub async fn wait(&mut self, types: &[&str]) -> Value {
        loop {
            let next = tokio::time::timeout(Duration::from_mins(1), self.socket.next()).await;
            if let Message::Text(text) = next.unwrap().unwrap().unwrap() {
                let message: Value = serde_json::from_str(&text).unwrap();
                if types.contains(&message["type"].as_str().unwrap()) {
                    return message;
                }
            }
        }
    }

    /// An answer to what was sent: it has no number, events have one.
    pub async fn answer(&mut self) -> Value {
        loop {
            let message = self.wait(&["accepted", "pong", "error"]).await;
            if message.get("seq").is_none() {
                return message;
            }
        }
    }

    pub async fn refused(&mut self, code: &str) -> Value {
        let answer = self.answer().await;
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{answer}"
        );
        answer
    }

    /// Why the server closed the connection.
    pub async fn closed(&mut self) -> (CloseCode, String) {
        loop {
            let next = tokio::time::timeout(Duration::from_mins(1), self.socket.next()).await;
            if let Message::Close(frame) = next.unwrap().unwrap().unwrap() {
                let frame = frame.unwrap();
                return (frame.code, frame.reason.to_string());
            }
        }
    }
}

#[tokio::test]
async fn text_and_sound_go_in_and_events_come_out() {
    let server = dev();
    let mut client = Client::connect(&server).await;
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.answer().await, json!({ "type": "pong" }));

    client
        .send(json!({ "type": "speak", "text": "Hello." }))
        .await;
    let turn = client.answer().await["turn"].clone();
    let started = client.wait(&["speak_started"]).await;
    assert_eq!(started["turn"], turn);
    assert_eq!(started["session_id"], client.session["id"]);
    client.wait(&["idle"]).await;

    client
        .send(json!({ "type": "text.begin", "mode": "interrupt", "voice": null }))
        .await;
    let turn = client.answer().await["turn"].clone();
    for token in ["One", " small", " step", "."] {
        client
            .send(json!({ "type": "text.append", "text": token }))
            .await;
    }
    client.send(json!({ "type": "text.end" })).await;
    let ended = client.wait(&["speak_ended"]).await;
    assert_eq!(
        (&ended["turn"], &ended["heard_text"]),
        (&turn, &json!("One small step."))
    );
    client
        .send(json!({ "type": "shown", "turn": turn, "after_ms": 321.5 }))
        .await;
    loop {
        let receipt = client.wait(&["receipt"]).await;
        if receipt["turn"] == turn && !receipt["stages"]["shown_ms"].is_null() {
            assert_eq!(receipt["stages"]["shown_ms"], 321.5);
            break;
        }
    }

    client
        .send(json!({ "type": "audio.begin", "rate": 16_000 }))
        .await;
    let turn = client.answer().await["turn"].clone();
    for _ in 0..7 {
        // Samples cut apart, and nothing at all.
        client.binary(vec![3; 999]).await;
        client.binary(Vec::new()).await;
    }
    client.send(json!({ "type": "audio.end" })).await;
    let ended = client.wait(&["speak_ended"]).await;
    assert_eq!(
        (&ended["turn"], &ended["interrupted"]),
        (&turn, &json!(false))
    );

    client
        .send(json!({ "type": "audio.begin", "rate": 24_000 }))
        .await;
    let turn = client.answer().await["turn"].clone();
    client.binary(vec![0; 480_000]).await;
    client.wait(&["speak_started"]).await;
    client.send(json!({ "type": "interrupt" })).await;
    let ended = client.wait(&["speak_ended"]).await;
    assert_eq!(
        (&ended["turn"], &ended["interrupted"]),
        (&turn, &json!(true))
    );
    // The rest of it is passed over.
    client.binary(vec![0; 48_000]).await;
    client.send(json!({ "type": "audio.end" })).await;
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.answer().await["type"], "pong");

    let path = client.session["urls"]["self"].as_str().unwrap().to_owned();
    server.delete(&path).await.ok(204);
    assert_eq!(client.wait(&["closed"]).await["reason"], "client");
    assert_eq!(client.closed().await.0, CloseCode::Normal);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_the_connection_goes_on() {
    let server = dev();
    let mut client = Client::connect(&server).await;
    for (message, code) in [
        (json!({}), "invalid_request"),
        (json!({ "type": "dance" }), "invalid_request"),
        (json!({ "type": "speak" }), "invalid_request"),
        (
            json!({ "type": "speak", "text": "Hi", "loud": true }),
            "invalid_request",
        ),
        (json!({ "type": "speak", "text": " " }), "empty_text"),
        (
            json!({ "type": "speak", "text": "x".repeat(MAX_TEXT + 1) }),
            "text_too_long",
        ),
        (
            json!({ "type": "speak", "text": "Hi", "voice": "nobody" }),
            "unknown_voice",
        ),
        (json!({ "type": "text.append", "text": "Hi" }), "conflict"),
        (json!({ "type": "text.end" }), "conflict"),
        (json!({ "type": "audio.end" }), "conflict"),
        (
            json!({ "type": "shown", "turn": 1, "after_ms": -5 }),
            "invalid_request",
        ),
    ] {
        client.send(message).await;
        client.refused(code).await;
    }
    client.binary(vec![0; 4]).await;
    client.refused("conflict").await;
    client.socket.send(Message::text("{")).await.unwrap();
    client.refused("invalid_request").await;

    // What belongs to a refused beginning is passed over up to its end.
    client
        .send(json!({ "type": "audio.begin", "rate": 1 }))
        .await;
    client.refused("bad_audio").await;
    client.binary(vec![0; 4]).await;
    client.send(json!({ "type": "text.begin" })).await;
    client.refused("conflict").await;
    client.send(json!({ "type": "audio.end" })).await;
    client
        .send(json!({ "type": "text.begin", "voice": "nobody" }))
        .await;
    client.refused("unknown_voice").await;
    client
        .send(json!({ "type": "text.append", "text": "Hi" }))
        .await;
    client.send(json!({ "type": "text.end" })).await;

    // A text that becomes too long is cut, and says which turn.
    client.send(json!({ "type": "text.begin" })).await;
    let turn = client.answer().await["turn"].clone();
    client
        .send(json!({ "type": "text.append", "text": "x".repeat(MAX_TEXT + 1) }))
        .await;
    assert_eq!(client.refused("text_too_long").await["turn"], turn);
    client
        .send(json!({ "type": "text.append", "text": "more" }))
        .await;
    client.send(json!({ "type": "text.end" })).await;

    // More than two minutes of sound that nobody has heard yet.
    client
        .send(json!({ "type": "audio.begin", "rate": 8_000, "mode": "interrupt" }))
        .await;
    let turn = client.answer().await["turn"].clone();
    for _ in 0..5 {
        client.binary(vec![0; 8_000 * 2 * 60]).await;
    }
    assert_eq!(client.refused("too_far_ahead").await["turn"], turn);
    client.send(json!({ "type": "audio.end" })).await;
    client.send(json!({ "type": "interrupt" })).await;
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.answer().await["type"], "pong");
}

#[tokio::test]
async fn broken_clients_are_let_go_with_a_reason() {
    let server = dev();
    let mut client = Client::connect(&server).await;
    for _ in 0..200 {
        // The connection may be closed before all are sent.
        if client.socket.send(Message::text("?")).await.is_err() {
            break;
        }
    }
    let (code, reason) = client.closed().await;
    assert_eq!(code, CloseCode::Policy, "{reason}");

    let mut client = Client::connect(&server).await;
    let _ = client
        .socket
        .send(Message::binary(vec![0; (1 << 20) + 1]))
        .await;
    assert_eq!(client.closed().await.0, CloseCode::Size);
}

#[tokio::test]
async fn it_speaks_websocket_only() {
    let server = dev();
    let session = server.open().await;
    let ws = session["urls"]["ws"].as_str().unwrap();
    let reply = server.get(ws).await;
    reply.ok(426).refused("upgrade_required");
    assert_eq!(reply.header("upgrade"), "websocket");
    let gone = listen(&server).await;
    assert!(
        connect_async(format!("ws://{gone}/v1/sessions/none/ws"))
            .await
            .is_err()
    );
}
