//! Sessions, their limits and their end.

use api::Config;
use axum::body::Body;
use serde_json::json;

use crate::server::{MAX_TEXT, Server, dev, engine, until};

#[tokio::test]
async fn a_session_is_made_looked_at_and_ended() {
    let server = dev();
    let reply = server
        .post(
            "/v1/sessions",
            json!({ "width": 128, "height": 256, "record": false, "max_duration_s": 60 }),
        )
        .await;
    let session = reply.ok(201).json();
    let id = session["id"].as_str().unwrap();
    let path = format!("/v1/sessions/{id}");
    assert_eq!(reply.header("location"), path);
    for (field, value) in [
        ("state", json!("open")),
        ("avatar", json!("nora")),
        ("voice", json!("joe")),
        ("width", json!(128)),
        ("height", json!(256)),
        ("turn", json!(0)),
        ("speaking", json!(false)),
        ("viewers", json!(0)),
        ("record", json!(false)),
    ] {
        assert_eq!(session[field], value, "{field}");
    }
    assert_eq!(session["limits"]["max_duration_s"], 60);
    assert_eq!(session["limits"]["max_text_bytes"], MAX_TEXT);
    assert_eq!(session["urls"]["self"], path);
    assert_eq!(session["urls"]["ws"], format!("{path}/ws"));
    assert_eq!(session["urls"]["recording"], json!(null));
    assert_eq!(session["recording"]["state"], "off");
    assert_eq!(session["token"].as_str().unwrap().split('.').count(), 3);

    let found = server.get(&path).await.ok(200).json();
    assert_eq!(found["receipts"], json!([]));
    assert_eq!(found.get("token"), None, "given at its creation only");
    let all = server.get("/v1/sessions").await.ok(200).json();
    let ids: Vec<_> = all["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["id"])
        .collect();
    assert!(ids.contains(&&json!(id)));
    let stats = server.get(&format!("{path}/stats")).await.ok(200).json();
    assert_eq!(stats["viewers"], json!([]));

    server.delete(&path).await.ok(204);
    until("gone", || server.engine.get(id).is_none().then_some(())).await;
    for (method, rest) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/interrupt"),
        ("GET", "/events"),
    ] {
        let reply = server
            .call(method, &format!("{path}{rest}"), &[], Body::empty())
            .await;
        reply.ok(410).refused("session_closed");
    }
    server
        .get("/v1/sessions/never-was")
        .await
        .ok(404)
        .refused("not_found");
}

#[tokio::test]
async fn the_body_may_be_left_out() {
    let server = dev();
    let session = server
        .call("POST", "/v1/sessions", &[], Body::empty())
        .await
        .ok(201)
        .json();
    assert_eq!(session["width"], 512);
    assert_eq!(session["record"], true);
    let id = session["id"].as_str().unwrap();
    assert_eq!(
        session["urls"]["recording"],
        format!("/v1/recordings/{id}/video.mp4")
    );
    server.delete(&format!("/v1/sessions/{id}")).await.ok(204);
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let server = dev();
    for (body, code, words) in [
        (json!({ "avatar": "nobody" }), "unknown_avatar", "nora"),
        (json!({ "voice": "nobody" }), "unknown_voice", "joe"),
        (json!({ "voice": "v".repeat(9_999) }), "unknown_voice", "…"),
        (json!({ "width": 511 }), "invalid_request", "even"),
        (json!({ "width": 64 }), "invalid_request", "128"),
        (json!({ "width": 99_999 }), "invalid_request", "1920"),
        (json!({ "width": -2 }), "invalid_request", "-2"),
        (json!({ "width": "512" }), "invalid_request", "string"),
        (json!({ "bitrate": 1 }), "invalid_request", "bitrate"),
        (
            json!({ "max_duration_s": 0 }),
            "invalid_request",
            "max_duration_s",
        ),
        (
            json!({ "idle_timeout_s": 1e9 as u64 }),
            "invalid_request",
            "idle_timeout_s",
        ),
        (
            json!({ "lip_sync": "psychic" }),
            "invalid_request",
            "balanced",
        ),
        (json!({ "colour": "red" }), "invalid_request", "colour"),
        (json!([]), "invalid_request", "object"),
        (json!("x"), "invalid_request", "object"),
    ] {
        let reply = server.post("/v1/sessions", body.clone()).await;
        let problem = reply.ok(400).refused(code);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{body}: {detail}");
        assert!(detail.len() < 1_000);
    }
    let json_type = [("content-type", "application/json")];
    for body in ["", "{", "{\"avatar\":}", "\u{0}", "nul"] {
        server
            .call("POST", "/v1/sessions", &json_type, body)
            .await
            .ok(if body.is_empty() { 201 } else { 400 });
    }
    let invalid = server
        .call("POST", "/v1/sessions", &json_type, vec![b'"', 0xff, b'"'])
        .await;
    invalid.ok(400).refused("invalid_request");
    for other in [
        "text/plain",
        "application/xml",
        "application/json; charset=latin1",
    ] {
        let reply = server
            .call("POST", "/v1/sessions", &[("content-type", other)], "{}")
            .await;
        reply.ok(415).refused("unsupported_media_type");
    }
    let untyped = server
        .call("POST", "/v1/sessions", &[("content-length", "2")], "{}")
        .await;
    untyped.ok(415).refused("unsupported_media_type");
    let long = format!("{{\"voice\":\"{}\"}}", "v".repeat(17 << 20));
    server
        .call("POST", "/v1/sessions", &json_type, long)
        .await
        .ok(413)
        .refused("payload_too_large");
}

#[tokio::test]
async fn a_full_server_says_so_and_a_closing_one_too() {
    let server = Server::new(engine(1), &Config::default(), None);
    let session = server.open().await;
    let reply = server.post("/v1/sessions", json!({})).await;
    reply.ok(503).refused("too_many_sessions");
    server.get("/readyz").await.ok(200);
    let status = server.get("/v1/status").await.json();
    assert_eq!(
        (&status["sessions"], &status["capacity"]),
        (&json!(1), &json!(1))
    );

    server.engine.stop_admitting();
    server
        .post("/v1/sessions", json!({}))
        .await
        .ok(503)
        .refused("shutting_down");
    server.get("/readyz").await.ok(503).refused("shutting_down");
    server.get("/healthz").await.ok(200);
    assert_eq!(
        server.engine.drain(std::time::Duration::from_mins(1)).await,
        0
    );
    let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    server.get(&path).await.ok(410).refused("session_closed");
}

#[tokio::test]
async fn what_was_shown_is_checked() {
    let server = dev();
    let session = server.open().await;
    let path = format!("/v1/sessions/{}/shown", session["id"].as_str().unwrap());
    server
        .post(&path, json!({ "turn": 1, "after_ms": 250.5 }))
        .await
        .ok(204);
    for body in [
        json!({ "turn": 1, "after_ms": -1 }),
        json!({ "turn": 1, "after_ms": 1e12 }),
        json!({ "turn": -1, "after_ms": 1 }),
        json!({ "turn": 1 }),
    ] {
        server
            .post(&path, body)
            .await
            .ok(400)
            .refused("invalid_request");
    }
}

#[tokio::test]
async fn addresses_carry_the_path_of_the_public_url() {
    let config = Config {
        public_url: Some("https://example.org/faces/".into()),
        ..Config::default()
    };
    let server = Server::new(dev().engine, &config, None);
    let session = server.open().await;
    let own = session["urls"]["self"].as_str().unwrap();
    assert!(own.starts_with("/faces/v1/sessions/"), "{own}");
    let status = server.get("/v1/status").await.json();
    assert_eq!(status["public_url"], "https://example.org/faces");
}
