//! Kokoro-82M: `StyleTTS 2` (Li et al. 2023) with an ISTFT decoder, 24 kHz,
//! many voices from one model.
//!
//! Its decoder normalises over the whole clause, so it cannot be decoded in
//! pieces: a clause is ready as a whole or not at all. The durations that it
//! predicts are made an output of the graph when it is loaded.

mod vocabulary;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media::seam::{Utterance, Voice, VoiceError};
use media::speech::TimingQuality;
use media::{Clause, MediaTime, Timings, VoiceInfo};
use onnx::{Element, Malformed, Model, Port};
use ort::environment::Environment;
use ort::value::Tensor;
use thiserror::Error;

use crate::g2p::{Phonemiser, Sound};
use crate::pause;
use crate::resample::Resampler;
use crate::runtime::{Pool, model_error, odd_answer};
use crate::script::Script;
use crate::timing::{self, SILENCE, Unit};

/// Why the model or one of its voices could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{0} cannot be read")]
    Read(PathBuf, #[source] std::io::Error),
    /// The model is not an ONNX file.
    #[error("{0}")]
    Model(PathBuf, #[source] Malformed),
    /// The file is something else.
    #[error("{0} is not of Kokoro-82M: {1}")]
    Foreign(PathBuf, &'static str),
    /// ONNX Runtime refused the model.
    #[error("ONNX Runtime cannot run {0}")]
    Runtime(PathBuf, #[source] ort::Error),
}

/// Rate of its sound, Hz.
pub const RATE: u32 = 24_000;

/// Samples of one unit of predicted duration.
const HOP: i64 = 600;

/// Numbers of a style.
const STYLE: usize = 256;

/// Styles of a voice, one for each number of tokens. Longer input is cut off.
const STYLES: usize = 510;

/// By how much the predicted durations are late, seconds (median over the
/// boundaries of 24 sentences of three voices, laid along the sound by the
/// lip-sync network).
const LABEL_DELAY: f64 = 0.053;

/// Silence that is left at the ends of the sound, seconds. The model itself
/// gives 0.33 and 0.47.
const KEPT_SILENCE: f64 = 0.05;

/// Level under which sound is silence: -54 dB of full scale.
const SILENT: f32 = 0.002;

/// Media samples of one chunk: 0.5 s.
const CHUNK: usize = 24_000;

/// The model, which all its voices share.
pub struct Weights {
    sessions: Pool,
}

impl Weights {
    /// Loads the model, for `parallel` clauses at once (each 150 MB).
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(
        environment: &Environment,
        path: &Path,
        parallel: usize,
    ) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path).map_err(|error| LoadError::Read(path.into(), error))?;
        let malformed = |error| LoadError::Model(path.into(), error);
        let foreign = |what| LoadError::Foreign(path.into(), what);
        let model = Model::parse(&bytes).map_err(malformed)?;
        if !["tokens", "style", "speed"]
            .into_iter()
            .all(|input| model.has_input(input))
        {
            return Err(foreign("its inputs have other names"));
        }
        let Some([lengths]) = model.node_outputs("Clip", "/encoder/Clip") else {
            return Err(foreign("it tells no durations"));
        };
        let outputs = ["audio", lengths.as_str()].map(|name| Port {
            name,
            element: Element::Float,
            rank: 2,
        });
        let model = model.extract(&[], &outputs).map_err(malformed)?;
        drop(bytes);
        Ok(Self {
            sessions: Pool::open(environment, &model, parallel)
                .map_err(|error| LoadError::Runtime(path.into(), error))?,
        })
    }

    /// Sound and the duration of each token.
    fn speak(&self, tokens: Vec<i64>, style: &[f32]) -> Result<(Vec<f32>, Vec<f32>), VoiceError> {
        let count = tokens.len();
        let inputs = ort::inputs![
            "tokens" => Tensor::from_array(([1, count], tokens)).map_err(model_error)?,
            "style" => Tensor::from_array(([1, STYLE], style.to_vec())).map_err(model_error)?,
            "speed" => Tensor::from_array(([1], vec![1.0_f32])).map_err(model_error)?,
        ];
        self.sessions.with(|session| {
            let outputs = session.run(inputs).map_err(model_error)?;
            let (_, sound) = outputs[0]
                .try_extract_tensor::<f32>()
                .map_err(model_error)?;
            let (_, lengths) = outputs[1]
                .try_extract_tensor::<f32>()
                .map_err(model_error)?;
            if lengths.len() != count {
                return Err(odd_answer("there is not one duration for each token"));
            }
            Ok((sound.to_vec(), lengths.to_vec()))
        })
    }
}

/// One voice of the model.
pub struct Kokoro {
    info: VoiceInfo,
    weights: Arc<Weights>,
    phonemiser: Arc<Phonemiser>,
    /// `[STYLES, STYLE]`.
    styles: Vec<f32>,
}

impl Kokoro {
    /// CPU seconds for one second of speech on one core.
    pub const COST: f32 = 0.6;

    /// Loads the styles of a voice (`.bin`). What `info` says of rate and
    /// timing is set here.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(
        mut info: VoiceInfo,
        styles: &Path,
        weights: Arc<Weights>,
        phonemiser: Arc<Phonemiser>,
    ) -> Result<Self, LoadError> {
        let bytes = std::fs::read(styles).map_err(|error| LoadError::Read(styles.into(), error))?;
        let (values, rest) = bytes.as_chunks();
        if values.len() != STYLES * STYLE || !rest.is_empty() {
            return Err(LoadError::Foreign(
                styles.into(),
                "a voice has 510 styles of 256 numbers",
            ));
        }
        info.sample_rate = RATE;
        info.timing = TimingQuality::Exact;
        Ok(Self {
            info,
            weights,
            phonemiser,
            styles: values
                .iter()
                .map(|&value| f32::from_le_bytes(value))
                .collect(),
        })
    }
}

impl Voice for Kokoro {
    fn info(&self) -> &VoiceInfo {
        &self.info
    }

    fn begin(&self, clause: &Clause) -> Result<Box<dyn Utterance>, VoiceError> {
        let script = Script::read(&self.phonemiser, clause)?;
        let mut tokens = Vec::new();
        let mut units = Vec::new();
        let mut push = |token, symbol, word| {
            tokens.push(token);
            units.push(Unit {
                symbol,
                word,
                length: 0.0,
            });
        };
        push(0, SILENCE, None);
        for (symbol, word) in symbols(&script.sounds, clause.ends_sentence).take(STYLES - 1) {
            match vocabulary::token(symbol) {
                Some(token) => push(token, symbol, word),
                None => {
                    tracing::debug!(%symbol, "skipped a symbol that the voice did not learn");
                }
            }
        }
        push(0, SILENCE, None);
        let style = (tokens.len() - 2).min(STYLES - 1) * STYLE;
        let (sound, lengths) = self
            .weights
            .speak(tokens, &self.styles[style..style + STYLE])?;
        for (unit, length) in units.iter_mut().zip(&lengths) {
            unit.length = f64::from(*length) * HOP as f64 / f64::from(RATE);
        }

        let kept = loud(&sound);
        trim(&mut units, &kept, sound.len());
        let tail = pause::after(clause.ends_sentence, KEPT_SILENCE);
        if let Some(last) = units.last_mut() {
            last.length += tail as f64 / media::CLOCK_HZ as f64;
        }
        let spoken = MediaTime::rescale(kept.len() as i64, RATE);
        let timings = timing::lay(&units, LABEL_DELAY, spoken + tail, &script.words);
        let mut resampler =
            Resampler::new(RATE).map_err(|error| VoiceError::Model(error.into()))?;
        let mut sound = resampler.push(&sound[kept]);
        sound.extend(resampler.flush());
        sound.resize(sound.len() + tail as usize, 0.0);
        for sample in &mut sound {
            *sample = sample.clamp(-1.0, 1.0);
        }
        Ok(Box::new(Spoken {
            timings,
            sound,
            at: 0,
        }))
    }
}

/// Symbols with the written word they belong to, words parted by spaces.
fn symbols(sounds: &[Sound], ends_sentence: bool) -> impl Iterator<Item = (char, Option<usize>)> {
    let is_open = matches!(sounds.last(), Some(Sound::Word { .. }));
    let end = is_open.then_some((if ends_sentence { '.' } else { ',' }, None));
    sounds
        .iter()
        .enumerate()
        .flat_map(|(index, sound)| {
            let (space, word, text) = match sound {
                Sound::Word { phonemes, piece } => (
                    (index > 0).then_some((' ', None)),
                    Some(*piece),
                    phonemes.clone(),
                ),
                Sound::Mark(mark) => (None, None, mark.to_string()),
            };
            let symbols: Vec<_> = text.chars().map(|symbol| (symbol, word)).collect();
            space.into_iter().chain(symbols)
        })
        .chain(end)
}

/// The sound without the silence at its ends, but for a little.
fn loud(sound: &[f32]) -> Range<usize> {
    let kept = (KEPT_SILENCE * f64::from(RATE)) as usize;
    let is_loud = |sample: &f32| sample.abs() > SILENT;
    let first = sound.iter().position(is_loud).unwrap_or(0);
    let last = sound.iter().rposition(is_loud).unwrap_or(0);
    first.saturating_sub(kept)..(last + kept).min(sound.len())
}

/// Takes the silence that was cut off from the units at both ends.
fn trim(units: &mut [Unit], kept: &Range<usize>, length: usize) {
    let seconds = |samples: usize| samples as f64 / f64::from(RATE);
    let shorten = |units: &mut dyn Iterator<Item = &mut Unit>, mut cut: f64| {
        for unit in units {
            let part = unit.length.min(cut);
            unit.length -= part;
            cut -= part;
        }
    };
    shorten(&mut units.iter_mut(), seconds(kept.start));
    shorten(&mut units.iter_mut().rev(), seconds(length - kept.end));
}

struct Spoken {
    timings: Timings,
    sound: Vec<f32>,
    at: usize,
}

impl Utterance for Spoken {
    fn timings(&self) -> &Timings {
        &self.timings
    }

    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, VoiceError> {
        let end = (self.at + CHUNK).min(self.sound.len());
        let chunk = self.sound[self.at..end].to_vec();
        self.at = end;
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g2p::Accent;
    use crate::testing::{clause, environment, models, phonemiser};

    const TEXT: &str = "Thanks for calling, Tom.";

    fn load(id: &str, accent: Accent) -> Kokoro {
        let folder = models().join("weights/kokoro");
        let weights = Weights::load(environment(), &folder.join("kokoro-v1.0.int8.onnx"), 1)
            .expect("the model was fetched");
        let info = VoiceInfo {
            id: id.into(),
            name: id.into(),
            language: "en".into(),
            licence: String::new(),
            origin: String::new(),
            sample_rate: 0,
            cost: Kokoro::COST,
            timing: TimingQuality::Estimated,
        };
        let styles = folder.join(format!("voices/{id}.bin"));
        Kokoro::load(info, &styles, Arc::new(weights), phonemiser(accent)).unwrap()
    }

    fn say(voice: &Kokoro) -> (Timings, Vec<f32>) {
        let mut speaking = voice.begin(&clause(TEXT)).unwrap();
        let mut sound = Vec::new();
        while let Some(chunk) = speaking.next_chunk().unwrap() {
            sound.extend(chunk);
        }
        (speaking.timings().clone(), sound)
    }

    #[test]
    fn a_clause_is_spoken_with_timings_and_the_same_way_twice() {
        let voice = load("af_heart", Accent::American);
        let (timings, sound) = say(&voice);
        let words: Vec<_> = timings
            .words
            .iter()
            .map(|word| word.text.as_str())
            .collect();
        assert_eq!(words, ["Thanks", "for", "calling", "Tom"]);
        let last = timings.phonemes.last().unwrap();
        assert_eq!(last.end, sound.len() as i64);
        assert!(last.ipa.is_empty() && timings.phonemes[0].start == 0);
        let seconds = sound.len() as f64 / 48_000.0;
        assert!((1.0..4.0).contains(&seconds), "{seconds}");
        // Trimmed: the first word is heard soon, and there is sound in it.
        let first = &timings.words[0];
        assert!(first.start < 4_800, "{}", first.start);
        let part = &sound[first.start as usize..first.end as usize];
        assert!(part.iter().any(|x| x.abs() > 0.05));
        assert!(sound[sound.len() - 4_800..].iter().all(|x| x.abs() < 0.01));
        assert_eq!(say(&voice).1, sound);
        let nothing = voice.begin(&clause("🎉"));
        assert!(matches!(nothing, Err(VoiceError::NothingToSay)));
    }

    #[test]
    fn wrong_files_are_refused() {
        let folder = models().join("weights/kokoro");
        let styles = folder.join("voices/af_heart.bin");
        let refused = Weights::load(environment(), &styles, 1).err();
        assert!(matches!(
            refused,
            Some(LoadError::Model(..) | LoadError::Foreign(..))
        ));
        let joe = models().join("weights/piper-joe/en_US-joe-medium.onnx");
        let refused = Weights::load(environment(), &joe, 1).err();
        assert!(matches!(refused, Some(LoadError::Foreign(..))));
    }

    #[test]
    fn silence_is_cut_from_both_ends_and_from_the_units() {
        let mut sound = vec![0.0; 24_000];
        sound[7_200..12_000].fill(0.5);
        let kept = loud(&sound);
        assert_eq!(kept, 6_000..13_199);
        let mut units: Vec<Unit> = [(SILENCE, 0.2), ('a', 0.5), (SILENCE, 0.3)]
            .map(|(symbol, length)| Unit {
                symbol,
                word: None,
                length,
            })
            .into();
        trim(&mut units, &kept, sound.len());
        let lengths: Vec<f64> = units.iter().map(|unit| unit.length).collect();
        assert!(lengths[0].abs() < 1e-9 && lengths[2].abs() < 1e-9);
        assert!((lengths[1] - 0.3).abs() < 1e-3, "{lengths:?}");
    }
}
