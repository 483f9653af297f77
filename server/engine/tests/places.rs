//! The places of a server: how many sessions there may be at once.

#![allow(clippy::unwrap_used)]

use engine::{Engine, Request, RequestError, Settings};
use session::CloseReason;

#[allow(dead_code)]
mod spoken;

#[test]
fn a_session_that_has_ended_makes_room_at_once() {
    let settings = Settings {
        max_sessions: 1,
        default_avatar: "nora".into(),
        ..Settings::default()
    };
    let engine = Engine::start(spoken::rooms().unwrap(), settings, None, None).unwrap();
    let mut session = engine.create(Request::default()).unwrap();
    // As often as those that leave are waited for by nobody.
    for _ in 0..6 {
        let second = engine.create(Request::default());
        assert!(matches!(second, Err(RequestError::Full { max: 1 })));
        assert_eq!(engine.open(), 1);
        session.close(CloseReason::Client);
        assert_eq!(engine.open(), 0, "it leaves, and is not counted");
        session = engine.create(Request::default()).unwrap();
    }
    // Those that leave are not without number.
    for _ in 0..60 {
        session.close(CloseReason::Client);
        if let Ok(next) = engine.create(Request::default()) {
            session = next;
        }
        assert!(engine.list().len() <= 9);
    }
}
