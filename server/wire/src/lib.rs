//! What clients of the `LiveAvatar` API say, read without I/O.
//!
//! * [`realtime`]: the WebSocket of LITE sessions.
//! * [`control`]: the data of FULL sessions.
//! * [`audio`]: sound as it stands in JSON.
//!
//! Everything here comes from strangers: whatever it is, reading ends, and with
//! a [`Refusal`] that says what is wrong.

#![forbid(unsafe_code)]

pub mod audio;
pub mod control;
pub mod realtime;

use serde_json::Value;

/// Longest name of an event that is repeated to the client, bytes. UUIDs have
/// 36.
const LONGEST_NAME: usize = 200;

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable and machine-readable.
    pub code: &'static str,
    /// For a person.
    pub message: String,
}

impl Refusal {
    /// A refusal with this code and these words.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// The name that a client gave something: a text, or a number that it takes
/// for one.
pub fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(name) if !name.is_empty() && name.len() <= LONGEST_NAME => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What a client sent, short enough to be repeated to it.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_short() {
        assert_eq!(shown("joe"), "joe");
        assert_eq!(shown(&"é".repeat(10_000)).chars().count(), 61);
        let name = |json: &str| name_of(&serde_json::from_str(json).unwrap());
        assert_eq!(name("\"a\"").as_deref(), Some("a"));
        assert_eq!(name("7").as_deref(), Some("7"));
        let long = Value::from("x".repeat(LONGEST_NAME + 1));
        assert_eq!(
            (name("\"\""), name("null"), name_of(&long)),
            (None, None, None)
        );
    }
}
