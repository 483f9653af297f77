//! Packages of avatars in a folder: found, replaced whole or not at all,
//! deleted.

use std::path::{Path, PathBuf};

use super::Error;
use crate::package::{self, Package};

/// The packages in a folder, in the order of their names; none if there is no
/// folder.
pub(super) fn packages(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        // One that is being written has a dot in front.
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .filter(|path| {
            path.join("avatar.toml").is_file() || path.extension().is_some_and(|e| e == "avatar")
        })
        .collect();
    found.sort();
    found
}

pub(super) fn io(path: &Path, e: &std::io::Error) -> Error {
    Error::Package(package::Error::Io(format!("{}: {e}", path.display())))
}

fn renamed(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::rename(from, to).map_err(|e| io(to, &e))
}

/// Deletes a package.
pub(super) fn delete(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    removed.map_err(|e| io(path, &e))
}

/// The packages of this id in a folder.
pub(super) fn of_id(folder: &Path, id: &str) -> impl Iterator<Item = PathBuf> {
    packages(folder)
        .into_iter()
        .filter(move |path| Package::read(path).is_ok_and(|package| package.meta().id == id))
}

/// Puts a package in the place of the one with its id. What cannot be written
/// leaves the old one; of a crash in between, [`restore`] makes good.
pub(super) fn replace(folder: &Path, package: &Package) -> Result<(), Error> {
    let id = &package.meta().id;
    let (place, new) = (folder.join(id), folder.join(format!(".{id}.new")));
    if new.exists() {
        delete(&new)?;
    }
    package.write_folder(&new)?;
    let Some(old) = of_id(folder, id).next() else {
        return renamed(&new, &place);
    };
    let name = old.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(format!(".{name}{ASIDE}"));
    renamed(&old, &aside)?;
    if let Err(error) = renamed(&new, &place) {
        renamed(&aside, &old)?;
        return Err(error);
    }
    delete(&aside)
}

/// How the name of a package ends that is being replaced.
const ASIDE: &str = ".old";

/// Brings back a package that was put aside for one that never came, and
/// deletes one whose successor is there.
pub(super) fn restore(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for aside in entries.filter_map(Result::ok) {
        let name = aside.file_name();
        let name = name.to_str().and_then(|name| name.strip_prefix('.'));
        let Some(name) = name.and_then(|name| name.strip_suffix(ASIDE)) else {
            continue;
        };
        let (aside, place) = (aside.path(), folder.join(name));
        let done = if place.exists() {
            delete(&aside)
        } else {
            renamed(&aside, &place)
        };
        if let Err(error) = done {
            tracing::warn!(%error, "an avatar that was put aside cannot be brought back");
        }
    }
}
