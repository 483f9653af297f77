//! A sink that writes what it is given.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use media::Packet;
use media::seam::{Sink, SinkState};
use serde::Serialize;

use crate::finish;
use crate::fragment::Fragmenter;

/// Most packets that wait for the disk: 20 s of pictures and sound. A disk that
/// stands still for longer is taken for dead.
pub const QUEUE_PACKETS: usize = 1_500;

/// Most bytes that wait for the disk: 8 MiB, a minute at 1 Mbit/s. It keeps a
/// session within its share of memory when the rate is high.
pub const QUEUE_BYTES: usize = 8 << 20;

/// What a recorder does when the disk is slower than the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// End the recording and keep what is complete: a session waits for
    /// nothing.
    #[default]
    End,
    /// Wait for the disk: for rendering on a virtual clock, which nobody
    /// watches.
    Wait,
}

/// How to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Samples by which decoded sound lags behind
    /// ([`media::seam::AudioEncoder::pre_skip`]). Default 312, that of libopus.
    pub pre_skip: u16,
    /// What to do when the disk is too slow. Default [`WhenFull::End`].
    pub when_full: WhenFull,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pre_skip: 312,
            when_full: WhenFull::End,
        }
    }
}

/// Why a recording took no more packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// It was closed.
    Closed,
    /// More waited for the disk than [`QUEUE_PACKETS`] or [`QUEUE_BYTES`].
    DiskTooSlow,
    /// The disk, the quota or the largest file size is used up.
    DiskFull,
    /// Writing failed for another reason.
    DiskFailed(String),
    /// A packet's time was not behind the one before it.
    TimesRanBack,
    /// A packet held nothing.
    EmptyPacket,
    /// A key frame came with other parameter sets.
    ParametersChanged,
}

impl Ended {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull,
            _ => Self::DiskFailed(error.to_string()),
        }
    }
}

/// How far a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Awaits the first key frame.
    Waiting,
    /// Takes packets.
    Recording,
    /// Is being rewritten with its index in front.
    Finishing,
    /// Is ready.
    Finished,
    /// Is ready and can be played, but could not be rewritten (the disk is
    /// full): the index is spread over the file.
    Fragmented,
    /// There is nothing: no picture came, or none could be written.
    Empty,
}

/// What is known of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// How far it is.
    pub state: State,
    /// Written so far; at the end the length of the file. Bytes.
    pub bytes: u64,
    /// Media time written so far, from the first picture, ms.
    pub duration_ms: u64,
    /// Why it takes no more packets, if so.
    pub ended: Option<Ended>,
}

impl Status {
    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self.state,
            State::Finished | State::Fragmented | State::Empty
        )
    }
}

struct Shared {
    status: Mutex<Status>,
    changed: Condvar,
    queued: AtomicUsize,
    closed: AtomicBool,
}

impl Shared {
    /// A status is always whole, also after a panic elsewhere.
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why no more packets are taken; the first reason holds.
    fn end(&self, ended: Ended) {
        self.closed.store(true, Ordering::Release);
        self.status().ended.get_or_insert(ended);
    }
}

/// Watches a recording, also after the [`Recorder`] is gone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    path: PathBuf,
}

impl Handle {
    /// What is known now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status().clone()
    }

    /// Waits until the file is ready. Drop the [`Recorder`] before.
    #[must_use]
    pub fn wait(&self) -> Status {
        let mut status = self.shared.status();
        while !status.is_final() {
            status = self
                .shared
                .changed
                .wait(status)
                .unwrap_or_else(PoisonError::into_inner);
        }
        status.clone()
    }

    /// Where the file will be when it is ready.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Records packets. Dropping it closes the recording; the file is made ready in
/// the background, see [`Handle::wait`].
pub struct Recorder {
    packets: SyncSender<Packet>,
    shared: Arc<Shared>,
    path: PathBuf,
    when_full: WhenFull,
}

impl Recorder {
    /// Begins a recording that will be at `path`, for callers without a
    /// [`crate::Store`]. While it runs it is at `path` with `.part` behind.
    ///
    /// # Errors
    /// When the file cannot be made, or one is there already.
    pub fn create(path: &Path, settings: Settings) -> io::Result<Self> {
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let files = Files::of(path);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&files.part)?;
        // Tells `repair` of another process that this one is in use. Where
        // locks do not exist nobody can be told. It waits for `Store::list` at
        // most, which holds a lock for a moment to see whether there is one.
        let _ = file.lock();
        Self::over(Box::new(Disk(file)), files, settings)
    }

    fn over(medium: Box<dyn Medium>, files: Files, settings: Settings) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            status: Mutex::new(Status {
                state: State::Waiting,
                bytes: 0,
                duration_ms: 0,
                ended: None,
            }),
            changed: Condvar::new(),
            queued: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let (packets, inbox) = sync_channel(QUEUE_PACKETS);
        let path = files.target.clone();
        let mut writer = Writer {
            medium,
            files,
            fragmenter: Fragmenter::new(settings.pre_skip),
            shared: Arc::clone(&shared),
        };
        thread::Builder::new()
            .name("recorder".into())
            .spawn(move || writer.run(&inbox))?;
        Ok(Self {
            packets,
            shared,
            path,
            when_full: settings.when_full,
        })
    }

    /// Something to watch the recording by.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
            path: self.path.clone(),
        }
    }

    /// Closes the recording and waits until its file is ready.
    #[must_use]
    pub fn finish(self) -> Status {
        let handle = self.handle();
        drop(self);
        handle.wait()
    }
}

impl Sink for Recorder {
    /// With [`WhenFull::End`] this never blocks. With [`WhenFull::Wait`] it
    /// blocks while the queue is full.
    fn write(&mut self, packet: &Packet) -> SinkState {
        if self.shared.closed.load(Ordering::Acquire) {
            return SinkState::Closed;
        }
        let size = packet.data.len();
        let queued = self.shared.queued.fetch_add(size, Ordering::AcqRel) + size;
        let result = match self.when_full {
            WhenFull::Wait => self.packets.send(packet.clone()).map_err(|_| None),
            WhenFull::End if queued > QUEUE_BYTES => Err(Some(Ended::DiskTooSlow)),
            WhenFull::End => self
                .packets
                .try_send(packet.clone())
                .map_err(|error| match error {
                    TrySendError::Full(_) => Some(Ended::DiskTooSlow),
                    // The writer has ended and has said why.
                    TrySendError::Disconnected(_) => None,
                }),
        };
        match result {
            Ok(()) => SinkState::Open,
            Err(reason) => {
                if let Some(reason) = reason {
                    self.shared.end(reason);
                }
                SinkState::Closed
            }
        }
    }
}

/// The names that a recording has in the course of its life.
pub(crate) struct Files {
    pub part: PathBuf,
    pub scratch: PathBuf,
    pub target: PathBuf,
}

impl Files {
    pub fn of(target: &Path) -> Self {
        let with = |suffix: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self {
            part: with(PART),
            scratch: with(".tmp"),
            target: target.to_owned(),
        }
    }
}

/// What stands behind the name of a file that is being recorded.
pub(crate) const PART: &str = ".part";

/// What fragments are written to. The tests have one that fails.
trait Medium: Send {
    /// Appends all of it, or some and an error.
    fn append(&mut self, data: &[u8]) -> io::Result<()>;

    /// Cuts off everything behind `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

struct Disk(File);

impl Medium for Disk {
    fn append(&mut self, data: &[u8]) -> io::Result<()> {
        self.0.write_all(data)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)?;
        self.0.seek(SeekFrom::Start(length)).map(|_| ())
    }
}

struct Writer {
    medium: Box<dyn Medium>,
    files: Files,
    fragmenter: Fragmenter,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&mut self, inbox: &Receiver<Packet>) {
        let ended = self.record(inbox).err().unwrap_or(Ended::Closed);
        self.shared.end(ended);
        let state = self.make_ready();
        let mut status = self.shared.status();
        status.state = state;
        if let Ok(file) = fs::metadata(&self.files.target) {
            status.bytes = file.len();
        }
        let (file, reason) = (self.files.target.display(), &status.ended);
        if *reason == Some(Ended::Closed) {
            tracing::info!(%file, ?state, "recording ended");
        } else {
            tracing::warn!(%file, ?state, ?reason, "recording ended early");
        }
    }

    fn record(&mut self, inbox: &Receiver<Packet>) -> Result<(), Ended> {
        let mut result = Ok(());
        for packet in inbox {
            self.shared
                .queued
                .fetch_sub(packet.data.len(), Ordering::AcqRel);
            match self.fragmenter.push(&packet) {
                Ok(Some(fragment)) => self.append(&fragment)?,
                Ok(None) => {}
                Err(ended) => {
                    result = Err(ended);
                    break;
                }
            }
        }
        if let Some(fragment) = self.fragmenter.finish() {
            self.append(&fragment)?;
        }
        result
    }

    fn append(&mut self, fragment: &[u8]) -> Result<(), Ended> {
        let before = self.shared.status().bytes;
        if let Err(error) = self.medium.append(fragment) {
            // Whatever part of it was written is cut off again; if even that
            // fails, the reader leaves it out.
            let _ = self.medium.cut(before);
            return Err(Ended::of(&error));
        }
        let written = self.fragmenter.written().unwrap_or(0);
        let mut status = self.shared.status();
        status.state = State::Recording;
        status.bytes += fragment.len() as u64;
        status.duration_ms = written * 1_000 / media::CLOCK_HZ as u64;
        Ok(())
    }

    /// Rewrites the file with its index in front, or keeps it as it is.
    fn make_ready(&mut self) -> State {
        let files = &self.files;
        if self.shared.status().bytes == 0 {
            if let Err(error) = fs::remove_file(&files.part) {
                tracing::warn!(file = %files.part.display(), %error, "an empty recording could not be removed");
            }
            return State::Empty;
        }
        self.shared.status().state = State::Finishing;
        let Err(error) = finish::finish(&files.part, &files.scratch, &files.target) else {
            return State::Finished;
        };
        tracing::warn!(file = %files.target.display(), %error, "the recording stays in fragments");
        if !files.target.exists()
            && let Err(error) = fs::rename(&files.part, &files.target)
        {
            tracing::error!(file = %files.part.display(), %error, "the recording could not be given its name");
        }
        State::Fragmented
    }
}

impl Drop for Writer {
    /// Whoever waits is told in any case, also when the thread panicked.
    fn drop(&mut self) {
        self.shared
            .end(Ended::DiskFailed("the recorder was torn down".into()));
        let mut status = self.shared.status();
        if !status.is_final() {
            status.state = State::Fragmented;
        }
        drop(status);
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
