//! Which files were hashed before, so that a start need not read 200 MB.
//!
//! A stamp holds for a path, a size and a time of change. Losing the stamps
//! costs time, never correctness, so failing to read or write them is no error.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    /// Nanoseconds since 1970, as text: TOML integers end at 2^63.
    changed: String,
    sha256: String,
}

/// Where the stamps are kept in a folder of models; next to what is fetched.
const FILE: &str = "weights/.verified";

/// The stamps of one folder of models.
#[derive(Debug)]
pub(crate) struct Stamps {
    models: PathBuf,
    known: HashMap<String, Stamp>,
}

impl Stamps {
    pub(crate) fn load(models: &Path) -> Self {
        let known = std::fs::read_to_string(models.join(FILE))
            .ok()
            .and_then(|text| toml::from_str(&text).ok())
            .unwrap_or_default();
        Self {
            models: models.to_path_buf(),
            known,
        }
    }

    /// The hash of `path`, from its stamp if the file has not changed since.
    pub(crate) fn hash(&mut self, path: &Path, metadata: &Metadata) -> std::io::Result<Sha256> {
        if let Some(stamp) = self.known.get(&self.key(path))
            && Some(stamp.changed.as_str()) == changed(metadata).as_deref()
            && stamp.size == metadata.len()
            && let Ok(sha256) = Sha256::try_from(stamp.sha256.clone())
        {
            return Ok(sha256);
        }
        let sha256 = Sha256::of_file(path)?;
        self.remember(path, metadata, sha256);
        Ok(sha256)
    }

    /// Notes that `path` has this hash.
    pub(crate) fn remember(&mut self, path: &Path, metadata: &Metadata, sha256: Sha256) {
        let Some(changed) = changed(metadata) else {
            return;
        };
        let stamp = Stamp {
            size: metadata.len(),
            changed,
            sha256: sha256.to_string(),
        };
        self.known.insert(self.key(path), stamp);
        self.save();
    }

    /// Stamps hold wherever the folder is reached from.
    fn key(&self, path: &Path) -> String {
        path.strip_prefix(&self.models)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    fn save(&self) {
        let Ok(text) = toml::to_string(&self.known) else {
            return;
        };
        // Renamed into place: two servers may start at once.
        let file = self.models.join(FILE);
        let fresh = file.with_extension(format!("{}.partial", std::process::id()));
        if std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &file))
            .is_err()
        {
            // A folder of models that cannot be written is fine.
            std::fs::remove_file(&fresh).ok();
        }
    }
}

fn changed(metadata: &Metadata) -> Option<String> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_nanos().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_stamp_holds_until_size_or_time_change() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("weights")).unwrap();
        let path = folder.path().join("w");
        let set = |bytes: &[u8], second: u64| {
            fs::write(&path, bytes).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        };
        let hash = || {
            Stamps::load(folder.path())
                .hash(&path, &path.metadata().unwrap())
                .unwrap()
        };

        set(b"one", 1);
        let first = hash();
        // Same size and time: the stamp answers, the file is not read.
        set(b"two", 1);
        assert_eq!(hash(), first);
        set(b"two", 2);
        let second = hash();
        assert_ne!(second, first);
        set(b"three", 2);
        assert_ne!(hash(), second);
    }

    #[test]
    fn broken_or_unwritable_stamps_only_cost_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w");
        fs::write(&path, b"one").unwrap();
        let metadata = path.metadata().unwrap();
        let expected = Sha256::of_file(&path).unwrap();
        let hash = || Stamps::load(folder.path()).hash(&path, &metadata).unwrap();
        assert_eq!(hash(), expected);
        fs::create_dir(folder.path().join("weights")).unwrap();
        fs::write(folder.path().join(FILE), b"not = [toml").unwrap();
        assert_eq!(hash(), expected);
    }
}
