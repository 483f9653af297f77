//! Tracks of guests and the other guests: who gets what, who is asked for an
//! offer, and how often.

use super::*;
use crate::proto::{
    MediaSectionsRequirement, SubscriptionPermission, TrackPermission, TrackType,
    UpdateSubscription,
};

impl World {
    /// The first forwarded tracks find sections, as many as there are.
    pub(super) fn sections(&self, forwards: &[Forward]) -> Vec<(String, String)> {
        let mids = (10..).map(|mid: u32| mid.to_string());
        let tracks = forwards.iter().map(|f| f.track.clone());
        mids.zip(tracks).take(self.spare).collect()
    }

    /// A guest publishes a microphone and a camera; gives their tracks.
    fn publish(&mut self, conn: ConnId) -> Vec<String> {
        let asked = std::mem::take(&mut self.frames);
        for (cid, kind) in [("mic", TrackType::Audio), ("cam", TrackType::Video)] {
            self.request(
                conn,
                Request::AddTrack(AddTrack {
                    cid: cid.to_owned(),
                    r#type: kind as i32,
                    ..AddTrack::default()
                }),
            );
        }
        let sids = self.said(conn).into_iter().filter_map(|said| match said {
            Response::TrackPublished(published) => Some(published.track.unwrap().sid),
            _ => None,
        });
        let sids: Vec<String> = sids.collect();
        self.frames.splice(0..0, asked);
        self.request(conn, Request::Offer(offer(2)));
        self.answer(&both());
        // What the session hears is of no matter here.
        self.media
            .retain(|action| !matches!(action, Action::Hear { .. }));
        sids
    }

    /// A guest lets everybody have its tracks, or nobody.
    fn permit(&mut self, conn: ConnId, all_participants: bool) {
        let permission = SubscriptionPermission {
            all_participants,
            ..SubscriptionPermission::default()
        };
        self.request(conn, Request::SubscriptionPermission(permission));
    }

    /// What a guest is asked to offer for.
    fn asked(&mut self, conn: ConnId) -> Vec<(u32, u32)> {
        let said = self.said(conn).into_iter();
        let asked = said.filter_map(|said| match said {
            Response::MediaSectionsRequirement(m) => Some((m.num_audios, m.num_videos)),
            _ => None,
        });
        asked.collect()
    }

    /// It offers; gives what the answer maps.
    fn offers(&mut self, conn: ConnId) -> (Vec<Action>, Vec<String>) {
        self.request(conn, Request::Offer(offer(9)));
        let media = self.answer(&[]);
        let answer = self.frames.iter().rev().find_map(|(to, said)| match said {
            Response::Answer(answer) if *to == conn => Some(answer.mid_to_track_id.clone()),
            _ => None,
        });
        let mut tracks: Vec<String> = answer.unwrap().into_values().collect();
        tracks.sort();
        (media, tracks)
    }
}

fn heard(mid: &str, side: Side, track: &str) -> Heard {
    Heard {
        mid: mid.to_owned(),
        side,
        track: Some(track.to_owned()),
    }
}

fn both() -> [Heard; 2] {
    [
        heard("7", Side::Audio, "mic"),
        heard("8", Side::Video, "cam"),
    ]
}

fn sorted(mut tracks: Vec<String>) -> Vec<String> {
    tracks.sort();
    tracks
}

#[test]
fn what_one_publishes_reaches_the_others_once_each() {
    let mut world = world(false);
    let (anna, from) = world.guest("anna");
    let (bob, _) = world.guest("bob");
    let tracks = world.publish(anna);
    assert!(world.asked(anna).is_empty(), "its own are not for it");
    assert_eq!(world.asked(bob), [(0, 0)]);
    let (media, got) = world.offers(bob);
    let Action::Answer { forwards, .. } = &media[0] else {
        panic!("{media:?}")
    };
    assert_eq!(forwards.len(), 2);
    assert!(
        forwards
            .iter()
            .all(|f| f.from == from && f.stream.ends_with("|camera"))
    );
    assert_eq!(
        (forwards[1].side, forwards[1].mid.as_str()),
        (Side::Video, "8")
    );
    assert_eq!(got, sorted(tracks.clone()));
    assert!(world.asked(bob).is_empty());

    // One who comes later gets them with the first answer.
    let conn = world.join("carl");
    world.answer(&[]);
    let said = world.said(conn);
    let Some(Response::Answer(answer)) = said.iter().find(|m| matches!(m, Response::Answer(_)))
    else {
        panic!("{said:?}")
    };
    assert_eq!(answer.mid_to_track_id.len(), 2);

    // A camera that is switched off is taken away from everybody.
    world.request(anna, Request::Offer(offer(3)));
    world.answer(&both()[..1]);
    assert_eq!(world.asked(bob), [(0, 0)]);
    assert_eq!(world.offers(bob).1, tracks[..1]);
    world.request(anna, Request::Leave(crate::proto::Leave::default()));
    assert_eq!(world.asked(bob), [(0, 0)]);
    assert!(world.offers(bob).1.is_empty());
}

#[test]
fn further_sections_are_asked_for_once() {
    let mut world = world(false);
    world.spare = 1;
    let (anna, _) = world.guest("anna");
    let (bob, _) = world.guest("bob");
    let tracks = world.publish(anna);
    assert_eq!(world.asked(bob), [(0, 0)]);
    assert_eq!(world.offers(bob).1.len(), 1);
    assert_eq!(world.asked(bob), [(0, 1)], "the picture found none");
    // A client that does not add one is not asked again.
    assert_eq!(world.offers(bob).1.len(), 1);
    assert!(world.asked(bob).is_empty());
    world.spare = 2;
    assert_eq!(world.offers(bob).1, sorted(tracks));
}

#[test]
fn one_that_cannot_decode_pictures_is_told_so_once() {
    let mut world = world(true);
    let conn = world.join("anna");
    for _ in 0..2 {
        let media = std::mem::take(&mut world.media);
        let Action::Answer { peer, id, .. } = &media[0] else {
            panic!("{media:?}")
        };
        let answered = Answered {
            audio: Some("0".to_owned()),
            no_pictures: true,
            ..Answered::default()
        };
        world.room.answered(world.now, *peer, *id, Ok(answered));
        world.settle();
        world.request(conn, Request::Offer(offer(2)));
    }
    let said = world.said(conn);
    let refused: Vec<_> = said
        .iter()
        .filter_map(|said| match said {
            Response::SubscriptionResponse(refused) => {
                Some((refused.track_sid.clone(), refused.err))
            }
            _ => None,
        })
        .collect();
    let tracks = world.room.members.values().flat_map(|m| &m.tracks);
    let video = tracks
        .map(|t| &t.info)
        .find(|t| t.r#type == TrackType::Video as i32);
    assert_eq!(refused, [(video.unwrap().sid.clone(), 1)]);
    assert!(
        !said
            .iter()
            .any(|said| matches!(said, Response::MediaSectionsRequirement(_)))
    );
}

#[test]
fn rights_and_wishes_decide_who_gets_what() {
    let mut world = world(false);
    let (anna, _) = world.guest("anna");
    let mut deaf = claims("deaf");
    deaf.grants.can_subscribe = Some(false);
    let request = JoinRequest {
        publisher_offer: Some(offer(1)),
        ..JoinRequest::default()
    };
    let deaf = world.join_as(deaf, single(&request));
    let choosy = JoinRequest {
        connection_settings: Some(crate::proto::ConnectionSettings {
            auto_subscribe: false,
        }),
        ..request.clone()
    };
    let choosy = world.join_as(claims("choosy"), single(&choosy));
    let (bob, _) = world.guest("bob");
    world.answer(&[]);
    let tracks = world.publish(anna);
    assert!(world.asked(deaf).is_empty() && world.asked(choosy).is_empty());
    assert_eq!(world.asked(bob), [(0, 0)]);

    let wish = |subscribe| {
        Request::Subscription(UpdateSubscription {
            track_sids: vec![tracks[0].clone()],
            subscribe,
            ..UpdateSubscription::default()
        })
    };
    world.request(choosy, wish(true));
    assert_eq!(world.asked(choosy), [(0, 0)]);
    assert_eq!(world.offers(choosy).1, tracks[..1]);
    world.request(choosy, wish(false));
    assert_eq!(world.asked(choosy), [(0, 0)]);
    assert!(world.offers(choosy).1.is_empty());

    // Anna lets only the choosy one have her picture.
    assert_eq!(world.offers(bob).1.len(), 2);
    world.said(bob);
    let permission = SubscriptionPermission {
        all_participants: false,
        track_permissions: vec![TrackPermission {
            participant_identity: "choosy".to_owned(),
            track_sids: vec![tracks[1].clone()],
            ..TrackPermission::default()
        }],
    };
    world.request(anna, Request::SubscriptionPermission(permission));
    assert_eq!(world.asked(bob), [(0, 0)]);
    assert!(world.offers(bob).1.is_empty());
    world.request(
        choosy,
        Request::Subscription(UpdateSubscription {
            track_sids: tracks.clone(),
            subscribe: true,
            ..UpdateSubscription::default()
        }),
    );
    assert_eq!(world.offers(choosy).1, tracks[1..]);

    // A guest who is not shown is not heard either.
    let mut hidden = claims("hidden");
    hidden.grants.hidden = true;
    let hidden = world.join_as(hidden, single(&request));
    world.answer(&[]);
    world.publish(hidden);
    assert!(world.asked(bob).is_empty());
}

#[test]
fn one_with_two_connections_is_made_offers_one_at_a_time() {
    let mut world = world(false);
    let (anna, _) = world.guest("anna");
    let bob = world.join_as(claims("bob"), Join::dual(false, "", true));
    let Some(Action::Offer { peer, forwards, .. }) = world.media.pop() else {
        panic!()
    };
    assert!(forwards.is_empty());
    let offered = |world: &mut World, result| {
        world.room.offered(world.now, peer, Ok(result));
        world.settle();
    };
    offered(&mut world, Some("v=0\r\n".to_owned()));
    let tracks = world.publish(anna);
    assert!(world.media.is_empty(), "the first one is not answered yet");
    world
        .room
        .accepted(world.now, peer, Some(Accepted::default()));
    world.settle();
    let Some(Action::Reoffer { forwards, .. }) = world.media.pop() else {
        panic!()
    };
    assert_eq!(forwards.len(), 2);
    let sdp = format!(
        "v=0\r\nm=audio 9 x 1\r\na=mid:3\r\na=msid:s {}\r\n",
        tracks[0]
    );
    world.said(bob);
    offered(&mut world, Some(sdp));
    let Some(Response::Offer(offer)) = world.said(bob).pop() else {
        panic!()
    };
    assert_eq!(offer.mid_to_track_id["3"], tracks[0]);
    // What is taken back before the answer ends at once.
    world.permit(anna, false);
    let [Action::Relay { peer: to, forwards }] = &world.media[..] else {
        panic!("{:?}", world.media)
    };
    assert!(*to == peer && forwards.is_empty());
    world.permit(anna, true);
    assert!(matches!(&world.media[1..], [Action::Relay { forwards, .. }] if forwards.len() == 2));
    world.media.clear();
    world
        .room
        .accepted(world.now, peer, Some(Accepted::default()));
    world.settle();
    assert!(world.media.is_empty());

    world.request(anna, Request::Leave(crate::proto::Leave::default()));
    world
        .media
        .retain(|action| !matches!(action, Action::Close { .. }));
    assert!(matches!(&world.media[..], [Action::Reoffer { forwards, .. }] if forwards.is_empty()));
    world.media.clear();
    offered(&mut world, None);
    assert!(
        world.media.is_empty(),
        "nothing to offer is no reason to go on"
    );
}

#[test]
fn what_is_taken_back_ends_before_the_client_offers() {
    let mut world = world(false);
    let (anna, _) = world.guest("anna");
    let (bob, peer) = world.guest("bob");
    let tracks = world.publish(anna);
    world.offers(bob);
    world.media.clear();
    let relays = |world: &mut World| {
        let relays = std::mem::take(&mut world.media).into_iter();
        let relays = relays.map(|action| match action {
            Action::Relay { peer: to, forwards } if to == peer => {
                forwards.into_iter().map(|f| f.track).collect()
            }
            other => panic!("{other:?}"),
        });
        relays.collect::<Vec<Vec<String>>>()
    };
    world.permit(anna, false);
    assert_eq!(relays(&mut world), [Vec::<String>::new()]);
    world.permit(anna, false);
    assert!(relays(&mut world).is_empty());
    world.permit(anna, true);
    assert!(relays(&mut world) == [&tracks[..]]);
    // So does what the client itself wants no more.
    world.request(
        bob,
        Request::Subscription(UpdateSubscription {
            track_sids: vec![tracks[1].clone()],
            subscribe: false,
            ..UpdateSubscription::default()
        }),
    );
    assert_eq!(relays(&mut world), [tracks[..1].to_vec()]);
}

#[test]
fn what_is_remembered_of_a_guest_has_bounds() {
    let mut world = world(true);
    let (anna, _) = world.guest("anna");
    let (bob, _) = world.guest("bob");
    let one = |n: usize| TrackPermission {
        participant_identity: if n == 3 { "bob" } else { "x" }.to_owned(),
        all_tracks: n == 3,
        track_sids: vec!["TR_x".to_owned(); 20],
        ..TrackPermission::default()
    };
    let permission = SubscriptionPermission {
        all_participants: false,
        track_permissions: (0..1_000).map(one).collect(),
    };
    world.request(anna, Request::SubscriptionPermission(permission));
    let tracks = world.publish(anna);
    assert_eq!(world.room.forwards(world.room.conns[&bob]).len(), 2);

    // Wishes about what is there outlive those about what is not.
    let wish = |track_sids| {
        Request::Subscription(UpdateSubscription {
            track_sids,
            subscribe: false,
            ..UpdateSubscription::default()
        })
    };
    world.request(bob, wish(tracks.clone()));
    world.request(bob, wish((0..1_000).map(|n| format!("TR_A{n}")).collect()));
    assert!(world.room.forwards(world.room.conns[&bob]).is_empty());

    // Those who cannot decode pictures are told so for each track that comes.
    for cam in 0..20 {
        world.request(anna, Request::Offer(offer(3)));
        world.answer(&[]);
        world.publish(anna);
        world.media.clear();
        world.request(bob, Request::Offer(offer(4 + cam)));
        let media = std::mem::take(&mut world.media);
        let answered = Answered {
            no_pictures: true,
            ..Answered::default()
        };
        let peer = peer_of(&media);
        world.room.answered(world.now, peer, 4 + cam, Ok(answered));
        world.settle();
        let said = world.said(bob);
        let told = said
            .iter()
            .any(|m| matches!(m, Response::SubscriptionResponse(_)));
        assert!(told, "{said:?}");
    }
    let (audience, subscriptions) = (
        &guest_of(&world, anna).audience,
        &guest_of(&world, bob).subscriptions,
    );
    let (guests, tracks) = audience.size();
    assert!(guests == MAX_GUESTS && tracks <= 8 * MAX_GUESTS);
    let (wishes, refused) = subscriptions.size();
    assert!(wishes <= 256 && refused == 2, "{wishes} {refused}");
}

fn guest_of(world: &World, conn: ConnId) -> &Guest {
    match &world.room.members[&world.room.conns[&conn]].seat {
        Seat::Guest(guest) => guest,
        Seat::Resident(_) => unreachable!(),
    }
}

#[test]
fn a_room_passes_on_so_many_tracks_and_no_more() {
    let mut world = world(false);
    let mut refused = 0;
    for name in 'a'..='l' {
        let (conn, _) = world.guest(&name.to_string());
        for cid in ["mic", "cam"] {
            world.request(
                conn,
                Request::AddTrack(AddTrack {
                    cid: cid.to_owned(),
                    ..AddTrack::default()
                }),
            );
        }
        let said = world.said(conn);
        refused += said
            .iter()
            .filter(|m| matches!(m, Response::RequestResponse(r) if r.reason == proto::Refusal::LimitExceeded as i32))
            .count();
    }
    assert_eq!(refused, 24 - super::super::forward::MOST_FORWARDED);
}

proptest! {
    /// However guests come, publish, wish and go: nobody is asked without end,
    /// and in the end everybody has what there is for them.
    #[test]
    fn everybody_ends_with_what_there_is(steps in proptest::collection::vec((0..4_usize, 0..6_u8), 0..40)) {
        let mut world = world(false);
        let names = ["a", "b", "c", "d"];
        let mut conns: [Option<ConnId>; 4] = [None; 4];
        for (who, what) in steps {
            match (conns[who], what) {
                (None, _) => {
                    // What it is asked for is answered in the end.
                    conns[who] = Some(world.join(names[who]));
                    world.answer(&[]);
                }
                (Some(conn), 0) => {
                    world.request(conn, Request::Leave(crate::proto::Leave::default()));
                    conns[who] = None;
                }
                (Some(conn), 1 | 2) => {
                    world.publish(conn);
                }
                (Some(conn), 3) => {
                    world.request(conn, Request::Offer(offer(3)));
                    world.answer(&both()[..1]);
                }
                (Some(conn), _) => {
                    let track_sids = world.room.members.values().flat_map(|m| &m.tracks);
                    let track_sids = track_sids.map(|t| t.info.sid.clone()).collect();
                    let subscribe = what == 4;
                    let wish = UpdateSubscription { track_sids, subscribe, ..UpdateSubscription::default() };
                    world.request(conn, Request::Subscription(wish));
                }
            }
        }
        world.spare = 20;
        let mut rounds = 0;
        // Every client does what it is asked for, keeping what it publishes.
        while let Some(at) = world.frames.iter().position(|(_, said)| {
            matches!(said, Response::MediaSectionsRequirement(MediaSectionsRequirement { .. }))
        }) {
            rounds += 1;
            prop_assert!(rounds < 200, "it does not end");
            let (conn, _) = world.frames.remove(at);
            let Some(id) = world.room.conns.get(&conn).copied() else { continue };
            let tracks = world.room.members[&id].tracks.iter();
            let heard: Vec<Heard> = tracks
                .filter_map(|t| {
                    let video = t.info.r#type == TrackType::Video as i32;
                    let side = if video { Side::Video } else { Side::Audio };
                    Some(heard(t.mid.as_ref()?, side, &t.cid))
                })
                .collect();
            world.request(conn, Request::Offer(offer(4)));
            world.answer(&heard);
        }
        let guests: Vec<_> = world.room.guests().collect();
        for id in guests {
            let wanted: std::collections::BTreeSet<String> =
                world.room.forwards(id).into_iter().map(|f| f.track).collect();
            let Seat::Guest(guest) = &world.room.members[&id].seat else { unreachable!() };
            prop_assert_eq!(&guest.subscriptions.told, &wanted);
        }
    }
}
