//! Legacy streaming sessions on the wire: what their clients write into the
//! room and into the chat WebSocket, and the events they read there.

use serde_json::{Value, json};

use crate::vendor::playback::Heard;
use crate::vendor::source::Source;

/// What a client wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A text of the user, to be answered.
    Text(String),
    /// The user's microphone is meant from now on, or no longer.
    PushToTalk(bool),
    /// A piece of the user's voice.
    Voice,
}

/// Reads a data packet of the room: a JSON string.
pub(crate) fn packet(payload: &[u8]) -> Option<Message> {
    let text: String = serde_json::from_slice(payload).ok()?;
    match text.as_str() {
        "push_to_talk:start" => Some(Message::PushToTalk(true)),
        "push_to_talk:stop" => Some(Message::PushToTalk(false)),
        text if text.trim().is_empty() => None,
        _ => Some(Message::Text(text)),
    }
}

/// Numbers of fields of a frame of the chat WebSocket:
/// `Frame { oneof { TextFrame text = 1; AudioRawFrame audio = 2 } }` and
/// `TextFrame { text = 3 }`.
mod field {
    pub(super) const TEXT: u64 = 1;
    pub(super) const AUDIO: u64 = 2;
    pub(super) const TEXT_OF_TEXT: u64 = 3;
}

/// Reads a binary message of the chat WebSocket (protocol buffers).
pub(crate) fn frame(bytes: &[u8]) -> Option<Message> {
    let mut fields = Fields(bytes);
    loop {
        match fields.next()? {
            (field::TEXT, Some(inner)) => {
                let mut inner = Fields(inner);
                loop {
                    if let (field::TEXT_OF_TEXT, Some(text)) = inner.next()? {
                        let text = std::str::from_utf8(text).ok()?;
                        let there = !text.trim().is_empty();
                        return there.then(|| Message::Text(text.to_owned()));
                    }
                }
            }
            (field::AUDIO, Some(_)) => return Some(Message::Voice),
            _ => {}
        }
    }
}

/// The fields of a message in protocol buffers' wire format: numbers, and
/// bytes where there are bytes.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field; `None` at the end and when the bytes make no sense.
    fn next(&mut self) -> Option<(u64, Option<&'a [u8]>)> {
        let key = self.varint()?;
        let number = key >> 3;
        let bytes = match key & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Some(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                None
            }
            _ => return None,
        };
        Some((number, bytes))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

/// An event. The room's readers look at `type`, those of the WebSocket at
/// `event_type`.
pub(crate) fn event(kind: &str, task: &str, message: Option<&str>) -> String {
    let mut event = json!({ "type": kind, "event_type": kind, "task_id": task });
    if let Some(message) = message {
        event["message"] = message.into();
    }
    event.to_string()
}

/// What was heard, as events.
pub(crate) fn heard(heard: &Heard<Source>) -> Vec<String> {
    match heard {
        Heard::Started { turn, .. } => {
            vec![event("avatar_start_talking", &turn.to_string(), None)]
        }
        Heard::Ended { turn, text, .. } => {
            let task = turn.to_string();
            vec![
                event("avatar_end_message", &task, Some(text)),
                event("avatar_stop_talking", &task, None),
            ]
        }
        // It never began.
        Heard::Dropped { .. } => Vec::new(),
    }
}

/// Whether a task asks for an answer instead of a repetition. SDKs leave the
/// field out when it is spelt in another way, and mean an answer then.
pub(crate) fn wants_answer(task_type: Option<&Value>) -> bool {
    task_type
        .and_then(Value::as_str)
        .is_none_or(|kind| !kind.eq_ignore_ascii_case("repeat"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_are_read() {
        assert_eq!(packet(b"\"hello\""), Some(Message::Text("hello".into())));
        assert_eq!(
            packet(b"\"push_to_talk:start\""),
            Some(Message::PushToTalk(true))
        );
        for nothing in [&b"hello"[..], b"{}", b"\"\"", b"\xff"] {
            assert_eq!(packet(nothing), None);
        }
    }

    #[test]
    fn frames_are_read() {
        // Frame { text: TextFrame { id: 7, name: "n", text: "hi" } }
        let text = [10, 9, 8, 7, 18, 1, b'n', 26, 2, b'h', b'i'];
        assert_eq!(frame(&text), Some(Message::Text("hi".into())));
        // Frame { audio: AudioRawFrame { audio: [1, 2] } }
        assert_eq!(frame(&[18, 4, 26, 2, 1, 2]), Some(Message::Voice));
        assert_eq!(frame(&text[..6]), None, "cut");
        assert_eq!(frame(&[]), None);
    }

    #[test]
    fn tasks_that_name_no_type_want_an_answer() {
        assert!(wants_answer(None));
        assert!(wants_answer(Some(&Value::Null)));
        assert!(wants_answer(Some(&json!("talk"))));
        assert!(!wants_answer(Some(&json!("repeat"))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = (frame(&bytes), packet(&bytes));
        }
    }
}
