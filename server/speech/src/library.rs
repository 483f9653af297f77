//! All voices of a server: which there are, and their models when they are
//! first used.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use media::seam::{Cause, Utterance, Voice, VoiceError};
use media::speech::TimingQuality;
use media::{Clause, VoiceInfo};
use ort::environment::Environment;
use thiserror::Error;

use crate::g2p::gru::Network;
use crate::g2p::{Accent, Phonemiser};
use crate::kokoro::{self, Kokoro};
use crate::piper::{self, Piper, Tuning};
use crate::remote::{Remote, Service};

/// The voice that is used when none is asked for.
pub const DEFAULT: &str = "joe";

/// Voices of Kokoro that are offered, when they are there: file name, name,
/// language.
const KOKORO: [(&str, &str, &str); 6] = [
    ("af_heart", "Heart", "en-US"),
    ("af_bella", "Bella", "en-US"),
    ("am_michael", "Michael", "en-US"),
    ("am_fenrir", "Fenrir", "en-US"),
    ("bf_emma", "Emma", "en-GB"),
    ("bm_george", "George", "en-GB"),
];

/// Speakers of one Piper model that are offered as voices. Some models have
/// hundreds.
const MOST_SPEAKERS: usize = 32;

/// Where voices come from. Whoever fills this has checked the files.
#[derive(Clone)]
pub struct Settings {
    /// The loaded ONNX Runtime.
    pub environment: Environment,
    /// Folder with `piper-joe`, `kokoro` and `g2p-en`.
    pub weights: PathBuf,
    /// Further folders with Piper voices: `NAME.onnx` and `NAME.onnx.json`.
    pub piper_folders: Vec<PathBuf>,
    /// Remote voices, with the identifier of each.
    pub remote: Vec<(String, Service)>,
    /// Chunks of sound that can be computed at once; one for each core that
    /// is for speech.
    pub parallel: usize,
}

/// Why there are no voices, or not this one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No voice was found.
    #[error(
        "there is no voice in {0}. Run `visavis models fetch`, or name a remote voice or a \
         folder of Piper voices"
    )]
    NoVoice(PathBuf),
    /// The voice is not known.
    #[error("there is no voice `{id}`; there are {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: Vec<String>,
    },
}

/// All voices.
pub struct Voices {
    default: String,
    all: Vec<Arc<dyn Voice>>,
    refused: Vec<(PathBuf, piper::LoadError)>,
}

impl Voices {
    /// Finds the voices. Models are not loaded yet; only their descriptions
    /// are read. Voices that cannot be used are in [`Voices::refused`].
    ///
    /// # Errors
    /// [`Error::NoVoice`].
    pub fn load(settings: &Settings) -> Result<Self, Error> {
        let readers = Arc::new(Readers::new(
            settings.weights.join("g2p-en/checkpoint20.npz"),
        ));
        let mut found = Self {
            default: DEFAULT.to_owned(),
            all: Vec::new(),
            refused: Vec::new(),
        };
        found.add_piper(settings, &readers);
        found.add_kokoro(settings, &readers);
        for (id, service) in &settings.remote {
            found.add(Arc::new(Remote::new(
                remote_info(id, service),
                service.clone(),
            )));
        }
        let Some(first) = found.all.first() else {
            return Err(Error::NoVoice(settings.weights.clone()));
        };
        let first = first.info().id.clone();
        if found.get(DEFAULT).is_err() {
            found.default = first;
        }
        Ok(found)
    }

    /// What each voice says of itself, the default voice first.
    pub fn list(&self) -> impl Iterator<Item = &VoiceInfo> {
        let is_default = |info: &&VoiceInfo| info.id == self.default;
        let all = || self.all.iter().map(|voice| voice.info());
        all()
            .filter(is_default)
            .chain(all().filter(move |info| !is_default(info)))
    }

    /// The voice that is used when none is asked for: `joe`, or the first
    /// found.
    #[must_use]
    pub fn default_id(&self) -> &str {
        &self.default
    }

    /// A voice. Its model is loaded when it first speaks, or by
    /// [`Voices::warm`].
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn get(&self, id: &str) -> Result<Arc<dyn Voice>, Error> {
        self.all
            .iter()
            .find(|voice| voice.info().id == id)
            .cloned()
            .ok_or_else(|| Error::Unknown {
                id: id.to_owned(),
                known: self.list().map(|info| info.id.clone()).collect(),
            })
    }

    /// Files that look like voices and cannot be used, with the reason.
    #[must_use]
    pub fn refused(&self) -> &[(PathBuf, piper::LoadError)] {
        &self.refused
    }

    /// Loads the model of a voice and speaks a word with it, unheard, so that
    /// its first clause is not slower than the next. Does nothing to remote
    /// voices, which cost money.
    ///
    /// # Errors
    /// As [`Voice::begin`].
    pub fn warm(&self, voice: &dyn Voice) -> Result<(), VoiceError> {
        if voice.info().cost == 0.0 {
            return Ok(());
        }
        let text = "Hello.".to_owned();
        let mut speaking = voice.begin(&Clause {
            range: 0..text.len(),
            text,
            ends_sentence: true,
        })?;
        while speaking.next_chunk()?.is_some() {}
        Ok(())
    }

    fn add(&mut self, voice: Arc<dyn Voice>) {
        let id = &voice.info().id;
        if self.get(id).is_ok() {
            tracing::warn!(id, "two voices have the same identifier; the first is used");
        } else {
            self.all.push(voice);
        }
    }

    fn add_piper(&mut self, settings: &Settings, readers: &Arc<Readers>) {
        let own = settings.weights.join("piper-joe");
        let folders = std::iter::once(&own).chain(&settings.piper_folders);
        for (index, folder) in folders.enumerate() {
            for model in models_in(folder) {
                let description = match piper::Description::read(&model) {
                    Ok(description) => description,
                    Err(error) => {
                        tracing::warn!(model = %model.display(), %error, "left out a voice");
                        self.refused.push((model, error));
                        continue;
                    }
                };
                let weights = Arc::new(Late::default());
                for (speaker, number) in speakers(&description) {
                    let info = piper_info(&model, &description, speaker, index == 0);
                    self.add(Arc::new(LateVoice::new(info, {
                        let (model, weights) = (model.clone(), weights.clone());
                        let (readers, settings) = (readers.clone(), settings.clone());
                        move |info| {
                            let weights = weights.get(|| {
                                let tuning = Tuning {
                                    parallel: settings.parallel,
                                    ..Tuning::default()
                                };
                                piper::Weights::load(&settings.environment, &model, tuning)
                            })?;
                            let reader = readers.get(weights.accent())?;
                            Ok(Arc::new(Piper::new(info, weights, reader, number)))
                        }
                    })));
                }
            }
        }
    }

    fn add_kokoro(&mut self, settings: &Settings, readers: &Arc<Readers>) {
        let folder = settings.weights.join("kokoro");
        let model = folder.join("kokoro-v1.0.int8.onnx");
        if !model.is_file() {
            return;
        }
        let weights = Arc::new(Late::default());
        for (id, name, language) in KOKORO {
            let styles = folder.join(format!("voices/{id}.bin"));
            if !styles.is_file() {
                continue;
            }
            let info = kokoro_info(id, name, language);
            let accent = if language == "en-GB" {
                Accent::British
            } else {
                Accent::American
            };
            self.add(Arc::new(LateVoice::new(info, {
                let (model, weights) = (model.clone(), weights.clone());
                let (readers, environment) = (readers.clone(), settings.environment.clone());
                move |info| {
                    // A clause takes a core for as long as half its sound, so
                    // more than one at a time is of no use on a small machine,
                    // and every one takes 150 MB.
                    let weights = weights.get(|| kokoro::Weights::load(&environment, &model, 1))?;
                    let reader = readers.get(accent)?;
                    Ok(Arc::new(Kokoro::load(info, &styles, weights, reader)?))
                }
            })));
        }
    }
}

/// Speakers of a model: no name when there is one only.
fn speakers(description: &piper::Description) -> Vec<(Option<&str>, i64)> {
    if description.speakers.len() < 2 {
        return vec![(None, 0)];
    }
    let named = description.speakers.iter();
    named
        .map(|(name, number)| (Some(name.as_str()), *number))
        .take(MOST_SPEAKERS)
        .collect()
}

/// Piper models of a folder, by name, also one level down.
fn models_in(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect()
    };
    let mut models: Vec<PathBuf> = entries(folder)
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                entries(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "onnx"))
        .filter(|path| piper::config_path(path).is_file())
        .collect();
    models.sort();
    models
}

fn piper_info(
    model: &Path,
    description: &piper::Description,
    speaker: Option<&str>,
    is_own: bool,
) -> VoiceInfo {
    let file = model.file_stem().unwrap_or_default().to_string_lossy();
    let base = if is_own {
        DEFAULT.to_owned()
    } else {
        file.to_lowercase()
    };
    let (licence, origin) = if is_own {
        (
            "MIT (package), recordings CC0; see origin",
            "Piper en_US-joe-medium. Tuned from the voice `lessac`, whose recordings restrict \
             commercial speech synthesis: for commercial use take a Kokoro voice or your own",
        )
    } else {
        (
            "not known here: see the voice's MODEL_CARD",
            "a Piper voice from a folder of this server",
        )
    };
    let name = match (&description.dataset, is_own) {
        (Some(dataset), _) => capitalised(dataset),
        (None, true) => "Joe".to_owned(),
        (None, false) => file.into_owned(),
    };
    VoiceInfo {
        id: match speaker {
            Some(speaker) => format!("{base}:{speaker}"),
            None => base,
        },
        name: match speaker {
            Some(speaker) => format!("{name} {speaker}"),
            None => name,
        },
        language: description.language.clone(),
        licence: licence.to_owned(),
        origin: origin.to_owned(),
        sample_rate: description.sample_rate,
        cost: Piper::COST,
        timing: TimingQuality::Exact,
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn kokoro_info(id: &str, name: &str, language: &str) -> VoiceInfo {
    VoiceInfo {
        id: id.to_owned(),
        name: name.to_owned(),
        language: language.to_owned(),
        licence: "Apache-2.0".to_owned(),
        origin: "Kokoro-82M v1.0 by hexgrad, quantised to 8 bit. Trained on permissively \
                 licensed and synthetic speech, by its author's statement"
            .to_owned(),
        sample_rate: kokoro::RATE,
        cost: Kokoro::COST,
        timing: TimingQuality::Exact,
    }
}

fn remote_info(id: &str, service: &Service) -> VoiceInfo {
    VoiceInfo {
        id: id.to_owned(),
        name: service.voice.clone(),
        // The service speaks the language of its text.
        language: "mul".to_owned(),
        licence: "terms of the service".to_owned(),
        origin: format!("model {} of a remote service", service.model),
        sample_rate: 0,
        cost: 0.0,
        timing: TimingQuality::Estimated,
    }
}

/// A thing that is made when it is first asked for. A failure is not kept: the
/// next who asks tries again.
struct Late<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Late<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Late<T> {
    fn get<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*made {
            return Ok(made.clone());
        }
        let new = Arc::new(make()?);
        *made = Some(new.clone());
        Ok(new)
    }
}

/// The phonemisers of all voices.
struct Readers {
    path: PathBuf,
    network: Late<Network>,
    made: Mutex<HashMap<Accent, Arc<Late<Phonemiser>>>>,
}

impl Readers {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            network: Late::default(),
            made: Mutex::default(),
        }
    }

    fn get(&self, accent: Accent) -> Result<Arc<Phonemiser>, Cause> {
        let network = self.network.get(|| Network::load(&self.path))?;
        let late = self
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(accent)
            .or_default()
            .clone();
        late.get(|| Ok(Phonemiser::new(accent, network)))
    }
}

type Make = dyn Fn(VoiceInfo) -> Result<Arc<dyn Voice>, Cause> + Send + Sync;

/// A voice whose model is loaded when it first speaks.
struct LateVoice {
    info: VoiceInfo,
    voice: Late<Arc<dyn Voice>>,
    make: Box<Make>,
}

impl LateVoice {
    fn new(
        info: VoiceInfo,
        make: impl Fn(VoiceInfo) -> Result<Arc<dyn Voice>, Cause> + Send + Sync + 'static,
    ) -> Self {
        Self {
            info,
            voice: Late::default(),
            make: Box::new(make),
        }
    }
}

impl Voice for LateVoice {
    fn info(&self) -> &VoiceInfo {
        &self.info
    }

    fn begin(&self, clause: &Clause) -> Result<Box<dyn Utterance>, VoiceError> {
        let voice = self
            .voice
            .get(|| (self.make)(self.info.clone()))
            .map_err(VoiceError::Model)?;
        voice.begin(clause)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{clause, environment, models};

    fn settings() -> Settings {
        Settings {
            environment: environment().clone(),
            weights: models().join("weights"),
            piper_folders: Vec::new(),
            remote: Vec::new(),
            parallel: 1,
        }
    }

    #[test]
    fn all_voices_are_listed_without_loading_them() {
        let mut settings = settings();
        settings.remote.push((
            "cloud".to_owned(),
            Service {
                base: "http://127.0.0.1:9".to_owned(),
                model: "m".to_owned(),
                voice: "alloy".to_owned(),
                key: None,
                patience: Duration::from_secs(1),
            },
        ));
        let voices = Voices::load(&settings).unwrap();
        let ids: Vec<_> = voices.list().map(|info| info.id.as_str()).collect();
        assert_eq!(ids[0], DEFAULT);
        assert_eq!(ids.len(), 8, "{ids:?}");
        assert!(ids.contains(&"bf_emma") && ids.contains(&"cloud"));
        let joe = voices.list().next().unwrap();
        assert_eq!((joe.sample_rate, joe.language.as_str()), (22_050, "en-US"));
        assert!(joe.origin.contains("lessac"), "the doubt is told");
    }

    #[test]
    fn the_default_voice_speaks() {
        let voices = Voices::load(&settings()).unwrap();
        let voice = voices.get(voices.default_id()).unwrap();
        voices.warm(voice.as_ref()).unwrap();
        let mut speaking = voice.begin(&clause("Hello.")).unwrap();
        assert!(speaking.next_chunk().unwrap().is_some());
    }

    #[test]
    fn dropped_in_voices_are_found_and_bad_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, config: &str| {
            std::fs::write(folder.path().join(name), b"").unwrap();
            std::fs::write(folder.path().join(format!("{name}.json")), config).unwrap();
        };
        let config = |voice: &str, speakers: &str| {
            format!(
                r#"{{"audio": {{"sample_rate": 16000}}, "espeak": {{"voice": "{voice}"}},
                "phoneme_id_map": {{"_": [0]}}, "speaker_id_map": {{{speakers}}}}}"#
            )
        };
        place(
            "en_GB-duo-low.onnx",
            &config("en-gb", r#""ann": 0, "bob": 1"#),
        );
        place("de_DE-x.onnx", &config("de", ""));
        std::fs::write(folder.path().join("no-config.onnx"), b"").unwrap();
        let mut settings = settings();
        settings.piper_folders.push(folder.path().to_owned());
        let voices = Voices::load(&settings).unwrap();
        let ann = voices.get("en_gb-duo-low:ann").unwrap();
        assert_eq!(ann.info().language, "en-GB");
        assert!(voices.get("en_gb-duo-low:bob").is_ok());
        assert_eq!(voices.refused().len(), 1);
        // The model itself is only looked at when it is used.
        let broken = ann.begin(&clause("Hello."));
        assert!(matches!(broken, Err(VoiceError::Model(_))));
    }

    #[test]
    fn unknown_voices_and_empty_folders_are_errors() {
        let mut settings = settings();
        let voices = Voices::load(&settings).unwrap();
        let error = voices.get("nobody").err().unwrap().to_string();
        assert!(error.contains("nobody") && error.contains("joe"), "{error}");
        settings.weights = "/nowhere".into();
        assert!(matches!(Voices::load(&settings), Err(Error::NoVoice(_))));
    }
}
