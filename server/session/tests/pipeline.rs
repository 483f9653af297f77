//! The pipeline on simulated time: sound, picture, events, interrupts.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{LOOK_AHEAD, clause, no_time, pipeline, samples};
use media::seam::{MouthSource, RenderError, Renderer};
use media::{FRAME, FaceControls, HOP, MediaTime, Picture, Track};
use session::event::Timed;
use session::pipeline::NoMeter;
use session::{CloseReason, Event, Limits, Pipeline, TurnError};

fn hop(pipeline: &mut Pipeline) -> Vec<Timed> {
    pipeline.hop(no_time, false, &mut NoMeter).unwrap();
    events(pipeline)
}

fn hops(pipeline: &mut Pipeline, count: usize) -> Vec<Timed> {
    (0..count).flat_map(|_| hop(pipeline)).collect()
}

fn events(pipeline: &Pipeline) -> Vec<Timed> {
    let conductor = pipeline.conductor();
    let mut conductor = conductor.lock();
    std::iter::from_fn(|| conductor.poll_event()).collect()
}

fn speak(pipeline: &Pipeline, text: &str) -> media::Turn {
    let conductor = pipeline.conductor();
    let mut conductor = conductor.lock();
    let turn = conductor.open(MouthSource::Planned, no_time()).unwrap();
    let (clause, timings, sound) = clause(0, text);
    conductor.clause(turn, clause, timings, no_time()).unwrap();
    conductor.sound(turn, &sound, no_time()).unwrap();
    conductor.finish(turn).unwrap();
    turn
}

#[test]
fn every_hop_sends_sound_and_every_second_one_a_picture() {
    let (mut pipeline, kept) = pipeline(Limits::default());
    speak(&pipeline, "one two three four five");
    hops(&mut pipeline, 50);
    let packets = kept.0.lock().unwrap();
    let pts = |track| {
        packets
            .iter()
            .filter(move |p| p.track == track)
            .map(|p| p.pts.0)
            .collect::<Vec<_>>()
    };
    let sound: Vec<i64> = (0..50).map(|n| n * HOP as i64).collect();
    let pictures: Vec<i64> = (0..25).map(|n| n * FRAME).collect();
    assert_eq!(pts(Track::Audio), sound);
    assert_eq!(pts(Track::Video), pictures);
}

#[test]
fn mouth_and_sound_of_one_moment_carry_one_time() {
    for source in [MouthSource::Planned, MouthSource::Heard] {
        let (mut pipeline, kept) = pipeline(Limits::default());
        hops(&mut pipeline, 7);
        let conductor = pipeline.conductor();
        let turn = {
            let mut c = conductor.lock();
            let turn = c.open(source, no_time()).unwrap();
            let (clause, mut timings, mut sound) = clause(0, "a b");
            // Silence, then a burst, on a picture boundary of the content.
            sound[..4 * HOP].fill(0.0);
            timings.phonemes[0].start = 4 * HOP as i64;
            if source == MouthSource::Planned {
                c.clause(turn, clause, timings, no_time()).unwrap();
            }
            c.sound(turn, &sound, no_time()).unwrap();
            c.finish(turn).unwrap();
            turn
        };
        hops(&mut pipeline, 40);
        let packets = kept.0.lock().unwrap();
        let loud = packets
            .iter()
            .find(|p| p.track == Track::Audio && samples(p).iter().any(|s| s.abs() > 0.1))
            .unwrap();
        let open = packets
            .iter()
            .find(|p| p.track == Track::Video && p.data[0] > 0)
            .unwrap();
        assert_eq!(loud.turn, turn);
        let skew = open.pts - loud.pts;
        assert!(
            (0..FRAME).contains(&skew),
            "{source:?}: the picture after the sound's hop shows it, skew {skew}"
        );
    }
}

#[test]
fn heard_sound_waits_for_the_look_ahead_and_no_longer() {
    let (mut pipeline, kept) = pipeline(Limits::default());
    let conductor = pipeline.conductor();
    let turn = conductor
        .lock()
        .open(MouthSource::Heard, no_time())
        .unwrap();
    for _ in 0..20 {
        conductor
            .lock()
            .sound(turn, &[0.5; HOP], no_time())
            .unwrap();
        hop(&mut pipeline);
    }
    let packets = kept.0.lock().unwrap();
    let first = packets
        .iter()
        .filter(|p| p.track == Track::Audio)
        .position(|p| samples(p)[0] != 0.0)
        .unwrap();
    assert_eq!(first as i64 * HOP as i64, LOOK_AHEAD);
}

/// Draws like [`common::Paint`] while its clock goes on by 30 ms, and keeps what
/// it is told of that.
struct Slow {
    clock: Arc<AtomicU64>,
    told: Arc<Mutex<Vec<Duration>>>,
}

impl Renderer for Slow {
    fn size(&self) -> (usize, usize) {
        common::Paint.size()
    }

    fn render(&mut self, face: &FaceControls, picture: &mut Picture) -> Result<(), RenderError> {
        self.clock.fetch_add(30, Ordering::Relaxed);
        common::Paint.render(face, picture)
    }

    fn took(&mut self, time: Duration) {
        self.told.lock().unwrap().push(time);
    }
}

#[test]
fn a_renderer_is_told_what_each_picture_took() {
    let (clock, told) = (Arc::<AtomicU64>::default(), Arc::default());
    let parts = session::Parts {
        renderer: Box::new(Slow {
            clock: clock.clone(),
            told: Arc::clone(&told),
        }),
        ..common::parts()
    };
    let mut pipeline = Pipeline::new(parts, Limits::default());
    let now = || Duration::from_millis(clock.load(Ordering::Relaxed));
    for n in 0..6 {
        // The third picture is skipped.
        pipeline.hop(now, n == 4, &mut NoMeter).unwrap();
    }
    assert_eq!(*told.lock().unwrap(), [Duration::from_millis(30); 2]);
    // Where nobody waits, time stands.
    hops(&mut pipeline, 2);
    assert_eq!(*told.lock().unwrap().last().unwrap(), Duration::ZERO);
}

/// What a renderer heard: moment and sound of each hop.
type Heard = Arc<Mutex<Vec<(MediaTime, Vec<f32>)>>>;

/// Draws like [`common::Paint`] and hears six hops ahead, more than the mouth.
struct Listener(Heard);

const PREVIEW: i64 = 6 * HOP as i64;

impl Renderer for Listener {
    fn size(&self) -> (usize, usize) {
        common::Paint.size()
    }

    fn preview(&self) -> Option<i64> {
        Some(PREVIEW)
    }

    fn hear(&mut self, at: MediaTime, sound: &[f32]) {
        self.0.lock().unwrap().push((at, sound.to_vec()));
    }

    fn render(&mut self, face: &FaceControls, picture: &mut Picture) -> Result<(), RenderError> {
        common::Paint.render(face, picture)
    }
}

#[test]
fn a_renderer_that_listens_hears_what_is_played_and_what_follows() {
    for source in [MouthSource::Planned, MouthSource::Heard] {
        let heard = Heard::default();
        let parts = session::Parts {
            renderer: Box::new(Listener(heard.clone())),
            ..common::parts()
        };
        let mut pipeline = Pipeline::new(parts, Limits::default());
        let kept = common::Kept::default();
        pipeline.add_sink(Box::new(kept.clone()));
        let conductor = pipeline.conductor();
        let turn = conductor.lock().open(source, no_time()).unwrap();
        // Sound comes in real time, a new level with each hop.
        let hops = 20;
        for n in 0..hops {
            let sound = [(n + 1) as f32 / 100.0; HOP];
            conductor.lock().sound(turn, &sound, no_time()).unwrap();
            hop(&mut pipeline);
        }
        conductor.lock().finish(turn).unwrap();
        for _ in 0..30 {
            hop(&mut pipeline);
        }
        let packets = kept.0.lock().unwrap();
        let played: Vec<Vec<f32>> = packets
            .iter()
            .filter(|p| p.track == Track::Audio)
            .map(samples)
            .collect();
        let first = played.iter().position(|hop| hop[0] != 0.0).unwrap();
        assert_eq!(first as i64 * HOP as i64, PREVIEW, "{source:?}");
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), played.len());
        for (n, (at, sound)) in heard.iter().enumerate() {
            assert_eq!(at.0, (n * HOP) as i64);
            let mut follows: Vec<f32> = played[n..].concat();
            follows.resize(HOP + PREVIEW as usize, 0.0);
            // Before the turn begins nothing of it is known.
            if n < first {
                follows.fill(0.0);
            }
            assert_eq!(*sound, follows, "hop {n} of {source:?}");
        }
    }
}

#[test]
fn events_come_on_the_media_clock_and_once() {
    let (mut pipeline, _) = pipeline(Limits::default());
    hops(&mut pipeline, 10);
    let turn = speak(&pipeline, "hello big world");
    let events = hops(&mut pipeline, 60);
    let start = 10 * 20;
    let kinds: Vec<(i64, String)> = events
        .iter()
        .map(|t| {
            let name = match &t.event {
                Event::SpeakStarted { turn: t } if *t == turn => "start".into(),
                Event::Clause { text, .. } => format!("clause {text}"),
                Event::Word {
                    text,
                    start_ms,
                    end_ms,
                    char_start,
                    char_end,
                    ..
                } => format!("word {text} {start_ms}-{end_ms} {char_start}-{char_end}"),
                Event::SpeakEnded {
                    heard_text,
                    interrupted: false,
                    ..
                } => format!("end {heard_text}"),
                Event::Idle => "idle".into(),
                Event::Receipt(_) => "receipt".into(),
                other => panic!("{other:?}"),
            };
            (t.at.as_millis() - start, name)
        })
        .filter(|(_, name)| name != "receipt")
        .collect();
    let expected = [
        (0, "start"),
        (0, "clause hello big world"),
        (0, "word hello 200-400 0-5"),
        (200, "word big 400-600 6-9"),
        (400, "word world 600-800 10-15"),
        (580, "end hello big world"),
        (580, "idle"),
    ];
    assert_eq!(kinds.len(), expected.len(), "{kinds:?}");
    for ((at, name), (expected_at, expected_name)) in kinds.iter().zip(expected) {
        assert_eq!((*at, name.as_str()), (expected_at, expected_name));
    }
}

#[test]
fn an_interrupt_is_silent_with_the_next_hop_and_tells_what_was_heard() {
    let (mut pipeline, kept) = pipeline(Limits::default());
    let first = speak(&pipeline, "one two three four");
    let second = speak(&pipeline, "never said");
    hops(&mut pipeline, 24); // 480 ms: "three" has begun, less than half
    let interrupted = pipeline.conductor().lock().interrupt().unwrap();
    assert_eq!(interrupted.turn, first);
    assert_eq!(interrupted.heard_text, "one two");
    let ended: Vec<_> = events(&pipeline)
        .into_iter()
        .filter_map(|t| match t.event {
            Event::SpeakEnded {
                turn, interrupted, ..
            } => Some((turn, interrupted)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [(first, true), (second, true)]);
    kept.0.lock().unwrap().clear();
    hops(&mut pipeline, 10);
    let packets = kept.0.lock().unwrap();
    let sound: Vec<f32> = packets
        .iter()
        .filter(|p| p.track == Track::Audio)
        .flat_map(samples)
        .collect();
    let last = sound.iter().rposition(|s| *s != 0.0).unwrap_or(0);
    assert!(last < 240, "fades within 5 ms, last sound at {last}");
    let steepest = sound
        .windows(2)
        .map(|w| (w[1] - w[0]).abs())
        .fold(0.0, f32::max);
    assert!(steepest < 0.01, "no click, steepest step {steepest}");
    let mouth = packets
        .iter()
        .filter(|p| p.track == Track::Video)
        .all(|p| p.data[0] == 0);
    assert!(mouth, "the mouth is shut from the next picture on");
    assert!(
        packets.iter().all(|p| p.turn > second),
        "what follows is newer than all that was interrupted"
    );
    assert_eq!(pipeline.conductor().lock().interrupt(), None);
}

#[test]
fn a_turn_that_is_over_takes_nothing_more() {
    let (mut pipeline, _) = pipeline(Limits::default());
    let conductor = pipeline.conductor();
    let turn = speak(&pipeline, "one two");
    hops(&mut pipeline, 5);
    conductor.lock().interrupt();
    let mut c = conductor.lock();
    assert_eq!(
        c.sound(turn, &[0.1; 100], no_time()),
        Err(TurnError::Over(turn))
    );
    assert_eq!(c.finish(turn), Err(TurnError::Over(turn)));
    assert_eq!(c.backlog(turn), None);
    let next = c.open(MouthSource::Planned, no_time()).unwrap();
    assert!(next > turn);
}

#[test]
fn only_an_interrupt_cuts_what_is_queued_of_older_turns() {
    let (mut pipeline, kept) = pipeline(Limits::default());
    let conductor = pipeline.conductor();
    let first = speak(&pipeline, "one");
    let second = speak(&pipeline, "two three");
    hops(&mut pipeline, 15); // 300 ms: within the second
    assert_eq!(kept.0.lock().unwrap().last().unwrap().turn, second);
    assert!(
        conductor.lock().cut_before() <= first,
        "what is queued of a turn that was played out is still heard"
    );
    conductor.lock().interrupt();
    assert!(conductor.lock().cut_before() > second);
    hop(&mut pipeline);
    let silence = kept.0.lock().unwrap().last().unwrap().turn;
    assert_eq!(conductor.lock().cut_before(), silence);
}

#[test]
fn a_turn_without_sound_ends_without_having_begun() {
    let (mut pipeline, _) = pipeline(Limits::default());
    let conductor = pipeline.conductor();
    let turn = {
        let mut c = conductor.lock();
        let turn = c.open(MouthSource::Planned, no_time()).unwrap();
        // Its voice fails before the first sample.
        let (clause, timings, _) = clause(0, "one two");
        c.clause(turn, clause, timings, no_time()).unwrap();
        c.finish(turn).unwrap();
        turn
    };
    let next = speak(&pipeline, "three");
    let events: Vec<_> = hops(&mut pipeline, 2)
        .into_iter()
        .map(|t| t.event)
        .filter(|e| !matches!(e, Event::Receipt(_)))
        .take(2)
        .collect();
    assert_eq!(
        events,
        [
            Event::SpeakEnded {
                turn,
                heard_text: String::new(),
                interrupted: false
            },
            Event::SpeakStarted { turn: next },
        ]
    );
}

#[test]
fn nothing_follows_the_end_of_a_session() {
    let (mut pipeline, _) = pipeline(Limits::default());
    let conductor = pipeline.conductor();
    let turn = speak(&pipeline, "one two");
    hops(&mut pipeline, 3);
    {
        let mut c = conductor.lock();
        c.close(CloseReason::Client);
        c.close(CloseReason::Shutdown);
        // Late news: of a client, of another room, of the pipeline itself.
        c.shown(turn, 100.0);
        c.emit(Event::Idle);
    }
    let last = hops(&mut pipeline, 3).pop().map(|t| t.event);
    assert_eq!(
        last,
        Some(Event::Closed {
            reason: CloseReason::Client
        })
    );
}

#[test]
fn a_stall_shifts_words_with_the_sound_and_shuts_the_mouth() {
    let (mut pipeline, kept) = pipeline(Limits::default());
    let conductor = pipeline.conductor();
    let (clause, timings, sound) = clause(0, "one two three");
    let turn = {
        let mut c = conductor.lock();
        let turn = c.open(MouthSource::Planned, no_time()).unwrap();
        c.clause(turn, clause, timings, no_time()).unwrap();
        c.sound(turn, &sound[..9_600], no_time()).unwrap();
        turn
    };
    let mut seen = hops(&mut pipeline, 30); // 200 ms of sound, then 400 ms of nothing
    {
        let packets = kept.0.lock().unwrap();
        let last = packets.iter().rfind(|p| p.track == Track::Video).unwrap();
        assert_eq!(last.data[0], 0, "the mouth rests while the voice stalls");
    }
    {
        let mut c = conductor.lock();
        c.sound(turn, &sound[9_600..], no_time()).unwrap();
        c.finish(turn).unwrap();
    }
    seen.extend(hops(&mut pipeline, 40));
    let words: Vec<(String, i64)> = seen
        .iter()
        .filter_map(|t| match &t.event {
            Event::Word { text, start_ms, .. } => Some((text.clone(), *start_ms)),
            _ => None,
        })
        .collect();
    assert_eq!(
        words,
        [
            ("one".to_owned(), 0),
            ("two".to_owned(), 600),
            ("three".to_owned(), 800)
        ]
    );
    let packets = kept.0.lock().unwrap();
    let open = packets
        .iter()
        .filter(|p| p.track == Track::Video && p.pts >= MediaTime::from_millis(640))
        .find(|p| p.data[0] > 0);
    assert_eq!(open.map(|p| p.pts.as_millis()), Some(640));
}

#[test]
fn limits_close_the_session_with_their_reason() {
    let (mut pipeline, _) = pipeline(Limits {
        idle_timeout_s: 2,
        ..Limits::default()
    });
    let events = hops(&mut pipeline, 150);
    let names: Vec<_> = events
        .iter()
        .map(|t| (t.at.as_millis(), t.event.clone()))
        .collect();
    assert!(
        matches!(
            names[0],
            (1_000, Event::LimitWarning { remaining_s: 1, .. })
        ),
        "{names:?}"
    );
    assert_eq!(
        names[1],
        (
            2_000,
            Event::Closed {
                reason: CloseReason::IdleTimeout
            }
        )
    );
    assert_eq!(names.len(), 2, "nothing follows");
}

#[test]
fn a_late_hop_skips_its_picture_and_never_its_sound() {
    let (mut pipeline, kept) = pipeline(Limits::default());
    hops(&mut pipeline, 10);
    speak(&pipeline, "one two three");
    for _ in 0..10 {
        pipeline.hop(no_time, true, &mut NoMeter).unwrap();
    }
    hops(&mut pipeline, 10);
    let packets = kept.0.lock().unwrap();
    let sound = packets.iter().filter(|p| p.track == Track::Audio).count();
    assert_eq!(sound, 30);
    let late = MediaTime(10 * HOP as i64)..MediaTime(20 * HOP as i64);
    assert!(
        !packets
            .iter()
            .any(|p| p.track == Track::Video && late.contains(&p.pts))
    );
}

#[test]
fn a_still_face_sends_few_pictures_and_a_key_frame_when_asked() {
    let (mut pipeline, kept) = pipeline(Limits::default());
    hops(&mut pipeline, 100);
    let count = |kept: &common::Kept| {
        let packets = kept.0.lock().unwrap();
        let pictures: Vec<_> = packets
            .iter()
            .filter(|p| p.track == Track::Video)
            .map(|p| p.key)
            .collect();
        pictures
    };
    assert_eq!(count(&kept).len(), 10, "5 a second");
    assert_eq!(count(&kept).iter().filter(|k| **k).count(), 1);
    kept.0.lock().unwrap().clear();
    pipeline.want_key();
    hops(&mut pipeline, 2);
    assert_eq!(count(&kept), [true]);
}

#[test]
fn settled_silence_is_not_encoded_again_and_speech_is() {
    let (mut pipeline, kept) = pipeline(Limits::default());
    hops(&mut pipeline, 60);
    speak(&pipeline, "one");
    hops(&mut pipeline, 20);
    let packets = kept.0.lock().unwrap();
    let sound: Vec<_> = packets.iter().filter(|p| p.track == Track::Audio).collect();
    let address = |n: usize| sound[n].data.as_ptr();
    assert!((30..59).all(|n| address(n) == address(n + 1)), "repeated");
    assert_ne!(address(5), address(6), "not before the encoder has settled");
    assert!((60..70).all(|n| samples(sound[n]).iter().all(|s| *s == 0.5)));
    assert!((70..80).all(|n| samples(sound[n]).iter().all(|s| *s == 0.0)));
}

#[test]
fn receipts_count_from_the_text() {
    let (mut pipeline, _) = pipeline(Limits::default());
    let conductor = pipeline.conductor();
    let ms = Duration::from_millis;
    let (clause, timings, sound) = clause(0, "one two");
    {
        let mut c = conductor.lock();
        let turn = c.open(MouthSource::Planned, ms(1_000)).unwrap();
        c.clause(turn, clause, timings, ms(1_090)).unwrap();
        c.sound(turn, &sound, ms(1_110)).unwrap();
    }
    pipeline.hop(|| ms(1_125), false, &mut NoMeter).unwrap();
    let turn = media::Turn(1);
    conductor.lock().shown(turn, 180.0);
    let receipts: Vec<_> = conductor.lock().receipts().copied().collect();
    let stages = receipts[0].stages;
    assert_eq!(stages.first_timings_ms, Some(90.0));
    assert_eq!(stages.first_sample_ms, Some(110.0));
    assert_eq!(stages.first_controls_ms, Some(125.0));
    assert_eq!(stages.first_packet_ms, Some(125.0));
    assert_eq!(stages.shown_ms, Some(180.0));
    let sent = events(&pipeline)
        .iter()
        .filter(|t| matches!(t.event, Event::Receipt(_)))
        .count();
    assert_eq!(sent, 2, "when it left, and when it was shown");
}

#[test]
fn an_hour_of_media_time_ends_with_the_skew_it_began_with() {
    let (mut pipeline, kept) = pipeline(Limits {
        max_duration_s: 7_200,
        idle_timeout_s: 7_200,
        ..Limits::default()
    });
    let hour = 3_600 * 50;
    let mut sent = (0_i64, 0_i64);
    for n in 0..hour {
        if n % 3_000 == 0 {
            speak(&pipeline, "a b c d e f g h");
        }
        // Every so often the machine is too slow for a picture.
        let late = n % 777 < 5;
        pipeline.hop(no_time, late, &mut NoMeter).unwrap();
        for packet in kept.0.lock().unwrap().drain(..) {
            match packet.track {
                Track::Audio => {
                    assert_eq!(packet.pts.0, sent.0, "sound has no gap");
                    sent.0 += packet.duration;
                }
                Track::Video => {
                    assert_eq!(packet.pts.0, n * HOP as i64, "a picture is of its moment");
                    sent.1 = packet.pts.0;
                }
            }
        }
        events(&pipeline);
    }
    assert_eq!(sent.0, hour * HOP as i64);
    assert!(sent.0 - sent.1 <= 6 * FRAME);
}
