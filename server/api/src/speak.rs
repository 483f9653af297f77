//! Text and sound to be spoken, whole or while they are being made.

use std::sync::Arc;
use std::time::Duration;

use axum::Json as Answer;
use axum::body::{Body, BodyDataStream};
use axum::extract::State as Shared;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use engine::{Handle, Mode, SoundTurn, SpeakError, TextTurn};
use futures_util::StreamExt;
use media::Mood;
use serde::{Deserialize, Serialize};
use speech::pcm::{Encoding, Samples};
use speech::wav;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::acting::{self, Feeling};
use crate::auth::Session as Asked;
use crate::extract::{MediaType, Query, blocking, parse};
use crate::problem::{Code, Problem, shown};
use crate::state::State;
use crate::text;

/// What can be sent, for those who sent something else.
const TYPES: &str = "application/json, text/plain, audio/wav, audio/pcm;rate=… or audio/L16;rate=…";

/// Rate of raw sound that names none, Hz: what speech services send.
const DEFAULT_RATE: u32 = 24_000;

/// What happens to turns that are open.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SpeakMode {
    /// The new one waits for them.
    #[default]
    Queue,
    /// They are cut.
    Interrupt,
}

impl From<SpeakMode> for Mode {
    fn from(mode: SpeakMode) -> Self {
        match mode {
            SpeakMode::Queue => Self::Queue,
            SpeakMode::Interrupt => Self::Interrupt,
        }
    }
}

/// A text to be spoken.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Speak {
    /// The text. Markdown is taken off, numbers and the like are read as
    /// people say them. Tags move the face and are not spoken: an emotion from
    /// there on, with an intensity if wanted (`[happy]`, `[serious:0.5]`), or a
    /// gesture at the next word (`[nod]`, `[shake]`, `[raise_brows]`, `[wink]`).
    /// What is no tag stays text.
    #[schema(
        example = "Good morning! It is 8:30, and 12 °C outside.",
        pattern = r"\S"
    )]
    text: String,
    #[serde(default)]
    mode: SpeakMode,
    /// Another voice than the session's.
    voice: Option<String>,
    /// How the face feels about it. Tags in the text change it.
    emotion: Option<Feeling>,
    /// How much of it shows, 0 to 1. Default 1.
    #[schema(minimum = 0, maximum = 1)]
    intensity: Option<f32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpeakQuery {
    /// For bodies that are not JSON.
    #[serde(default)]
    mode: SpeakMode,
    /// For `text/plain`: another voice than the session's.
    voice: Option<String>,
    /// For bodies that are not JSON: how the face feels about it.
    #[param(inline)]
    emotion: Option<Feeling>,
    /// How much of it shows, 0 to 1. Default 1.
    #[param(minimum = 0, maximum = 1)]
    intensity: Option<f32>,
    /// A session token, where headers cannot be set.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// Something is going to be said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The turn, as in the events that follow.
    turn: u64,
}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(speak))
}

/// Say something.
///
/// Text as JSON is taken whole. `text/plain` may be streamed as it is being
/// written, for instance by a language model: speech begins at the first
/// clause. Sound may be streamed as well and is taken at the pace at which it
/// is played, at most two minutes ahead: `audio/wav` (PCM of 8 to 32 bits,
/// float; the announced length may be wrong), `audio/pcm;rate=24000` (signed
/// 16-bit little-endian) and `audio/L16;rate=24000` (the same in network byte
/// order, RFC 2586), each with `channels=` if there are several. When a
/// streamed body breaks off, what has come is still said.
#[utoipa::path(post, path = "/v1/sessions/{id}/speak", tag = "speech",
    params(("id" = String, Path, description = "The session."), SpeakQuery),
    request_body(content(
        (Speak = "application/json"),
        (String = "text/plain"),
        (Vec<u8> = "audio/wav"),
        (Vec<u8> = "audio/pcm"),
        (Vec<u8> = "audio/L16"),
    )),
    responses((status = 202, description = "It will be said, or has been begun.", body = Accepted)))]
async fn speak(
    asked: Asked,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<SpeakQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Answer<Accepted>), Problem> {
    let media_type = MediaType::of(&headers);
    let media_type = media_type.ok_or_else(|| Problem::media_type(None, TYPES))?;
    let mut input = Input {
        handle: asked.handle,
        query,
        length: headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok()),
        stream: body.into_data_stream(),
        pause: state.body_pause,
    };
    let turn = input.take(&media_type).await;
    if turn.is_err() {
        input.discard().await;
    }
    Ok((StatusCode::ACCEPTED, Answer(Accepted { turn: turn? })))
}

/// Opens a text turn. A voice may have to be loaded for it.
pub(crate) async fn open_text(
    handle: &Handle,
    mode: SpeakMode,
    voice: Option<String>,
    mood: Option<Mood>,
) -> Result<TextTurn, Problem> {
    let handle = handle.clone();
    let turn = blocking(move || handle.speak(mode.into(), voice.as_deref())).await??;
    if let Some(mood) = mood {
        turn.feel(mood)?;
    }
    Ok(turn)
}

/// Opens a sound turn.
pub(crate) async fn open_sound(
    handle: &Handle,
    mode: SpeakMode,
    rate: u32,
    mood: Option<Mood>,
) -> Result<SoundTurn, Problem> {
    let handle = handle.clone();
    let turn = blocking(move || handle.push(mode.into(), rate)).await??;
    if let Some(mood) = mood {
        turn.feel(mood)?;
    }
    Ok(turn)
}

/// Says a whole text. Nothing of it is said when it is too long.
pub(crate) async fn say(
    handle: &Handle,
    text: &str,
    mode: SpeakMode,
    voice: Option<String>,
    mood: Option<Mood>,
) -> Result<u64, Problem> {
    if text.trim().is_empty() {
        return Err(empty());
    }
    let limit = limit(handle);
    if text.len() > limit {
        return Err(too_long(limit));
    }
    let turn = open_text(handle, mode, voice, mood).await?;
    turn.append(text)?;
    Ok(turn.turn().0)
}

fn limit(handle: &Handle) -> usize {
    handle.info().plan.limits.max_text_bytes
}

fn empty() -> Problem {
    Problem::new(Code::EmptyText, "the text is empty")
}

fn too_long(limit: usize) -> Problem {
    SpeakError::TextTooLong { limit }.into()
}

/// What is read of a body that was refused, bytes: more than the longest text,
/// less than a flood.
const MOST_DISCARDED: usize = 8 << 20;

/// How long a refused body is read on.
const DISCARDING: Duration = Duration::from_secs(2);

/// What came with the request.
struct Input {
    handle: Handle,
    query: SpeakQuery,
    length: Option<usize>,
    stream: BodyDataStream,
    pause: Duration,
}

impl Input {
    async fn take(&mut self, media_type: &MediaType) -> Result<u64, Problem> {
        match media_type.essence.as_str() {
            "application/json" if media_type.is_utf8() => self.json().await,
            "text/plain" if media_type.is_utf8() => self.text().await,
            "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => {
                self.sound(Decoder::Wav(wav::Stream::default())).await
            }
            "audio/pcm" => self.sound(Decoder::raw(Encoding::S16Le, media_type)?).await,
            "audio/l16" => self.sound(Decoder::raw(Encoding::S16Be, media_type)?).await,
            other => Err(Problem::media_type(Some(other), TYPES)),
        }
    }

    /// Reads on after a refusal, for a while: a client that is still writing
    /// when the connection closes may never see the answer (RFC 9112 §9.6).
    async fn discard(&mut self) {
        let rest = async {
            let mut left = MOST_DISCARDED;
            while let Some(Ok(bytes)) = self.stream.next().await {
                left = left.saturating_sub(bytes.len());
                if left == 0 {
                    break;
                }
            }
        };
        // A client that is slower than this is cut off.
        let _ = tokio::time::timeout(DISCARDING, rest).await;
    }

    async fn json(&mut self) -> Result<u64, Problem> {
        let limit = limit(&self.handle);
        // A byte of text may be written with six: \u0020. The rest is for the
        // other fields.
        let most = limit * 6 + 4_096;
        if self.length.is_some_and(|length| length > most) {
            return Err(too_long(limit));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = next(&mut self.stream, self.pause).await? {
            if bytes.len() + piece.len() > most {
                return Err(too_long(limit));
            }
            bytes.extend_from_slice(&piece);
        }
        let speak: Speak = parse(&bytes)?;
        let mood = acting::mood(speak.emotion, speak.intensity)?;
        say(&self.handle, &speak.text, speak.mode, speak.voice, mood).await
    }

    async fn text(&mut self) -> Result<u64, Problem> {
        let mood = acting::mood(self.query.emotion, self.query.intensity)?;
        let limit = limit(&self.handle);
        if self.length.is_some_and(|length| length > limit) {
            return Err(too_long(limit));
        }
        let mut decoder = text::Decoder::default();
        let mut turn: Option<TextTurn> = None;
        // White space does not open a turn, but belongs to its text.
        let mut waiting = String::new();
        let invalid = |at: usize| {
            Problem::invalid(format!(
                "the text is not UTF-8 from byte {at} on; what came before it is said"
            ))
        };
        while let Some(bytes) = next(&mut self.stream, self.pause).await? {
            let piece = decoder.push(&bytes);
            if let Some(turn) = &turn {
                turn.append(&piece.text)?;
            } else {
                waiting += &piece.text;
                if waiting.len() > limit {
                    return Err(too_long(limit));
                }
                if !waiting.trim().is_empty() {
                    let voice = self.query.voice.clone();
                    let opened = open_text(&self.handle, self.query.mode, voice, mood).await?;
                    opened.append(&std::mem::take(&mut waiting))?;
                    turn = Some(opened);
                }
            }
            if let Some(at) = piece.invalid_at {
                return Err(invalid(at));
            }
        }
        if let Some(at) = decoder.finish() {
            return Err(invalid(at));
        }
        turn.map(|turn| turn.turn().0).ok_or_else(empty)
    }

    async fn sound(&mut self, mut decoder: Decoder) -> Result<u64, Problem> {
        let mood = acting::mood(self.query.emotion, self.query.intensity)?;
        let mut turn: Option<SoundTurn> = None;
        while let Some(bytes) = next(&mut self.stream, self.pause).await? {
            let sound = decoder.push(&bytes)?;
            let Some(rate) = decoder.rate().filter(|_| !sound.is_empty()) else {
                continue;
            };
            let turn = match &mut turn {
                Some(turn) => turn,
                None => turn.insert(open_sound(&self.handle, self.query.mode, rate, mood).await?),
            };
            // A body that comes in one piece must not be taken in one piece.
            for second in sound.chunks(rate.max(1) as usize) {
                turn.room().await?;
                turn.write(second)?;
            }
        }
        turn.map(|turn| turn.turn().0).ok_or_else(|| {
            Problem::new(
                Code::BadAudio,
                match &decoder {
                    Decoder::Wav(wav) if !wav.has_data() => {
                        "the WAV file ends before its sound begins"
                    }
                    _ => "there is no sound in the body",
                },
            )
        })
    }
}

/// The next bytes of a body.
async fn next(stream: &mut BodyDataStream, pause: Duration) -> Result<Option<Bytes>, Problem> {
    match tokio::time::timeout(pause, stream.next()).await {
        Ok(next) => next
            .transpose()
            .map_err(|error| Problem::invalid(format!("the body broke off: {error}"))),
        Err(_) => Err(Problem::new(
            Code::Timeout,
            format!(
                "nothing came for {} seconds; what had come is said",
                pause.as_secs()
            ),
        )),
    }
}

/// Reads sound of one of the types.
enum Decoder {
    Wav(wav::Stream),
    Raw(Samples, u32),
}

impl Decoder {
    fn raw(encoding: Encoding, media_type: &MediaType) -> Result<Self, Problem> {
        let number = |name: &str, default: u32| match media_type.parameter(name) {
            None => Ok(default),
            Some(text) => text.parse::<u32>().map_err(|_| {
                Problem::new(
                    Code::BadAudio,
                    format!("{name}={} is not a number", shown(text)),
                )
            }),
        };
        let channels = u16::try_from(number("channels", 1)?).unwrap_or(u16::MAX);
        let samples = Samples::new(encoding, channels).map_err(bad_audio)?;
        Ok(Self::Raw(samples, number("rate", DEFAULT_RATE)?))
    }

    fn rate(&self) -> Option<u32> {
        match self {
            Self::Wav(wav) => wav.rate(),
            Self::Raw(_, rate) => Some(*rate),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<Vec<f32>, Problem> {
        match self {
            Self::Wav(wav) => wav.push(bytes).map_err(bad_audio),
            Self::Raw(samples, _) => Ok(samples.push(bytes)),
        }
    }
}

fn bad_audio(error: impl std::error::Error) -> Problem {
    Problem::new(Code::BadAudio, error.to_string())
}
