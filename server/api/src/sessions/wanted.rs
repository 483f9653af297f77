//! What may be asked of a new session.

use base64::Engine as _;
use bytes::Bytes;
use engine::background::Source;
use engine::{LipSyncDelay, Request};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// A session to be made. Everything has a default.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CreateSession {
    /// See `/v1/avatars`.
    #[schema(example = "nora")]
    avatar: Option<String>,
    /// See `/v1/voices`.
    #[schema(example = "joe")]
    voice: Option<String>,
    /// Picture width, pixels, even. Default 512.
    #[schema(minimum = 128, maximum = 1920, multiple_of = 2)]
    width: Option<usize>,
    /// Picture height, pixels, even. Default 512.
    #[schema(minimum = 128, maximum = 1920, multiple_of = 2)]
    height: Option<usize>,
    /// Whether to record. Default true, where the server records at all.
    record: Option<bool>,
    /// How far a mouth that follows pushed sound looks ahead.
    lip_sync: Option<LipSync>,
    /// Seed of blinks and the like; by default each session has its own.
    seed: Option<u64>,
    /// Longest duration, seconds; at most the server's own limit.
    #[schema(minimum = 1)]
    max_duration_s: Option<u64>,
    /// Seconds without use after which it closes; at most the server's own
    /// limit.
    #[schema(minimum = 1)]
    idle_timeout_s: Option<u64>,
    /// Video rate, bit/s.
    #[schema(minimum = 100_000, maximum = 8_000_000)]
    bitrate: Option<u32>,
    /// How much of the person is seen, and where. Default: head and shoulders
    /// in the middle.
    framing: Option<Framing>,
    /// What is behind the person. Default: the avatar's own background. H.264
    /// carries no transparency: for a page's own background use a colour and
    /// key it out, or a circle of the page's colour.
    background: Option<Background>,
}

/// How much of the person is seen, and where.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Framing {
    /// Default `normal`.
    shot: Option<Shot>,
    /// Size of the person relative to what the shot asks for. Default 1.
    #[schema(minimum = 0.5, maximum = 2.0)]
    scale: Option<f32>,
    /// Shift to the right, of the width. Default 0.
    #[schema(minimum = -0.5, maximum = 0.5)]
    x: Option<f32>,
    /// Shift down, of the height. Default 0.
    #[schema(minimum = -0.5, maximum = 0.5)]
    y: Option<f32>,
}

/// How much of the person is seen.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shot {
    /// Head and shoulders.
    Normal,
    /// The face fills the picture.
    CloseUp,
    /// A close-up within a circle; the background's colour, or white, is
    /// around it.
    Circle,
}

/// What is behind the person: one of these.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Background {
    /// A colour, `#rrggbb`.
    #[schema(example = "#204060")]
    Colour(String),
    /// A PNG or JPEG file, base64; cut to fill the picture.
    Image(String),
    /// An MP4 (H.264, without its sound) or animated GIF, base64; cut to fill
    /// the picture and played over and over.
    Video(String),
}

impl From<Framing> for face::scene::Framing {
    fn from(wanted: Framing) -> Self {
        Self {
            shot: match wanted.shot {
                None | Some(Shot::Normal) => face::scene::Shot::Normal,
                Some(Shot::CloseUp) => face::scene::Shot::CloseUp,
                Some(Shot::Circle) => face::scene::Shot::Circle,
            },
            scale: wanted.scale.unwrap_or(1.0),
            position: (wanted.x.unwrap_or(0.0), wanted.y.unwrap_or(0.0)),
        }
    }
}

impl TryFrom<Background> for Source {
    type Error = Problem;

    fn try_from(wanted: Background) -> Result<Self, Problem> {
        match wanted {
            Background::Colour(text) => Self::colour(&text)
                .ok_or_else(|| Problem::invalid("a colour is written like #204060")),
            Background::Image(text) => Ok(Self::Image(file(&text)?)),
            Background::Video(text) => Ok(Self::Video(file(&text)?)),
        }
    }
}

fn file(text: &str) -> Result<Bytes, Problem> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    let bytes =
        bytes.map_err(|error| Problem::invalid(format!("the background is no base64: {error}")))?;
    Ok(bytes.into())
}

/// Look-ahead of a mouth that follows pushed sound.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LipSync {
    /// The best mouth: 80 ms.
    Balanced,
    /// 60 ms, slightly less exact.
    LowLatency,
}

impl TryFrom<CreateSession> for Request {
    type Error = Problem;

    fn try_from(wanted: CreateSession) -> Result<Self, Problem> {
        Ok(Self {
            avatar: wanted.avatar,
            voice: wanted.voice,
            width: wanted.width,
            height: wanted.height,
            record: wanted.record,
            lip_sync: match wanted.lip_sync {
                None | Some(LipSync::Balanced) => LipSyncDelay::Balanced,
                Some(LipSync::LowLatency) => LipSyncDelay::LowLatency,
            },
            seed: wanted.seed,
            max_duration_s: wanted.max_duration_s,
            idle_timeout_s: wanted.idle_timeout_s,
            bitrate: wanted.bitrate,
            framing: wanted.framing.unwrap_or_default().into(),
            background: wanted
                .background
                .map(TryInto::try_into)
                .transpose()?
                .unwrap_or_default(),
        })
    }
}
