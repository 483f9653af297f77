//! Reading MP4, fragmented or finished: recordings, for repair, for tools, and
//! for tests, and videos from elsewhere.
//!
//! Nothing in a file is trusted. Memory is bounded by the length of the file
//! (each sample takes at least one byte of it) and by [`MAX_SAMPLES`].

mod index;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use media::Track;
use thiserror::Error;

use crate::mp4::boxes::Fields;
use crate::mp4::{Coding, Edit, Sample, avc};
use crate::walk::{self, Step};

/// Most samples that are read from a file: 60 hours at 75 packets a second.
pub const MAX_SAMPLES: usize = 16_000_000;

/// Largest head of a fragment that is read, bytes. Ours have a few hundred.
const MAX_MOOF: u64 = 16 << 20;

/// Largest index that is read, bytes: what [`MAX_SAMPLES`] need at most.
const MAX_MOOV: u64 = 512 << 20;

/// Most codings that [`Movie::others`] tells of.
pub const MAX_OTHERS: usize = 8;

/// Why a file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read at all.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// The file is no MP4 or is damaged.
    #[error("not a recording that can be read: {0}")]
    Format(&'static str),
}

/// One track of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInfo {
    id: u32,
    /// How to decode it.
    pub coding: Coding,
    /// Ticks a second of [`Sample::duration`] and of [`Edit::from`].
    pub timescale: u32,
    /// Where it lies on the movie's time line.
    pub edit: Edit,
    /// Quarter turns clockwise by which pictures are to be turned, 0..=3: phones
    /// store upright videos lying.
    pub turns: u8,
    /// All samples in decoding order.
    pub samples: Vec<Sample>,
    /// Where the next fragment is expected, on the track's own time line.
    end: u64,
}

impl TrackInfo {
    /// Which of our tracks it is.
    #[must_use]
    pub const fn kind(&self) -> Track {
        match self.coding {
            Coding::Avc(_) => Track::Video,
            Coding::Opus(_) => Track::Audio,
        }
    }

    /// Sum of all sample durations, in the track's timescale.
    #[must_use]
    pub fn duration(&self) -> u64 {
        crate::mp4::head::duration(&self.samples)
    }

    /// When each sample is shown or its sound begins to be heard, in the
    /// track's timescale from the movie's beginning, in decoding order. Negative
    /// times are cut off by players.
    pub fn times(&self) -> impl Iterator<Item = i64> + '_ {
        let mut at = self.edit.delay as i64 - self.edit.from as i64;
        self.samples.iter().map(move |sample| {
            let now = at + i64::from(sample.shift);
            at += i64::from(sample.duration);
            now
        })
    }
}

/// An MP4 file with H.264, Opus or both.
#[derive(Debug)]
pub struct Movie<R> {
    input: R,
    length: u64,
    /// Whether it consists of fragments.
    pub fragmented: bool,
    /// Its tracks; those in other codings are left out.
    pub tracks: Vec<TrackInfo>,
    /// The codings of those that were left out (§8.5.2), such as `hvc1`, at
    /// most [`MAX_OTHERS`].
    pub others: Vec<[u8; 4]>,
    /// Behind the last whole fragment or box, bytes. Less than the file's
    /// length when its tail is torn.
    pub whole: u64,
}

impl Movie<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::parse(BufReader::new(File::open(path)?))
    }
}

impl<R: Read + Seek> Movie<R> {
    /// Reads the index of a file. A torn tail is left out, see
    /// [`Movie::whole`].
    ///
    /// # Errors
    /// [`Error::Format`] when there is no movie in it.
    pub fn parse(mut input: R) -> Result<Self, Error> {
        let length = input.seek(SeekFrom::End(0))?;
        let mut movie = Self {
            input,
            length,
            fragmented: false,
            tracks: Vec::new(),
            others: Vec::new(),
            whole: 0,
        };
        let mut budget = Budget {
            bytes: length,
            samples: MAX_SAMPLES,
        };
        let mut at = 0;
        let mut defaults = None;
        // A fragment counts when its data is there too.
        let mut open = None;
        while let Step::Box(found) = walk::step(&mut movie.input, at, length)? {
            at = found.end;
            match &found.kind {
                b"ftyp" if found.start == 0 => {}
                _ if found.start == 0 => return Err(Error::Format("it does not begin with ftyp")),
                b"moov" if defaults.is_none() => {
                    let body = walk::contents(&mut movie.input, found, MAX_MOOV)?;
                    let moov = Fields(&body);
                    movie.fragmented = moov.find(b"mvex").is_some();
                    defaults = Some(trex(moov));
                    movie.tracks = index::tracks(moov, length, &mut budget, &mut movie.others)
                        .ok_or(Error::Format("its index is damaged"))?;
                }
                b"moof" => {
                    let Some(defaults) = &defaults else {
                        return Err(Error::Format("a fragment lies before the index"));
                    };
                    // A damaged fragment is a torn tail: what is before it counts.
                    let Ok(body) = walk::contents(&mut movie.input, found, MAX_MOOF) else {
                        break;
                    };
                    let Some(runs) = fragment(Fields(&body), found.start, defaults, &mut budget)
                    else {
                        break;
                    };
                    open = Some(runs);
                    continue;
                }
                b"mdat" => {
                    let runs = open.take().unwrap_or_default();
                    let inside = |sample: &Sample| sample.is_inside(found.end);
                    if !runs.iter().all(|run| run.samples.iter().all(inside)) {
                        break;
                    }
                    for run in runs {
                        movie.append(run);
                    }
                }
                _ => {}
            }
            movie.whole = at;
        }
        if defaults.is_none() {
            return Err(Error::Format("it has no index"));
        }
        Ok(movie)
    }

    fn append(&mut self, run: Run) {
        let Some(track) = self.tracks.iter_mut().find(|track| track.id == run.track) else {
            return;
        };
        let at = run.at.unwrap_or(track.end);
        match track.samples.last_mut() {
            None => {
                track.edit.delay = track.edit.delay.saturating_add(at);
                track.end = at;
            }
            // A gap makes the sample before it longer.
            Some(last) if at > track.end => {
                let gap = u32::try_from(at - track.end).unwrap_or(u32::MAX);
                let longer = last.duration.saturating_add(gap);
                track.end += u64::from(longer - last.duration);
                last.duration = longer;
            }
            Some(_) => {}
        }
        track.end += crate::mp4::head::duration(&run.samples);
        track.samples.extend(run.samples);
    }

    /// The track of this kind.
    #[must_use]
    pub fn track(&self, kind: Track) -> Option<&TrackInfo> {
        self.tracks.iter().find(|track| track.kind() == kind)
    }

    /// How long the movie is, seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.tracks
            .iter()
            .map(|track| {
                let ticks = track.duration().saturating_sub(track.edit.from);
                (track.edit.delay + ticks) as f64 / f64::from(track.timescale.max(1))
            })
            .fold(0.0, f64::max)
    }

    /// Length of the file, bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The stored bytes of a sample.
    ///
    /// # Errors
    /// [`Error::Io`] when reading fails.
    pub fn payload(&mut self, sample: Sample) -> Result<Vec<u8>, Error> {
        self.input.seek(SeekFrom::Start(sample.offset))?;
        let mut payload = vec![0; sample.size as usize];
        self.input.read_exact(&mut payload)?;
        Ok(payload)
    }

    /// The payload of the packet that sample number `index` was made from:
    /// with start codes and parameter sets for pictures, as it is for sound.
    /// `None` behind the last one.
    ///
    /// # Errors
    /// [`Error::Io`] when reading fails, [`Error::Format`] when the sample's
    /// own structure is damaged.
    pub fn packet(&mut self, kind: Track, index: usize) -> Result<Option<Vec<u8>>, Error> {
        let Some(track) = self.track(kind) else {
            return Ok(None);
        };
        let Some(&sample) = track.samples.get(index) else {
            return Ok(None);
        };
        let coding = track.coding.clone();
        let payload = self.payload(sample)?;
        match coding {
            Coding::Opus(_) => Ok(Some(payload)),
            Coding::Avc(config) => avc::access_unit(&payload, &config, sample.key)
                .map(Some)
                .ok_or(Error::Format("a picture is damaged")),
        }
    }
}

/// What may still be taken from a file.
struct Budget {
    bytes: u64,
    samples: usize,
}

impl Budget {
    fn take(&mut self, sample: Sample) -> Option<()> {
        if sample.size == 0 {
            return None;
        }
        self.bytes = self.bytes.checked_sub(u64::from(sample.size))?;
        self.samples = self.samples.checked_sub(1)?;
        Some(())
    }
}

/// Defaults for the samples of fragments (`trex`, §8.8.3).
#[derive(Clone, Copy)]
struct Defaults {
    track: u32,
    duration: u32,
    size: u32,
    flags: u32,
}

fn trex(moov: Fields) -> Vec<Defaults> {
    let Some(mvex) = moov.find(b"mvex") else {
        return Vec::new();
    };
    mvex.boxes()
        .filter(|(kind, _)| kind == b"trex")
        .filter_map(|(_, mut body)| {
            body.version()?;
            let track = body.u32()?;
            body.u32()?;
            Some(Defaults {
                track,
                duration: body.u32()?,
                size: body.u32()?,
                flags: body.u32()?,
            })
        })
        .collect()
}

/// Samples of one track in one fragment.
struct Run {
    track: u32,
    at: Option<u64>,
    samples: Vec<Sample>,
}

fn fragment(
    moof: Fields,
    start: u64,
    defaults: &[Defaults],
    budget: &mut Budget,
) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    for (_, traf) in moof.boxes().filter(|(kind, _)| kind == b"traf") {
        let mut tfhd = traf.find(b"tfhd")?;
        let (_, flags) = tfhd.version()?;
        let track = tfhd.u32()?;
        let mut default = defaults
            .iter()
            .copied()
            .find(|defaults| defaults.track == track)
            .unwrap_or(Defaults {
                track,
                duration: 0,
                size: 0,
                flags: 0,
            });
        let base = if flags & 0x1 != 0 { tfhd.u64()? } else { start };
        if flags & 0x2 != 0 {
            tfhd.u32()?;
        }
        if flags & 0x8 != 0 {
            default.duration = tfhd.u32()?;
        }
        if flags & 0x10 != 0 {
            default.size = tfhd.u32()?;
        }
        if flags & 0x20 != 0 {
            default.flags = tfhd.u32()?;
        }
        let at = match traf.find(b"tfdt") {
            Some(mut tfdt) => {
                let (version, _) = tfdt.version()?;
                Some(tfdt.time(version)?)
            }
            None => None,
        };
        let mut run = Run {
            track,
            at,
            samples: Vec::new(),
        };
        let mut next = base;
        for (_, trun) in traf.boxes().filter(|(kind, _)| kind == b"trun") {
            samples_of_run(trun, base, &mut next, default, budget, &mut run.samples)?;
        }
        runs.push(run);
    }
    Some(runs)
}

fn samples_of_run(
    mut trun: Fields,
    base: u64,
    next: &mut u64,
    default: Defaults,
    budget: &mut Budget,
    samples: &mut Vec<Sample>,
) -> Option<()> {
    let (_, flags) = trun.version()?;
    let count = trun.u32()?;
    if flags & 0x1 != 0 {
        let offset = trun.u32()? as i32;
        *next = base.checked_add_signed(i64::from(offset))?;
    }
    let first_flags = if flags & 0x4 != 0 {
        Some(trun.u32()?)
    } else {
        None
    };
    for i in 0..count {
        let mut field = |present: u32, default: u32| {
            if flags & present != 0 {
                trun.u32()
            } else {
                Some(default)
            }
        };
        let duration = field(0x100, default.duration)?;
        let size = field(0x200, default.size)?;
        let usual = match first_flags {
            Some(first) if i == 0 => first,
            _ => default.flags,
        };
        let sample_flags = field(0x400, usual)?;
        let shift = field(0x800, 0)? as i32;
        let sample = Sample {
            offset: *next,
            size,
            duration,
            shift,
            key: sample_flags & 0x0001_0000 == 0,
        };
        budget.take(sample)?;
        samples.push(sample);
        *next = next.checked_add(u64::from(size))?;
    }
    Some(())
}

/// What the head of a finished file says of its length, seconds, without
/// reading its tables. `None` for one in fragments.
pub(crate) fn stated_seconds(input: &mut (impl Read + Seek)) -> Option<f64> {
    let length = input.seek(SeekFrom::End(0)).ok()?;
    let mut at = 0;
    while let Ok(Step::Box(found)) = walk::step(input, at, length) {
        at = found.end;
        if &found.kind != b"moov" {
            continue;
        }
        let Ok(Step::Box(first)) = walk::step(input, found.body, found.end) else {
            return None;
        };
        if &first.kind != b"mvhd" {
            return None;
        }
        let body = walk::contents(input, first, 1 << 10).ok()?;
        let mut mvhd = Fields(&body);
        let (version, _) = mvhd.version()?;
        mvhd.time(version)?;
        mvhd.time(version)?;
        let timescale = mvhd.u32()?;
        let duration = mvhd.time(version)?;
        return (duration > 0 && timescale > 0).then(|| duration as f64 / f64::from(timescale));
    }
    None
}
