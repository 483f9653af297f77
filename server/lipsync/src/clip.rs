//! A whole clip through the streaming mouth, delay compensated: for the tools,
//! the plots and the evaluation.

use std::sync::Arc;

use media::seam::{LipSync, LipSyncError, MouthSource};
use media::{FaceControls, HOP, MediaTime, Timings};

use crate::model::{Model, Visemes};
use crate::mouth::{Mouth, Settings};

/// What the mouth does during a clip. Times are those of the sound.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The sound, 48 kHz.
    pub sound: Vec<f32>,
    /// Final viseme weights, one for each 10 ms.
    pub visemes: Vec<Visemes>,
    /// Face controls, one for each 20 ms.
    pub faces: Vec<FaceControls>,
}

impl Clip {
    /// The mouth follows the sound.
    ///
    /// # Errors
    /// [`LipSyncError`] when inference fails.
    pub fn heard(
        model: &Arc<Model>,
        settings: Settings,
        sound: &[f32],
    ) -> Result<Self, LipSyncError> {
        Self::run(model, settings, sound, None)
    }

    /// The mouth follows phonemes that begin with the sound.
    ///
    /// # Errors
    /// None today; the mouth is the same as in [`Clip::heard`].
    pub fn planned(
        model: &Arc<Model>,
        settings: Settings,
        sound: &[f32],
        timings: &Timings,
    ) -> Result<Self, LipSyncError> {
        Self::run(model, settings, sound, Some(timings))
    }

    fn run(
        model: &Arc<Model>,
        settings: Settings,
        sound: &[f32],
        timings: Option<&Timings>,
    ) -> Result<Self, LipSyncError> {
        let mut mouth = Mouth::new(Arc::clone(model), settings);
        let (source, delay) = match timings {
            Some(timings) => {
                mouth.plan(MediaTime::ZERO, timings);
                (MouthSource::Planned, 0)
            }
            None => (MouthSource::Heard, settings.delay.hops()),
        };
        let hops = sound.len().div_ceil(HOP);
        let mut clip = Self {
            sound: sound.to_vec(),
            visemes: Vec::with_capacity(hops * 2),
            faces: Vec::with_capacity(hops),
        };
        for i in 0..hops + delay {
            let mut piece = [0.0; HOP];
            let rest = sound.get(i * HOP..).unwrap_or_default();
            let n = rest.len().min(HOP);
            piece[..n].copy_from_slice(&rest[..n]);
            let face = mouth.hop(MediaTime((i * HOP) as i64), &piece, source)?;
            if face.at >= MediaTime::ZERO {
                clip.faces.push(face);
                clip.visemes.extend(mouth.visemes());
            }
        }
        Ok(clip)
    }
}
