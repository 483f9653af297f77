//! From the configuration to the rooms that sessions share.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use engine::Rooms;
use speech::remote::Service;
use weights::Models;
use weights::manifest::Platform;

use crate::config::{Config, RemoteVoice};

/// Time a remote voice gets to answer, and between two pieces of sound. A
/// listener who waited longer has gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The lip-sync network within the folder of models.
const LIP_SYNC: &str = "lipsync/lipsync.onnx";

/// The stock avatars within the folder of models.
const FACES: &str = "faces";

/// Opens the folder of models.
pub fn models(config: &Config) -> anyhow::Result<Models> {
    let models = Models::open(config.models())?;
    Ok(models.allow_unlisted(config.allow_unlisted_weights.unwrap_or(false)))
}

/// Loads the inference library and the lip-sync network, which everything
/// that speaks or listens needs.
pub fn mouth(config: &Config, models: &Models) -> anyhow::Result<Arc<lipsync::Model>> {
    let library = models.library(config.ort_lib.as_deref())?;
    weights::runtime::init(&library)?;
    let model = lipsync::Model::load(&models.file(LIP_SYNC)?)
        .context("the lip-sync network cannot be loaded")?;
    Ok(Arc::new(model))
}

/// Loads what sessions share. The default voice is loaded too, so that the
/// first sentence is as fast as the others.
pub fn load(config: &Config) -> anyhow::Result<Rooms> {
    let models = models(config)?;
    let mouth = mouth(config, &models)?;
    let voices = voices(config, &models)?;
    Ok(Rooms {
        voices: Arc::new(voices),
        mouth,
        avatars: Arc::new(avatars(config)),
        backgrounds: Arc::default(),
    })
}

/// Opens the avatars that come with the product and those of users. What cannot
/// be used is told of and left out: the others still can.
pub fn avatars(config: &Config) -> face::Avatars {
    let stock = config.models().join(FACES);
    let (avatars, refused) = face::Avatars::open(Some(&stock), Some(&config.avatars()));
    for (path, error) in refused {
        tracing::warn!(path = %path.display(), %error, "an avatar cannot be used");
    }
    avatars
}

fn voices(config: &Config, models: &Models) -> anyhow::Result<speech::Voices> {
    check_weights(models)?;
    let folder = config.voices();
    let own = if !folder.is_dir() {
        Vec::new()
    } else if config.allow_unlisted_weights.unwrap_or(false) {
        vec![folder]
    } else {
        tracing::warn!(
            folder = %folder.display(),
            "voices there are in no manifest and are not used; --allow-unlisted-weights uses them"
        );
        Vec::new()
    };
    let remote = config
        .remote_voices
        .iter()
        .map(|voice| {
            let service = Service {
                base: voice.url.clone(),
                model: voice.model.clone(),
                voice: voice.voice.clone(),
                key: key_of(voice)?,
                patience: PATIENCE,
            };
            Ok((voice.id.clone(), service))
        })
        .collect::<anyhow::Result<_>>()?;
    let voices = speech::Voices::load(&speech::Settings {
        environment: weights::runtime::environment()?.clone(),
        weights: models.directory().join("weights"),
        piper_folders: own,
        remote,
        parallel: config.engine().voices_at_once.get(),
    })?;
    Ok(voices)
}

/// Checks every listed file that is there, so that no voice is made of others.
fn check_weights(models: &Models) -> anyhow::Result<()> {
    let platform = Platform::current();
    for file in &models.manifest().files {
        if file.fits(platform) && models.directory().join(&file.path).exists() {
            models.verify(file)?;
        }
    }
    Ok(())
}

fn key_of(voice: &RemoteVoice) -> anyhow::Result<Option<String>> {
    let Some(name) = &voice.key_env else {
        return Ok(None);
    };
    let key = std::env::var(name).with_context(|| {
        format!(
            "the key of the voice '{}' is expected in the environment variable {name}",
            voice.id
        )
    })?;
    Ok(Some(key))
}
