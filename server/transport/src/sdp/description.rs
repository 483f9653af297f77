//! What an offer or an answer of the far side says.

use media::Track;

use super::codec::{self, Choice};
use super::read::{self, Credentials, Raw, ReadError, Setup, malformed};
use crate::error::OfferError;

/// Most candidates that are kept; a server names one for each of its
/// addresses.
const MOST_CANDIDATES: usize = 32;

/// Largest message when the far side does not say (RFC 8841 §6.1).
const DEFAULT_MESSAGE: u32 = 65_536;

/// What a section carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
    Data,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Data => "application",
        }
    }
}

impl Kind {
    /// What goes through it, of sound and pictures.
    pub(crate) fn track(self) -> Option<Track> {
        match self {
            Self::Audio => Some(Track::Audio),
            Self::Video => Some(Track::Video),
            Self::Data => None,
        }
    }
}

/// What this side does with a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub send: bool,
    pub hear: bool,
    pub data: bool,
}

/// A section of the description, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub kind: Kind,
    pub protocol: String,
    pub format: String,
    pub mid: Option<String>,
    /// Why nothing can go through it.
    pub flaw: Option<&'static str>,
    /// Whether the far side receives in it.
    pub receives: bool,
    /// Whether the far side sends in it.
    pub sends: bool,
    /// Opus or H.264; otherwise the names of the codecs there are.
    pub codec: Result<Choice, Vec<String>>,
    /// `a=msid` of what the far side sends: stream and track (RFC 8830 §2).
    pub msid: Option<(Option<String>, Option<String>)>,
    /// What the far side sends with.
    pub ssrcs: Vec<u32>,
    /// Which of these sends the packets of which again (RFC 4588 §8.8, `FID`).
    pub resends: Vec<(u32, u32)>,
    /// The largest message that the far side takes, bytes.
    pub largest: u32,
}

impl Section {
    /// Whether an answer can take the section, used or not.
    pub(crate) fn is_usable(&self) -> bool {
        self.flaw.is_none() && (self.kind == Kind::Data || self.codec.is_ok())
    }

    fn new(raw: &Raw, is_bundled: impl Fn(&str) -> bool) -> Self {
        let kind = match raw.kind {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            _ => Kind::Data,
        };
        let mid = raw.get("mid").filter(|mid| is_mid(mid));
        let flaw = if raw.is_off() {
            Some("is switched off")
        } else if mid.is_none() {
            Some("has no usable a=mid")
        } else if !mid.is_some_and(is_bundled) {
            Some("is not in the BUNDLE group")
        } else if kind != Kind::Data && raw.get("rtcp-mux").is_none() {
            Some("lacks a=rtcp-mux")
        } else {
            None
        };
        let has = |name: &str| raw.get(name).is_some();
        let codec = match kind {
            Kind::Audio => Choice::opus(raw),
            Kind::Video => Choice::h264(raw),
            Kind::Data => None,
        };
        let mut ssrcs: Vec<u32> = Vec::new();
        for value in raw.all("ssrc") {
            let number = value.split(' ').next().and_then(|n| n.parse().ok());
            if let Some(number) = number
                && !ssrcs.contains(&number)
                && ssrcs.len() < 4
            {
                ssrcs.push(number);
            }
        }
        let group = |value: &str| {
            let mut words = value.strip_prefix("FID ")?.split(' ');
            let mut next = || words.next()?.parse().ok();
            let (first, second) = (next()?, next()?);
            (ssrcs.contains(&first) && ssrcs.contains(&second)).then_some((first, second))
        };
        let resends = raw.all("ssrc-group").filter_map(group).take(2).collect();
        Self {
            kind,
            protocol: raw.protocol.to_owned(),
            format: raw.formats.first().copied().unwrap_or("0").to_owned(),
            mid: mid.map(str::to_owned),
            flaw,
            receives: !has("sendonly") && !has("inactive"),
            sends: !has("recvonly") && !has("inactive"),
            codec: codec.ok_or_else(|| codec::names(raw)),
            msid: raw.get("msid").map(msid),
            ssrcs,
            resends,
            largest: match raw.get("max-message-size").map(str::parse) {
                // RFC 8841 §6.1: any size.
                Some(Ok(0)) => u32::MAX,
                Some(Ok(size)) => size,
                _ => DEFAULT_MESSAGE,
            },
        }
    }
}

/// A description of the far side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub ice: Credentials,
    /// Whether the far side is an ICE-lite agent (RFC 8445 §2.5).
    pub lite: bool,
    pub(super) fingerprint: String,
    pub(super) setup: Setup,
    /// Values of `a=candidate`.
    pub candidates: Vec<String>,
    pub sections: Vec<Section>,
}

impl Description {
    /// Reads a description.
    pub(crate) fn parse(text: &str) -> Result<Self, ReadError> {
        let (session, raws) = read::read(text)?;
        let group: Vec<&str> = read::all(&session, "group")
            .filter_map(|value| value.strip_prefix("BUNDLE"))
            .flat_map(|mids| mids.split(' '))
            .filter(|mid| !mid.is_empty())
            .collect();
        let sections: Vec<Section> = raws
            .iter()
            .map(|raw| Section::new(raw, |mid| group.contains(&mid)))
            .collect();
        let mids = || sections.iter().filter_map(|s| s.mid.as_deref());
        if mids()
            .enumerate()
            .any(|(i, a)| mids().skip(i + 1).any(|b| a == b))
        {
            return Err(malformed("two sections have the same a=mid"));
        }
        // All bundled sections share the transport of the first.
        let named = |(raw, section): &(&Raw, &Section)| {
            section.flaw.is_none() && raw.get("ice-ufrag").is_some()
        };
        let first = raws.iter().zip(&sections).find(named);
        let first = first.map(|(raw, _)| raw).or(raws.first());
        let shared = |name: &str| {
            first
                .and_then(|raw| raw.get(name))
                .or_else(|| read::find(&session, name))
        };
        let candidates = read::all(&session, "candidate")
            .chain(raws.iter().flat_map(|raw| raw.all("candidate")))
            .take(MOST_CANDIDATES);
        Ok(Self {
            ice: read::credentials(shared("ice-ufrag"), shared("ice-pwd"))
                .map_err(ReadError::Malformed)?,
            lite: read::find(&session, "ice-lite").is_some(),
            fingerprint: read::fingerprint(shared("fingerprint"))?,
            setup: read::setup(shared("setup"))?,
            candidates: candidates.map(str::to_owned).collect(),
            sections,
        })
    }

    /// The section with a mid.
    pub(crate) fn section(&self, mid: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.mid.as_deref() == Some(mid))
    }

    /// Whether the far side leaves the DTLS handshake to this one.
    pub(crate) fn is_passive(&self) -> bool {
        self.setup == Setup::Passive
    }

    /// Whether the DTLS role is decided, as it must be in an answer.
    pub(crate) fn has_role(&self) -> bool {
        self.setup != Setup::ActPass
    }

    /// The section to send a kind in, of those that are free: one that only
    /// receives before one that also sends, which may be the far side's own
    /// microphone.
    ///
    /// # Errors
    /// What stands in the way: no such section, or none with the codec.
    pub(crate) fn receiving(
        &self,
        kind: Kind,
        is_free: impl Fn(&Section) -> bool,
    ) -> Result<(&str, &Choice), OfferError> {
        let free = |s: &&Section| s.kind == kind && is_free(s);
        let of_kind = || self.sections.iter().filter(free);
        let mut fit: Vec<&Section> = of_kind()
            .filter(|s| s.flaw.is_none() && s.receives)
            .collect();
        fit.sort_by_key(|s| s.sends);
        let with_codec = fit.iter().find_map(|s| match (&s.mid, &s.codec) {
            (Some(mid), Ok(choice)) => Some((mid.as_str(), choice)),
            _ => None,
        });
        if let Some(found) = with_codec {
            return Ok(found);
        }
        let name = kind.name();
        if let Some(Err(offered)) = fit.first().map(|s| &s.codec) {
            let offered = offered.clone();
            return Err(match kind {
                Kind::Audio => OfferError::NoOpus { offered },
                _ => OfferError::NoH264 { offered },
            });
        }
        let found = match of_kind().next() {
            None => format!("it has no {name} section"),
            Some(section) => format!(
                "its {name} section {}",
                match section.flaw {
                    Some(flaw) => flaw,
                    None if section.sends => "is sendonly",
                    None => "is inactive",
                }
            ),
        };
        Err(OfferError::NotReceiving { kind: name, found })
    }
}

/// A mid that a one-byte header extension carries: 1 to 16 bytes.
fn is_mid(mid: &str) -> bool {
    (1..=16).contains(&mid.len())
        && mid
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
}

/// `-` stands for no stream (RFC 8829 §5.2.1); a missing part for nothing.
fn msid(value: &str) -> (Option<String>, Option<String>) {
    let part = |text: Option<&str>| {
        text.filter(|t| !t.is_empty() && *t != "-")
            .map(str::to_owned)
    };
    let mut words = value.split(' ');
    let stream = part(words.next());
    (stream, part(words.next()))
}
