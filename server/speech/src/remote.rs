//! Voices behind an HTTP service with OpenAI's speech interface:
//! `POST {base}/audio/speech` ("Create speech", OpenAI API reference), asked
//! for raw PCM, which is played while it still arrives.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use media::seam::{Cause, Utterance, Voice, VoiceError};
use media::speech::TimingQuality;
use media::{CLOCK_HZ, Clause, Timings, VoiceInfo};
use serde::Serialize;
use thiserror::Error;
use ureq::http::header::CONTENT_TYPE;
use ureq::{Agent, Body, BodyReader};

use crate::normalise::normalise;
use crate::pause;
use crate::resample::{Resampler, UnsupportedRate};
use crate::script::written;
use crate::timing;

/// Rate of the PCM that the interface gives, Hz: 16 bit, little-endian, mono.
pub const RATE: u32 = 24_000;

/// Bytes of an answer that is no sound, of which an error is made.
const MOST_COMPLAINT: u64 = 2_048;

/// Longest sound of one clause, seconds. A service that does not end would
/// otherwise hold its speaker for ever.
const LONGEST: u64 = 120;

/// Bytes read at once: 0.2 s. Less is given when less has arrived.
const READ: usize = 9_600;

/// Speech is about this fast, characters a second, for the estimate of where
/// words are.
const CHARACTERS_PER_SECOND: f64 = 15.0;

/// Where a remote voice is.
#[derive(Clone)]
pub struct Service {
    /// Address that `/audio/speech` is added to, such as
    /// `https://api.openai.com/v1`.
    pub base: String,
    /// The service's name of its model.
    pub model: String,
    /// The service's name of its voice.
    pub voice: String,
    /// Sent as a bearer token. Never shown.
    pub key: Option<String>,
    /// Time until the first byte of an answer, and between two of them.
    pub patience: Duration,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("base", &self.base)
            .field("model", &self.model)
            .field("voice", &self.voice)
            .field("key", &self.key.as_ref().map(|_| "hidden"))
            .field("patience", &self.patience)
            .finish()
    }
}

/// What the service did wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// It could not be reached, or did not answer in time.
    #[error("no answer from {0}")]
    Unreachable(String, #[source] ureq::Error),
    /// It refused.
    #[error("it answered {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The start of what it said.
        message: String,
    },
    /// It sent something that is not PCM.
    #[error("it answered with {0} where sound was asked for")]
    NotSound(String),
    /// The sound broke off.
    #[error("the sound broke off")]
    BrokeOff(#[source] std::io::Error),
    /// It did not end.
    #[error("the sound of one clause went on for more than {LONGEST} s")]
    Endless,
    /// Its rate cannot be resampled.
    #[error(transparent)]
    Rate(#[from] UnsupportedRate),
}

impl From<Error> for VoiceError {
    fn from(error: Error) -> Self {
        Self::Remote(Cause::from(error))
    }
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    voice: &'a str,
    input: &'a str,
    response_format: &'static str,
}

/// A voice of a remote service.
pub struct Remote {
    info: VoiceInfo,
    service: Service,
    agent: Agent,
}

impl Remote {
    /// A voice; nothing is sent yet. What `info` says of rate, cost and timing
    /// is set here.
    #[must_use]
    pub fn new(mut info: VoiceInfo, service: Service) -> Self {
        info.sample_rate = RATE;
        info.cost = 0.0;
        info.timing = TimingQuality::Estimated;
        let agent = Agent::config_builder()
            .timeout_connect(Some(service.patience))
            .timeout_recv_response(Some(service.patience))
            .timeout_per_read(Some(service.patience))
            .timeout_per_write(Some(service.patience))
            // The answer to a refusal says why.
            .http_status_as_error(false)
            // A redirect would take the key elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build()
            .into();
        Self {
            info,
            service,
            agent,
        }
    }

    fn ask(&self, text: &str) -> Result<Body, Error> {
        let address = format!("{}/audio/speech", self.service.base.trim_end_matches('/'));
        let mut request = self.agent.post(&address);
        if let Some(key) = &self.service.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut answer = request
            .send_json(Request {
                model: &self.service.model,
                voice: &self.service.voice,
                input: text,
                response_format: "pcm",
            })
            .map_err(|error| Error::Unreachable(address, error))?;
        let status = answer.status();
        if !status.is_success() {
            let message = complaint(answer.body_mut());
            return Err(Error::Refused {
                status: status.as_u16(),
                message: self.without_key(&message),
            });
        }
        let kind = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("text/") || kind.contains("json") {
            let kind = kind.to_owned();
            let message = complaint(answer.body_mut());
            return Err(Error::NotSound(
                self.without_key(&format!("{kind}: {message}")),
            ));
        }
        Ok(answer.into_body())
    }

    /// Services may repeat the key that they refuse.
    fn without_key(&self, message: &str) -> String {
        match &self.service.key {
            Some(key) if !key.is_empty() => message.replace(key.as_str(), "(key)"),
            _ => message.to_owned(),
        }
    }
}

/// The start of a body as one line of text.
fn complaint(body: &mut Body) -> String {
    let mut bytes = Vec::new();
    let mut reader = body.as_reader().take(MOST_COMPLAINT);
    if reader.read_to_end(&mut bytes).is_err() && bytes.is_empty() {
        return "(the answer broke off)".to_owned();
    }
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

impl Voice for Remote {
    fn info(&self) -> &VoiceInfo {
        &self.info
    }

    fn begin(&self, clause: &Clause) -> Result<Box<dyn Utterance>, VoiceError> {
        // The service may speak any script, so anything that has letters or
        // figures is sent, but for what is not text.
        let text: String = clause
            .text
            .chars()
            .filter(|letter| !letter.is_control() || letter.is_whitespace())
            .collect();
        if !text.contains(char::is_alphanumeric) {
            return Err(VoiceError::NothingToSay);
        }
        let words: Vec<_> = normalise(&clause.text)
            .iter()
            .map(|piece| written(piece, clause))
            .filter(|(text, _)| text.contains(char::is_alphanumeric))
            .collect();
        let seconds = text.trim().chars().count() as f64 / CHARACTERS_PER_SECOND;
        let timings = timing::spread(&words, (seconds * CLOCK_HZ as f64) as i64);
        let body = self.ask(text.trim())?;
        Ok(Box::new(Arriving {
            timings,
            body: body
                .into_with_config()
                .limit(LONGEST * u64::from(RATE) * 2 + 1)
                .reader(),
            resampler: Resampler::new(RATE).map_err(Error::from)?,
            odd: None,
            taken: 0,
            tail: Some(pause::after(clause.ends_sentence, 0.0)),
        }))
    }
}

struct Arriving {
    timings: Timings,
    body: BodyReader<'static>,
    resampler: Resampler,
    /// First half of a sample whose second has not arrived.
    odd: Option<u8>,
    /// Bytes so far.
    taken: u64,
    /// Silence at the end, media samples, until it is given.
    tail: Option<i64>,
}

impl Utterance for Arriving {
    fn timings(&self) -> &Timings {
        &self.timings
    }

    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, VoiceError> {
        if self.tail.is_none() {
            return Ok(None);
        }
        let mut buffer = [0; READ];
        loop {
            let count = self.body.read(&mut buffer).map_err(|error| {
                if self.taken >= LONGEST * u64::from(RATE) * 2 {
                    Error::Endless
                } else {
                    Error::BrokeOff(error)
                }
            })?;
            if self.taken == 0 && buffer[..count].starts_with(b"RIFF") {
                return Err(Error::NotSound("a WAV file".to_owned()).into());
            }
            self.taken += count as u64;
            if count == 0 {
                let mut rest = self.resampler.flush();
                let tail = self.tail.take().unwrap_or_default();
                rest.resize(rest.len() + tail as usize, 0.0);
                return Ok(Some(rest));
            }
            let sound = self
                .resampler
                .push(&samples(&mut self.odd, &buffer[..count]));
            // A few bytes may give nothing yet.
            if !sound.is_empty() {
                return Ok(Some(sound));
            }
        }
    }
}

/// Samples of bytes that may begin or end within one.
fn samples(odd: &mut Option<u8>, bytes: &[u8]) -> Vec<f32> {
    let mut bytes = bytes.iter().copied();
    let mut samples = Vec::with_capacity(bytes.len() / 2 + 1);
    while let Some(low) = odd.take().or_else(|| bytes.next()) {
        match bytes.next() {
            Some(high) => samples.push(f32::from(i16::from_le_bytes([low, high])) / 32_768.0),
            None => *odd = Some(low),
        }
        if odd.is_some() {
            break;
        }
    }
    samples
}

#[cfg(test)]
mod tests;
