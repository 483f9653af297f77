//! Packets to fragments: which packet goes where, and how long it lasts.
//!
//! A sample's duration is known when the next one of its track comes, so the
//! newest packet of each track is held back. Gaps (pictures that were left out)
//! thus become longer samples, and nothing drifts.

use std::collections::VecDeque;

use media::{MediaTime, Packet, Track};

use crate::mp4::head::{self, AUDIO_ID, Run, Stream, VIDEO_ID};
use crate::mp4::{Coding, Edit, Opus, Sample, avc};
use crate::recorder::Ended;

/// A fragment is cut when it holds this much, media-clock samples: one second.
/// It is what a crash can lose, and one write.
const FRAGMENT: u64 = media::CLOCK_HZ as u64;

/// Sound that is decoded but not heard before the first picture, so that the
/// decoder has converged by then (RFC 7845 §4.6), media-clock samples.
const PREROLL: i64 = 3_840;

/// Packets of sound that are kept while the first key frame is awaited: one
/// second, more than sound ever runs ahead of its picture.
const KEPT: usize = 50;

/// One track's part of the fragment being gathered.
struct Lane {
    /// Time zero of the track.
    origin: MediaTime,
    /// The newest packet, whose duration is not yet known.
    newest: Option<Packet>,
    samples: Vec<Sample>,
    payload: Vec<u8>,
    /// Time of the first of `samples`, from `origin`.
    at: u64,
    length: u64,
}

impl Lane {
    const fn new(origin: MediaTime) -> Self {
        Self {
            origin,
            newest: None,
            samples: Vec::new(),
            payload: Vec::new(),
            at: 0,
            length: 0,
        }
    }

    fn push(&mut self, packet: &Packet) -> Result<(), Ended> {
        if let Some(newest) = self.newest.take() {
            self.settle(&newest, packet.pts - newest.pts)?;
        }
        self.newest = Some(packet.clone());
        Ok(())
    }

    /// Adds a packet whose duration is known.
    fn settle(&mut self, packet: &Packet, duration: i64) -> Result<(), Ended> {
        let duration = u32::try_from(duration).map_err(|_| Ended::TimesRanBack)?;
        if duration == 0 || packet.pts < self.origin {
            return Err(Ended::TimesRanBack);
        }
        let size = match packet.track {
            Track::Video => avc::append_sample(&packet.data, &mut self.payload),
            Track::Audio => {
                self.payload.extend_from_slice(&packet.data);
                packet.data.len()
            }
        };
        if size == 0 {
            return Err(Ended::EmptyPacket);
        }
        if self.samples.is_empty() {
            self.at = (packet.pts - self.origin) as u64;
        }
        self.samples.push(Sample {
            offset: 0,
            size: size as u32,
            duration,
            shift: 0,
            key: packet.track == Track::Audio || packet.key,
        });
        self.length += u64::from(duration);
        Ok(())
    }

    const fn run(&self, id: u32) -> Option<Run<'_>> {
        if self.samples.is_empty() {
            return None;
        }
        Some(Run {
            id,
            at: self.at,
            samples: self.samples.as_slice(),
        })
    }

    fn clear(&mut self) {
        self.samples.clear();
        self.payload.clear();
        self.length = 0;
    }
}

/// The part of a recording that has begun.
struct Begun {
    config: avc::Config,
    video: Lane,
    audio: Option<Lane>,
    audio_edit: Edit,
    /// Number of fragments so far; the head goes in front of the first.
    fragments: u32,
    /// Media time written, from the first picture.
    written: u64,
}

/// Gathers packets into fragments.
pub struct Fragmenter {
    pre_skip: u16,
    early: VecDeque<Packet>,
    begun: Option<Begun>,
}

impl Fragmenter {
    pub const fn new(pre_skip: u16) -> Self {
        Self {
            pre_skip,
            early: VecDeque::new(),
            begun: None,
        }
    }

    /// Takes a packet and gives what is to be appended to the file, if a
    /// fragment is complete.
    ///
    /// # Errors
    /// [`Ended`] when the stream cannot be continued. What was gathered before
    /// can still be had from [`Fragmenter::finish`].
    pub fn push(&mut self, packet: &Packet) -> Result<Option<Vec<u8>>, Ended> {
        let Some(begun) = &mut self.begun else {
            return self.begin(packet).map(|()| None);
        };
        match packet.track {
            Track::Video => {
                if packet.key
                    && avc::Config::of_key_frame(&packet.data).as_ref() != Some(&begun.config)
                {
                    return Err(Ended::ParametersChanged);
                }
                begun.video.push(packet)?;
            }
            Track::Audio => begun.push_audio(packet, self.pre_skip)?,
        }
        // Sound counts for the case that pictures stay away.
        let length = |lane: &Lane| lane.length;
        let sound = begun.audio.as_ref().map_or(0, length);
        if begun.video.length >= FRAGMENT || sound >= 2 * FRAGMENT {
            return Ok(begun.cut(self.pre_skip));
        }
        Ok(None)
    }

    /// The last fragment.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let begun = self.begun.as_mut()?;
        for lane in std::iter::once(&mut begun.video).chain(&mut begun.audio) {
            if let Some(newest) = lane.newest.take() {
                // A packet that makes no sense is left out: there is nothing
                // behind it that it could push out of place.
                let _ = lane.settle(&newest, newest.duration);
            }
        }
        begun.cut(self.pre_skip)
    }

    /// Media time handed out so far, samples; `None` before the first key
    /// frame.
    pub fn written(&self) -> Option<u64> {
        self.begun.as_ref().map(|begun| begun.written)
    }

    fn begin(&mut self, packet: &Packet) -> Result<(), Ended> {
        if packet.track == Track::Audio {
            if self.early.len() == KEPT {
                self.early.pop_front();
            }
            self.early.push_back(packet.clone());
            return Ok(());
        }
        if !packet.key {
            return Ok(());
        }
        let Some(config) = avc::Config::of_key_frame(&packet.data) else {
            return Ok(());
        };
        let mut begun = Begun {
            config,
            video: Lane::new(packet.pts),
            audio: None,
            audio_edit: Edit::default(),
            fragments: 0,
            written: 0,
        };
        begun.video.push(packet)?;
        for packet in self.early.drain(..) {
            begun.push_audio(&packet, self.pre_skip)?;
        }
        self.begun = Some(begun);
        Ok(())
    }
}

impl Begun {
    fn push_audio(&mut self, packet: &Packet, pre_skip: u16) -> Result<(), Ended> {
        let first_picture = self.video.origin;
        let audio = match &mut self.audio {
            Some(audio) => audio,
            None if packet.pts + packet.duration <= first_picture - PREROLL => return Ok(()),
            None => {
                self.audio_edit = Edit {
                    delay: (packet.pts - first_picture).max(0) as u64,
                    from: u64::from(pre_skip) + (first_picture - packet.pts).max(0) as u64,
                };
                self.audio.insert(Lane::new(packet.pts))
            }
        };
        // Sound that comes after the head was written without it, and belongs
        // in front of what the head says, can only be left out.
        if packet.pts < audio.origin && audio.newest.is_none() && audio.samples.is_empty() {
            return Ok(());
        }
        audio.push(packet)
    }

    fn cut(&mut self, pre_skip: u16) -> Option<Vec<u8>> {
        // No sound came with the first second: the head says that it begins
        // with the picture, and the fragments say when it does.
        let first_picture = self.video.origin;
        let audio = self.audio.get_or_insert_with(|| {
            self.audio_edit = Edit {
                delay: 0,
                from: u64::from(pre_skip),
            };
            Lane::new(first_picture)
        });
        let runs: Vec<Run> = [self.video.run(VIDEO_ID), audio.run(AUDIO_ID)]
            .into_iter()
            .flatten()
            .collect();
        if runs.is_empty() {
            return None;
        }
        let mut out = Vec::new();
        if self.fragments == 0 {
            out = head::fragmented(&[
                Stream {
                    id: VIDEO_ID,
                    coding: &Coding::Avc(self.config.clone()),
                    edit: Edit::default(),
                },
                Stream {
                    id: AUDIO_ID,
                    coding: &Coding::Opus(Opus {
                        channels: 1,
                        pre_skip,
                    }),
                    edit: self.audio_edit,
                },
            ]);
        }
        self.fragments += 1;
        out.extend_from_slice(&head::fragment(self.fragments, &runs));
        out.extend_from_slice(&self.video.payload);
        out.extend_from_slice(&audio.payload);
        if !self.video.samples.is_empty() {
            self.written = self.video.at + self.video.length;
        }
        self.video.clear();
        audio.clear();
        Some(out)
    }
}
