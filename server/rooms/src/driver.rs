//! One room: passes frames, packets and the time to [`livekit::Room`] and
//! does what it says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use engine::Handle;
use livekit::room::{Action, ConnId, Event, PeerId};
use livekit::token::{Claims, Kind};
use livekit::{Join, Told};
use tokio::sync::{Notify, broadcast, mpsc};
use transport::{Link, LinkEvent, Message};

use crate::media::{Links, Source};
use crate::speech::Player;
use crate::watch::Turns;

/// Frames that wait for a WebSocket; a client that is so far behind does not
/// read. A room of 64 that all join at once makes about 130.
const FRAMES: usize = 512;

/// Events that wait for a slow subscriber, who then learns that it missed
/// some.
const EVENTS: usize = 1_024;

/// The identity of the avatar, which clients of HeyGen look for.
const AVATAR: &str = "heygen";

/// A participant whom this server speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resident {
    /// The one that is seen and heard.
    Avatar,
    /// The one that only sends data, in FULL sessions.
    Agent,
}

/// Something that happened in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    /// A guest is there.
    Joined {
        /// Who.
        identity: String,
        /// Whether it is an agent.
        agent: bool,
    },
    /// A guest is gone.
    Left {
        /// Who.
        identity: String,
    },
    /// A guest sent data to everybody or to a resident.
    Data {
        /// Who.
        identity: String,
        /// About what.
        topic: Option<String>,
        /// The data.
        payload: Bytes,
    },
    /// A guest sent a text stream to everybody or to a resident.
    Text {
        /// Who.
        identity: String,
        /// About what.
        topic: String,
        /// The text.
        text: String,
    },
    /// A guest's microphone was switched.
    Microphone {
        /// Whose.
        identity: String,
        /// Whether it is on.
        on: bool,
    },
    /// The room is over; nothing follows.
    Closed,
}

/// What goes over a signalling WebSocket; after the last one it is closed.
pub type Frame = Vec<u8>;

struct State {
    room: livekit::Room,
    conns: HashMap<ConnId, mpsc::Sender<Frame>>,
    last_conn: u64,
    links: Links,
    player: Option<Player>,
    closed: bool,
}

struct Inner {
    name: String,
    /// Of the session; `None` in a room of guests.
    handle: Option<Handle>,
    state: Mutex<State>,
    /// Something changed that may bring the next timeout forward.
    changed: Notify,
    events: broadcast::Sender<Arc<RoomEvent>>,
}

/// A room. Cheap to clone.
#[derive(Clone)]
pub struct Room(Arc<Inner>);

impl Room {
    /// A room and the tasks that keep it going; must be called on the tokio
    /// runtime.
    pub(crate) fn start(
        settings: livekit::room::Settings,
        source: Source,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Self {
        let handle = match &source {
            Source::Session(handle) => Some(handle.clone()),
            Source::Guests(_) => None,
        };
        let grace = settings.grace;
        let name = settings.name.clone();
        let room = livekit::Room::new(settings, Instant::now(), std::time::SystemTime::now());
        let room = Self(Arc::new(Inner {
            name,
            state: Mutex::new(State {
                room,
                conns: HashMap::new(),
                last_conn: 0,
                links: Links::new(source, grace),
                player: handle.clone().map(Player::new),
                closed: false,
            }),
            handle,
            changed: Notify::new(),
            events: broadcast::Sender::new(EVENTS),
        }));
        room.clone().watch_session();
        tokio::spawn(room.clone().keep_time(on_end));
        room
    }

    /// Its name: that of its session.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Takes the avatar in.
    pub(crate) fn add_resident(&self, resident: Resident) {
        let Some(handle) = &self.0.handle else {
            return;
        };
        let plan = handle.info().plan;
        let resident = livekit::room::Resident {
            identity: self.identity(resident),
            name: plan.avatar,
            picture: (resident == Resident::Avatar)
                .then_some((plan.width as u32, plan.height as u32)),
            ..livekit::room::Resident::default()
        };
        self.run(|room, now| room.add_resident(now, &resident));
    }

    fn identity(&self, resident: Resident) -> String {
        match resident {
            Resident::Avatar => AVATAR.to_owned(),
            Resident::Agent => format!("liveavatar-agent-{}", self.0.name),
        }
    }

    /// A client connects, with a token that was verified. `None` when the room
    /// is over.
    pub(crate) fn connect(&self, claims: Claims, join: Join) -> Option<Connection> {
        let (sender, frames) = mpsc::channel(FRAMES);
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.last_conn += 1;
        let conn = ConnId(state.last_conn);
        state.conns.insert(conn, sender);
        state.room.join(Instant::now(), conn, claims, join);
        self.settle(&mut state);
        Some(Connection {
            room: self.clone(),
            conn,
            frames,
        })
    }

    /// A resident sends data about a topic, reliably; to everybody when `to`
    /// is empty.
    pub fn send(&self, from: Resident, topic: Option<&str>, payload: Bytes, to: &[String]) {
        let from = self.identity(from);
        self.run(|room, _| room.send(&from, topic, payload, to));
    }

    /// Captions of what the avatar says: a segment may be told again until it
    /// is the last of it.
    pub fn caption(&self, segment: &str, text: &str, last: bool) {
        self.run(|room, now| room.caption(now, AVATAR, segment, text, last));
    }

    /// Follows what happens, from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<RoomEvent>> {
        self.0.events.subscribe()
    }

    /// Sends everybody away.
    pub fn close(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.closed, true) {
            state.room.close(Instant::now());
            self.settle(&mut state);
            self.publish(RoomEvent::Closed);
        }
        drop(state);
        self.0.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, work: impl FnOnce(&mut livekit::Room, Instant)) {
        let mut state = self.lock();
        work(&mut state.room, Instant::now());
        self.settle(&mut state);
    }

    fn publish(&self, event: RoomEvent) {
        // Nobody may be listening.
        let _ = self.0.events.send(Arc::new(event));
    }

    /// Does what the room says. Everything here returns at once.
    fn settle(&self, state: &mut State) {
        loop {
            if let Some(action) = state.room.poll_action() {
                self.act(state, action);
            } else if let Some(event) = state.room.poll_event() {
                self.tell(state, event);
            } else {
                break;
            }
        }
        self.0.changed.notify_one();
    }

    fn act(&self, state: &mut State, action: Action) {
        let now = Instant::now();
        match action {
            Action::Send { conn, frame } => {
                if let Some(sender) = state.conns.get(&conn)
                    && sender.try_send(frame).is_err()
                {
                    tracing::info!(room = self.name(), "a client does not read its frames");
                    state.conns.remove(&conn);
                }
            }
            // Without a sender, the WebSocket closes after what waits.
            Action::Hangup { conn } => {
                state.conns.remove(&conn);
            }
            Action::Answer {
                peer,
                id,
                offer,
                send,
                forwards,
                hear,
            } => {
                let result = state
                    .links
                    .answer(peer, &offer, send.as_ref(), &forwards, hear);
                let result = result.map_err(|error| {
                    tracing::info!(
                        room = self.name(),
                        error = error.why,
                        "an offer is not answered"
                    );
                    error.refused
                });
                let result = result.map(|(answered, link)| {
                    if let Some(link) = link {
                        self.watch_link(peer, link);
                    }
                    answered
                });
                state.room.answered(now, peer, id, result);
            }
            Action::Offer {
                peer,
                send,
                forwards,
            } => {
                let result = state.links.offer(peer, send.as_ref(), &forwards);
                let result = result.map(|(offer, link)| {
                    self.watch_link(peer, link);
                    Some(offer)
                });
                state.room.offered(now, peer, result);
            }
            Action::Reoffer { peer, forwards } => {
                let result = state.links.reoffer(peer, &forwards);
                state.room.offered(now, peer, result);
            }
            Action::Relay { peer, forwards } => state.links.relay(peer, &forwards),
            Action::Hear { peer, mid } => state.links.hear(peer, mid.as_deref()),
            Action::Restart { peer } => {
                let result = state.links.restart(peer);
                state.room.offered(now, peer, result.map(Some));
            }
            Action::Accept { peer, answer } => {
                let result = state.links.accept(peer, &answer);
                if let Err(error) = &result {
                    tracing::info!(room = self.name(), error, "an answer is of no use");
                }
                state.room.accepted(now, peer, result.ok());
            }
            Action::Data {
                peer,
                lossy,
                packet,
            } => {
                if !state.links.send(peer, lossy, packet) {
                    tracing::info!(room = self.name(), "a client does not read its data");
                    state.links.close(peer);
                    state.room.closed(now, peer);
                }
            }
            Action::Close { peer } => state.links.close(peer),
        }
    }

    fn tell(&self, state: &mut State, event: Event) {
        match event {
            Event::Joined { identity, kind } => {
                tracing::info!(room = self.name(), identity, "joined");
                let agent = kind == Kind::Agent;
                self.publish(RoomEvent::Joined { identity, agent });
            }
            Event::Left { identity } => {
                tracing::info!(room = self.name(), identity, "left");
                self.publish(RoomEvent::Left { identity });
            }
            Event::Data {
                from,
                topic,
                payload,
            } => {
                self.touch();
                self.publish(RoomEvent::Data {
                    identity: from,
                    topic,
                    payload,
                });
            }
            Event::Text { from, topic, text } => {
                self.touch();
                self.publish(RoomEvent::Text {
                    identity: from,
                    topic,
                    text,
                });
            }
            Event::Microphone { identity, on } => {
                self.publish(RoomEvent::Microphone { identity, on });
            }
            Event::Speech(speech) => {
                let told = state.player.as_mut().map(|player| player.play(speech));
                for told in told.into_iter().flatten() {
                    state.room.told(Instant::now(), AVATAR, told);
                }
            }
        }
    }

    fn touch(&self) {
        if let Some(handle) = &self.0.handle {
            handle.touch();
        }
    }

    /// Passes on what happens on a peer connection.
    fn watch_link(&self, peer: PeerId, link: Arc<Link>) {
        // The room holds the connection; this task only as long as that.
        let room = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(event) = link.next().await {
                let Some(room) = room.upgrade().map(Room) else {
                    return;
                };
                room.run(|room, now| match event {
                    LinkEvent::Connected => room.connected(peer),
                    LinkEvent::ChannelOpen { label } => room.channel_open(peer, &label),
                    LinkEvent::Data {
                        channel,
                        message: Message::Binary(packet),
                    } => match &*channel {
                        "_reliable" => room.packet(now, peer, false, &packet),
                        "_lossy" => room.packet(now, peer, true, &packet),
                        _ => {}
                    },
                    LinkEvent::Closed(reason) => {
                        tracing::debug!(?reason, "a peer connection is over");
                        room.closed(now, peer);
                    }
                    _ => {}
                });
            }
        });
    }

    /// Passes on what the session tells, and closes with it.
    fn watch_session(self) {
        let Some(handle) = self.0.handle.clone() else {
            return;
        };
        let mut events = handle.events(None);
        let room: Weak<Inner> = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut turns = Turns::default();
            while let Some(published) = events.next().await {
                let Some(room) = room.upgrade().map(Self) else {
                    return;
                };
                if let session::Event::Clause { turn, text, .. } = &published.event {
                    room.caption(&format!("{turn}-{}", published.seq), text, true);
                }
                if let Some(told) = turns.told(&published) {
                    room.run(|room, now| room.told(now, AVATAR, told));
                    if told == Told::Stopped {
                        // Its data channels stay for as long; what they are
                        // told arrives before the guests are sent away.
                        tokio::time::sleep(engine::FAREWELL / 2).await;
                        room.close();
                    }
                }
            }
            if let Some(room) = room.upgrade().map(Self) {
                room.close();
            }
        });
    }

    /// Lets time pass, until the room is over or, if it has no session, empty.
    async fn keep_time(self, on_end: impl FnOnce()) {
        loop {
            let due = {
                let mut state = self.lock();
                let guests = self.0.handle.is_none();
                let left = guests && state.last_conn > 0 && state.room.is_empty();
                if left || state.closed && state.room.is_empty() {
                    // Nobody may come in from here on.
                    state.closed = true;
                    break;
                }
                state.room.poll_timeout()
            };
            let changed = self.0.changed.notified();
            match due {
                Some(due) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(due.into()) => {
                            self.run(livekit::Room::advance);
                        }
                        () = changed => {}
                    }
                }
                None => changed.await,
            }
        }
        on_end();
    }
}

/// A client's signalling connection. Dropping it tells the room that it is
/// gone.
pub struct Connection {
    room: Room,
    conn: ConnId,
    frames: mpsc::Receiver<Frame>,
}

impl Connection {
    /// The next frame to be sent; `None` when the connection is to be closed.
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Frame> {
        self.frames.recv().await
    }

    /// A frame that came.
    pub fn frame(&self, frame: &[u8]) {
        let conn = self.conn;
        self.room.run(|room, now| room.frame(now, conn, frame));
    }

    /// A sign of life below the protocol.
    pub fn heard(&self) {
        let conn = self.conn;
        self.room.run(|room, now| room.heard(now, conn));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.room.lock();
        state.conns.remove(&self.conn);
        state.room.lost(Instant::now(), self.conn);
        self.room.settle(&mut state);
    }
}
