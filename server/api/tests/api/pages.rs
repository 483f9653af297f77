//! Everything that is no session: pages, health, metrics, catalogue, CORS.

use std::fs;

use api::Config;
use axum::body::Body;
use serde_json::json;

use crate::server::{Server, dev};

fn with_assets(assets: &std::path::Path) -> Server {
    let config = Config {
        assets: assets.to_owned(),
        ..Config::default()
    };
    Server::new(dev().engine, &config, None)
}

#[tokio::test]
async fn the_start_page_is_served_with_its_policy() {
    let dist = tempfile::tempdir().unwrap();
    fs::create_dir(dist.path().join("assets")).unwrap();
    fs::write(dist.path().join("index.html"), "<!doctype html>").unwrap();
    fs::write(dist.path().join("icon.svg"), "<svg/>").unwrap();
    fs::write(dist.path().join("assets/index-1a2b.js"), "1").unwrap();
    fs::write(dist.path().join(".env"), "SECRET").unwrap();
    let server = with_assets(dist.path());

    let page = server.get("/").await;
    page.ok(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'")
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let again = server
        .call(
            "GET",
            "/",
            &[("if-none-match", page.header("etag"))],
            Body::empty(),
        )
        .await;
    assert!(again.ok(304).body.is_empty());
    let head = server.call("HEAD", "/", &[], Body::empty()).await;
    assert!(head.ok(200).body.is_empty());
    server
        .call("POST", "/", &[], "x")
        .await
        .ok(405)
        .refused("method_not_allowed");

    let script = server.get("/assets/index-1a2b.js").await;
    assert_eq!(
        script.ok(200).header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert!(script.header("cache-control").contains("immutable"));
    assert_eq!(
        server.get("/icon.svg").await.ok(200).header("content-type"),
        "image/svg+xml"
    );
    for path in [
        "/.env",
        "/assets",
        "/assets/",
        "/assets/none.js",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/assets/..%2f.env",
        "//etc/passwd",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v2/video/generate",
    ] {
        server.get(path).await.ok(404).refused("not_found");
    }
}

#[tokio::test]
async fn a_page_that_was_not_built_says_how_to_build_it() {
    let server = with_assets(std::path::Path::new("/nowhere/at/all"));
    let reply = server.get("/").await;
    assert!(
        reply
            .ok(404)
            .header("content-type")
            .starts_with("text/plain")
    );
    assert!(String::from_utf8_lossy(&reply.body).contains("npm run build"));
    server.get("/icon.svg").await.ok(404).refused("not_found");
}

#[tokio::test]
async fn health_and_metrics_are_told() {
    let server = dev();
    let session = server.open().await;
    assert_eq!(
        server.get("/healthz").await.ok(200).json(),
        json!({ "status": "ok" })
    );
    assert_eq!(
        server.get("/readyz").await.ok(200).json(),
        json!({ "status": "ready" })
    );
    let reply = server.get("/metrics").await;
    assert!(
        reply
            .ok(200)
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .parse()
            .unwrap()
    };
    assert!(value("visavis_sessions") >= 1.0);
    assert!(value("visavis_sessions_opened_total") >= 1.0);
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(text.contains("visavis_stage_seconds_total{stage=\"voice\"}"));
    assert!(text.contains("visavis_hop_late_seconds_bucket{le=\"+Inf\"}"));
    // Each sample follows its type.
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_count"]
            .iter()
            .find_map(|s| name.strip_suffix(s))
            .unwrap_or(name);
        assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
    }
    drop(session);
}

#[tokio::test]
async fn voices_and_avatars_are_listed() {
    let server = dev();
    let voices = server.get("/v1/voices").await.ok(200).json();
    assert_eq!(voices["default"], "joe");
    let joe = voices["voices"]
        .as_array()
        .unwrap()
        .iter()
        .find(|v| v["id"] == "joe")
        .unwrap();
    assert_eq!(joe["timing"], "exact");
    for field in ["name", "language", "licence", "origin"] {
        assert!(!joe[field].as_str().unwrap().is_empty(), "{field}");
    }
    let avatars = server.get("/v1/avatars").await.ok(200).json();
    assert_eq!(avatars["default"], "nora");
    for avatar in avatars["avatars"].as_array().unwrap() {
        let url = avatar["preview_url"].as_str().unwrap();
        let png = server.get(&format!("{url}?size=128")).await;
        assert_eq!(png.ok(200).header("content-type"), "image/png");
        assert!(png.body.starts_with(b"\x89PNG"));
        // Width and height in its header.
        assert_eq!(png.body[16..24], [0, 0, 0, 128, 0, 0, 0, 128]);
        assert_eq!(server.get(&format!("{url}?size=128")).await.body, png.body);
    }
    for (path, status, code) in [
        ("/v1/avatars/nobody/preview.png", 404, "not_found"),
        (
            "/v1/avatars/nora/preview.png?size=100000",
            400,
            "invalid_request",
        ),
        (
            "/v1/avatars/nora/preview.png?size=x",
            400,
            "invalid_request",
        ),
        ("/v1/avatars/%ff/preview.png", 400, "invalid_request"),
    ] {
        server.get(path).await.ok(status).refused(code);
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    let server = dev();
    for path in ["/v1/sessions", "/v1/sessions/x/speak", "/v1/anything"] {
        let reply = server
            .call(
                "OPTIONS",
                path,
                &[
                    ("origin", "https://example.org"),
                    ("access-control-request-method", "POST"),
                ],
                Body::empty(),
            )
            .await;
        reply.ok(204);
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("access-control-allow-credentials"), "");
        assert!(
            reply
                .header("access-control-allow-headers")
                .contains("Last-Event-ID")
        );
    }
    // Refusals can be read, too.
    let reply = server.get("/v1/sessions/none").await;
    assert_eq!(reply.ok(404).header("access-control-allow-origin"), "*");
    // Without the question of a browser it is a method like others.
    server
        .call("OPTIONS", "/v1/sessions", &[], Body::empty())
        .await
        .ok(405)
        .refused("method_not_allowed");
}

#[tokio::test]
async fn requests_keep_their_names() {
    let server = dev();
    let named = server
        .call(
            "GET",
            "/healthz",
            &[("x-request-id", "abc-1.2_3")],
            Body::empty(),
        )
        .await;
    assert_eq!(named.header("x-request-id"), "abc-1.2_3");
    for bad in ["", "a b", "<script>", &"x".repeat(65)] {
        let reply = server
            .call("GET", "/none", &[("x-request-id", bad)], Body::empty())
            .await;
        let problem = reply.ok(404).refused("not_found");
        assert_ne!(problem["request_id"], bad);
    }
}
