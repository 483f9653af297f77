//! Reading an offer and choosing from it.

use std::fmt::Write as _;

use super::{attribute, is_ice_token, lines};
use crate::error::OfferError;

/// Longest offer that is read. A browser's has 6 to 10 kB.
const LONGEST: usize = 64 * 1024;

/// Most media sections; a LiveKit client sends seven.
const MOST_SECTIONS: usize = 32;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Feedback that is understood (RFC 4585 §4.2, RFC 5104 §7.1).
const FEEDBACK: [&str; 4] = ["nack", "nack pli", "ccm fir", "transport-cc"];

/// ICE credentials of one side (RFC 8839 §5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

/// The DTLS role that the player asks for (RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setup {
    ActPass,
    Active,
    Passive,
}

/// Header extension identifiers, of those that are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub mid: Option<u8>,
    pub transport_cc: Option<u8>,
}

/// A section of the offer in the order of the offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub kind: String,
    pub protocol: String,
    pub format: String,
    pub mid: Option<String>,
}

/// What is sent in one of the sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Index into [`Offer::sections`].
    pub section: usize,
    pub mid: String,
    /// Payload type of the player, which the answer repeats.
    pub payload: u8,
    /// Payload type of retransmissions (RFC 4588).
    pub resend: Option<u8>,
    /// `profile-level-id`, of H.264 only.
    pub profile: Option<u32>,
    pub feedback: Vec<&'static str>,
    pub extensions: Extensions,
}

/// An offer that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub ice: Credentials,
    fingerprint: String,
    setup: Setup,
    pub sections: Vec<Section>,
    pub audio: Choice,
    pub video: Choice,
}

/// One media section as read.
struct Raw<'a> {
    kind: &'a str,
    port: u16,
    protocol: &'a str,
    formats: Vec<&'a str>,
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Raw<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        find(&self.attributes, name)
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.attributes
            .iter()
            .filter(move |(n, _)| *n == name)
            .map(|(_, value)| *value)
    }

    fn direction(&self) -> &'static str {
        ["recvonly", "sendonly", "inactive"]
            .into_iter()
            .find(|d| self.get(d).is_some())
            .unwrap_or("sendrecv")
    }

    fn is_off(&self) -> bool {
        self.port == 0 && self.get("bundle-only").is_none()
    }

    /// `a=name:<payload> value`.
    fn of_payload(&self, name: &'static str, payload: &str) -> impl Iterator<Item = &'a str> {
        self.all(name).filter_map(move |value| {
            let (key, rest) = value.split_once(' ')?;
            (key == payload || key == "*").then_some(rest)
        })
    }

    fn codec(&self, payload: &str) -> Option<&'a str> {
        self.of_payload("rtpmap", payload).next()
    }

    fn parameter(&self, payload: &str, name: &str) -> Option<&'a str> {
        self.of_payload("fmtp", payload)
            .flat_map(|list| list.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// Codec names for an error message.
    fn offered(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for payload in &self.formats {
            let Some(codec) = self.codec(payload) else {
                continue;
            };
            let name = codec.split('/').next().unwrap_or(codec);
            if ["rtx", "red", "ulpfec", "flexfec-03"].contains(&name) {
                continue;
            }
            let name: String = name
                .chars()
                .filter(char::is_ascii_graphic)
                .take(32)
                .collect();
            let name = match self.parameter(payload, "packetization-mode") {
                Some("1") => name,
                _ if name.eq_ignore_ascii_case("h264") => {
                    format!("{name} with packetization-mode=0")
                }
                _ => name,
            };
            if !names.contains(&name) && names.len() < 16 {
                names.push(name);
            }
        }
        names
    }

    fn extensions(&self) -> Extensions {
        let id = |uri: &str| {
            self.all("extmap").find_map(|value| {
                let (id, name) = value.split_once(' ')?;
                // The one-byte header has identifiers 1 to 14 (RFC 8285 §4.2).
                let id = id.split('/').next()?.parse().ok()?;
                (name.split(' ').next() == Some(uri) && (1..=14).contains(&id)).then_some(id)
            })
        };
        Extensions {
            mid: id(MID),
            transport_cc: id(TRANSPORT_CC),
        }
    }

    fn choice(
        &self,
        section: usize,
        payload: u8,
        profile: Option<u32>,
    ) -> Result<Choice, OfferError> {
        let name = payload.to_string();
        let offered = |what: &&str| self.of_payload("rtcp-fb", &name).any(|f| f == *what);
        let resend = self.formats.iter().find(|other| {
            let rtx = self
                .codec(other)
                .is_some_and(|c| c.eq_ignore_ascii_case("rtx/90000"));
            rtx && self.parameter(other, "apt") == Some(&name)
        });
        let mid = self.get("mid").unwrap_or_default();
        // 16 bytes are what a one-byte header extension carries.
        let fine = (1..=16).contains(&mid.len())
            && mid
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
        if !fine {
            return Err(malformed(format!("the {} section has no a=mid", self.kind)));
        }
        if self.get("rtcp-mux").is_none() {
            return Err(malformed("a=rtcp-mux is missing"));
        }
        Ok(Choice {
            section,
            mid: mid.to_owned(),
            payload,
            resend: resend.and_then(|pt| dynamic(pt)),
            profile,
            feedback: FEEDBACK.into_iter().filter(offered).collect(),
            extensions: self.extensions(),
        })
    }
}

impl Offer {
    /// Reads an offer.
    pub(crate) fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > LONGEST {
            return Err(OfferError::TooLarge {
                bytes: text.len(),
                limit: LONGEST,
            });
        }
        if lines(text).next() != Some("v=0") {
            return Err(malformed("it does not begin with v=0"));
        }
        let (session, sections) = read(text)?;

        let audio = receiving(&sections, "audio")?;
        let video = receiving(&sections, "video")?;
        let audio = opus(&sections[audio], audio)?;
        let video = h264(&sections[video], video)?;
        let payloads = [Some(audio.payload), Some(video.payload), video.resend];
        let distinct = payloads.iter().flatten().enumerate();
        if distinct
            .clone()
            .any(|(i, a)| distinct.clone().any(|(j, b)| i != j && a == b))
        {
            return Err(malformed("a payload type has two meanings"));
        }
        if audio.mid == video.mid {
            return Err(malformed("two sections have the same a=mid"));
        }
        let bundled = session
            .iter()
            .filter(|(name, _)| *name == "group")
            .filter_map(|(_, value)| value.strip_prefix("BUNDLE"))
            .any(|mids| {
                let has = |mid: &str| mids.split(' ').any(|m| m == mid);
                has(&audio.mid) && has(&video.mid)
            });
        if !bundled {
            return Err(malformed("audio and video are not in one BUNDLE group"));
        }

        // All bundled sections share the transport of the first.
        let first = &sections[audio.section.min(video.section)];
        let shared = |name: &str| first.get(name).or_else(|| find(&session, name));
        Ok(Self {
            ice: credentials(shared("ice-ufrag"), shared("ice-pwd"))
                .map_err(OfferError::Malformed)?,
            fingerprint: fingerprint(shared("fingerprint"))?,
            setup: setup(shared("setup"))?,
            sections: sections
                .iter()
                .map(|s| Section {
                    kind: s.kind.to_owned(),
                    protocol: s.protocol.to_owned(),
                    format: s.formats.first().copied().unwrap_or("0").to_owned(),
                    mid: s.get("mid").map(str::to_owned),
                })
                .collect(),
            audio,
            video,
        })
    }

    /// Whether this side begins the DTLS handshake.
    pub(crate) fn is_dtls_client(&self) -> bool {
        self.setup == Setup::Passive
    }

    /// The offer as the WebRTC library gets it: only what is used, with the
    /// given credentials (others than those of the offer after a restart).
    pub(crate) fn canonical(&self, ice: &Credentials, estimate: bool) -> String {
        let mut text = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {} {}\r\n",
            self.audio.mid, self.video.mid
        );
        for (kind, codec, choice) in [
            ("audio", "opus/48000/2", &self.audio),
            ("video", "H264/90000", &self.video),
        ] {
            let setup = match self.setup {
                Setup::ActPass => "actpass",
                Setup::Active => "active",
                Setup::Passive => "passive",
            };
            let resend = choice.resend.map(|pt| format!(" {pt}")).unwrap_or_default();
            let _ = write!(
                text,
                "m={kind} 9 UDP/TLS/RTP/SAVPF {}{resend}\r\nc=IN IP4 0.0.0.0\r\n\
                 a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{}\r\na=setup:{setup}\r\n\
                 a=mid:{}\r\na=recvonly\r\na=rtcp-mux\r\n",
                choice.payload, ice.ufrag, ice.pwd, self.fingerprint, choice.mid
            );
            text.push_str(&choice.describe(codec, estimate));
        }
        text
    }
}

impl Choice {
    /// Whether transport-wide feedback is in use.
    fn feeds_back(&self, estimate: bool) -> bool {
        estimate
            && self.feedback.contains(&"transport-cc")
            && self.extensions.transport_cc.is_some()
    }

    /// The lines about codec and extensions, the same in the offer for the
    /// library and in the answer.
    pub(super) fn describe(&self, codec: &str, estimate: bool) -> String {
        let pt = self.payload;
        let mut text = String::new();
        let mut line = |args: std::fmt::Arguments| {
            let _ = text.write_fmt(args);
            text.push_str("\r\n");
        };
        if let Some(id) = self.extensions.mid {
            line(format_args!("a=extmap:{id} {MID}"));
        }
        if self.feeds_back(estimate)
            && let Some(id) = self.extensions.transport_cc
        {
            line(format_args!("a=extmap:{id} {TRANSPORT_CC}"));
        }
        line(format_args!("a=rtpmap:{pt} {codec}"));
        for what in &self.feedback {
            // Sound is not sent again: by then the gap is concealed.
            let used = match *what {
                "transport-cc" => self.feeds_back(estimate),
                _ => self.profile.is_some(),
            };
            if used {
                line(format_args!("a=rtcp-fb:{pt} {what}"));
            }
        }
        if let Some(profile) = self.profile {
            line(format_args!(
                "a=fmtp:{pt} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile:06x}"
            ));
        } else {
            line(format_args!("a=fmtp:{pt} minptime=10;useinbandfec=1"));
        }
        if let Some(resend) = self.resend {
            line(format_args!("a=rtpmap:{resend} rtx/90000"));
            line(format_args!("a=fmtp:{resend} apt={pt}"));
        }
        text
    }
}

type Attributes<'a> = Vec<(&'a str, &'a str)>;

fn read(text: &str) -> Result<(Attributes<'_>, Vec<Raw<'_>>), OfferError> {
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
                return Err(malformed("it has too many sections"));
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

fn find<'a>(attributes: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|(n, _)| *n == name);
    found.map(|(_, value)| *value)
}

/// The first section of a kind that can receive.
fn receiving(sections: &[Raw], kind: &'static str) -> Result<usize, OfferError> {
    let of_kind = || sections.iter().enumerate().filter(|(_, s)| s.kind == kind);
    let found =
        of_kind().find(|(_, s)| !s.is_off() && ["recvonly", "sendrecv"].contains(&s.direction()));
    if let Some((index, _)) = found {
        return Ok(index);
    }
    let found = match of_kind().next() {
        None => format!("it has no {kind} section"),
        Some((_, s)) if s.is_off() => format!("its {kind} section is switched off"),
        Some((_, s)) => format!("its {kind} section is {}", s.direction()),
    };
    Err(OfferError::NotReceiving { kind, found })
}

/// A payload type outside of what collides with RTCP (RFC 5761 §4).
fn dynamic(payload: &str) -> Option<u8> {
    let number = payload.parse().ok()?;
    ((35..=63).contains(&number) || (96..=127).contains(&number)).then_some(number)
}

fn opus(raw: &Raw, section: usize) -> Result<Choice, OfferError> {
    let payload = raw.formats.iter().find(|payload| {
        let codec = raw.codec(payload);
        codec.is_some_and(|c| c.eq_ignore_ascii_case("opus/48000/2"))
    });
    match payload.and_then(|payload| dynamic(payload)) {
        Some(payload) => raw.choice(section, payload, None),
        None => Err(OfferError::NoOpus {
            offered: raw.offered(),
        }),
    }
}

/// The best H.264 payload. Pictures are Constrained Baseline, which decoders
/// of each of these profiles take (ITU-T H.264 A.2).
fn h264(raw: &Raw, section: usize) -> Result<Choice, OfferError> {
    let fit = |payload: &&&str| {
        let codec = raw.codec(payload)?;
        let mode = raw.parameter(payload, "packetization-mode")?;
        if !codec.eq_ignore_ascii_case("H264/90000") || mode != "1" {
            return None;
        }
        let profile = match raw.parameter(payload, "profile-level-id") {
            Some(text) if text.len() == 6 => u32::from_str_radix(text, 16).ok()?,
            Some(_) => return None,
            // RFC 6184 §8.1: Baseline, level 1 when absent.
            None => 0x42_00_0a,
        };
        let (idc, constraints) = (profile >> 16, profile >> 8 & 0xff);
        let rank = match idc {
            // constraint_set1_flag: the Main profile's rules hold as well.
            0x42 if constraints & 0x40 != 0 => 0,
            0x42 => 1,
            0x4d => 2,
            0x64 => 3,
            _ => return None,
        };
        Some((rank, dynamic(payload)?, profile))
    };
    let best = raw
        .formats
        .iter()
        .filter_map(|payload| fit(&payload))
        .min_by_key(|(rank, ..)| *rank);
    match best {
        Some((_, payload, profile)) => raw.choice(section, payload, Some(profile)),
        None => Err(OfferError::NoH264 {
            offered: raw.offered(),
        }),
    }
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

fn fingerprint(value: Option<&str>) -> Result<String, OfferError> {
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

fn setup(value: Option<&str>) -> Result<Setup, OfferError> {
    match value {
        Some("actpass") => Ok(Setup::ActPass),
        Some("active") => Ok(Setup::Active),
        Some("passive") => Ok(Setup::Passive),
        _ => Err(malformed("a=setup is neither actpass, active nor passive")),
    }
}

fn malformed(what: impl Into<String>) -> OfferError {
    OfferError::Malformed(what.into())
}
