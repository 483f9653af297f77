//! One session's pipeline: conductor, mouth, face, encoders and sinks, stepped
//! hop by hop. The clock is outside.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use media::seam::{
    AudioEncoder, EncodeError, LipSync, LipSyncError, MouthSource, RenderError, Renderer, Sink,
    SinkState, VideoEncoder,
};
use media::{FRAME, FaceControls, HOP, MediaTime, Packet, Picture, Track, Turn};
use thiserror::Error;

use crate::conductor::{Conductor, MouthStep, Step};
use crate::limits::Limits;
use crate::receipt::Mark;

/// Longest time between two pictures while nothing in them changes, samples:
/// 200 ms. Short enough for players to stay certain that the stream lives,
/// long enough that a face at rest costs a fifth.
const STILL_INTERVAL: i64 = 5 * FRAME;

/// Hops of digital silence after which the encoded silence is repeated instead
/// of encoded: 500 ms, by when the encoder has settled. Decoders take each of
/// these packets for itself, and the encoder goes on from silence.
const SETTLED: u32 = 25;

/// A stage failed for good.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// See [`LipSyncError`].
    #[error(transparent)]
    LipSync(#[from] LipSyncError),
    /// See [`RenderError`].
    #[error(transparent)]
    Render(#[from] RenderError),
    /// See [`EncodeError`].
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A stage whose cost is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Sound or phonemes to controls.
    LipSync,
    /// Controls to picture.
    Render,
    /// Picture to H.264.
    EncodeVideo,
    /// Sound to Opus.
    EncodeAudio,
    /// Packets to all sinks.
    Send,
}

impl Stage {
    /// All stages, in the order of the flow.
    pub const ALL: [Self; 5] = [
        Self::LipSync,
        Self::Render,
        Self::EncodeVideo,
        Self::EncodeAudio,
        Self::Send,
    ];

    /// Name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LipSync => "lipsync",
            Self::Render => "render",
            Self::EncodeVideo => "encode_video",
            Self::EncodeAudio => "encode_audio",
            Self::Send => "send",
        }
    }
}

/// Measures stages: called after each with the stage that just ended.
pub trait Meter {
    /// The time since the last call (or since [`Meter::start`]) went to `stage`.
    fn lap(&mut self, stage: Stage);
    /// A hop begins.
    fn start(&mut self);
}

/// Measures nothing.
#[derive(Debug, Default)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn lap(&mut self, _: Stage) {}
    fn start(&mut self) {}
}

/// Identifies a sink of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SinkId(pub u64);

/// The rooms that a pipeline is made of.
pub struct Parts {
    /// Sound or phonemes to controls.
    pub lip_sync: Box<dyn LipSync>,
    /// Controls to pictures.
    pub renderer: Box<dyn Renderer>,
    /// Pictures to H.264.
    pub video: Box<dyn VideoEncoder>,
    /// Sound to Opus.
    pub audio: Box<dyn AudioEncoder>,
}

/// What came of one hop.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Samples of content that left, and of which turn.
    pub consumed: Option<(Turn, usize)>,
    /// Sinks that closed themselves in this hop and were dropped.
    pub closed: Vec<SinkId>,
    /// Whether a picture was due and skipped because the hop ran late.
    pub skipped: bool,
    /// Whether a picture was sent.
    pub pictured: bool,
}

/// A conductor that producers fill while a pipeline plays it. Held only for
/// moments: nothing slow happens under the lock.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Conductor>>);

impl Shared {
    /// Locks the conductor.
    pub fn lock(&self) -> MutexGuard<'_, Conductor> {
        // A panic under this lock is a bug that ended its own session; the
        // state itself stays usable for closing down.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One session's pipeline.
pub struct Pipeline {
    conductor: Shared,
    parts: Parts,
    /// Sound for a renderer that listens, of one hop and what follows.
    heard: Option<Vec<f32>>,
    sinks: Vec<(SinkId, Box<dyn Sink>)>,
    next_sink: u64,
    picture: Picture,
    at: MediaTime,
    key_wanted: bool,
    last_picture: Option<MediaTime>,
    silent_hops: u32,
    silence: Bytes,
}

impl Pipeline {
    /// A pipeline at media time zero.
    #[must_use]
    pub fn new(parts: Parts, limits: Limits) -> Self {
        let (width, height) = parts.renderer.size();
        let preview = parts.renderer.preview();
        let conductor = Conductor::new(parts.lip_sync.look_ahead(), limits)
            .preview(preview.unwrap_or_default());
        Self {
            conductor: Shared(Arc::new(Mutex::new(conductor))),
            heard: preview.map(|_| Vec::new()),
            parts,
            sinks: Vec::new(),
            next_sink: 0,
            picture: Picture::black(width, height),
            at: MediaTime::ZERO,
            key_wanted: true,
            last_picture: None,
            silent_hops: 0,
            silence: Bytes::new(),
        }
    }

    /// The turn machine: fill it, interrupt it, take its events.
    #[must_use]
    pub fn conductor(&self) -> Shared {
        self.conductor.clone()
    }

    /// The moment of the next hop.
    #[must_use]
    pub const fn at(&self) -> MediaTime {
        self.at
    }

    /// The look-ahead that the opus decoder must skip, for recordings.
    #[must_use]
    pub fn pre_skip(&self) -> u16 {
        self.parts.audio.pre_skip()
    }

    /// Adds a sink. It gets a key frame with the next picture.
    pub fn add_sink(&mut self, sink: Box<dyn Sink>) -> SinkId {
        let id = SinkId(self.next_sink);
        self.next_sink += 1;
        self.sinks.push((id, sink));
        self.key_wanted = true;
        id
    }

    /// Removes a sink, which drops it.
    pub fn remove_sink(&mut self, id: SinkId) {
        self.sinks.retain(|(sink, _)| *sink != id);
    }

    /// Asks for a key frame with the next picture.
    pub const fn want_key(&mut self) {
        self.key_wanted = true;
    }

    /// Changes the video rate, bit/s.
    ///
    /// # Errors
    /// [`EncodeError`] when the encoder refuses it.
    pub fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError> {
        self.parts.video.set_bitrate(bits_per_second)
    }

    /// Steps one hop. `now` is the wall time on the clock of
    /// [`Conductor::open`]; `late` says that a picture would come too late to
    /// be worth its work (sound is never skipped).
    ///
    /// # Errors
    /// [`PipelineError`]: the session cannot go on.
    pub fn hop(
        &mut self,
        now: impl Fn() -> Duration,
        late: bool,
        meter: &mut dyn Meter,
    ) -> Result<Outcome, PipelineError> {
        meter.start();
        let at = self.at;
        self.at += HOP as i64;
        let step = self.conductor.lock().hop(at);
        let controls = self.controls(&step)?;
        meter.lap(Stage::LipSync);
        if step.speaking {
            self.conductor.lock().mark(step.turn, Mark::Controls, now());
        }

        let mut outcome = Outcome {
            consumed: (step.consumed > 0).then_some((step.turn, step.consumed)),
            ..Outcome::default()
        };
        if let Some(sound) = &mut self.heard {
            sound.clear();
            sound.extend_from_slice(&step.sound);
            sound.extend_from_slice(&step.ahead);
            self.parts.renderer.hear(at, sound);
        }
        if at.0 % FRAME == 0 {
            if late && !self.key_wanted {
                outcome.skipped = true;
            } else {
                let packet = self.picture(&controls, &step, &now, meter)?;
                if step.speaking {
                    self.conductor.lock().mark(step.turn, Mark::Picture, now());
                }
                if let Some(packet) = packet {
                    outcome.pictured = true;
                    self.send(&packet, &mut outcome);
                    meter.lap(Stage::Send);
                }
            }
        }

        let data = self.sound(&step.sound)?;
        meter.lap(Stage::EncodeAudio);
        let packet = Packet {
            track: Track::Audio,
            pts: at,
            duration: HOP as i64,
            key: true,
            turn: step.turn,
            data,
        };
        self.send(&packet, &mut outcome);
        if step.speaking {
            self.conductor.lock().mark(step.turn, Mark::Packet, now());
        }
        meter.lap(Stage::Send);
        Ok(outcome)
    }

    fn controls(&mut self, step: &Step) -> Result<FaceControls, LipSyncError> {
        let mouth = &mut self.parts.lip_sync;
        let mut controls = None;
        for command in &step.mouth {
            match command {
                MouthStep::Cancel => mouth.cancel(),
                MouthStep::Plan(start, timings) => mouth.plan(*start, timings),
                MouthStep::Act(cue) => mouth.act(*cue),
                MouthStep::Hear(sound) => {
                    controls = Some(mouth.hop(step.at, sound, MouthSource::Heard)?);
                }
            }
        }
        let mut controls = match controls {
            Some(controls) => controls,
            None => mouth.hop(step.at, &step.sound, MouthSource::Planned)?,
        };
        controls.at = step.at;
        Ok(controls)
    }

    fn sound(&mut self, sound: &[f32; HOP]) -> Result<Bytes, EncodeError> {
        if sound.iter().any(|sample| *sample != 0.0) {
            self.silent_hops = 0;
        } else if self.silent_hops >= SETTLED {
            return Ok(self.silence.clone());
        } else {
            self.silent_hops += 1;
        }
        let data = self.parts.audio.encode(sound)?;
        self.silence = data.clone();
        Ok(data)
    }

    fn picture(
        &mut self,
        controls: &FaceControls,
        step: &Step,
        now: &impl Fn() -> Duration,
        meter: &mut dyn Meter,
    ) -> Result<Option<Packet>, PipelineError> {
        let began = now();
        self.parts.renderer.render(controls, &mut self.picture)?;
        self.parts.renderer.took(now().saturating_sub(began));
        meter.lap(Stage::Render);
        let still = self.picture.changed.is_empty() && !step.speaking && !self.key_wanted;
        let due = self
            .last_picture
            .is_none_or(|last| step.at - last >= STILL_INTERVAL);
        if still && !due {
            return Ok(None);
        }
        let encoded = self.parts.video.encode(&self.picture, self.key_wanted)?;
        meter.lap(Stage::EncodeVideo);
        if encoded.key {
            self.key_wanted = false;
        }
        self.last_picture = Some(step.at);
        Ok(Some(Packet {
            track: Track::Video,
            pts: step.at,
            duration: FRAME,
            key: encoded.key,
            turn: step.turn,
            data: encoded.data,
        }))
    }

    fn send(&mut self, packet: &Packet, outcome: &mut Outcome) {
        self.sinks.retain_mut(|(id, sink)| {
            let open = sink.write(packet) == SinkState::Open;
            if !open {
                outcome.closed.push(*id);
            }
            open
        });
    }
}
