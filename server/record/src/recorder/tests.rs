use bytes::Bytes;
use media::{FRAME, MediaTime, Track, Turn};

use super::*;
use crate::read::Movie;

/// A disk that can be told to fail, to fill up or to stand still.
struct Faulty {
    file: File,
    room: usize,
    error: io::ErrorKind,
    gate: Arc<Mutex<()>>,
}

impl Medium for Faulty {
    fn append(&mut self, data: &[u8]) -> io::Result<()> {
        drop(self.gate.lock());
        let fits = data.len().min(self.room);
        self.room -= fits;
        self.file.write_all(&data[..fits])?;
        if fits < data.len() {
            return Err(self.error.into());
        }
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

fn start(directory: &Path, room: usize, error: io::ErrorKind, gate: &Arc<Mutex<()>>) -> Recorder {
    let files = Files::of(&directory.join("a.mp4"));
    let medium = Faulty {
        file: File::create(&files.part).unwrap(),
        room,
        error,
        gate: Arc::clone(gate),
    };
    Recorder::over(Box::new(medium), files, Settings::default()).unwrap()
}

/// A picture of `size` bytes; the first has parameter sets of 64×64.
fn picture(n: i64, size: usize) -> Packet {
    const HEAD: [u8; 29] = [
        0, 0, 0, 1, 0x67, 66, 0xc0, 31, 0x8c, 0x68, 0x42, 0x12, 0x69, 0xc0, 0, 0, 0, 1, 0x68, 0xce,
        0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, 0x84,
    ];
    let mut data = if n == 0 {
        HEAD.to_vec()
    } else {
        vec![0, 0, 0, 1, 0x41]
    };
    data.resize(data.len() + size, 0x9a);
    Packet {
        track: Track::Video,
        pts: MediaTime(n * FRAME),
        duration: FRAME,
        key: n == 0,
        turn: Turn(0),
        data: Bytes::from(data),
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_keeps_the_whole_fragments() {
    for (error, reason) in [
        (io::ErrorKind::StorageFull, Ended::DiskFull),
        (io::ErrorKind::QuotaExceeded, Ended::DiskFull),
        (
            io::ErrorKind::PermissionDenied,
            Ended::DiskFailed("permission denied".into()),
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let gate = Arc::default();
        // Room for two fragments and a half of 25 KB each.
        let mut recorder = start(directory.path(), 65_000, error, &gate);
        let handle = recorder.handle();
        for n in 0..150 {
            let _ = recorder.write(&picture(n, 1_000));
        }
        let status = handle.wait();
        assert_eq!(status.ended, Some(reason));
        assert_eq!(status.state, State::Finished);
        assert_eq!(status.duration_ms, 2_000);
        assert_eq!(recorder.write(&picture(150, 1_000)), SinkState::Closed);
        let movie = Movie::open(handle.path()).unwrap();
        assert_eq!(movie.track(Track::Video).unwrap().samples.len(), 50);
        assert_eq!(movie.whole, movie.length());
    }
}

#[test]
fn a_disk_that_stands_still_ends_the_recording_without_blocking() {
    let directory = tempfile::tempdir().unwrap();
    for (size, most) in [
        (100, QUEUE_PACKETS + 100),
        (200_000, QUEUE_BYTES / 200_000 + 100),
    ] {
        let gate = Arc::new(Mutex::new(()));
        let held = gate.lock().unwrap();
        let room = usize::MAX;
        let mut recorder = start(directory.path(), room, io::ErrorKind::Other, &gate);
        let handle = recorder.handle();
        let mut sent = 0;
        while recorder.write(&picture(sent, size)) == SinkState::Open {
            sent += 1;
            assert!(sent < most as i64, "the queue has no bound");
        }
        assert_eq!(handle.status().ended, Some(Ended::DiskTooSlow));
        assert!(!handle.status().is_final());
        drop(held);
        drop(recorder);
        let status = handle.wait();
        assert_eq!(status.state, State::Finished);
        assert_eq!(status.ended, Some(Ended::DiskTooSlow));
        // Everything that was taken is in the file.
        let movie = Movie::open(handle.path()).unwrap();
        assert_eq!(
            movie.track(Track::Video).unwrap().samples.len() as i64,
            sent
        );
        fs::remove_file(handle.path()).unwrap();
    }
}

#[test]
fn a_disk_that_takes_nothing_at_all_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Arc::default();
    let mut recorder = start(directory.path(), 0, io::ErrorKind::StorageFull, &gate);
    for n in 0..60 {
        let _ = recorder.write(&picture(n, 100));
    }
    let status = recorder.finish();
    assert_eq!(status.state, State::Empty);
    assert_eq!(status.ended, Some(Ended::DiskFull));
    assert_eq!(status.bytes, 0);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_status_says_in_json_what_happened() {
    let status = Status {
        state: State::Fragmented,
        bytes: 7,
        duration_ms: 40,
        ended: Some(Ended::DiskFailed("gone".into())),
    };
    assert_eq!(
        serde_json::to_value(&status).unwrap(),
        serde_json::json!({
            "state": "fragmented",
            "bytes": 7,
            "duration_ms": 40,
            "ended": { "reason": "disk_failed", "detail": "gone" },
        })
    );
}
