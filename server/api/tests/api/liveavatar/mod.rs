//! Sessions of the `LiveAvatar` API, over real connections.

mod lite;
mod lives;
mod plugin;

use std::time::Duration;

use api::Config;
use axum::body::Body;
use serde_json::Value;

use crate::server::{KEY, Reply, SECRET, Server, keyed};

/// Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The envelope of a refusal, with this status.
#[track_caller]
fn refused(reply: &Reply, status: u16) -> String {
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

async fn with(server: &Server, method: &str, path: &str, token: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("host", "localhost:8747"),
    ];
    server.call(method, path, &headers, Body::empty()).await
}
