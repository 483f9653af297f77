//! What guests publish: tracks without a section, and how many there may be.

use super::*;
use crate::proto::{Refusal, TrackUnpublished};
use crate::room::publish::{BINDING, MOST_TRACKS};

impl World {
    /// A guest asks for a track; whether it may have it.
    fn adds(&mut self, conn: ConnId, cid: &str) -> Result<String, i32> {
        self.said(conn);
        let track = AddTrack {
            cid: cid.to_owned(),
            ..AddTrack::default()
        };
        self.request(conn, Request::AddTrack(track));
        match self.said(conn).pop() {
            Some(Response::TrackPublished(published)) => Ok(published.track.unwrap().sid),
            Some(Response::RequestResponse(response)) => Err(response.reason),
            other => panic!("{other:?}"),
        }
    }

    fn stays(&mut self, conns: &[ConnId], time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.wait(Duration::from_secs(5).min(end - self.now));
            for conn in conns {
                self.request(*conn, Request::Ping(1));
            }
        }
    }
}

const FULL: Result<String, i32> = Err(Refusal::LimitExceeded as i32);

#[test]
fn tracks_that_find_no_section_are_forgotten() {
    let mut world = world(false);
    let (anna, _) = world.guest("anna");
    let (bob, _) = world.guest("bob");
    let named = |n: usize| format!("track {n}");
    let sids: Vec<String> = (0..MOST_TRACKS)
        .map(|n| world.adds(anna, &named(n)).unwrap())
        .collect();
    assert_eq!(world.adds(anna, "one more"), FULL);
    // The first of them gets one, and is all that others are told of.
    world.said(bob);
    world.request(anna, Request::Offer(offer(2)));
    world.answer(&[Heard {
        mid: "7".to_owned(),
        side: Side::Audio,
        track: Some(named(0)),
    }]);
    let told = world.said(bob).into_iter().rev().find_map(|m| match m {
        Response::Update(mut update) => Some(update.participants.remove(0)),
        _ => None,
    });
    let tracks = told.unwrap().tracks;
    assert!(tracks.len() == 1 && tracks[0].sid == sids[0], "{tracks:?}");

    let second = Duration::from_secs(1);
    world.stays(&[anna, bob], BINDING.saturating_sub(second));
    assert_eq!(world.adds(anna, "one more"), FULL);
    world.stays(&[anna, bob], second);
    let gone = world.said(anna).into_iter().filter_map(|said| match said {
        Response::TrackUnpublished(TrackUnpublished { track_sid }) => Some(track_sid),
        _ => None,
    });
    assert_eq!(gone.collect::<Vec<_>>(), sids[1..]);
    for n in 1..MOST_TRACKS {
        world.adds(anna, &named(100 + n)).unwrap();
    }
    assert_eq!(world.adds(anna, "one more"), FULL);
}

#[test]
fn a_room_is_full_of_tracks_that_reach_others_only() {
    let mut world = world(false);
    let hidden = || {
        let mut hidden = claims("watcher");
        hidden.grants.hidden = true;
        let request = JoinRequest::default();
        (hidden, single(&request))
    };
    let (claims, join) = hidden();
    let watcher = world.join_as(claims, join);
    let (anna, _) = world.guest("anna");
    let (bob, _) = world.guest("bob");
    let (carl, _) = world.guest("carl");
    for n in 0..MOST_TRACKS {
        for conn in [watcher, anna, bob] {
            world.adds(conn, &n.to_string()).unwrap();
        }
    }
    assert_eq!(world.adds(carl, "mic"), FULL);
    world.stays(&[watcher, anna, bob, carl], BINDING);
    world.adds(carl, "mic").unwrap();
}

#[test]
fn a_publishing_connection_that_ends_takes_its_tracks_along() {
    let mut world = world(true);
    let (bob, _) = world.guest("bob");
    let anna = world.join_as(claims("anna"), Join::dual(false, "", true));
    world.adds(anna, "mic").unwrap();
    world.media.clear();
    world.request(anna, Request::Offer(offer(1)));
    let section = Heard {
        mid: "0".to_owned(),
        side: Side::Audio,
        track: Some("mic".to_owned()),
    };
    let media = world.answer(std::slice::from_ref(&section));
    let publisher = peer_of(&media);
    world.events();
    world.said(bob);
    world.room.closed(world.now, publisher);
    world.settle();
    let off = |on| Event::Microphone {
        identity: "anna".to_owned(),
        on,
    };
    assert_eq!(world.events(), [off(false)]);
    let said = world.said(bob);
    let told = said.iter().find_map(|said| match said {
        Response::Update(update) => update.participants.first(),
        _ => None,
    });
    assert!(told.unwrap().tracks.is_empty(), "{said:?}");
    // The same track in a new connection.
    world.request(anna, Request::Offer(offer(2)));
    world.answer(&[section]);
    assert_eq!(world.events(), [off(true)]);
}

#[test]
fn a_worn_connection_is_replaced() {
    let mut world = world(false);
    let leaves = |world: &mut World, conn, peer, refused| {
        world.said(conn);
        world.room.answered(world.now, peer, 9, Err(refused));
        world.settle();
        match world.said(conn).pop() {
            Some(Response::Leave(leave)) => leave.action,
            other => panic!("{other:?}"),
        }
    };
    let (again, over) = (
        proto::Action::Reconnect as i32,
        proto::Action::Disconnect as i32,
    );
    let (anna, peer) = world.guest("anna");
    assert_eq!(leaves(&mut world, anna, peer, Refused::Worn), again);
    let (bob, peer) = world.guest("bob");
    assert_eq!(leaves(&mut world, bob, peer, Refused::Useless), over);
    // A first offer would be the same again.
    let carl = world.join("carl");
    let peer = peer_of(&std::mem::take(&mut world.media));
    assert_eq!(leaves(&mut world, carl, peer, Refused::Worn), over);
}

#[test]
fn one_with_two_connections_is_told_what_it_cannot_decode() {
    let mut world = world(true);
    let anna = world.join_as(claims("anna"), Join::dual(false, "", true));
    let Some(Action::Offer {
        peer,
        send: Some(send),
        ..
    }) = world.media.pop()
    else {
        panic!()
    };
    let sdp = "v=0\r\n".to_owned();
    world.room.offered(world.now, peer, Ok(Some(sdp)));
    let accepted = Accepted { no_pictures: true };
    world.room.accepted(world.now, peer, Some(accepted));
    world.settle();
    let said = world.said(anna);
    let told = said.iter().find_map(|said| match said {
        Response::SubscriptionResponse(response) => Some(&response.track_sid),
        _ => None,
    });
    assert_eq!(told, Some(&send.video));
}
