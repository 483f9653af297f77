//! Conversations over the real turn machine, on a virtual clock.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use media::seam::MouthSource;
use media::{HOP, MediaTime, Posture};
use proptest::prelude::*;
use serde_json::Value;
use session::{Conductor, Limits};

use super::*;

/// One hop.
const HOP_TIME: Duration = Duration::from_millis(20);

/// A session whose engine is the real turn machine.
struct World {
    conversation: Conversation,
    conductor: Conductor,
    /// The turn that takes sound.
    sound: Option<Turn>,
    hops: u32,
    told: Vec<(To, Value)>,
    /// Names of the segments that were opened.
    opened: Vec<Option<String>>,
}

impl World {
    fn new(kind: Kind) -> Self {
        let mut world = Self {
            conversation: Conversation::new(kind, "s"),
            conductor: Conductor::new(0, Limits::default()),
            sound: None,
            hops: 0,
            told: Vec::new(),
            opened: Vec::new(),
        };
        world.conversation.connected();
        world.settle();
        world
    }

    fn now(&self) -> Duration {
        HOP_TIME * self.hops
    }

    /// Carries out what is to be done and passes on what happened.
    fn settle(&mut self) {
        loop {
            while let Some(action) = self.conversation.poll() {
                self.act(action);
            }
            let Some(timed) = self.conductor.poll_event() else {
                return;
            };
            self.conversation.event(&timed.event);
        }
    }

    fn act(&mut self, action: Action) {
        let now = self.now();
        match action {
            Action::Send(to, message) => {
                self.told
                    .push((to, serde_json::from_str(&message).unwrap()));
            }
            Action::Open { source, .. } => {
                self.sound = None;
                match self.conductor.open(MouthSource::Planned, now) {
                    Ok(turn) => {
                        self.opened.push(source.name.clone());
                        self.conversation.opened(turn, source);
                        self.sound = Some(turn);
                    }
                    Err(error) => self.conversation.refused(
                        &Refusal {
                            code: "too_many_turns",
                            message: error.to_string(),
                        },
                        &source,
                        To::Realtime,
                    ),
                }
            }
            Action::Write(samples) => {
                // Twice the rate is the media clock's.
                let sound: Vec<_> = samples.iter().flat_map(|s| [*s, *s]).collect();
                if let Some(turn) = self.sound
                    && self.conductor.sound(turn, &sound, now).is_err()
                {
                    self.conversation.not_written(
                        &Refusal {
                            code: "over",
                            message: String::new(),
                        },
                        true,
                    );
                }
            }
            Action::Finish => {
                if let Some(turn) = self.sound.take() {
                    let _ = self.conductor.finish(turn);
                }
            }
            Action::Say { text, source, to } => {
                match self.conductor.open(MouthSource::Planned, now) {
                    Ok(turn) => {
                        self.opened.push(source.name.clone());
                        self.conversation.said(turn, &text, source);
                        let hops = text.len().min(9);
                        let sound = vec![0.1; hops * HOP];
                        self.conductor.sound(turn, &sound, now).unwrap();
                        self.conductor.finish(turn).unwrap();
                    }
                    Err(error) => self.conversation.refused(
                        &Refusal {
                            code: "too_many_turns",
                            message: error.to_string(),
                        },
                        &source,
                        to,
                    ),
                }
            }
            Action::Interrupt => {
                self.sound = None;
                self.conductor.interrupt();
            }
            Action::Pose(posture) => self.conductor.pose(posture),
            Action::Touch => self.conductor.touch(),
        }
    }

    fn hear(&mut self, message: &str) {
        let now = self.now();
        self.conversation.realtime(now, message);
        self.settle();
    }

    fn speak(&mut self, name: &str, ms: usize) {
        let audio = BASE64.encode(vec![1; ms * 48]);
        self.hear(&format!(
            r#"{{"type":"agent.speak","event_id":"{name}","audio":"{audio}"}}"#
        ));
    }

    fn step(&mut self, hops: u32) {
        for _ in 0..hops {
            self.conductor
                .hop(MediaTime(i64::from(self.hops) * HOP as i64));
            self.hops += 1;
            self.settle();
            let now = self.now();
            if self.conversation.deadline().is_some_and(|at| at <= now) {
                self.conversation.tick(now);
                self.settle();
            }
        }
    }

    fn close(&mut self) {
        self.conductor.close(CloseReason::Client);
        self.settle();
    }

    /// Types and names of what the realtime client was told, without acks.
    fn realtime(&self) -> Vec<(String, String)> {
        let words = self.told.iter().filter(|(to, _)| *to == To::Realtime);
        words
            .map(|(_, message)| {
                let kind = message["type"].as_str().unwrap().to_owned();
                let name = message["event_id"].as_str().unwrap_or_default().to_owned();
                (kind, name)
            })
            .filter(|(kind, _)| !kind.starts_with("agent.audio_buffer"))
            .collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.realtime().into_iter().map(|(kind, _)| kind).collect()
    }
}

#[test]
fn the_face_listens_from_when_it_is_told_until_it_is_told_to_stop() {
    let mut world = World::new(Kind::Lite);
    world.hear(r#"{"type":"agent.start_listening","event_id":"a"}"#);
    assert_eq!(world.conductor.posture(), Posture::Listening);
    world.speak("b", 600);
    world.hear(r#"{"type":"agent.speak_end","event_id":"c"}"#);
    world.step(60);
    assert_eq!(
        world.conductor.posture(),
        Posture::Listening,
        "goes on after"
    );
    world.hear(r#"{"type":"agent.stop_listening","event_id":"d"}"#);
    assert_eq!(world.conductor.posture(), Posture::Idle);

    let mut world = World::new(Kind::Full);
    for (listening, posture) in [(true, Posture::Listening), (false, Posture::Idle)] {
        world.conversation.listen(listening);
        world.settle();
        assert_eq!(world.conductor.posture(), posture);
    }
}

#[test]
fn an_utterance_is_told_from_its_first_sound_to_its_last() {
    let mut world = World::new(Kind::Lite);
    // A name for each piece, as some agents do.
    world.speak("a", 600);
    world.speak("b", 1_000);
    world.hear(r#"{"type":"agent.speak_end","event_id":"c"}"#);
    world.hear(r#"{"type":"agent.start_listening","event_id":"d"}"#);
    world.step(79);
    assert_eq!(
        world.kinds(),
        [
            "session.state_updated",
            "agent.speak_started",
            "agent.state_updated"
        ]
    );
    world.step(2);
    let all = world.realtime();
    assert_eq!(all[3], ("agent.speak_ended".to_owned(), "a".to_owned()));
    assert_eq!(all[4].0, "agent.state_updated");
    let (_, last) = world.told.last().unwrap();
    assert_eq!(last["new_state"], "listening");
    assert_eq!(last["previous_state"], "talking");
}

#[test]
fn an_interrupt_ends_what_is_heard_and_drops_what_waits() {
    let mut world = World::new(Kind::Lite);
    world.speak("one", 500);
    world.hear(r#"{"type":"agent.speak_end"}"#);
    world.speak("two", 500);
    world.step(5);
    world.hear(r#"{"type":"agent.interrupt","event_id":null}"#);
    // The end of what was cut comes late, and something new at once.
    world.hear(r#"{"type":"agent.speak_end"}"#);
    world.speak("three", 100);
    world.hear(r#"{"type":"agent.speak_end"}"#);
    world.step(10);
    let of = |name: &str| -> Vec<_> {
        let all = world.realtime().into_iter();
        all.filter(|(_, n)| n == name)
            .map(|(kind, _)| kind)
            .collect()
    };
    assert_eq!(
        of("one"),
        [
            "agent.speak_started",
            "agent.speak_interrupted",
            "agent.speak_ended"
        ]
    );
    assert_eq!(of("two"), ["agent.speak_interrupted"]);
    assert_eq!(of("three"), ["agent.speak_started", "agent.speak_ended"]);
}

#[test]
fn a_lost_end_and_an_empty_segment_end_too() {
    let mut world = World::new(Kind::Lite);
    world.speak("lost", 200);
    world.step(10 + 250 + 2);
    assert_eq!(world.kinds().last().unwrap(), "agent.state_updated");
    assert!(
        world
            .realtime()
            .contains(&("agent.speak_ended".into(), "lost".into()))
    );
    let before = world.realtime().len();
    world.hear(r#"{"type":"agent.speak_end","event_id":"late"}"#);
    world.step(5);
    assert_eq!(world.realtime().len(), before);
    world.hear(r#"{"type":"agent.speak_end","event_id":"empty"}"#);
    world.step(2);
    assert_eq!(
        &world.kinds()[before..],
        ["agent.speak_started", "agent.speak_ended"]
    );
}

#[test]
fn a_client_that_comes_back_learns_what_it_missed() {
    let mut world = World::new(Kind::Lite);
    world.speak("a", 200);
    world.step(2);
    world.conversation.disconnected();
    world.settle();
    let before = world.realtime().len();
    world.step(20);
    assert_eq!(world.realtime().len(), before, "nobody is there");
    world.conversation.connected();
    world.settle();
    assert_eq!(
        &world.kinds()[before..],
        [
            "session.state_updated",
            "agent.speak_ended",
            "agent.state_updated"
        ]
    );
}

#[test]
fn commands_of_the_room_are_answered() {
    let mut world = World::new(Kind::Full);
    for command in [
        r#"{"event_id":"say","event_type":"avatar.speak_text","text":"Hello"}"#,
        r#"{"event_id":"ask","event_type":"avatar.speak_response","text":"Who?"}"#,
        r#"{"event_type":"user.start_push_to_talk"}"#,
        r#"{"event_type":"user.stop_push_to_talk"}"#,
        r#"{"event_type":"avatar.dance"}"#,
    ] {
        world.conversation.control(command.as_bytes());
        world.settle();
    }
    world.step(20);
    let viewer = "1".to_owned();
    world.conductor.emit(Event::UserSpeakStarted {
        viewer: viewer.clone(),
    });
    world.conductor.emit(Event::UserSpeakEnded { viewer });
    world.settle();
    world.close();
    let events: Vec<_> = world
        .told
        .iter()
        .filter(|(to, _)| *to == To::Control)
        .map(|(_, event)| {
            let source = event["source_event_id"].as_str().unwrap_or("-");
            format!("{} {source}", event["event_type"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        events,
        [
            "avatar.transcription say",
            "warning ask",
            "avatar.transcription ask",
            "user.push_to_talk_start_failed -",
            "user.push_to_talk_stopped -",
            "warning -",
            "avatar.speak_started say",
            "avatar.speak_ended say",
            "avatar.speak_started ask",
            "avatar.speak_ended ask",
            "user.speak_started -",
            "user.speak_ended -",
            "session.stopped -",
        ]
    );
}

#[test]
fn the_chat_tells_of_every_text() {
    let mut world = World::new(Kind::Streaming);
    world
        .conversation
        .chat(chat::Message::Text("Hello".to_owned()));
    world.settle();
    world.step(10);
    let events: Vec<_> = world
        .told
        .iter()
        .filter(|(to, _)| *to == To::Chat)
        .map(|(_, event)| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        events,
        [
            "avatar_start_talking",
            "avatar_end_message",
            "avatar_stop_talking"
        ]
    );
}

#[derive(Clone, Debug)]
enum Act {
    Speak(usize),
    End,
    Interrupt,
    /// By somebody else, such as over our own API.
    Cut,
    Listen(bool),
    Step(u32),
    Reconnect,
    Text(String),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0usize..400).prop_map(Act::Speak),
        4 => Just(Act::End),
        1 => Just(Act::Interrupt),
        1 => Just(Act::Cut),
        1 => any::<bool>().prop_map(Act::Listen),
        4 => (0u32..40).prop_map(Act::Step),
        1 => (300u32..330).prop_map(Act::Step),
        1 => Just(Act::Reconnect),
        1 => "\\PC{0,30}".prop_map(Act::Text),
    ]
}

proptest! {
    /// Whatever a client and the world do, in any order: each segment that was
    /// opened begins at most once and ends exactly once, in order, and the
    /// avatar never seems to talk when nothing is heard.
    #[test]
    fn every_segment_is_told_exactly_once(acts in prop::collection::vec(act(), 0..60)) {
        let mut world = World::new(Kind::Lite);
        let mut count = 0;
        for act in acts {
            match act {
                Act::Speak(ms) => {
                    count += 1;
                    world.speak(&format!("n{count}"), ms);
                }
                Act::End => {
                    count += 1;
                    world.hear(&format!(r#"{{"type":"agent.speak_end","event_id":"n{count}"}}"#));
                }
                Act::Interrupt => world.hear(r#"{"type":"agent.interrupt"}"#),
                Act::Cut => {
                    world.conductor.interrupt();
                    world.settle();
                }
                Act::Listen(true) => world.hear(r#"{"type":"agent.start_listening"}"#),
                Act::Listen(false) => world.hear(r#"{"type":"agent.stop_listening"}"#),
                Act::Step(hops) => world.step(hops),
                Act::Reconnect => {
                    world.conversation.disconnected();
                    world.settle();
                    world.conversation.connected();
                    world.settle();
                }
                Act::Text(text) => world.hear(&text),
            }
        }
        world.close();

        let (mut begun, mut ended) = (BTreeMap::new(), BTreeMap::new());
        let mut order = Vec::new();
        let mut cut = std::collections::BTreeSet::new();
        for (kind, name) in world.realtime() {
            match kind.as_str() {
                "agent.speak_started" => {
                    order.push(name.clone());
                    *begun.entry(name).or_insert(0) += 1;
                }
                "agent.speak_ended" => {
                    prop_assert!(begun.contains_key(&name), "{} ends before it begins", name);
                    *ended.entry(name).or_insert(0) += 1;
                }
                "agent.speak_interrupted" => { cut.insert(name); }
                _ => {}
            }
        }
        for name in world.opened.iter().flatten() {
            let (begun, ended) = (begun.get(name), ended.get(name));
            prop_assert!(begun.is_none_or(|n| *n == 1), "{} begins {:?}", name, begun);
            prop_assert_eq!(begun, ended, "{}", name);
            prop_assert!(begun.is_some() || cut.contains(name), "{} is not told of", name);
        }
        let opened: Vec<_> = world.opened.iter().flatten().collect();
        let places: Option<Vec<_>> = order
            .iter()
            .map(|name| opened.iter().position(|other| *other == name))
            .collect();
        prop_assert!(places.is_some_and(|p| p.is_sorted_by(|a, b| a < b)), "{:?}", order);
        let last = world.told.iter().rev().find(|(_, m)| m["type"] == "agent.state_updated");
        prop_assert!(last.is_none_or(|(_, m)| m["new_state"] != "talking"));
        prop_assert!(world.conversation.over());
    }

    /// Nothing that a client writes breaks the conversation.
    #[test]
    fn any_message_is_survived(texts in prop::collection::vec("\\PC{0,80}", 0..20), bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut world = World::new(Kind::Full);
        for text in &texts {
            world.hear(text);
            world.conversation.control(text.as_bytes());
            world.settle();
        }
        world.conversation.control(&bytes);
        world.settle();
        world.step(3);
        prop_assert!(world.conversation.poll().is_none());
    }
}
