//! The task that runs one vendor session: it carries out what its
//! [`Conversation`] decides, and frees the session when nobody is left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use engine::{Handle, SoundTurn, SpeakError, Subscription};
use media::Turn;
use rooms::{JoinState, Joined, Resident, Room, RoomEvent};
use serde_json::Value;
use session::{CloseReason, Event};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use wire::Refusal;
use wire::control::COMMANDS;

use crate::liveavatar::control;
use crate::problem::{Code, Problem};
use crate::speak::{SpeakMode, open_sound, say};
use crate::state::State;
use crate::streaming::chat;
use crate::vendor::conversation::{Action, Conversation, Kind, To, reason_of};
use crate::vendor::source::Source;
use crate::vendor::table::{Entry, Live, Stage, Transcript};

/// Messages of clients that wait for the task. Each has 4 MiB at most and is
/// taken at once; a client that is faster waits.
const INPUTS: usize = 8;

/// Messages that wait for a client. One that has read none of the last 256
/// has stopped reading and is let go.
pub(crate) const OUTPUTS: usize = 256;

/// Clients of one session at the chat WebSocket. It is meant for one.
const CHATS: usize = 8;

/// How often is looked whether anybody is there.
const LOOK: Duration = Duration::from_millis(500);

/// How long the first client may take to come. Models and cameras are loaded
/// between the start and the first connection.
const FIRST_VISIT: Duration = Duration::from_mins(1);

/// What a client or a request wants of a session.
pub(crate) enum Input {
    /// A client of the realtime WebSocket has come. It replaces the one before.
    Realtime(Client),
    /// It says something.
    Said(u64, String),
    /// It sent what cannot be read.
    Unreadable(u64, &'static str, String),
    /// A client of the chat WebSocket has come.
    Chat(Client),
    /// Somebody wrote something.
    Wrote(chat::Message),
    /// A client is gone.
    Gone(u64),
    /// A text is to be said. The answer is its turn.
    Task(String, oneshot::Sender<Result<Turn, Problem>>),
    /// Cut everything.
    Interrupt,
    /// Look attentive, or no longer.
    Listen(bool),
    /// End the session.
    Stop,
}

/// Where the avatar is seen.
pub(crate) enum Place {
    /// In a room of this server.
    Here(Room),
    /// In a room of the customer's.
    Elsewhere(Arc<Joined>),
}

/// A connection.
pub(crate) struct Client {
    /// Its number among those of this process.
    pub(crate) id: u64,
    /// What it is told. Closed when it is let go.
    pub(crate) messages: mpsc::Sender<String>,
}

/// Starts the task of a session that was just opened. `answer` is what its
/// client is told.
pub(crate) fn start(
    state: &Arc<State>,
    entry: &Entry,
    handle: Handle,
    place: Place,
    answer: Value,
) {
    let (inputs, receiver) = mpsc::channel(INPUTS);
    let visited = Arc::new(AtomicBool::new(false));
    let task = Task {
        state: state.clone(),
        kind: entry.wanted.kind,
        conversation: Conversation::new(entry.wanted.kind, &entry.id),
        // From the beginning: nothing of it has happened yet.
        events: handle.events(Some(0)),
        handle,
        transcript: entry.transcript.clone(),
        inputs: receiver,
        opening: entry.wanted.opening.clone(),
        in_room: match &place {
            Place::Here(room) => Some(room.events()),
            Place::Elsewhere(_) => None,
        },
        place,
        people: BTreeSet::new(),
        sound: None,
        realtime: None,
        chats: Vec::new(),
        started: Instant::now(),
        absent_since: None,
        visited: visited.clone(),
    };
    let live = Live {
        inputs,
        answer,
        since: SystemTime::now(),
        visited,
    };
    // Before the task, which may be over in no time.
    state.vendor.set(&entry.id, Stage::Live(live));
    tracing::info!(session = %entry.id, kind = ?entry.wanted.kind, "vendor session begins");
    tokio::spawn(task.run());
}

struct Task {
    state: Arc<State>,
    kind: Kind,
    conversation: Conversation,
    handle: Handle,
    events: Subscription,
    transcript: Transcript,
    inputs: mpsc::Receiver<Input>,
    opening: Option<String>,
    place: Place,
    /// What happens in the room here.
    in_room: Option<broadcast::Receiver<Arc<RoomEvent>>>,
    /// Who is in it.
    people: BTreeSet<String>,
    sound: Option<SoundTurn>,
    realtime: Option<Client>,
    chats: Vec<Client>,
    started: Instant,
    absent_since: Option<Instant>,
    visited: Arc<AtomicBool>,
}

impl Task {
    async fn run(mut self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reason = None;
        while !self.conversation.over() {
            let deadline = self.conversation.deadline().map(|at| self.started + at);
            tokio::select! {
                // What was heard goes before what comes next.
                biased;
                event = self.events.next() => match event {
                    Some(event) => {
                        if let Event::Closed { reason: why } = event.event {
                            reason = Some(why);
                        }
                        self.event(&event.event);
                    }
                    None => break,
                },
                event = next(&mut self.in_room) => self.room(event),
                Some(input) = self.inputs.recv() => self.input(input).await,
                () = at(deadline) => self.conversation.tick(self.started.elapsed()),
                _ = look.tick() => self.look(),
            }
            self.act().await;
        }
        let id = self.handle.id().clone();
        let reason = reason_of(reason.unwrap_or(CloseReason::InternalError));
        self.state.vendor.set(
            &id,
            Stage::Over {
                since: SystemTime::now(),
                reason,
            },
        );
        tracing::info!(session = %id, kind = ?self.kind, reason, "vendor session over");
    }

    fn event(&mut self, event: &Event) {
        if let Event::SpeakEnded { heard_text, .. } = event
            && !heard_text.is_empty()
        {
            self.transcript.add(heard_text.clone(), SystemTime::now());
        }
        self.conversation.event(event);
    }

    async fn input(&mut self, input: Input) {
        match input {
            Input::Realtime(client) => {
                self.visited.store(true, Ordering::Release);
                self.realtime = Some(client);
                self.conversation.connected();
            }
            Input::Said(id, text) if self.is_realtime(id) => {
                self.conversation.realtime(self.started.elapsed(), &text);
            }
            Input::Unreadable(id, code, message) if self.is_realtime(id) => {
                self.conversation.refuse(code, &message);
            }
            // Of a connection that was replaced.
            Input::Said(..) | Input::Unreadable(..) => {}
            Input::Chat(client) => {
                self.visited.store(true, Ordering::Release);
                if self.chats.len() == CHATS {
                    self.chats.remove(0);
                }
                self.chats.push(client);
            }
            Input::Wrote(message) => self.conversation.chat(message),
            Input::Gone(id) if self.is_realtime(id) => {
                self.realtime = None;
                self.conversation.disconnected();
            }
            Input::Gone(id) => self.chats.retain(|client| client.id != id),
            Input::Task(text, reply) => {
                let said = self.say(&text, Source::text(None)).await;
                // Whoever asked may have gone.
                let _ = reply.send(said);
            }
            Input::Interrupt => self.conversation.interrupt(),
            Input::Listen(listening) => self.conversation.listen(listening),
            Input::Stop => self.handle.close(CloseReason::Client),
        }
    }

    /// Takes what happened in the room.
    fn room(&mut self, event: Result<Arc<RoomEvent>, RecvError>) {
        let event = match event {
            Ok(event) => event,
            // What was missed is lost; who is there is told again by what
            // they do.
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => {
                self.in_room = None;
                return;
            }
        };
        match &*event {
            RoomEvent::Joined { identity, .. } => {
                self.people.insert(identity.clone());
            }
            RoomEvent::Left { identity } => {
                self.people.remove(identity);
            }
            RoomEvent::Data { topic, payload, .. } => match self.kind {
                Kind::Full if topic.as_deref() == Some(COMMANDS) => {
                    self.conversation.control(payload);
                }
                Kind::Streaming => {
                    if let Some(message) = chat::packet(payload) {
                        self.conversation.chat(message);
                    }
                }
                Kind::Full | Kind::Lite => {}
            },
            _ => {}
        }
    }

    fn is_realtime(&self, id: u64) -> bool {
        self.realtime.as_ref().is_some_and(|client| client.id == id)
    }

    /// Looks whether anybody is there.
    fn look(&mut self) {
        let elsewhere = match &self.place {
            Place::Here(_) => false,
            Place::Elsewhere(joined) => !matches!(*joined.state().borrow(), JoinState::Over(_)),
        };
        let there = elsewhere
            || self.realtime.is_some()
            || !self.chats.is_empty()
            || self.handle.info().viewers > 0;
        if there {
            self.visited.store(true, Ordering::Release);
            self.absent_since = None;
            if let Some(text) = self.opening.take() {
                self.conversation.opening(text);
            }
            return;
        }
        let since = *self.absent_since.get_or_insert_with(Instant::now);
        let patience = if self.visited.load(Ordering::Acquire) {
            self.state.vendor_grace
        } else {
            FIRST_VISIT
        };
        if since.elapsed() >= patience {
            tracing::info!(session = %self.handle.id(), "nobody is there; the session is freed");
            self.handle.close(CloseReason::IdleTimeout);
        }
    }

    async fn act(&mut self) {
        while let Some(action) = self.conversation.poll() {
            match action {
                Action::Send(to, message) => self.send(to, message),
                Action::Open { rate, source } => {
                    self.sound = None;
                    match open_sound(&self.handle, SpeakMode::Queue, rate, None).await {
                        Ok(turn) => {
                            self.conversation.opened(turn.turn(), source);
                            self.sound = Some(turn);
                        }
                        Err(problem) => {
                            let refusal = refusal(&problem);
                            self.conversation.refused(&refusal, &source, To::Realtime);
                        }
                    }
                }
                Action::Write(sound) => {
                    if let Some(turn) = &mut self.sound
                        && let Err(error) = turn.write(&sound)
                    {
                        let over = !matches!(error, SpeakError::TooFarAhead);
                        self.conversation.not_written(&refusal(&error.into()), over);
                    }
                }
                Action::Finish => self.sound = None,
                Action::Say { text, source, to } => {
                    if let Err(problem) = self.say(&text, source.clone()).await {
                        self.conversation.refused(&refusal(&problem), &source, to);
                    }
                }
                Action::Interrupt => {
                    self.sound = None;
                    self.handle.interrupt();
                }
                Action::Pose(posture) => self.handle.pose(posture),
                Action::Touch => self.handle.touch(),
            }
        }
    }

    async fn say(&mut self, text: &str, source: Source) -> Result<Turn, Problem> {
        let turn = Turn(say(&self.handle, text, SpeakMode::Queue, None, None).await?);
        self.conversation.said(turn, text, source);
        Ok(turn)
    }

    fn send(&mut self, to: To, message: String) {
        match to {
            To::Realtime => {
                if let Some(client) = &self.realtime
                    && client.messages.try_send(message).is_err()
                {
                    // It does not read, or is gone.
                    self.realtime = None;
                    self.conversation.disconnected();
                }
            }
            // Clients that are in the room and at the WebSocket are told once.
            To::Chat => match &self.place {
                Place::Here(room) if !self.people.is_empty() => {
                    room.send(Resident::Avatar, None, message.into(), &[]);
                }
                _ => self
                    .chats
                    .retain(|client| client.messages.try_send(message.clone()).is_ok()),
            },
            To::Control => {
                if let Place::Here(room) = &self.place {
                    room.send(Resident::Agent, Some(control::EVENTS), message.into(), &[]);
                }
            }
        }
    }
}

async fn next(
    room: &mut Option<broadcast::Receiver<Arc<RoomEvent>>>,
) -> Result<Arc<RoomEvent>, RecvError> {
    match room {
        Some(room) => room.recv().await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn refusal(problem: &Problem) -> Refusal {
    Refusal {
        code: problem.code.as_str(),
        message: problem.detail.clone(),
    }
}

/// Hands something to the task of a session.
///
/// # Errors
/// [`Code::SessionClosed`].
pub(crate) async fn hand(inputs: &mpsc::Sender<Input>, input: Input) -> Result<(), Problem> {
    inputs
        .send(input)
        .await
        .map_err(|_| Problem::new(Code::SessionClosed, "the session is over"))
}
