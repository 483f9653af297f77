//! Offers of real players, and what is wrong with others.

use std::net::SocketAddr;

use super::{
    Choice, Credentials, Description, Fragment, Kind, Local, Sender, Use, answer, offer, restart,
};
use crate::error::{FragmentError, OfferError};

/// A browser's offer, with the candidates that come when it waits for them:
/// an mDNS name, IPv6, TCP.
pub(crate) const OFFER: &str = "v=0\r\n\
o=- 6632496032211103301 2 IN IP4 127.0.0.1\r\n\
s=-\r\n\
t=0 0\r\n\
a=group:BUNDLE 0 1\r\n\
a=extmap-allow-mixed\r\n\
a=msid-semantic: WMS\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n\
c=IN IP4 0.0.0.0\r\n\
a=rtcp:9 IN IP4 0.0.0.0\r\n\
a=candidate:1 1 udp 2113937151 3e1f1a4c-6f2b-4d27-8a4b-0c6d3a52f1a0.local 54321 typ host\r\n\
a=candidate:2 1 udp 2113939711 2001:db8::7 54322 typ host generation 0\r\n\
a=candidate:3 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active\r\n\
a=ice-ufrag:OJiw\r\n\
a=ice-pwd:fmtzYXJCg2ixcajllXEWDvJX\r\n\
a=ice-options:trickle\r\n\
a=fingerprint:sha-256 E8:40:79:DD:23:E0:13:CC:61:F8:99:88:C8:27:22:B5:23:81:44:DB:94:23:19:AF:86:84:3F:F3:17:34:7B:12\r\n\
a=setup:actpass\r\n\
a=mid:0\r\n\
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
a=recvonly\r\n\
a=rtcp-mux\r\n\
a=rtcp-rsize\r\n\
a=rtpmap:111 opus/48000/2\r\n\
a=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\n\
a=rtpmap:63 red/48000/2\r\n\
a=fmtp:63 111/111\r\n\
a=rtpmap:9 G722/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 116 117\r\n\
c=IN IP4 0.0.0.0\r\n\
a=ice-ufrag:OJiw\r\n\
a=ice-pwd:fmtzYXJCg2ixcajllXEWDvJX\r\n\
a=fingerprint:sha-256 E8:40:79:DD:23:E0:13:CC:61:F8:99:88:C8:27:22:B5:23:81:44:DB:94:23:19:AF:86:84:3F:F3:17:34:7B:12\r\n\
a=setup:actpass\r\n\
a=mid:1\r\n\
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
a=recvonly\r\n\
a=rtcp-mux\r\n\
a=rtpmap:96 VP8/90000\r\n\
a=rtpmap:97 rtx/90000\r\n\
a=fmtp:97 apt=96\r\n\
a=rtpmap:102 H264/90000\r\n\
a=rtcp-fb:102 nack\r\n\
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
a=rtpmap:103 rtx/90000\r\n\
a=fmtp:103 apt=102\r\n\
a=rtpmap:104 H264/90000\r\n\
a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n\
a=rtpmap:107 rtx/90000\r\n\
a=fmtp:107 apt=104\r\n\
a=rtpmap:108 H264/90000\r\n\
a=rtcp-fb:108 goog-remb\r\n\
a=rtcp-fb:108 transport-cc\r\n\
a=rtcp-fb:108 ccm fir\r\n\
a=rtcp-fb:108 nack\r\n\
a=rtcp-fb:108 nack pli\r\n\
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
a=rtpmap:109 rtx/90000\r\n\
a=fmtp:109 apt=108\r\n\
a=rtpmap:116 H264/90000\r\n\
a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n\
a=rtpmap:117 rtx/90000\r\n\
a=fmtp:117 apt=116\r\n";

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(OFFER.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// What a player's offer leads to: sound and picture.
fn choose(text: &str) -> Result<(Choice, Choice), OfferError> {
    let offer = Description::parse(text)?;
    let (_, audio) = offer.receiving(Kind::Audio, |_| true)?;
    let (_, video) = offer.receiving(Kind::Video, |_| true)?;
    Ok((audio.clone(), video.clone()))
}

fn error(edits: &[(&str, &str)]) -> OfferError {
    choose(&edited(edits)).unwrap_err()
}

fn video(edits: &[(&str, &str)]) -> Choice {
    choose(&edited(edits)).unwrap().1
}

/// Without the lines that hold any of `what`.
fn without(what: &[&str]) -> String {
    let keep = |line: &&str| !what.iter().any(|w| line.contains(w));
    let lines: Vec<&str> = OFFER.split_inclusive("\r\n").filter(keep).collect();
    lines.concat()
}

fn local_answer(offer: &Description, uses: &[Option<Use>], estimate: bool) -> String {
    let sender = |mid: &str, ssrc, resend, track: &str| Sender {
        mid: mid.to_owned(),
        ssrc,
        resend,
        cname: "c".to_owned(),
        stream: "PA_x|camera".to_owned(),
        track: track.to_owned(),
    };
    let ice = Credentials {
        ufrag: "mine".to_owned(),
        pwd: "p".repeat(22),
    };
    let addresses =
        ["198.51.100.7:4000", "[2001:db8::1]:4000"].map(|a| a.parse::<SocketAddr>().unwrap());
    answer(
        offer,
        &Local {
            session: 5,
            version: 2,
            ice: &ice,
            lite: true,
            fingerprint: "sha-256 AA",
            addresses: &addresses,
            active: offer.is_passive(),
            estimate,
            uses,
            senders: &[
                &sender("0", 1, None, "TR_a"),
                &sender("1", 2, Some(3), "TR_v"),
            ],
        },
    )
}

#[test]
fn a_browser_gets_constrained_baseline_with_retransmission() {
    let (audio, video) = choose(OFFER).unwrap();
    assert_eq!((video.payload, video.resend), (108, Some(109)));
    assert_eq!(video.profile, Some(0x42_e0_1f));
    assert_eq!((audio.payload, audio.resend), (111, None));
    let offer = Description::parse(OFFER).unwrap();
    assert_eq!(offer.ice.ufrag, "OJiw");
    assert!(!offer.is_passive() && !offer.lite);
    assert_eq!(offer.candidates.len(), 3);
    // Line ends of the other kind mean the same.
    assert_eq!(Description::parse(&OFFER.replace("\r\n", "\n")), Ok(offer));
}

#[test]
fn the_next_best_profile_is_taken() {
    assert_eq!(video(&[("108 109", "")]).payload, 102);
    assert_eq!(video(&[("108 109", ""), ("102 103", "")]).payload, 116);
    let silent = video(&[("108 109", ""), (";profile-level-id=42001f", "")]);
    assert_eq!((silent.payload, silent.profile), (102, Some(0x42_00_0a)));
    let cased = video(&[("a=rtpmap:108 H264", "a=rtpmap:108 h264")]);
    assert_eq!(cased.payload, 108);
}

#[test]
fn an_offer_without_h264_hears_what_it_offered() {
    let found = error(&[("96 97 102 103 104 107 108 109 116 117", "96 97 104 107")]);
    let names = ["VP8", "H264 with packetization-mode=0"].map(str::to_owned);
    assert_eq!(
        found,
        OfferError::NoH264 {
            offered: names.to_vec()
        }
    );
    assert!(
        found
            .to_string()
            .ends_with("it offers: VP8, H264 with packetization-mode=0")
    );
}

#[test]
fn an_offer_without_opus_hears_what_it_offered() {
    let found = error(&[("111 63 9 0 8 13", "9 0")]);
    let names = ["G722", "PCMU"].map(str::to_owned);
    assert_eq!(
        found,
        OfferError::NoOpus {
            offered: names.to_vec()
        }
    );
}

#[test]
fn an_offer_that_does_not_receive_is_told_so() {
    for (edits, kind, part) in [
        (
            &[
                ("a=mid:0\r\n", "a=mid:0\r\na=sendonly\r\n"),
                ("a=recvonly\r\n", ""),
            ][..],
            "audio",
            "is sendonly",
        ),
        (&[("a=recvonly", "a=inactive")], "audio", "is inactive"),
        (&[("m=video 9", "m=video 0")], "video", "is switched off"),
        (&[("m=audio 9", "m=video 9")], "audio", "no audio section"),
    ] {
        match error(edits) {
            OfferError::NotReceiving { kind: k, found } => {
                assert_eq!(k, kind);
                assert!(found.contains(part), "{found}");
            }
            other => panic!("{other:?}"),
        }
    }
    // Both ways is fine: we send.
    assert!(choose(&edited(&[("a=recvonly", "a=sendrecv")])).is_ok());
    assert!(
        choose(&edited(&[
            ("m=video 9", "m=video 0"),
            ("a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n")
        ]))
        .is_ok()
    );
}

#[test]
fn what_is_missing_is_named() {
    for (what, part) in [
        ("a=ice-ufrag", "ice-ufrag"),
        ("a=ice-pwd", "ice-pwd"),
        ("a=fingerprint", "fingerprint"),
        ("a=setup", "setup"),
        ("a=mid:1", "a=mid"),
        ("a=rtcp-mux", "rtcp-mux"),
        ("a=group", "BUNDLE"),
        ("v=0", "v=0"),
    ] {
        let found = choose(&without(&[what])).unwrap_err().to_string();
        assert!(found.contains(part), "{what}: {found}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (edits, part) in [
        (("sha-256 E8", "sha-1 E8"), "sha-256"),
        (("sha-256 E8:", "sha-256 "), "sha-256"),
        (("a=setup:actpass", "a=setup:holdconn"), "setup"),
        (("a=ice-ufrag:OJiw", "a=ice-ufrag:O"), "RFC 8839"),
        (("a=mid:1", "a=mid:0"), "a=mid"),
        (("m=video", "m=message"), "neither audio"),
        (("m=video 9", "m=video 99999"), "port"),
        (("a=rtcp-rsize", "rtcp-rsize"), "x="),
        (("a=rtcp-rsize", "a=rtcp\u{7}"), "x="),
    ] {
        let found = error(&[edits]).to_string();
        assert!(found.contains(part), "{found}");
    }
    let long = format!("{OFFER}{}", "a=x\r\n".repeat(60_000));
    assert!(matches!(choose(&long), Err(OfferError::TooLarge { .. })));
    let many = format!("{OFFER}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(70));
    assert!(matches!(
        choose(&many),
        Err(OfferError::TooManySections { .. })
    ));
}

#[test]
fn payload_types_like_rtcp_are_not_used() {
    let rtcp = error(&[("111 63", "72 63"), ("rtpmap:111", "rtpmap:72")]);
    assert!(matches!(rtcp, OfferError::NoOpus { .. }));
}

#[test]
fn the_answer_follows_the_offer() {
    let data =
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n";
    let text = edited(&[
        ("m=audio", &format!("{data}m=audio")),
        ("BUNDLE 0 1", "BUNDLE 2 0 1"),
    ]);
    let offer = Description::parse(&text).unwrap();
    let send = Some(Use {
        send: true,
        ..Use::default()
    });
    let text = local_answer(&offer, &[None, send, send], false);
    let starts: Vec<&str> = text.lines().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        starts,
        [
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "m=video 9 UDP/TLS/RTP/SAVPF 108 109",
        ]
    );
    for line in [
        "a=group:BUNDLE 0 1",
        "a=ice-lite",
        "a=setup:passive",
        "a=sendonly",
        "a=msid-semantic: WMS PA_x|camera",
        "a=msid:PA_x|camera TR_a",
        "a=msid:PA_x|camera TR_v",
        "a=ssrc-group:FID 2 3",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=rtcp-fb:108 nack pli",
        "a=fmtp:109 apt=108",
        "a=candidate:1 1 udp 2130706431 198.51.100.7 4000 typ host",
        "a=candidate:2 1 udp 2130706175 2001:db8::1 4000 typ host",
        "a=end-of-candidates",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
    assert!(!text.contains("transport"));
    assert!(!text.contains("goog-remb"));
    let estimating = local_answer(&offer, &[None, send, send], true);
    assert!(estimating.contains("a=rtcp-fb:111 transport-cc"));
    let active = Description::parse(&edited(&[("actpass", "passive")])).unwrap();
    assert!(local_answer(&active, &[send, send], false).contains("a=setup:active"));
}

#[test]
fn unused_sections_are_inactive_and_channels_taken() {
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n\
                a=sctp-port:5000\r\na=max-message-size:262144\r\na=sctp-init:AQAA\r\n\
                a=ice-options:trickle goog-sped-v1\r\n";
    let text = edited(&[("BUNDLE 0 1", "BUNDLE 0 1 2")]) + data;
    let offer = Description::parse(&text).unwrap();
    assert_eq!(offer.section("2").unwrap().largest, 262_144);
    let does = |send, hear, data| Some(Use { send, hear, data });
    let uses = [
        does(false, true, false),
        does(false, false, false),
        does(false, false, true),
    ];
    let text = local_answer(&offer, &uses, false);
    let directions: Vec<&str> = text
        .lines()
        .filter(|l| ["a=recvonly", "a=inactive", "a=sendrecv", "a=sendonly"].contains(l))
        .collect();
    assert_eq!(directions, ["a=recvonly", "a=inactive"]);
    for line in [
        "a=group:BUNDLE 0 1 2",
        "m=video 9 UDP/TLS/RTP/SAVPF 108 109",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=sctp-port:5000",
        "a=max-message-size:65536",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
    for part in ["a=msid:", "a=ssrc", "sctp-init", "goog-sped", "red/48000"] {
        assert!(!text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn what_the_far_side_sends_is_read() {
    let offer = Description::parse(&edited(&[(
        "a=mid:0\r\n",
        "a=mid:0\r\na=sendrecv\r\na=msid:- mic-1\r\na=ssrc:77 cname:x\r\na=ssrc:77 msid:a b\r\na=ssrc:x y\r\n",
    ), ("a=recvonly\r\n", "")]))
    .unwrap();
    let section = offer.section("0").unwrap();
    assert!(section.sends && section.receives);
    assert_eq!(section.msid, Some((None, Some("mic-1".to_owned()))));
    assert_eq!(section.ssrcs, [77]);
    assert_eq!(offer.section("9"), None);
}

#[test]
fn our_offers_name_our_addresses() {
    let library = "v=0\r\nm=application 9 X Y\r\na=mid:a\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n\
                   a=sctp-port:5000\r\na=max-message-size:262144\r\nm=audio 9 X 0\r\na=mid:b\r\n";
    let text = offer(library, &["192.0.2.1:5".parse().unwrap()], &[]);
    assert_eq!(text.matches("a=candidate:").count(), 1);
    assert!(text.contains("a=mid:a\r\na=candidate:1 1 udp 2130706431 192.0.2.1 5 typ host\r\n"));
    assert!(text.contains("a=max-message-size:65536\r\n"));
}

#[test]
fn fragments() {
    let parse = Fragment::parse;
    let good = "a=ice-ufrag:OJiw\r\na=ice-pwd:fmtzYXJCg2ixcajllXEWDvJX\r\nm=audio 9 X 0\r\na=mid:0\r\n\
                a=candidate:1 1 udp 1 x.local 9 typ host\r\na=end-of-candidates\r\n";
    let fragment = parse(good).unwrap();
    assert_eq!(fragment.candidates, 1);
    assert!(fragment.is_for("OJiw") && !fragment.is_for("abcd"));
    assert_eq!(fragment.credentials().unwrap().ufrag, "OJiw");
    assert!(parse("").unwrap().is_for("anyone"));
    for bad in [
        "hello",
        "a=candidate:1 1 udp",
        "a=ice-ufrag:x",
        "a=ice-pwd:short",
        &"a=x\n".repeat(5_000),
    ] {
        assert!(
            matches!(parse(bad), Err(FragmentError::Malformed(_))),
            "{bad:.20}"
        );
    }
    let restarted = restart(
        &Description::parse(OFFER).unwrap(),
        &[Some(Use::default()); 2],
        &fragment.credentials().unwrap(),
        &["192.0.2.1:5".parse().unwrap()],
    );
    assert_eq!(parse(&restarted).unwrap().candidates, 1);
    assert!(restarted.contains("\r\na=mid:0\r\n"));
}
