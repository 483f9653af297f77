//! WHEP, with offers as browsers write them.

use api::{Config, IceServer};
use axum::body::Body;
use serde_json::json;

use crate::server::{Reply, Server, dev};

const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");

/// A player's offer with these codecs.
fn offer(video: &str, audio: &str) -> String {
    let transport = "a=ice-ufrag:F7gI\r\n\
        a=ice-pwd:x9cml/YzichV2+XlhiMu8g9w\r\n\
        a=ice-options:trickle\r\n\
        a=fingerprint:sha-256 D2:FA:0E:C3:22:59:5E:14:95:69:92:3D:13:B4:84:24:2C:C2:A2:C0:3E:FD:34:8E:5E:EA:6F:AF:52:CE:E6:0F\r\n\
        a=setup:actpass\r\n\
        a=recvonly\r\n\
        a=rtcp-mux\r\n";
    format!(
        "v=0\r\n\
        o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n\
        s=-\r\n\
        t=0 0\r\n\
        a=group:BUNDLE 0 1\r\n\
        a=msid-semantic: WMS\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 102\r\n\
        c=IN IP4 0.0.0.0\r\n\
        a=mid:0\r\n\
        {transport}{video}\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
        c=IN IP4 0.0.0.0\r\n\
        a=mid:1\r\n\
        {transport}{audio}"
    )
}

const H264: &str = "a=rtpmap:102 H264/90000\r\n\
    a=rtcp-fb:102 nack\r\n\
    a=rtcp-fb:102 nack pli\r\n\
    a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
const VP8: &str = "a=rtpmap:102 VP8/90000\r\n";
const OPUS: &str = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n";
const PCMU: &str = "a=rtpmap:111 PCMU/8000\r\n";

async fn endpoint(server: &Server) -> String {
    let session = server.open().await;
    session["urls"]["whep"].as_str().unwrap().to_owned()
}

async fn view(server: &Server, whep: &str) -> (String, String) {
    let reply = server.call("POST", whep, &[SDP], offer(H264, OPUS)).await;
    reply.ok(201);
    (
        reply.header("location").to_owned(),
        reply.header("etag").to_owned(),
    )
}

#[tokio::test]
async fn a_player_offers_trickles_restarts_and_leaves() {
    let server = dev();
    let whep = endpoint(&server).await;
    let reply = server.call("POST", &whep, &[SDP], offer(H264, OPUS)).await;
    reply.ok(201);
    assert_eq!(reply.header("content-type"), "application/sdp");
    assert_eq!(
        reply.header("accept-patch"),
        "application/trickle-ice-sdpfrag"
    );
    let answer = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(
        answer.contains("H264/90000") && answer.contains("a=sendonly"),
        "{answer}"
    );
    let (viewer, etag) = (reply.header("location"), reply.header("etag"));
    assert!(viewer.starts_with(&format!("{whep}/")) && etag.starts_with('"'));
    let stats = server.get(&whep.replace("/whep", "/stats")).await.json();
    assert_eq!(stats["viewers"][0]["state"], "connecting");
    assert_eq!(
        stats["viewers"][0]["id"],
        viewer.rsplit('/').next().unwrap()
    );

    let candidates = "a=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g9w\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n";
    let patch = async |headers: &[(&str, &str)], body: &str| -> Reply {
        server.call("PATCH", viewer, headers, body.to_owned()).await
    };
    patch(&[FRAGMENT, ("if-match", etag)], candidates)
        .await
        .ok(204);
    patch(
        &[FRAGMENT, ("if-match", &format!("\"x\", {etag}"))],
        candidates,
    )
    .await
    .ok(204);
    patch(&[FRAGMENT], candidates)
        .await
        .ok(428)
        .refused("precondition_required");
    patch(&[FRAGMENT, ("if-match", "\"old\"")], candidates)
        .await
        .ok(412)
        .refused("precondition_failed");
    patch(&[FRAGMENT, ("if-match", etag)], "rubbish")
        .await
        .ok(400)
        .refused("bad_sdp");
    patch(&[FRAGMENT, ("if-match", "*")], candidates)
        .await
        .ok(400)
        .refused("bad_sdp");
    let other = candidates.replace("F7gI", "other");
    patch(&[FRAGMENT, ("if-match", etag)], &other)
        .await
        .ok(412)
        .refused("precondition_failed");
    patch(&[SDP, ("if-match", etag)], candidates)
        .await
        .ok(415)
        .refused("unsupported_media_type");
    patch(&[FRAGMENT, ("if-match", etag)], &"a".repeat(1 << 17))
        .await
        .ok(413)
        .refused("payload_too_large");

    let fresh = "a=ice-ufrag:newU\r\na=ice-pwd:anewpasswordof22letters\r\n";
    let restarted = patch(&[FRAGMENT, ("if-match", "*")], fresh).await;
    restarted.ok(200);
    assert_eq!(
        restarted.header("content-type"),
        "application/trickle-ice-sdpfrag"
    );
    assert_ne!(restarted.header("etag"), etag);
    assert!(String::from_utf8_lossy(&restarted.body).contains("a=ice-ufrag:"));
    patch(&[FRAGMENT, ("if-match", etag)], fresh).await.ok(412);

    server.delete(viewer).await.ok(200);
    let nobody = format!("{whep}/999999");
    server.delete(&nobody).await.ok(404).refused("not_found");
    server
        .call("PATCH", &nobody, &[FRAGMENT], "")
        .await
        .ok(404)
        .refused("not_found");
}

#[tokio::test]
async fn offers_that_cannot_be_answered_are_told_what_is_missing() {
    let server = dev();
    let whep = endpoint(&server).await;
    let audio_only = format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{}", "");
    for (body, status, code, word) in [
        (offer(VP8, OPUS), 406, "no_h264", "VP8"),
        (offer(H264, PCMU), 406, "no_opus", "PCMU"),
        (audio_only, 400, "bad_sdp", ""),
        (String::new(), 400, "bad_sdp", ""),
        ("hello".to_owned(), 400, "bad_sdp", ""),
        (
            offer(H264, OPUS).replace("recvonly", "sendonly"),
            400,
            "bad_sdp",
            "receive",
        ),
        ("v=0\r\n".repeat(20_000), 413, "payload_too_large", ""),
    ] {
        let reply = server.call("POST", &whep, &[SDP], body).await;
        let problem = reply.ok(status).refused(code);
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    let reply = server.call("POST", &whep, &[SDP], vec![0xff; 9]).await;
    reply.ok(400).refused("bad_sdp");
    let reply = server
        .call(
            "POST",
            &whep,
            &[("content-type", "text/plain")],
            offer(H264, OPUS),
        )
        .await;
    reply.ok(415).refused("unsupported_media_type");
    let headers = [SDP, ("accept", "text/html")];
    server
        .call("POST", &whep, &headers, offer(H264, OPUS))
        .await
        .ok(400)
        .refused("invalid_request");
}

#[tokio::test]
async fn options_tell_what_is_taken_and_browsers_may_ask() {
    let server = dev();
    let whep = endpoint(&server).await;
    let plain = server.call("OPTIONS", &whep, &[], Body::empty()).await;
    assert_eq!(plain.ok(204).header("accept-post"), "application/sdp");
    let preflight = [
        ("origin", "https://example.org"),
        ("access-control-request-method", "POST"),
    ];
    let reply = server
        .call("OPTIONS", &whep, &preflight, Body::empty())
        .await;
    assert_eq!(reply.ok(204).header("accept-post"), "application/sdp");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert!(
        reply
            .header("access-control-allow-headers")
            .contains("Authorization")
    );
    assert!(
        reply
            .header("access-control-allow-methods")
            .contains("PATCH")
    );
    let exposed = reply.header("access-control-expose-headers").to_owned();
    for header in ["Location", "ETag", "Link", "Retry-After", "X-Request-Id"] {
        assert!(exposed.contains(header), "{exposed}");
    }
}

#[tokio::test]
async fn players_that_only_take_an_address_get_one_back() {
    let server = crate::server::keyed();
    let session = server.open().await;
    let token = session["token"].as_str().unwrap();
    let whep = format!(
        "{}?token={token}",
        session["urls"]["whep"].as_str().unwrap()
    );
    let config = Config {
        api_keys: vec![crate::server::KEY.to_owned()],
        token_secret: Some(crate::server::SECRET.to_vec()),
        ..Config::default()
    };
    let bare = Server::new(server.engine, &config, None);
    let (viewer, _) = view(&bare, &whep).await;
    assert!(viewer.ends_with(&format!("?token={token}")));
    bare.delete(&viewer).await.ok(200);
}

#[tokio::test]
async fn ice_servers_are_told() {
    let config = Config {
        ice_servers: vec![IceServer {
            urls: vec![
                "stun:stun.example.org".into(),
                "turn:turn.example.org".into(),
            ],
            username: Some("user".into()),
            credential: Some("secret".into()),
        }],
        ..Config::default()
    };
    let server = Server::new(dev().engine, &config, None);
    let whep = endpoint(&server).await;
    let reply = server.call("POST", &whep, &[SDP], offer(H264, OPUS)).await;
    let links: Vec<_> = reply.ok(201).headers.get_all("link").iter().collect();
    assert_eq!(links.len(), 2);
    assert!(
        links[1]
            .to_str()
            .unwrap()
            .contains("<turn:turn.example.org>; rel=\"ice-server\"; username=\"user\"")
    );
}

#[tokio::test]
async fn a_server_without_media_port_says_so() {
    let rooms = dev().engine.rooms().clone();
    let settings = dev().engine.settings().clone();
    let engine = engine::Engine::start(rooms, settings, None, None).unwrap();
    let server = Server::new(engine, &Config::default(), None);
    let session = server
        .post("/v1/sessions", json!({ "width": 128, "height": 128 }))
        .await
        .ok(201)
        .json();
    assert_eq!(session["record"], false);
    let whep = session["urls"]["whep"].as_str().unwrap();
    let reply = server.call("POST", whep, &[SDP], offer(H264, OPUS)).await;
    reply.ok(503).refused("no_media_port");
    // Nor are there recordings.
    assert_eq!(
        server.get("/v1/recordings").await.ok(200).json(),
        json!({ "recordings": [] })
    );
    server
        .get("/v1/recordings/x")
        .await
        .ok(404)
        .refused("not_found");
}
