//! Recordings: growing, finished, in parts, gone.

use axum::body::Body;
use serde_json::{Value, json};

use crate::server::{Reply, Server, dev, keyed, until};

/// Records some media time; gives the session.
async fn record(server: &Server, ms: u64) -> Value {
    let session = server.open_with(json!({})).await;
    let handle = server.engine.get(session["id"].as_str().unwrap()).unwrap();
    until("recorded", || {
        let info = handle.info();
        (info.recording.bytes > 0 && info.at.as_millis() as u64 > ms).then_some(())
    })
    .await;
    session
}

async fn finish(server: &Server, session: &Value) {
    server
        .call(
            "DELETE",
            session["urls"]["self"].as_str().unwrap(),
            &[],
            Body::empty(),
        )
        .await
        .ok(204);
    let id = session["id"].as_str().unwrap();
    let store = server.engine.recordings().unwrap();
    until("finished", || store.get(id).ok().map(|_| ())).await;
}

async fn part(server: &Server, video: &str, range: &str) -> Reply {
    server
        .call("GET", video, &[("range", range)], Body::empty())
        .await
}

/// The types of the boxes of an MP4 file.
fn boxes(mut file: &[u8]) -> Vec<String> {
    let mut types = Vec::new();
    while file.len() >= 8 {
        let size = u32::from_be_bytes(file[..4].try_into().unwrap()) as usize;
        types.push(String::from_utf8_lossy(&file[4..8]).into_owned());
        file = file.get(size..).unwrap_or_default();
    }
    types
}

#[tokio::test]
async fn a_recording_can_be_had_while_it_runs_and_after() {
    let server = dev();
    let session = record(&server, 2_500).await;
    let id = session["id"].as_str().unwrap();
    let own = format!("/v1/recordings/{id}");
    let video = session["urls"]["recording"].as_str().unwrap();
    assert_eq!(video, format!("{own}/video.mp4"));

    let info = server.get(&own).await.ok(200).json();
    assert_eq!(
        (&info["id"], &info["state"]),
        (&json!(id), &json!("recording"))
    );
    assert_eq!(info["urls"], json!({ "video": video, "self": own }));
    assert_eq!(info["created_at"], session["created_at"]);
    let growing = server.get(video).await;
    growing.ok(200);
    assert!(boxes(&growing.body).starts_with(&["ftyp".into(), "moov".into(), "moof".into()]));
    server.delete(&own).await.ok(409).refused("conflict");

    finish(&server, &session).await;
    until("let go", || server.engine.get(id).is_none().then_some(())).await;
    let info = server.get(&own).await.ok(200).json();
    assert_eq!(info["state"], "ready");
    assert!(info["duration_ms"].as_i64().unwrap() > 1_000);
    let list = server.get("/v1/recordings").await.ok(200).json();
    assert!(
        list["recordings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["id"] == id)
    );

    let whole = server.get(video).await;
    whole.ok(200);
    assert_eq!(whole.body.len() as u64, info["bytes"].as_u64().unwrap());
    assert_eq!(whole.header("content-type"), "video/mp4");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(
        whole.header("content-disposition"),
        format!("inline; filename=\"visavis-{id}.mp4\"")
    );
    assert!(boxes(&whole.body).contains(&"moov".to_owned()));
    let length = whole.body.len();

    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, length),
        ("bytes=-10", length - 10, length),
        ("bytes=50-99999999", 50, length),
    ] {
        let reply = part(&server, video, range).await;
        reply.ok(206);
        assert_eq!(reply.body, whole.body.slice(from..to), "{range}");
        assert_eq!(
            reply.header("content-range"),
            format!("bytes {from}-{}/{length}", to - 1)
        );
        assert_eq!(reply.header("content-length"), (to - from).to_string());
    }
    for all in ["bytes=0-1,4-5", "bytes=9-1", "lines=1-2", "nonsense"] {
        assert_eq!(part(&server, video, all).await.ok(200).body.len(), length);
    }
    let outside = part(&server, video, &format!("bytes={length}-")).await;
    outside.ok(416).refused("range_not_satisfiable");
    assert_eq!(outside.header("content-range"), format!("bytes */{length}"));

    let etag = whole.header("etag");
    let with =
        async |headers: &[(&str, &str)]| server.call("GET", video, headers, Body::empty()).await;
    with(&[("range", "bytes=0-1"), ("if-range", etag)])
        .await
        .ok(206);
    with(&[("range", "bytes=0-1"), ("if-range", growing.header("etag"))])
        .await
        .ok(200);
    with(&[
        ("range", "bytes=0-1"),
        ("if-range", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ])
    .await
    .ok(200);
    with(&[("if-none-match", etag)]).await.ok(304);
    with(&[("if-none-match", "\"other\"")]).await.ok(200);
    let head = server.call("HEAD", video, &[], Body::empty()).await;
    head.ok(200);
    assert_eq!(
        (head.body.len(), head.header("content-length")),
        (0, length.to_string().as_str())
    );
    let named = server.get(&format!("{video}?download=1")).await;
    assert!(
        named
            .ok(200)
            .header("content-disposition")
            .starts_with("attachment")
    );

    server.delete(&own).await.ok(204);
    server.get(&own).await.ok(404).refused("not_found");
    server.get(video).await.ok(404).refused("not_found");
    server.delete(&own).await.ok(404).refused("not_found");
}

#[tokio::test]
async fn a_token_of_an_ended_session_still_opens_its_recording() {
    let server = keyed();
    let session = record(&server, 1_200).await;
    finish(&server, &session).await;
    let bearer = format!("Bearer {}", session["token"].as_str().unwrap());
    let video = session["urls"]["recording"].as_str().unwrap();
    let reply = server
        .call("GET", video, &[("authorization", &bearer)], Body::empty())
        .await;
    reply.ok(200);
    let linked = format!(
        "{video}?download=1&token={}",
        session["token"].as_str().unwrap()
    );
    server
        .call("GET", &linked, &[], Body::empty())
        .await
        .ok(200);
}

#[tokio::test]
async fn names_cannot_lead_elsewhere() {
    let server = dev();
    for id in [
        "..",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "a%2fb",
        "%00",
        "a.mp4",
        "%c3%a9",
        "x%20y",
        "~",
        "none",
    ] {
        for path in [
            format!("/v1/recordings/{id}"),
            format!("/v1/recordings/{id}/video.mp4"),
        ] {
            let reply = server.get(&path).await;
            reply.ok(404).refused("not_found");
        }
    }
    let not_text = server.get("/v1/recordings/%ff").await;
    not_text.ok(400).refused("invalid_request");
}
