//! The description of the API and the router know the same routes.

use axum::body::Body;
use serde_json::Value;

use crate::server::keyed;

#[tokio::test]
async fn every_described_route_is_there() {
    let server = keyed();
    let document = server.get("/openapi.json").await.ok(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["version"], api::VERSION);
    for (path, item) in document["paths"].as_object().unwrap() {
        let there = path.replace("{id}", "none").replace("{viewer}", "1");
        let methods: Vec<_> = item
            .as_object()
            .unwrap()
            .keys()
            .map(|m| m.to_uppercase())
            .collect();
        let reply = server.call("PUT", &there, &[], Body::empty()).await;
        // The router knows the address, and which methods it takes.
        reply.ok(405).refused("method_not_allowed");
        let allow = reply.header("allow");
        for method in &methods {
            assert!(allow.contains(method.as_str()), "{path}: {allow}");
        }
        for allowed in allow.split(',').filter(|m| *m != "HEAD") {
            assert!(methods.iter().any(|m| m == allowed), "{path}: {allowed}");
        }
    }
}

#[tokio::test]
async fn the_contract_is_there() {
    let document: Value = keyed().get("/openapi.json").await.json();
    for (method, path) in [
        ("post", "/v1/sessions"),
        ("get", "/v1/sessions"),
        ("get", "/v1/sessions/{id}"),
        ("delete", "/v1/sessions/{id}"),
        ("post", "/v1/sessions/{id}/token"),
        ("post", "/v1/sessions/{id}/speak"),
        ("post", "/v1/sessions/{id}/interrupt"),
        ("post", "/v1/sessions/{id}/state"),
        ("post", "/v1/sessions/{id}/shown"),
        ("get", "/v1/sessions/{id}/events"),
        ("get", "/v1/sessions/{id}/ws"),
        ("get", "/v1/sessions/{id}/stats"),
        ("post", "/v1/sessions/{id}/whep"),
        ("options", "/v1/sessions/{id}/whep"),
        ("patch", "/v1/sessions/{id}/whep/{viewer}"),
        ("delete", "/v1/sessions/{id}/whep/{viewer}"),
        ("post", "/api/offer"),
        ("patch", "/api/offer"),
        ("get", "/v1/recordings"),
        ("get", "/v1/recordings/{id}"),
        ("delete", "/v1/recordings/{id}"),
        ("get", "/v1/recordings/{id}/video.mp4"),
        ("get", "/v1/voices"),
        ("get", "/v1/avatars"),
        ("get", "/v1/avatars/{id}/preview.png"),
        ("post", "/v1/avatars"),
        ("post", "/v1/avatars/check"),
        ("post", "/v1/avatars/{id}/keep"),
        ("delete", "/v1/avatars/{id}"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
        ("get", "/openapi.json"),
        ("get", "/v1/status"),
    ] {
        assert!(
            document["paths"][path][method].is_object(),
            "{method} {path}"
        );
    }
}
