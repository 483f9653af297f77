//! Choosing from the payload types of a section.

use std::fmt::Write as _;

use super::read::Raw;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Feedback that is understood (RFC 4585 §4.2, RFC 5104 §7.1).
const FEEDBACK: [&str; 4] = ["nack", "nack pli", "ccm fir", "transport-cc"];

/// Header extension identifiers, of those that are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub mid: Option<u8>,
    pub transport_cc: Option<u8>,
}

/// The codec of one section: Opus or H.264.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Payload type of the far side, which an answer repeats.
    pub payload: u8,
    /// Payload type of retransmissions (RFC 4588).
    pub resend: Option<u8>,
    /// `profile-level-id`, of H.264 only.
    pub profile: Option<u32>,
    pub feedback: Vec<&'static str>,
    pub extensions: Extensions,
}

impl Choice {
    fn new(raw: &Raw, payload: u8, profile: Option<u32>) -> Self {
        let name = payload.to_string();
        let offered = |what: &&str| raw.of_payload("rtcp-fb", &name).any(|f| f == *what);
        let resend = raw.formats.iter().find(|other| {
            let rtx = raw
                .codec(other)
                .is_some_and(|c| c.eq_ignore_ascii_case("rtx/90000"));
            rtx && raw.parameter(other, "apt") == Some(&name)
        });
        Self {
            payload,
            resend: resend.and_then(|pt| dynamic(pt)),
            profile,
            feedback: FEEDBACK.into_iter().filter(offered).collect(),
            extensions: extensions(raw),
        }
    }

    /// The first Opus.
    pub(super) fn opus(raw: &Raw) -> Option<Self> {
        let payload = raw.formats.iter().find(|payload| {
            let codec = raw.codec(payload);
            codec.is_some_and(|c| c.eq_ignore_ascii_case("opus/48000/2"))
        })?;
        Some(Self::new(raw, dynamic(payload)?, None))
    }

    /// The best H.264 with packetization-mode 1. Pictures are Constrained
    /// Baseline, which decoders of each of these profiles take (ITU-T H.264
    /// A.2).
    pub(super) fn h264(raw: &Raw) -> Option<Self> {
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
        let (_, payload, profile) = raw
            .formats
            .iter()
            .filter_map(|payload| fit(&payload))
            .min_by_key(|(rank, ..)| *rank)?;
        Some(Self::new(raw, payload, Some(profile)))
    }

    /// All payload types in use.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = u8> {
        std::iter::once(self.payload).chain(self.resend)
    }

    /// The numbers of an m= line.
    pub(super) fn formats(&self) -> String {
        let resend = self.resend.map(|pt| format!(" {pt}")).unwrap_or_default();
        format!("{}{resend}", self.payload)
    }

    /// Whether transport-wide feedback is in use.
    fn feeds_back(&self, estimate: bool) -> bool {
        estimate
            && self.feedback.contains(&"transport-cc")
            && self.extensions.transport_cc.is_some()
    }

    /// The lines about codec and extensions, the same in the description for
    /// the library and in an answer.
    pub(super) fn describe(&self, estimate: bool) -> String {
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
        let codec = match self.profile {
            Some(_) => "H264/90000",
            None => "opus/48000/2",
        };
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

/// Codec names of a section for an error message.
pub(super) fn names(raw: &Raw) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for payload in &raw.formats {
        let Some(codec) = raw.codec(payload) else {
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
        let name = match raw.parameter(payload, "packetization-mode") {
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

fn extensions(raw: &Raw) -> Extensions {
    let id = |uri: &str| {
        raw.all("extmap").find_map(|value| {
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

/// A payload type outside of what collides with RTCP (RFC 5761 §4).
fn dynamic(payload: &str) -> Option<u8> {
    let number = payload.parse().ok()?;
    ((35..=63).contains(&number) || (96..=127).contains(&number)).then_some(number)
}
