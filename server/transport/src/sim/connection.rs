//! Coming, moving and going.

use std::net::SocketAddr;

use ::media::Turn;
use ::media::seam::{Sink, SinkState};

use super::{World, ms};
use crate::doorbell::lock;
use crate::error::{FragmentError, OfferError};
use crate::inbox::BOUND;
use crate::sim::browser::Browser;
use crate::viewer::{Event, Reason, State};

#[test]
fn a_viewer_that_vanishes_is_let_go() {
    let mut world = World::new();
    let viewer = world.join_connected();
    let stays = world.join_connected();
    world.network.dead = Some(world.pairs[viewer].browser.address());
    world.run(ms(7_000));
    assert_eq!(world.control(viewer).stats().state, State::Connected);
    world.run(ms(3_000));
    assert_eq!(world.count(viewer, Event::Closed(Reason::Timeout)), 1);
    assert!(!world.control(viewer).is_open());
    assert_eq!(world.control(stays).stats().state, State::Connected);
    assert_eq!(lock(&world.core).len(), 1);
    assert_eq!(lock(&world.core).footprint(), (1, 1, 1));
    let packet = world.sent[0].clone();
    let sink = world.pairs[viewer].viewer.as_mut().unwrap();
    assert_eq!(sink.write(&packet), SinkState::Closed);
}

#[test]
fn a_viewer_that_never_connects_is_let_go() {
    let mut world = World::new();
    world.network.loss = 1.0;
    let viewer = world.join();
    world.run(ms(14_000));
    assert_eq!(lock(&world.core).len(), 1);
    world.run(ms(2_000));
    assert_eq!(
        world.count(viewer, Event::Closed(Reason::NeverConnected)),
        1
    );
    assert_eq!(lock(&world.core).footprint(), (0, 0, 0));
}

#[test]
fn connecting_survives_loss() {
    for seed in 0..5 {
        let mut world = World::new();
        world.network = super::Network::new(seed);
        world.network.loss = 0.1;
        let viewer = world.join();
        world.run_until(|w| !w.pairs[viewer].browser.pictures.is_empty());
    }
}

#[test]
fn both_sides_can_say_goodbye() {
    let mut world = World::new();
    let (mine, theirs) = (world.join_connected(), world.join_connected());
    world.pairs[theirs].browser.close();
    world.run(ms(200));
    assert_eq!(world.count(theirs, Event::Closed(Reason::Remote)), 1);

    // Dropping the viewer is enough.
    let control = world.control(mine).clone();
    world.pairs[mine].viewer = None;
    world.run(ms(200));
    assert!(world.pairs[mine].browser.closed);
    assert_eq!(control.stats().state, State::Closed(Reason::Local));
    assert_eq!(control.etag(), None);
    assert_eq!(control.trickle(""), Err(FragmentError::Gone));
    assert_eq!(lock(&world.core).footprint(), (0, 0, 0));
}

#[test]
fn an_ice_restart_moves_a_viewer_to_another_address() {
    let mut world = World::new();
    let viewer = world.join_connected();
    let bystander = world.join_connected();
    world.run(ms(1_000));
    let old = world.control(viewer).clone();
    let tag = old.etag().unwrap();

    let home = world.pairs[viewer].browser.address();
    let fragment = world.pairs[viewer]
        .browser
        .roam(SocketAddr::from(([10, 9, 9, 9], 7_000)));
    world.network.dead = Some(home);
    assert_eq!(old.trickle(&fragment), Err(FragmentError::OtherSession));
    let now = world.now;
    let answer = lock(&world.core)
        .restart_ice(now, old.id(), &fragment)
        .unwrap();
    assert_ne!(old.etag().unwrap(), tag);
    assert_eq!(old.restart_ice(&fragment), Err(FragmentError::NotARestart));
    assert_eq!(old.trickle(&fragment), Ok(()));

    let first = world.pairs[viewer].answer.clone();
    world.pairs[viewer].browser.restarted(&first, &answer);
    let before = world.pairs[viewer].browser.pictures.len();
    world.run(ms(3_000));
    let after = world.pairs[viewer].browser.pictures.len();
    assert!(after > before + 50, "{before} {after}");
    world.run(ms(12_000));
    assert_eq!(old.stats().state, State::Connected);
    assert_eq!(world.control(bystander).stats().state, State::Connected);
}

#[test]
fn fifty_viewers_share_one_port() {
    let mut world = World::new();
    for _ in 0..50 {
        world.join();
        world.run(ms(10));
    }
    world.run(ms(2_000));
    for pair in &world.pairs {
        assert!(pair.browser.is_connected());
        assert!(pair.browser.pictures.len() > 20);
    }
    assert_eq!(lock(&world.core).footprint(), (50, 50, 50));
}

#[test]
fn there_is_a_limit() {
    let mut world = World::with(None, 1);
    world.join();
    let mut browser = Browser::new(world.now, SocketAddr::from(([10, 0, 1, 9], 1)));
    let offer = browser.offer();
    let (_, peer) = world.accept(&offer).unwrap();
    let full = lock(&world.core).insert(world.now, peer, None);
    assert_eq!(full, Err(OfferError::Full { limit: 1 }));
}

#[test]
fn a_viewer_that_falls_behind_asks_for_a_key_frame() {
    let mut world = World::new();
    let viewer = world.join_connected();
    world.run(ms(1_000));
    world.pairs[viewer].events.clear();
    let packet = world.sent.iter().rfind(|p| !p.key).unwrap().clone();
    // The driver does not come round.
    let sink = world.pairs[viewer].viewer.as_mut().unwrap();
    for _ in 0..=BOUND {
        assert_eq!(sink.write(&packet), SinkState::Open);
    }
    assert_eq!(sink.poll_event(), Some(Event::KeyFrameWanted));
    assert_eq!(sink.control().stats().units_dropped, BOUND as u64 + 1);
}

#[test]
fn a_player_that_asks_for_no_pictures_hears() {
    let mut world = World::new();
    let number = world.join_by(Browser::offer_sound);
    world.run_until(|world| world.pairs[number].browser.is_connected());
    world.run(ms(2_000));
    let browser = &world.pairs[number].browser;
    assert!(browser.sound.len() > 80 && browser.pictures.is_empty());
    assert_eq!(world.control(number).stats().state, State::Connected);
}

#[test]
fn an_interrupt_calls_back_what_has_not_left() {
    let mut world = World::new();
    let viewer = world.join_connected();
    world.run(ms(500));
    world.talking = false;
    world.run(ms(500));
    let units = world.control(viewer).stats().units_sent;
    let packets: Vec<_> = world.sent.iter().rev().take(6).rev().cloned().collect();
    let sink = world.pairs[viewer].viewer.as_mut().unwrap();
    for packet in &packets {
        sink.write(packet);
    }
    sink.drop_before(Turn(1));
    assert_eq!(sink.poll_event(), Some(Event::KeyFrameWanted));
    world.run(ms(500));
    assert_eq!(world.control(viewer).stats().units_sent, units);
}
