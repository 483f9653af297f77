//! A room and raw clients: what is said, in which order.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

mod data;
mod forward;
mod publish;
mod resume;

use super::*;
use crate::join;
use crate::proto::SignalResponse;
use crate::proto::{
    AddTrack, DataPacket, JoinRequest, MuteTrack, Ping, Request, RpcRequest, SessionDescription,
    SignalRequest, Source, UpdateMetadata, UserPacket, Value,
};
use crate::token::{Grants, Keys};

const GRACE: Duration = Duration::from_secs(15);

struct World {
    room: Room,
    now: Instant,
    /// Sections for tracks of other guests that each client offers.
    spare: usize,
    last_conn: u64,
    /// Actions that are neither frames nor hangups.
    media: Vec<Action>,
    frames: Vec<(ConnId, Response)>,
    hung_up: Vec<ConnId>,
}

fn key() -> Key {
    Key::new("dev", "0123456789abcdef0123456789abcdef").unwrap()
}

fn world(resident: bool) -> World {
    let now = Instant::now();
    let settings = Settings {
        name: "room".to_owned(),
        key: key(),
        ice_servers: vec![IceServer {
            urls: vec!["stun:stun.example.org".to_owned()],
            ..IceServer::default()
        }],
        grace: GRACE,
        seed: 1,
    };
    let mut room = Room::new(
        settings,
        now,
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
    );
    if resident {
        room.add_resident(
            now,
            &Resident {
                identity: "heygen".to_owned(),
                picture: Some((640, 480)),
                ..Resident::default()
            },
        );
    }
    World {
        room,
        now,
        spare: 3,
        last_conn: 0,
        media: Vec::new(),
        frames: Vec::new(),
        hung_up: Vec::new(),
    }
}

fn claims(identity: &str) -> Claims {
    Claims {
        identity: identity.to_owned(),
        grants: Grants::join("room"),
        ..Claims::default()
    }
}

fn offer(id: u32) -> SessionDescription {
    SessionDescription {
        r#type: "offer".to_owned(),
        sdp: "the offer".to_owned(),
        id,
        ..SessionDescription::default()
    }
}

fn single(request: &JoinRequest) -> Join {
    Join::single(&join::encode(request)).unwrap()
}

impl World {
    fn settle(&mut self) {
        while let Some(action) = self.room.poll_action() {
            match action {
                Action::Send { conn, frame } => {
                    let response = SignalResponse::decode(&frame[..]).unwrap();
                    self.frames.push((conn, response.message.unwrap()));
                }
                Action::Hangup { conn } => self.hung_up.push(conn),
                other => self.media.push(other),
            }
        }
    }

    fn join_as(&mut self, claims: Claims, join: Join) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        self.room.join(self.now, conn, claims, join);
        self.settle();
        conn
    }

    fn join(&mut self, identity: &str) -> ConnId {
        let request = JoinRequest {
            publisher_offer: Some(offer(1)),
            ..JoinRequest::default()
        };
        self.join_as(claims(identity), single(&request))
    }

    fn request(&mut self, conn: ConnId, request: Request) {
        let frame = SignalRequest {
            message: Some(request),
        };
        self.room.frame(self.now, conn, &frame.encode_to_vec());
        self.settle();
    }

    /// What a client was sent since it was last asked.
    fn said(&mut self, conn: ConnId) -> Vec<Response> {
        let (own, rest) = std::mem::take(&mut self.frames)
            .into_iter()
            .partition(|(to, _)| *to == conn);
        self.frames = rest;
        let own: Vec<(ConnId, Response)> = own;
        own.into_iter().map(|(_, response)| response).collect()
    }

    /// Answers the offers that wait.
    fn answer(&mut self, heard: &[Heard]) -> Vec<Action> {
        let media = std::mem::take(&mut self.media);
        for action in &media {
            if let Action::Answer {
                peer,
                id,
                send,
                forwards,
                ..
            } = action
            {
                let answered = Answered {
                    sdp: "the answer".to_owned(),
                    audio: send.as_ref().map(|_| "0".to_owned()),
                    video: send.as_ref().map(|_| "3".to_owned()),
                    forwarded: self.sections(forwards),
                    no_pictures: false,
                    heard: heard.to_vec(),
                };
                self.room.answered(self.now, *peer, *id, Ok(answered));
            }
        }
        self.settle();
        media
    }

    /// A guest with a connection that stands.
    fn guest(&mut self, identity: &str) -> (ConnId, PeerId) {
        let conn = self.join(identity);
        let media = self.answer(&[]);
        let peer = peer_of(&media);
        self.room.connected(peer);
        self.room.channel_open(peer, "_reliable");
        self.room.channel_open(peer, "_lossy");
        self.settle();
        self.said(conn);
        (conn, peer)
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.room.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.room.advance(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.room.poll_event()).collect()
    }

    /// Data packets that were sent to a peer.
    fn data(&mut self, to: PeerId) -> Vec<DataPacket> {
        self.settle();
        let data = self.media.iter().filter_map(|action| match action {
            Action::Data { peer, packet, .. } if *peer == to => {
                Some(DataPacket::decode(packet.clone()).unwrap())
            }
            _ => None,
        });
        let data = data.collect();
        self.media.clear();
        data
    }
}

fn peer_of(media: &[Action]) -> PeerId {
    media
        .iter()
        .find_map(|action| match action {
            Action::Answer { peer, .. } | Action::Offer { peer, .. } => Some(*peer),
            _ => None,
        })
        .unwrap()
}

fn packet(value: Value, to: &[&str], sequence: u32) -> Bytes {
    DataPacket {
        // Somebody else's name, which must not reach anyone.
        participant_identity: "heygen".to_owned(),
        participant_sid: "PA_forged".to_owned(),
        destination_identities: to.iter().map(|s| (*s).to_owned()).collect(),
        value: Some(value),
        sequence,
    }
    .encode_to_vec()
    .into()
}

fn user(text: &'static str) -> Value {
    Value::User(UserPacket {
        payload: Bytes::from_static(text.as_bytes()),
        topic: Some("t".to_owned()),
    })
}

#[test]
fn join_comes_first_and_names_the_avatar_before_the_answer_maps_it() {
    let mut world = world(true);
    let conn = world.join("anna");
    let media = world.answer(&[]);
    let said = world.said(conn);
    let Response::Join(join) = &said[0] else {
        panic!("{said:?}")
    };
    assert_eq!(join.other_participants[0].identity, "heygen");
    assert_eq!(join.ice_servers[0].urls, ["stun:stun.example.org"]);
    assert!(!join.subscriber_primary && join.ping_interval > 0);
    let sid = &join.other_participants[0].sid;
    let tracks = &join.other_participants[0].tracks;
    let Some(Response::Answer(answer)) = said.last() else {
        panic!("{said:?}")
    };
    assert_eq!(answer.id, 1);
    assert_eq!(answer.mid_to_track_id["0"], tracks[0].sid);
    assert_eq!(answer.mid_to_track_id["3"], tracks[1].sid);
    let Action::Answer {
        send: Some(send),
        hear: true,
        ..
    } = &media[0]
    else {
        panic!("{media:?}")
    };
    assert_eq!(send.stream, format!("{sid}|camera"));
    let token = said.iter().find_map(|m| match m {
        Response::RefreshToken(token) => Some(token),
        _ => None,
    });
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let refreshed = Keys::new(vec![key()]).verify(token.unwrap(), wall);
    assert_eq!(refreshed.unwrap().identity, "anna");
}

#[test]
fn a_microphone_is_published_muted_and_taken_away() {
    let mut world = world(true);
    let (conn, peer) = world.guest("anna");
    world.events();
    world.request(
        conn,
        Request::AddTrack(AddTrack {
            cid: "mic".to_owned(),
            source: Source::Microphone as i32,
            ..AddTrack::default()
        }),
    );
    let Response::TrackPublished(published) = &world.said(conn)[0] else {
        panic!()
    };
    let sid = published.track.as_ref().unwrap().sid.clone();
    assert!(published.cid == "mic" && sid.starts_with("TR_"));

    world.request(conn, Request::Offer(offer(2)));
    world.answer(&[Heard {
        mid: "7".to_owned(),
        side: Side::Audio,
        track: Some("{mic}".to_owned()),
    }]);
    let said = world.said(conn);
    assert!(matches!(&said[0], Response::Answer(a) if a.id == 2));
    assert!(
        said.contains(&Response::TrackSubscribed(crate::proto::TrackSubscribed {
            track_sid: sid.clone(),
        }))
    );
    let on = |on| Event::Microphone {
        identity: "anna".to_owned(),
        on,
    };
    assert_eq!(world.events(), [on(true)]);

    world.request(
        conn,
        Request::Mute(MuteTrack {
            sid: sid.clone(),
            muted: true,
        }),
    );
    assert_eq!(world.events(), [on(false)]);

    world.request(conn, Request::Offer(offer(3)));
    world.answer(&[]);
    assert!(world.said(conn).contains(&Response::TrackUnpublished(
        crate::proto::TrackUnpublished { track_sid: sid }
    )));
    assert_eq!(world.events(), [on(false)]);
    assert!(!world.media.contains(&Action::Close { peer }));
}

#[test]
fn the_session_hears_a_microphone_and_no_other_sound() {
    let mut world = world(true);
    let (conn, peer) = world.guest("anna");
    let add = |cid: &str, source: Source| {
        Request::AddTrack(AddTrack {
            cid: cid.to_owned(),
            source: source as i32,
            ..AddTrack::default()
        })
    };
    let section = |mid: &str, track: &str| Heard {
        mid: mid.to_owned(),
        side: Side::Audio,
        track: Some(track.to_owned()),
    };
    let hears = |world: &mut World, conn, sections: &[Heard]| {
        world.request(conn, Request::Offer(offer(2)));
        world.answer(sections);
        std::mem::take(&mut world.media)
    };
    let hear = |mid: Option<&str>| Action::Hear {
        peer,
        mid: mid.map(str::to_owned),
    };
    let [screen, microphone] = [section("5", "screen"), section("6", "mic")];
    world.request(conn, add("screen", Source::ScreenShareAudio));
    assert!(hears(&mut world, conn, std::slice::from_ref(&screen)).is_empty());
    world.request(conn, add("mic", Source::Microphone));
    let both = [screen.clone(), microphone];
    assert_eq!(hears(&mut world, conn, &both), [hear(Some("6"))]);
    assert!(hears(&mut world, conn, &both).is_empty());
    assert_eq!(hears(&mut world, conn, &[screen]), [hear(None)]);

    // A token for cameras gives no ear to sound that nobody allowed.
    let mut silent = claims("bob");
    silent.grants.can_publish_sources = Some(vec!["camera".to_owned()]);
    let request = JoinRequest {
        publisher_offer: Some(offer(1)),
        ..JoinRequest::default()
    };
    let conn = world.join_as(silent, single(&request));
    world.answer(&[]);
    for (cid, source) in [
        ("mic", Source::Microphone),
        ("any", Source::Unknown),
        ("cam", Source::Camera),
    ] {
        world.request(conn, add(cid, source));
    }
    let all = ["mic", "any", "cam"].map(|cid| section(cid, cid));
    assert!(hears(&mut world, conn, &all).is_empty());
}

#[test]
fn rights_are_those_of_the_token() {
    let mut world = world(true);
    let mut silent = claims("anna");
    silent.grants.can_publish = Some(false);
    silent.grants.can_subscribe = Some(false);
    let request = JoinRequest {
        publisher_offer: Some(offer(1)),
        ..JoinRequest::default()
    };
    let conn = world.join_as(silent, single(&request));
    assert!(matches!(
        &world.media[0],
        Action::Answer {
            send: None,
            hear: false,
            ..
        }
    ));
    let peer = peer_of(&world.answer(&[]));
    world.said(conn);
    world.events();
    world.request(conn, Request::AddTrack(AddTrack::default()));
    world.request(
        conn,
        Request::UpdateMetadata(UpdateMetadata {
            name: "other".to_owned(),
            request_id: 5,
            ..UpdateMetadata::default()
        }),
    );
    let refused: Vec<_> = world
        .said(conn)
        .into_iter()
        .map(|m| match m {
            Response::RequestResponse(r) => (r.request_id, r.reason),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        refused,
        [
            (0, proto::Refusal::NotAllowed as i32),
            (5, proto::Refusal::NotAllowed as i32)
        ]
    );
    world
        .room
        .packet(world.now, peer, false, &packet(user("x"), &[], 1));
    assert!(world.events().is_empty());
}

#[test]
fn two_connections_are_offered_what_there_is() {
    let mut world = world(true);
    let conn = world.join_as(claims("anna"), Join::dual(false, "", true));
    let said = world.said(conn);
    assert!(matches!(&said[0], Response::Join(j) if j.subscriber_primary && j.fast_publish));
    let Action::Offer {
        peer: subscriber,
        send: Some(send),
        ..
    } = world.media.remove(0)
    else {
        panic!()
    };
    let sdp = format!(
        "v=0\r\nm=audio 9 x 1\r\na=mid:a\r\na=msid:s {}\r\nm=video 9 x 2\r\na=mid:v\r\na=msid:s {}\r\n\
         m=application 9 x y\r\na=mid:d\r\n",
        send.audio, send.video
    );
    world.room.offered(world.now, subscriber, Ok(Some(sdp)));
    world.settle();
    let Some(Response::Offer(offered)) = world.said(conn).pop() else {
        panic!()
    };
    assert_eq!(offered.mid_to_track_id.len(), 2);
    assert_eq!(offered.mid_to_track_id["v"], send.video);
    world.request(
        conn,
        Request::Answer(SessionDescription {
            sdp: "client's".to_owned(),
            id: offered.id,
            ..SessionDescription::default()
        }),
    );
    assert_eq!(
        world.media.pop(),
        Some(Action::Accept {
            peer: subscriber,
            answer: "client's".to_owned()
        })
    );
    world.request(conn, Request::Offer(offer(1)));
    let Some(Action::Answer {
        peer: publisher,
        send: None,
        ..
    }) = world.media.pop()
    else {
        panic!()
    };
    // Data comes by one and goes by the other.
    world.room.connected(subscriber);
    world.room.channel_open(subscriber, "_reliable");
    world
        .room
        .send("heygen", None, Bytes::from_static(b"x"), &[]);
    assert_eq!(world.data(subscriber).len(), 1);
    world.events();
    world
        .room
        .packet(world.now, publisher, false, &packet(user("y"), &[], 1));
    assert_eq!(world.events().len(), 1);
    // The publishing one may go and come again; without the other, the guest goes.
    world.room.closed(world.now, publisher);
    world.settle();
    assert_eq!(world.media.pop(), Some(Action::Close { peer: publisher }));
    assert!(!world.room.is_empty());
    world.room.closed(world.now, subscriber);
    assert!(world.room.is_empty());
}

#[test]
fn a_resident_is_taken_in_once() {
    let mut world = world(true);
    let (conn, _) = world.guest("anna");
    let agent = Resident {
        identity: "agent".to_owned(),
        ..Resident::default()
    };
    for _ in 0..2 {
        world.room.add_resident(world.now, &agent);
        world.settle();
    }
    let said = world.said(conn);
    let updates = said.iter().filter(|m| matches!(m, Response::Update(_)));
    assert_eq!(updates.count(), 1);
}

#[test]
fn rubbish_ends_its_connection_only() {
    let mut world = world(true);
    let (anna, _) = world.guest("anna");
    let (bob, peer) = world.guest("bob");
    world.room.frame(world.now, anna, &[0xff; 40]);
    world.room.frame(world.now, bob, &[]);
    world
        .room
        .packet(world.now, peer, false, &Bytes::from_static(&[0xff; 40]));
    world.settle();
    assert_eq!(world.hung_up, [anna]);
    world.request(bob, Request::Ping(0));
    assert!(
        world
            .said(bob)
            .iter()
            .any(|m| matches!(m, Response::Pong(_)))
    );
}

#[test]
fn closing_sends_everybody_away() {
    let mut world = world(true);
    let (anna, of_anna) = world.guest("anna");
    let (bob, of_bob) = world.guest("bob");
    world.media.clear();
    world.room.close(world.now);
    world.settle();
    for conn in [anna, bob] {
        assert!(matches!(world.said(conn).pop(), Some(Response::Leave(l))
            if l.reason == DisconnectReason::RoomDeleted as i32 && l.action == 0));
        assert!(world.hung_up.contains(&conn));
    }
    // Their media ends after they have read why: when they close it, or by and
    // by. Until then nothing of others is passed on.
    let close = |peer| Action::Close { peer };
    assert!(
        !world
            .media
            .iter()
            .any(|a| matches!(a, Action::Close { .. }))
    );
    for peer in [of_anna, of_bob] {
        let forwards = Vec::new();
        assert!(world.media.contains(&Action::Relay { peer, forwards }));
        assert!(world.media.contains(&Action::Hear { peer, mid: None }));
    }
    world.media.clear();
    world.room.closed(world.now, of_anna);
    world.settle();
    assert_eq!(world.media, [close(of_anna)]);
    assert!(!world.room.is_empty());
    world.wait(PARTING);
    assert_eq!(world.media, [close(of_anna), close(of_bob)]);
    assert!(world.room.is_empty());
    assert_eq!(world.room.poll_timeout(), None);
}

proptest! {
    /// Whatever comes over a connection, the room goes on.
    #[test]
    fn no_frame_or_packet_panics(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20),
    ) {
        let mut world = world(true);
        let (conn, peer) = world.guest("anna");
        for frame in &frames {
            world.room.frame(world.now, conn, frame);
            world.room.packet(world.now, peer, false, &Bytes::from(frame.clone()));
            world.room.packet(world.now, PeerId(99), true, &Bytes::from(frame.clone()));
        }
        world.settle();
        let (bob, _) = world.guest("bob");
        world.request(bob, Request::Ping(0));
        prop_assert!(!world.said(bob).is_empty());
        world.wait(Duration::from_mins(1));
        prop_assert!(world.room.is_empty());
        prop_assert!(world.room.conns.is_empty() && world.room.peers.is_empty());
    }
}
