//! Offers and answers of one connection.

use std::time::Instant;

use rand::Rng;
use str0m::bwe::Bitrate;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, Reliability};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{Candidate, Rtc};

use crate::config::{Config, Payloads, Place, build};
use crate::error::{AnswerError, FragmentError, OfferError};
use crate::link::{Answer, Heard, LinkSettings, Tracks};
use crate::peer::{Line, Peer};
use crate::sdp::{self, Choice, Credentials, Description, Fragment, Kind, Known, ReadError, Use};
use crate::viewer::ViewerSettings;

/// What is wanted of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub link: LinkSettings,
    /// Whether both tracks must find a section in the first offer.
    pub complete: bool,
    /// Whether data channels are taken.
    pub data: bool,
}

impl From<&LinkSettings> for Wanted {
    fn from(settings: &LinkSettings) -> Self {
        let mut link = settings.clone();
        link.send = link.send.map(|tracks| Tracks {
            stream: token(&tracks.stream, "visavis"),
            audio: token(&tracks.audio, "audio"),
            video: token(&tracks.video, "video"),
        });
        Self {
            link,
            complete: false,
            data: true,
        }
    }
}

impl From<&ViewerSettings> for Wanted {
    fn from(settings: &ViewerSettings) -> Self {
        let link = LinkSettings {
            send: Some(Tracks {
                stream: settings.stream.clone(),
                audio: "audio".to_owned(),
                video: "video".to_owned(),
            }),
            ..LinkSettings::default()
        };
        Self {
            complete: true,
            data: false,
            ..Self::from(&link)
        }
    }
}

/// The token characters of a name (RFC 8830 §2: 1 to 64 of them).
fn token(name: &str, empty: &str) -> String {
    let is_token = |c: &char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}".contains(*c);
    let name: String = name.chars().filter(is_token).take(64).collect();
    if name.is_empty() {
        empty.to_owned()
    } else {
        name
    }
}

/// What is negotiated, up to now.
pub(crate) struct Negotiated {
    pub wanted: Wanted,
    place: Place,
    payloads: Payloads,
    /// Most that is estimated, if anything is.
    pub estimation: Option<u32>,
    /// What the far side said last.
    far: Option<Description>,
    /// How the sections of its last offer are used.
    uses: Vec<Option<Use>>,
    known: Vec<Known>,
    /// The section whose sound is heard.
    pub heard: Option<Mid>,
    /// Whether this side begins the DTLS handshake.
    active: bool,
    session: u64,
    version: u64,
    pending: Option<SdpPendingOffer>,
}

/// What an offer will lead to.
struct Plan {
    known: Vec<Known>,
    uses: Vec<Option<Use>>,
    audio: Option<String>,
    video: Option<String>,
    heard: Option<String>,
}

impl Peer {
    /// Answers a first offer.
    pub(crate) fn accept(
        now: Instant,
        config: &Config,
        rng: &mut impl Rng,
        text: &str,
        wanted: Wanted,
        place: Place,
    ) -> Result<(Answer, Self), OfferError> {
        let far = Description::parse(text)?;
        let payloads = Payloads::of(&far);
        let mut peer = Self::begin(now, config, rng, wanted, place, payloads)?;
        peer.talks.active = far.is_passive();
        peer.open_channels();
        let answer = peer.answer(now, far)?;
        Ok((answer, peer))
    }

    /// Makes a first offer.
    pub(crate) fn offer(
        now: Instant,
        config: &Config,
        rng: &mut impl Rng,
        wanted: Wanted,
        place: Place,
    ) -> Result<(String, Self), OfferError> {
        let mut peer = Self::begin(now, config, rng, wanted, place, Payloads::OURS)?;
        let settings = peer.talks.wanted.link.clone();
        let mut changes = peer.rtc.sdp_api();
        if let Some(Tracks {
            stream,
            audio,
            video,
        }) = settings.send
        {
            for (kind, track) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
                let stream = Some(stream.clone());
                changes.add_media(kind, Direction::SendOnly, stream, Some(track), None);
            }
        }
        for channel in settings.channels {
            changes.add_channel_with_config(channel_config(channel));
        }
        let Some((offer, pending)) = changes.apply() else {
            return Err(refused("there is nothing to offer"));
        };
        peer.talks.pending = Some(pending);
        let text = sdp::offer(&offer.to_sdp_string(), &peer.talks.place.told);
        // Read back for what the library chose.
        for section in Description::parse(&text)?.sections {
            peer.talks.known.push(Known {
                mid: section.mid.unwrap_or_default(),
                kind: section.kind,
                choice: section.codec.ok(),
                does: Use::default(),
            });
        }
        Ok((text, peer))
    }

    fn begin(
        now: Instant,
        config: &Config,
        rng: &mut impl Rng,
        wanted: Wanted,
        place: Place,
        payloads: Payloads,
    ) -> Result<Self, OfferError> {
        let mut rtc = build(config, &place, payloads).build(now);
        for address in &place.local {
            let candidate = Candidate::host(*address, "udp").map_err(refused)?;
            rtc.add_local_candidate(candidate);
        }
        if let Some(estimation) = config.estimation {
            let most = Bitrate::from(u64::from(estimation.most));
            rtc.bwe().set_desired_bitrate(most);
        }
        let vanished_after = wanted.link.vanished_after;
        let limits = (
            config.connect_within,
            vanished_after.unwrap_or(config.vanished_after),
        );
        let talks = Negotiated {
            wanted,
            place,
            payloads,
            estimation: config.estimation.map(|e| e.most),
            far: None,
            uses: Vec::new(),
            known: Vec::new(),
            heard: None,
            active: false,
            // 62 bits, which is what all players can read.
            session: rng.random::<u64>() >> 2,
            version: 1,
            pending: None,
        };
        Ok(Self::new(now, rtc, rng, talks, limits))
    }

    /// Channels for a connection whose offer came from the far side: they open
    /// as soon as SCTP does.
    fn open_channels(&mut self) {
        for channel in self.talks.wanted.link.channels.clone() {
            self.rtc
                .direct_api()
                .create_data_channel(channel_config(channel));
        }
    }

    /// Answers a further offer.
    pub(crate) fn renegotiate(&mut self, now: Instant, text: &str) -> Result<Answer, OfferError> {
        let far = Description::parse(text)?;
        if far.sections.len() < self.talks.uses.len() {
            return Err(OfferError::Malformed(
                "it has fewer sections than the one before".to_owned(),
            ));
        }
        self.answer(now, far)
    }

    fn answer(&mut self, now: Instant, far: Description) -> Result<Answer, OfferError> {
        let plan = self.plan(&far)?;
        self.apply(&far, &far.ice, &plan.known)?;
        self.take_lines(&plan)?;
        self.add_candidates(&far.candidates);
        if self
            .talks
            .far
            .as_ref()
            .is_some_and(|old| old.ice != far.ice)
        {
            self.last_heard = now;
        }
        let talks = &mut self.talks;
        talks.known = plan.known;
        talks.uses = plan.uses;
        talks.heard = plan.heard.as_deref().map(Mid::from);
        talks.version += 1;
        let ice = local_credentials(&mut self.rtc);
        self.ufrag.clone_from(&ice.ufrag);
        let fingerprint = self.rtc.direct_api().local_dtls_fingerprint().to_string();
        let sender = |line: &Option<Line>| line.as_ref().map(|l| l.sender.clone());
        let text = sdp::answer(
            &far,
            &sdp::Local {
                session: self.talks.session,
                version: self.talks.version,
                ice: &ice,
                lite: self.talks.place.lite,
                fingerprint: &fingerprint,
                addresses: &self.talks.place.told,
                active: self.talks.active,
                estimate: self.talks.estimation.is_some(),
                uses: &self.talks.uses,
                audio: sender(&self.audio).as_ref(),
                video: sender(&self.video).as_ref(),
            },
        );
        let mut heard: Vec<Heard> = far
            .sections
            .iter()
            .filter(|s| s.kind == Kind::Audio && s.is_usable() && s.sends)
            .filter_map(|section| {
                let (stream, track) = section.msid.clone().unwrap_or_default();
                Some(Heard {
                    mid: section.mid.clone()?,
                    stream,
                    track,
                })
            })
            .collect();
        heard.sort_by_key(|h| Some(&h.mid) != plan.heard.as_ref());
        self.talks.far = Some(far);
        Ok(Answer {
            sdp: text,
            audio: plan.audio,
            video: plan.video,
            heard,
        })
    }

    /// Decides what becomes of each section of an offer.
    fn plan(&self, far: &Description) -> Result<Plan, OfferError> {
        let talks = &self.talks;
        let wanted = &talks.wanted;
        let mut lines =
            [&self.audio, &self.video].map(|line| line.as_ref().map(|line| line.mid.to_string()));
        if wanted.link.send.is_some() {
            for (line, kind) in lines.iter_mut().zip([Kind::Audio, Kind::Video]) {
                if line.is_none() {
                    match far.receiving(kind) {
                        Ok((mid, _)) => *line = Some(mid.to_owned()),
                        Err(OfferError::NotReceiving { .. }) if !wanted.complete => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        let heard = talks.heard.map(|mid| mid.to_string());
        let sound = |s: &&sdp::Section| s.kind == Kind::Audio && s.is_usable() && s.sends;
        let heard = heard.filter(|mid| far.section(mid).as_ref().is_some_and(sound));
        let mut sounds = far.sections.iter().filter(sound);
        let heard = match heard {
            Some(mid) => Some(mid),
            None if wanted.link.hear => sounds.next().and_then(|s| s.mid.clone()),
            None => None,
        };
        let mut channels = far.sections.iter().filter(|s| s.kind == Kind::Data);
        let data = channels.find(|s| wanted.data && s.is_usable());
        let data = data.and_then(|s| s.mid.as_deref());

        let [audio, video] = &lines;
        let mut known = talks.known.clone();
        for section in &mut known {
            section.does = Use::default();
        }
        let mut uses = Vec::new();
        for section in &far.sections {
            let mid = section.mid.as_deref();
            let is = |other: &Option<String>| mid.is_some() && mid == other.as_deref();
            let does = Use {
                send: (is(audio) || is(video)) && section.receives,
                hear: is(&heard),
                data: section.kind == Kind::Data,
            };
            let refused =
                !section.is_usable() || does.data && mid != data || !self.fits(section, does);
            uses.push((!refused).then_some(does));
            let Some(mid) = mid.filter(|_| !refused) else {
                continue;
            };
            if let Some(section) = known.iter_mut().find(|k| k.mid == mid) {
                section.does = does;
            } else if does != Use::default() {
                let choice = section.codec.clone().ok().map(|choice| Choice {
                    // One for the connection, whatever a section says.
                    profile: choice.profile.map(|_| talks.payloads.profile),
                    ..choice
                });
                known.push(Known {
                    mid: mid.to_owned(),
                    kind: section.kind,
                    choice,
                    does,
                });
            }
        }
        if known.is_empty() {
            return Err(refused("nothing in it can be used"));
        }
        check_payloads(&known)?;
        let sends = |mid: &Option<String>| {
            mid.clone()
                .filter(|mid| known.iter().any(|k| k.mid == *mid && k.does.send))
        };
        Ok(Plan {
            audio: sends(audio),
            video: sends(video),
            heard,
            known,
            uses,
        })
    }

    /// Whether a section that is to be used keeps to the payload types of the
    /// connection.
    fn fits(&self, section: &sdp::Section, does: Use) -> bool {
        let Ok(choice) = &section.codec else {
            return true;
        };
        let mut same = self.talks.known.iter().filter(|k| k.kind == section.kind);
        let first = same.find_map(|k| k.choice.as_ref());
        does == Use::default() || first.is_none_or(|first| first.payload == choice.payload)
    }

    /// Gives an offer of the far side to the library.
    fn apply(
        &mut self,
        far: &Description,
        ice: &Credentials,
        known: &[Known],
    ) -> Result<(), OfferError> {
        let canonical = sdp::canonical(far, ice, known, self.talks.estimation.is_some());
        let canonical = SdpOffer::from_sdp_string(&canonical).map_err(refused)?;
        let accepted = self.declared(|rtc| rtc.sdp_api().accept_offer(canonical));
        accepted.map(|_| ()).map_err(refused)
    }

    /// Runs a negotiation with the senders that exist, or will with the first
    /// packet, declared: the library makes new ones where there are none.
    fn declared<T>(&mut self, work: impl FnOnce(&mut Rtc) -> T) -> T {
        let lines = || [&self.audio, &self.video].into_iter().flatten();
        for line in lines() {
            let mut direct = self.rtc.direct_api();
            direct.declare_stream_tx(line.ssrc, line.resend, line.mid, None);
        }
        let result = work(&mut self.rtc);
        for line in lines() {
            if !line.flowing {
                self.rtc.direct_api().remove_stream_tx(line.ssrc);
            }
        }
        result
    }

    /// Takes the senders that the library made off again, until there is
    /// something to send ([`Peer::write`]); notes those of our tracks.
    fn take_lines(&mut self, plan: &Plan) -> Result<(), OfferError> {
        for section in &plan.known {
            let (Some(choice), true) = (&section.choice, section.does.send || section.does.hear)
            else {
                continue;
            };
            let is_ours = section.does.send;
            let place = match section.kind {
                Kind::Audio => &mut self.audio,
                _ => &mut self.video,
            };
            if is_ours && place.is_some() {
                continue;
            }
            let made = made_sender(&mut self.rtc, &section.mid, choice.payload)?;
            if is_ours {
                let tracks = self.talks.wanted.link.send.as_ref();
                *place = Some(Line::new(made, section.kind, choice.payload, tracks));
            }
        }
        Ok(())
    }

    /// Takes the answer to our offer.
    pub(crate) fn take_answer(&mut self, now: Instant, text: &str) -> Result<Answer, AnswerError> {
        if self.talks.pending.is_none() {
            return Err(AnswerError::Unexpected);
        }
        let broken = |error: &dyn std::fmt::Display| AnswerError::Malformed(error.to_string());
        let far = Description::parse(text)?;
        if !far.has_role() {
            return Err(broken(&"a=setup must be active or passive"));
        }
        let mut known = self.talks.known.clone();
        for section in &mut known {
            let answered = far.section(&section.mid);
            let answered = answered.ok_or_else(|| broken(&"a section is missing"))?;
            if answered.kind != section.kind {
                return Err(broken(&"a section is of another kind"));
            }
            let fine = answered.flaw.is_none();
            section.does = Use {
                send: fine && section.kind != Kind::Data && answered.receives,
                hear: false,
                data: fine && section.kind == Kind::Data,
            };
            match &answered.codec {
                Ok(choice) => section.choice = Some(choice.clone()),
                Err(_) => section.does.send = false,
            }
        }
        check_payloads(&known)?;
        let canonical = sdp::canonical(&far, &far.ice, &known, self.talks.estimation.is_some());
        let answer = SdpAnswer::from_sdp_string(&canonical).map_err(|e| broken(&e))?;
        let pending = self.talks.pending.take().ok_or(AnswerError::Unexpected)?;
        self.declared(|rtc| rtc.sdp_api().accept_answer(pending, answer))
            .map_err(|e| broken(&e))?;
        let mid = |kind: Kind| {
            let of_kind = known.iter().find(|k| k.kind == kind && k.does.send);
            of_kind.map(|k| k.mid.clone())
        };
        let plan = Plan {
            uses: Vec::new(),
            audio: mid(Kind::Audio),
            video: mid(Kind::Video),
            heard: None,
            known,
        };
        self.take_lines(&plan).map_err(|e| broken(&e))?;
        self.add_candidates(&far.candidates);
        self.talks.known = plan.known;
        self.talks.far = Some(far);
        self.ufrag = local_credentials(&mut self.rtc).ufrag;
        self.last_heard = now;
        Ok(Answer {
            sdp: String::new(),
            audio: plan.audio,
            video: plan.video,
            heard: Vec::new(),
        })
    }

    /// Offers the connection anew, with new ICE credentials.
    pub(crate) fn offer_restart(&mut self) -> Option<String> {
        let offered = self.declared(|rtc| {
            let mut changes = rtc.sdp_api();
            changes.ice_restart(true);
            changes.apply()
        });
        let (offer, pending) = offered?;
        self.talks.pending = Some(pending);
        Some(sdp::offer(&offer.to_sdp_string(), &self.talks.place.told))
    }

    /// Checks further candidates of a player.
    pub(crate) fn trickle(&self, fragment: &str) -> Result<(), FragmentError> {
        let fragment = Fragment::parse(fragment)?;
        if fragment.is_for(&self.far()?.ice.ufrag) {
            tracing::debug!(candidates = fragment.candidates, "candidates set aside");
            Ok(())
        } else {
            Err(FragmentError::OtherSession)
        }
    }

    fn far(&self) -> Result<&Description, FragmentError> {
        self.talks.far.as_ref().ok_or(FragmentError::OtherSession)
    }

    /// Begins a new ICE session and gives the fragment to answer with.
    pub(crate) fn restart_ice(
        &mut self,
        now: Instant,
        fragment: &str,
    ) -> Result<String, FragmentError> {
        let ice = Fragment::parse(fragment)?.credentials()?;
        let far = self.far()?;
        if ice.ufrag == far.ice.ufrag {
            return Err(FragmentError::NotARestart);
        }
        let (mut far, known) = (far.clone(), self.talks.known.clone());
        self.apply(&far, &ice, &known)
            .map_err(|error| FragmentError::Malformed(error.to_string()))?;
        far.ice = ice;
        self.last_heard = now;
        let ice = local_credentials(&mut self.rtc);
        self.ufrag.clone_from(&ice.ufrag);
        let answer = sdp::restart(&far, &self.talks.uses, &ice, &self.talks.place.told);
        self.talks.far = Some(far);
        Ok(answer)
    }

    /// Takes one candidate of the far side.
    pub(crate) fn add_candidate(&mut self, text: &str) -> Result<(), FragmentError> {
        let text = text.strip_prefix("a=").unwrap_or(text);
        let value = text.strip_prefix("candidate:").unwrap_or(text);
        if value.split(' ').nth(6) != Some("typ") {
            return Err(FragmentError::Malformed("a=candidate".to_owned()));
        }
        self.add_candidates(&[value.to_owned()]);
        Ok(())
    }

    fn add_candidates(&mut self, values: &[String]) {
        if self.talks.place.lite {
            return;
        }
        for candidate in values.iter().filter_map(|value| candidate(value)) {
            self.rtc.add_remote_candidate(candidate);
        }
    }
}

/// A candidate that can be tried. What stands in it beyond the address does
/// not matter to the order of checks towards a server.
fn candidate(value: &str) -> Option<Candidate> {
    let words: Vec<&str> = value.split(' ').take(8).collect();
    let [_, component, protocol, priority, ip, port, "typ", _] = words[..] else {
        return None;
    };
    let priority: u32 = priority.parse().ok()?;
    let address = std::net::SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
    if component != "1" || !protocol.eq_ignore_ascii_case("udp") || address.port() == 0 {
        return None;
    }
    Candidate::from_sdp_string(&format!(
        "candidate:1 1 udp {priority} {} {} typ host",
        address.ip(),
        address.port()
    ))
    .ok()
}

fn check_payloads(known: &[Known]) -> Result<(), ReadError> {
    let of = |kind: Kind| {
        let of_kind = known.iter().filter(move |k| k.kind == kind);
        let mut all: Vec<u8> = of_kind
            .filter_map(|k| k.choice.as_ref())
            .flat_map(Choice::payloads)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let (audio, video) = (of(Kind::Audio), of(Kind::Video));
    let own = known.iter().filter_map(|k| k.choice.as_ref());
    let doubled = own.filter(|c| c.resend == Some(c.payload)).count() > 0;
    if doubled || audio.iter().any(|pt| video.contains(pt)) {
        return Err(ReadError::Malformed(
            "a payload type has two meanings".to_owned(),
        ));
    }
    Ok(())
}

/// The sender that the library made for a section, which is taken off.
pub(crate) struct Made {
    pub mid: Mid,
    pub ssrc: str0m::rtp::Ssrc,
    pub resend: Option<str0m::rtp::Ssrc>,
    pub cname: String,
}

fn made_sender(rtc: &mut Rtc, mid: &str, payload: u8) -> Result<Made, OfferError> {
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
    Ok(Made {
        mid,
        ssrc,
        resend,
        cname,
    })
}

fn channel_config(channel: crate::link::Channel) -> ChannelConfig {
    ChannelConfig {
        label: channel.label,
        ordered: channel.ordered,
        reliability: match channel.retransmits {
            Some(retransmits) => Reliability::MaxRetransmits { retransmits },
            None => Reliability::Reliable,
        },
        ..ChannelConfig::default()
    }
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
