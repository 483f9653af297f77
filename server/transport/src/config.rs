//! What all connections of an endpoint have in common, and how the library is
//! set up for one.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use str0m::RtcConfig;
use str0m::bwe::Bitrate;
use str0m::config::DtlsCert;
use str0m::format::{Codec, FormatParams};
use str0m::media::Frequency;
use str0m::rtp::Extension;

use crate::error::BindError;
use crate::sdp::{Choice, Description, Kind};

/// Sender reports of both tracks. A player aligns sound and picture from the
/// second report on, so the usual 5 s for sound would show as 5 s of skew.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// How often the statistics are taken.
const STATS_EVERY: Duration = Duration::from_secs(1);

/// How long heard sound waits for a packet that is missing. Whoever listens
/// wants an answer soon; what comes later is concealed.
const REORDER_SOUND: Duration = Duration::from_millis(60);

/// Constrained Baseline, level 3.1.
const BASELINE: u32 = 0x42_e0_1f;

/// Whether and how the path's capacity is estimated, bit/s.
///
/// Estimation uses transport-wide feedback and probes with padding. It delays
/// nothing: both tracks bypass the pacer that comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimation {
    /// Assumed before anything is known.
    pub start: u32,
    /// More than this is not looked for.
    pub most: u32,
}

/// What all connections of an endpoint have in common.
pub(crate) struct Config {
    /// Where datagrams arrive: the addresses of the shared socket.
    pub local: Vec<SocketAddr>,
    /// What the far side is told to send to.
    pub advertised: Vec<SocketAddr>,
    pub estimation: Option<Estimation>,
    pub connect_within: Duration,
    pub vanished_after: Duration,
    certificate: DtlsCert,
}

impl Config {
    pub(crate) fn new(
        local: Vec<SocketAddr>,
        advertised: Vec<SocketAddr>,
        estimation: Option<Estimation>,
        connect_within: Duration,
        vanished_after: Duration,
    ) -> Result<Self, BindError> {
        // One certificate for all: making one takes longer than the rest of
        // an answer, and players compare the fingerprint of their own answer.
        let certificate = str0m::crypto::from_feature_flags()
            .dtls_provider
            .generate_certificate()
            .ok_or(BindError::Certificate)?;
        Ok(Self {
            local,
            advertised,
            estimation,
            connect_within,
            vanished_after,
            certificate,
        })
    }
}

/// Where a connection lives.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Where its datagrams arrive.
    pub local: Vec<SocketAddr>,
    /// What the far side is told to send to.
    pub told: Vec<SocketAddr>,
    /// Whether it is an ICE-lite agent.
    pub lite: bool,
}

impl Place {
    /// On the socket that all share.
    pub(crate) fn shared(config: &Config) -> Self {
        Self {
            local: config.local.clone(),
            told: config.advertised.clone(),
            lite: true,
        }
    }

    /// On a port of its own, as a full ICE agent. Loopback is no place to tell
    /// of unless there is no other.
    pub(crate) fn own(addresses: &[IpAddr], port: u16) -> Self {
        let local: Vec<SocketAddr> = addresses
            .iter()
            .map(|ip| SocketAddr::new(*ip, port))
            .collect();
        let mut told = local.clone();
        if told.iter().any(|a| !a.ip().is_loopback()) {
            told.retain(|a| !a.ip().is_loopback());
        }
        Self {
            local,
            told,
            lite: false,
        }
    }
}

/// The payload types of a connection, which stay for as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payloads {
    opus: u8,
    h264: u8,
    resend: Option<u8>,
    /// `profile-level-id` of the pictures.
    pub profile: u32,
}

impl Payloads {
    /// Those of our own offers.
    pub(crate) const OURS: Self = Self {
        opus: 111,
        h264: 96,
        resend: Some(97),
        profile: BASELINE,
    };

    /// Those of an offer; where it has none yet, numbers that it does not use.
    pub(crate) fn of(offer: &Description) -> Self {
        let first = |kind: Kind| {
            let mut sections = offer.sections.iter().filter(|s| s.kind == kind);
            sections.find_map(|s| s.codec.as_ref().ok())
        };
        let (audio, video) = (first(Kind::Audio), first(Kind::Video));
        let taken: Vec<u8> = audio
            .into_iter()
            .chain(video)
            .flat_map(Choice::payloads)
            .collect();
        let mut free = (96..=127).rev().filter(|pt| !taken.contains(pt));
        let mut any = || free.next().unwrap_or(127);
        Self {
            opus: audio.map_or_else(&mut any, |c| c.payload),
            h264: video.map_or_else(&mut any, |c| c.payload),
            resend: video.map_or_else(|| Some(any()), |c| c.resend),
            profile: video.and_then(|c| c.profile).unwrap_or(BASELINE),
        }
    }
}

/// Sets the library up.
pub(crate) fn build(config: &Config, place: &Place, payloads: Payloads) -> RtcConfig {
    let estimation = config.estimation.map(|e| Bitrate::from(u64::from(e.start)));
    let mut rtc = RtcConfig::new()
        .set_ice_lite(place.lite)
        .set_dtls_cert(config.certificate.clone())
        .set_stats_interval(Some(STATS_EVERY))
        .set_rtcp_report_interval_audio(REPORT_EVERY)
        .set_rtcp_report_interval_video(REPORT_EVERY)
        .set_reordering_timeout_audio(Some(REORDER_SOUND))
        .enable_bwe(estimation)
        .clear_codecs()
        .clear_extension_map()
        .set_extension(4, Extension::RtpMid);
    if estimation.is_some() {
        rtc = rtc.set_extension(3, Extension::TransportSequenceNumber);
    }
    let codecs = rtc.codec_config();
    codecs.add_config(
        payloads.opus.into(),
        None,
        Codec::Opus,
        Frequency::FORTY_EIGHT_KHZ,
        Some(2),
        FormatParams {
            min_p_time: Some(10),
            use_inband_fec: Some(true),
            ..FormatParams::default()
        },
    );
    codecs.add_h264(
        payloads.h264.into(),
        payloads.resend.map(Into::into),
        true,
        payloads.profile,
    );
    rtc
}
