//! Recordings of real packets, looked at by our reader and by ffmpeg.
#![allow(clippy::unwrap_used)]

mod session;

use std::fs;
use std::path::Path;

use media::seam::{Sink, SinkState};
use media::{FRAME, HOP, Packet, Track};
use record::read::Movie;
use record::{Ended, Recorder, Settings, State};
use session::{FLASH, ffprobe, of, onset, packets, pictures, sound};

fn record(path: &Path, packets: &[Packet]) -> record::Status {
    let mut recorder = Recorder::create(path, Settings::default()).unwrap();
    for packet in packets {
        assert_eq!(recorder.write(packet), SinkState::Open);
    }
    recorder.finish()
}

/// The file as it was before it was finished.
fn fragments(packets: &[Packet]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    // What stands in the way of the rewriting leaves the fragments.
    fs::create_dir(directory.path().join("a.mp4.tmp")).unwrap();
    let status = record(&path, packets);
    assert_eq!(status.state, State::Fragmented);
    assert_eq!(status.ended, Some(Ended::Closed));
    assert!(!path.with_extension("mp4.part").exists());
    fs::read(path).unwrap()
}

/// Asserts that a movie holds exactly these packets, each at its time from
/// `zero` on.
fn assert_holds(path: &Path, packets: &[Packet], zero: i64) {
    let mut movie = Movie::open(path).unwrap();
    for kind in [Track::Video, Track::Audio] {
        let sent = of(packets, kind);
        let track = movie.track(kind).unwrap().clone();
        assert_eq!(track.samples.len(), sent.len(), "{kind:?}");
        let lag = if kind == Track::Audio { 312 } else { 0 };
        for (i, (packet, at)) in sent.iter().zip(track.times()).enumerate() {
            let stored = movie.packet(kind, i).unwrap().unwrap();
            assert!(stored == packet.data, "payload {i} of {kind:?}");
            assert_eq!(at, packet.pts.0 - zero - lag, "time {i} of {kind:?}");
            assert_eq!(track.samples[i].key, packet.key);
        }
        let end = sent.last().unwrap();
        assert_eq!(
            track.duration() as i64,
            end.pts.0 + end.duration - sent[0].pts.0
        );
    }
}

#[test]
fn recorded_payloads_are_the_sent_ones_each_at_its_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    let packets = packets(130, 0, |_| false, |n| n == 57);
    let status = record(&path, &packets);
    assert_eq!(status.state, State::Finished);
    assert_eq!(status.ended, Some(Ended::Closed));
    assert_eq!(status.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(status.duration_ms, 5_200);
    assert_holds(&path, &packets, 0);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the finished file stays");

    let fragmented = directory.path().join("b.mp4");
    fs::write(&fragmented, fragments(&packets)).unwrap();
    assert_holds(&fragmented, &packets, 0);

    for (path, in_fragments) in [(&path, false), (&fragmented, true)] {
        let movie = Movie::open(path).unwrap();
        assert_eq!(movie.fragmented, in_fragments);
        assert!((movie.seconds() - 5.2).abs() < 0.01);
        let shown = pictures(path);
        assert_eq!(shown.len(), 130);
        for (n, (at, luma)) in shown.iter().enumerate() {
            assert_eq!(*at, n as i64 * 40);
            let light = FLASH.contains(&(n as i64 * FRAME));
            assert_eq!(*luma > 150, light, "picture {n}");
        }
        let heard = sound(path);
        assert_eq!(onset(&heard), 2_000, "the tone begins with the flash");
        assert!(
            (heard.len() as i64 - 249_600).abs() <= 960,
            "{}",
            heard.len()
        );
        let said = ffprobe(
            path,
            "stream=codec_name,width,height,sample_rate,channels,color_space",
        );
        for line in [
            "codec_name=h264",
            "codec_name=opus",
            "width=192",
            "height=144",
            "sample_rate=48000",
            "channels=1",
            "color_space=smpte170m",
        ] {
            assert!(said.contains(line), "{line} in {said}");
        }
    }
}

#[test]
fn the_index_of_a_finished_file_comes_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    record(&path, &packets(60, 0, |_| false, |_| false));
    let bytes = fs::read(&path).unwrap();
    let at = |kind: &[u8]| bytes.windows(4).position(|w| w == kind).unwrap();
    assert!(at(b"ftyp") < at(b"moov") && at(b"moov") < at(b"mdat"));
    assert!(!bytes.windows(4).any(|w| w == b"moof"));
}

#[test]
fn equal_packets_give_equal_files() {
    let directory = tempfile::tempdir().unwrap();
    let packets = packets(80, 0, |n| n % 9 == 4, |_| false);
    let files: Vec<Vec<u8>> = ["a.mp4", "b.mp4"]
        .iter()
        .map(|name| {
            let path = directory.path().join(name);
            record(&path, &packets);
            fs::read(path).unwrap()
        })
        .collect();
    assert!(files[0] == files[1]);
    assert!(fragments(&packets) == fragments(&packets));
}

#[test]
fn pictures_left_out_do_not_move_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    // Every third, a long stop, and the one right before the flash.
    let gone = |n: i64| n % 3 == 1 || (20..33).contains(&n) || n == 49;
    let packets = packets(120, 0, gone, |_| false);
    record(&path, &packets);
    assert_holds(&path, &packets, 0);
    let fragmented = directory.path().join("b.mp4");
    fs::write(&fragmented, fragments(&packets)).unwrap();
    assert_holds(&fragmented, &packets, 0);
    for path in [path, fragmented] {
        let shown = pictures(&path);
        let expected: Vec<i64> = (0..120).filter(|n| !gone(*n)).map(|n| n * 40).collect();
        let times: Vec<i64> = shown.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, expected);
        let flash = shown.iter().find(|(_, luma)| *luma > 150).unwrap().0;
        assert_eq!(flash, 2_000);
        assert_eq!(onset(&sound(&path)), 2_000);
    }
}

#[test]
fn a_recording_that_joins_late_begins_at_a_key_frame_in_sync() {
    let directory = tempfile::tempdir().unwrap();
    let all = packets(120, 0, |_| false, |n| n == 30);
    let key = 30 * FRAME;
    // It hears sound from different moments on, before and after the picture.
    for (name, first_sound) in [
        ("early", 24 * FRAME),
        ("same", key),
        ("late", key + 7 * FRAME),
    ] {
        let path = directory.path().join(format!("{name}.mp4"));
        let joined: Vec<Packet> = all
            .iter()
            .filter(|p| match p.track {
                Track::Video => p.pts.0 >= 22 * FRAME,
                Track::Audio => p.pts.0 >= first_sound,
            })
            .cloned()
            .collect();
        record(&path, &joined);
        // 80 ms of sound before the picture are kept for the decoder to settle.
        let kept: Vec<Packet> = joined
            .iter()
            .filter(|p| match p.track {
                Track::Video => p.pts.0 >= key,
                Track::Audio => p.pts.0 + HOP as i64 > key - 3_840,
            })
            .cloned()
            .collect();
        assert_holds(&path, &kept, key);
        let flash = pictures(&path).iter().find(|(_, l)| *l > 150).unwrap().0;
        assert_eq!(flash, 800, "{name}");
        assert_eq!(onset(&sound(&path)), 800, "{name}");
        assert_eq!(pictures(&path)[0].0, 0, "{name}");
    }
}

#[test]
fn sound_that_comes_seconds_after_the_picture_is_in_sync() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    let packets: Vec<Packet> = packets(120, 0, |_| false, |_| false)
        .into_iter()
        .filter(|p| p.track == Track::Video || p.pts.0 >= 40 * FRAME)
        .collect();
    record(&path, &packets);
    assert_holds(&path, &packets, 0);
    assert_eq!(onset(&sound(&path)), 2_000);
}

#[test]
fn an_hour_of_media_time_ends_without_drift() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    let key = packets(1, 0, |_| false, |_| false);
    let mut recorder = Recorder::create(
        &path,
        Settings {
            when_full: record::WhenFull::Wait,
            ..Settings::default()
        },
    )
    .unwrap();
    let hour = 3_600 * 25;
    for n in 0..hour {
        let picture = session::packet(
            Track::Video,
            n * FRAME,
            FRAME,
            n == 0,
            if n == 0 {
                key[0].data.clone()
            } else {
                vec![0, 0, 0, 1, 0x41, n as u8 | 1].into()
            },
        );
        let mut sound = key[1].clone();
        recorder.write(&picture);
        for hop in 0..2 {
            sound.pts.0 = n * FRAME + hop * HOP as i64;
            recorder.write(&sound);
        }
    }
    let status = recorder.finish();
    assert_eq!(status.state, State::Finished);
    assert_eq!(status.duration_ms, 3_600_000);
    let movie = Movie::open(&path).unwrap();
    let video = movie.track(Track::Video).unwrap();
    let audio = movie.track(Track::Audio).unwrap();
    assert_eq!(video.duration(), 3_600 * 48_000);
    assert_eq!(audio.duration(), 3_600 * 48_000);
    assert_eq!(video.samples.len() as i64, hour);
    assert_eq!(audio.samples.len() as i64, 2 * hour);
}

#[test]
fn nothing_is_left_when_no_key_frame_comes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    let packets: Vec<Packet> = packets(60, 0, |_| false, |_| false)
        .into_iter()
        .filter(|p| p.track == Track::Audio || !p.key)
        .collect();
    let status = record(&path, &packets);
    assert_eq!(status.state, State::Empty);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn packets_that_make_no_sense_end_the_recording_and_keep_what_was_there() {
    let sent = packets(80, 0, |_| false, |_| false);
    let mut back = sent[100].clone();
    back.pts.0 = 5;
    let mut other_size = packets(1, 0, |_| false, |_| false).remove(0);
    let mut small = codec::h264::Encoder::new(codec::h264::Settings::for_size(64, 64)).unwrap();
    other_size.data =
        media::seam::VideoEncoder::encode(&mut small, &media::Picture::black(64, 64), true)
            .unwrap()
            .data;
    other_size.pts.0 = 200 * FRAME;
    for (bad, reason) in [
        (back, Ended::TimesRanBack),
        (other_size, Ended::ParametersChanged),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.mp4");
        let mut recorder = Recorder::create(&path, Settings::default()).unwrap();
        for packet in sent.iter().chain(std::iter::once(&bad)) {
            assert_eq!(recorder.write(packet), SinkState::Open);
        }
        let handle = recorder.handle();
        let status = handle.wait();
        assert_eq!(status.ended, Some(reason));
        assert_eq!(status.state, State::Finished);
        assert_eq!(recorder.write(&sent[0]), SinkState::Closed);
        assert_eq!(pictures(&path).len(), 80);
    }
}

#[test]
fn an_existing_recording_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mp4");
    let first = Recorder::create(&path, Settings::default()).unwrap();
    assert!(Recorder::create(&path, Settings::default()).is_err());
    drop(first.finish());
    fs::write(&path, b"mine").unwrap();
    assert!(Recorder::create(&path, Settings::default()).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}
