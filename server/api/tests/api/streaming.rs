//! Sessions of the legacy streaming API.

use axum::body::Body;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Reply, Server, keyed, until};
use crate::socket::listen;

async fn ask(server: &Server, token: &str, what: &str, body: Value) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("host", "localhost:8747"),
    ];
    server
        .call(
            "POST",
            &format!("/v1/streaming.{what}"),
            &headers,
            body.to_string(),
        )
        .await
}

async fn token(server: &Server) -> String {
    let reply = server
        .call("POST", "/v1/streaming.create_token", &[], Body::empty())
        .await;
    reply.ok(200).json()["data"]["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_text_is_said_and_told_of_over_the_chat() {
    let server = keyed();
    let token = token(&server).await;
    let wanted = json!({
        "avatar_name": "default", "quality": "low", "knowledge_base_id": null, "knowledge_base": null,
        "voice": { "voice_id": null, "rate": null, "emotion": null, "elevenlabs_settings": null },
        "language": null, "version": "v2", "video_encoding": "H264", "source": "sdk",
        "disable_idle_timeout": false, "activity_idle_timeout": 120, "ia_is_livekit_transport": true,
    });
    let made = ask(&server, &token, "new", wanted).await.ok(200).json();
    let id = made["data"]["session_id"].as_str().unwrap().to_owned();
    assert!(
        made["data"]["realtime_endpoint"]
            .as_str()
            .unwrap()
            .starts_with("ws://localhost:8747/")
    );
    let which = json!({ "session_id": id });
    assert_eq!(made["data"]["url"], "ws://localhost:8747");
    assert!(made["data"]["access_token"].is_string());
    ask(&server, &token, "start", which.clone()).await.ok(200);

    let address = listen(&server).await;
    let path = format!(
        "/v1/ws/streaming.chat?session_id={id}&session_token={token}&arch_version=v2&silence_response=false&push_to_talk=false"
    );
    let (mut chat, _) = connect_async(format!("ws://{address}{path}"))
        .await
        .unwrap();
    let task = json!({ "session_id": id, "text": "Hello there.", "task_mode": "async", "task_type": "repeat" });
    let said = ask(&server, &token, "task", task).await.ok(200).json();
    let task_id = said["data"]["task_id"].clone();
    assert!(said["data"]["warning"].is_null(), "it was to be repeated");
    let mut kinds = Vec::new();
    while kinds
        .last()
        .is_none_or(|kind| kind != "avatar_stop_talking")
    {
        if let Message::Text(text) = chat.next().await.unwrap().unwrap() {
            let event: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(event["task_id"], task_id, "{event}");
            assert_eq!(event["type"], event["event_type"]);
            kinds.push(event["event_type"].as_str().unwrap().to_owned());
        }
    }
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "avatar_start_talking",
            "avatar_talking_message",
            "avatar_end_message",
            "avatar_stop_talking"
        ]
    );

    // A text in the chat: Frame { text: TextFrame { text: "Hi." } }.
    chat.send(Message::binary(vec![10, 5, 26, 3, b'H', b'i', b'.']))
        .await
        .unwrap();
    let begun = chat.next().await.unwrap().unwrap();
    assert!(begun.to_text().unwrap().contains("avatar_start_talking"));
    for what in [
        "interrupt",
        "keep_alive",
        "start_listening",
        "stop_listening",
    ] {
        ask(&server, &token, what, which.clone()).await.ok(200);
    }
    let transcript = server
        .get(&format!("/v1/sessions/{id}/transcript"))
        .await
        .ok(200)
        .json();
    assert_eq!(
        transcript["data"]["transcript_data"][0]["transcript"],
        "Hello there."
    );

    let list = server.get("/v1/streaming.list").await.ok(200).json();
    let sessions = list["data"]["sessions"].as_array().unwrap();
    assert!(
        sessions
            .iter()
            .any(|session| session["session_id"] == id.as_str())
    );
    ask(&server, &token, "stop", which.clone()).await.ok(200);
    until("stopped", || server.engine.get(&id).is_none().then_some(())).await;
    ask(&server, &token, "stop", which.clone()).await.ok(200);
    let late = json!({ "session_id": id, "text": "Too late." });
    assert_eq!(
        ask(&server, &token, "task", late).await.ok(410).json()["code"],
        410
    );
}

#[tokio::test]
async fn sessions_of_others_do_not_exist() {
    let server = keyed();
    let (mine, other) = (token(&server).await, token(&server).await);
    let made = ask(
        &server,
        &mine,
        "new",
        json!({ "avatar_id": "leo", "quality": "low" }),
    )
    .await;
    let made = made.ok(200).json();
    let which = json!({ "session_id": made["data"]["session_id"] });
    for what in ["start", "task", "interrupt", "stop", "keep_alive"] {
        ask(&server, &other, what, which.clone()).await.ok(404);
    }
    let own = made["data"]["session_token"].as_str().unwrap();
    ask(&server, own, "keep_alive", which.clone()).await.ok(200);
    ask(&server, own, "new", json!({})).await.ok(403);
    ask(&server, "a.b.c", "new", json!({})).await.ok(401);
    ask(&server, &mine, "new", json!({ "avatar_id": "nobody" }))
        .await
        .ok(400);
    ask(&server, &mine, "new", json!({ "version": "v1" }))
        .await
        .ok(400);
    ask(
        &server,
        &mine,
        "task",
        json!({ "session_id": which["session_id"] }),
    )
    .await
    .ok(400);
    ask(&server, &mine, "stop", json!({})).await.ok(400);
    ask(&server, &mine, "stop", which).await.ok(200);
}
