//! LiveKit's rooms, over real connections.

use std::time::Duration;

use api::Config;
use axum::body::Body;
use futures_util::StreamExt;
use livekit::token::{Claims, Grants, Key, Kind};
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::server::{KEY, SECRET, Server, dev, until};
use crate::socket::listen;

const LIVEKIT_KEY: &str = "dev:0123456789abcdef0123456789abcdef";

fn server() -> Server {
    let config = Config {
        api_keys: vec![KEY.to_owned()],
        token_secret: Some(SECRET.to_vec()),
        rooms: rooms::Settings {
            keys: vec![LIVEKIT_KEY.to_owned()],
            ..rooms::Settings::default()
        },
        ..Config::default()
    };
    Server::new(dev().engine, &config, Some(KEY))
}

fn token(room: &str, identity: &str) -> String {
    let claims = Claims {
        identity: identity.to_owned(),
        kind: Kind::Agent,
        grants: Grants::join(room),
        ..Claims::default()
    };
    let key = Key::parse(LIVEKIT_KEY).unwrap();
    key.sign(
        &claims,
        std::time::SystemTime::now(),
        Duration::from_mins(5),
    )
}

#[tokio::test]
async fn clients_are_told_whether_they_could_join() {
    let server = server();
    let good = token("somewhere", "anna");
    for path in ["/rtc/validate", "/rtc/v1/validate"] {
        let reply = server.get(&format!("{path}?access_token={good}")).await;
        assert_eq!(&reply.ok(200).body[..], b"success");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        let bearer = format!("Bearer {good}");
        let reply = server
            .call("GET", path, &[("authorization", &bearer)], Body::empty())
            .await;
        reply.ok(200);
        for bad in ["", "x.y.z", &good[..good.len() - 2], &good.replace('.', "")] {
            let reply = server.get(&format!("{path}?access_token={bad}")).await;
            assert!(!reply.ok(401).body.is_empty());
        }
        server.get(path).await.ok(401);
    }
    server
        .get(&format!("/rtc/v1?access_token={good}"))
        .await
        .ok(404);
}

#[tokio::test]
async fn bad_tokens_and_requests_are_refused_before_the_upgrade() {
    let server = server();
    let address = listen(&server).await;
    let good = token("somewhere-else", "anna");
    for (path, status) in [
        ("rtc/v1".to_owned(), 401),
        ("rtc/v1?access_token=a.b.c".to_owned(), 401),
        (format!("rtc/v1?access_token={good}&join_request=%23"), 400),
        (
            format!("rtc/v1?access_token={good}&join_request=CAcSAA"),
            400,
        ),
        (format!("rtc?access_token={}", &good[1..]), 401),
    ] {
        let refused = connect_async(format!("ws://{address}/{path}")).await;
        let Err(Error::Http(response)) = refused else {
            panic!("{path}: {refused:?}")
        };
        assert_eq!(response.status(), status, "{path}");
        assert!(response.body().is_some(), "{path}");
    }
}

/// The first frame that a client gets.
async fn first_frame(url: &str, bearer: Option<&str>) -> Vec<u8> {
    let mut request = url.into_client_request().unwrap();
    if let Some(token) = bearer {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
    }
    let (mut socket, _) = connect_async(request).await.unwrap();
    match socket.next().await.unwrap().unwrap() {
        Message::Binary(frame) => frame.to_vec(),
        other => panic!("{other:?}"),
    }
}

/// `SignalResponse.join` is field 1, length-delimited.
const JOIN: u8 = 0x0a;

#[tokio::test]
async fn the_first_frame_is_join_and_names_the_avatar() {
    let server = server();
    let address = listen(&server).await;
    let session = server.open().await;
    let id = session["id"].as_str().unwrap();
    let token = token(id, "anna");
    let contains = |frame: &[u8], text: &[u8]| frame.windows(text.len()).any(|w| w == text);
    let by_header = first_frame(&format!("ws://{address}/rtc/v1"), Some(&token)).await;
    let by_query = format!("ws://{address}/rtc?access_token={token}&auto_subscribe=1");
    for frame in [by_header, first_frame(&by_query, None).await] {
        assert_eq!(frame[0], JOIN);
        assert!(contains(&frame, b"heygen") && contains(&frame, b"avatar_video"));
        assert!(contains(&frame, id.as_bytes()));
    }
    // Something that never was is nothing to be resumed: SignalResponse.leave.
    let resume = format!("ws://{address}/rtc?access_token={token}&reconnect=1&sid=PA_x");
    assert_eq!(first_frame(&resume, None).await[0], 0x42);
    server.delete(&format!("/v1/sessions/{id}")).await.ok(204);
}

#[tokio::test]
async fn a_token_for_a_session_opens_nothing_else_when_it_is_over() {
    let server = server();
    let settings = rooms::Settings {
        keys: vec![LIVEKIT_KEY.to_owned()],
        ..rooms::Settings::default()
    };
    let rooms = rooms::Rooms::new(server.engine.clone(), settings).unwrap();
    let session = server.open().await;
    let id = session["id"].as_str().unwrap();
    let path = format!(
        "/rtc/v1/validate?access_token={}",
        rooms.viewer_token(id, "anna")
    );
    server.get(&path).await.ok(200);
    server.delete(&format!("/v1/sessions/{id}")).await.ok(204);
    until("over", || server.engine.get(id).is_none().then_some(())).await;
    let reply = server.get(&path).await;
    assert_eq!(&reply.ok(404).body[..], b"requested room does not exist");
}

#[tokio::test]
async fn a_session_joins_a_room_and_leaves_it() {
    let server = server();
    let address = listen(&server).await;
    let session = server.open().await;
    let id = session["id"].as_str().unwrap();
    let path = format!("/v1/sessions/{id}/livekit");
    server.get(&path).await.ok(404).refused("not_found");
    let room = json!({
        "url": format!("http://{address}"),
        "token": token("customer", "avatar"),
    });
    let joined = server.post(&path, room).await.ok(201).json();
    assert_eq!(
        joined,
        json!({ "room": "customer", "identity": "avatar", "state": "published" })
    );
    assert_eq!(server.get(&path).await.ok(200).json(), joined);
    // A second participant is told of its tracks.
    let watcher = format!(
        "ws://{address}/rtc?access_token={}",
        token("customer", "anna")
    );
    let frame = first_frame(&watcher, None).await;
    let tracks = [&b"avatar_audio"[..], b"avatar_video"];
    assert!(
        tracks
            .iter()
            .all(|name| frame.windows(name.len()).any(|w| w == *name))
    );
    server.delete(&path).await.ok(204);
    server.delete(&path).await.ok(404).refused("not_found");
}

#[tokio::test]
async fn rooms_that_cannot_be_joined_are_told_apart() {
    let server = server();
    let address = listen(&server).await;
    let session = server.open().await;
    let path = format!("/v1/sessions/{}/livekit", session["id"].as_str().unwrap());
    let url = format!("ws://{address}");
    let foreign = Key::new("other", &"x".repeat(32)).unwrap().sign(
        &Claims {
            identity: "avatar".to_owned(),
            grants: Grants::join("customer"),
            ..Claims::default()
        },
        std::time::SystemTime::now(),
        Duration::from_mins(5),
    );
    for (url, token, status, code) in [
        ("ftp://x", "a.b.c", 400, "invalid_request"),
        (&url[..], "a.b.c", 400, "invalid_request"),
        (&url[..], &foreign[..], 502, "room_refused"),
    ] {
        let wanted = json!({ "url": url, "token": token });
        server.post(&path, wanted).await.ok(status).refused(code);
    }
    let member = format!("Bearer {}", session["token"].as_str().unwrap());
    let headers = [
        ("authorization", &member[..]),
        ("content-type", "application/json"),
    ];
    server
        .call("POST", &path, &headers, "{}")
        .await
        .ok(403)
        .refused("forbidden");
}
