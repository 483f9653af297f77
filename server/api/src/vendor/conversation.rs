//! A vendor session without its input and output: what its clients say goes
//! in, what the engine is to do and what the clients are told comes out.
//!
//! ```text
//!   realtime WebSocket ─┐                        ┌─► Action (engine, clients)
//!   room topics ────────┼─► Conversation ────────┤
//!   chat WebSocket ─────┘        ▲               └─► transcript
//!                          engine events, time
//! ```
//! The engine's answers (which turn was opened, what was refused) come back by
//! [`Conversation::opened`] and [`Conversation::refused`], in the order of the
//! actions.

use std::collections::VecDeque;
use std::time::Duration;

use media::{Posture, Turn};
use serde_json::json;
use session::{CloseReason, Event};
use wire::Refusal;
use wire::control::Command;
use wire::realtime::Message;

use crate::liveavatar::control::Events;
use crate::liveavatar::realtime::{self, Realtime};
use crate::streaming::chat;
use crate::vendor::feed::{Feed, Step};
use crate::vendor::playback::{Heard, Playback};
use crate::vendor::source::Source;

/// Messages that wait for a realtime client that has lost its connection. A
/// turn makes about five; a client that misses more than this has lost its
/// place anyway.
const KEPT: usize = 256;

/// What a session answers where nobody has configured a language model.
pub(crate) const NO_MODEL: &str = "no language model is configured, so the text is spoken as it is";

/// What kind of session it is, by the API that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The client brings the sound.
    Lite,
    /// The client brings texts, over the room.
    Full,
    /// The client brings texts, over REST and the chat WebSocket.
    Streaming,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// The realtime WebSocket.
    Realtime,
    /// Everybody in the room, on the topic of events.
    Control,
    /// The client of a streaming session: in the room, or over the chat
    /// WebSocket.
    Chat,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Tell a client.
    Send(To, String),
    /// Open a turn of pushed sound; its source is told with
    /// [`Conversation::opened`].
    Open {
        /// Samples per second.
        rate: u32,
        /// Who asked.
        source: Source,
    },
    /// Add sound to the turn that was opened last.
    Write(Vec<f32>),
    /// The turn that was opened last is complete.
    Finish,
    /// Say a text, as a turn of its own.
    Say {
        /// What.
        text: String,
        /// Who asked.
        source: Source,
        /// Who wants to know of a refusal.
        to: To,
    },
    /// Cut everything.
    Interrupt,
    /// Look so while nothing is said. A sign of life too.
    Pose(Posture),
    /// A sign of life.
    Touch,
}

/// One vendor session.
#[derive(Debug)]
pub(crate) struct Conversation {
    kind: Kind,
    playback: Playback<Source>,
    feed: Feed,
    /// The turn that takes pushed sound.
    sound: Option<Turn>,
    realtime: Realtime,
    /// Whether somebody is at the realtime WebSocket.
    connected: bool,
    /// What could not be told meanwhile.
    missed: VecDeque<String>,
    events: Events,
    actions: VecDeque<Action>,
    /// Whether the session is over, and everybody was told.
    over: bool,
}

impl Conversation {
    /// A session that has just begun.
    pub(crate) fn new(kind: Kind, session: &str) -> Self {
        Self {
            kind,
            playback: Playback::default(),
            feed: Feed::default(),
            sound: None,
            realtime: Realtime::default(),
            connected: false,
            missed: VecDeque::new(),
            events: Events::new(session),
            actions: VecDeque::new(),
            over: false,
        }
    }

    /// The next thing to do.
    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether the session is over.
    pub(crate) const fn over(&self) -> bool {
        self.over
    }

    /// A realtime client has come, the first or one that takes over.
    pub(crate) fn connected(&mut self) {
        self.connected = true;
        self.send_realtime(&realtime::state("connected"));
        for message in std::mem::take(&mut self.missed) {
            self.actions.push_back(Action::Send(To::Realtime, message));
        }
        self.actions.push_back(Action::Touch);
    }

    /// The realtime client is gone: what it sent is complete, and what happens
    /// is kept for the next.
    pub(crate) fn disconnected(&mut self) {
        self.connected = false;
        let steps = self.feed.lost();
        self.run(steps, None);
    }

    /// Takes a message of the realtime client. `now` is any clock that does
    /// not go back.
    pub(crate) fn realtime(&mut self, now: Duration, text: &str) {
        let (message, name) = wire::realtime::parse(text);
        let name = name.as_deref();
        let message = match message {
            Ok(message) => message,
            Err(refusal) => return self.send_realtime(&realtime::error(&refusal, name)),
        };
        self.actions.push_back(Action::Touch);
        match message {
            Message::Speak(bytes) => {
                let steps = self.feed.sound(now, &bytes);
                self.run(steps, name);
                self.send_realtime(&realtime::taken("agent.audio_buffer_appended", name));
            }
            Message::SpeakEnd => {
                let steps = self.feed.end();
                self.run(steps, name);
                self.send_realtime(&realtime::taken("agent.audio_buffer_committed", name));
            }
            Message::Interrupt => {
                self.interrupt();
                self.send_realtime(&realtime::taken("agent.audio_buffer_cleared", name));
            }
            Message::StartListening => self.listen(true),
            Message::StopListening => self.listen(false),
            Message::KeepAlive => {}
            Message::Start(rate) => {
                if let Some(rate) = rate {
                    self.feed.set_rate(rate);
                }
            }
            Message::Unknown(kind) => {
                let text = format!("there is no message '{kind}'; it was passed over");
                self.send_realtime(&realtime::warning("unknown_message", &text, name));
            }
        }
    }

    /// Refuses a message of the realtime client before it could be read.
    pub(crate) fn refuse(&mut self, code: &'static str, message: &str) {
        let refusal = Refusal {
            code,
            message: message.to_owned(),
        };
        self.send_realtime(&realtime::error(&refusal, None));
    }

    /// Takes a command from the room.
    pub(crate) fn control(&mut self, payload: &[u8]) {
        let (command, name) = wire::control::parse(payload);
        let name = name.as_deref();
        let command = match command {
            Ok(command) => command,
            Err(refusal) => return self.tell("error", name, &refusal),
        };
        self.actions.push_back(Action::Touch);
        match command {
            Command::Say(text) => self.say(text, name, To::Control),
            Command::Answer(text) => {
                self.tell("warning", name, &no_model());
                self.say(text, name, To::Control);
            }
            Command::Interrupt => self.interrupt(),
            Command::StartListening => self.listen(true),
            Command::StopListening => self.listen(false),
            // Clients wait for the answer without a limit of time.
            Command::StartPushToTalk => self.tell(
                "user.push_to_talk_start_failed",
                name,
                &Refusal {
                    code: "no_speech_recognition",
                    message: "this server does not understand speech yet".to_owned(),
                },
            ),
            Command::StopPushToTalk => {
                let event = self
                    .events
                    .event("user.push_to_talk_stopped", name, json!({}));
                self.actions.push_back(Action::Send(To::Control, event));
            }
            Command::Unknown(kind) => self.tell(
                "warning",
                name,
                &Refusal {
                    code: "unknown_command",
                    message: format!("there is no command '{kind}'; it was passed over"),
                },
            ),
        }
    }

    /// Takes what a client of a streaming session wrote.
    pub(crate) fn chat(&mut self, message: chat::Message) {
        self.actions.push_back(Action::Touch);
        if let chat::Message::Text(text) = message {
            self.say(text, None, To::Chat);
        }
    }

    /// Says what the session begins with.
    pub(crate) fn opening(&mut self, text: String) {
        let to = match self.kind {
            Kind::Lite => To::Realtime,
            Kind::Full => To::Control,
            Kind::Streaming => To::Chat,
        };
        self.say(text, None, to);
    }

    /// Makes the avatar look attentive, or no longer.
    pub(crate) fn listen(&mut self, listening: bool) {
        let posture = if listening {
            Posture::Listening
        } else {
            Posture::Idle
        };
        self.actions.push_back(Action::Pose(posture));
        self.realtime.listen(listening);
        self.pose();
    }

    /// Cuts everything that is heard or waits.
    pub(crate) fn interrupt(&mut self) {
        self.feed.cut();
        self.sound = None;
        self.actions.push_back(Action::Interrupt);
    }

    /// The engine opened a turn.
    pub(crate) fn opened(&mut self, turn: Turn, source: Source) {
        if !source.text {
            self.sound = Some(turn);
        }
        let mut heard = Vec::new();
        self.playback.opened(turn, source, &mut heard);
        self.told(&heard);
    }

    /// The engine accepted a text.
    pub(crate) fn said(&mut self, turn: Turn, text: &str, source: Source) {
        if self.kind == Kind::Full {
            let event = self.events.event(
                "avatar.transcription",
                source.name.as_deref(),
                json!({ "text": text }),
            );
            self.actions.push_back(Action::Send(To::Control, event));
        }
        self.opened(turn, source);
    }

    /// The engine did not open a turn: what belongs to it is passed over.
    pub(crate) fn refused(&mut self, refusal: &Refusal, source: &Source, to: To) {
        let name = source.name.as_deref();
        if !source.text {
            self.feed.skip();
            self.sound = None;
        }
        match to {
            To::Realtime => {
                self.send_realtime(&realtime::error(refusal, name));
                // Who waits for the end of it sees one.
                self.send_realtime(&realtime::taken("agent.speak_interrupted", name));
            }
            To::Control => self.tell("error", name, refusal),
            To::Chat => {}
        }
    }

    /// The engine did not take a piece of sound, or no more of it.
    pub(crate) fn not_written(&mut self, refusal: &Refusal, over: bool) {
        if over {
            self.feed.skip();
            self.sound = None;
        } else {
            self.send_realtime(&realtime::error(refusal, None));
        }
    }

    /// Takes an event of the engine.
    pub(crate) fn event(&mut self, event: &Event) {
        let mut heard = Vec::new();
        self.playback.event(event, &mut heard);
        self.told(&heard);
        match event {
            Event::SpeakEnded { turn, .. } if self.sound == Some(*turn) => {
                // Cut by somebody else: the client goes on sending the rest.
                self.sound = None;
                self.feed.skip();
            }
            Event::Clause { turn, text, .. } => self.caption(*turn, text),
            Event::Error { code, detail, turn } => {
                let refusal = Refusal {
                    code,
                    message: detail.clone(),
                };
                let name = turn.map(|turn| turn.to_string());
                self.send_realtime(&realtime::error(&refusal, name.as_deref()));
                self.tell("error", None, &refusal);
            }
            Event::LimitWarning { limit, remaining_s } => {
                let text = format!("the session ends in {remaining_s} s: {limit:?}");
                self.send_realtime(&realtime::warning("session_limit", &text, None));
            }
            Event::UserSpeakStarted { .. } => self.user("user.speak_started", "user_start"),
            Event::UserSpeakEnded { .. } => self.user("user.speak_ended", "user_stop"),
            Event::Closed { reason } => self.close(*reason),
            _ => {}
        }
    }

    /// When [`Conversation::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.feed.deadline()
    }

    /// Time has gone by.
    pub(crate) fn tick(&mut self, now: Duration) {
        let steps = self.feed.tick(now);
        self.run(steps, None);
    }

    fn say(&mut self, text: String, name: Option<&str>, to: To) {
        self.actions.push_back(Action::Say {
            text,
            source: Source::text(name.map(str::to_owned)),
            to,
        });
    }

    fn run(&mut self, steps: Vec<Step>, name: Option<&str>) {
        for step in steps {
            self.actions.push_back(match step {
                Step::Open { rate } => Action::Open {
                    rate,
                    source: Source::sound(name.map(str::to_owned)),
                },
                Step::Write(sound) => Action::Write(sound),
                Step::Finish => Action::Finish,
            });
        }
    }

    fn told(&mut self, heard: &[Heard<Source>]) {
        for heard in heard {
            for message in realtime::heard(heard) {
                self.send_realtime(&message);
            }
            self.pose();
            match self.kind {
                Kind::Lite => {}
                Kind::Full => {
                    if let Some(event) = self.events.heard(heard) {
                        self.actions.push_back(Action::Send(To::Control, event));
                    }
                }
                Kind::Streaming => {
                    for event in chat::heard(heard) {
                        self.actions.push_back(Action::Send(To::Chat, event));
                    }
                }
            }
        }
    }

    fn pose(&mut self) {
        // Between two segments, and before the first, it stays as it is: what
        // it is to do then comes after them.
        let talking = self.playback.speaking();
        if !talking && self.playback.waiting() {
            return;
        }
        if let Some(message) = self.realtime.pose(talking) {
            self.send_realtime(&message);
        }
    }

    fn caption(&mut self, turn: Turn, text: &str) {
        match self.kind {
            Kind::Lite => {}
            Kind::Full => {
                let event =
                    self.events
                        .event("avatar.transcription.chunk", None, json!({ "text": text }));
                self.actions.push_back(Action::Send(To::Control, event));
            }
            Kind::Streaming => {
                let event = chat::event("avatar_talking_message", &turn.to_string(), Some(text));
                self.actions.push_back(Action::Send(To::Chat, event));
            }
        }
    }

    /// Tells of the user's voice, by the name of the event in either API.
    fn user(&mut self, full: &str, streaming: &str) {
        match self.kind {
            Kind::Lite => {}
            Kind::Full => {
                let event = self.events.event(full, None, json!({}));
                self.actions.push_back(Action::Send(To::Control, event));
            }
            Kind::Streaming => {
                let event = chat::event(streaming, "", None);
                self.actions.push_back(Action::Send(To::Chat, event));
            }
        }
    }

    /// Tells everybody why the session is over.
    fn close(&mut self, reason: CloseReason) {
        self.over = true;
        let reason = reason_of(reason);
        if self.kind == Kind::Full {
            let event = self.events.stopped(reason);
            self.actions.push_back(Action::Send(To::Control, event));
        }
        if self.connected {
            self.send_realtime(&realtime::stopped(reason));
            self.send_realtime(&realtime::state("closing"));
            let mut closed = realtime::state("closed");
            closed["reason"] = reason.into();
            self.send_realtime(&closed);
        }
    }

    /// Tells the room of a full session.
    fn tell(&mut self, kind: &str, name: Option<&str>, refusal: &Refusal) {
        if self.kind == Kind::Full {
            let fields = json!({ "code": refusal.code, "message": refusal.message });
            let event = self.events.event(kind, name, fields);
            self.actions.push_back(Action::Send(To::Control, event));
        }
    }

    fn send_realtime(&mut self, message: &serde_json::Value) {
        let message = message.to_string();
        if self.connected {
            self.actions.push_back(Action::Send(To::Realtime, message));
        } else if self.kind != Kind::Full {
            if self.missed.len() == KEPT {
                self.missed.pop_front();
            }
            self.missed.push_back(message);
        }
    }
}

fn no_model() -> Refusal {
    Refusal {
        code: "no_language_model",
        message: NO_MODEL.to_owned(),
    }
}

/// Why a session ended, as its vendor's clients know it.
pub(crate) const fn reason_of(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Client => "USER_DISCONNECTED",
        CloseReason::IdleTimeout => "IDLE_TIMEOUT",
        CloseReason::MaxDuration => "MAX_DURATION_REACHED",
        CloseReason::Shutdown => "SERVER_SHUTDOWN",
        CloseReason::InternalError => "INTERNAL_ERROR",
    }
}

#[cfg(test)]
mod tests;
