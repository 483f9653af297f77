//! A room as LiveKit's clients see it, without I/O: frames of signalling, data
//! packets and news of peer connections go in, with the time; actions and
//! events come out.
//!
//! ```text
//!  WebSocket ─► join, frame, lost ┐                ┌─► Action::Send, Hangup
//!  WebRTC ───► answered, packet … ├─ Room (a time) ┼─► Action::Answer, Offer, Data …
//!  session ──► send, told         ┘                └─► Event
//! ```
//!
//! A room has *residents*, whom the server speaks for (the avatar), and
//! *guests*, who connect. The avatar's sound and picture reach all guests, and
//! what a guest publishes reaches the others, as far as both sides allow it. A
//! guest's microphone is also heard by the session.

mod data;
mod forward;
mod media;
mod member;
mod publish;
mod resume;
mod signal;
mod tell;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use crate::agent::{Speech, Told};
use crate::ids::Ids;
use crate::join::Join;
use crate::proto::{
    self, DisconnectReason, JoinResponse, Leave, ParticipantUpdate, Response, State,
};
use crate::token::{Claims, Key, Kind};

pub use data::MOST_PACKET;
pub use forward::Forward;
pub use media::{Accepted, Answered, Heard, Refused, Sending, Side};
pub use member::Resident;
use member::{Guest, Member, Seat};
pub use signal::MOST_FRAME;
use tell::{leave, server_info};

/// Guests of one room, as many as a session has viewers.
pub const MAX_GUESTS: usize = 64;

/// Seconds between pings that clients are asked for, and after how many
/// without an answer they give up; those of LiveKit's own server.
const PING_INTERVAL: i32 = 5;
const PING_TIMEOUT: i32 = 15;

/// How long the peer connection of a guest who is told to leave is kept. A
/// client that sees its media end before it has read why takes it for a loss
/// and tries to come back; it closes the connection itself when it has read.
/// The two travel apart, so this is a few round trips of a bad network.
const PARTING: Duration = Duration::from_secs(1);

/// A connection over which nothing came for this long is gone.
const SILENCE: Duration = Duration::from_secs(PING_TIMEOUT as u64);

/// A signalling connection, named by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A peer connection, named by the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// Names a participant within the room.
type MemberId = u64;

/// A STUN or TURN server that clients are told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServer {
    /// Addresses.
    pub urls: Vec<String>,
    /// TURN user.
    pub username: String,
    /// TURN password.
    pub credential: String,
}

/// What a room is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, as tokens grant it.
    pub name: String,
    /// Signs the tokens that guests reconnect with.
    pub key: Key,
    /// For guests.
    pub ice_servers: Vec<IceServer>,
    /// How long a guest without a connection is waited for.
    pub grace: Duration,
    /// Seed of the names that are made.
    pub seed: u64,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send a binary frame.
    Send {
        /// Over which connection.
        conn: ConnId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Close a connection, after what was sent.
    Hangup {
        /// Which.
        conn: ConnId,
    },
    /// Answer an offer; what came of it goes to [`Room::answered`].
    Answer {
        /// Which connection; a new one at the first time.
        peer: PeerId,
        /// Number of the offer, for [`Room::answered`].
        id: u32,
        /// The offer.
        offer: String,
        /// What of the avatar is sent on it.
        send: Option<Sending>,
        /// What of other guests is sent on it.
        forwards: Vec<Forward>,
        /// Whether tracks are taken from it. Which one is heard is told by
        /// [`Action::Hear`].
        hear: bool,
    },
    /// Make an offer with the channels `_reliable` and `_lossy`; it goes to
    /// [`Room::offered`].
    Offer {
        /// Which connection; a new one.
        peer: PeerId,
        /// What of the avatar is sent on it.
        send: Option<Sending>,
        /// What of other guests is sent on it.
        forwards: Vec<Forward>,
    },
    /// Make a further offer, since what is forwarded has changed; it goes to
    /// [`Room::offered`].
    Reoffer {
        /// Which connection.
        peer: PeerId,
        /// What of other guests is sent on it from now on.
        forwards: Vec<Forward>,
    },
    /// Pass on no more than this, at once: a further offer may take its time,
    /// or never come.
    Relay {
        /// On which connection.
        peer: PeerId,
        /// What of other guests may be sent on it from now on.
        forwards: Vec<Forward>,
    },
    /// Hear a guest's microphone.
    Hear {
        /// Over which connection.
        peer: PeerId,
        /// In which section; `None` hears nothing of it, as before the first of
        /// these.
        mid: Option<String>,
    },
    /// Make an offer with new ICE credentials; it goes to [`Room::offered`].
    Restart {
        /// Which connection.
        peer: PeerId,
    },
    /// Take the answer to an offer; what came of it goes to
    /// [`Room::accepted`].
    Accept {
        /// Which connection.
        peer: PeerId,
        /// The answer.
        answer: String,
    },
    /// Send a data packet.
    Data {
        /// Over which connection.
        peer: PeerId,
        /// By the channel `_lossy` instead of `_reliable`.
        lossy: bool,
        /// The packet.
        packet: Bytes,
    },
    /// Close a peer connection.
    Close {
        /// Which.
        peer: PeerId,
    },
}

/// Something that the session should know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A guest is there.
    Joined {
        /// Who.
        identity: String,
        /// What it is.
        kind: Kind,
    },
    /// A guest is gone.
    Left {
        /// Who.
        identity: String,
    },
    /// A guest sent data to a resident or to everybody.
    Data {
        /// Who.
        from: String,
        /// About what.
        topic: Option<String>,
        /// The data.
        payload: Bytes,
    },
    /// A guest sent a text stream to a resident or to everybody.
    Text {
        /// Who.
        from: String,
        /// About what.
        topic: String,
        /// The text.
        text: String,
    },
    /// A guest's microphone was published, muted or taken away.
    Microphone {
        /// Whose.
        identity: String,
        /// Whether it is on.
        on: bool,
    },
    /// An agent wants the avatar to speak.
    Speech(Speech),
}

/// A room.
pub struct Room {
    settings: Settings,
    sid: String,
    ids: Ids,
    /// The same moment on both clocks.
    began: (Instant, SystemTime),
    members: BTreeMap<MemberId, Member>,
    conns: BTreeMap<ConnId, MemberId>,
    peers: BTreeMap<PeerId, MemberId>,
    /// Connections of guests who were sent away, and until when they are kept.
    parting: BTreeMap<PeerId, Instant>,
    last_member: MemberId,
    last_peer: u64,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(settings: Settings, now: Instant, wall: SystemTime) -> Self {
        let mut ids = Ids::new(settings.seed);
        Self {
            sid: ids.sid("RM_"),
            ids,
            settings,
            began: (now, wall),
            members: BTreeMap::new(),
            conns: BTreeMap::new(),
            peers: BTreeMap::new(),
            parting: BTreeMap::new(),
            last_member: 0,
            last_peer: 0,
            actions: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a resident in, in place of a guest with the same identity. One
    /// that is there stays.
    pub fn add_resident(&mut self, now: Instant, resident: &Resident) {
        if let Some(id) = self.id_of(&resident.identity) {
            if matches!(self.members[&id].seat, Seat::Resident(_)) {
                return;
            }
            self.remove(now, id, DisconnectReason::DuplicateIdentity, None);
        }
        let ms = self.unix_ms(now);
        let sid = self.ids.sid("PA_");
        let member = Member::resident(resident, sid, ms, &mut self.ids);
        let id = self.seat(member);
        self.announce(id);
        self.offer_avatar(id);
    }

    /// A guest connects, by `conn`, with a token that was verified. The first
    /// frame of an answer is among the actions.
    pub fn join(&mut self, now: Instant, conn: ConnId, claims: Claims, join: Join) {
        if join.resumes() {
            self.resume(now, conn, &claims, join);
            return;
        }
        if let Some(id) = self.id_of(&claims.identity) {
            if matches!(self.members[&id].seat, Seat::Resident(_)) {
                self.refuse(
                    conn,
                    DisconnectReason::DuplicateIdentity,
                    proto::Action::Disconnect,
                );
                return;
            }
            let leave = leave(
                DisconnectReason::DuplicateIdentity,
                proto::Action::Disconnect,
            );
            self.remove(now, id, DisconnectReason::DuplicateIdentity, Some(leave));
        }
        if self.guests().count() >= MAX_GUESTS {
            self.refuse(
                conn,
                DisconnectReason::JoinFailure,
                proto::Action::Disconnect,
            );
            return;
        }
        let ms = self.unix_ms(now);
        let sid = self.ids.sid("PA_");
        let single = join.single;
        let kind = claims.kind;
        let identity = claims.identity.clone();
        let member = Member::guest(now, conn, claims, &join, sid, ms);
        let id = self.seat(member);
        self.conns.insert(conn, id);

        let response = JoinResponse {
            room: Some(self.info(now)),
            participant: Some(self.members[&id].info()),
            other_participants: self.others(id),
            ice_servers: self.ice_servers(),
            // With one connection for both directions, that is the publisher's.
            subscriber_primary: !single,
            ping_timeout: PING_TIMEOUT,
            ping_interval: PING_INTERVAL,
            server_info: Some(server_info()),
            fast_publish: !single && self.members[&id].publishes(),
        };
        self.send_to(conn, Response::Join(response));
        self.refresh(now, id);
        self.announce(id);
        self.events.push_back(Event::Joined { identity, kind });
        for track in join.request.add_track_requests {
            self.add_track(now, id, track);
        }
        if single {
            if let Some(offer) = join.request.publisher_offer {
                self.offer(id, offer);
            }
        } else {
            self.offer_to(id);
        }
    }

    /// A connection is gone. Its guest is waited for.
    pub fn lost(&mut self, now: Instant, conn: ConnId) {
        let Some(id) = self.conns.remove(&conn) else {
            return;
        };
        if let Some((_, guest)) = self.guest_mut(id)
            && guest.conn == Some(conn)
        {
            guest.conn = None;
            guest.lost = Some(now);
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Instant) {
        let over = self.parting.extract_if(.., |_, until| *until <= now);
        let over = over.map(|(peer, _)| Action::Close { peer });
        self.actions.extend(over);
        let grace = self.settings.grace;
        let ids: Vec<MemberId> = self.members.keys().copied().collect();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            match &mut member.seat {
                Seat::Resident(contract) => {
                    contract.advance(now, &mut self.ids);
                    self.settle(id);
                }
                Seat::Guest(guest) => {
                    let silent = guest.conn.filter(|_| guest.heard + SILENCE <= now);
                    let refresh = guest.conn.is_some() && guest.refresh_at <= now;
                    if guest.lost.is_some_and(|lost| lost + grace <= now) {
                        self.remove(now, id, DisconnectReason::SignalClose, None);
                    } else if let Some(conn) = silent {
                        self.actions.push_back(Action::Hangup { conn });
                        self.lost(now, conn);
                    } else if refresh {
                        self.refresh(now, id);
                    }
                    self.forget_unbound(now, id);
                }
            }
        }
    }

    /// When [`Room::advance`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = |member: &Member| match &member.seat {
            Seat::Resident(contract) => contract.poll_timeout(),
            Seat::Guest(guest) => {
                let due = match guest.lost {
                    Some(lost) => lost + self.settings.grace,
                    None => guest.refresh_at.min(guest.heard + SILENCE),
                };
                let binding = Self::binding_ends(member);
                Some(binding.map_or(due, |at| at.min(due)))
            }
        };
        let parting = self.parting.values().copied();
        self.members.values().filter_map(due).chain(parting).min()
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether nobody is connected, waited for or on the way out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.guests().next().is_none() && self.parting.is_empty()
    }

    /// Sends everybody away.
    pub fn close(&mut self, now: Instant) {
        let ids: Vec<MemberId> = self.guests().collect();
        for id in ids {
            let leave = leave(DisconnectReason::RoomDeleted, proto::Action::Disconnect);
            self.remove(now, id, DisconnectReason::RoomDeleted, Some(leave));
        }
    }

    /// What the session says about the speech of a resident.
    pub fn told(&mut self, now: Instant, identity: &str, told: Told) {
        if let Some(id) = self.id_of(identity)
            && let Some(member) = self.members.get_mut(&id)
            && let Seat::Resident(contract) = &mut member.seat
        {
            contract.told(now, &mut self.ids, told);
            self.settle(id);
        }
    }

    fn guests(&self) -> impl Iterator<Item = MemberId> {
        let guests = self
            .members
            .iter()
            .filter(|(_, m)| matches!(m.seat, Seat::Guest(_)));
        guests.map(|(id, _)| *id)
    }

    fn guest_mut(&mut self, id: MemberId) -> Option<(&mut member::Profile, &mut Guest)> {
        let member = self.members.get_mut(&id)?;
        match &mut member.seat {
            Seat::Guest(guest) => Some((&mut member.profile, guest)),
            Seat::Resident(_) => None,
        }
    }

    fn id_of(&self, identity: &str) -> Option<MemberId> {
        let found = self.members.iter().find(|(_, m)| m.identity == identity);
        found.map(|(id, _)| *id)
    }

    fn seat(&mut self, member: Member) -> MemberId {
        self.last_member += 1;
        self.members.insert(self.last_member, member);
        self.last_member
    }

    /// Keeps the connection of a guest who is told to leave until that has
    /// arrived, or the guest has closed it. Nothing of others goes over it any
    /// more.
    fn part(&mut self, now: Instant, peer: PeerId) {
        let forwards = Vec::new();
        self.actions.push_back(Action::Relay { peer, forwards });
        self.actions.push_back(Action::Hear { peer, mid: None });
        self.parting.insert(peer, now + PARTING);
    }

    /// A participant goes, and the others are told.
    fn remove(
        &mut self,
        now: Instant,
        id: MemberId,
        reason: DisconnectReason,
        leave: Option<Leave>,
    ) {
        let Some(mut member) = self.members.remove(&id) else {
            return;
        };
        if let Seat::Guest(guest) = &member.seat {
            let told = guest.conn.is_some() && leave.is_some();
            if let Some(conn) = guest.conn {
                if let Some(leave) = leave {
                    self.send_to(conn, Response::Leave(leave));
                }
                self.conns.remove(&conn);
                self.actions.push_back(Action::Hangup { conn });
            }
            for peer in guest.peers() {
                let open = self.peers.remove(&peer).is_some();
                if open && told && self.parting.len() < MAX_GUESTS {
                    self.part(now, peer);
                } else {
                    self.actions.push_back(Action::Close { peer });
                }
            }
        }
        member.state = State::Disconnected;
        member.reason = reason;
        member.version += 1;
        if !member.grants.hidden {
            let participants = vec![member.info()];
            self.broadcast(|_| {
                Some(Response::Update(ParticipantUpdate {
                    participants: participants.clone(),
                }))
            });
        }
        let ids: Vec<MemberId> = self.members.keys().copied().collect();
        for other in ids {
            if let Some(Member {
                seat: Seat::Resident(contract),
                ..
            }) = self.members.get_mut(&other)
            {
                contract.gone(now, &mut self.ids, &member.identity);
                self.settle(other);
            }
        }
        if matches!(member.seat, Seat::Guest(_)) {
            let identity = member.profile.identity;
            self.events.push_back(Event::Left { identity });
            self.reforward();
        }
    }
}
