//! Who may do what.

use std::time::{Duration, SystemTime};

use api::token::Tokens;
use api::{Config, ConfigError};
use axum::body::Body;
use serde_json::{Value, json};

use crate::server::{KEY, SECRET, Server, dev, keyed};

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> crate::server::Reply {
    server.call("GET", path, headers, Body::empty()).await
}

#[tokio::test]
async fn keys_open_everything_and_nothing_else_does() {
    let server = keyed();
    for path in ["/v1/sessions", "/v1/voices", "/v1/recordings", "/metrics"] {
        let bearer = format!("Bearer {KEY}");
        for good in [
            ("authorization", bearer.as_str()),
            ("x-api-key", KEY),
            ("authorization", &format!("bearer  {KEY}")),
        ] {
            get(&server, path, &[good]).await.ok(200);
        }
        for bad in [
            ("authorization", "Bearer wrong-key-0123456789"),
            ("authorization", "Bearer "),
            ("authorization", "Bearer"),
            ("authorization", "Basic dGVzdDp0ZXN0"),
            ("authorization", KEY),
            ("authorization", ""),
            ("x-api-key", ""),
            ("x-api-key", "wrong-key-0123456789"),
        ] {
            let reply = get(&server, path, &[bad]).await;
            reply.ok(401).refused("unauthorized");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
        // A key has no place in an address, where it would be written down.
        let query = format!("{path}?token={KEY}");
        get(&server, &query, &[("x-api-key", "-")]).await.ok(401);
    }
}

#[tokio::test]
async fn without_credentials_only_what_is_public_answers() {
    let bare = Server::new(keyed().engine, &config(), None);
    for path in [
        "/healthz",
        "/readyz",
        "/v1/status",
        "/openapi.json",
        "/v1/avatars/nora/preview.png?size=128",
    ] {
        bare.get(path).await.ok(200);
    }
    assert_eq!(bare.get("/v1/status").await.json()["dev_mode"], false);
    let document = bare.get("/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"] == json!([{}]) {
                continue;
            }
            let path = path.replace("{id}", "x").replace("{viewer}", "1");
            let reply = bare
                .call(&method.to_uppercase(), &path, &[], Body::empty())
                .await;
            assert_eq!(reply.status, 401, "{method} {path}");
        }
    }
}

fn config() -> Config {
    Config {
        api_keys: vec![KEY.to_owned()],
        token_secret: Some(SECRET.to_vec()),
        ..Config::default()
    }
}

#[tokio::test]
async fn a_token_opens_its_own_session_only() {
    let server = keyed();
    let (own, other) = (server.open().await, server.open().await);
    let bearer = format!("Bearer {}", own["token"].as_str().unwrap());
    let token = [("authorization", bearer.as_str())];
    let path = |session: &Value, rest: &str| {
        format!("/v1/sessions/{}{rest}", session["id"].as_str().unwrap())
    };

    get(&server, &path(&own, ""), &token).await.ok(200);
    get(&server, &path(&own, "/stats"), &token).await.ok(200);
    get(&server, "/v1/voices", &token).await.ok(200);
    get(&server, "/v1/avatars", &token).await.ok(200);
    for rest in ["", "/stats", "/events", "/ws"] {
        get(&server, &path(&other, rest), &token)
            .await
            .ok(403)
            .refused("forbidden");
    }
    for rest in [
        "/interrupt",
        "/speak",
        "/state",
        "/token",
        "/shown",
        "/whep",
    ] {
        let reply = server
            .call("POST", &path(&other, rest), &token, Body::empty())
            .await;
        reply.ok(403).refused("forbidden");
    }
    // Not even whether another session exists is told.
    get(&server, "/v1/sessions/nobody", &token)
        .await
        .ok(403)
        .refused("forbidden");
    for whole in ["/v1/sessions", "/v1/recordings", "/metrics"] {
        get(&server, whole, &token)
            .await
            .ok(403)
            .refused("forbidden");
    }
    let other_recording = format!("/v1/recordings/{}", other["id"].as_str().unwrap());
    get(&server, &other_recording, &token)
        .await
        .ok(403)
        .refused("forbidden");

    // In the address, where headers cannot be set.
    let in_query = format!(
        "{}?token={}",
        path(&own, ""),
        own["token"].as_str().unwrap()
    );
    let bare = Server::new(server.engine.clone(), &config(), None);
    bare.get(&in_query).await.ok(200);

    // Renewed with itself.
    let renewed = server
        .call("POST", &path(&own, "/token"), &token, Body::empty())
        .await;
    let renewed = renewed.ok(200).json();
    let bearer = format!("Bearer {}", renewed["token"].as_str().unwrap());
    get(&server, &path(&own, ""), &[("authorization", &bearer)])
        .await
        .ok(200);
    assert!(renewed["token_expires_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn expired_and_foreign_tokens_are_refused() {
    let server = keyed();
    let session = server.open().await;
    let id = session["id"].as_str().unwrap();
    let path = format!("/v1/sessions/{id}");
    let minute = Duration::from_mins(1);
    let ours = Tokens::new(Some(SECRET), minute).unwrap();
    let foreign = Tokens::new(Some(&[9; 32]), minute).unwrap();
    let now = SystemTime::now();
    for (token, status) in [
        (ours.grant(id, now).token, 200),
        (ours.grant(id, now - 2 * minute).token, 401),
        (foreign.grant(id, now).token, 401),
        (format!("{}x", ours.grant(id, now).token), 401),
        ("eyJhbGciOiJub25lIn0.e30.".to_owned(), 401),
    ] {
        let bearer = format!("Bearer {token}");
        let reply = get(&server, &path, &[("authorization", &bearer)]).await;
        reply.ok(status);
        if status == 401 {
            reply.refused("unauthorized");
            // What was sent is not repeated.
            assert!(!String::from_utf8_lossy(&reply.body).contains(&token));
        }
    }
}

#[tokio::test]
async fn dev_mode_serves_this_machine_only() {
    let server = dev();
    assert_eq!(server.get("/v1/status").await.json()["dev_mode"], true);
    for (name, value, status) in [
        ("host", "localhost:8747", 200),
        ("host", "127.0.0.1:8747", 200),
        ("host", "[::1]:8747", 200),
        // A name that somebody has pointed here.
        ("host", "rebound.example.org", 401),
        ("origin", "http://localhost:5173", 200),
        ("origin", "http://127.0.0.1:8747", 200),
        ("origin", "https://example.org", 401),
        ("origin", "http://localhost.example.org", 401),
        ("origin", "null", 401),
        // Clients that always send a key may.
        ("x-api-key", "anything", 200),
        ("authorization", "Bearer anything", 200),
        ("authorization", "Bearer not.a.token", 401),
    ] {
        let reply = get(&server, "/v1/sessions", &[(name, value)]).await;
        assert_eq!(reply.status, status, "{name}: {value}");
    }
    let public = Config {
        public_url: Some("https://faces.example.org".into()),
        ..Config::default()
    };
    let public = Server::new(server.engine, &public, None);
    get(
        &public,
        "/v1/sessions",
        &[
            ("host", "faces.example.org"),
            ("origin", "https://faces.example.org"),
        ],
    )
    .await
    .ok(200);
}

#[tokio::test]
async fn unsafe_settings_are_refused() {
    let engine = dev().engine;
    let refused = |config: Config| api::State::new(engine.clone(), &config).err().unwrap();
    let open = Config {
        loopback: false,
        ..Config::default()
    };
    assert!(matches!(refused(open), ConfigError::NoKeys));
    let short = Config {
        api_keys: vec!["short".into()],
        ..Config::default()
    };
    assert!(matches!(refused(short), ConfigError::ShortKey(5)));
    let secret = Config {
        token_secret: Some(vec![1; 31]),
        ..Config::default()
    };
    assert!(matches!(refused(secret), ConfigError::Secret(_)));
}
