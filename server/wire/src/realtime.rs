//! The WebSocket of LITE sessions: sound in.
//!
//! Clients differ in what they send, so nearly everything is optional here.

use serde_json::Value;

use crate::audio::{self, AudioError};
use crate::{Refusal, name_of, shown};

/// Rates that `start` may name, Hz.
const RATES: std::ops::RangeInclusive<u64> = 8_000..=192_000;

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
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

impl From<AudioError> for Refusal {
    fn from(error: AudioError) -> Self {
        Self::new("bad_audio", error.to_string())
    }
}

/// Reads a message: what it says and the name that the client gave it.
pub fn parse(text: &str) -> (Result<Message, Refusal>, Option<String>) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
