//! Cues come in time with their words, and go with their turn.

#![allow(
    clippy::unwrap_used,
    reason = "what a test relies on is asserted by unwrapping it"
)]

mod common;

use std::time::Duration;

use common::clause;
use media::seam::MouthSource;
use media::{Cue, Emotion, Gesture, HOP, MediaTime, Mood, Posture, Turn};
use session::conductor::{MAX_CUES, MouthStep};
use session::{Conductor, Limits};

const NOW: Duration = Duration::ZERO;

/// A cue may come so long before its word (100 ms and the hop it falls in).
const EARLY: i64 = 4_800 + HOP as i64;

fn conductor() -> Conductor {
    Conductor::new(common::LOOK_AHEAD, Limits::default())
}

fn open(conductor: &mut Conductor, text: &str, source: MouthSource) -> Turn {
    let turn = conductor.open(source, NOW).unwrap();
    let (clause, timings, sound) = clause(0, text);
    conductor.clause(turn, clause, timings, NOW).unwrap();
    conductor.sound(turn, &sound, NOW).unwrap();
    turn
}

/// Steps on and gives the cues with the moments at which they were acted on.
fn play(conductor: &mut Conductor, from: MediaTime, hops: usize) -> Vec<(MediaTime, Cue)> {
    let mut acted = Vec::new();
    for hop in 0..hops {
        let at = from + (hop * HOP) as i64;
        for step in conductor.hop(at).mouth {
            if let MouthStep::Act(cue) = step {
                acted.push((at, cue));
            }
        }
    }
    acted
}

fn mood(emotion: Emotion) -> Cue {
    Cue::Mood(Mood::new(emotion, 1.0))
}

const REST: Cue = Cue::Mood(Mood::new(Emotion::Neutral, 1.0));

#[test]
fn a_cue_comes_with_the_word_that_it_stands_before() {
    for source in [MouthSource::Planned, MouthSource::Heard] {
        let mut c = conductor();
        // Words of 200 ms: the third begins at 400 ms.
        let turn = open(&mut c, "one two three four", source);
        c.cue(turn, 8, Cue::Gesture(Gesture::Nod)).unwrap();
        c.cue(turn, 0, mood(Emotion::Happy)).unwrap();
        c.finish(turn).unwrap();
        let acted = play(&mut c, MediaTime::ZERO, 60);
        assert_eq!(acted[0], (MediaTime::ZERO, mood(Emotion::Happy)));
        let (at, cue) = acted[1];
        assert_eq!(cue, Cue::Gesture(Gesture::Nod));
        let word = 19_200;
        assert!((word - EARLY..=word).contains(&at.0), "{at:?}");
        assert_eq!(acted[2].1, REST, "the mood ends with its turn");
        assert_eq!(acted.len(), 3);
    }
}

#[test]
fn a_cue_after_the_last_word_comes_at_the_end() {
    let mut c = conductor();
    let turn = open(&mut c, "one two", MouthSource::Planned);
    c.cue(turn, 7, Cue::Gesture(Gesture::Wink)).unwrap();
    let before = play(&mut c, MediaTime::ZERO, 18);
    assert!(before.is_empty(), "more may follow: {before:?}");
    c.finish(turn).unwrap();
    let acted = play(&mut c, MediaTime(18 * HOP as i64), 10);
    assert_eq!(acted.len(), 1);
    assert_eq!(acted[0].1, Cue::Gesture(Gesture::Wink));
}

#[test]
fn an_interrupt_drops_what_was_to_come() {
    let mut c = conductor();
    let turn = open(&mut c, "one two three four", MouthSource::Planned);
    c.cue(turn, 0, mood(Emotion::Serious)).unwrap();
    c.cue(turn, 14, Cue::Gesture(Gesture::Shake)).unwrap();
    c.finish(turn).unwrap();
    assert_eq!(play(&mut c, MediaTime::ZERO, 5).len(), 1);
    c.interrupt();
    assert!(c.cue(turn, 0, mood(Emotion::Happy)).is_err(), "it is over");
    let first = c.hop(MediaTime(5 * HOP as i64));
    assert_eq!(
        first.mouth,
        [MouthStep::Cancel],
        "which lets go of the mood"
    );
    assert!(play(&mut c, MediaTime(6 * HOP as i64), 60).is_empty());
}

#[test]
fn a_stall_keeps_the_mood_and_repeats_no_gesture() {
    let mut c = conductor();
    let turn = open(&mut c, "one two", MouthSource::Planned);
    c.cue(turn, 0, mood(Emotion::Concerned)).unwrap();
    c.cue(turn, 0, Cue::Gesture(Gesture::Nod)).unwrap();
    let acted = play(&mut c, MediaTime::ZERO, 40);
    let moods = acted.iter().filter(|a| a.1 == mood(Emotion::Concerned));
    assert_eq!(moods.count(), 2, "told again after the mouth was cancelled");
    let (clause, timings, sound) = clause(8, "three four");
    c.clause(turn, clause, timings, NOW).unwrap();
    c.sound(turn, &sound, NOW).unwrap();
    c.finish(turn).unwrap();
    let later = play(&mut c, MediaTime(40 * HOP as i64), 60);
    assert_eq!(later.len(), 1);
    assert_eq!(later[0].1, REST);
}

#[test]
fn postures_belong_to_the_time_between_turns() {
    let posture = |p| Cue::Posture(p);
    let mut c = conductor();
    c.pose(Posture::Thinking);
    let acted = play(&mut c, MediaTime::ZERO, 3);
    assert_eq!(acted, [(MediaTime::ZERO, posture(Posture::Thinking))]);
    // Thought is over when something is said.
    let turn = open(&mut c, "one", MouthSource::Planned);
    c.finish(turn).unwrap();
    let acted = play(&mut c, MediaTime(3 * HOP as i64), 40);
    assert_eq!(acted.len(), 1);
    assert_eq!(acted[0].1, posture(Posture::Idle));
    assert_eq!(c.posture(), Posture::Idle);
    // Who listens speaks in between.
    c.pose(Posture::Listening);
    play(&mut c, MediaTime(43 * HOP as i64), 3);
    let turn = open(&mut c, "one", MouthSource::Planned);
    c.finish(turn).unwrap();
    let acted: Vec<Cue> = play(&mut c, MediaTime(46 * HOP as i64), 40)
        .into_iter()
        .map(|a| a.1)
        .collect();
    assert_eq!(acted, [posture(Posture::Idle), posture(Posture::Listening)]);
}

#[test]
fn a_turn_holds_so_many_cues_and_no_more() {
    let mut c = conductor();
    let turn = open(&mut c, "one", MouthSource::Planned);
    for _ in 0..2 * MAX_CUES {
        c.cue(turn, 0, Cue::Gesture(Gesture::Nod)).unwrap();
    }
    c.finish(turn).unwrap();
    let acted = play(&mut c, MediaTime::ZERO, 20);
    assert_eq!(acted.len(), MAX_CUES);
}

#[test]
fn phonemes_that_are_known_more_exactly_are_planned_again_in_their_place() {
    let mut c = conductor();
    let turn = open(&mut c, "one two", MouthSource::Planned);
    let plans = |c: &mut Conductor, at: i64| -> Vec<_> {
        let steps = c.hop(MediaTime(at * HOP as i64)).mouth.into_iter();
        steps
            .filter_map(|step| match step {
                MouthStep::Plan(start, timings) => Some((start, timings.phonemes)),
                _ => None,
            })
            .collect()
    };
    let first = plans(&mut c, 0);
    let [(start, phonemes)] = first.as_slice() else {
        panic!("one clause: {first:?}");
    };
    assert!(plans(&mut c, 1).is_empty(), "nothing is new");
    let mut exact = phonemes.clone();
    for phoneme in &mut exact {
        phoneme.start += 480;
    }
    c.replan(turn, exact.clone()).unwrap();
    assert_eq!(plans(&mut c, 2), [(*start, exact.clone())]);
    assert!(plans(&mut c, 3).is_empty(), "told once");
    c.interrupt();
    assert!(c.replan(turn, exact).is_err(), "the turn is over");
}
