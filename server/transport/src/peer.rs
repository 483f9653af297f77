//! One connection: the only file that knows the WebRTC library, together with
//! the routing of datagrams in [`crate::core`].

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media::{Packet, Track};
use rand::Rng;
use str0m::bwe::{Bitrate, BweKind};
use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Frequency, MediaTime as RtpTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Ssrc;
use str0m::{Candidate, Input, Output, Rtc, RtcConfig};

use crate::clock::{Clock, rate};
use crate::doorbell::lock;
use crate::error::{BindError, FragmentError, OfferError};
use crate::sdp::{self, Credentials, Fragment, Offer};
use crate::viewer::{Reason, Slot, ViewerSettings};

/// Sent packets that can be sent again, per track: two seconds of 1.5 Mbit/s.
const RESEND_PACKETS: usize = 512;

/// How long a packet can be sent again. A player waits for a lost packet for
/// less than this before it asks for a key frame.
const RESEND_AGE: Duration = Duration::from_millis(1_500);

/// Retransmitted share of all bytes of the last second, at most. 10 % loss
/// needs about 11 %, 20 % needs 20 %; above that the path is full and
/// repeating makes it fuller, so requests are dropped and the player comes
/// back with a key frame request.
const RESEND_SHARE: f32 = 0.3;

/// Sender reports of both tracks. A player aligns sound and picture from the
/// second report on, so the usual 5 s for sound would show as 5 s of skew.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// How often the statistics are taken.
const STATS_EVERY: Duration = Duration::from_secs(1);

/// Least time between two requests for a key frame.
const KEY_EVERY: Duration = Duration::from_millis(250);

/// Rounds of the library without progress in time before it is given a rest.
/// A large key frame takes some hundred.
const MOST_ROUNDS: usize = 10_000;

/// That rest.
const REST: Duration = Duration::from_millis(5);

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
    /// Where datagrams arrive: the addresses of the socket.
    pub local: Vec<SocketAddr>,
    /// What viewers are told to send to.
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

/// A datagram to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// One track on its way to the player.
struct Line {
    mid: Mid,
    payload: u8,
    ssrc: Ssrc,
    resend: Option<Ssrc>,
    flowing: bool,
}

/// One connection.
pub(crate) struct Peer {
    rtc: Rtc,
    offer: Offer,
    remote: Credentials,
    ufrag: String,
    /// Most that is estimated, if anything is.
    estimation: Option<u32>,
    audio: Line,
    video: Line,
    clock: Clock,
    slot: Arc<Mutex<Slot>>,
    began: Instant,
    heard: Instant,
    connected: bool,
    key_asked: Option<Instant>,
    key_pending: bool,
    /// When the library wants to be called again.
    next: Instant,
    limits: (Duration, Duration),
}

impl Peer {
    /// Answers an offer.
    pub(crate) fn accept(
        now: Instant,
        config: &Config,
        rng: &mut impl Rng,
        text: &str,
        settings: &ViewerSettings,
    ) -> Result<(String, Self), OfferError> {
        let offer = Offer::parse(text)?;
        let remote = offer.ice.clone();
        let mut rtc = build(config, &offer).build(now);
        for address in &config.local {
            let candidate = Candidate::host(*address, "udp").map_err(refused)?;
            rtc.add_local_candidate(candidate);
        }
        if let Some(estimation) = config.estimation {
            let most = Bitrate::from(u64::from(estimation.most));
            rtc.bwe().set_desired_bitrate(most);
        }
        let estimate = config.estimation.is_some();
        let canonical = offer.canonical(&remote, estimate);
        let canonical = SdpOffer::from_sdp_string(&canonical).map_err(refused)?;
        rtc.sdp_api().accept_offer(canonical).map_err(refused)?;

        let (audio, sound) = line(&mut rtc, &offer.audio.mid, offer.audio.payload)?;
        let (video, picture) = line(&mut rtc, &offer.video.mid, offer.video.payload)?;
        let fingerprint = rtc.direct_api().local_dtls_fingerprint().to_string();
        let ice = local_credentials(&mut rtc);
        let stream: String = settings
            .stream
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
            .take(64)
            .collect();
        let answer = sdp::answer(
            &offer,
            &sdp::Local {
                // 62 bits, which is what all players can read.
                session: rng.random::<u64>() >> 2,
                ice: &ice,
                fingerprint: &fingerprint,
                addresses: &config.advertised,
                stream: if stream.is_empty() {
                    "visavis"
                } else {
                    &stream
                },
                estimate,
                audio: &sound,
                video: &picture,
            },
        );
        let peer = Self {
            rtc,
            remote,
            ufrag: ice.ufrag,
            estimation: config.estimation.map(|e| e.most),
            audio,
            video,
            clock: Clock::new(rng),
            slot: Arc::default(),
            began: now,
            heard: now,
            connected: false,
            key_asked: None,
            key_pending: false,
            next: now,
            limits: (config.connect_within, config.vanished_after),
            offer,
        };
        Ok((answer, peer))
    }

    /// What the session sees of this connection.
    pub(crate) fn slot(&self) -> &Arc<Mutex<Slot>> {
        &self.slot
    }

    /// The name of this side in the present ICE session.
    pub(crate) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Whether a datagram belongs here. Checks the integrity of STUN.
    pub(crate) fn accepts(
        &self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> bool {
        Receive::new(Protocol::Udp, from, to, bytes)
            .is_ok_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// Takes a datagram.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Reason> {
        // Whatever is no STUN, DTLS, RTP or RTCP is not for us.
        let Ok(receive) = Receive::new(Protocol::Udp, from, to, bytes) else {
            return Ok(());
        };
        self.heard = now;
        self.rtc
            .handle_input(Input::Receive(now, receive))
            .map_err(failed)
    }

    /// Sends a packet.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        packet: &Packet,
        out: &mut Vec<Datagram>,
    ) -> Result<(), Reason> {
        if !self.connected {
            return Ok(());
        }
        self.start(packet.track);
        let stamp = self.clock.stamp(now, packet.track, packet.pts);
        let line = match packet.track {
            Track::Audio => &self.audio,
            Track::Video => &self.video,
        };
        let Some(frequency) = Frequency::new(rate(packet.track)) else {
            return Ok(());
        };
        let Some(writer) = self.rtc.writer(line.mid) else {
            return Ok(());
        };
        let time = RtpTime::new(stamp.rtp, frequency);
        writer
            .write(line.payload.into(), stamp.wall, time, packet.data.as_ref())
            .map_err(failed)?;
        lock(&self.slot).stats.units_sent += 1;
        self.rtc.handle_input(Input::Timeout(now)).map_err(failed)?;
        self.drain(now, out)
    }

    /// Declares the RTP sender of a track, when its first packet is at hand. A
    /// sender that exists before has sender reports with RTP time 0, which
    /// spoil the player's alignment for its first seconds.
    fn start(&mut self, track: Track) {
        let line = match track {
            Track::Audio => &mut self.audio,
            Track::Video => &mut self.video,
        };
        if line.flowing {
            return;
        }
        line.flowing = true;
        let mut direct = self.rtc.direct_api();
        let sender = direct.declare_stream_tx(line.ssrc, line.resend, line.mid, None);
        sender.set_rtx_cache(RESEND_PACKETS, RESEND_AGE, Some(RESEND_SHARE));
        sender.set_unpaced(true);
    }

    /// Lets time pass and gives the moment of the next call. An error ends the
    /// connection.
    pub(crate) fn advance(&mut self, now: Instant, out: &mut Vec<Datagram>) -> Result<(), Reason> {
        self.rtc.handle_input(Input::Timeout(now)).map_err(failed)?;
        self.drain(now, out)?;
        if self.key_pending {
            self.want_key(now);
        }
        let (connect, vanish) = self.limits;
        if !self.connected && now >= self.began + connect {
            Err(Reason::NeverConnected)
        } else if self.connected && now >= self.heard + vanish {
            Err(Reason::Timeout)
        } else if self.rtc.is_alive() {
            Ok(())
        } else {
            Err(Reason::Failed)
        }
    }

    /// Collects what the library wants to send and say.
    pub(crate) fn drain(&mut self, now: Instant, out: &mut Vec<Datagram>) -> Result<(), Reason> {
        for _ in 0..MOST_ROUNDS {
            match self.rtc.poll_output().map_err(failed)? {
                Output::Timeout(at) if at > now => {
                    self.next = at;
                    return Ok(());
                }
                Output::Timeout(_) => {
                    self.rtc.handle_input(Input::Timeout(now)).map_err(failed)?;
                }
                Output::Transmit(transmit) => {
                    let bytes: Vec<u8> = transmit.contents.into();
                    let mut slot = lock(&self.slot);
                    slot.stats.packets_sent += 1;
                    slot.stats.bytes_sent += bytes.len() as u64;
                    out.push(Datagram {
                        from: transmit.source,
                        to: transmit.destination,
                        bytes,
                    });
                }
                Output::Event(event) => self.event(now, event)?,
            }
        }
        tracing::warn!("a connection was given a rest: it would not stop");
        self.next = now + REST;
        Ok(())
    }

    /// When [`Peer::advance`] is due.
    pub(crate) fn due(&self) -> Instant {
        let (connect, vanish) = self.limits;
        let limit = if self.connected {
            self.heard + vanish
        } else {
            self.began + connect
        };
        let key = self.key_pending.then_some(self.key_asked).flatten();
        let key = key.map_or(limit, |asked| asked + KEY_EVERY);
        self.next.min(limit).min(key)
    }

    fn event(&mut self, now: Instant, event: str0m::Event) -> Result<(), Reason> {
        use str0m::Event as E;
        match event {
            E::Connected if !self.connected => {
                self.connected = true;
                self.key_asked = Some(now);
                lock(&self.slot).connected(now - self.began);
            }
            E::KeyframeRequest(_) => {
                lock(&self.slot).stats.key_requests += 1;
                self.want_key(now);
            }
            E::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                if let Some(most) = self.estimation {
                    let rate = u32::try_from(estimate.as_u64()).unwrap_or(most);
                    lock(&self.slot).estimate(rate.min(most));
                }
            }
            E::PeerStats(stats) => {
                let mut slot = lock(&self.slot);
                slot.stats.rtt = stats.rtt.or(slot.stats.rtt);
            }
            E::MediaEgressStats(stats) if stats.mid == self.video.mid => {
                let mut slot = lock(&self.slot);
                slot.stats.nacks = stats.nacks;
                slot.stats.rtt = stats.rtt.or(slot.stats.rtt);
            }
            // The library mixes the reports on pictures with those on their
            // retransmissions; sound has none and takes the same path.
            E::MediaEgressStats(stats) if stats.mid == self.audio.mid => {
                let mut slot = lock(&self.slot);
                slot.stats.loss = stats.loss.or(slot.stats.loss);
            }
            E::Closed => return Err(Reason::Remote),
            _ => {}
        }
        Ok(())
    }

    fn want_key(&mut self, now: Instant) {
        let allowed = self.key_asked.is_none_or(|asked| now >= asked + KEY_EVERY);
        self.key_pending = !allowed;
        if allowed {
            self.key_asked = Some(now);
            lock(&self.slot).want_key();
        }
    }

    /// Checks further candidates of the player.
    pub(crate) fn trickle(&self, fragment: &str) -> Result<(), FragmentError> {
        let fragment = Fragment::parse(fragment)?;
        if fragment.is_for(&self.remote.ufrag) {
            tracing::debug!(candidates = fragment.candidates, "candidates set aside");
            Ok(())
        } else {
            Err(FragmentError::OtherSession)
        }
    }

    /// Begins a new ICE session and gives the fragment to answer with.
    pub(crate) fn restart_ice(
        &mut self,
        now: Instant,
        fragment: &str,
        addresses: &[SocketAddr],
    ) -> Result<String, FragmentError> {
        let ice = Fragment::parse(fragment)?.credentials()?;
        if ice.ufrag == self.remote.ufrag {
            return Err(FragmentError::NotARestart);
        }
        let broken = |error: &dyn std::fmt::Display| FragmentError::Malformed(error.to_string());
        let canonical = self.offer.canonical(&ice, self.estimation.is_some());
        let canonical = SdpOffer::from_sdp_string(&canonical).map_err(|e| broken(&e))?;
        // The library makes senders where there are none; these exist already,
        // or will with the first packet.
        for line in [&self.audio, &self.video] {
            let mut direct = self.rtc.direct_api();
            direct.declare_stream_tx(line.ssrc, line.resend, line.mid, None);
        }
        let accepted = self.rtc.sdp_api().accept_offer(canonical);
        for line in [&self.audio, &self.video] {
            if !line.flowing {
                self.rtc.direct_api().remove_stream_tx(line.ssrc);
            }
        }
        accepted.map_err(|e| broken(&e))?;
        self.remote = ice;
        self.heard = now;
        let ice = local_credentials(&mut self.rtc);
        self.ufrag.clone_from(&ice.ufrag);
        Ok(sdp::restart(&self.offer, &ice, addresses))
    }

    /// Tells the player that this is the end.
    pub(crate) fn close(&mut self, now: Instant, out: &mut Vec<Datagram>) {
        // A player that cannot be told any more finds out by itself.
        let told = self.rtc.close().map_err(failed);
        let _ = told.and_then(|()| self.drain(now, out));
    }
}

fn build(config: &Config, offer: &Offer) -> RtcConfig {
    let estimation = config.estimation.map(|e| Bitrate::from(u64::from(e.start)));
    let mut rtc = Rtc::builder()
        .set_ice_lite(true)
        .set_dtls_cert(config.certificate.clone())
        .set_stats_interval(Some(STATS_EVERY))
        .set_rtcp_report_interval_audio(REPORT_EVERY)
        .set_rtcp_report_interval_video(REPORT_EVERY)
        .enable_bwe(estimation)
        .clear_codecs();
    let codecs = rtc.codec_config();
    codecs.add_config(
        offer.audio.payload.into(),
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
        offer.video.payload.into(),
        offer.video.resend.map(Into::into),
        true,
        offer.video.profile.unwrap_or_default(),
    );
    rtc
}

/// Takes the sender that the library made for a section off again, until
/// there is something to send ([`Peer::start`]).
fn line(rtc: &mut Rtc, mid: &str, payload: u8) -> Result<(Line, sdp::Sender), OfferError> {
    let mid = Mid::from(mid);
    let media = rtc
        .media(mid)
        .ok_or_else(|| refused("a section was lost"))?;
    if !media.remote_pts().contains(&payload.into()) {
        return Err(refused("a payload type was lost"));
    }
    let cname = media.cname().to_owned();
    let mut direct = rtc.direct_api();
    let sender = direct
        .stream_tx_by_mid(mid, None)
        .ok_or_else(|| refused("a section cannot be sent to"))?;
    let (ssrc, resend) = (sender.ssrc(), sender.rtx());
    direct.remove_stream_tx(ssrc);
    let line = Line {
        mid,
        payload,
        ssrc,
        resend,
        flowing: false,
    };
    let sender = sdp::Sender {
        ssrc: *ssrc,
        resend: resend.map(|s| *s),
        cname,
    };
    Ok((line, sender))
}

fn local_credentials(rtc: &mut Rtc) -> Credentials {
    let ice = rtc.direct_api().local_ice_credentials();
    Credentials {
        ufrag: ice.ufrag,
        pwd: ice.pass,
    }
}

fn refused(error: impl std::fmt::Display) -> OfferError {
    OfferError::Malformed(error.to_string())
}

#[allow(clippy::needless_pass_by_value)] // The shape of `map_err`.
fn failed(error: str0m::RtcError) -> Reason {
    tracing::info!(%error, "a connection failed");
    Reason::Failed
}
