//! Reading one member of a package's archive (zip, as wheels are, or tar.gz, as
//! npm's are). Only the member asked for is read; nothing is written to a path
//! that an archive names.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

/// Why a member was not copied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive is damaged, is none, or lacks the member.
    #[error("{0}")]
    Damaged(String),
    /// The copy could not be written.
    #[error("cannot write: {0}")]
    Write(#[source] io::Error),
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::Damaged(error.to_string())
}

/// Copies `member` of the archive at `path` to `out`, at most `limit` bytes.
pub(crate) fn copy(
    path: &Path,
    member: &str,
    limit: u64,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let mut file = BufReader::new(File::open(path).map_err(damaged)?);
    let mut magic = [0; 2];
    file.read_exact(&mut magic).map_err(damaged)?;
    file.rewind().map_err(damaged)?;
    match &magic {
        b"PK" => {
            let mut archive = zip::ZipArchive::new(file).map_err(damaged)?;
            let mut member = archive.by_name(member).map_err(damaged)?;
            transfer(&mut member, limit, out)
        }
        [0x1f, 0x8b] => {
            let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
            for entry in archive.entries().map_err(damaged)? {
                let mut entry = entry.map_err(damaged)?;
                if *entry.path_bytes() == *member.as_bytes() {
                    return transfer(&mut entry, limit, out);
                }
            }
            Err(damaged(format_args!("it has no {member}")))
        }
        _ => Err(damaged("it is neither zip nor gzip")),
    }
}

/// Like [`io::copy`], but tells a bad archive from a full disk, and stops at
/// the size that is expected: an archive may unpack to anything.
fn transfer(from: &mut dyn Read, limit: u64, to: &mut dyn Write) -> Result<(), Error> {
    let mut buffer = vec![0; 1 << 16];
    let mut copied = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(damaged(error)),
        };
        copied += read as u64;
        if copied > limit {
            return Err(damaged(format_args!(
                "it unpacks to more than the {limit} bytes listed"
            )));
        }
        to.write_all(&buffer[..read]).map_err(Error::Write)?;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A zip with these members.
    pub(crate) fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// A gzipped tar with these members.
    pub(crate) fn tgz_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(gzip);
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn read(archive: &[u8], member: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, archive).unwrap();
        let mut out = Vec::new();
        copy(&path, member, limit, &mut out).map(|()| out)
    }

    #[test]
    fn a_member_is_copied_from_either_kind() {
        let members: [(&str, &[u8]); 2] = [("d/a", b"first"), ("d/b", b"second")];
        for archive in [zip_of(&members), tgz_of(&members)] {
            assert_eq!(read(&archive, "d/b", 6).unwrap(), b"second");
            assert!(matches!(read(&archive, "d/c", 6), Err(Error::Damaged(_))));
            assert!(matches!(read(&archive, "d/b", 5), Err(Error::Damaged(_))));
        }
    }

    #[test]
    fn cut_and_foreign_archives_are_damaged() {
        let noise: Vec<u8> = (0..20_000u32)
            .map(|i| (i.wrapping_mul(i) >> 5) as u8)
            .collect();
        for archive in [zip_of(&[("a", &noise)]), tgz_of(&[("a", &noise)])] {
            for cut in [0, 1, 10, archive.len() / 2] {
                assert!(matches!(
                    read(&archive[..cut], "a", 20_000),
                    Err(Error::Damaged(_))
                ));
            }
        }
        assert!(matches!(
            read(b"plain text", "a", 9),
            Err(Error::Damaged(_))
        ));
    }

    #[test]
    fn a_full_disk_is_not_blamed_on_the_archive() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, zip_of(&[("a", b"x")])).unwrap();
        assert!(matches!(
            copy(&path, "a", 1, &mut Full),
            Err(Error::Write(_))
        ));
    }
}
