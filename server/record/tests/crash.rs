//! What a crash leaves, and hostile files.
#![allow(clippy::unwrap_used)]

mod session;

use std::fs;
use std::io::{BufRead, BufReader, Cursor};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use media::seam::Sink;
use media::{Packet, Track};
use proptest::prelude::*;
use record::read::Movie;
use record::{Error, Kind, Recorder, Repair, Settings, State, Store};
use session::{of, onset, packets, pictures, sound};

fn sent() -> &'static [Packet] {
    static SENT: OnceLock<Vec<Packet>> = OnceLock::new();
    SENT.get_or_init(|| packets(110, 0, |n| n % 7 == 3, |n| n == 60))
}

/// The fragmented and the finished file of the same packets.
fn files() -> &'static (Vec<u8>, Vec<u8>) {
    static FILES: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    FILES.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        // What stands in the way of the rewriting leaves the fragments.
        fs::create_dir(path("a.mp4.tmp")).unwrap();
        for name in ["a.mp4", "b.mp4"] {
            let mut recorder = Recorder::create(&path(name), Settings::default()).unwrap();
            for packet in sent() {
                let _ = recorder.write(packet);
            }
            assert!(recorder.finish().is_final());
        }
        (
            fs::read(path("a.mp4")).unwrap(),
            fs::read(path("b.mp4")).unwrap(),
        )
    })
}

/// Where the fragments of a file end.
fn fragment_ends(file: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let kind = &file[at + 4..at + 8];
        at += size;
        if kind == b"mdat" {
            ends.push(at);
        }
    }
    ends
}

/// Repairs a file cut at `cut` and gives the number of pictures in it.
fn repair_cut(directory: &Path, file: &[u8], cut: usize) -> usize {
    let part = directory.join("x.mp4.part");
    let target = directory.join("x.mp4");
    fs::write(&part, &file[..cut]).unwrap();
    let store = Store::open(directory).unwrap();
    let repaired = store.repair().unwrap();
    assert_eq!(repaired.len(), 1);
    let ends = fragment_ends(file);
    let whole = ends.iter().filter(|end| **end <= cut).max();
    assert!(!part.exists() || matches!(repaired[0].repair, Repair::Untouched { .. }));
    let Some(&whole) = whole else {
        assert!(!target.exists());
        let _ = fs::remove_file(part);
        return 0;
    };
    let torn = (cut - whole) as u64;
    assert_eq!(
        repaired[0].repair,
        Repair::Finished { torn },
        "cut at {cut}"
    );
    let mut movie = Movie::open(&target).unwrap();
    assert!(!movie.fragmented);
    let mut count = 0;
    for kind in [Track::Video, Track::Audio] {
        let sent = of(sent(), kind);
        count = movie.track(kind).unwrap().samples.len();
        assert!(count > 0);
        for (i, packet) in sent.iter().take(count).enumerate() {
            assert!(movie.packet(kind, i).unwrap().unwrap() == packet.data);
        }
    }
    let count = movie.track(Track::Video).map_or(count, |t| t.samples.len());
    fs::remove_file(target).unwrap();
    count
}

#[test]
fn a_file_torn_anywhere_keeps_every_whole_fragment() {
    let (file, _) = files();
    let directory = tempfile::tempdir().unwrap();
    let ends = fragment_ends(file);
    assert!(ends.len() >= 4);
    // Every offset near an edge, and a sample of all others.
    let near = ends
        .iter()
        .flat_map(|end| end.saturating_sub(20)..(end + 20).min(file.len() + 1));
    let mut last = 0;
    let mut cuts: Vec<usize> = near.chain((0..file.len()).step_by(613)).collect();
    cuts.sort_unstable();
    for cut in cuts {
        let pictures = repair_cut(directory.path(), file, cut);
        assert!(pictures >= last, "more file, more pictures");
        last = pictures;
    }
    assert_eq!(last, of(sent(), Track::Video).len());
}

#[test]
fn a_repaired_file_plays_in_sync() {
    let (file, _) = files();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let ends = fragment_ends(file);
    let mut torn = file[..ends[2] + 1_000].to_vec();
    fs::write(directory.path().join("cut.mp4.part"), &torn).unwrap();
    // A machine that stopped leaves zeros where data was to come.
    torn.truncate(ends[2]);
    torn.resize(ends[2] + 4_096, 0);
    fs::write(directory.path().join("zeros.mp4.part"), &torn).unwrap();
    let repaired = store.repair().unwrap();
    assert_eq!(repaired[0].repair, Repair::Finished { torn: 1_000 });
    assert_eq!(repaired[1].repair, Repair::Finished { torn: 4_096 });
    for id in ["cut", "zeros"] {
        let path = store.path(id).unwrap();
        let flash = pictures(&path).iter().find(|(_, l)| *l > 150).unwrap().0;
        assert_eq!(flash, 2_000);
        assert_eq!(onset(&sound(&path)), 2_000);
    }
}

#[test]
fn repair_leaves_foreign_files_alone_and_tidies_the_rest() {
    let (file, finished) = files();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let put = |name: &str, data: &[u8]| fs::write(directory.path().join(name), data).unwrap();
    put("empty.mp4.part", b"");
    put("garbage.mp4.part", &[0x5a; 3_000]);
    put("text.mp4.part", b"hello");
    put("head.mp4.part", &file[..fragment_ends(file)[0] - 1]);
    put("done.mp4.part", file);
    put("done.mp4", finished);
    put("notes.txt", b"mine");
    put("other.part", b"mine");
    fs::create_dir(directory.path().join("folder.mp4.part")).unwrap();
    let repaired = store.repair().unwrap();
    let of = |id: &str| &repaired.iter().find(|r| r.id == id).unwrap().repair;
    assert_eq!(repaired.len(), 5);
    assert_eq!(*of("empty"), Repair::Removed);
    assert_eq!(*of("head"), Repair::Removed);
    assert_eq!(*of("done"), Repair::Removed);
    for id in ["garbage", "text"] {
        assert!(matches!(of(id), Repair::Untouched { .. }), "{id}");
        assert!(directory.path().join(format!("{id}.mp4.part")).exists());
    }
    assert_eq!(
        fs::read(directory.path().join("done.mp4")).unwrap(),
        *finished
    );
    assert_eq!(
        fs::read(directory.path().join("notes.txt")).unwrap(),
        b"mine"
    );
    assert!(
        store.repair().unwrap().len() == 2,
        "a second time is harmless"
    );
}

#[test]
fn a_recording_in_progress_is_not_repaired_or_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut recorder = store.record("live", Settings::default()).unwrap();
    for packet in sent() {
        let _ = recorder.write(packet);
    }
    assert_eq!(store.repair().unwrap()[0].repair, Repair::InUse);
    assert_eq!(store.entry("live").unwrap().kind, Kind::Recording);
    assert!(matches!(store.delete("live"), Err(Error::Unfinished(_))));
    assert!(matches!(store.get("live"), Err(Error::Unfinished(_))));
    assert!(matches!(
        store.record("live", Settings::default()),
        Err(Error::Exists(_))
    ));
    assert_eq!(recorder.finish().state, State::Finished);
    let entry = store.entry("live").unwrap();
    assert_eq!(entry.kind, Kind::Finished);
    assert!((entry.seconds.unwrap() - 4.4).abs() < 0.01);
    let (_, length) = store.get("live").unwrap();
    assert_eq!(length, entry.bytes);
    assert_eq!(store.list().unwrap(), [entry]);
    store.delete("live").unwrap();
    assert!(store.list().unwrap().is_empty());
    assert!(matches!(store.delete("live"), Err(Error::NotFound(_))));
}

#[test]
fn ids_cannot_lead_out_of_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("a/b")).unwrap();
    let long = "x".repeat(129);
    for id in ["", "..", "../x", "a/b", "a.b", "a\0b", "ä", " ", &long] {
        assert!(matches!(store.path(id), Err(Error::Id(_))), "{id:?}");
        assert!(matches!(store.get(id), Err(Error::Id(_))));
        assert!(matches!(store.delete(id), Err(Error::Id(_))));
        assert!(store.record(id, Settings::default()).is_err());
    }
    assert!(store.path("Az09-_").is_ok());
    assert!(matches!(store.get("nobody"), Err(Error::NotFound(_))));
}

/// Not a test by itself: the process that the next one kills.
#[test]
fn records_until_killed() {
    let Ok(path) = std::env::var("VISAVIS_TEST_RECORD_TO") else {
        return;
    };
    let mut recorder = Recorder::create(Path::new(&path), Settings::default()).unwrap();
    let handle = recorder.handle();
    for packet in sent() {
        let _ = recorder.write(packet);
    }
    // Some fragments; the writer has a thread of its own.
    while handle.status().duration_ms < 2_000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("recording");
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn a_killed_process_loses_at_most_the_open_fragment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.mp4");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "records_until_killed", "--nocapture"])
        .env("VISAVIS_TEST_RECORD_TO", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let recording = lines
        .map_while(Result::ok)
        .any(|line| line.contains("recording"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(recording);
    // Before any repair the fragments play as they are.
    let part = directory.path().join("k.mp4.part");
    assert!(!pictures(&part).is_empty());
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.entry("k").unwrap().kind, Kind::Unfinished);
    assert_eq!(
        store.repair().unwrap()[0].repair,
        Repair::Finished { torn: 0 }
    );
    let movie = Movie::open(&path).unwrap();
    assert!(movie.seconds() > 1.0);
    assert_eq!(
        pictures(&path).len(),
        movie.track(Track::Video).unwrap().samples.len()
    );
}

fn survives(bytes: Vec<u8>) {
    let length = bytes.len();
    let Ok(mut movie) = Movie::parse(Cursor::new(bytes)) else {
        return;
    };
    let samples: usize = movie.tracks.iter().map(|t| t.samples.len()).sum();
    assert!(samples <= length, "each sample takes a byte");
    assert!(movie.whole <= length as u64);
    let _ = movie.seconds();
    for kind in [Track::Video, Track::Audio] {
        for i in 0..3 {
            let _ = movie.packet(kind, i);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        survives(bytes.clone());
        let headed = [b"\0\0\0\x0cftypisom", &bytes[..]].concat();
        survives(headed);
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        finished in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        // Most of a file is samples; the tables are what can do harm.
        head in any::<bool>(),
    ) {
        let (fragmented, flat) = files();
        let mut bytes = if finished { flat.clone() } else { fragmented.clone() };
        let range = if head { 2_400 } else { bytes.len() };
        for (at, value) in changes {
            let at = at.index(range);
            bytes[at] = value;
        }
        survives(bytes);
    }
}
