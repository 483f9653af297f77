//! From a file of fragments to one with its index in front.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::mp4::head::{self, AUDIO_ID, Chunk, Stream, Table, VIDEO_ID};
use crate::mp4::{Coding, Sample};
use crate::read::{self, Movie, TrackInfo};

/// Size of the pieces in which samples are copied, bytes.
const PIECE: usize = 1 << 18;

/// Rewrites the fragments at `part` as a finished file at `target`, by way of
/// `scratch`, and removes `part`. A torn tail is left out.
///
/// # Errors
/// [`read::Error`]; then `part` is untouched and `target` does not exist.
pub fn finish(part: &Path, scratch: &Path, target: &Path) -> Result<(), read::Error> {
    let movie = Movie::open(part)?;
    let written = write(&movie, part, scratch);
    if written.is_err() {
        // What is left of it is of no use; the fragments are still there.
        let _ = fs::remove_file(scratch);
    }
    written?;
    fs::rename(scratch, target)?;
    // The file is there now; what follows can be done again at the next start.
    let tidied = sync_directory(target).and_then(|()| fs::remove_file(part));
    if let Err(error) = tidied {
        tracing::warn!(file = %part.display(), %error, "the fragments of a finished recording stay");
    }
    Ok(())
}

/// Makes a rename in the directory of `path` durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// A run of bytes that goes from one file to the other.
struct Piece {
    from: u64,
    length: u64,
    samples: u32,
    track: usize,
}

fn write<R>(movie: &Movie<R>, part: &Path, scratch: &Path) -> Result<(), read::Error> {
    let tracks: Vec<&TrackInfo> = movie
        .tracks
        .iter()
        .filter(|track| !track.samples.is_empty())
        .collect();
    if tracks.is_empty() {
        return Err(read::Error::Format("it holds no samples"));
    }
    let mut pieces: Vec<Piece> = tracks
        .iter()
        .enumerate()
        .flat_map(|(track, info)| {
            info.samples
                .chunk_by(|a, b| a.offset + u64::from(a.size) == b.offset)
                .map(move |run: &[Sample]| Piece {
                    from: run[0].offset,
                    length: head::bytes(run),
                    samples: run.len() as u32,
                    track,
                })
        })
        .collect();
    pieces.sort_by_key(|piece| piece.from);

    let mut chunks: Vec<Vec<Chunk>> = vec![Vec::new(); tracks.len()];
    let mut payload = 0;
    for piece in &pieces {
        chunks[piece.track].push(Chunk {
            offset: payload,
            samples: piece.samples,
        });
        payload += piece.length;
    }
    let tables: Vec<Table> = tracks
        .iter()
        .zip(&chunks)
        .map(|(track, chunks)| Table {
            stream: Stream {
                id: match track.coding {
                    Coding::Avc(_) => VIDEO_ID,
                    Coding::Opus(_) => AUDIO_ID,
                },
                coding: &track.coding,
                edit: track.edit,
            },
            samples: &track.samples,
            chunks,
        })
        .collect();

    let mut input = BufReader::with_capacity(PIECE, File::open(part)?);
    let mut output = BufWriter::with_capacity(PIECE, File::create(scratch)?);
    output.write_all(&head::finished(&tables, payload))?;
    for piece in &pieces {
        input.seek(SeekFrom::Start(piece.from))?;
        let copied = io::copy(&mut (&mut input).take(piece.length), &mut output)?;
        if copied != piece.length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    let output = output
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    output.sync_all()?;
    Ok(())
}
