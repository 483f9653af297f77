//! What clients at the WebSocket of LITE sessions are told. ([`wire::realtime`]
//! reads what they say.)
//!
//! What cannot be used is answered with an `error`, what is not known with a
//! `warning`; neither ends the connection.

use std::fmt;

use serde_json::{Value, json};
use wire::Refusal;

use crate::vendor::playback::Heard;
use crate::vendor::source::Source;

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

/// Says that the session is over, and why; the reason by each of its names.
pub(crate) fn stopped(reason: &str) -> Value {
    json!({
        "type": "session.stopped",
        "reason": reason,
        "stop_reason": reason,
        "end_reason": reason,
    })
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
