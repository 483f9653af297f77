//! The turn machine under arbitrary sequences of operations.

mod common;

use std::collections::BTreeMap;

use common::{clause, no_time, samples};
use media::seam::MouthSource;
use media::{HOP, MediaTime, Track, Turn};
use proptest::prelude::*;
use session::pipeline::NoMeter;
use session::{Event, Limits};

#[derive(Clone, Debug)]
enum Op {
    Open(bool),
    Clause(u8, u8),
    Sound(u8, u16),
    Finish(u8),
    Interrupt,
    Hops(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => any::<bool>().prop_map(Op::Open),
        3 => (any::<u8>(), 1..6_u8).prop_map(|(t, w)| Op::Clause(t, w)),
        4 => (any::<u8>(), 0..20_000_u16).prop_map(|(t, s)| Op::Sound(t, s)),
        2 => any::<u8>().prop_map(Op::Finish),
        1 => Just(Op::Interrupt),
        6 => (1..40_u8).prop_map(Op::Hops),
    ]
}

/// What happened to one turn.
#[derive(Debug, Default)]
struct Life {
    started: usize,
    ended: usize,
    words: usize,
    last_word_ms: i64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_turn_ends_once_and_nothing_of_it_leaves_after(ops in prop::collection::vec(op(), 1..60)) {
        let (mut pipeline, kept) = common::pipeline(Limits::default());
        let conductor = pipeline.conductor();
        let mut turns: Vec<(Turn, usize)> = Vec::new();
        let mut lives: BTreeMap<Turn, Life> = BTreeMap::new();
        let mut dropped_before = Turn(0);
        let tail = [Op::Interrupt, Op::Hops(3)];
        for op in ops.iter().chain(&tail) {
            let pick = |n: u8| turns.get(usize::from(n) % turns.len().max(1)).map(|t| t.0);
            match *op {
                Op::Open(heard) => {
                    let source = if heard { MouthSource::Heard } else { MouthSource::Planned };
                    if let Ok(turn) = conductor.lock().open(source, no_time()) {
                        turns.push((turn, 0));
                        lives.insert(turn, Life::default());
                    }
                }
                Op::Clause(n, words) => if let Some(turn) = pick(n) {
                    let text = vec!["word"; usize::from(words)].join(" ");
                    let offset = turns.iter().find(|t| t.0 == turn).map_or(0, |t| t.1);
                    let (clause, timings, sound) = clause(offset, &text);
                    let mut c = conductor.lock();
                    if c.clause(turn, clause, timings, no_time()).is_ok() {
                        c.sound(turn, &sound, no_time()).unwrap();
                        if let Some(t) = turns.iter_mut().find(|t| t.0 == turn) {
                            t.1 += text.len() + 1;
                        }
                    }
                },
                Op::Sound(n, count) => if let Some(turn) = pick(n) {
                    // A turn that is over refuses; nothing else can happen.
                    let _ = conductor.lock().sound(turn, &vec![0.3; usize::from(count)], no_time());
                },
                Op::Finish(n) => if let Some(turn) = pick(n) {
                    let _ = conductor.lock().finish(turn);
                },
                Op::Interrupt => {
                    conductor.lock().interrupt();
                    dropped_before = conductor.lock().cut_before();
                }
                Op::Hops(count) => for _ in 0..count {
                    let at = pipeline.at();
                    pipeline.hop(no_time, false, &mut NoMeter).unwrap();
                    for packet in kept.0.lock().unwrap().drain(..) {
                        prop_assert_eq!(packet.pts, at);
                        if packet.track == Track::Audio && packet.turn < dropped_before {
                            let late = samples(&packet).iter().rposition(|s| *s != 0.0);
                            prop_assert!(late.is_none_or(|n| n < 240), "sound of a dropped turn");
                        }
                    }
                },
            }
            let mut c = conductor.lock();
            while let Some(timed) = c.poll_event() {
                match timed.event {
                    Event::SpeakStarted { turn } => lives.get_mut(&turn).unwrap().started += 1,
                    Event::SpeakEnded { turn, .. } => {
                        lives.get_mut(&turn).unwrap().ended += 1;
                    }
                    Event::Word { turn, index, start_ms, .. } => {
                        let life = lives.get_mut(&turn).unwrap();
                        prop_assert_eq!(life.started, 1);
                        prop_assert_eq!(life.ended, 0);
                        prop_assert_eq!(index, life.words);
                        prop_assert!(start_ms >= life.last_word_ms);
                        prop_assert!(MediaTime::from_millis(start_ms).0 >= timed.at.0 - HOP as i64);
                        life.words += 1;
                        life.last_word_ms = start_ms;
                    }
                    _ => {}
                }
            }
        }
        for (turn, life) in lives {
            prop_assert_eq!(life.ended, 1, "turn {} ended {} times", turn, life.ended);
            prop_assert!(life.started <= 1);
        }
    }
}
