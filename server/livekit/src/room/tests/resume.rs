//! Connections that are lost, replaced and taken up again.

use super::*;

#[test]
fn a_second_connection_of_an_identity_replaces_the_first() {
    let mut world = world(true);
    let (first, _) = world.guest("anna");
    let (other, _) = world.guest("bob");
    let second = world.join("anna");
    let Some(Response::Leave(leave)) = world.said(first).pop() else {
        panic!()
    };
    assert_eq!(leave.reason, DisconnectReason::DuplicateIdentity as i32);
    assert_eq!(leave.action, proto::Action::Disconnect as i32);
    assert!(world.hung_up.contains(&first));
    let states: Vec<i32> = world
        .said(other)
        .iter()
        .filter_map(|m| match m {
            Response::Update(update) => Some(update.participants[0].state),
            _ => None,
        })
        .collect();
    assert_eq!(
        states[..2],
        [State::Disconnected as i32, State::Joined as i32]
    );
    // The name of the avatar is not to be had.
    let thief = world.join("heygen");
    assert!(matches!(world.said(thief)[..], [Response::Leave(_)]));
    assert!(world.hung_up.contains(&thief));
    assert!(matches!(world.said(second)[0], Response::Join(_)));
}

#[test]
fn a_lost_connection_is_taken_up_again_within_the_grace() {
    let mut world = world(true);
    let (conn, peer) = world.guest("anna");
    for sequence in 1..=3 {
        world
            .room
            .packet(world.now, peer, false, &packet(user("x"), &[], sequence));
    }
    let sid = world.room.members[&world.room.peers[&peer]].sid.clone();
    world.room.lost(world.now, conn);
    world.wait(Duration::from_secs(14));
    let resume = |sid: &str| {
        single(&JoinRequest {
            reconnect: true,
            participant_sid: sid.to_owned(),
            ..JoinRequest::default()
        })
    };
    let thief = world.join_as(claims("mallory"), resume(&sid));
    assert!(matches!(&world.said(thief)[..],
        [Response::Leave(l)] if l.action == proto::Action::Reconnect as i32));
    let again = world.join_as(claims("anna"), resume(&sid));
    let said = world.said(again);
    assert!(
        matches!(&said[0], Response::Reconnect(r) if r.last_message_seq == 3),
        "{said:?}"
    );
    assert!(matches!(&said[1], Response::Update(u) if u.participants.len() == 2));
    assert!(matches!(&said[2], Response::RoomUpdate(_)));
    // Sent again by the client, taken once.
    world.events();
    for sequence in 2..=4 {
        world
            .room
            .packet(world.now, peer, false, &packet(user("x"), &[], sequence));
    }
    assert_eq!(world.events().len(), 1);
    // The restart of ICE is on the same connection.
    world.request(again, Request::Offer(offer(9)));
    assert_eq!(peer_of(&world.media), peer);

    world.room.lost(world.now, again);
    world.wait(GRACE);
    assert!(world.room.is_empty());
    assert!(world.media.contains(&Action::Close { peer }));
    assert_eq!(
        world.events(),
        [Event::Left {
            identity: "anna".to_owned()
        }]
    );
    let late = world.join_as(claims("anna"), resume(&sid));
    assert!(matches!(world.said(late)[..], [Response::Leave(_)]));
}

#[test]
fn one_that_was_lost_amid_an_offer_begins_anew() {
    let mut world = world(true);
    world.join_as(claims("anna"), Join::dual(false, "", true));
    let peer = peer_of(&world.media);
    let sid = world.room.members[&world.room.peers[&peer]].sid.clone();
    let resume = |world: &mut World| {
        let conn = world.join_as(claims("anna"), Join::dual(true, &sid, true));
        world.said(conn)
    };
    // Whether the client has taken the offer is not known.
    world
        .room
        .offered(world.now, peer, Ok(Some("v=0\r\n".to_owned())));
    let said = resume(&mut world);
    assert!(
        matches!(&said[..], [Response::Leave(l)] if l.action == proto::Action::Reconnect as i32),
        "{said:?}"
    );
    world
        .room
        .accepted(world.now, peer, Some(Accepted::default()));
    let said = resume(&mut world);
    assert!(matches!(&said[0], Response::Reconnect(_)), "{said:?}");
    assert!(world.media.contains(&Action::Restart { peer }));
}

#[test]
fn one_that_numbers_its_answers_goes_on_amid_an_offer() {
    let mut world = world(true);
    let anna = world.join_as(claims("anna"), Join::dual(false, "", true));
    let peer = peer_of(&world.media);
    let sid = world.room.members[&world.room.peers[&peer]].sid.clone();
    let offered = |world: &mut World| {
        let sdp = "v=0\r\n".to_owned();
        world.room.offered(world.now, peer, Ok(Some(sdp)));
        world.settle();
        world.media.clear();
    };
    // What the room does with an answer of this number.
    let answers = |world: &mut World, conn, id| {
        world.request(conn, Request::Answer(offer(id)));
        std::mem::take(&mut world.media)
    };
    let accept = [Action::Accept {
        peer,
        answer: "the offer".to_owned(),
    }];
    offered(&mut world);
    assert_eq!(answers(&mut world, anna, 2), []);
    assert_eq!(answers(&mut world, anna, 1), accept);
    world
        .room
        .accepted(world.now, peer, Some(Accepted::default()));
    // Twice, or when nothing is out.
    assert_eq!(answers(&mut world, anna, 1), []);
    assert_eq!(answers(&mut world, anna, 0), []);

    let (bob, _) = world.guest("bob");
    let track = AddTrack {
        cid: "mic".to_owned(),
        ..AddTrack::default()
    };
    world.request(bob, Request::AddTrack(track));
    world.request(bob, Request::Offer(offer(2)));
    world.answer(&[Heard {
        mid: "7".to_owned(),
        side: Side::Audio,
        track: None,
    }]);
    let is_reoffer = |action: &Action| matches!(action, Action::Reoffer { .. });
    assert!(world.media.iter().any(is_reoffer), "{:?}", world.media);
    offered(&mut world);
    world.room.lost(world.now, anna);
    let again = world.join_as(claims("anna"), Join::dual(true, &sid, true));
    assert!(matches!(&world.said(again)[0], Response::Reconnect(_)));
    assert!(world.media.contains(&Action::Restart { peer }));
    offered(&mut world);
    // What it says to the offer before comes too late.
    assert_eq!(answers(&mut world, again, 2), []);
    assert_eq!(answers(&mut world, again, 0), []);
    assert_eq!(answers(&mut world, again, 3), accept);
    world
        .room
        .accepted(world.now, peer, Some(Accepted::default()));
    world.settle();
    // Then it is made one for what there is now.
    assert!(world.media.iter().any(is_reoffer), "{:?}", world.media);
}

#[test]
fn a_silent_connection_is_closed_and_then_its_guest_is_let_go() {
    let mut world = world(true);
    let (conn, _) = world.guest("anna");
    for _ in 0..10 {
        world.wait(Duration::from_secs(5));
        world.request(
            conn,
            Request::PingReq(Ping {
                timestamp: 7,
                rtt: 0,
            }),
        );
        world.request(conn, Request::Ping(7));
        let said = world.said(conn);
        assert!(
            said.iter()
                .any(|m| matches!(m, Response::PongResp(p) if p.last_ping_timestamp == 7))
        );
        assert!(
            said.iter()
                .any(|m| matches!(m, Response::Pong(ms) if *ms > 1_000_000))
        );
    }
    assert!(world.hung_up.is_empty());
    world.wait(SILENCE);
    assert_eq!(world.hung_up, [conn]);
    world.wait(GRACE);
    assert!(world.room.is_empty() && world.room.poll_timeout().is_none());
}
