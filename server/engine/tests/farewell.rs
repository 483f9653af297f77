//! The end of a session, as a viewer of it sees it.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use engine::{Engine, FAREWELL, Request, Settings};
use session::CloseReason;
use transport::{Channel, Endpoint, Ice, LinkEvent, LinkSettings, Message, Tracks};

#[allow(dead_code)]
mod spoken;

fn endpoint() -> Endpoint {
    let settings = transport::Settings {
        udp: "127.0.0.1:0".parse().unwrap(),
        loopback: true,
        ..transport::Settings::default()
    };
    Endpoint::bind(&settings).unwrap()
}

#[test]
fn a_viewer_can_be_told_why_its_session_is_over() {
    let settings = Settings {
        default_avatar: "nora".into(),
        ..Settings::default()
    };
    let rooms = spoken::rooms().unwrap();
    let engine = Engine::start(rooms, settings, Some(Arc::new(endpoint())), None).unwrap();
    let session = engine.create(Request::default()).unwrap();
    let (offer, ours) = session
        .offer(&LinkSettings {
            send: Some(Tracks {
                stream: "avatar".into(),
                audio: "sound".into(),
                video: "picture".into(),
            }),
            channels: vec![Channel {
                label: "words".into(),
                ordered: true,
                retransmits: None,
            }],
            ..LinkSettings::default()
        })
        .unwrap();
    let far = endpoint();
    let (answer, theirs) = far
        .answer(
            &offer,
            &LinkSettings {
                ice: Ice::Full,
                ..LinkSettings::default()
            },
        )
        .unwrap();
    ours.accept(&answer.sdp).unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        loop {
            let event = ours.next().await.unwrap();
            if matches!(event, LinkEvent::ChannelOpen { .. }) {
                break;
            }
        }
        let closing = Instant::now();
        session.close(CloseReason::Client);
        ours.send("words", Message::Text("goodbye".into())).unwrap();
        let mut words = Vec::new();
        loop {
            match theirs.next().await.unwrap() {
                LinkEvent::Data { message, .. } => words.push(message),
                LinkEvent::Closed(_) => break,
                _ => {}
            }
        }
        assert_eq!(words, [Message::Text("goodbye".into())]);
        assert!(closing.elapsed() >= FAREWELL);
    });
}
