//! Writing answers.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::offer::{Choice, Credentials, Offer, Section};

/// The RTP sender of one section.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub ssrc: u32,
    pub resend: Option<u32>,
    pub cname: String,
}

/// What this side brings to an answer.
pub(crate) struct Local<'a> {
    pub session: u64,
    pub ice: &'a Credentials,
    pub fingerprint: &'a str,
    pub addresses: &'a [SocketAddr],
    pub stream: &'a str,
    pub estimate: bool,
    pub audio: &'a Sender,
    pub video: &'a Sender,
}

/// The answer to an offer: its sections in its order, those that are not used
/// switched off (RFC 3264 §6).
pub(crate) fn answer(offer: &Offer, local: &Local) -> String {
    let used = |index: usize| match index {
        i if i == offer.audio.section => Some(("opus/48000/2", "audio", &offer.audio, local.audio)),
        i if i == offer.video.section => Some(("H264/90000", "video", &offer.video, local.video)),
        _ => None,
    };
    let mids: Vec<&str> = (0..offer.sections.len())
        .filter_map(used)
        .map(|(.., choice, _)| choice.mid.as_str())
        .collect();
    let mut text = format!(
        "v=0\r\no=- {} 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
         a=msid-semantic: WMS {}\r\na=ice-lite\r\n",
        local.session,
        mids.join(" "),
        local.stream
    );
    for (index, section) in offer.sections.iter().enumerate() {
        match used(index) {
            Some((codec, name, choice, sender)) => {
                accept(&mut text, offer, local, section, choice);
                let _ = write!(text, "a=msid:{} {name}\r\n", local.stream);
                text.push_str(&choice.describe(codec, local.estimate));
                senders(&mut text, sender);
                if choice.mid == mids[0] {
                    text.push_str(&candidates(local.addresses));
                }
            }
            None => reject(&mut text, section),
        }
    }
    text
}

fn accept(text: &mut String, offer: &Offer, local: &Local, section: &Section, choice: &Choice) {
    let resend = choice.resend.map(|pt| format!(" {pt}")).unwrap_or_default();
    let _ = write!(
        text,
        "m={} 9 {} {}{resend}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{}\r\na=setup:{}\r\n\
         a=mid:{}\r\na=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
        section.kind,
        section.protocol,
        choice.payload,
        local.ice.ufrag,
        local.ice.pwd,
        local.fingerprint,
        if offer.is_dtls_client() {
            "active"
        } else {
            "passive"
        },
        choice.mid
    );
}

fn senders(text: &mut String, sender: &Sender) {
    let Sender {
        ssrc,
        resend,
        cname,
    } = sender;
    if let Some(resend) = resend {
        let _ = write!(text, "a=ssrc-group:FID {ssrc} {resend}\r\n");
    }
    let _ = write!(text, "a=ssrc:{ssrc} cname:{cname}\r\n");
    if let Some(resend) = resend {
        let _ = write!(text, "a=ssrc:{resend} cname:{cname}\r\n");
    }
}

fn reject(text: &mut String, section: &Section) {
    let Section {
        kind,
        protocol,
        format,
        mid,
    } = section;
    let _ = write!(
        text,
        "m={kind} 0 {protocol} {format}\r\nc=IN IP4 0.0.0.0\r\n"
    );
    if let Some(mid) = mid {
        let _ = write!(text, "a=mid:{mid}\r\n");
    }
    text.push_str("a=inactive\r\n");
}

/// Host candidates (RFC 8839 §5.1), the first address with the highest
/// priority (RFC 8445 §5.1.2.1).
fn candidates(addresses: &[SocketAddr]) -> String {
    const HOST: u32 = 126;
    const RTP: u32 = 1;
    let mut text = String::new();
    for (index, address) in addresses.iter().enumerate() {
        let preference = 65_535_u32.saturating_sub(index as u32);
        let priority = HOST << 24 | preference << 8 | (256 - RTP);
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => ip.to_string(),
        };
        let _ = write!(
            text,
            "a=candidate:{} {RTP} udp {priority} {ip} {} typ host\r\n",
            index + 1,
            address.port()
        );
    }
    text.push_str("a=end-of-candidates\r\n");
    text
}

/// The fragment that answers an ICE restart (RFC 9725 §4.3.3).
pub(crate) fn restart(offer: &Offer, ice: &Credentials, addresses: &[SocketAddr]) -> String {
    let first = offer.audio.section.min(offer.video.section);
    let choice = if first == offer.audio.section {
        &offer.audio
    } else {
        &offer.video
    };
    let section = &offer.sections[first];
    format!(
        "a=ice-lite\r\na=group:BUNDLE {} {}\r\nm={} 9 {} {}\r\na=mid:{}\r\n\
         a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n{}",
        offer.audio.mid,
        offer.video.mid,
        section.kind,
        section.protocol,
        choice.payload,
        choice.mid,
        ice.ufrag,
        ice.pwd,
        candidates(addresses)
    )
}
