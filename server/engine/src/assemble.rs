//! From a request to the rooms of one session.

use std::sync::Arc;

use face::avatars::Origin;
use face::scene::{Background, Framing};
use face::{Avatar, Scene};
use media::seam::{AudioEncoder, MouthSource, VideoEncoder, Voice};
use media::speech::TimingQuality;
use serde::{Deserialize, Serialize};
use session::{Limits, Parts};
use thiserror::Error;

use crate::align;
use crate::background::{self, Backgrounds, Source};
use crate::settings::Settings;

/// Longest side of a picture, pixels, and with it the largest encoder.
pub const MAX_SIDE: usize = 1_920;

/// Shortest side of a picture, pixels: below it a face is a smudge.
pub const MIN_SIDE: usize = 128;

/// Width and height of sessions that name none, pixels.
pub const DEFAULT_SIZE: (usize, usize) = (512, 512);

/// Range of video rates, bit/s: below it a face breaks up, above it nothing
/// is gained.
pub const BITRATES: std::ops::RangeInclusive<u32> = 100_000..=8_000_000;

/// What all sessions share.
#[derive(Clone)]
pub struct Rooms {
    /// The voices.
    pub voices: Arc<speech::Voices>,
    /// The lip-sync model.
    pub mouth: Arc<lipsync::Model>,
    /// The avatars.
    pub avatars: Arc<face::Avatars>,
    /// The moving backgrounds that sessions show.
    pub backgrounds: Arc<Backgrounds>,
}

impl Rooms {
    /// A voice whose phonemes are aligned with its sound.
    ///
    /// # Errors
    /// When there is no such voice, or it cannot be loaded.
    pub fn voice(&self, id: &str) -> Result<Arc<dyn Voice>, speech::library::Error> {
        let voice = self.voices.get(id)?;
        Ok(align::voice(voice, &self.mouth))
    }
}

/// How much sound a mouth that follows the sound may look ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LipSyncDelay {
    /// The best mouth: 80 ms behind pushed sound.
    #[default]
    Balanced,
    /// 60 ms behind, slightly less exact.
    LowLatency,
}

/// What a client asks of a session. `None` means the server's default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// Avatar.
    pub avatar: Option<String>,
    /// Voice.
    pub voice: Option<String>,
    /// Picture width, pixels, even. Default 512.
    pub width: Option<usize>,
    /// Picture height, pixels, even. Default 512.
    pub height: Option<usize>,
    /// Whether to record. Default true where the server records at all.
    pub record: Option<bool>,
    /// See [`LipSyncDelay`].
    pub lip_sync: LipSyncDelay,
    /// Seed of blinks and the like. Default: from the session's id.
    pub seed: Option<u64>,
    /// See [`Limits::max_duration_s`]; at most the server's own.
    pub max_duration_s: Option<u64>,
    /// See [`Limits::idle_timeout_s`]; at most the server's own.
    pub idle_timeout_s: Option<u64>,
    /// Video rate, bit/s, within [`BITRATES`].
    pub bitrate: Option<u32>,
    /// How much of the person is seen, and where.
    pub framing: Framing,
    /// What is behind the person.
    #[serde(skip)]
    pub background: Source,
}

/// Why a session could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No such voice.
    #[error("there is no voice '{id}'; there are: {}", known.join(", "))]
    UnknownVoice {
        /// What was asked for.
        id: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No such avatar.
    #[error("there is no avatar '{id}'; there are: {}", known.join(", "))]
    UnknownAvatar {
        /// What was asked for.
        id: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The picture size cannot be.
    #[error(
        "a picture of {width}x{height} cannot be made; sides are even and between {MIN_SIDE} and {MAX_SIDE} pixels"
    )]
    Size {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
    },
    /// The avatar cannot be framed or placed like that.
    #[error(transparent)]
    Scene(face::Error),
    /// The background cannot be used.
    #[error(transparent)]
    Background(#[from] background::Error),
    /// Another number is out of its range.
    #[error("{field} is {value}; it may be {range}")]
    Range {
        /// Name of the field.
        field: &'static str,
        /// What was asked for.
        value: u64,
        /// What may be.
        range: String,
    },
    /// The server holds as many sessions as it may.
    #[error("all {max} sessions of this server are taken; try again soon")]
    Full {
        /// How many it may hold.
        max: usize,
    },
    /// The server is going down.
    #[error("this server is shutting down")]
    Draining,
    /// A session of this identifier is open.
    #[error("a session with this identifier is open already")]
    Taken,
    /// The voice exists but could not be loaded.
    #[error("the voice '{id}' could not be loaded: {cause}")]
    Voice {
        /// Which.
        id: String,
        /// Why.
        cause: String,
    },
    /// A room could not be made.
    #[error("the session could not be made: {0}")]
    Internal(#[source] media::seam::Cause),
}

/// A request with all defaults filled in and everything checked.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Avatar.
    pub avatar: String,
    /// Voice.
    pub voice: String,
    /// Picture width, pixels.
    pub width: usize,
    /// Picture height, pixels.
    pub height: usize,
    /// Where the person is, and before what.
    pub scene: Scene,
    /// Whether to record.
    pub record: bool,
    /// Look-ahead of a mouth that follows the sound.
    pub lip_sync: LipSyncDelay,
    /// Seed of blinks and the like.
    pub seed: u64,
    /// Limits.
    pub limits: Limits,
    /// Video rate, bit/s.
    pub bitrate: u32,
}

impl Plan {
    /// Fills in and checks a request. `seed` is used where it names none.
    pub fn new(
        request: Request,
        rooms: &Rooms,
        settings: &Settings,
        seed: u64,
    ) -> Result<Self, RequestError> {
        let width = request.width.unwrap_or(DEFAULT_SIZE.0);
        let height = request.height.unwrap_or(DEFAULT_SIZE.1);
        let sides = MIN_SIDE..=MAX_SIDE;
        if !media::Picture::is_valid_size(width, height)
            || !sides.contains(&width)
            || !sides.contains(&height)
        {
            return Err(RequestError::Size { width, height });
        }
        let bitrate = request.bitrate.unwrap_or(settings.bitrate);
        if !BITRATES.contains(&bitrate) {
            return Err(RequestError::Range {
                field: "bitrate",
                value: bitrate.into(),
                range: format!("{} to {} bit/s", BITRATES.start(), BITRATES.end()),
            });
        }
        let within = |field, value: Option<u64>, most: u64| match value {
            None => Ok(most),
            Some(value) if (1..=most).contains(&value) => Ok(value),
            Some(value) => Err(RequestError::Range {
                field,
                value,
                range: format!("1 to {most} seconds"),
            }),
        };
        let limits = Limits {
            idle_timeout_s: within(
                "idle_timeout_s",
                request.idle_timeout_s,
                settings.limits.idle_timeout_s,
            )?,
            max_duration_s: within(
                "max_duration_s",
                request.max_duration_s,
                settings.limits.max_duration_s,
            )?,
            max_text_bytes: settings.limits.max_text_bytes,
        };
        let avatar = request
            .avatar
            .unwrap_or_else(|| settings.default_avatar.clone());
        let Ok(face) = rooms.avatars.get(&avatar) else {
            let known = rooms.avatars.list().iter().map(|a| a.id.clone()).collect();
            return Err(RequestError::UnknownAvatar { id: avatar, known });
        };
        let mut scene = Scene {
            framing: request.framing,
            ..Scene::new(width, height)
        };
        let check = |scene: &Scene| {
            let checked = rooms.avatars.check(&avatar, scene);
            checked.map_err(RequestError::Scene)
        };
        check(&scene)?;
        let voice = request
            .voice
            .or_else(|| chosen_voice(rooms, &face))
            .unwrap_or_else(|| settings.default_voice.clone());
        check_voice(rooms, &voice)?;
        // Last, since it may take seconds.
        let size = (width, height);
        scene.background = rooms.backgrounds.read(request.background, size)?;
        check(&scene)?;
        Ok(Self {
            avatar,
            voice,
            width,
            height,
            scene,
            record: request.record.unwrap_or(true),
            lip_sync: request.lip_sync,
            seed: request.seed.unwrap_or(seed),
            limits,
            bitrate,
        })
    }

    /// Makes the rooms of a pipeline that gives H.264 and Opus.
    pub fn parts(&self, rooms: &Rooms) -> Result<Parts, RequestError> {
        if self.is_transparent() {
            return Err(background::Error::Transparent.into());
        }
        let internal = |e: media::seam::Cause| RequestError::Internal(e);
        let video = codec::h264::Encoder::new(codec::h264::Settings {
            bitrate: self.bitrate,
            ..codec::h264::Settings::for_size(self.width, self.height)
        })
        .map_err(|e| internal(e.into()))?;
        let audio = codec::opus::Encoder::new(codec::opus::Settings::default())
            .map_err(|e| internal(e.into()))?;
        self.around(rooms, Box::new(video), Box::new(audio))
    }

    /// Whether its pictures have an alpha.
    #[must_use]
    pub fn is_transparent(&self) -> bool {
        self.scene.background == Background::Transparent
    }

    /// Makes the rooms of a pipeline for [`record::frames`]: PNG files and
    /// samples.
    pub fn files(&self, rooms: &Rooms) -> Result<Parts, RequestError> {
        let video = Box::new(codec::png::Encoder::default());
        self.around(rooms, video, Box::new(codec::pcm::Encoder))
    }

    fn around(
        &self,
        rooms: &Rooms,
        video: Box<dyn VideoEncoder>,
        audio: Box<dyn AudioEncoder>,
    ) -> Result<Parts, RequestError> {
        let renderer = rooms
            .avatars
            .renderer(&self.avatar, &self.scene, self.seed)
            .map_err(|e| RequestError::Internal(e.into()))?;
        let delay = match self.lip_sync {
            LipSyncDelay::Balanced => lipsync::Delay::Balanced,
            LipSyncDelay::LowLatency => lipsync::Delay::LowLatency,
        };
        let lip_sync = lipsync::Mouth::new(
            rooms.mouth.clone(),
            lipsync::Settings {
                delay,
                seed: self.seed,
                ..lipsync::Settings::default()
            },
        );
        Ok(Parts {
            lip_sync: Box::new(lip_sync),
            renderer,
            video,
            audio,
        })
    }
}

/// The voice that a user chose for an avatar, if it is there. The voices of
/// those that come with the product are advice only: the server's own default
/// goes before them.
fn chosen_voice(rooms: &Rooms, avatar: &Avatar) -> Option<String> {
    if !matches!(avatar.origin, Origin::User | Origin::Draft) {
        return None;
    }
    let known = |id: &&String| rooms.voices.list().any(|voice| voice.id == **id);
    avatar.voices.iter().find(known).cloned()
}

/// Refuses a voice that does not exist.
pub(crate) fn check_voice(rooms: &Rooms, id: &str) -> Result<(), RequestError> {
    let known: Vec<String> = rooms.voices.list().map(|v| v.id.clone()).collect();
    if known.iter().any(|v| v == id) {
        Ok(())
    } else {
        Err(RequestError::UnknownVoice {
            id: id.to_owned(),
            known,
        })
    }
}

/// How the mouth follows this voice.
pub(crate) fn mouth_source(voice: &dyn Voice) -> MouthSource {
    match voice.info().timing {
        TimingQuality::Exact => MouthSource::Planned,
        TimingQuality::Estimated => MouthSource::Heard,
    }
}
