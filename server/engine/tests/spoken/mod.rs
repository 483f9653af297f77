//! Sentences spoken by the real voices, and the two mouths that they give: one
//! that knows the phonemes and one that hears the sound.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use engine::Rooms;
use lipsync::{Clip, Model, Mouth, Settings};
use media::seam::{LipSync, LipSyncError, MouthSource, Voice, VoiceError};
use media::{Blendshape, FaceControls, HOP, MediaTime, Timings};
use speech::Voices;
use speech::cut::Cutter;

/// Every sound of English several times, in statements, questions and lists.
pub const SENTENCES: [&str; 24] = [
    "The river bends twice before it reaches the old stone bridge.",
    "My brother bought a pair of warm boots for the winter.",
    "Please put the blue umbrella beside the front door.",
    "We never found out who had painted the kitchen wall.",
    "Would you rather walk through the park or wait for the bus?",
    "Five wooden boats were moored beneath the lighthouse.",
    "She thought about the question for a while, then smiled.",
    "Both of them agreed that the weather was unusually mild.",
    "Fresh bread, olives and a little cheese made a perfect lunch.",
    "The museum opens at nine, but the garden is free all day.",
    "Nobody could explain why the machine had stopped working.",
    "A small bird built its nest above the baker's window.",
    "Can you hear the music coming from the room upstairs?",
    "Thank you for your patience, we will be with you in a moment.",
    "Every morning he measures the height of the tomato plants.",
    "The judge chose her words with great care and precision.",
    "Several maps of the region were lost during the voyage.",
    "If you move the lamp, the shadow falls on the other page.",
    "Good food and cool water are all that we need today.",
    "The children laughed as the puppy chased its own tail.",
    "Our new office is on the fourth floor, next to the library.",
    "He finished the puzzle in less than twenty minutes.",
    "What a pleasure it is to finally meet you in person!",
    "They both enjoy rowing, though neither of them can swim.",
];

/// The voices and the network of this checkout, without avatars.
///
/// # Errors
/// When they were not fetched.
pub fn rooms() -> Result<Rooms, Box<dyn Error>> {
    let models = weights::directory();
    let environment = weights::runtime::init(&weights::runtime::locate(None, &models)?)?.clone();
    let voices = Voices::load(&speech::Settings {
        environment,
        weights: models.join("weights"),
        piper_folders: Vec::new(),
        remote: Vec::new(),
        parallel: 1,
    })?;
    let network = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/lipsync/lipsync.onnx");
    Ok(Rooms {
        voices: Arc::new(voices),
        mouth: Arc::new(Model::load(&network)?),
        avatars: Arc::default(),
        backgrounds: Arc::default(),
    })
}

/// A sentence as a voice says it.
pub struct Spoken {
    /// 48 kHz.
    pub sound: Vec<f32>,
    /// What is known of the phonemes when each piece of sound has come: where
    /// the piece before it begins, where the clause does, its phonemes.
    plans: Vec<(usize, MediaTime, Timings)>,
}

impl Spoken {
    /// Lets a voice say a text.
    ///
    /// # Errors
    /// What the voice says.
    pub fn new(voice: &dyn Voice, text: &str) -> Result<Self, VoiceError> {
        let mut cutter = Cutter::new();
        let mut clauses = cutter.push(text);
        clauses.extend(cutter.finish());
        let mut spoken = Self {
            sound: Vec::new(),
            plans: Vec::new(),
        };
        for clause in clauses {
            let mut utterance = voice.begin(&clause)?;
            let mut before = spoken.sound.len();
            let start = MediaTime(before as i64);
            while let Some(sound) = utterance.next_chunk()? {
                let timings = utterance.timings().clone();
                spoken.plans.push((before, start, timings));
                before = spoken.sound.len();
                spoken.sound.extend(sound);
            }
        }
        Ok(spoken)
    }

    /// How far the jaw is open every 20 ms when the mouth knows the phonemes.
    /// The voice is one piece ahead, as in a rendering; a live one is further.
    ///
    /// # Errors
    /// None today.
    pub fn planned(&self, model: &Arc<Model>) -> Result<Vec<f32>, LipSyncError> {
        let mut mouth = Mouth::new(model.clone(), settings());
        let mut plans = self.plans.iter().peekable();
        let hops = self.sound.chunks(HOP).enumerate();
        hops.map(|(i, piece)| {
            while let Some((_, start, timings)) = plans.next_if(|(at, ..)| *at <= i * HOP) {
                mouth.plan(*start, timings);
            }
            let mut hop = [0.0; HOP];
            hop[..piece.len()].copy_from_slice(piece);
            let at = MediaTime((i * HOP) as i64);
            Ok(jaw(&mouth.hop(at, &hop, MouthSource::Planned)?))
        })
        .collect()
    }

    /// The same when the mouth hears the sound and knows nothing else.
    ///
    /// # Errors
    /// When the network fails.
    pub fn heard(&self, model: &Arc<Model>) -> Result<Vec<f32>, LipSyncError> {
        let clip = Clip::heard(model, settings(), &self.sound)?;
        Ok(clip.faces.iter().map(jaw).collect())
    }
}

fn settings() -> Settings {
    Settings {
        expression: 0.0,
        ..Settings::default()
    }
}

fn jaw(face: &FaceControls) -> f32 {
    face.get(Blendshape::JawOpen)
}

/// Pearson's correlation.
pub fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f32, f32) -> f32| -> f32 {
        a.iter().zip(b).map(|(&x, &y)| f(x - ma, y - mb)).sum()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}
