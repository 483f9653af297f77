//! From text to sections and attributes.

use super::{attribute, is_ice_token, lines};
use crate::error::{AnswerError, OfferError};

/// Longest description that is read. A browser's has 6 to 10 kB at first, and
/// up to 6 kB more for each video section, used or not.
const LONGEST: usize = 256 * 1024;

/// Most media sections; a LiveKit client sends seven at first, a room's worth
/// more when others publish, and one more each time that it publishes itself.
pub(crate) const MOST_SECTIONS: usize = 64;

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    TooLarge { bytes: usize, limit: usize },
    TooManySections,
    Malformed(String),
}

impl From<ReadError> for OfferError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge { bytes, limit } => Self::TooLarge { bytes, limit },
            ReadError::TooManySections => Self::TooManySections {
                limit: MOST_SECTIONS,
            },
            ReadError::Malformed(what) => Self::Malformed(what),
        }
    }
}

impl From<ReadError> for AnswerError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge { bytes, limit } => {
                Self::Malformed(format!("it has {bytes} bytes, more than {limit}"))
            }
            ReadError::TooManySections => Self::Malformed("it has too many sections".to_owned()),
            ReadError::Malformed(what) => Self::Malformed(what),
        }
    }
}

pub(super) fn malformed(what: impl Into<String>) -> ReadError {
    ReadError::Malformed(what.into())
}

/// ICE credentials of one side (RFC 8839 §5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

/// The DTLS role that the far side asks for or takes (RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
}

impl Setup {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

pub(super) type Attributes<'a> = Vec<(&'a str, &'a str)>;

/// One media section as read.
pub(super) struct Raw<'a> {
    pub(super) kind: &'a str,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    pub(super) formats: Vec<&'a str>,
    pub(super) attributes: Attributes<'a>,
}

impl<'a> Raw<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        find(&self.attributes, name)
    }

    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        all(&self.attributes, name)
    }

    pub(super) fn is_off(&self) -> bool {
        self.port == 0 && self.get("bundle-only").is_none()
    }

    /// `a=name:<payload> value`.
    pub(super) fn of_payload(
        &self,
        name: &'static str,
        payload: &str,
    ) -> impl Iterator<Item = &'a str> {
        self.all(name).filter_map(move |value| {
            let (key, rest) = value.split_once(' ')?;
            (key == payload || key == "*").then_some(rest)
        })
    }

    pub(super) fn codec(&self, payload: &str) -> Option<&'a str> {
        self.of_payload("rtpmap", payload).next()
    }

    pub(super) fn parameter(&self, payload: &str, name: &str) -> Option<&'a str> {
        self.of_payload("fmtp", payload)
            .flat_map(|list| list.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// Splits a description into its session attributes and its media sections.
pub(super) fn read(text: &str) -> Result<(Attributes<'_>, Vec<Raw<'_>>), ReadError> {
    if text.len() > LONGEST {
        return Err(ReadError::TooLarge {
            bytes: text.len(),
            limit: LONGEST,
        });
    }
    if lines(text).next() != Some("v=0") {
        return Err(malformed("it does not begin with v=0"));
    }
    let mut session = Vec::new();
    let mut sections: Vec<Raw> = Vec::new();
    for line in lines(text) {
        if line.as_bytes().get(1) != Some(&b'=') || line.contains(char::is_control) {
            return Err(malformed("a line is not of the form x=..."));
        }
        if let Some(media) = line.strip_prefix("m=") {
            let mut words = media.split(' ');
            let (Some(kind), Some(port), Some(protocol)) =
                (words.next(), words.next(), words.next())
            else {
                return Err(malformed("an m= line is too short"));
            };
            if !["audio", "video", "application"].contains(&kind) {
                return Err(malformed(
                    "a section is neither audio, video nor application",
                ));
            }
            let port = port
                .parse()
                .map_err(|_| malformed("an m= line has no port"))?;
            if sections.len() == MOST_SECTIONS {
                return Err(ReadError::TooManySections);
            }
            sections.push(Raw {
                kind,
                port,
                protocol,
                formats: words.filter(|w| !w.is_empty()).collect(),
                attributes: Vec::new(),
            });
        } else if let Some(attribute) = attribute(line) {
            match sections.last_mut() {
                Some(section) => section.attributes.push(attribute),
                None => session.push(attribute),
            }
        }
    }
    Ok((session, sections))
}

pub(super) fn find<'a>(attributes: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|(n, _)| *n == name);
    found.map(|(_, value)| *value)
}

pub(super) fn all<'a>(
    attributes: &[(&'a str, &'a str)],
    name: &'static str,
) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |(n, _)| *n == name)
        .map(|(_, value)| *value)
}

pub(super) fn credentials(ufrag: Option<&str>, pwd: Option<&str>) -> Result<Credentials, String> {
    match (ufrag, pwd) {
        (Some(ufrag), Some(pwd)) if is_ice_token(ufrag, 4) && is_ice_token(pwd, 22) => {
            Ok(Credentials {
                ufrag: ufrag.to_owned(),
                pwd: pwd.to_owned(),
            })
        }
        (Some(_), Some(_)) => Err("a=ice-ufrag or a=ice-pwd breaks RFC 8839 §5.4".to_owned()),
        _ => Err("a=ice-ufrag or a=ice-pwd is missing".to_owned()),
    }
}

pub(super) fn fingerprint(value: Option<&str>) -> Result<String, ReadError> {
    let value = value.ok_or_else(|| malformed("a=fingerprint is missing"))?;
    let (hash, hex) = value.split_once(' ').unwrap_or((value, ""));
    let bytes: Vec<&str> = hex.split(':').collect();
    let fine = bytes.len() == 32
        && bytes
            .iter()
            .all(|b| b.len() == 2 && b.bytes().all(|c| c.is_ascii_hexdigit()));
    if !hash.eq_ignore_ascii_case("sha-256") || !fine {
        return Err(malformed("a=fingerprint is not sha-256"));
    }
    Ok(format!("sha-256 {}", hex.to_ascii_uppercase()))
}

pub(super) fn setup(value: Option<&str>) -> Result<Setup, ReadError> {
    match value {
        Some("actpass") => Ok(Setup::ActPass),
        Some("active") => Ok(Setup::Active),
        Some("passive") => Ok(Setup::Passive),
        _ => Err(malformed("a=setup is neither actpass, active nor passive")),
    }
}
