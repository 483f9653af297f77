//! Fakes for the tests of this room: a live session without models, and a
//! voice that does what a test tells it to.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use media::seam::{
    AudioEncoder, EncodeError, EncodedPicture, LipSync, LipSyncError, MouthSource, RenderError,
    Renderer, Utterance, VideoEncoder, Voice, VoiceError,
};
use media::speech::TimingQuality;
use media::{Clause, Cue, FaceControls, HOP, MediaTime, Picture, Timings, VoiceInfo};
use session::pipeline::NoMeter;
use session::{Limits, Parts, Pipeline};

use crate::events::Log;
use crate::live::Live;
use crate::permits::Permits;

/// Does every stage's work by doing nothing.
struct Nothing;

impl LipSync for Nothing {
    fn look_ahead(&self) -> i64 {
        0
    }

    fn plan(&mut self, _: MediaTime, _: &Timings) {}

    fn hop(
        &mut self,
        at: MediaTime,
        _: &[f32; HOP],
        _: MouthSource,
    ) -> Result<FaceControls, LipSyncError> {
        Ok(FaceControls::rest(at))
    }

    fn act(&mut self, _: Cue) {}

    fn cancel(&mut self) {}
}

impl Renderer for Nothing {
    fn size(&self) -> (usize, usize) {
        (16, 16)
    }

    fn render(&mut self, _: &FaceControls, _: &mut Picture) -> Result<(), RenderError> {
        Ok(())
    }
}

impl VideoEncoder for Nothing {
    fn encode(&mut self, _: &Picture, key: bool) -> Result<EncodedPicture, EncodeError> {
        let data = Bytes::from_static(&[0]);
        Ok(EncodedPicture { data, key })
    }

    fn set_bitrate(&mut self, _: u32) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl AudioEncoder for Nothing {
    fn encode(&mut self, _: &[f32; HOP]) -> Result<Bytes, EncodeError> {
        Ok(Bytes::from_static(&[0]))
    }

    fn pre_skip(&self) -> u16 {
        0
    }
}

/// A live session, stepped by the test, with one permit for voices.
pub(crate) fn live() -> (Arc<Live>, Pipeline) {
    let limits = Limits::default();
    let parts = Parts {
        lip_sync: Box::new(Nothing),
        renderer: Box::new(Nothing),
        video: Box::new(Nothing),
        audio: Box::new(Nothing),
    };
    let pipeline = Pipeline::new(parts, limits);
    let live = Live::new(
        &pipeline,
        limits,
        Arc::new(Log::new("test".into())),
        Arc::new(Permits::new(NonZeroUsize::MIN)),
        Arc::default(),
    );
    (Arc::new(live), pipeline)
}

/// Steps one hop and publishes what came of it.
pub(crate) fn hop(live: &Live, pipeline: &mut Pipeline) {
    pipeline
        .hop(|| Duration::ZERO, false, &mut NoMeter)
        .unwrap();
    live.with(|_| ());
}

/// What a voice makes of a clause.
type Speaks = dyn Fn() -> Result<Vec<f32>, VoiceError> + Send + Sync;

/// Makes what it is told to of every clause.
pub(crate) struct Fake {
    info: VoiceInfo,
    begun: Sender<String>,
    speaks: Arc<Speaks>,
}

impl Fake {
    /// A voice of this cost, and the texts of the clauses it begins.
    pub(crate) fn new(
        cost: f32,
        speaks: impl Fn() -> Result<Vec<f32>, VoiceError> + Send + Sync + 'static,
    ) -> (Arc<Self>, Receiver<String>) {
        let (begun, texts) = channel();
        let text = || "fake".to_owned();
        let fake = Self {
            info: VoiceInfo {
                id: text(),
                name: text(),
                language: text(),
                licence: text(),
                origin: text(),
                sample_rate: 48_000,
                cost,
                timing: TimingQuality::Exact,
            },
            begun,
            speaks: Arc::new(speaks),
        };
        (Arc::new(fake), texts)
    }
}

impl Voice for Fake {
    fn info(&self) -> &VoiceInfo {
        &self.info
    }

    fn begin(&self, clause: &Clause) -> Result<Box<dyn Utterance>, VoiceError> {
        // A test that does not care has dropped the other end.
        let _ = self.begun.send(clause.text.clone());
        Ok(Box::new(Once {
            timings: Timings::default(),
            speaks: Some(self.speaks.clone()),
        }))
    }
}

struct Once {
    timings: Timings,
    speaks: Option<Arc<Speaks>>,
}

impl Utterance for Once {
    fn timings(&self) -> &Timings {
        &self.timings
    }

    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, VoiceError> {
        self.speaks.take().map(|speaks| speaks()).transpose()
    }
}
