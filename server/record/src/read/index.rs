//! The index of a movie (`moov`): its tracks and, in a finished file, their
//! samples.

use super::{Budget, MAX_OTHERS, TrackInfo};
use crate::mp4::boxes::Fields;
use crate::mp4::{Coding, Edit, Opus, Sample, avc};

/// The tracks of an index, those in codings that are known; the codings of
/// `others`.
pub(super) fn tracks(
    moov: Fields,
    length: u64,
    budget: &mut Budget,
    others: &mut Vec<[u8; 4]>,
) -> Option<Vec<TrackInfo>> {
    let mut tracks = Vec::new();
    for (_, trak) in moov.boxes().filter(|(kind, _)| kind == b"trak") {
        let mut tkhd = trak.find(b"tkhd")?;
        let (version, _) = tkhd.version()?;
        tkhd.time(version)?;
        tkhd.time(version)?;
        let id = tkhd.u32()?;
        let turns = turns(tkhd, version);
        let mdia = trak.find(b"mdia")?;
        let mut mdhd = mdia.find(b"mdhd")?;
        let (version, _) = mdhd.version()?;
        mdhd.time(version)?;
        mdhd.time(version)?;
        let timescale = mdhd.u32()?;
        let stbl = mdia.find(b"minf")?.find(b"stbl")?;
        let stsd = stbl.find(b"stsd")?;
        let Some(coding) = coding(stsd) else {
            others.extend(entry_kind(stsd).filter(|_| others.len() < MAX_OTHERS));
            continue;
        };
        let edit = match trak.find(b"edts").and_then(|edts| edts.find(b"elst")) {
            Some(elst) => edit(elst)?,
            None => Edit::default(),
        };
        tracks.push(TrackInfo {
            id,
            coding,
            timescale,
            edit,
            turns,
            samples: samples_of_table(stbl, length, budget)?,
            end: 0,
        });
    }
    Some(tracks)
}

/// The quarter turns of a track whose header was read up to its identifier
/// (`tkhd`, §8.3.2). Mirrored and slanted pictures are shown as they are.
fn turns(mut tkhd: Fields, version: u8) -> u8 {
    let mut matrix = || {
        tkhd.u32()?;
        tkhd.time(version)?;
        // Reserved words, layer, group, volume.
        tkhd.bytes(16)?;
        let (a, b) = (tkhd.u32()? as i32, tkhd.u32()? as i32);
        tkhd.u32()?;
        Some((a, b, tkhd.u32()? as i32, tkhd.u32()? as i32))
    };
    match matrix() {
        Some((0, b, c, 0)) if b > 0 && c < 0 => 1,
        Some((a, 0, 0, d)) if a < 0 && d < 0 => 2,
        Some((0, b, c, 0)) if b < 0 && c > 0 => 3,
        _ => 0,
    }
}

/// The coding that a track's description names.
fn entry_kind(mut stsd: Fields) -> Option<[u8; 4]> {
    stsd.version()?;
    stsd.u32()?;
    stsd.boxes().next().map(|(kind, _)| kind)
}

fn coding(mut stsd: Fields) -> Option<Coding> {
    stsd.version()?;
    stsd.u32()?;
    let (kind, mut entry) = stsd.boxes().next()?;
    match &kind {
        b"avc1" => {
            entry.bytes(78)?;
            let mut avcc = entry.find(b"avcC")?;
            avcc.bytes(4)?;
            // Lengths of four bytes and one set of each kind are what we write.
            if avcc.u8()? & 3 != 3 || avcc.u8()? & 0x1f != 1 {
                return None;
            }
            let length = avcc.u16()?;
            let sps = avcc.bytes(usize::from(length))?.to_vec();
            if avcc.u8()? != 1 {
                return None;
            }
            let length = avcc.u16()?;
            let pps = avcc.bytes(usize::from(length))?.to_vec();
            avc::Config::new(sps, pps).map(Coding::Avc)
        }
        b"Opus" => {
            entry.bytes(28)?;
            let mut dops = entry.find(b"dOps")?;
            dops.u8()?;
            Some(Coding::Opus(Opus {
                channels: dops.u8()?,
                pre_skip: dops.u16()?,
            }))
        }
        _ => None,
    }
}

fn edit(mut elst: Fields) -> Option<Edit> {
    let (version, _) = elst.version()?;
    let count = elst.u32()?;
    let mut edit = Edit::default();
    for _ in 0..count {
        let duration = elst.time(version)?;
        let from = elst.time(version)?;
        elst.u32()?;
        let empty = if version == 1 {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        if from == empty {
            edit.delay = edit.delay.checked_add(duration)?;
        } else {
            edit.from = from;
            break;
        }
    }
    // Beyond this no sum of times below could be trusted.
    (edit.delay < 1 << 48 && edit.from < 1 << 48).then_some(edit)
}

/// Samples of a finished file (§8.6, §8.7).
fn samples_of_table(stbl: Fields, length: u64, budget: &mut Budget) -> Option<Vec<Sample>> {
    let full = |kind: &[u8; 4]| {
        let mut body = stbl.find(kind)?;
        body.version()?;
        Some(body)
    };
    let mut stsz = full(b"stsz")?;
    let (size, count) = (stsz.u32()?, stsz.u32()?);
    if count as usize > budget.samples || u64::from(count) > budget.bytes {
        return None;
    }
    let mut stts = full(b"stts")?;
    stts.u32()?;
    let mut durations = std::iter::from_fn(|| Some((stts.u32()?, stts.u32()?)))
        .flat_map(|(run, duration)| std::iter::repeat_n(duration, run as usize));
    let mut ctts = full(b"ctts");
    if let Some(ctts) = &mut ctts {
        ctts.u32()?;
    }
    let mut shifts = std::iter::from_fn(|| {
        let ctts = ctts.as_mut()?;
        Some((ctts.u32()?, ctts.u32()? as i32))
    })
    .flat_map(|(run, shift)| std::iter::repeat_n(shift, run as usize));
    let mut stsc = full(b"stsc")?;
    stsc.u32()?;
    let mut runs = std::iter::from_fn(move || {
        let run = (stsc.u32()?, stsc.u32()?);
        stsc.u32()?;
        Some(run)
    })
    .peekable();
    let (mut chunks, wide) = match full(b"co64") {
        Some(co64) => (co64, true),
        None => (full(b"stco")?, false),
    };
    chunks.u32()?;
    let mut samples = Vec::new();
    let mut chunk = 0;
    let mut per_chunk = 0;
    let mut left = 0;
    let mut offset = 0;
    for _ in 0..count {
        if left == 0 {
            chunk += 1;
            while let Some((_, samples)) = runs.next_if(|(first, _)| *first <= chunk) {
                per_chunk = samples;
            }
            left = per_chunk.checked_sub(1)?;
            offset = if wide {
                chunks.u64()?
            } else {
                u64::from(chunks.u32()?)
            };
        } else {
            left -= 1;
        }
        let sample = Sample {
            offset,
            size: if size == 0 { stsz.u32()? } else { size },
            duration: durations.next()?,
            shift: shifts.next().unwrap_or(0),
            key: true,
        };
        budget.take(sample)?;
        if !sample.is_inside(length) {
            return None;
        }
        offset += u64::from(sample.size);
        samples.push(sample);
    }
    if let Some(mut stss) = full(b"stss") {
        stss.u32()?;
        for sample in &mut samples {
            sample.key = false;
        }
        while let Some(number) = stss.u32() {
            let index = (number as usize).checked_sub(1)?;
            samples.get_mut(index)?.key = true;
        }
    }
    Some(samples)
}
