//! What a session is asked to be, in the words of the vendor's clients.

use engine::Request;
use engine::assemble::Plan;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::state::State;
use crate::vendor::conversation::Kind;
use crate::vendor::table::{Elsewhere, Wanted};

/// Picture size and rate of a quality, as clients name them: width, height,
/// bit/s.
const QUALITIES: &[(&str, usize, usize, u32)] = &[
    ("low", 640, 360, 500_000),
    ("medium", 854, 480, 1_000_000),
    ("high", 1_280, 720, 2_000_000),
    ("very_high", 1_920, 1_080, 4_000_000),
];

/// Bridges to services of others that the vendor runs and this server does not.
const BRIDGES: &[&str] = &[
    "agora_config",
    "elevenlabs_agent_config",
    "openai_realtime_config",
    "gemini_realtime_config",
];

/// The body of `/v1/sessions/token`. Clients send null for what they do not
/// set, and spell some things in several ways.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct TokenRequest {
    mode: Option<String>,
    avatar_id: Option<String>,
    video_quality: Option<String>,
    video_settings: Option<VideoSettings>,
    avatar_persona: Option<Persona>,
    voice_agent: Option<Persona>,
    livekit_config: Option<LiveKit>,
    llm_configuration_id: Option<String>,
    max_session_duration: Option<i64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
struct VideoSettings {
    quality: Option<String>,
    encoding: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Persona {
    voice_id: Option<String>,
    context_id: Option<String>,
}

#[derive(Deserialize)]
struct LiveKit {
    #[serde(alias = "url")]
    livekit_url: Option<String>,
    #[serde(alias = "token")]
    livekit_client_token: Option<String>,
}

/// It holds a token.
impl std::fmt::Debug for LiveKit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveKit")
            .field("livekit_url", &self.livekit_url)
            .finish_non_exhaustive()
    }
}

/// What was given, unless it is empty.
pub(crate) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// Puts size and rate of a quality into a request.
///
/// # Errors
/// When there is no such quality.
pub(crate) fn set_quality(request: &mut Request, quality: Option<&str>) -> Result<(), Problem> {
    let Some(quality) = quality.filter(|quality| !quality.is_empty()) else {
        return Ok(());
    };
    let found = QUALITIES.iter().find(|(name, ..)| *name == quality);
    let Some(&(_, width, height, bitrate)) = found else {
        let known: Vec<_> = QUALITIES.iter().map(|(name, ..)| *name).collect();
        return Err(Problem::invalid(format!(
            "there is no quality '{}'; there are: {}",
            crate::problem::shown(quality),
            known.join(", ")
        )));
    };
    request.width = Some(width);
    request.height = Some(height);
    request.bitrate = Some(bitrate);
    Ok(())
}

/// Refuses a codec that is not sent.
///
/// # Errors
/// When it is none of H.264, or of VP8, which clients may ask for but do not
/// insist on.
pub(crate) fn check_encoding(encoding: Option<&str>) -> Result<(), Problem> {
    match encoding {
        None | Some("" | "H264" | "h264" | "VP8" | "vp8") => Ok(()),
        Some(other) => Err(Problem::invalid(format!(
            "video cannot be encoded as '{}'; H264 can",
            crate::problem::shown(other)
        ))),
    }
}

/// The engine's limit of a duration that a client asked for: at most the
/// server's own.
///
/// # Errors
/// When no session could last that long.
pub(crate) fn duration(
    field: &str,
    wanted: Option<i64>,
    most: u64,
) -> Result<Option<u64>, Problem> {
    match wanted {
        None => Ok(None),
        Some(seconds) => match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => Ok(Some(seconds.min(most))),
            _ => Err(Problem::invalid(format!(
                "{field} is {seconds}; it is a number of seconds from 1 on"
            ))),
        },
    }
}

/// Refuses at once what the engine would refuse at the start.
///
/// # Errors
/// Such as for an avatar or a voice that does not exist.
pub(crate) fn check(request: &Request, state: &State) -> Result<(), Problem> {
    let rooms = state.engine.rooms();
    Plan::new(request.clone(), rooms, state.engine.settings(), 0)?;
    Ok(())
}

impl TokenRequest {
    /// What is wanted.
    ///
    /// # Errors
    /// When it cannot be had here.
    pub(crate) fn wanted(self, state: &State) -> Result<Wanted, Problem> {
        let kind = match self.mode.as_deref() {
            Some("LITE" | "CUSTOM") => Kind::Lite,
            None | Some("" | "FULL") => Kind::Full,
            Some(other) => {
                return Err(Problem::invalid(format!(
                    "there is no mode '{}'; there are FULL and LITE",
                    crate::problem::shown(other)
                )));
            }
        };
        for bridge in BRIDGES {
            if self.rest.get(*bridge).is_some_and(|value| !value.is_null()) {
                return Err(Problem::invalid(format!(
                    "{bridge} cannot be used: this server has no bridge to that service; \
                     send the sound yourself in LITE mode"
                )));
            }
        }
        if given(self.llm_configuration_id).is_some() {
            return Err(Problem::invalid(
                "there is no such llm_configuration: this server has no language models yet",
            ));
        }
        let persona = self.avatar_persona.or(self.voice_agent).unwrap_or_default();
        let opening = match given(persona.context_id) {
            None => None,
            Some(id) => state.contexts.get(&id)?.opening_text,
        };
        let settings = self.video_settings.unwrap_or_default();
        check_encoding(settings.encoding.as_deref())?;
        let limits = state.engine.settings().limits;
        let mut request = Request {
            avatar: avatar(self.avatar_id),
            voice: given(persona.voice_id),
            max_duration_s: duration(
                "max_session_duration",
                self.max_session_duration,
                limits.max_duration_s,
            )?,
            ..Request::default()
        };
        let quality = settings.quality.or(self.video_quality);
        set_quality(&mut request, quality.as_deref())?;
        check(&request, state)?;
        Ok(Wanted {
            kind,
            request,
            elsewhere: self.livekit_config.map(elsewhere).transpose()?,
            opening: opening.filter(|_| kind == Kind::Full),
            owner: None,
        })
    }
}

fn elsewhere(config: LiveKit) -> Result<Elsewhere, Problem> {
    let (Some(url), Some(token)) = (
        given(config.livekit_url),
        given(config.livekit_client_token),
    ) else {
        return Err(Problem::invalid(
            "livekit_config needs livekit_url and livekit_client_token",
        ));
    };
    Ok(Elsewhere { url, token })
}

/// An avatar that a client names; `default` is the server's.
pub(crate) fn avatar(id: Option<String>) -> Option<String> {
    given(id).filter(|id| id != "default")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> TokenRequest {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn both_ways_to_name_a_room_are_understood() {
        for text in [
            r#"{"livekit_config":{"livekit_room":"r","livekit_url":"wss://a","livekit_client_token":"t"}}"#,
            r#"{"livekit_config":{"url":"wss://a","token":"t"}}"#,
        ] {
            let config = read(text).livekit_config.unwrap();
            assert!(!format!("{config:?}").contains("\"t\""), "no token in logs");
            let room = elsewhere(config).unwrap();
            assert_eq!((room.url.as_str(), room.token.as_str()), ("wss://a", "t"));
        }
        let half = read(r#"{"livekit_config":{"url":"wss://a","token":null}}"#);
        assert!(elsewhere(half.livekit_config.unwrap()).is_err());
    }

    #[test]
    fn qualities_are_sizes() {
        let mut request = Request::default();
        set_quality(&mut request, Some("high")).unwrap();
        assert_eq!((request.width, request.height), (Some(1_280), Some(720)));
        set_quality(&mut request, None).unwrap();
        assert_eq!(request.width, Some(1_280));
        assert!(set_quality(&mut request, Some("8k")).is_err());
        for (_, width, height, bitrate) in QUALITIES {
            assert!(media::Picture::is_valid_size(*width, *height));
            assert!(engine::assemble::BITRATES.contains(bitrate));
        }
    }

    #[test]
    fn durations_are_at_most_those_of_the_server() {
        assert_eq!(duration("x", None, 60).unwrap(), None);
        assert_eq!(duration("x", Some(10), 60).unwrap(), Some(10));
        assert_eq!(duration("x", Some(1_000), 60).unwrap(), Some(60));
        assert!(duration("x", Some(0), 60).is_err());
        assert!(duration("x", Some(-1), 60).is_err());
    }
}
