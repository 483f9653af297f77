//! The heads of a recording: of a fragmented file, of a fragment, and of a
//! finished file.
//!
//! Dates are zero and nothing else depends on when or where it runs, so equal
//! packets give equal files.

use super::boxes::Writer;
use super::{Coding, Edit, Opus, Sample, TIMESCALE, avc};

/// Track numbers: pictures, then sound.
pub const VIDEO_ID: u32 = 1;
/// See [`VIDEO_ID`].
pub const AUDIO_ID: u32 = 2;

/// `sample_flags` (§8.8.3.1) of a sample that depends on no other, and of one
/// that does and cannot be begun at.
const SYNC: u32 = 0x0200_0000;
const NOT_SYNC: u32 = 0x0101_0000;

/// Opus needs 80 ms to converge after a seek (RFC 7845 §4.6): four packets.
const OPUS_ROLL: i16 = -4;

/// What a fragmented file's head says of a track.
pub struct Stream<'a> {
    /// [`VIDEO_ID`] or [`AUDIO_ID`].
    pub id: u32,
    /// How to decode it.
    pub coding: &'a Coding,
    /// Where it lies on the movie's time line.
    pub edit: Edit,
}

/// A run of samples that lie next to each other in a finished file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Position behind the file's head, bytes.
    pub offset: u64,
    /// Number of samples.
    pub samples: u32,
}

/// What a finished file's head says of a track.
pub struct Table<'a> {
    /// The track.
    pub stream: Stream<'a>,
    /// All its samples; their offsets do not matter.
    pub samples: &'a [Sample],
    /// Where they lie.
    pub chunks: &'a [Chunk],
}

/// What a fragment's head says of a track.
pub struct Run<'a> {
    /// The track.
    pub id: u32,
    /// Time of the first sample on the track's own time line.
    pub at: u64,
    /// The samples, which lie next to each other in the fragment.
    pub samples: &'a [Sample],
}

/// `ftyp` and `moov` of a fragmented file.
pub fn fragmented(streams: &[Stream]) -> Vec<u8> {
    let mut w = Writer::default();
    w.boxed(b"ftyp", |w| {
        w.bytes(b"iso5");
        w.u32(0x200);
        w.bytes(b"iso5iso6mp41");
    });
    w.boxed(b"moov", |w| {
        movie_header(w, 0);
        for stream in streams {
            track(w, stream, 0, None);
        }
        w.boxed(b"mvex", |w| {
            for stream in streams {
                w.full(b"trex", 0, 0, |w| {
                    w.u32(stream.id);
                    w.u32(1); // sample description
                    w.zeros(12); // duration, size and flags: said in each fragment
                });
            }
        });
    });
    w.finish()
}

/// `moof` and the header of the `mdat` behind it, which holds the samples of
/// `runs` one run after the other.
pub fn fragment(sequence: u32, runs: &[Run]) -> Vec<u8> {
    let mut w = Writer::default();
    let mut offsets = Vec::with_capacity(runs.len());
    w.boxed(b"moof", |w| {
        w.full(b"mfhd", 0, 0, |w| w.u32(sequence));
        for run in runs {
            w.boxed(b"traf", |w| {
                // default-base-is-moof, default sample flags
                w.full(b"tfhd", 0, 0x02_0020, |w| {
                    w.u32(run.id);
                    w.u32(SYNC);
                });
                w.full(b"tfdt", 1, 0, |w| w.u64(run.at));
                let flagged = run.samples.iter().any(|sample| !sample.key);
                // data offset, durations, sizes, and flags where they differ
                let flags = 0x0301 | if flagged { 0x0400 } else { 0 };
                w.full(b"trun", 0, flags, |w| {
                    w.u32(run.samples.len() as u32);
                    offsets.push(w.position());
                    w.u32(0);
                    for sample in run.samples {
                        w.u32(sample.duration);
                        w.u32(sample.size);
                        if flagged {
                            w.u32(if sample.key { SYNC } else { NOT_SYNC });
                        }
                    }
                });
            });
        }
    });
    let mut offset = w.position() as u32 + 8;
    for (run, at) in runs.iter().zip(offsets) {
        w.patch_u32(at, offset);
        offset += bytes(run.samples) as u32;
    }
    let size = offset - w.position() as u32;
    w.u32(size);
    w.bytes(b"mdat");
    w.finish()
}

/// `ftyp`, `moov` and the header of the `mdat` behind them, for a finished
/// file with `payload` bytes of samples.
pub fn finished(tables: &[Table], payload: u64) -> Vec<u8> {
    // The head's length does not depend on the offsets in it, so it is made
    // twice: to learn its length, and with the offsets moved by it.
    let wide = payload > u64::from(u32::MAX) - (1 << 26);
    let length = finished_at(tables, payload, wide, 0).len() as u64;
    // 64 MiB hold the tables of about 100 days; a head larger than that would
    // need wide offsets.
    let wide = wide || length > 1 << 26;
    let length = finished_at(tables, payload, wide, 0).len() as u64;
    finished_at(tables, payload, wide, length)
}

fn finished_at(tables: &[Table], payload: u64, wide: bool, base: u64) -> Vec<u8> {
    let mut w = Writer::default();
    w.boxed(b"ftyp", |w| {
        w.bytes(b"isom");
        w.u32(0x200);
        w.bytes(b"isomiso2avc1mp41");
    });
    w.boxed(b"moov", |w| {
        movie_header(w, tables.iter().map(shown).max().unwrap_or(0));
        for table in tables {
            track(w, &table.stream, shown(table), Some((table, wide, base)));
        }
    });
    if wide {
        w.u32(1);
        w.bytes(b"mdat");
        w.u64(payload + 16);
    } else {
        w.u32(payload as u32 + 8);
        w.bytes(b"mdat");
    }
    w.finish()
}

/// Sum of the lengths of samples, bytes.
pub fn bytes(samples: &[Sample]) -> u64 {
    samples.iter().map(|sample| u64::from(sample.size)).sum()
}

/// Sum of the durations of samples.
pub fn duration(samples: &[Sample]) -> u64 {
    samples
        .iter()
        .map(|sample| u64::from(sample.duration))
        .sum()
}

/// When a track ends on the movie's time line.
fn shown(table: &Table) -> u64 {
    let edit = table.stream.edit;
    edit.delay + duration(table.samples).saturating_sub(edit.from)
}

fn movie_header(w: &mut Writer, duration: u64) {
    w.full(b"mvhd", 1, 0, |w| {
        w.zeros(16); // creation and modification time
        w.u32(TIMESCALE);
        w.u64(duration);
        w.u32(0x0001_0000); // rate 1
        w.u16(0x0100); // volume 1
        w.zeros(10);
        matrix(w);
        w.zeros(24);
        w.u32(AUDIO_ID + 1); // next track
    });
}

/// The unit matrix (§8.2.2).
fn matrix(w: &mut Writer) {
    for value in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        w.u32(value);
    }
}

fn track(w: &mut Writer, stream: &Stream, shown: u64, table: Option<(&Table, bool, u64)>) {
    let (video, width, height) = match stream.coding {
        Coding::Avc(config) => (true, config.width, config.height),
        Coding::Opus(_) => (false, 0, 0),
    };
    w.boxed(b"trak", |w| {
        // enabled, in movie
        w.full(b"tkhd", 1, 3, |w| {
            w.zeros(16);
            w.u32(stream.id);
            w.zeros(4);
            w.u64(shown);
            w.zeros(8);
            w.u16(0); // layer
            w.u16(0); // alternate group
            w.u16(if video { 0 } else { 0x0100 });
            w.zeros(2);
            matrix(w);
            w.u32(u32::from(width) << 16);
            w.u32(u32::from(height) << 16);
        });
        edits(w, stream.edit, shown);
        w.boxed(b"mdia", |w| {
            w.full(b"mdhd", 1, 0, |w| {
                w.zeros(16);
                w.u32(TIMESCALE);
                w.u64(table.map_or(0, |(table, ..)| duration(table.samples)));
                w.u16(0x55c4); // und
                w.zeros(2);
            });
            w.full(b"hdlr", 0, 0, |w| {
                w.zeros(4);
                w.bytes(if video { b"vide" } else { b"soun" });
                w.zeros(12);
                w.bytes(if video { b"Picture\0" } else { b"Sound\0" });
            });
            w.boxed(b"minf", |w| {
                if video {
                    w.full(b"vmhd", 0, 1, |w| w.zeros(8));
                } else {
                    w.full(b"smhd", 0, 0, |w| w.zeros(4));
                }
                w.boxed(b"dinf", |w| {
                    w.full(b"dref", 0, 0, |w| {
                        w.u32(1);
                        // the samples are in this file
                        w.full(b"url ", 0, 1, |_| {});
                    });
                });
                w.boxed(b"stbl", |w| {
                    w.full(b"stsd", 0, 0, |w| {
                        w.u32(1);
                        match stream.coding {
                            Coding::Avc(config) => avc1(w, config),
                            Coding::Opus(opus) => opus_entry(w, *opus),
                        }
                    });
                    sample_tables(w, stream, table);
                });
            });
        });
    });
}

fn edits(w: &mut Writer, edit: Edit, shown: u64) {
    w.boxed(b"edts", |w| {
        w.full(b"elst", 1, 0, |w| {
            w.u32(if edit.delay > 0 { 2 } else { 1 });
            if edit.delay > 0 {
                w.u64(edit.delay);
                w.u64(u64::MAX); // -1: empty
                w.u32(0x0001_0000);
            }
            // Zero while the length is not known: to the end.
            w.u64(shown.saturating_sub(edit.delay));
            w.u64(edit.from);
            w.u32(0x0001_0000);
        });
    });
}

fn avc1(w: &mut Writer, config: &avc::Config) {
    w.boxed(b"avc1", |w| {
        w.zeros(6);
        w.u16(1); // data reference
        w.zeros(16);
        w.u16(config.width);
        w.u16(config.height);
        w.u32(0x0048_0000); // 72 dpi
        w.u32(0x0048_0000);
        w.zeros(4);
        w.u16(1); // pictures in a sample
        w.zeros(32); // compressor's name
        w.u16(0x0018);
        w.u16(0xffff);
        w.boxed(b"avcC", |w| {
            w.u8(1);
            // Profile, constraints and level stand behind the NAL header.
            w.bytes(&[config.sps[1], config.sps[2], config.sps[3]]);
            w.u8(0xfc | 3); // lengths of four bytes
            w.u8(0xe0 | 1);
            w.u16(config.sps.len() as u16);
            w.bytes(&config.sps);
            w.u8(1);
            w.u16(config.pps.len() as u16);
            w.bytes(&config.pps);
        });
        w.boxed(b"colr", |w| {
            w.bytes(b"nclx");
            // BT.601 (SMPTE 170M), limited range: what a Picture holds.
            w.u16(6);
            w.u16(6);
            w.u16(6);
            w.u8(0);
        });
    });
}

fn opus_entry(w: &mut Writer, opus: Opus) {
    w.boxed(b"Opus", |w| {
        w.zeros(6);
        w.u16(1); // data reference
        w.zeros(8);
        w.u16(u16::from(opus.channels));
        w.u16(16); // sample size, by the specification of Opus in MP4
        w.zeros(4);
        w.u32(TIMESCALE << 16);
        w.boxed(b"dOps", |w| {
            w.u8(0); // version
            w.u8(opus.channels);
            w.u16(opus.pre_skip);
            w.u32(TIMESCALE); // rate of the input
            w.u16(0); // gain
            w.u8(0); // channel mapping family
        });
    });
}

fn sample_tables(w: &mut Writer, stream: &Stream, table: Option<(&Table, bool, u64)>) {
    let Some((table, wide, base)) = table else {
        for kind in [b"stts", b"stsc", b"stco"] {
            w.full(kind, 0, 0, |w| w.u32(0));
        }
        w.full(b"stsz", 0, 0, |w| w.zeros(8));
        return;
    };
    let samples = table.samples;
    w.full(b"stts", 0, 0, |w| {
        counted(w, |w| {
            let runs = samples.chunk_by(|a, b| a.duration == b.duration);
            runs.map(|run| {
                w.u32(run.len() as u32);
                w.u32(run[0].duration);
            })
            .count()
        });
    });
    if samples.iter().any(|sample| !sample.key) {
        w.full(b"stss", 0, 0, |w| {
            counted(w, |w| {
                let keys = samples.iter().enumerate().filter(|(_, sample)| sample.key);
                keys.map(|(i, _)| w.u32(i as u32 + 1)).count()
            });
        });
    }
    w.full(b"stsc", 0, 0, |w| {
        counted(w, |w| {
            let mut first = 1;
            let runs = table.chunks.chunk_by(|a, b| a.samples == b.samples);
            runs.map(|run| {
                w.u32(first);
                w.u32(run[0].samples);
                w.u32(1);
                first += run.len() as u32;
            })
            .count()
        });
    });
    w.full(b"stsz", 0, 0, |w| {
        w.u32(0);
        w.u32(samples.len() as u32);
        for sample in samples {
            w.u32(sample.size);
        }
    });
    let kind = if wide { b"co64" } else { b"stco" };
    w.full(kind, 0, 0, |w| {
        w.u32(table.chunks.len() as u32);
        for chunk in table.chunks {
            let at = base + chunk.offset;
            if wide {
                w.u64(at);
            } else {
                w.u32(at as u32);
            }
        }
    });
    if matches!(stream.coding, Coding::Opus(_)) {
        w.full(b"sgpd", 1, 0, |w| {
            w.bytes(b"roll");
            w.u32(2);
            w.u32(1);
            w.bytes(&OPUS_ROLL.to_be_bytes());
        });
        w.full(b"sbgp", 0, 0, |w| {
            w.bytes(b"roll");
            w.u32(1);
            w.u32(samples.len() as u32);
            w.u32(1);
        });
    }
}

/// Writes a count in front of entries that `body` writes and counts.
fn counted(w: &mut Writer, body: impl FnOnce(&mut Writer) -> usize) {
    let at = w.position();
    w.u32(0);
    let count = body(w) as u32;
    w.patch_u32(at, count);
}
