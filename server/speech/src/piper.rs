//! Piper voices: VITS (Kim et al. 2021), cut in two at its latent, so that
//! sound streams.
//!
//! The first half (text encoder, durations, flow) runs once for a clause and
//! gives the latent and the length of every symbol; the second half (the
//! HiFi-GAN decoder) is convolutions only, and runs on short windows of the
//! latent with enough context on both sides to be exact. The cut is made here
//! when a voice is loaded, so any Piper voice streams.

mod config;
mod symbols;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media::seam::{Utterance, Voice, VoiceError};
use media::speech::TimingQuality;
use media::{Clause, MediaTime, Timings, VoiceInfo};
use onnx::{Element, Malformed, Model, Port};
use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;
use thiserror::Error;

use crate::g2p::{Accent, Phonemiser};
use crate::noise::Noise;
use crate::pause;
use crate::resample::{Resampler, UnsupportedRate};
use crate::runtime::{Pool, model_error, odd_answer};
use crate::script::Script;
use crate::timing::{self, SILENCE, Unit};
use config::Config;

/// Why a voice could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{0} cannot be read")]
    Read(PathBuf, #[source] std::io::Error),
    /// The settings of the voice are not as Piper writes them.
    #[error("{0} is not the configuration of a Piper voice")]
    Config(PathBuf, #[source] serde_json::Error),
    /// The language of the voice has no phonemes here.
    #[error("the voice speaks `{0}`, and only English can be read aloud so far")]
    Language(String),
    /// The model is not an ONNX file.
    #[error("{0}")]
    Model(PathBuf, #[source] Malformed),
    /// The model is not one of Piper.
    #[error("{0} is not a Piper voice: {1}")]
    Foreign(PathBuf, &'static str),
    /// ONNX Runtime refused the model.
    #[error("ONNX Runtime cannot run {0}")]
    Runtime(PathBuf, #[source] ort::Error),
    /// The voice speaks at a rate that cannot be resampled.
    #[error(transparent)]
    Rate(#[from] UnsupportedRate),
}

/// Latent frames that are decoded with a chunk on each side and thrown away.
/// The decoder sees 10 frames far: from there on chunks are exact to rounding
/// (121 dB).
const MARGIN: usize = 12;

/// Latent frames of the first, the second, and all later chunks: 0.19, 0.37
/// and 0.56 s at 22.05 kHz. Short at first so that sound begins soon, longer
/// then because every chunk pays for its margins.
const CHUNKS: [usize; 3] = [16, 32, 48];

/// By how much the labels are later than the sound, seconds, when the length
/// of padding is shared between both neighbours (median over the boundaries of
/// 24 sentences, laid along the sound by the lip-sync network).
const LABEL_DELAY: f64 = 0.011;

/// Silence that is left before the first sound, seconds: consonants begin
/// before their label says so.
const LEAD_IN: f64 = 0.06;

/// Frames of noise for a symbol id. More than most clauses need, as the
/// noise is repeated when it is used up.
const NOISE_PER_ID: usize = 4;

/// Longest run of noise that is made, frames: 12 s.
const MOST_NOISE: usize = 1_024;

/// Longest input, symbol ids: 70 s of sound. The time and memory of attention
/// grow with the square of it, so the rest of a clause is cut off.
const MOST_IDS: usize = 2_000;

/// The encoder takes about a quarter of the time of all chunks, and 60 MB for
/// every session; a decoder takes 10.
const DECODERS_PER_ENCODER: usize = 4;

/// Channels of the noise of the duration predictor (VITS §2.2.2).
const DURATION_CHANNELS: usize = 2;

/// A loaded model. Several voices share it when it has several speakers.
pub struct Weights {
    config: Config,
    accent: Accent,
    encoder: Pool,
    decoder: Pool,
    /// Whether each half asks for a speaker.
    speaker_inputs: [bool; 2],
    /// Names of the noise inputs and their channels.
    noise: Vec<(String, usize)>,
    latent: String,
    channels: usize,
    /// Samples of one latent frame.
    hop: usize,
}

/// What a voice says of itself, without its model.
#[derive(Clone, Debug)]
pub struct Description {
    /// BCP 47 tag.
    pub language: String,
    /// Rate of its own output, Hz.
    pub sample_rate: u32,
    /// Names and numbers of its speakers; may be empty when there is one only.
    pub speakers: BTreeMap<String, i64>,
    /// Name of the recordings that it learnt from.
    pub dataset: Option<String>,
}

impl Description {
    /// Reads the configuration beside `model`.
    ///
    /// # Errors
    /// [`LoadError`], also when its language or rate cannot be used.
    pub fn read(model: &Path) -> Result<Self, LoadError> {
        let config = Config::load(&config_path(model))?;
        let language = match config.accent()? {
            Accent::American => "en-US",
            Accent::British => "en-GB",
        };
        Resampler::new(config.audio.sample_rate)?;
        Ok(Self {
            language: language.to_owned(),
            sample_rate: config.audio.sample_rate,
            speakers: config.speaker_id_map,
            dataset: config.dataset,
        })
    }
}

/// Which of a Piper voice's parameters are fixed by the caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tuning {
    /// Chunks that can be decoded at once; 0 counts as 1.
    pub parallel: usize,
    /// Noise of the latent in place of the voice's own; 0 makes a voice flat
    /// and its sound a function of its durations alone.
    pub noise_scale: Option<f32>,
    /// Time stretch in place of the voice's own; 2 is half as fast.
    pub length_scale: Option<f32>,
}

impl Weights {
    /// Loads `model` (`.onnx`) with its configuration (`.onnx.json`) beside it.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(
        environment: &Environment,
        model: &Path,
        tuning: Tuning,
    ) -> Result<Self, LoadError> {
        let mut config = Config::load(&config_path(model))?;
        let accent = config.accent()?;
        if let Some(scale) = tuning.noise_scale {
            config.inference.noise_scale = scale;
        }
        if let Some(scale) = tuning.length_scale {
            config.inference.length_scale = scale;
        }
        Resampler::new(config.audio.sample_rate)?;
        let runtime = |error| LoadError::Runtime(model.into(), error);
        let halves = Halves::cut(model)?;
        let decoder = Pool::open(environment, &halves.decoder, tuning.parallel).map_err(runtime)?;
        let encoders = tuning.parallel.div_ceil(DECODERS_PER_ENCODER);
        let encoder = Pool::open(environment, &halves.encoder, encoders).map_err(runtime)?;
        let asks =
            |session: &mut Session| session.inputs().iter().any(|input| input.name() == "sid");
        let mut weights = Self {
            speaker_inputs: [encoder.with(asks), decoder.with(asks)],
            config,
            accent,
            encoder,
            decoder,
            noise: halves.noise,
            latent: halves.latent,
            channels: halves.channels,
            hop: 0,
        };
        // Also the first run of the decoder, which is slower than the next.
        let probe = vec![0.0; weights.channels * CHUNKS[0]];
        let sound = weights
            .decode(&probe, CHUNKS[0], 0..CHUNKS[0], 0)
            .map_err(|_| LoadError::Foreign(model.into(), "its decoder does not run"))?;
        weights.hop = sound.len() / CHUNKS[0];
        if weights.hop == 0 || sound.len() % CHUNKS[0] != 0 {
            return Err(LoadError::Foreign(
                model.into(),
                "its decoder gives no whole number of samples for a frame",
            ));
        }
        Ok(weights)
    }

    /// The accent that its words must be read in.
    #[must_use]
    pub fn accent(&self) -> Accent {
        self.accent
    }

    /// Rate of its own output, Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.config.audio.sample_rate
    }

    fn encode(&self, ids: Vec<i64>, speaker: i64, noise: &mut Noise) -> Result<Latent, VoiceError> {
        let count = ids.len();
        let inference = &self.config.inference;
        let scales = vec![
            inference.noise_scale,
            inference.length_scale,
            inference.noise_w,
        ];
        let length = (count * NOISE_PER_ID).min(MOST_NOISE);
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = vec![
            ("input".into(), tensor([1, count], ids)?),
            ("input_lengths".into(), tensor([1], vec![count as i64])?),
            ("scales".into(), tensor([3], scales)?),
        ];
        for (name, channels) in &self.noise {
            let values = noise.take(channels * length);
            inputs.push((name.clone(), tensor([1, *channels, length], values)?));
        }
        if self.speaker_inputs[0] {
            inputs.push(("sid".into(), tensor([1], vec![speaker])?));
        }
        self.encoder.with(|session| {
            let outputs = session.run(inputs).map_err(model_error)?;
            let (shape, values) = outputs[0]
                .try_extract_tensor::<f32>()
                .map_err(model_error)?;
            let (_, lengths) = outputs[1]
                .try_extract_tensor::<f32>()
                .map_err(model_error)?;
            let &[1, channels, frames] = &shape[..] else {
                return Err(odd_answer("the latent has another shape"));
            };
            if channels as usize != self.channels || lengths.len() != count {
                return Err(odd_answer("the latent has another size"));
            }
            Ok(Latent {
                values: values.to_vec(),
                frames: frames as usize,
                lengths: lengths.to_vec(),
            })
        })
    }

    /// Decodes the frames `wanted` of a latent of `frames` frames.
    fn decode(
        &self,
        latent: &[f32],
        frames: usize,
        wanted: std::ops::Range<usize>,
        speaker: i64,
    ) -> Result<Vec<f32>, VoiceError> {
        let from = wanted.start.saturating_sub(MARGIN);
        let to = (wanted.end + MARGIN).min(frames);
        let window: Vec<f32> = latent
            .chunks_exact(frames)
            .flat_map(|channel| &channel[from..to])
            .copied()
            .collect();
        let window = tensor([1, self.channels, to - from], window)?;
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = vec![(self.latent.clone(), window)];
        if self.speaker_inputs[1] {
            inputs.push(("sid".into(), tensor([1], vec![speaker])?));
        }
        self.decoder.with(|session| {
            let outputs = session.run(inputs).map_err(model_error)?;
            let (_, sound) = outputs[0]
                .try_extract_tensor::<f32>()
                .map_err(model_error)?;
            let hop = sound.len() / (to - from);
            sound
                .get((wanted.start - from) * hop..(wanted.end - from) * hop)
                .map(<[f32]>::to_vec)
                .ok_or_else(|| odd_answer("the decoder gave too little sound"))
        })
    }
}

fn tensor<const N: usize, T>(
    shape: [usize; N],
    values: Vec<T>,
) -> Result<SessionInputValue<'static>, VoiceError>
where
    T: ort::value::PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static,
{
    Ok(Tensor::from_array((shape, values))
        .map_err(model_error)?
        .into())
}

/// The configuration beside a model.
pub(crate) fn config_path(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// A latent and what it was made of.
struct Latent {
    /// `[channels, frames]`.
    values: Vec<f32>,
    frames: usize,
    /// Frames of each symbol id.
    lengths: Vec<f32>,
}

/// The two models that a voice is cut into.
struct Halves {
    encoder: Vec<u8>,
    decoder: Vec<u8>,
    latent: String,
    channels: usize,
    noise: Vec<(String, usize)>,
}

impl Halves {
    fn cut(path: &Path) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path).map_err(|error| LoadError::Read(path.into(), error))?;
        let malformed = |error| LoadError::Model(path.into(), error);
        let foreign = |what| LoadError::Foreign(path.into(), what);
        let mut model = Model::parse(&bytes).map_err(malformed)?;
        let Some([latent, weight, ..]) = model.node_inputs("Conv", "/dec/conv_pre/Conv") else {
            return Err(foreign("it has no decoder to cut off"));
        };
        let latent = latent.clone();
        let channels = match model.dimensions(weight) {
            Some(&[_, channels, _]) if channels > 0 => channels as usize,
            _ => return Err(foreign("the first layer of its decoder is odd")),
        };
        let Some([lengths]) = model.node_outputs("Ceil", "") else {
            return Err(foreign("it tells no durations"));
        };
        let lengths = lengths.clone();
        let Some(sound) = model.outputs().next() else {
            return Err(foreign("it has no output"));
        };
        let noise: Vec<_> = model
            .supply_noise()
            .into_iter()
            .map(|(node, input)| {
                let of_durations = node.contains("/dp/");
                (
                    input,
                    if of_durations {
                        DURATION_CHANNELS
                    } else {
                        channels
                    },
                )
            })
            .collect();
        let port = |name| Port {
            name,
            element: Element::Float,
            rank: 3,
        };
        let noise_ports: Vec<_> = noise.iter().map(|(name, _)| port(name)).collect();
        Ok(Self {
            encoder: model
                .extract(&noise_ports, &[port(&latent), port(&lengths)])
                .map_err(malformed)?,
            decoder: model
                .extract(&[port(&latent)], &[port(sound)])
                .map_err(malformed)?,
            latent,
            channels,
            noise,
        })
    }
}

/// One speaker of a Piper model.
pub struct Piper {
    info: VoiceInfo,
    weights: Arc<Weights>,
    phonemiser: Arc<Phonemiser>,
    speaker: i64,
}

impl Piper {
    /// CPU seconds for one second of speech of a voice of medium size, on one
    /// core.
    pub const COST: f32 = 0.11;

    /// A voice. What `info` says of rate and timing is set here. The
    /// phonemiser has the accent of the weights.
    #[must_use]
    pub fn new(
        mut info: VoiceInfo,
        weights: Arc<Weights>,
        phonemiser: Arc<Phonemiser>,
        speaker: i64,
    ) -> Self {
        info.sample_rate = weights.sample_rate();
        info.timing = TimingQuality::Exact;
        Self {
            info,
            weights,
            phonemiser,
            speaker,
        }
    }
}

impl Voice for Piper {
    fn info(&self) -> &VoiceInfo {
        &self.info
    }

    fn begin(&self, clause: &Clause) -> Result<Box<dyn Utterance>, VoiceError> {
        let script = Script::read(&self.phonemiser, clause)?;
        let symbols = symbols::of(&script.sounds, self.weights.accent, clause.ends_sentence);
        let map = &self.weights.config.phoneme_id_map;
        let ids_of = |symbol: char| map.get(&symbol).map(Vec::as_slice);
        let pad = ids_of('_').unwrap_or_default();

        // What each id stands for: `None` is padding.
        let mut ids = Vec::new();
        let mut owners: Vec<Option<usize>> = Vec::new();
        let mut units = vec![silence()];
        let mut push = |new: &[i64], owner: Option<usize>| {
            ids.extend_from_slice(new);
            owners.resize(ids.len(), owner);
        };
        push(ids_of('^').unwrap_or_default(), Some(0));
        push(pad, None);
        for symbol in symbols {
            let Some(new) = ids_of(symbol.symbol) else {
                tracing::debug!(symbol = %symbol.symbol, voice = self.info.id, "skipped a symbol that the voice did not learn");
                continue;
            };
            if units.len() * 2 > MOST_IDS {
                tracing::warn!("cut off a clause that is too long");
                break;
            }
            push(new, Some(units.len()));
            push(pad, None);
            units.push(Unit {
                symbol: symbol.symbol,
                word: symbol.word,
                length: 0.0,
            });
        }
        push(ids_of('$').unwrap_or_default(), Some(units.len()));
        units.push(silence());

        let mut noise = Noise::of(&clause.text);
        let latent = self.weights.encode(ids, self.speaker, &mut noise)?;
        let rate = self.weights.sample_rate();
        let seconds = self.weights.hop as f64 / f64::from(rate);
        share(&latent.lengths, &owners, seconds, &mut units);
        let skipped = leading_frames(&units, seconds).min(latent.frames.saturating_sub(1));
        if let Some(first) = units.first_mut() {
            first.length -= skipped as f64 * seconds;
        }
        let samples = ((latent.frames - skipped) * self.weights.hop) as i64;
        let spoken = MediaTime::rescale(samples, rate);
        let quiet: f64 = trailing_silence(&units);
        let tail = pause::after(clause.ends_sentence, quiet);
        if let Some(last) = units.last_mut() {
            last.length += tail as f64 / media::CLOCK_HZ as f64;
        }
        let timings = timing::lay(&units, LABEL_DELAY, spoken + tail, &script.words);
        Ok(Box::new(Speaking {
            resampler: Resampler::new(rate).map_err(|error| VoiceError::Model(error.into()))?,
            weights: self.weights.clone(),
            speaker: self.speaker,
            timings,
            latent,
            next: skipped,
            chunk: 0,
            tail: Some(tail),
        }))
    }
}

fn silence() -> Unit {
    Unit {
        symbol: SILENCE,
        word: None,
        length: 0.0,
    }
}

/// Gives every unit the length of its ids and half of the padding on each
/// side, seconds.
fn share(lengths: &[f32], owners: &[Option<usize>], seconds: f64, units: &mut [Unit]) {
    let mut owner = 0;
    for (index, &length) in lengths.iter().enumerate() {
        let length = f64::from(length) * seconds;
        if let Some(unit) = owners[index] {
            owner = unit;
            units[unit].length += length;
        } else {
            let next = owners[index..].iter().flatten().next();
            units[owner].length += length / 2.0;
            units[next.copied().unwrap_or(owner)].length += length / 2.0;
        }
    }
}

/// Frames of silence before the first sound that nobody should wait for. Some
/// clauses begin with a third of a second of it.
fn leading_frames(units: &[Unit], seconds: f64) -> usize {
    let silence = units.first().map_or(0.0, |unit| unit.length);
    ((silence - LABEL_DELAY - LEAD_IN) / seconds).max(0.0) as usize
}

/// Seconds after the last sound.
fn trailing_silence(units: &[Unit]) -> f64 {
    units
        .iter()
        .rev()
        .take_while(|unit| unit.word.is_none())
        .map(|unit| unit.length)
        .sum()
}

struct Speaking {
    weights: Arc<Weights>,
    speaker: i64,
    timings: Timings,
    latent: Latent,
    /// First frame not yet decoded.
    next: usize,
    /// Number of the next chunk.
    chunk: usize,
    resampler: Resampler,
    /// Silence at the end, media samples, until it is given.
    tail: Option<i64>,
}

impl Utterance for Speaking {
    fn timings(&self) -> &Timings {
        &self.timings
    }

    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, VoiceError> {
        if self.next < self.latent.frames {
            let length = CHUNKS[self.chunk.min(CHUNKS.len() - 1)];
            let end = (self.next + length).min(self.latent.frames);
            let sound = self.weights.decode(
                &self.latent.values,
                self.latent.frames,
                self.next..end,
                self.speaker,
            )?;
            self.next = end;
            self.chunk += 1;
            let mut sound = self.resampler.push(&sound);
            for sample in &mut sound {
                *sample = sample.clamp(-1.0, 1.0);
            }
            return Ok(Some(sound));
        }
        let Some(tail) = self.tail.take() else {
            return Ok(None);
        };
        let mut rest = self.resampler.flush();
        rest.resize(rest.len() + tail as usize, 0.0);
        Ok(Some(rest))
    }
}

#[cfg(test)]
mod tests;
