//! The `.onnx.json` beside a Piper voice.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

use super::LoadError;
use crate::g2p::Accent;

/// What a Piper voice says of itself, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub audio: Audio,
    #[serde(default)]
    pub espeak: Espeak,
    #[serde(default)]
    pub inference: Inference,
    #[serde(default)]
    pub phoneme_type: Option<String>,
    pub phoneme_id_map: HashMap<char, Vec<i64>>,
    #[serde(default)]
    pub speaker_id_map: BTreeMap<String, i64>,
    #[serde(default)]
    pub dataset: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Audio {
    pub sample_rate: u32,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Espeak {
    #[serde(default)]
    pub voice: String,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Inference {
    pub noise_scale: f32,
    pub length_scale: f32,
    pub noise_w: f32,
}

impl Default for Inference {
    /// The defaults of VITS (Kim et al. 2021) as Piper uses them.
    fn default() -> Self {
        Self {
            noise_scale: 0.667,
            length_scale: 1.0,
            noise_w: 0.8,
        }
    }
}

impl Config {
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path).map_err(|error| LoadError::Read(path.into(), error))?;
        serde_json::from_slice(&bytes).map_err(|error| LoadError::Config(path.into(), error))
    }

    /// The accent of its phonemes. Other languages cannot be read here, and
    /// voices that take letters are of other languages.
    pub fn accent(&self) -> Result<Accent, LoadError> {
        let voice = self.espeak.voice.to_lowercase();
        let takes_ipa = self
            .phoneme_type
            .as_deref()
            .is_none_or(|kind| kind == "espeak");
        match voice.as_str() {
            "en" | "en-us" if takes_ipa => Ok(Accent::American),
            voice if takes_ipa && voice.starts_with("en-us") => Ok(Accent::American),
            voice if takes_ipa && voice.starts_with("en-") => Ok(Accent::British),
            _ => Err(LoadError::Language(voice)),
        }
    }
}
