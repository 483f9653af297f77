//! The WebSocket of LITE sessions on the wire: sound in, playback out.
//!
//! Clients differ in what they send, so nearly everything is optional here.
//! What cannot be used is answered with an `error`, what is not known with a
//! `warning`; neither ends the connection.

use std::fmt;

use serde_json::{Value, json};

use crate::problem::shown;
use crate::vendor::audio::{self, AudioError};
use crate::vendor::playback::Heard;
use crate::vendor::source::Source;

/// Rates that `start` may name, Hz.
const RATES: std::ops::RangeInclusive<u64> = 8_000..=192_000;

/// Longest name of an event that is repeated to the client, bytes. UUIDs have
/// 36.
const LONGEST_NAME: usize = 200;

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// A piece of sound.
    Speak(Vec<u8>),
    /// The end of a segment.
    SpeakEnd,
    /// Everything that is heard or waits is to be cut.
    Interrupt,
    /// The avatar looks attentive.
    StartListening,
    /// It no longer does.
    StopListening,
    /// A sign of life.
    KeepAlive,
    /// The rate of the sound to come, Hz, if one is named.
    Start(Option<u32>),
    /// Something else, which is passed over.
    Unknown(String),
}

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Stable and machine-readable.
    pub(crate) code: &'static str,
    /// For a person.
    pub(crate) message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl From<AudioError> for Refusal {
    fn from(error: AudioError) -> Self {
        Self::new("bad_audio", error.to_string())
    }
}

/// Reads a message: what it says and the name that the client gave it.
pub(crate) fn parse(text: &str) -> (Result<Message, Refusal>, Option<String>) {
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) else {
        let refusal = Refusal::new("invalid_message", "a message is a JSON object");
        return (Err(refusal), None);
    };
    let name = object.get("event_id").and_then(name_of);
    let message = match object.get("type").and_then(Value::as_str) {
        None => Err(Refusal::new("invalid_message", "the message has no type")),
        Some("agent.speak" | "agent.audio_buffer_append") => {
            match object.get("audio").and_then(Value::as_str) {
                Some(text) => audio::decode(text).map(Message::Speak).map_err(Into::into),
                None => Err(Refusal::new(
                    "bad_audio",
                    "send the sound as base64 in 'audio'",
                )),
            }
        }
        Some("agent.speak_end" | "agent.audio_buffer_commit") => Ok(Message::SpeakEnd),
        Some("agent.interrupt" | "agent.audio_buffer_clear") => Ok(Message::Interrupt),
        Some("agent.start_listening") => Ok(Message::StartListening),
        Some("agent.stop_listening") => Ok(Message::StopListening),
        Some("session.keep_alive") => Ok(Message::KeepAlive),
        Some("start") => format(&object).map(Message::Start),
        Some(other) => Ok(Message::Unknown(shown(other))),
    };
    (message, name)
}

/// The sound that `start` announces.
fn format(object: &serde_json::Map<String, Value>) -> Result<Option<u32>, Refusal> {
    let bad = |what: String| Refusal::new("bad_audio", what);
    if let Some(encoding) = object.get("encoding").filter(|value| !value.is_null())
        && !matches!(
            encoding.as_str(),
            Some("pcm_s16le" | "pcm" | "s16le" | "linear16")
        )
    {
        let found = shown(&encoding.to_string());
        return Err(bad(format!(
            "sound as {found} cannot be used; send pcm_s16le"
        )));
    }
    if let Some(channels) = object.get("channels").filter(|value| !value.is_null())
        && channels.as_u64() != Some(1)
    {
        return Err(bad("send one channel".to_owned()));
    }
    match object.get("sample_rate") {
        None | Some(Value::Null) => Ok(None),
        Some(rate) => rate
            .as_u64()
            .filter(|rate| RATES.contains(rate))
            .and_then(|rate| u32::try_from(rate).ok())
            .map(Some)
            .ok_or_else(|| {
                bad(format!(
                    "a rate of {} cannot be used; {} to {} Hz can",
                    shown(&rate.to_string()),
                    RATES.start(),
                    RATES.end()
                ))
            }),
    }
}

/// The name that a client gave something: a text, or a number that it takes
/// for one.
pub(crate) fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(name) if !name.is_empty() && name.len() <= LONGEST_NAME => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What the avatar does, as clients see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pose {
    #[default]
    Idle,
    Listening,
    Talking,
}

impl fmt::Display for Pose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Listening => "listening",
            Self::Talking => "talking",
        })
    }
}

/// The server's side of the conversation.
#[derive(Debug, Default)]
pub(crate) struct Realtime {
    listening: bool,
    pose: Pose,
}

impl Realtime {
    /// Notes whether the client wants the avatar to look attentive.
    pub(crate) const fn listen(&mut self, listening: bool) {
        self.listening = listening;
    }

    /// What has become of the avatar, if anything has. While it talks it does
    /// not listen: to some clients the end of talking is the end of a turn.
    pub(crate) fn pose(&mut self, talking: bool) -> Option<Value> {
        let pose = match (talking, self.listening) {
            (true, _) => Pose::Talking,
            (false, true) => Pose::Listening,
            (false, false) => Pose::Idle,
        };
        let before = std::mem::replace(&mut self.pose, pose);
        (before != pose).then(|| {
            json!({
                "type": "agent.state_updated",
                "previous_state": before.to_string(),
                "new_state": pose.to_string(),
                "state": pose.to_string(),
            })
        })
    }
}

/// What was heard, as messages. A segment that was cut says so and then ends
/// as every other: clients that wait for the end see it.
pub(crate) fn heard(heard: &Heard<Source>) -> Vec<Value> {
    let message = |kind: &str, turn: media::Turn, source: &Option<Source>| {
        let task = turn.to_string();
        let name = source.as_ref().and_then(|source| source.name.clone());
        json!({ "type": kind, "event_id": name.unwrap_or_else(|| task.clone()), "task": { "id": task } })
    };
    match heard {
        Heard::Started { turn, source } => vec![message("agent.speak_started", *turn, source)],
        Heard::Ended {
            turn,
            source,
            interrupted,
            ..
        } => {
            let mut messages = Vec::with_capacity(2);
            if *interrupted {
                messages.push(message("agent.speak_interrupted", *turn, source));
            }
            messages.push(message("agent.speak_ended", *turn, source));
            messages
        }
        Heard::Dropped { turn, source } => {
            vec![message("agent.speak_interrupted", *turn, source)]
        }
    }
}

/// Says what has become of the session: `connecting`, `connected`, `closing`
/// or `closed`.
pub(crate) fn state(state: &str) -> Value {
    json!({ "type": "session.state_updated", "state": state })
}

/// Confirms that a message was taken.
pub(crate) fn taken(kind: &str, name: Option<&str>) -> Value {
    json!({ "type": kind, "event_id": name })
}

/// Says that a message was refused, or that something failed.
pub(crate) fn error(refusal: &Refusal, name: Option<&str>) -> Value {
    json!({
        "type": "error",
        "event_id": name,
        "error": { "code": refusal.code, "message": refusal.message },
    })
}

/// Says that a message was longer than can be taken.
pub(crate) fn too_long(longest: usize) -> Value {
    let refusal = Refusal::new(
        "message_too_long",
        format!("a message may have {longest} bytes; send the sound in pieces of a second"),
    );
    error(&refusal, None)
}

/// Says something that the client should know.
pub(crate) fn warning(code: &str, message: &str, name: Option<&str>) -> Value {
    json!({
        "type": "warning",
        "event_id": name,
        "warning": { "code": code, "message": message },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::Turn;

    #[test]
    fn clients_may_be_sloppy() {
        let said = |text: &str| parse(text);
        assert_eq!(
            said(r#"{"type":"agent.speak","audio":"AAEC","event_id":null}"#),
            (Ok(Message::Speak(vec![0, 1, 2])), None)
        );
        assert_eq!(
            said(r#"{"type":"agent.audio_buffer_append","audio":"AAEC","event_id":7}"#),
            (Ok(Message::Speak(vec![0, 1, 2])), Some("7".into()))
        );
        assert_eq!(
            said(r#"{"type":"start","encoding":"pcm_s16le","sample_rate":24000,"channels":1}"#).0,
            Ok(Message::Start(Some(24_000)))
        );
        assert_eq!(
            said(r#"{"type":"session.dance"}"#).0,
            Ok(Message::Unknown("session.dance".into()))
        );
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, code) in [
            ("", "invalid_message"),
            ("[]", "invalid_message"),
            ("{}", "invalid_message"),
            (r#"{"type":7}"#, "invalid_message"),
            (r#"{"type":"agent.speak"}"#, "bad_audio"),
            (r#"{"type":"agent.speak","audio":[1,2]}"#, "bad_audio"),
            (r#"{"type":"agent.speak","audio":"abcde"}"#, "bad_audio"),
            (r#"{"type":"start","sample_rate":1}"#, "bad_audio"),
            (r#"{"type":"start","sample_rate":"24000"}"#, "bad_audio"),
            (r#"{"type":"start","channels":2}"#, "bad_audio"),
            (r#"{"type":"start","encoding":"opus"}"#, "bad_audio"),
        ] {
            assert_eq!(parse(text).0.unwrap_err().code, code, "{text}");
        }
    }

    #[test]
    fn listening_waits_for_the_end_of_talking() {
        let mut realtime = Realtime::default();
        assert_eq!(realtime.pose(false), None);
        assert_eq!(realtime.pose(true).unwrap()["new_state"], "talking");
        realtime.listen(true);
        assert_eq!(realtime.pose(true), None);
        let after = realtime.pose(false).unwrap();
        assert_eq!(after["previous_state"], "talking");
        assert_eq!(after["state"], "listening");
    }

    #[test]
    fn a_cut_segment_ends_too_and_one_that_waited_does_not_begin() {
        let source = Some(Source::named("a"));
        let kinds = |event: &Heard<Source>| -> Vec<_> {
            let messages = heard(event);
            assert!(messages.iter().all(|m| m["event_id"] == "a"));
            messages.into_iter().map(|m| m["type"].clone()).collect()
        };
        let (turn, text) = (Turn(3), String::new());
        assert_eq!(
            kinds(&Heard::Ended {
                turn,
                source: source.clone(),
                interrupted: true,
                text
            }),
            ["agent.speak_interrupted", "agent.speak_ended"]
        );
        assert_eq!(
            kinds(&Heard::Dropped { turn, source }),
            ["agent.speak_interrupted"]
        );
    }
}
