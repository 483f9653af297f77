//! What strangers send.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::{SERVER, World, ms};
use crate::doorbell::lock;
use crate::sdp::tests::OFFER;
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

#[derive(Clone, Debug)]
pub(super) enum Mutation {
    Delete(usize),
    Repeat(usize),
    Swap(usize, usize),
    Cut(usize),
    Byte(usize, char),
    Number(usize, u32),
}

pub(super) fn mutation() -> impl Strategy<Value = Mutation> {
    let place = 0..10_000_usize;
    prop_oneof![
        place.clone().prop_map(Mutation::Delete),
        place.clone().prop_map(Mutation::Repeat),
        (place.clone(), place.clone()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        place.clone().prop_map(Mutation::Cut),
        (place.clone(), any::<char>()).prop_map(|(at, c)| Mutation::Byte(at, c)),
        (place, any::<u32>()).prop_map(|(at, n)| Mutation::Number(at, n)),
    ]
}

pub(super) fn mutate(text: &str, mutations: &[Mutation]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for mutation in mutations {
        let count = lines.len().max(1);
        match mutation {
            _ if lines.is_empty() => break,
            Mutation::Delete(at) => drop(lines.remove(at % count)),
            Mutation::Repeat(at) => lines.insert(at % count, lines[at % count].clone()),
            Mutation::Swap(a, b) => lines.swap(a % count, b % count),
            Mutation::Cut(at) => {
                let line = &mut lines[at % count];
                *line = line.chars().take(at % 17).collect();
            }
            Mutation::Byte(at, with) => {
                let line = &mut lines[at % count];
                let place = at / 7 % line.chars().count().max(1);
                *line = line
                    .chars()
                    .enumerate()
                    .map(|(i, c)| if i == place { *with } else { c })
                    .collect();
            }
            Mutation::Number(at, number) => {
                let line = &mut lines[at % count];
                let digits: String = line.chars().filter(char::is_ascii_digit).take(2).collect();
                if !digits.is_empty() {
                    *line = line.replacen(&digits, &number.to_string(), 1);
                }
            }
        }
    }
    lines.join("\r\n") + "\r\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_offer_brings_it_down(mutations in proptest::collection::vec(mutation(), 1..6)) {
        let mut world = World::new();
        let text = mutate(OFFER, &mutations);
        // An answer or an error; and what is answered can be inserted, timed
        // and restarted.
        if let Ok((answer, peer)) = world.accept(&text) {
            prop_assert!(answer.starts_with("v=0\r\n"));
            let id = world.seat(peer, None).id();
            world.talking = false;
            world.run(ms(100));
            let fragment = format!("a=ice-ufrag:abcd\r\na=ice-pwd:{}\r\n", "x".repeat(24));
            let restarted = lock(&world.core).restart_ice(world.now, id, &fragment);
            prop_assert!(restarted.is_ok(), "{:?}", restarted);
        }
    }
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
