//! Connections that carry more than a player's: rooms, microphones, data,
//! further offers, and both ends of our own.

use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use str0m::media::Direction;

use super::browser::Browser;
use super::faults::{mutate, mutation};
use super::network::Network;
use super::{Pair, SERVER, World, ms};
use crate::config::Place;
use crate::doorbell::lock;
use crate::error::{AnswerError, OfferError, SendError};
use crate::link::{Answer, Channel, Ice, Link, LinkEvent, LinkSettings, Message, Tracks};
use crate::microphone::Microphone;
use crate::peer::Peer;
use crate::sdp::LARGEST_MESSAGE;
use crate::viewer::{Event, Reason, State};

/// A port of its own for a connection of ours.
const OWN: u16 = 6_000;

fn tracks() -> LinkSettings {
    LinkSettings {
        send: Some(Tracks {
            stream: "PA_a|camera".to_owned(),
            audio: "TR_AM".to_owned(),
            video: "TR_VC".to_owned(),
        }),
        ..LinkSettings::default()
    }
}

fn room() -> LinkSettings {
    LinkSettings {
        hear: true,
        ..tracks()
    }
}

pub(super) fn channels() -> Vec<Channel> {
    let channel = |label: &str, retransmits: Option<u16>| Channel {
        label: label.to_owned(),
        ordered: retransmits.is_none(),
        retransmits,
    };
    vec![channel("_reliable", None), channel("_lossy", Some(0))]
}

fn text(message: &str) -> Message {
    Message::Text(message.to_owned())
}

/// What happened on a link since the last time.
fn events(link: &Link) -> Vec<LinkEvent> {
    let mut context = Context::from_waker(Waker::noop());
    std::iter::from_fn(|| match link.poll_next(&mut context) {
        Poll::Ready(event) => event,
        Poll::Pending => None,
    })
    .collect()
}

fn data(events: Vec<LinkEvent>) -> Vec<(String, Message)> {
    let data = events.into_iter().filter_map(|event| match event {
        LinkEvent::Data { channel, message } => Some((channel.to_string(), message)),
        _ => None,
    });
    data.collect()
}

impl World {
    fn place(&self, ice: Ice) -> (Place, Option<u16>) {
        match ice {
            Ice::Lite => (Place::shared(&self.config), None),
            Ice::Full => {
                let address = SocketAddr::from(SERVER).ip();
                (Place::own(&[address], OWN), Some(OWN))
            }
        }
    }

    fn link(&mut self, peer: Peer, port: Option<u16>, settings: &LinkSettings) -> Link {
        let control = self.seat(peer, port);
        Link::new(control, self.core.clone(), self.doorbell.clone(), settings)
    }

    pub(super) fn answer(
        &mut self,
        offer: &str,
        settings: &LinkSettings,
    ) -> Result<(Answer, Link), OfferError> {
        let (place, port) = self.place(settings.ice);
        let (answer, peer) = Peer::accept(
            self.now,
            &self.config,
            &mut self.rng,
            offer,
            settings.into(),
            place,
        )?;
        Ok((answer, self.link(peer, port, settings)))
    }

    pub(super) fn invite(&mut self, settings: &LinkSettings) -> (String, Link) {
        let (place, port) = self.place(settings.ice);
        let (offer, peer) = Peer::offer(
            self.now,
            &self.config,
            &mut self.rng,
            settings.into(),
            place,
        )
        .unwrap();
        (offer, self.link(peer, port, settings))
    }

    pub(super) fn renegotiate(&mut self, link: &Link, offer: &str) -> Answer {
        let id = link.control().id();
        lock(&self.core).renegotiate(self.now, id, offer).unwrap()
    }

    pub(super) fn accept_answer(
        &mut self,
        link: &Link,
        answer: &str,
    ) -> Result<Answer, AnswerError> {
        let id = link.control().id();
        lock(&self.core).accept(self.now, id, answer)
    }

    pub(super) fn pair(
        &mut self,
        link: Option<&mut Link>,
        browser: Browser,
        answer: &str,
    ) -> usize {
        self.pairs.push(Pair {
            viewer: link.and_then(Link::take_viewer),
            browser,
            answer: answer.to_owned(),
            events: Vec::new(),
        });
        self.pairs.len() - 1
    }

    pub(super) fn browser(&mut self) -> Browser {
        let port = 5_000 + self.pairs.len() as u16;
        Browser::new(self.now, SocketAddr::from(([10, 0, 1, 1], port)))
    }

    /// A client of a room, connected, its channels open.
    fn join_room(&mut self) -> (usize, Link, Answer) {
        let mut browser = self.browser();
        let offer = browser.offer_room();
        let (answer, mut link) = self.answer(&offer, &room()).unwrap();
        browser.answer(&answer.sdp);
        let number = self.pair(Some(&mut link), browser, &answer.sdp);
        self.run_until(|world| world.pairs[number].browser.channels.len() == 2);
        self.run(ms(200));
        (number, link, answer)
    }

    /// The client speaks for a while: packets of their number.
    fn speak_for(&mut self, number: usize, packets: std::ops::Range<u64>) {
        for packet in packets {
            let now = self.now;
            let browser = &mut self.pairs[number].browser;
            browser.speak(now, packet, &packet.to_be_bytes());
            self.run(ms(20));
        }
    }
}

fn numbers(microphone: &mut Microphone) -> Vec<u64> {
    let number = |data: Bytes| u64::from_be_bytes(data[..].try_into().unwrap());
    microphone.take().map(|sound| number(sound.data)).collect()
}

#[test]
fn a_room_client_sees_and_exchanges_data() {
    let mut world = World::new();
    world.network.loss = 0.02;
    let (number, link, answer) = world.join_room();
    let browser = &world.pairs[number].browser;
    assert_eq!(answer.audio, Some(browser.audio.to_string()));
    assert_eq!(answer.video, Some(browser.video.to_string()));
    assert_eq!(answer.heard, []);
    assert_eq!(answer.sdp.matches("a=inactive").count(), 4);
    assert_eq!(answer.sdp.matches("a=sendonly").count(), 2);
    assert_eq!(answer.sdp.matches("m=application 9").count(), 1);

    let seen = events(&link);
    assert_eq!(seen[0], LinkEvent::Connected);
    for label in ["_lossy", "_reliable"] {
        let label = label.into();
        assert!(seen.contains(&LinkEvent::ChannelOpen { label }));
    }
    let now = world.now;
    let browser = &mut world.pairs[number].browser;
    for n in 0..50_u8 {
        assert!(browser.send(now, "_reliable", &[n; 900]));
    }
    for n in 0..50 {
        link.send("_reliable", text(&format!("message {n}")))
            .unwrap();
    }
    world.run(ms(4_000));
    let got = data(events(&link));
    let sent = |n: u8| Message::Binary(vec![n; 900].into());
    assert_eq!(got.len(), 50);
    for (n, (label, message)) in got.into_iter().enumerate() {
        assert_eq!((label.as_str(), message), ("_reliable", sent(n as u8)));
    }
    let browser = &world.pairs[number].browser;
    let expected: Vec<(String, Vec<u8>)> = (0..50)
        .map(|n| ("_reliable".to_owned(), format!("message {n}").into_bytes()))
        .collect();
    assert_eq!(browser.messages, expected);
    assert!(browser.pictures.len() > 80 && browser.sound.len() > 180);
}

#[test]
fn large_messages_pass_and_the_queue_is_bounded() {
    let mut world = World::new();
    let (number, link, _) = world.join_room();
    let large = |n: u8| Message::Binary(vec![n; LARGEST_MESSAGE].into());
    let mut sent = 0;
    let full = loop {
        match link.send("_reliable", large(sent)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((full, sent), (SendError::Full, 16));
    world.run(ms(5_000));
    let got = &world.pairs[number].browser.messages;
    let order: Vec<u8> = got.iter().map(|(_, data)| data[0]).collect();
    assert_eq!(order, (0..sent).collect::<Vec<u8>>());
    assert!(got.iter().all(|(_, data)| data.len() == LARGEST_MESSAGE));
    assert_eq!(link.send("other", text("x")), Err(SendError::NoChannel));
}

#[test]
fn a_message_longer_than_was_agreed_ends_the_connection() {
    let mut world = World::new();
    let mut browser = world.browser();
    let offer = browser.offer_room();
    let (answer, link) = world.answer(&offer, &room()).unwrap();
    browser.answer(&answer.sdp.replace("size:65536", "size:262144"));
    let number = world.pair(None, browser, &answer.sdp);
    world.run_until(|w| w.pairs[number].browser.channels.len() == 2);
    let now = world.now;
    let browser = &mut world.pairs[number].browser;
    assert!(browser.send(now, "_reliable", &vec![0; LARGEST_MESSAGE + 1]));
    world.run(ms(1_000));
    let end = LinkEvent::Closed(Reason::Failed);
    assert_eq!(events(&link).last(), Some(&end));
    assert_eq!(link.send("_reliable", text("x")), Err(SendError::Closed));
}

#[test]
fn who_does_not_read_is_let_go() {
    let mut world = World::new();
    let (number, link, _) = world.join_room();
    for _ in 0..200 {
        let now = world.now;
        let browser = &mut world.pairs[number].browser;
        browser.send(now, "_reliable", &vec![0; LARGEST_MESSAGE]);
        world.run(ms(100));
        if !link.control().is_open() {
            break;
        }
    }
    let state = link.control().stats().state;
    assert_eq!(state, State::Closed(Reason::Overrun));
    assert_eq!(lock(&world.core).footprint(), (0, 0, 0));
}

#[test]
fn a_microphone_comes_later_and_goes() {
    for loss in [0.0, 0.05] {
        let mut world = World::new();
        world.network.loss = loss;
        let (number, mut link, first) = world.join_room();
        let mut microphone = link.take_microphone().unwrap();
        assert!(link.take_microphone().is_none());
        let offer = world.pairs[number].browser.offer_microphone();
        let answer = world.renegotiate(&link, &offer);
        assert_eq!((&answer.audio, &answer.video), (&first.audio, &first.video));
        assert_eq!(answer.heard[0].track.as_deref(), Some("mic"));
        assert_eq!(answer.sdp.matches("a=recvonly").count(), 1);
        world.pairs[number].browser.answer(&answer.sdp);
        world.speak_for(number, 0..80);
        let mut got = numbers(&mut microphone);
        world.speak_for(number, 80..160);
        world.run(ms(200));
        got.append(&mut numbers(&mut microphone));
        assert!(got.is_sorted(), "{got:?}");
        assert!(got.len() >= 156 - (loss * 500.0) as usize, "{}", got.len());

        let mid = world.pairs[number].browser.microphone.unwrap();
        let browser = &mut world.pairs[number].browser;
        let offer = browser.offer_direction(mid, Direction::Inactive);
        let answer = world.renegotiate(&link, &offer);
        assert_eq!(answer.heard, []);
        world.pairs[number].browser.answer(&answer.sdp);
        let pictures = world.pairs[number].browser.pictures.len();
        // The browser waits for a lost packet for two seconds.
        world.run(ms(5_000));
        assert!(world.pairs[number].browser.pictures.len() > pictures + 65);
        assert!(microphone.is_open());
    }
}

#[test]
fn one_section_carries_sound_both_ways() {
    let mut world = World::new();
    let mut browser = world.browser();
    let offer = browser.offer_both_ways();
    let (answer, mut link) = world.answer(&offer, &room()).unwrap();
    assert_eq!(answer.heard[0].mid, browser.audio.to_string());
    assert_eq!(answer.sdp.matches("a=sendrecv").count(), 1);
    browser.answer(&answer.sdp);
    let number = world.pair(Some(&mut link), browser, &answer.sdp);
    let mut microphone = link.take_microphone().unwrap();
    world.run_until(|w| w.pairs[number].browser.is_connected());
    world.speak_for(number, 0..100);
    world.run(ms(100));
    assert!(numbers(&mut microphone).len() >= 95);
    assert!(world.pairs[number].browser.sound.len() > 80);
    assert!(world.pairs[number].browser.pictures.len() > 40);
}

#[test]
fn one_without_h264_gets_the_sound_alone_where_that_will_do() {
    let mut world = World::new();
    let mut browser = world.browser();
    let offer = browser.offer_room().replace("H264/90000", "H263/90000");
    let refused = world.answer(&offer, &room());
    assert!(matches!(refused, Err(OfferError::NoH264 { .. })));
    let settings = LinkSettings {
        sound_alone: true,
        ..room()
    };
    let (answer, mut link) = world.answer(&offer, &settings).unwrap();
    assert!(answer.no_pictures && answer.audio.is_some() && answer.video.is_none());
    assert_eq!(answer.sdp.matches("a=sendonly").count(), 1);
    assert_eq!(answer.sdp.matches("m=video 0 ").count(), 3);
    assert!(link.take_viewer().is_some());
}

#[test]
fn an_offer_with_new_credentials_restarts_ice() {
    let mut world = World::new();
    let (number, link, first) = world.join_room();
    let tag = link.control().etag();
    let home = world.pairs[number].browser.address();
    let moved = SocketAddr::from(([10, 9, 9, 9], 7_000));
    let offer = world.pairs[number].browser.offer_restart(moved);
    world.network.dead = Some(home);
    let answer = world.renegotiate(&link, &offer);
    assert_eq!((answer.audio, answer.video), (first.audio, first.video));
    assert_ne!(link.control().etag(), tag);
    world.pairs[number].browser.answer(&answer.sdp);
    let before = world.pairs[number].browser.pictures.len();
    world.run(ms(3_000));
    link.send("_reliable", text("still here")).unwrap();
    world.run(ms(10_000));
    let browser = &world.pairs[number].browser;
    assert!(browser.pictures.len() > before + 250);
    assert_eq!(browser.messages.len(), 1);
    assert_eq!(link.control().stats().state, State::Connected);
}

#[test]
fn tracks_wait_for_a_section() {
    let mut world = World::new();
    let mut browser = world.browser();
    let offer = browser.offer_channel();
    let (answer, mut link) = world.answer(&offer, &tracks()).unwrap();
    assert_eq!((answer.audio, answer.video), (None, None));
    browser.answer(&answer.sdp);
    let number = world.pair(Some(&mut link), browser, &answer.sdp);
    world.run_until(|w| w.pairs[number].browser.is_connected());
    let offer = world.pairs[number].browser.offer();
    let answer = world.renegotiate(&link, &offer);
    assert!(answer.audio.is_some() && answer.video.is_some());
    world.pairs[number].browser.answer(&answer.sdp);
    world.key = true;
    world.run(ms(2_000));
    assert!(world.pairs[number].browser.pictures.len() > 40);
}

#[test]
fn a_client_takes_our_offer_and_its_restart() {
    let mut world = World::new();
    let settings = LinkSettings {
        channels: channels(),
        ..tracks()
    };
    let (offer, mut link) = world.invite(&settings);
    assert!(offer.contains("a=msid:PA_a|camera TR_AM\r\n"));
    assert!(offer.contains(" 10.0.0.1 4000 typ host\r\n") && offer.contains("a=ice-lite"));
    let mut browser = world.browser();
    let answer = browser.accept(&offer);
    let accepted = world.accept_answer(&link, &answer).unwrap();
    let mids = [accepted.audio.unwrap(), accepted.video.unwrap()];
    (browser.audio, browser.video) = (mids[0].as_str().into(), mids[1].as_str().into());
    assert_eq!(
        world.accept_answer(&link, &answer),
        Err(AnswerError::Unexpected)
    );
    let number = world.pair(Some(&mut link), browser, "");
    world.run_until(|w| w.pairs[number].browser.channels.len() == 2);
    world.run(ms(1_000));
    link.send("_lossy", text("down")).unwrap();
    let now = world.now;
    assert!(world.pairs[number].browser.send(now, "_reliable", b"up"));
    world.run(ms(500));
    let expected = ("_lossy".to_owned(), b"down".to_vec());
    assert_eq!(world.pairs[number].browser.messages, [expected]);
    let up = ("_reliable".to_owned(), Message::Binary(Bytes::from("up")));
    assert_eq!(data(events(&link)), [up]);

    let id = link.control().id();
    let offer = lock(&world.core).offer_restart(now, id).unwrap();
    let answer = world.pairs[number].browser.accept(&offer);
    world.accept_answer(&link, &answer).unwrap();
    let before = world.pairs[number].browser.pictures.len();
    world.run(ms(12_000));
    assert!(world.pairs[number].browser.pictures.len() > before + 250);
    assert_eq!(link.control().stats().state, State::Connected);
}

/// A server of our own takes what we publish to it from a port of its own.
#[test]
fn we_publish_to_an_ice_lite_server() {
    for seed in 0..3 {
        let mut world = World::new();
        world.network = Network::new(seed);
        world.network.loss = 0.05;
        let settings = LinkSettings {
            ice: Ice::Full,
            channels: channels(),
            ..tracks()
        };
        let (offer, mut link) = world.invite(&settings);
        assert!(offer.contains(&format!(" 10.0.0.1 {OWN} typ host")));
        assert!(!offer.contains("a=ice-lite"));
        let server = LinkSettings {
            hear: true,
            ..LinkSettings::default()
        };
        let (answer, mut far) = world.answer(&offer, &server).unwrap();
        assert_eq!(answer.heard[0].track.as_deref(), Some("TR_AM"));
        let mut microphone = far.take_microphone().unwrap();
        world.accept_answer(&link, &answer.sdp).unwrap();
        let viewer = link.take_viewer();
        assert!(far.take_viewer().is_none());
        let browser = world.browser();
        world.pair(None, browser, "");
        world.pairs[0].viewer = viewer;
        world.run(ms(3_000));
        assert_eq!(link.control().stats().state, State::Connected);
        assert!(world.count(0, Event::KeyFrameWanted) > 0);
        let sound: Vec<Bytes> = microphone.take().map(|s| s.data).collect();
        assert!(sound.len() > 60, "{}", sound.len());
        assert!(
            sound
                .iter()
                .all(|s| world.sent.iter().any(|p| p.data == *s))
        );
        // A lost handshake of SCTP is repeated after seconds.
        world.run(ms(10_000));
        link.send("_reliable", text("from here")).unwrap();
        far.send("_reliable", text("from there")).unwrap();
        world.run(ms(1_000));
        let said = |m: &str| vec![("_reliable".to_owned(), text(m))];
        assert_eq!(data(events(&far)), said("from here"));
        assert_eq!(data(events(&link)), said("from there"));

        drop(link);
        world.pairs.clear();
        world.run(ms(500));
        assert_eq!(lock(&world.core).footprint(), (0, 0, 0));
        assert_eq!(lock(&world.core).take_free_ports(), [OWN]);
        let end = LinkEvent::Closed(Reason::Remote);
        assert_eq!(events(&far).last(), Some(&end));
    }
}

#[test]
fn a_link_may_vanish_for_as_long_as_it_says() {
    let mut world = World::new();
    let mut browser = world.browser();
    let offer = browser.offer_room();
    let settings = LinkSettings {
        vanished_after: Some(Duration::from_secs(20)),
        ..tracks()
    };
    let (answer, mut link) = world.answer(&offer, &settings).unwrap();
    browser.answer(&answer.sdp);
    let number = world.pair(Some(&mut link), browser, &answer.sdp);
    world.run_until(|w| w.pairs[number].browser.is_connected());
    world.network.dead = Some(world.pairs[number].browser.address());
    world.run(ms(18_000));
    assert!(link.control().is_open());
    world.run(ms(4_000));
    assert_eq!(
        events(&link).last(),
        Some(&LinkEvent::Closed(Reason::Timeout))
    );
}

#[test]
fn offers_and_answers_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let (number, link, _) = world.join_room();
    let id = link.control().id();
    let now = world.now;
    let refuse = |world: &World, text: &str| {
        let refused = lock(&world.core).renegotiate(now, id, text);
        assert!(
            matches!(refused, Err(OfferError::Malformed(_))),
            "{refused:?}"
        );
    };
    refuse(&world, "hello");
    refuse(&world, crate::sdp::tests::OFFER);
    assert_eq!(
        world.accept_answer(&link, "hello"),
        Err(AnswerError::Unexpected)
    );
    let before = world.pairs[number].browser.pictures.len();
    world.run(ms(1_000));
    assert!(world.pairs[number].browser.pictures.len() > before + 15);

    let (offer, invited) = world.invite(&tracks());
    for text in ["", "v=0\r\n", offer.as_str()] {
        let refused = world.accept_answer(&invited, text);
        assert!(
            matches!(refused, Err(AnswerError::Malformed(_))),
            "{refused:?}"
        );
    }
    assert!(
        Peer::offer(
            Instant::now(),
            &world.config,
            &mut world.rng,
            (&LinkSettings::default()).into(),
            Place::shared(&world.config)
        )
        .is_err()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_further_offer_brings_it_down(
        mutations in proptest::collection::vec(mutation(), 1..6),
        restarts: bool,
    ) {
        let mut world = World::new();
        world.talking = false;
        let mut browser = world.browser();
        let first = browser.offer_room();
        let accepted = world.answer(&first, &room());
        // The library gives sections names at random, now and then one twice.
        prop_assume!(accepted.is_ok());
        let (answer, link) = accepted.unwrap();
        browser.answer(&answer.sdp);
        let next = if restarts {
            browser.offer_restart(SocketAddr::from(([10, 9, 9, 9], 7_000)))
        } else {
            browser.offer_microphone()
        };
        let text = mutate(&next, &mutations);
        let id = link.control().id();
        let answer = lock(&world.core).renegotiate(world.now, id, &text);
        if let Ok(answer) = answer {
            prop_assert_eq!(
                answer.sdp.lines().filter(|l| l.starts_with("m=")).count(),
                text.lines().filter(|l| l.starts_with("m=")).count()
            );
        }
        world.run(ms(100));
        // Nothing but the far side's own doing ends it.
        prop_assert!(link.control().is_open());
    }

    #[test]
    fn no_answer_brings_it_down(mutations in proptest::collection::vec(mutation(), 1..6)) {
        let mut world = World::new();
        world.talking = false;
        let settings = LinkSettings { ice: Ice::Full, channels: channels(), ..tracks() };
        let (offer, link) = world.invite(&settings);
        let mut browser = world.browser();
        let answer = mutate(&browser.accept(&offer), &mutations);
        let accepted = world.accept_answer(&link, &answer);
        prop_assert!(!matches!(accepted, Err(AnswerError::Gone)));
        world.run(ms(100));
    }
}
