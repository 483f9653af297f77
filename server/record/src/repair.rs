//! Finishing what a crash left.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::finish;
use crate::read::{self, Movie};
use crate::recorder::{Files, PART};

/// What was done about an unfinished file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repair {
    /// It was finished; so many bytes of a torn tail were left out.
    Finished {
        /// Length of the torn tail, bytes.
        torn: u64,
    },
    /// It could not be rewritten (the disk is full) and was given its name as
    /// it is, without the torn tail. It can be played.
    Fragmented {
        /// Length of the torn tail, bytes.
        torn: u64,
    },
    /// It held no picture, or its finished file was there, and was removed.
    Removed,
    /// A recorder is writing it.
    InUse,
    /// It is no recording of ours, or cannot be read, and was not touched.
    Untouched {
        /// Why.
        why: String,
    },
}

/// An unfinished file and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Name of the recording without its extensions.
    pub id: String,
    /// What was done.
    pub repair: Repair,
}

/// Finishes all unfinished recordings in a directory, in the order of their
/// names. Files with other names are not looked at.
///
/// # Errors
/// When the directory cannot be listed. What goes wrong with a single file is
/// in its [`Repair`].
pub fn directory(directory: &Path) -> io::Result<Vec<Repaired>> {
    let unfinished = format!(".mp4{PART}");
    let mut ids: Vec<String> = fs::read_dir(directory)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            if !entry.file_type().ok()?.is_file() {
                return None;
            }
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(&unfinished).map(str::to_owned)
        })
        .collect();
    ids.sort();
    Ok(ids
        .into_iter()
        .map(|id| {
            let files = Files::of(&directory.join(format!("{id}.mp4")));
            let repair = file(&files).unwrap_or_else(|error| Repair::Untouched {
                why: error.to_string(),
            });
            tracing::info!(%id, ?repair, "unfinished recording");
            Repaired { id, repair }
        })
        .collect())
}

fn file(files: &Files) -> Result<Repair, read::Error> {
    let part = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&files.part)?;
    if let Err(fs::TryLockError::WouldBlock) = part.try_lock() {
        return Ok(Repair::InUse);
    }
    if files.target.exists() || part.metadata()?.len() == 0 {
        fs::remove_file(&files.part)?;
        return Ok(Repair::Removed);
    }
    let movie = Movie::open(&files.part)?;
    if movie.tracks.iter().all(|track| track.samples.is_empty()) {
        fs::remove_file(&files.part)?;
        return Ok(Repair::Removed);
    }
    let torn = movie.length() - movie.whole;
    if torn > 0 {
        part.set_len(movie.whole)?;
    }
    match finish::finish(&files.part, &files.scratch, &files.target) {
        Ok(()) => Ok(Repair::Finished { torn }),
        Err(error) => {
            tracing::warn!(file = %files.target.display(), %error, "the recording stays in fragments");
            fs::rename(&files.part, &files.target)?;
            Ok(Repair::Fragmented { torn })
        }
    }
}
