//! Tracks of one connection that are passed on on others.

use bytes::Bytes;
use media::Track;
use str0m::media::Direction;

use super::{World, ms, payload};
use crate::doorbell::lock;
use crate::error::OfferError;
use crate::link::{Answer, Link, LinkSettings};
use crate::relay::Relay;
use crate::viewer::{Reason, State};

/// What a guest of a room may do, in a room without a session.
fn guest() -> LinkSettings {
    LinkSettings {
        take: true,
        ..LinkSettings::default()
    }
}

/// The tracks that a link brings, for others.
fn tracks(link: &Link, answer: &Answer) -> Vec<Relay> {
    let relay = |heard: &crate::link::Heard| Relay {
        from: link.control().id(),
        mid: heard.mid.clone(),
        kind: heard.kind,
        stream: "PA_a|camera".to_owned(),
        renamed: format!("PA_a|TR_{}", link.control().id()),
        track: format!(
            "TR_{}_{}",
            heard.track.as_deref().unwrap(),
            link.control().id()
        ),
    };
    answer.heard.iter().map(relay).collect()
}

/// What a guest has sent: pictures and sound, by number.
#[derive(Default)]
struct Sent {
    pictures: Vec<Bytes>,
    sound: u64,
    keys: usize,
}

impl World {
    /// A guest of a room that is connected.
    fn guest(&mut self, settings: &LinkSettings) -> (usize, Link) {
        self.talking = false;
        let mut browser = self.browser();
        let offer = browser.offer_room();
        let (answer, link) = self.answer(&offer, settings).unwrap();
        browser.answer(&answer.sdp);
        let number = self.pair(None, browser, &answer.sdp);
        self.run_until(|world| world.pairs[number].browser.channels.len() == 2);
        (number, link)
    }

    /// It publishes a microphone and a camera.
    fn publish(&mut self, number: usize, link: &Link) -> Vec<Relay> {
        let offer = self.pairs[number].browser.offer_camera();
        let answer = self.renegotiate(link, &offer);
        self.pairs[number].browser.answer(&answer.sdp);
        tracks(link, &answer)
    }

    /// It is told to offer again, and gets what there is for it now.
    fn update(&mut self, number: usize, link: &Link, relays: &[Relay]) -> Answer {
        link.set_relays(relays.to_vec());
        let offer = self.pairs[number].browser.offer_again();
        let answer = self.renegotiate(link, &offer);
        self.pairs[number].browser.answer(&answer.sdp);
        self.watch(number, &answer, relays);
        answer
    }

    /// It watches the last camera of these.
    fn watch(&mut self, number: usize, answer: &Answer, relays: &[Relay]) {
        let camera = relays.iter().rfind(|relay| relay.kind == Track::Video);
        let mut relayed = answer.relayed.iter();
        if let Some((mid, _)) = relayed.find(|(_, t)| camera.is_some_and(|c| c.track == *t)) {
            self.pairs[number].browser.video = mid.as_str().into();
        }
    }

    /// It speaks and films for some pictures.
    fn film_for(&mut self, number: usize, pictures: usize, sent: &mut Sent) {
        for _ in 0..pictures {
            for _ in 0..2 {
                let now = self.now;
                let browser = &mut self.pairs[number].browser;
                browser.speak(now, sent.sound, &sent.sound.to_be_bytes());
                if sent.sound.is_multiple_of(2) {
                    let key = browser.keys_wanted > sent.keys || sent.pictures.is_empty();
                    sent.keys = browser.keys_wanted;
                    let size = if key { 14_000 } else { 4_000 };
                    let unit = payload(&mut self.rng, Some(key), size);
                    browser.film(now, sent.sound / 2, &unit);
                    sent.pictures.push(unit);
                }
                sent.sound += 1;
                self.run(ms(20));
            }
        }
    }
}

#[test]
fn a_guest_sees_and_hears_another_also_over_bad_paths() {
    for loss in [0.0, 0.03] {
        let mut world = World::new();
        let (anna, from) = world.guest(&guest());
        let (bob, to) = world.guest(&guest());
        let tracks = world.publish(anna, &from);
        assert_eq!(
            tracks.iter().map(|t| t.kind).collect::<Vec<_>>(),
            [Track::Audio, Track::Video]
        );
        let mut sent = Sent::default();
        world.film_for(anna, 20, &mut sent);
        assert_eq!(world.pairs[bob].browser.pictures.len(), 0);

        world.network.loss = loss;
        let answer = world.update(bob, &to, &tracks);
        assert_eq!(answer.relayed.len(), 2);
        assert_eq!(answer.sdp.matches("a=msid:PA_a|camera TR_cam_").count(), 1);
        // The camera makes a key frame for the one who came, and only for him.
        world.film_for(anna, 150, &mut sent);
        world.run(ms(500));
        let browser = &world.pairs[bob].browser;
        let first = sent
            .pictures
            .iter()
            .position(|p| p[..] == browser.pictures[0].data[..]);
        let first = first.unwrap();
        assert!((20..40).contains(&first), "it began with picture {first}");
        assert!(browser.pictures[0].is_keyframe());
        assert!(world.pairs[anna].browser.keys_wanted <= if loss > 0.0 { 12 } else { 2 });
        let pictures = browser.pictures.len();
        assert!(pictures > if loss > 0.0 { 90 } else { 140 }, "{pictures}");
        for picture in &browser.pictures {
            assert!(sent.pictures.iter().any(|p| p[..] == picture.data[..]));
        }
        let sound = browser.sound.iter();
        let numbers: Vec<u64> = sound
            .map(|s| u64::from_be_bytes(s.data[..].try_into().unwrap()))
            .collect();
        assert!(
            numbers.is_sorted() && numbers.len() > 250,
            "{}",
            numbers.len()
        );
        // Time is that of the sender, and both tracks have the same clock.
        for (pair, n) in browser.sound.windows(2).zip(numbers.windows(2)) {
            let ticks = pair[1].time.numer() - pair[0].time.numer();
            assert_eq!(ticks, 960 * (n[1] - n[0]));
        }
        if loss == 0.0 {
            let skew = skew(browser);
            assert!(
                skew.abs() < 0.002,
                "sound and pictures are apart by {skew} s"
            );
        }
    }
}

/// By how much a player would play pictures before sound that was sent with
/// them, s, from the last reports of both.
fn skew(browser: &super::browser::Browser) -> f64 {
    let moment = |data: &[str0m::media::MediaData]| {
        let last = data.last().unwrap();
        let info = last.last_sender_info.unwrap();
        let ticks = (last.time.numer() as u32).wrapping_sub(info.rtp_time.numer() as u32) as i32;
        let ntp = info.ntp_time.duration_since(std::time::UNIX_EPOCH);
        let ntp = ntp.unwrap().as_secs_f64();
        ntp + f64::from(ticks) / last.time.frequency().get() as f64
    };
    let number = u64::from_be_bytes(browser.sound.last().unwrap().data[..].try_into().unwrap());
    // The last picture was sent with the sound before the last, or with that.
    let picture = moment(&browser.pictures);
    let sound = moment(&browser.sound) - (number % 2) as f64 * 0.02;
    picture - sound
}

#[test]
fn a_section_rests_before_it_carries_another_track() {
    let mut world = World::new();
    let (anna, first) = world.guest(&guest());
    let (carl, second) = world.guest(&guest());
    let (bob, to) = world.guest(&guest());
    let old = world.publish(anna, &first);
    let before = world.update(bob, &to, &old);
    let new = world.publish(carl, &second);
    let between = world.update(bob, &to, &new);
    // There are three sections of each kind, so the new ones find others.
    let mids = |answer: &Answer| -> Vec<String> {
        answer.relayed.iter().map(|(mid, _)| mid.clone()).collect()
    };
    assert!(
        mids(&before)
            .iter()
            .all(|mid| !mids(&between).contains(mid))
    );
    assert_eq!(between.sdp.matches("a=sendonly").count(), 2);
    let again = world.update(bob, &to, &[old.clone(), new].concat());
    assert_eq!(again.relayed.len(), 4);
    assert_eq!(mids(&again)[..2], mids(&between)[..]);
    let mut sent = Sent::default();
    world.film_for(carl, 50, &mut sent);
    assert!(world.pairs[bob].browser.pictures.len() > 40);

    // One whose publisher stops gets nothing more, and the others go on.
    let camera = world.pairs[anna].browser.camera.unwrap();
    let offer = world.pairs[anna]
        .browser
        .offer_direction(camera, Direction::Inactive);
    let answer = world.renegotiate(&first, &offer);
    assert_eq!(tracks(&first, &answer).len(), 1);
    drop(first);
    world.film_for(carl, 50, &mut sent);
    assert!(world.pairs[bob].browser.pictures.len() > 85);
    assert_eq!(to.control().stats().state, State::Connected);
    let gone = lock(&world.core).reoffer(world.now, to.control().id());
    assert!(
        matches!(gone, Ok(None)),
        "there is nothing to offer: {gone:?}"
    );
}

#[test]
fn there_are_bounds_to_what_is_taken_and_offered() {
    let mut world = World::new();
    let (anna, link) = world.guest(&guest());
    for _ in 0..4 {
        world.publish(anna, &link);
    }
    let all = world.publish(anna, &link);
    assert_eq!(all.len(), crate::relay::MOST_TAKEN);
    let (_, mut silent) = world.guest(&LinkSettings::default());
    assert!(silent.take_microphone().is_none());
    let track = |n: usize| Relay {
        track: format!("TR_{n}"),
        ..all[0].clone()
    };
    let settings = LinkSettings {
        relays: vec![all[0].clone()],
        ..LinkSettings::default()
    };
    let (offer, link) = world.invite(&settings);
    let mut browser = world.browser();
    let answer = browser.accept(&offer);
    world.accept_answer(&link, &answer).unwrap();
    link.set_relays((0..80).map(track).collect());
    let reoffer = |world: &World| {
        let id = link.control().id();
        lock(&world.core).reoffer(world.now, id).unwrap()
    };
    // As many as fit; the connection goes on.
    let offer = reoffer(&world).unwrap();
    assert_eq!(offer.matches("\r\nm=").count(), crate::sdp::MOST_SECTIONS);
    let answer = browser.accept(&offer);
    let accepted = world.accept_answer(&link, &answer).unwrap();
    assert_eq!(accepted.relayed.len(), crate::sdp::MOST_SECTIONS - 1);
    // The section of the first track has rested.
    let offer = reoffer(&world).unwrap();
    let answer = browser.accept(&offer);
    let accepted = world.accept_answer(&link, &answer).unwrap();
    assert_eq!(accepted.relayed.len(), crate::sdp::MOST_SECTIONS);
    assert!(reoffer(&world).is_none());
}

#[test]
fn what_is_taken_back_stops_without_a_negotiation() {
    let mut world = World::new();
    let (anna, from) = world.guest(&guest());
    let (bob, to) = world.guest(&guest());
    let tracks = world.publish(anna, &from);
    world.update(bob, &to, &tracks);
    let mut sent = Sent::default();
    let mut film = |world: &mut World| {
        world.film_for(anna, 50, &mut sent);
        world.run(ms(200));
        let browser = &world.pairs[bob].browser;
        (browser.pictures.len(), browser.sound.len())
    };
    let before = film(&mut world);
    assert!(before.0 > 40 && before.1 > 80, "{before:?}");
    // The client does not offer anew.
    to.set_relays(Vec::new());
    world.run(ms(200));
    let keys = world.pairs[anna].browser.keys_wanted;
    assert_eq!(film(&mut world), before);
    world.pairs[bob].browser.request_key();
    assert_eq!(film(&mut world), before);
    assert_eq!(world.pairs[anna].browser.keys_wanted, keys);
    to.set_relays(tracks[..1].to_vec());
    let sound = film(&mut world);
    assert!(sound.0 == before.0 && sound.1 > before.1 + 80, "{sound:?}");
    // It goes on with a key frame.
    to.set_relays(tracks);
    assert!(film(&mut world).0 > before.0 + 30);
    assert!(world.pairs[bob].browser.pictures[before.0].is_keyframe());
}

#[test]
fn nobody_asks_for_key_frames_that_nobody_gets() {
    let mut world = World::new();
    let (anna, from) = world.guest(&guest());
    let (bob, to) = world.guest(&guest());
    let tracks = world.publish(anna, &from);
    let mut sent = Sent::default();
    world.film_for(anna, 10, &mut sent);
    world.network.loss = 0.3;
    world.film_for(anna, 100, &mut sent);
    world.run(ms(3_000));
    assert_eq!(world.pairs[anna].browser.keys_wanted, 0);
    world.network.loss = 0.0;
    world.update(bob, &to, &tracks);
    world.film_for(anna, 100, &mut sent);
    assert!(world.pairs[anna].browser.keys_wanted > 0);
    assert!(world.pairs[bob].browser.pictures.len() > 60);
}

#[test]
fn fragments_without_end_end_their_connection_only() {
    let mut world = World::new();
    let (anna, from) = world.guest(&guest());
    let (_, other) = world.guest(&guest());
    world.publish(anna, &from);
    for picture in 0..20 {
        let now = world.now;
        let data = payload(&mut world.rng, None, 1_000);
        let browser = &mut world.pairs[anna].browser;
        browser.film_fragment(now, picture, &data);
        world.run(ms(40));
    }
    assert_eq!(from.control().stats().state, State::Closed(Reason::Failed));
    assert_eq!(other.control().stats().state, State::Connected);
}

#[test]
fn the_section_that_is_heard_is_chosen() {
    let mut world = World::new();
    let (anna, mut link) = world.guest(&LinkSettings {
        hear: true,
        ..guest()
    });
    let mut microphone = link.take_microphone().unwrap();
    link.hear(None);
    let tracks = world.publish(anna, &link);
    let mut sent = Sent::default();
    let mut heard = |world: &mut World, mid: Option<&str>| {
        link.hear(mid);
        world.run(ms(500));
        microphone.take().count();
        world.film_for(anna, 25, &mut sent);
        microphone.take().count()
    };
    assert_eq!(heard(&mut world, None), 0);
    assert!(heard(&mut world, Some(&tracks[0].mid)) > 40);
    assert_eq!(heard(&mut world, None), 0);
}

impl World {
    /// One that was made an offer and is connected.
    fn invited(&mut self) -> (usize, Link) {
        let (offer, link) = self.invite(&LinkSettings {
            channels: super::links::channels(),
            ..LinkSettings::default()
        });
        let mut browser = self.browser();
        let answer = browser.accept(&offer);
        self.accept_answer(&link, &answer).unwrap();
        let number = self.pair(None, browser, "");
        self.run_until(|world| world.pairs[number].browser.is_connected());
        (number, link)
    }

    fn reoffer(&self, link: &Link) -> Option<String> {
        let offer = lock(&self.core).reoffer(self.now, link.control().id());
        offer.unwrap()
    }

    fn offer_restart(&self, link: &Link) -> String {
        let offer = lock(&self.core).offer_restart(self.now, link.control().id());
        offer.unwrap()
    }

    /// Pictures that arrive of 50 that are filmed, in the sections of an offer.
    fn arrive(&mut self, from: usize, to: usize, offer: &str, sent: &mut Sent) -> usize {
        let group = |line: &str| {
            let sender = line.strip_prefix("a=ssrc-group:FID ")?.split(' ').next()?;
            sender.parse::<u32>().ok()
        };
        let senders: Vec<u32> = offer.lines().filter_map(group).collect();
        let count = |world: &Self| -> usize {
            let ends = &world.pairs[to].browser.ends;
            senders.iter().filter_map(|ssrc| ends.get(ssrc)).sum()
        };
        let before = count(self);
        self.film_for(from, 50, sent);
        count(self) - before
    }
}

#[test]
fn ended_sections_carry_other_tracks() {
    let mut world = World::new();
    let (anna, from) = world.guest(&guest());
    let tracks = world.publish(anna, &from);
    let (bob, to) = world.invited();
    let mut sent = Sent::default();
    let mut offer = String::new();
    for round in 0..100 {
        let named = |relay: &Relay| Relay {
            renamed: format!("PA_a|TR_{round}_{}", relay.mid),
            track: format!("TR_{round}_{}", relay.mid),
            ..relay.clone()
        };
        let wanted: Vec<Relay> = tracks.iter().map(named).collect();
        to.set_relays(wanted.clone());
        offer = world.reoffer(&to).unwrap();
        let answer = world.pairs[bob].browser.accept(&offer);
        let accepted = world.accept_answer(&to, &answer).unwrap();
        assert_eq!(accepted.relayed.len(), 2);
        let sections = offer.matches("\r\nm=").count();
        assert!(sections <= 1 + 2 * tracks.len(), "{sections} sections");
        for Relay { renamed, track, .. } in &wanted {
            // In the first two rounds, sections are new.
            let stream = if round < 2 { "PA_a|camera" } else { renamed };
            let named = format!("msid:{stream} {track}\r\n");
            assert!(offer.contains(&format!("\r\na={named}")), "{offer}");
            // It has a sender of its own, told in the offer.
            assert!(offer.contains(&format!(" {named}")), "{offer}");
        }
    }
    assert!(world.arrive(anna, bob, &offer, &mut sent) > 40);
    // A restart goes on to call them so.
    let restart = world.offer_restart(&to);
    assert_eq!(restart.matches("a=msid:PA_a|TR_99_").count(), 2);
    let answer = world.pairs[bob].browser.accept(&restart);
    world.accept_answer(&to, &answer).unwrap();
    assert!(world.arrive(anna, bob, &restart, &mut sent) > 40);
}

#[test]
fn a_restart_repeats_an_offer_without_an_answer() {
    // Whether the far side has taken the offer that is out.
    for taken in [false, true] {
        let mut world = World::new();
        let (anna, from) = world.guest(&guest());
        let tracks = world.publish(anna, &from);
        let (bob, to) = world.invited();
        to.set_relays(tracks.clone());
        let mut sent = Sent::default();
        // The second time into sections that have rested.
        for wanted in [tracks.clone(), Vec::new(), tracks] {
            to.set_relays(wanted.clone());
            let lost = world.reoffer(&to).unwrap();
            let lost = taken.then(|| world.pairs[bob].browser.accept(&lost));
            let first = world.offer_restart(&to);
            let again = world.offer_restart(&to);
            let ufrag = |offer: &str| {
                let mut lines = offer.lines();
                lines
                    .find(|l| l.starts_with("a=ice-ufrag:"))
                    .unwrap()
                    .to_owned()
            };
            assert_eq!(ufrag(&first), ufrag(&again));
            let answer = world.pairs[bob].browser.accept(&again);
            let accepted = world.accept_answer(&to, &answer).unwrap();
            assert_eq!(accepted.relayed.len(), wanted.len());
            // What answers the lost one comes too late.
            if let Some(lost) = lost {
                assert!(world.accept_answer(&to, &lost).is_err());
            }
            world.run(ms(500));
            let more = world.arrive(anna, bob, &again, &mut sent);
            assert!(
                if wanted.is_empty() {
                    more == 0
                } else {
                    more > 40
                },
                "{more}"
            );
        }
    }
}

#[test]
fn a_first_offer_is_repeated_as_it_was() {
    let mut world = World::new();
    let (offer, link) = world.invite(&LinkSettings {
        channels: super::links::channels(),
        ..LinkSettings::default()
    });
    let again = world.offer_restart(&link);
    let body = |offer: &str| offer[offer.find("t=0 0").unwrap()..].to_owned();
    assert_eq!(body(&offer), body(&again));
    let mut browser = world.browser();
    let _ = browser.accept(&offer);
    let answer = browser.accept(&again);
    world.accept_answer(&link, &answer).unwrap();
    let bob = world.pair(None, browser, "");
    world.run_until(|world| world.pairs[bob].browser.is_connected());
}

#[test]
fn who_refuses_pictures_is_offered_none_again() {
    let mut world = World::new();
    let (anna, from) = world.guest(&guest());
    let tracks = world.publish(anna, &from);
    let (bob, to) = world.invited();
    to.set_relays(tracks.clone());
    let offer = world.reoffer(&to).unwrap();
    let answer = world.pairs[bob].browser.accept(&offer);
    let at = answer.find("m=video").unwrap();
    let mid = answer[at..]
        .lines()
        .find(|l| l.starts_with("a=mid:"))
        .unwrap();
    let refused = format!("m=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n{mid}\r\n");
    let accepted = world
        .accept_answer(&to, &format!("{}{refused}", &answer[..at]))
        .unwrap();
    assert!(accepted.no_pictures);
    assert_eq!(accepted.relayed.len(), 1);
    assert_eq!(world.reoffer(&to), None);
}

#[test]
fn a_far_side_cannot_go_through_sections_without_end() {
    let mut world = World::new();
    let (anna, link) = world.guest(&guest());
    world.publish(anna, &link);
    let offer = world.pairs[anna].browser.offer_camera();
    let (head, last) = offer.rsplit_once("\r\nm=").unwrap();
    let mid = last.lines().find_map(|l| l.strip_prefix("a=mid:")).unwrap();
    let refused = (0..200).find_map(|round| {
        let last = last.replace(&format!("a=mid:{mid}"), &format!("a=mid:r{round}"));
        let head = head.replacen(&format!(" {mid}\r\n"), &format!(" r{round}\r\n"), 1);
        let id = link.control().id();
        let answer = lock(&world.core).renegotiate(world.now, id, &format!("{head}\r\nm={last}"));
        answer.err()
    });
    assert!(
        matches!(refused, Some(OfferError::TooManySections { .. })),
        "{refused:?}"
    );
}

#[test]
fn one_that_was_offered_gets_tracks_that_come_and_go() {
    let mut world = World::new();
    let (anna, from) = world.guest(&guest());
    let tracks = world.publish(anna, &from);
    let (bob, to) = world.invited();

    let mut sent = Sent::default();
    for wanted in [tracks.clone(), Vec::new(), tracks.clone()] {
        to.set_relays(wanted.clone());
        let offer = world.reoffer(&to).unwrap();
        let answer = world.pairs[bob].browser.accept(&offer);
        let accepted = world.accept_answer(&to, &answer).unwrap();
        assert_eq!(accepted.relayed.len(), wanted.len());
        for (_, track) in &accepted.relayed {
            assert!(offer.contains(&format!(" {track}\r\n")));
        }
        world.run(ms(200));
        let more = world.arrive(anna, bob, &offer, &mut sent);
        let fits = if wanted.is_empty() {
            more == 0
        } else {
            more > 40
        };
        assert!(fits, "{more} pictures");
    }
    // A restart keeps them.
    let offer = world.offer_restart(&to);
    let answer = world.pairs[bob].browser.accept(&offer);
    let accepted = world.accept_answer(&to, &answer).unwrap();
    assert_eq!(accepted.relayed.len(), 2);
    assert!(world.arrive(anna, bob, &offer, &mut sent) > 40);

    world.pairs[anna].browser.close();
    world.run(ms(1_000));
    assert_eq!(from.control().stats().state, State::Closed(Reason::Remote));
    assert_eq!(to.control().stats().state, State::Connected);
    drop(to);
    world.run(ms(100));
    assert_eq!(lock(&world.core).footprint().0, 0);
}
