//! A directory of recordings.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use thiserror::Error;

use crate::read::{self, Movie};
use crate::recorder::{Files, PART, Recorder, Settings};
use crate::repair::{self, Repaired};

/// Why a recording could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The name cannot be that of a recording.
    #[error("a recording's id has 1 to 128 letters, digits, '-' or '_', got {0:?}")]
    Id(String),
    /// There is none.
    #[error("there is no recording {0}")]
    NotFound(String),
    /// There is one already.
    #[error("there is already a recording {0}")]
    Exists(String),
    /// It is still being recorded or made ready.
    #[error("recording {0} is still being made")]
    Unfinished(String),
    /// The disk refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
}

impl Error {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<'_> {
        move |source| Self::Io {
            path: path.display().to_string(),
            source,
        }
    }
}

/// Whether a recording can be played to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Ready.
    Finished,
    /// Being recorded or made ready.
    Recording,
    /// Left by a crash: [`Store::repair`] makes it ready.
    Unfinished,
}

/// A recording in a store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Its name.
    pub id: String,
    /// Whether it is ready.
    pub kind: Kind,
    /// Length of its file, bytes.
    pub bytes: u64,
    /// How long it is, seconds; `None` when its file cannot be read.
    pub seconds: Option<f64>,
    /// When it was last written to: for a finished one, when it ended.
    pub modified: Option<SystemTime>,
}

/// A directory of recordings, each named by its id.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// Opens a store and makes its directory if it is not there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        let directory = directory.into();
        fs::create_dir_all(&directory).map_err(Error::at(&directory))?;
        Ok(Self { directory })
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Finishes what a crash left. Call it once at start.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory cannot be listed.
    pub fn repair(&self) -> Result<Vec<Repaired>, Error> {
        repair::directory(&self.directory).map_err(Error::at(&self.directory))
    }

    /// Begins a recording.
    ///
    /// # Errors
    /// [`Error::Id`], [`Error::Exists`], [`Error::Io`].
    pub fn record(&self, id: &str, settings: Settings) -> Result<Recorder, Error> {
        let path = self.path(id)?;
        Recorder::create(&path, settings).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists(id.to_owned()),
            _ => Error::at(&path)(error),
        })
    }

    /// A finished recording and its length in bytes.
    ///
    /// # Errors
    /// [`Error::Id`], [`Error::NotFound`], [`Error::Unfinished`],
    /// [`Error::Io`].
    pub fn get(&self, id: &str) -> Result<(File, u64), Error> {
        let path = self.path(id)?;
        let open = || {
            let file = File::open(&path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        open().map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::NotFound if Files::of(&path).part.exists() => {
                Error::Unfinished(id.to_owned())
            }
            io::ErrorKind::NotFound => Error::NotFound(id.to_owned()),
            _ => Error::at(&path)(error),
        })
    }

    /// What is known of one recording.
    ///
    /// # Errors
    /// [`Error::Id`], [`Error::NotFound`].
    pub fn entry(&self, id: &str) -> Result<Entry, Error> {
        let path = self.path(id)?;
        look(id, &path).ok_or_else(|| Error::NotFound(id.to_owned()))
    }

    /// All recordings, by name.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory cannot be listed.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let names = fs::read_dir(&self.directory).map_err(Error::at(&self.directory))?;
        let mut ids: Vec<String> = names
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let name = name.strip_suffix(PART).unwrap_or(&name);
                let id = name.strip_suffix(".mp4")?;
                is_id(id).then(|| id.to_owned())
            })
            .collect();
        ids.sort();
        ids.dedup();
        // One that vanishes meanwhile is not there.
        Ok(ids
            .iter()
            .filter_map(|id| look(id, &self.path(id).ok()?))
            .collect())
    }

    /// Deletes a recording that is not being made.
    ///
    /// # Errors
    /// [`Error::Id`], [`Error::NotFound`], [`Error::Unfinished`],
    /// [`Error::Io`].
    pub fn delete(&self, id: &str) -> Result<(), Error> {
        let path = self.path(id)?;
        let files = Files::of(&path);
        let entry = self.entry(id)?;
        if entry.kind == Kind::Recording {
            return Err(Error::Unfinished(id.to_owned()));
        }
        for file in [&files.part, &files.target] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::at(file)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the finished file of this id is or will be.
    ///
    /// # Errors
    /// [`Error::Id`].
    pub fn path(&self, id: &str) -> Result<PathBuf, Error> {
        if !is_id(id) {
            return Err(Error::Id(id.chars().take(140).collect()));
        }
        Ok(self.directory.join(format!("{id}.mp4")))
    }
}

/// Nothing that could lead out of the directory or mean something to a shell.
fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn look(id: &str, path: &Path) -> Option<Entry> {
    let files = Files::of(path);
    let (file, kind) = if files.target.is_file() {
        (&files.target, Kind::Finished)
    } else if is_locked(&files.part) {
        (&files.part, Kind::Recording)
    } else {
        (&files.part, Kind::Unfinished)
    };
    let metadata = fs::metadata(file).ok()?;
    Some(Entry {
        id: id.to_owned(),
        kind,
        bytes: metadata.len(),
        seconds: seconds(file),
        modified: metadata.modified().ok(),
    })
}

fn is_locked(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
}

/// How long a file is. The header of a finished one says it.
fn seconds(path: &Path) -> Option<f64> {
    let file = File::open(path).ok()?;
    match read::stated_seconds(&mut io::BufReader::new(file)) {
        Some(seconds) => Some(seconds),
        None => Movie::open(path).ok().map(|movie| movie.seconds()),
    }
}
