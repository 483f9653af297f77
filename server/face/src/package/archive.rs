//! The files of a package: a folder, or a zip that ends in `.avatar`.
//!
//! Only the names in [`NAMES`] are ever read or written, all of them plain
//! file names, so no entry of an archive can reach another folder. Every file
//! is read up to its limit and no further, whatever its header says.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::Error;
use super::manifest::MAX_MANIFEST;
use crate::neural::MAX_NETWORK;

pub(super) const MANIFEST: &str = "avatar.toml";
pub(super) const LANDMARKS: &str = "landmarks.f32";
pub(super) const PICTURE: &str = "picture.jpg";
pub(super) const PICTURE_PNG: &str = "picture.png";
pub(super) const PERSON: &str = "person.png";
pub(super) const EYES_CLOSED: &str = "eyes_closed.jpg";
pub(super) const EYES_CLOSED_PNG: &str = "eyes_closed.png";
pub(super) const PREVIEW: &str = "preview.jpg";
pub(super) const NETWORK: &str = "mouth.onnx";

/// Every file a package may hold, and its largest size in bytes.
const NAMES: [(&str, u64); 9] = [
    (MANIFEST, MAX_MANIFEST),
    (LANDMARKS, 478 * 3 * 4),
    (PICTURE, PICTURE_BYTES),
    (PICTURE_PNG, PICTURE_BYTES),
    (PERSON, PICTURE_BYTES),
    (EYES_CLOSED, PICTURE_BYTES),
    (EYES_CLOSED_PNG, PICTURE_BYTES),
    (PREVIEW, 1 << 20),
    (NETWORK, MAX_NETWORK),
];

/// More than a picture of 2048² in 16-bit RGBA takes.
const PICTURE_BYTES: u64 = 40 << 20;

/// Largest package, bytes; in a folder, its network is not counted.
pub const MAX_PACKAGE: u64 = 64 << 20;

/// File name to content.
pub(super) type Files = BTreeMap<&'static str, Vec<u8>>;

fn known(name: &str) -> Result<(&'static str, u64), Error> {
    NAMES
        .into_iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| Error::UnknownFile(name.chars().take(80).collect()))
}

/// Reads a file to its end, or fails when it is longer than its limit.
pub(super) fn read_up_to(name: &str, limit: u64, file: impl Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::Io(format!("{name}: {e}")))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            what: name.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// A network in a folder has a limit of its own.
fn check_total(files: &Files, with_network: bool) -> Result<(), Error> {
    let total: u64 = files
        .iter()
        .filter(|(name, _)| with_network || **name != NETWORK)
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    if total > MAX_PACKAGE {
        return Err(Error::TooLarge {
            what: "the package".into(),
            limit: MAX_PACKAGE,
        });
    }
    Ok(())
}

/// Reads a folder. Files of other names are refused, as in an archive.
pub(super) fn read_folder(folder: &Path) -> Result<Files, Error> {
    let io = |e: std::io::Error| Error::Io(format!("{}: {e}", folder.display()));
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        let (name, limit) = known(&name.to_string_lossy())?;
        // A link could lead anywhere.
        if !entry.file_type().map_err(io)?.is_file() {
            return Err(Error::NotAFile(name.to_owned()));
        }
        let file = std::fs::File::open(entry.path()).map_err(io)?;
        files.insert(name, read_up_to(name, limit, file)?);
        check_total(&files, false)?;
    }
    Ok(files)
}

/// Reads a zip.
pub(super) fn read_zip(archive: impl Read + Seek) -> Result<Files, Error> {
    let broken = |e: zip::result::ZipError| Error::Archive(e.to_string());
    let mut archive = ZipArchive::new(archive).map_err(broken)?;
    if archive.len() > NAMES.len() {
        return Err(Error::Archive(format!(
            "it holds {} entries, a package has at most {}",
            archive.len(),
            NAMES.len()
        )));
    }
    let mut files = Files::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(broken)?;
        let (name, limit) = known(&entry.name().map_err(broken)?)?;
        if !entry.is_file() {
            return Err(Error::NotAFile(name.to_owned()));
        }
        let bytes = read_up_to(name, limit, entry)?;
        if files.insert(name, bytes).is_some() {
            return Err(Error::Archive(format!("it holds {name} twice")));
        }
        check_total(&files, true)?;
    }
    Ok(files)
}

/// Writes a folder, which must not exist; it is complete or not there.
pub(super) fn write_folder(files: &Files, folder: &Path) -> Result<(), Error> {
    let io = |e: std::io::Error| Error::Io(format!("{}: {e}", folder.display()));
    std::fs::create_dir(folder).map_err(io)?;
    let written = files
        .iter()
        .try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes));
    written.map_err(|e| {
        // What was begun is of no use; that it cannot be removed either is the
        // same trouble.
        let _ = std::fs::remove_dir_all(folder);
        io(e)
    })
}

/// Writes a zip. The pictures are compressed already; the same files give the
/// same bytes.
pub(super) fn write_zip(files: &Files) -> Result<Vec<u8>, Error> {
    check_total(files, true)?;
    let failed = |e: zip::result::ZipError| Error::Encode(e.to_string());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    for (name, bytes) in files {
        zip.start_file(*name, options).map_err(failed)?;
        zip.write_all(bytes)
            .map_err(|e| Error::Encode(e.to_string()))?;
    }
    Ok(zip.finish().map_err(failed)?.into_inner())
}
