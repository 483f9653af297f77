//! Descriptions for the WebRTC library: only what is used, in an order of our
//! own, so that what strangers write never reaches its parser.

use std::fmt::Write as _;

use super::codec::Choice;
use super::description::{Description, Kind, Use};
use super::read::Credentials;

/// A section that the library knows. It stays at its place in the list for as
/// long as the connection lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub mid: String,
    pub kind: Kind,
    /// The codec, of audio and video.
    pub choice: Option<Choice>,
    pub does: Use,
}

/// The far side's offer or answer as the library gets it, with the given
/// credentials (others than those of the description after a restart).
pub(crate) fn canonical(
    far: &Description,
    ice: &Credentials,
    known: &[Known],
    estimate: bool,
) -> String {
    let mids: Vec<&str> = known.iter().map(|k| k.mid.as_str()).collect();
    let mut text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n",
        mids.join(" ")
    );
    if far.lite {
        text.push_str("a=ice-lite\r\n");
    }
    for section in known {
        let (protocol, formats) = match &section.choice {
            Some(choice) => ("UDP/TLS/RTP/SAVPF", choice.formats()),
            None => ("UDP/DTLS/SCTP", "webrtc-datachannel".to_owned()),
        };
        let _ = write!(
            text,
            "m={} 9 {protocol} {formats}\r\nc=IN IP4 0.0.0.0\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{}\r\na=setup:{}\r\na=mid:{}\r\n",
            section.kind.name(),
            ice.ufrag,
            ice.pwd,
            far.fingerprint,
            far.setup.name(),
            section.mid
        );
        let present = far.section(&section.mid);
        let Some(choice) = &section.choice else {
            let largest = present.map_or(0, |s| s.largest);
            let _ = write!(text, "a=sctp-port:5000\r\na=max-message-size:{largest}\r\n");
            continue;
        };
        let direction = match (section.does.send, section.does.hear) {
            // Both ways also where only the far side sends: payload types are
            // then its to choose, also for the library.
            (_, true) => "sendrecv",
            (true, false) => "recvonly",
            (false, false) => "inactive",
        };
        let _ = write!(text, "a={direction}\r\na=rtcp-mux\r\n");
        text.push_str(&choice.describe(estimate));
        if section.does.hear {
            for (ssrc, resend) in present.iter().flat_map(|s| &s.resends) {
                let _ = write!(text, "a=ssrc-group:FID {ssrc} {resend}\r\n");
            }
            for ssrc in present.iter().flat_map(|s| &s.ssrcs) {
                let _ = write!(text, "a=ssrc:{ssrc} cname:far\r\n");
            }
        }
    }
    text
}
