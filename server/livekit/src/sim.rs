//! A customer's room with an agent and its avatar, over connections that
//! break, in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

use crate::join::Join;
use crate::participant::{self, Failure, Over, Participant};
use crate::proto::{
    ByteHeader, DataPacket, JoinRequest, RpcResult, SessionDescription, StreamChunk, StreamHeader,
    StreamKind, StreamTrailer, Value,
};
use crate::room::{self, Answered, ConnId, Heard, PeerId, Room, Side};
use crate::rpc::{Output as RpcOutput, Rpc};
use crate::token::{Claims, Grants, Key, Keys, Kind};
use crate::{Segment, Speech, Told, ids::Ids};

/// One way between two programs; everything arrives in order.
const TRIP: Duration = Duration::from_millis(20);

#[derive(Debug)]
enum Arrival {
    /// A frame of signalling for the avatar.
    Frame(u64, Vec<u8>),
    /// A frame of signalling of the avatar.
    Request(u64, Vec<u8>),
    Hangup(u64),
    /// The avatar's WebSocket: open, or not.
    Opened(u64, bool),
    /// Data for the avatar, the agent, or the room.
    ToAvatar(PeerId, Bytes),
    ToAgent(Bytes),
    FromAvatar(PeerId, Bytes),
    FromAgent(Bytes),
    /// The session tells.
    Told(Told),
}

struct Sim {
    now: Instant,
    began: Instant,
    key: Key,
    room: Room,
    avatar: Participant,
    arrivals: VecDeque<(Instant, Arrival)>,
    /// Number of the avatar's WebSocket, and whether it is open.
    socket: (u64, bool),
    /// Whether new ones are refused.
    down: bool,
    avatar_peer: Option<PeerId>,
    agent_peer: PeerId,
    agent_conn: ConnId,
    rpc: Rpc,
    ids: Ids,
    sent: u32,
    streams: u64,
    started: usize,
    finished: Vec<bool>,
    /// The session's turns.
    turns: BTreeMap<Segment, u64>,
    last_turn: u64,
    published: bool,
    over: Option<Over>,
}

impl Sim {
    fn new() -> Self {
        let now = Instant::now();
        let key = Key::new("dev", "0123456789abcdef0123456789abcdef").unwrap();
        let wall = SystemTime::now();
        let settings = room::Settings {
            name: "room".to_owned(),
            key: key.clone(),
            ice_servers: Vec::new(),
            grace: Duration::from_secs(15),
            seed: 3,
        };
        let mut room = Room::new(settings, now, wall);
        let agent = Claims {
            identity: "agent".to_owned(),
            kind: Kind::Agent,
            grants: Grants::join("room"),
            ..Claims::default()
        };
        let offer = JoinRequest {
            publisher_offer: Some(SessionDescription::default()),
            ..JoinRequest::default()
        };
        let agent_conn = ConnId(1_000_000);
        room.join(
            now,
            agent_conn,
            agent,
            Join::single(&crate::join::encode(&offer)).unwrap(),
        );
        let avatar = Claims {
            identity: "avatar".to_owned(),
            kind: Kind::Agent,
            attributes: [("lk.publish_on_behalf".to_owned(), "agent".to_owned())].into(),
            grants: Grants::join("room"),
            ..Claims::default()
        };
        let settings = participant::Settings {
            token: key.sign(&avatar, wall, Duration::from_hours(1)),
            agent: Some("agent".to_owned()),
            picture: (512, 512),
            seed: 4,
        };
        let mut sim = Self {
            now,
            began: now,
            key,
            room,
            avatar: Participant::new(settings, now),
            arrivals: VecDeque::new(),
            socket: (0, false),
            down: false,
            avatar_peer: None,
            agent_peer: PeerId(0),
            agent_conn,
            rpc: Rpc::default(),
            ids: Ids::new(5),
            sent: 0,
            streams: 0,
            started: 0,
            finished: Vec::new(),
            turns: BTreeMap::new(),
            last_turn: 0,
            published: false,
            over: None,
        };
        sim.settle();
        sim.room.connected(sim.agent_peer);
        sim.room.channel_open(sim.agent_peer, "_reliable");
        sim.settle();
        sim
    }

    fn post(&mut self, arrival: Arrival) {
        self.arrivals.push_back((self.now + TRIP, arrival));
    }

    fn settle(&mut self) {
        loop {
            let room = self.room.poll_action();
            let avatar = self.avatar.poll_action();
            let event = self.avatar.poll_event();
            let rpc = self.rpc.poll();
            if room.is_none() && avatar.is_none() && event.is_none() && rpc.is_none() {
                break;
            }
            if let Some(action) = room {
                self.room_acts(action);
            }
            if let Some(action) = avatar {
                self.avatar_acts(action);
            }
            if let Some(event) = event {
                self.session(event);
            }
            if let Some(RpcOutput::Send { to, value }) = rpc {
                self.agent_sends(&to, value);
            }
        }
        while self.room.poll_event().is_some() {}
    }

    fn room_acts(&mut self, action: room::Action) {
        match action {
            room::Action::Send { conn, frame } if conn != self.agent_conn => {
                self.post(Arrival::Frame(conn.0, frame));
            }
            room::Action::Hangup { conn } => self.post(Arrival::Hangup(conn.0)),
            room::Action::Answer {
                peer, id, offer, ..
            } => {
                if offer.is_empty() {
                    self.agent_peer = peer;
                } else {
                    self.avatar_peer = Some(peer);
                }
                let heard = |mid: &str, side| Heard {
                    mid: mid.to_owned(),
                    side,
                    track: None,
                };
                let answered = Answered {
                    sdp: "answer".to_owned(),
                    heard: if offer.is_empty() {
                        Vec::new()
                    } else {
                        vec![heard("0", Side::Audio), heard("1", Side::Video)]
                    },
                    ..Answered::default()
                };
                self.room.answered(self.now, peer, id, Ok(answered));
            }
            room::Action::Data { peer, packet, .. } if peer == self.agent_peer => {
                self.post(Arrival::ToAgent(packet));
            }
            room::Action::Data { peer, packet, .. } => self.post(Arrival::ToAvatar(peer, packet)),
            room::Action::Close { peer } if Some(peer) == self.avatar_peer => {
                self.avatar_peer = None;
                self.avatar.closed(self.now);
            }
            _ => {}
        }
    }

    fn avatar_acts(&mut self, action: participant::Action) {
        match action {
            participant::Action::Connect {
                token,
                join_request,
            } => {
                self.socket = (self.socket.0 + 1, false);
                let conn = self.socket.0;
                if self.down {
                    self.post(Arrival::Opened(conn, false));
                    return;
                }
                let wall = SystemTime::now() + (self.now - self.began);
                let claims = Keys::new(vec![self.key.clone()])
                    .verify(&token, wall)
                    .unwrap();
                let join = Join::single(&join_request).unwrap();
                self.post(Arrival::Opened(conn, true));
                self.room.join(self.now, ConnId(conn), claims, join);
            }
            participant::Action::Send(frame) => self.post(Arrival::Request(self.socket.0, frame)),
            participant::Action::Hangup => {
                self.socket.1 = false;
                self.room.lost(self.now, ConnId(self.socket.0));
            }
            participant::Action::Offer { .. } | participant::Action::Restart => {
                self.avatar.offered(self.now, Ok("offer".to_owned()));
            }
            participant::Action::Accept(_) => {
                if let Some(peer) = self.avatar_peer {
                    self.avatar.accepted(self.now, Ok(()));
                    self.room.connected(peer);
                    self.room.channel_open(peer, "_reliable");
                    self.avatar.connected();
                    self.avatar.channel_open("_reliable");
                }
            }
            participant::Action::Data(packet) => {
                if let Some(peer) = self.avatar_peer {
                    self.post(Arrival::FromAvatar(peer, packet));
                }
            }
            participant::Action::Close => {
                if let Some(peer) = self.avatar_peer.take() {
                    self.room.closed(self.now, peer);
                }
            }
            participant::Action::Candidate(_) => {}
        }
    }

    /// The session plays each segment as a turn of half a second.
    fn session(&mut self, event: participant::Event) {
        match event {
            participant::Event::Published => self.published = true,
            participant::Event::Speech(Speech::Sound { segment, .. }) => {
                if !self.turns.contains_key(&segment) {
                    self.last_turn += 1;
                    let turn = self.last_turn;
                    self.turns.insert(segment, turn);
                    self.avatar.told(self.now, Told::Opened(segment, turn));
                    self.post(Arrival::Told(Told::Started(turn)));
                }
            }
            participant::Event::Speech(Speech::End(segment)) => {
                let turn = self.turns[&segment];
                let heard = Duration::from_millis(500);
                let told = Told::Ended {
                    turn,
                    heard,
                    interrupted: false,
                };
                self.arrivals
                    .push_back((self.now + heard, Arrival::Told(told)));
            }
            participant::Event::Speech(Speech::Interrupt) => {
                for turn in self.turns.clone().into_values() {
                    let heard = Duration::from_millis(100);
                    self.post(Arrival::Told(Told::Ended {
                        turn,
                        heard,
                        interrupted: true,
                    }));
                }
            }
            participant::Event::Over(over) => self.over = Some(over),
            participant::Event::Agent(_) => {}
        }
    }

    fn agent_sends(&mut self, to: &str, value: Value) {
        self.sent += 1;
        let packet = DataPacket {
            destination_identities: vec![to.to_owned()],
            value: Some(value),
            sequence: self.sent,
            ..DataPacket::default()
        };
        self.post(Arrival::FromAgent(packet.encode_to_vec().into()));
    }

    /// The agent says something; `ends` unless the trailer gets lost.
    fn speak(&mut self, ends: bool) {
        self.streams += 1;
        let stream_id = self.streams.to_string();
        let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        self.agent_sends(
            "avatar",
            Value::StreamHeader(StreamHeader {
                stream_id: stream_id.clone(),
                topic: "lk.audio_stream".to_owned(),
                attributes: [
                    attribute("sample_rate", "24000"),
                    attribute("num_channels", "1"),
                ]
                .into(),
                content_header: Some(StreamKind::Bytes(ByteHeader::default())),
                ..StreamHeader::default()
            }),
        );
        for chunk_index in 0..3 {
            self.agent_sends(
                "avatar",
                Value::StreamChunk(StreamChunk {
                    stream_id: stream_id.clone(),
                    chunk_index,
                    content: Bytes::from_static(&[0; 4_800]),
                }),
            );
        }
        if ends {
            self.agent_sends(
                "avatar",
                Value::StreamTrailer(StreamTrailer {
                    stream_id,
                    reason: String::new(),
                }),
            );
        }
        self.settle();
    }

    fn clear(&mut self) {
        self.rpc.call(
            self.now,
            &mut self.ids,
            "avatar",
            "lk.clear_buffer",
            String::new(),
        );
        self.settle();
    }

    fn agent_hears(&mut self, packet: &Bytes) {
        let packet = DataPacket::decode(packet.clone()).unwrap();
        let from = packet.participant_identity;
        match packet.value.unwrap() {
            Value::RpcRequest(request) => {
                let request = self.rpc.request(&from, request).unwrap();
                match &request.method[..] {
                    "lk.playback_started" => self.started += 1,
                    "lk.playback_finished" => {
                        let event: serde_json::Value =
                            serde_json::from_str(&request.payload).unwrap();
                        assert!(event["playback_position"].as_f64().unwrap() >= 0.0);
                        self.finished.push(event["interrupted"].as_bool().unwrap());
                    }
                    other => panic!("{other}"),
                }
                self.rpc.respond(&request, Ok("ok".to_owned()));
            }
            Value::RpcAck(ack) => self.rpc.ack(&from, &ack),
            Value::RpcResponse(response) => {
                if let Some(RpcResult::Payload(payload)) = &response.value {
                    assert_eq!(payload, "ok");
                }
                self.rpc.response(&from, response);
            }
            _ => {}
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        let now = self.now;
        match arrival {
            Arrival::Opened(conn, open) if conn == self.socket.0 => {
                self.socket.1 = open;
                if open {
                    self.avatar.opened(now);
                } else {
                    self.avatar
                        .failed(now, Failure::Unreachable("down".to_owned()));
                }
            }
            Arrival::Frame(conn, frame) if self.socket == (conn, true) => {
                self.avatar.frame(now, &frame);
            }
            Arrival::Request(conn, frame) if self.socket == (conn, true) => {
                self.room.frame(now, ConnId(conn), &frame);
            }
            Arrival::Hangup(conn) if self.socket == (conn, true) => {
                self.socket.1 = false;
                self.avatar.lost(now);
            }
            Arrival::ToAvatar(peer, packet) if self.avatar_peer == Some(peer) => {
                self.avatar.packet(now, &packet);
            }
            Arrival::FromAvatar(peer, packet) if self.avatar_peer == Some(peer) => {
                self.room.packet(now, peer, false, &packet);
            }
            Arrival::ToAgent(packet) => self.agent_hears(&packet),
            Arrival::FromAgent(packet) => self.room.packet(now, self.agent_peer, false, &packet),
            Arrival::Told(told) => self.avatar.told(now, told),
            _ => {}
        }
        self.settle();
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.arrivals.make_contiguous().sort_by_key(|(at, _)| *at);
            let next = self.arrivals.front().map(|(at, _)| *at);
            let ping = Some(self.now + Duration::from_secs(5));
            let due = [
                next,
                self.room.poll_timeout(),
                self.avatar.poll_timeout(),
                self.rpc.poll_timeout(),
                ping,
            ];
            let due = due.into_iter().flatten().min().unwrap_or(end).max(self.now);
            if due > end {
                break;
            }
            self.now = due;
            if next == Some(due) {
                let (_, arrival) = self.arrivals.pop_front().unwrap();
                self.arrive(arrival);
            }
            self.room.heard(self.now, self.agent_conn);
            self.room.advance(self.now);
            self.avatar.advance(self.now);
            self.rpc.advance(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// The avatar's WebSocket breaks.
    fn cut(&mut self) {
        if std::mem::take(&mut self.socket.1) {
            self.room.lost(self.now, ConnId(self.socket.0));
            self.avatar.lost(self.now);
            self.settle();
        }
    }
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn an_avatar_joins_speaks_and_leaves_with_its_agent() {
    let mut sim = Sim::new();
    sim.run(seconds(1));
    assert!(sim.published);
    sim.speak(true);
    sim.speak(true);
    sim.run(seconds(3));
    assert_eq!((sim.started, &sim.finished[..]), (2, &[false, false][..]));
    sim.speak(true);
    sim.run(Duration::from_millis(100));
    sim.clear();
    sim.run(seconds(3));
    assert_eq!(sim.finished, [false, false, true]);
    let leave = crate::proto::SignalRequest {
        message: Some(crate::proto::Request::Leave(crate::proto::Leave::default())),
    };
    sim.room
        .frame(sim.now, sim.agent_conn, &leave.encode_to_vec());
    sim.settle();
    sim.run(seconds(30));
    assert_eq!(sim.over, Some(Over::NoAgent));
    assert!(sim.room.is_empty());
}

#[test]
fn a_cut_connection_is_resumed_and_nothing_is_lost() {
    let mut sim = Sim::new();
    sim.run(seconds(1));
    let peer = sim.avatar_peer;
    sim.speak(true);
    sim.run(Duration::from_millis(50));
    sim.cut();
    sim.run(seconds(3));
    assert_eq!(sim.avatar_peer, peer, "the same peer connection");
    assert!(sim.socket.1);
    assert_eq!(sim.finished, [false]);
}

#[test]
fn after_the_grace_it_joins_anew() {
    let mut sim = Sim::new();
    sim.run(seconds(1));
    let peer = sim.avatar_peer;
    sim.down = true;
    sim.cut();
    // Longer than the room waits, shorter than the avatar tries.
    sim.run(Duration::from_millis(15_300));
    sim.down = false;
    sim.run(seconds(10));
    assert!(sim.avatar_peer.is_some() && sim.avatar_peer != peer);
    sim.speak(true);
    sim.run(seconds(3));
    assert_eq!(sim.finished, [false]);
    assert_eq!(sim.over, None);
}

#[test]
fn a_server_that_is_gone_is_given_up() {
    let mut sim = Sim::new();
    sim.run(seconds(1));
    sim.down = true;
    sim.cut();
    sim.run(seconds(60));
    assert!(matches!(sim.over, Some(Over::Lost(_))), "{:?}", sim.over);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever breaks, the agent hears once of the end of each segment.
    #[test]
    fn every_segment_ends_once_over_bad_connections(
        steps in proptest::collection::vec((0u8..8, 0u64..4_000), 1..25),
    ) {
        let mut sim = Sim::new();
        sim.run(seconds(1));
        for (step, ms) in steps {
            match step {
                0..=2 => sim.speak(true),
                3 => sim.speak(false),
                4 => sim.clear(),
                5 => sim.cut(),
                _ => {}
            }
            sim.run(Duration::from_millis(ms));
        }
        sim.run(seconds(40));
        prop_assert_eq!(sim.over, None);
        prop_assert_eq!(sim.finished.len() as u64, sim.streams);
        prop_assert!(sim.started as u64 <= sim.streams);
    }
}
