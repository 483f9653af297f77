//! Server-sent events.

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::server::{Server, dev};

/// Reads messages of an event stream: their ids and data.
struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(server: &Server, path: &str, last: Option<u64>) -> Self {
        let mut request = Request::get(path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    async fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let message: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| message.lines().find_map(|l| l.strip_prefix(name));
                if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
                    return Some((id.parse().unwrap(), serde_json::from_str(data).unwrap()));
                }
                continue;
            }
            let bytes = self.body.next().await?.unwrap();
            self.text += std::str::from_utf8(&bytes).unwrap();
        }
    }
}

#[tokio::test]
async fn events_are_numbered_resumed_and_end_with_closed() {
    let server = dev();
    let session = server.open().await;
    let path = session["urls"]["self"].as_str().unwrap();
    let events = session["urls"]["events"].as_str().unwrap();
    let mut stream = Stream::open(&server, events, None).await;
    server
        .post(&format!("{path}/speak"), json!({ "text": "One. Two." }))
        .await
        .ok(202);
    let mut all = Vec::new();
    while all
        .last()
        .is_none_or(|(_, event): &(u64, Value)| event["type"] != "idle")
    {
        all.push(stream.next().await.unwrap());
    }
    for (i, (id, event)) in all.iter().enumerate() {
        assert_eq!(event["seq"], *id);
        assert_eq!(event["session_id"], session["id"]);
        assert_eq!(*id, all[0].0 + i as u64);
        let _: api::events::Event = serde_json::from_value(event.clone()).unwrap();
    }
    let types: Vec<_> = all
        .iter()
        .map(|(_, e)| e["type"].as_str().unwrap())
        .collect();
    for wanted in ["speak_started", "clause", "word", "receipt", "speak_ended"] {
        assert!(types.contains(&wanted), "{types:?}");
    }

    // Taken up again in the middle, in both ways.
    let middle = all[all.len() / 2].0;
    for mut resumed in [
        Stream::open(&server, events, Some(middle)).await,
        Stream::open(&server, &format!("{events}?after={middle}"), None).await,
        Stream::open(&server, &format!("{events}?after=0"), Some(middle)).await,
    ] {
        assert_eq!(resumed.next().await.unwrap().0, middle + 1);
    }

    server.delete(path).await.ok(204);
    let mut last = Value::Null;
    while let Some((_, event)) = stream.next().await {
        last = event;
    }
    assert_eq!(
        (&last["type"], &last["reason"]),
        (&json!("closed"), &json!("client"))
    );
}

#[tokio::test]
async fn places_to_resume_from_are_checked() {
    let server = dev();
    let session = server.open().await;
    let events = session["urls"]["events"].as_str().unwrap();
    for query in ["?after=x", "?after=-1", "?since=5", "?after=1&after=2"] {
        let reply = server.get(&format!("{events}{query}")).await;
        reply.ok(400).refused("invalid_request");
    }
    for id in ["x", "-1", "1.5"] {
        let reply = server
            .call("GET", events, &[("last-event-id", id)], Body::empty())
            .await;
        reply.ok(400).refused("invalid_request");
    }
}
