//! The data of FULL sessions: commands on the topic `agent-control` of the
//! room.

use serde_json::Value;

use crate::{Refusal, name_of, shown};

/// Topic of commands.
pub const COMMANDS: &str = "agent-control";

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
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
pub fn parse(payload: &[u8]) -> (Result<Command, Refusal>, Option<String>) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
