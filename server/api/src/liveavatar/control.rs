//! FULL sessions on the wire: commands on the topic `agent-control` of the
//! room, events on `agent-response`.

use serde_json::{Map, Value, json};

use crate::liveavatar::realtime::{Refusal, name_of};
use crate::problem::shown;
use crate::vendor::playback::Heard;
use crate::vendor::source::Source;

/// Topic of commands.
pub(crate) const COMMANDS: &str = "agent-control";

/// Topic of events.
pub(crate) const EVENTS: &str = "agent-response";

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Say a text.
    Say(String),
    /// Answer a text.
    Answer(String),
    /// Cut everything.
    Interrupt,
    /// Look attentive.
    StartListening,
    /// No longer.
    StopListening,
    /// Hear the user from now on.
    StartPushToTalk,
    /// The user has said it.
    StopPushToTalk,
    /// Something else, which is passed over.
    Unknown(String),
}

/// Reads a command: what is wanted and the name that the client gave it.
pub(crate) fn parse(payload: &[u8]) -> (Result<Command, Refusal>, Option<String>) {
    let invalid = |message: &str| Refusal {
        code: "invalid_message",
        message: message.to_owned(),
    };
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(payload) else {
        return (Err(invalid("a command is a JSON object")), None);
    };
    let name = object.get("event_id").and_then(name_of);
    let text = || {
        let text = object.get("text").and_then(Value::as_str).unwrap_or("");
        if text.trim().is_empty() {
            return Err(Refusal {
                code: "empty_text",
                message: "there is no text to speak".to_owned(),
            });
        }
        Ok(text.to_owned())
    };
    let command = match object.get("event_type").and_then(Value::as_str) {
        None => Err(invalid("the command has no event_type")),
        Some("avatar.speak_text") => text().map(Command::Say),
        Some("avatar.speak_response") => text().map(Command::Answer),
        Some("avatar.interrupt") => Ok(Command::Interrupt),
        Some("avatar.start_listening") => Ok(Command::StartListening),
        Some("avatar.stop_listening") => Ok(Command::StopListening),
        Some("user.start_push_to_talk") => Ok(Command::StartPushToTalk),
        Some("user.stop_push_to_talk") => Ok(Command::StopPushToTalk),
        Some(other) => Ok(Command::Unknown(shown(other))),
    };
    (command, name)
}

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
    fn commands_are_read() {
        let read = |text: &str| parse(text.as_bytes());
        assert_eq!(
            read(r#"{"event_id":"e","event_type":"avatar.speak_text","text":"Hi"}"#),
            (Ok(Command::Say("Hi".into())), Some("e".into()))
        );
        assert_eq!(
            read(r#"{"event_type":"avatar.interrupt"}"#),
            (Ok(Command::Interrupt), None)
        );
        for (text, code) in [
            ("\u{1}", "invalid_message"),
            ("{}", "invalid_message"),
            (r#"{"event_type":"avatar.speak_text"}"#, "empty_text"),
            (
                r#"{"event_type":"avatar.speak_response","text":" "}"#,
                "empty_text",
            ),
        ] {
            assert_eq!(read(text).0.unwrap_err().code, code, "{text}");
        }
    }

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
