//! What strangers send.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::{SERVER, World, ms};
use crate::doorbell::lock;
use crate::viewer::State;

/// A STUN binding request for `name` with a password that cannot be right.
fn forged(name: &str) -> Vec<u8> {
    let mut message = vec![0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42];
    message.extend([9; 12]);
    let mut attribute = |kind: u16, body: &[u8]| {
        message.extend(kind.to_be_bytes());
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(body);
        message.resize(message.len().next_multiple_of(4), 0);
    };
    attribute(0x0006, name.as_bytes());
    attribute(0x0024, &[0, 0, 0, 1]);
    attribute(0x802a, &[1; 8]);
    attribute(0x0008, &[3; 20]);
    attribute(0x8028, &[4; 4]);
    let length = (message.len() - 20) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

#[test]
fn a_check_with_a_wrong_password_moves_nothing() {
    let mut world = World::new();
    let viewer = world.join_connected();
    let tag = world.control(viewer).etag().unwrap();
    let name = format!("{}:abcd", tag.trim_matches('"'));
    let stranger = SocketAddr::from(([66, 6, 6, 6], 666));
    let server = SocketAddr::from(SERVER);
    lock(&world.core).handle_datagram(world.now, stranger, server, &forged(&name));
    assert_eq!(lock(&world.core).footprint(), (1, 1, 1));
    let out = lock(&world.core).take_output();
    assert!(out.iter().all(|d| d.to != stranger));
    world.run(ms(1_000));
    assert_eq!(world.control(viewer).stats().state, State::Connected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_datagram_disturbs_anyone_else(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        kind in prop_oneof![Just(0u8), Just(1), Just(22), Just(23), Just(128), Just(144), any::<u8>()],
        known: bool,
    ) {
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        let mut world = World::new();
        let (target, other) = (world.join_connected(), world.join_connected());
        let address = world.pairs[target].browser.address();
        let from = if known { address } else { SocketAddr::from(([66, 6, 6, 6], 666)) };
        lock(&world.core).handle_datagram(world.now, from, SocketAddr::from(SERVER), &bytes);
        let before = world.pairs[other].browser.sound.len();
        world.run(ms(500));
        prop_assert!(world.pairs[other].browser.sound.len() > before + 20);
        prop_assert_eq!(lock(&world.core).footprint().0 >= 1, true);
    }
}
