//! What clients of FULL sessions are told on the topic `agent-response` of the
//! room. ([`wire::control`] reads what they say on `agent-control`.)

use serde_json::{Map, Value, json};

use crate::vendor::playback::Heard;
use crate::vendor::source::Source;

/// Topic of events.
pub(crate) const EVENTS: &str = "agent-response";

/// Writes events of one session, each with a name of its own.
#[derive(Debug)]
pub(crate) struct Events {
    session: String,
    sent: u64,
}

impl Events {
    /// Those of a session.
    pub(crate) fn new(session: &str) -> Self {
        Self {
            session: session.to_owned(),
            sent: 0,
        }
    }

    /// An event that answers the command `of`.
    pub(crate) fn event(&mut self, kind: &str, of: Option<&str>, fields: Value) -> String {
        self.sent += 1;
        let mut event = Map::new();
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        event.insert("event_type".into(), kind.into());
        event.insert(
            "event_id".into(),
            format!("{}-{}", self.session, self.sent).into(),
        );
        event.insert("session_id".into(), self.session.clone().into());
        event.insert("source_event_id".into(), of.into());
        Value::Object(event).to_string()
    }

    /// What was heard. A segment that was dropped was never begun, so nothing
    /// ends; who asked for it has interrupted it himself or sees the end of
    /// the session.
    pub(crate) fn heard(&mut self, heard: &Heard<Source>) -> Option<String> {
        let name = |source: &Option<Source>| source.as_ref().and_then(|s| s.name.clone());
        match heard {
            Heard::Started { source, .. } => {
                Some(self.event("avatar.speak_started", name(source).as_deref(), json!({})))
            }
            Heard::Ended {
                source,
                interrupted,
                ..
            } => Some(self.event(
                "avatar.speak_ended",
                name(source).as_deref(),
                json!({ "interrupted": interrupted }),
            )),
            Heard::Dropped { .. } => None,
        }
    }

    /// The session is over. Documents and clients name the reason differently.
    pub(crate) fn stopped(&mut self, reason: &str) -> String {
        self.event(
            "session.stopped",
            None,
            json!({ "stop_reason": reason, "end_reason": reason }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::Turn;

    #[test]
    fn events_name_their_command_and_themselves() {
        let mut events = Events::new("s");
        let of = |event: String| serde_json::from_str::<Value>(&event).unwrap();
        let started = events.heard(&Heard::Started {
            turn: Turn(1),
            source: Some(Source::named("cmd")),
        });
        let started = of(started.unwrap());
        assert_eq!(started["event_type"], "avatar.speak_started");
        assert_eq!(started["source_event_id"], "cmd");
        assert_eq!(started["session_id"], "s");
        let stopped = of(events.stopped("IDLE_TIMEOUT"));
        assert_eq!(stopped["stop_reason"], stopped["end_reason"]);
        assert_ne!(stopped["event_id"], started["event_id"]);
    }
}
