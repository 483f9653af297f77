//! RTVI, what Pipecat's clients speak on the data channel: messages in,
//! messages out, and which of them a client is ready for.
//!
//! Protocol 1.0: later ones tell what is said by other messages.

use std::collections::HashSet;

use media::Turn;
use serde::Deserialize;
use serde_json::{Value, json};
use session::Event;

use crate::problem::shown;

/// Marks messages of this protocol.
const LABEL: &str = "rtvi-ai";

/// The version that is spoken here.
const VERSION: &str = "1.0.0";

/// Longest identifier of a message that is repeated in its answer, characters.
const LONGEST_ID: usize = 128;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Say a text; the answer goes to the message of this name.
    Speak {
        /// The name of the message.
        id: String,
        /// What to say.
        text: String,
    },
    /// Be silent.
    Interrupt {
        /// The name of the message.
        id: String,
    },
    /// End the session with this client.
    Leave,
    /// Send this.
    Answer(String),
}

#[derive(Debug, Deserialize)]
struct Incoming {
    label: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    data: Value,
}

/// One client's side of the protocol.
#[derive(Debug, Default)]
pub(super) struct Rtvi {
    ready: bool,
    /// Turns that were told to have begun.
    begun: HashSet<Turn>,
}

impl Rtvi {
    /// Takes a text message. `None` when nothing is to be done: signs of life,
    /// and what is not of this protocol.
    pub(super) fn take(&mut self, text: &str) -> Option<Wish> {
        let message: Incoming = serde_json::from_str(text).ok()?;
        if message.label.as_deref() != Some(LABEL) {
            return None;
        }
        let id: String = message.id.chars().take(LONGEST_ID).collect();
        Some(match message.kind.as_str() {
            "client-ready" => {
                self.ready = true;
                let data = json!({
                    "version": VERSION,
                    "about": { "library": "visavis", "library_version": crate::VERSION },
                });
                Wish::Answer(answer("bot-ready", &id, &data))
            }
            "client-message" => asked(id, &message.data),
            "disconnect-bot" => Wish::Leave,
            "send-text" => Wish::Answer(refusal(
                &id,
                "no language model answers here; send a client message \"speak\" with a text",
            )),
            other => Wish::Answer(refusal(&id, &format!("{} is not known here", shown(other)))),
        })
    }

    /// What a client that is ready is told of an event.
    pub(super) fn tell(&mut self, event: &Event) -> Vec<String> {
        if !self.ready {
            return Vec::new();
        }
        match event {
            Event::SpeakStarted { turn } if self.begun.insert(*turn) => {
                vec![message("bot-tts-started"), message("bot-started-speaking")]
            }
            Event::Clause { text, .. } => vec![with_text("bot-transcription", text)],
            Event::Word { text, .. } => vec![with_text("bot-tts-text", text)],
            Event::SpeakEnded { turn, .. } if self.begun.remove(turn) => {
                vec![message("bot-tts-stopped"), message("bot-stopped-speaking")]
            }
            Event::UserSpeakStarted { .. } => vec![message("user-started-speaking")],
            Event::UserSpeakEnded { .. } => vec![message("user-stopped-speaking")],
            Event::Error { detail, .. } => {
                let data = json!({ "error": detail, "fatal": false });
                vec![json!({ "label": LABEL, "type": "error", "data": data }).to_string()]
            }
            _ => Vec::new(),
        }
    }
}

/// What an application asks by a message of its own.
fn asked(id: String, data: &Value) -> Wish {
    match data["t"].as_str() {
        Some("speak") => match data["d"]["text"].as_str() {
            Some(text) => Wish::Speak {
                id,
                text: text.to_owned(),
            },
            None => Wish::Answer(refusal(&id, "\"speak\" needs a text: {\"text\": \"…\"}")),
        },
        Some("interrupt") => Wish::Interrupt { id },
        _ => Wish::Answer(refusal(
            &id,
            "client messages are \"speak\" and \"interrupt\"",
        )),
    }
}

/// The answer to a client message that was done.
pub(super) fn done(id: &str, kind: &str, data: &Value) -> String {
    answer("server-response", id, &json!({ "t": kind, "d": data }))
}

/// The answer to a message that was not done.
pub(super) fn refusal(id: &str, why: &str) -> String {
    answer("error-response", id, &json!({ "error": why }))
}

fn answer(kind: &str, id: &str, data: &Value) -> String {
    json!({ "label": LABEL, "type": kind, "id": id, "data": data }).to_string()
}

fn message(kind: &str) -> String {
    json!({ "label": LABEL, "type": kind }).to_string()
}

fn with_text(kind: &str, text: &str) -> String {
    json!({ "label": LABEL, "type": kind, "data": { "text": text } }).to_string()
}

/// The far side is told that this side is gone.
pub(super) fn peer_left() -> String {
    json!({ "type": "signalling", "message": { "type": "peerLeft" } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(messages: &[String]) -> Vec<String> {
        let kind = |text: &String| serde_json::from_str::<Value>(text).unwrap()["type"].clone();
        messages
            .iter()
            .map(|text| kind(text).as_str().unwrap().to_owned())
            .collect()
    }

    fn ready() -> Rtvi {
        let mut rtvi = Rtvi::default();
        let hello =
            r#"{"label":"rtvi-ai","type":"client-ready","id":"7","data":{"version":"2.2.0"}}"#;
        let Some(Wish::Answer(answer)) = rtvi.take(hello) else {
            panic!("no answer");
        };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["type"], "bot-ready");
        assert_eq!(answer["id"], "7");
        assert_eq!(answer["data"]["version"], VERSION);
        rtvi
    }

    #[test]
    fn nothing_is_told_before_a_client_is_ready() {
        let turn = Turn(1);
        let mut rtvi = Rtvi::default();
        assert!(rtvi.tell(&Event::SpeakStarted { turn }).is_empty());
        let mut rtvi = ready();
        let ended = Event::SpeakEnded {
            turn,
            heard_text: String::new(),
            interrupted: false,
        };
        // A turn that was not told to begin is not told to end.
        assert!(rtvi.tell(&ended).is_empty());
        let begun = rtvi.tell(&Event::SpeakStarted { turn });
        assert_eq!(kinds(&begun), ["bot-tts-started", "bot-started-speaking"]);
        assert_eq!(
            kinds(&rtvi.tell(&ended)),
            ["bot-tts-stopped", "bot-stopped-speaking"]
        );
        assert!(rtvi.tell(&ended).is_empty());
    }

    #[test]
    fn applications_have_messages_of_their_own() {
        let mut rtvi = ready();
        let speak = r#"{"label":"rtvi-ai","type":"client-message","id":"a","data":{"t":"speak","d":{"text":"Hi."}}}"#;
        let (id, text) = ("a".to_owned(), "Hi.".to_owned());
        assert_eq!(rtvi.take(speak), Some(Wish::Speak { id, text }));
        let stop =
            r#"{"label":"rtvi-ai","type":"client-message","id":"b","data":{"t":"interrupt"}}"#;
        assert_eq!(rtvi.take(stop), Some(Wish::Interrupt { id: "b".into() }));
        let leave = r#"{"label":"rtvi-ai","type":"disconnect-bot","id":"c"}"#;
        assert_eq!(rtvi.take(leave), Some(Wish::Leave));
    }

    #[test]
    fn what_is_not_known_is_refused_or_passed_over() {
        let mut rtvi = ready();
        for passed in [
            "ping: 1732480000000",
            "",
            "[]",
            r#"{"type":"signalling","message":{"type":"trackStatus","receiver_index":0,"enabled":true}}"#,
            r#"{"label":"other","type":"client-ready"}"#,
        ] {
            assert_eq!(rtvi.take(passed), None, "{passed}");
        }
        for refused in [
            r#"{"label":"rtvi-ai","type":"send-text","id":"1","data":{"content":"Hi"}}"#,
            r#"{"label":"rtvi-ai","type":"what","id":"1"}"#,
            r#"{"label":"rtvi-ai","type":"client-message","id":"1","data":{"t":"speak"}}"#,
            r#"{"label":"rtvi-ai","type":"client-message","id":"1","data":7}"#,
        ] {
            let Some(Wish::Answer(answer)) = rtvi.take(refused) else {
                panic!("{refused}");
            };
            assert_eq!(kinds(&[answer]), ["error-response"], "{refused}");
        }
    }
}
