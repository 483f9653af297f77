//! A session that a plugin has join its user's room.

use std::time::Duration;

use api::Config;
use livekit::token::{Claims, Grants, Key, Kind};
use serde_json::json;

use crate::server::{KEY, SECRET, Server, keyed};
use crate::socket::listen;

/// Signs the tokens of the customer's room.
const ROOM_KEY: &str = "customer:0123456789abcdef0123456789abcdef";

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
