//! The life of a session, who may do what with it, and the lists.

use api::Config;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::StreamExt;
use serde_json::json;

use super::lite::Lite;
use super::{prepare, refused, with};
use crate::server::{Server, engine, keyed, until};

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
async fn credits_are_what_can_begin_now() {
    let server = Server::new(engine(2), &Config::default(), None);
    let credits = async || {
        let reply = server.get("/v1/users/credits").await.ok(200).json();
        reply["data"]["credits_left"].as_u64().unwrap()
    };
    let session = session::Limits::default().max_duration_s / 60;
    assert_eq!(credits().await, 2 * session);
    let open = server.open().await;
    assert_eq!(credits().await, session);
    let id = open["id"].as_str().unwrap();
    server.delete(&format!("/v1/sessions/{id}")).await.ok(204);
    assert_eq!(credits().await, 2 * session, "before it has left");
}
