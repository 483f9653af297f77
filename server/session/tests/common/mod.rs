//! Fakes of every seam, exact enough to prove what the conductor does.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use media::seam::{
    AudioEncoder, EncodeError, EncodedPicture, LipSync, LipSyncError, MouthSource, RenderError,
    Renderer, Sink, SinkState, VideoEncoder,
};
use media::{
    Blendshape, Clause, Cue, FaceControls, HOP, MediaTime, Packet, Phoneme, Picture, Rect, Timings,
    Viseme, Word,
};
use session::{Limits, Parts, Pipeline};

/// Delay of the fake mouth when it hears: four hops, like the real one.
pub const LOOK_AHEAD: i64 = 4 * HOP as i64;

/// Opens the jaw as far as the loudest sample of what it heard; delays what it
/// hears exactly as a real one does.
#[derive(Default)]
pub struct EchoMouth {
    heard: Vec<f32>,
    planned: Vec<(i64, i64)>,
}

impl LipSync for EchoMouth {
    fn look_ahead(&self) -> i64 {
        LOOK_AHEAD
    }

    fn plan(&mut self, start: MediaTime, timings: &Timings) {
        self.planned.extend(
            timings
                .phonemes
                .iter()
                .filter(|p| p.viseme != Viseme::Sil)
                .map(|p| (start.0 + p.start, start.0 + p.end)),
        );
    }

    fn hop(
        &mut self,
        at: MediaTime,
        sound: &[f32; HOP],
        source: MouthSource,
    ) -> Result<FaceControls, LipSyncError> {
        let mut face = FaceControls::rest(at);
        let jaw = match source {
            MouthSource::Planned => {
                let open = self.planned.iter().any(|(a, b)| *a <= at.0 && at.0 < *b);
                f32::from(open)
            }
            MouthSource::Heard => {
                self.heard
                    .push(sound.iter().fold(0.0, |a: f32, s| a.max(s.abs())));
                let hops = LOOK_AHEAD as usize / HOP;
                self.heard
                    .len()
                    .checked_sub(hops + 1)
                    .map_or(0.0, |i| self.heard[i])
            }
        };
        face.set(Blendshape::JawOpen, jaw);
        Ok(face)
    }

    fn act(&mut self, _: Cue) {}

    fn cancel(&mut self) {
        self.heard.clear();
        self.planned.clear();
    }
}

/// Paints the whole luma plane with the jaw.
pub struct Paint;

impl Renderer for Paint {
    fn size(&self) -> (usize, usize) {
        (16, 16)
    }

    fn render(&mut self, face: &FaceControls, picture: &mut Picture) -> Result<(), RenderError> {
        let value = (face.get(Blendshape::JawOpen) * 200.0) as u8;
        picture.changed = if picture.y[0] == value {
            Rect::EMPTY
        } else {
            Rect {
                x: 0,
                y: 0,
                width: 16,
                height: 16,
            }
        };
        picture.y.fill(value);
        picture.at = face.at;
        Ok(())
    }
}

/// "Encodes" by writing the luma of the first pixel.
pub struct FirstPixel;

impl VideoEncoder for FirstPixel {
    fn encode(&mut self, picture: &Picture, key: bool) -> Result<EncodedPicture, EncodeError> {
        Ok(EncodedPicture {
            data: Bytes::copy_from_slice(&picture.y[..1]),
            key,
        })
    }

    fn set_bitrate(&mut self, _: u32) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// "Encodes" by writing all samples.
pub struct Raw;

impl AudioEncoder for Raw {
    fn encode(&mut self, sound: &[f32; HOP]) -> Result<Bytes, EncodeError> {
        Ok(sound.iter().flat_map(|s| s.to_le_bytes()).collect())
    }

    fn pre_skip(&self) -> u16 {
        0
    }
}

/// Keeps every packet.
#[derive(Clone, Default)]
pub struct Kept(pub Arc<Mutex<Vec<Packet>>>);

impl Sink for Kept {
    fn write(&mut self, packet: &Packet) -> SinkState {
        self.0.lock().unwrap().push(packet.clone());
        SinkState::Open
    }
}

pub fn parts() -> Parts {
    Parts {
        lip_sync: Box::new(EchoMouth::default()),
        renderer: Box::new(Paint),
        video: Box::new(FirstPixel),
        audio: Box::new(Raw),
    }
}

pub fn pipeline(limits: Limits) -> (Pipeline, Kept) {
    let mut pipeline = Pipeline::new(parts(), limits);
    let kept = Kept::default();
    pipeline.add_sink(Box::new(kept.clone()));
    (pipeline, kept)
}

pub fn no_time() -> Duration {
    Duration::ZERO
}

/// A clause of words of 200 ms each, one phoneme a word.
pub fn clause(offset: usize, text: &str) -> (Clause, Timings, Vec<f32>) {
    const WORD: i64 = 9_600;
    let mut timings = Timings::default();
    let mut from = 0;
    for (n, word) in text.split(' ').enumerate() {
        let (start, end) = (n as i64 * WORD, (n as i64 + 1) * WORD);
        timings.words.push(Word {
            text: word.into(),
            range: from..from + word.len(),
            start,
            end,
        });
        timings.phonemes.push(Phoneme {
            ipa: "a".into(),
            viseme: Viseme::Aa,
            start,
            end,
            stress: 0,
        });
        from += word.len() + 1;
    }
    let samples = vec![0.5; (timings.words.len() as i64 * WORD) as usize];
    let clause = Clause {
        text: text.into(),
        range: offset..offset + text.len(),
        ends_sentence: true,
    };
    (clause, timings, samples)
}

/// The samples of a raw audio packet.
pub fn samples(packet: &Packet) -> Vec<f32> {
    packet
        .data
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}
