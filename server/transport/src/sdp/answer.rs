//! Writing answers, and offers out of those of the WebRTC library.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::codec::Choice;
use super::description::{Description, Section, Use};
use super::read::Credentials;

/// The largest message that is taken, bytes: what all implementations can
/// send (RFC 8831 §6.6), and what LiveKit clients cut theirs to.
pub(crate) const LARGEST_MESSAGE: usize = 64 * 1024;

/// The RTP sender of one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    pub mid: String,
    pub ssrc: u32,
    pub resend: Option<u32>,
    pub cname: String,
    /// Stream and track of `a=msid`.
    pub stream: String,
    pub track: String,
}

/// What this side brings to an answer.
pub(crate) struct Local<'a> {
    pub session: u64,
    pub version: u64,
    pub ice: &'a Credentials,
    pub lite: bool,
    pub fingerprint: &'a str,
    pub addresses: &'a [SocketAddr],
    /// Whether this side begins the DTLS handshake.
    pub active: bool,
    pub estimate: bool,
    /// What becomes of each section, in the order of the offer; `None` refuses.
    pub uses: &'a [Option<Use>],
    pub senders: &'a [&'a Sender],
}

/// The answer to an offer: its sections in its order. Those that are not used
/// are inactive, those that cannot be used switched off (RFC 3264 §6).
pub(crate) fn answer(offer: &Description, local: &Local) -> String {
    let taken: Vec<&str> = offer
        .sections
        .iter()
        .zip(local.uses)
        .filter(|(_, does)| does.is_some())
        .filter_map(|(section, _)| section.mid.as_deref())
        .collect();
    let mut text = format!(
        "v=0\r\no=- {} {} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n",
        local.session,
        local.version,
        taken.join(" "),
    );
    if let Some(sender) = local.senders.first() {
        let _ = write!(text, "a=msid-semantic: WMS {}\r\n", sender.stream);
    }
    if local.lite {
        text.push_str("a=ice-lite\r\n");
    }
    for (section, does) in offer.sections.iter().zip(local.uses) {
        let Some(does) = does else {
            reject(&mut text, section);
            continue;
        };
        let mid = section.mid.as_deref().unwrap_or_default();
        begin(&mut text, local, section, mid);
        if let Ok(choice) = &section.codec {
            let sender = local.senders.iter().find(|sender| sender.mid == mid);
            media(&mut text, local, choice, *does, sender.copied());
        } else {
            let _ = write!(
                text,
                "a=sctp-port:5000\r\na=max-message-size:{LARGEST_MESSAGE}\r\n"
            );
        }
        if taken.first() == Some(&mid) {
            text.push_str(&candidates(local.addresses));
        }
    }
    text
}

fn begin(text: &mut String, local: &Local, section: &Section, mid: &str) {
    let formats = match &section.codec {
        Ok(choice) => choice.formats(),
        Err(_) => "webrtc-datachannel".to_owned(),
    };
    let _ = write!(
        text,
        "m={} 9 {} {formats}\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
         a=fingerprint:{}\r\na=setup:{}\r\na=mid:{mid}\r\n",
        section.kind.name(),
        section.protocol,
        local.ice.ufrag,
        local.ice.pwd,
        local.fingerprint,
        if local.active { "active" } else { "passive" },
    );
}

fn media(text: &mut String, local: &Local, choice: &Choice, does: Use, sender: Option<&Sender>) {
    let direction = match (does.send, does.hear) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    };
    let _ = write!(
        text,
        "a={direction}\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
    );
    text.push_str(&choice.describe(local.estimate));
    let Some(sender) = sender.filter(|_| does.send) else {
        return;
    };
    let Sender {
        mid: _,
        ssrc,
        resend,
        cname,
        stream,
        track,
    } = sender;
    let _ = write!(text, "a=msid:{stream} {track}\r\n");
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
        ..
    } = section;
    let _ = write!(
        text,
        "m={} 0 {protocol} {format}\r\nc=IN IP4 0.0.0.0\r\n",
        kind.name()
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
pub(crate) fn restart(
    offer: &Description,
    uses: &[Option<Use>],
    ice: &Credentials,
    addresses: &[SocketAddr],
) -> String {
    let taken: Vec<&Section> = offer
        .sections
        .iter()
        .zip(uses)
        .filter_map(|(section, does)| does.map(|_| section))
        .collect();
    let mids: Vec<&str> = taken.iter().filter_map(|s| s.mid.as_deref()).collect();
    let mut text = format!("a=ice-lite\r\na=group:BUNDLE {}\r\n", mids.join(" "));
    if let (Some(first), Some(mid)) = (taken.first(), mids.first()) {
        let formats = match &first.codec {
            Ok(choice) => choice.payload.to_string(),
            Err(_) => "webrtc-datachannel".to_owned(),
        };
        let _ = write!(
            text,
            "m={} 9 {} {formats}\r\na=mid:{mid}\r\n",
            first.kind.name(),
            first.protocol
        );
    }
    let _ = write!(
        text,
        "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n{}",
        ice.ufrag,
        ice.pwd,
        candidates(addresses)
    );
    text
}

/// What a section is said to carry in place of what the library remembers.
#[derive(Debug)]
pub(crate) struct Rename {
    pub mid: String,
    pub stream: String,
    pub track: String,
}

/// The library's offer with our candidates in place of its own: it knows where
/// datagrams arrive, not what the far side is told to send to.
pub(crate) fn offer(library: &str, addresses: &[SocketAddr], renames: &[Rename]) -> String {
    let own = |line: &&str| {
        !line.starts_with("a=candidate:")
            && !line.starts_with("a=end-of-candidates")
            && !line.starts_with("a=max-message-size:")
    };
    let mut text = String::new();
    let mut placed = false;
    let mut rename: Option<&Rename> = None;
    for line in super::lines(library).filter(own) {
        if line.starts_with("m=") {
            rename = None;
        }
        let names = line.find("msid:").filter(|_| line.starts_with("a="));
        match (rename, names) {
            (Some(Rename { stream, track, .. }), Some(at)) => {
                let _ = write!(text, "{}msid:{stream} {track}\r\n", &line[..at]);
            }
            _ => {
                let _ = write!(text, "{line}\r\n");
            }
        }
        if line.starts_with("a=sctp-port:") {
            let _ = write!(text, "a=max-message-size:{LARGEST_MESSAGE}\r\n");
        }
        if let Some(mid) = line.strip_prefix("a=mid:") {
            rename = renames.iter().find(|rename| rename.mid == mid);
            if !placed {
                placed = true;
                text.push_str(&candidates(addresses));
            }
        }
    }
    text
}
