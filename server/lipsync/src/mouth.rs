//! The face of one session: sound or phonemes in, controls out.

use std::sync::Arc;

use media::seam::{LipSync, LipSyncError, MouthSource};
use media::{CLOCK_HZ, Cue, FaceControls, HOP, MediaTime, Timings};

use crate::acting::Acting;
use crate::coarticulate::{self, WINDOW};
use crate::express::Express;
use crate::features::{BANDS, FRAMES, Features, HopFeatures};
use crate::model::{Error, Model, SILENT, Stream, Visemes};
use crate::plan::{FRAME, Plan};
use crate::settle::{SEEN, Settle};
use crate::shapes::{self, CHANNELS, Channel, Channels};

/// How far the mouth lags behind the sound it hears. The network knows the
/// trade: 60 ms is where more delay stops helping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delay {
    /// 40 ms.
    LowLatency,
    /// 60 ms.
    #[default]
    Balanced,
}

impl Delay {
    /// In hops, which is also the head of the network.
    #[must_use]
    pub const fn hops(self) -> usize {
        match self {
            Self::LowLatency => 2,
            Self::Balanced => 3,
        }
    }

    /// In samples of the media clock.
    #[must_use]
    pub const fn samples(self) -> i64 {
        (self.hops() * HOP) as i64
    }
}

/// How a session's mouth behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Delay when the mouth follows the sound.
    pub delay: Delay,
    /// How far the mouth moves, 0..=1.5; 1 is natural.
    pub articulation: f32,
    /// How far the tongue comes out on th, 0..=1. Keep it low for avatars whose
    /// `tongueOut` is a full protrusion.
    pub tongue: f32,
    /// Brows and nods on accents, 0..=1.
    pub expression: f32,
    /// Seed of what is left to chance.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Delay::default(),
            articulation: 1.0,
            tongue: 0.6,
            expression: 0.6,
            seed: 1,
        }
    }
}

/// Hops of digital silence after which the network is no longer asked: by then
/// nothing it heard matters (500 ms).
const ASLEEP: u32 = 25;

/// Accents are begun so long before their vowel, so that the movement peaks
/// with it (80 ms).
const ACCENT_LEAD: i64 = CLOCK_HZ * 8 / 100;

/// The face of one session.
pub struct Mouth {
    model: Arc<Model>,
    settings: Settings,
    features: Features,
    mel: HopFeatures,
    stream: Stream,
    settle: Settle,
    plan: Plan,
    motion: coarticulate::Mouth,
    express: Express,
    acting: Acting,
    /// The hop that the acting has come to: a mouth that catches up on what it
    /// hears takes several hops of sound at one moment.
    acted: Option<MediaTime>,
    /// Where the sound began that the network hears; `None` while planned.
    heard_from: Option<MediaTime>,
    silent_hops: u32,
    /// Final viseme weights of the last hop.
    visemes: [Visemes; FRAMES],
    /// Final channels of the last hop.
    channels: [Channels; FRAMES],
}

impl Mouth {
    /// A face at rest.
    #[must_use]
    pub fn new(model: Arc<Model>, settings: Settings) -> Self {
        Self {
            stream: model.stream(),
            model,
            settings,
            features: Features::new(),
            mel: [0.0; FRAMES * BANDS],
            settle: Settle::new(),
            plan: Plan::new(),
            motion: coarticulate::Mouth::new(),
            express: Express::new(settings.expression, settings.seed),
            acting: Acting::new(settings.seed),
            acted: None,
            heard_from: None,
            silent_hops: 0,
            visemes: [SILENT; FRAMES],
            channels: [[0.0; CHANNELS]; FRAMES],
        }
    }

    /// Viseme weights behind the last controls: two frames of 10 ms.
    #[must_use]
    pub const fn visemes(&self) -> &[Visemes; FRAMES] {
        &self.visemes
    }

    /// Mouth channels behind the last controls, before the settings scale them:
    /// two frames of 10 ms.
    #[must_use]
    pub const fn channels(&self) -> &[Channels; FRAMES] {
        &self.channels
    }

    /// Takes in one hop; says whether the network must be asked.
    fn listen(&mut self, at: MediaTime, sound: &[f32; HOP], source: MouthSource) -> bool {
        if source == MouthSource::Planned {
            self.heard_from = None;
            return false;
        }
        if self.heard_from.is_none() {
            self.forget_sound();
            self.heard_from = Some(at);
        }
        if sound.iter().all(|&sample| sample == 0.0) {
            self.silent_hops = self.silent_hops.saturating_add(1);
        } else {
            self.silent_hops = 0;
        }
        if self.silent_hops == ASLEEP {
            self.forget_sound();
        }
        if self.silent_hops >= ASLEEP {
            return false;
        }
        self.features.push(sound, &mut self.mel);
        for level in self.features.levels() {
            self.settle.hear(level);
        }
        true
    }

    fn forget_sound(&mut self) {
        self.features.reset();
        self.stream.reset();
        self.settle = Settle::new();
        self.express.reset();
    }

    /// Makes the controls of the hop that [`Mouth::listen`] took, after the
    /// network was asked if it had to be.
    fn speak(&mut self, at: MediaTime, source: MouthSource) -> FaceControls {
        let mut frames = [SILENT; SEEN];
        let (moment, count) = match source {
            MouthSource::Planned => (at, WINDOW + FRAMES - 1),
            MouthSource::Heard => {
                let delay = self.settings.delay;
                (at - delay.samples(), (delay.hops() + 1) * FRAMES)
            }
        };
        self.plan.forget_before(moment);
        let frames = &mut frames[..count];
        if self.plan.speaks_before(moment + count as i64 * FRAME) {
            self.plan.weights(moment, frames);
        }
        if let Some(from) = self.heard_from {
            // What was said before the network listened is known from the plan, if at all.
            let heads = self.stream.heads[..=self.settings.delay.hops()].iter();
            for (i, weights) in heads.rev().flatten().enumerate() {
                if moment + i as i64 * FRAME >= from {
                    frames[i] = *weights;
                }
            }
            self.settle.calm(frames, FRAMES);
            if frames[0][0] < 0.5 {
                self.express.hear(self.settle.level(count - 1));
            }
        }
        while let Some(accent) = self.plan.take_accent(moment + ACCENT_LEAD) {
            self.express.accent(accent.first);
        }
        let mut face = FaceControls::rest(moment);
        let asleep = frames.iter().all(|weights| *weights == SILENT) && self.motion.is_still();
        for i in 0..FRAMES {
            self.visemes[i] = frames[i];
            self.channels[i] = if asleep {
                [0.0; CHANNELS]
            } else {
                let end = (i + WINDOW).min(frames.len());
                self.motion.advance(&frames[i..end])
            };
        }
        if !asleep {
            shapes::show(&self.scaled(), &mut face);
        }
        self.express.advance(&mut face);
        if self.acted != Some(at) {
            self.acting.advance();
            self.acted = Some(at);
        }
        self.acting.show(at, &mut face);
        face
    }

    /// The mean of the hop's two frames, as far as the settings want it.
    fn scaled(&self) -> Channels {
        let mut out = [0.0; CHANNELS];
        for (channel, value) in out.iter_mut().enumerate() {
            let mean = 0.5 * (self.channels[0][channel] + self.channels[1][channel]);
            *value = mean * self.settings.articulation;
        }
        out[Channel::Tongue as usize] *= self.settings.tongue;
        out
    }
}

impl LipSync for Mouth {
    fn look_ahead(&self) -> i64 {
        self.settings.delay.samples()
    }

    fn plan(&mut self, start: MediaTime, timings: &Timings) {
        self.plan.add(start, timings);
    }

    fn hop(
        &mut self,
        at: MediaTime,
        sound: &[f32; HOP],
        source: MouthSource,
    ) -> Result<FaceControls, LipSyncError> {
        if self.listen(at, sound, source) {
            self.model
                .advance(&self.mel, &mut self.stream)
                .map_err(|error| LipSyncError(Box::new(error)))?;
        }
        Ok(self.speak(at, source))
    }

    fn act(&mut self, cue: Cue) {
        self.acting.act(cue);
    }

    fn cancel(&mut self) {
        self.acting.cancel();
        self.plan.clear();
        self.forget_sound();
        // Sound heard before the interrupt is gone; the mouth settles from where it is.
        self.heard_from = None;
        self.silent_hops = 0;
    }
}

/// One session's part of [`hop_all`].
pub struct Job<'a> {
    /// The session's mouth.
    pub mouth: &'a mut Mouth,
    /// Where the hop begins.
    pub at: MediaTime,
    /// Its sound.
    pub sound: &'a [f32; HOP],
    /// Where the mouth comes from.
    pub source: MouthSource,
}

/// Does for many sessions what [`LipSync::hop`] does for one, with one call of
/// the network for all of them. Gives their controls in order.
///
/// # Errors
/// [`Error::Run`]; no session has then gone on.
pub fn hop_all(model: &Model, jobs: &mut [Job<'_>]) -> Result<Vec<FaceControls>, Error> {
    let mut asked = Vec::with_capacity(jobs.len());
    for job in jobs.iter_mut() {
        if job.mouth.listen(job.at, job.sound, job.source) {
            let Mouth { mel, stream, .. } = &mut *job.mouth;
            asked.push((&*mel, stream));
        }
    }
    model.advance_all(&mut asked)?;
    Ok(jobs
        .iter_mut()
        .map(|job| job.mouth.speak(job.at, job.source))
        .collect())
}
