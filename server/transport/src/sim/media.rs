//! What arrives, and when it is to be shown.

use std::collections::HashMap;
use std::time::Duration;

use ::media::{Packet, Track};
use str0m::media::MediaData;

use super::{World, ms};
use crate::viewer::{Event, State};

/// The packets of a track that were sent from the first received one on.
fn sent_from<'a>(world: &'a World, track: Track, first: &MediaData) -> Vec<&'a Packet> {
    let of_track = world.sent.iter().filter(move |p| p.track == track);
    of_track
        .skip_while(|p| p.data[..] != first.data[..])
        .collect()
}

#[test]
fn everything_arrives_unchanged_and_in_time() {
    let mut world = World::new();
    let viewer = world.join_connected();
    world.run(ms(5_000));
    world.talking = false;
    world.run(ms(1_000));

    let browser = &world.pairs[viewer].browser;
    for (track, got, rate) in [
        (Track::Video, &browser.pictures, 90_000),
        (Track::Audio, &browser.sound, 48_000),
    ] {
        let sent = sent_from(&world, track, &got[0]);
        assert!(sent.len() > 120);
        assert_eq!(sent.len(), got.len());
        for (sent, got) in sent.iter().zip(got) {
            assert!(sent.data[..] == got.data[..]);
            let ticks = (sent.pts - world.sent[0].pts) * rate / 48_000;
            let first = sent_from(&world, track, got);
            assert_eq!(first[0].pts, sent.pts);
            assert_eq!(ticks % (rate / 50), 0);
        }
        let (first, last) = (&got[0].time, &got[got.len() - 1].time);
        let pts = sent[sent.len() - 1].pts - sent[0].pts;
        assert_eq!(last.numer() - first.numer(), (pts * rate / 48_000) as u64);
    }
    assert!(sent_from(&world, Track::Video, &browser.pictures[0])[0].key);

    let stats = world.control(viewer).stats();
    assert_eq!(stats.state, State::Connected);
    assert_eq!(world.count(viewer, Event::Connected), 1);
    // One round trip for ICE, two for DTLS, and the ends of each.
    assert!(stats.connect.unwrap() < ms(400), "{stats:?}");
    let rtt = stats.rtt.unwrap();
    assert!(rtt > ms(35) && rtt < ms(60), "{rtt:?}");
    assert_eq!(stats.nacks, 0);
}

#[test]
fn sender_reports_put_both_tracks_on_one_clock() {
    let mut world = World::new();
    let viewer = world.join_connected();
    world.run(ms(5_000));
    // A session that stands still for a while changes nothing.
    world.talking = false;
    world.run(ms(700));
    world.talking = true;
    world.run(ms(5_000));

    let browser = &world.pairs[viewer].browser;
    // Of each track: its RTP time and media time of one packet.
    let mut origin = Vec::new();
    for (track, got) in [
        (Track::Video, &browser.pictures),
        (Track::Audio, &browser.sound),
    ] {
        let sent = sent_from(&world, track, &got[0]);
        origin.push((track, got[0].time, sent[0].pts));
    }
    let mut lines: HashMap<&str, Vec<f64>> = HashMap::new();
    for report in &browser.reports {
        // Reports tell no kind; the clock rate that fits is the right one.
        let wall = report
            .ntp_time
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        for (track, rtp, pts) in &origin {
            let rate = crate::clock::rate(*track);
            let ticks = (report.rtp_time.numer() as u32).wrapping_sub(rtp.numer() as u32) as i32;
            let media = pts.as_secs_f64() + f64::from(ticks) / f64::from(rate);
            let name = if *track == Track::Video {
                "video"
            } else {
                "audio"
            };
            lines
                .entry(name)
                .or_default()
                .push(wall.as_secs_f64() - media);
        }
    }
    // On the right clock all reports of a track give the same line.
    let constant = |name: &str| {
        let values = &lines[name];
        let near = |a: f64| values.iter().filter(|b| (a - **b).abs() < 0.001).count();
        values
            .iter()
            .copied()
            .max_by_key(|a| near(*a))
            .map(|a| (a, near(a)))
            .unwrap()
    };
    let ((video, videos), (audio, audios)) = (constant("video"), constant("audio"));
    assert!(videos >= 10 && audios >= 10, "{videos} {audios}");
    assert_eq!(
        videos + audios,
        browser.reports.len(),
        "a report is off its line"
    );
    assert!((video - audio).abs() < 0.001, "skew {}", video - audio);
}

#[test]
fn lost_packets_are_sent_again() {
    for (loss, jitter) in [(0.0, 0), (0.02, 5), (0.05, 10), (0.1, 10)] {
        let mut world = World::new();
        let viewer = world.join_connected();
        world.network.loss = loss;
        world.network.jitter = ms(jitter);
        let mut told = Vec::new();
        for _ in 0..20 {
            world.run(ms(1_000));
            told.extend(world.control(viewer).stats().loss.map(f64::from));
        }
        let mean = told.iter().sum::<f64>() / told.len() as f64;
        assert!(
            (mean - loss).abs() < loss * 0.5 + 0.001,
            "told {mean} at {loss}"
        );
        world.network.loss = 0.0;
        world.run(ms(1_000));
        world.talking = false;
        world.run(ms(2_000));

        let browser = &world.pairs[viewer].browser;
        let sent = sent_from(&world, Track::Video, &browser.pictures[0]);
        assert_eq!(sent.len(), browser.pictures.len(), "at {loss}");
        for (sent, got) in sent.iter().zip(&browser.pictures) {
            assert!(sent.data[..] == got.data[..], "at {loss}");
        }
        let stats = world.control(viewer).stats();
        assert_eq!(stats.nacks > 0, loss > 0.0, "at {loss}");
        let sound = sent_from(&world, Track::Audio, &browser.sound[0]).len();
        let missing = 1.0 - browser.sound.len() as f64 / sound as f64;
        assert!(missing < loss * 1.6 + 0.001, "at {loss}: {missing}");
    }
}

#[test]
fn two_viewers_get_the_same() {
    let mut world = World::new();
    let early = world.join_connected();
    world.run(ms(1_000));
    let late = world.join_connected();
    world.run(ms(2_000));
    world.talking = false;
    world.run(ms(500));
    let pictures = |n: usize| {
        world.pairs[n]
            .browser
            .pictures
            .iter()
            .map(|p| p.data.clone())
    };
    let first = pictures(late).next().unwrap();
    let shared: Vec<_> = pictures(early).skip_while(|p| *p != first).collect();
    assert_eq!(shared, pictures(late).collect::<Vec<_>>());
    assert!(shared.len() > 45);
}

#[test]
fn a_key_frame_request_arrives_at_once_and_a_flood_does_not() {
    let mut world = World::new();
    let viewer = world.join_connected();
    world.run(ms(1_000));
    world.pairs[viewer].events.clear();

    let asked = world.elapsed();
    world.pairs[viewer].browser.request_key();
    world.run(ms(300));
    let (heard, event) = world.pairs[viewer].events[0];
    assert_eq!(event, Event::KeyFrameWanted);
    assert!(heard < asked + ms(100), "{asked:?} {heard:?}");

    world.pairs[viewer].events.clear();
    for _ in 0..100 {
        world.pairs[viewer].browser.request_key();
        world.run(ms(20));
    }
    let count = world.count(viewer, Event::KeyFrameWanted);
    assert!((6..=9).contains(&count), "{count}");
    assert!(world.control(viewer).stats().key_requests > 20);
}

#[test]
fn a_bad_path_is_not_flooded_with_retransmissions() {
    let sent = |loss: f64| {
        let mut world = World::new();
        world.join_connected();
        world.network.loss = loss;
        let before = world.network.down.1;
        world.run(ms(10_000));
        (world.network.down.1 - before) as f64
    };
    let (clean, awful) = (sent(0.0), sent(0.45));
    // The share of retransmissions is at most 0.3, taken over windows; key
    // frames that the browser asked for come on top.
    assert!(awful < clean * 1.8, "{}", awful / clean);
}

#[test]
fn estimation_delays_nothing() {
    let mut world = World::with(
        Some(crate::config::Estimation {
            start: 300_000,
            most: 3_000_000,
        }),
        10,
    );
    let viewer = world.join_connected();
    world.run(ms(10_000));
    // A megabit a second, though 300 kbit/s were assumed at first.
    let stats = world.control(viewer).stats();
    assert!(
        stats
            .bitrate
            .is_some_and(|rate| rate > 1_000_000 && rate <= 3_000_000),
        "{stats:?}"
    );
    let last = world
        .sent
        .iter()
        .rfind(|p| p.track == Track::Video)
        .unwrap();
    let (last, written) = (last.data.clone(), world.now);
    world.run(Duration::from_millis(25));
    let got = &world.pairs[viewer].browser.pictures;
    assert!(got.iter().any(|p| p.data[..] == last[..]), "{written:?}");
}
