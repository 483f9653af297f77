//! Offers and answers of one connection.

mod lines;
mod plan;

use std::time::Instant;

use rand::Rng;
use str0m::bwe::Bitrate;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, Reliability};
use str0m::media::Mid;
use str0m::{Candidate, Rtc};

use crate::config::{Config, Payloads, Place, build};
use crate::error::{AnswerError, FragmentError, OfferError};
use crate::link::{Answer, LinkSettings, Tracks};
use crate::peer::{Peer, Source};
use crate::relay::Taken;
use crate::sdp::{self, Credentials, Description, Fragment, Kind, Known, Use};

use crate::viewer::ViewerSettings;
pub(crate) use lines::{Made, Renewed};
use lines::{add_media, named};
use plan::{OWN, Plan, check_payloads};

/// What is wanted of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub link: LinkSettings,
    /// Whether both tracks must find a section in the first offer; the sound
    /// alone, if it has none for pictures.
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
        link.relays = link.relays.into_iter().map(named).collect();
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
    /// The tracks of the far side that can be passed on.
    pub taken: Vec<Taken>,
    /// Whether this side begins the DTLS handshake.
    active: bool,
    session: u64,
    version: u64,
    pending: Option<SdpPendingOffer>,
    /// Whether that offer has new ICE credentials.
    restarts: bool,
    /// What is to be sent in the sections of that offer.
    offered: Vec<(String, Source)>,
    /// Those of them that had another track before.
    renewed: Vec<Renewed>,
    /// Sections of our offers that have had more than one track.
    reused: Vec<String>,
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
        let own = settings.send.iter().flat_map(|_| OWN).map(Source::Own);
        let relays = settings.relays.into_iter().map(Source::Relay);
        let mut changes = peer.rtc.sdp_api();
        for source in own.chain(relays) {
            let mid = add_media(&mut changes, &source, settings.send.as_ref());
            peer.talks.offered.push((mid, source));
        }
        for channel in settings.channels {
            changes.add_channel_with_config(channel_config(channel));
        }
        let Some((offer, pending)) = changes.apply() else {
            return Err(refused("there is nothing to offer"));
        };
        let text = peer.propose(&offer, pending)?;
        Ok((text, peer))
    }

    /// Notes an offer of the library and gives it as it is sent.
    fn propose(
        &mut self,
        offer: &SdpOffer,
        pending: SdpPendingOffer,
    ) -> Result<String, OfferError> {
        self.rest_renewed();
        let told = &self.talks.place.told;
        let text = sdp::offer(&offer.to_sdp_string(), told, &self.renames());
        // Read back for what the library chose.
        let sections = Description::parse(&text)?.sections;
        self.talks.pending = Some(pending);
        let mut known = Vec::new();
        for section in sections {
            let mid = section.mid.unwrap_or_default();
            let old = self.talks.known.iter().find(|known| known.mid == mid);
            known.push(old.cloned().unwrap_or(Known {
                mid,
                kind: section.kind,
                choice: section.codec.ok(),
                does: Use::default(),
            }));
        }
        self.talks.known = known;
        Ok(text)
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
            taken: Vec::new(),
            active: false,
            // 62 bits, which is what all players can read.
            session: rng.random::<u64>() >> 2,
            version: 1,
            pending: None,
            restarts: false,
            offered: Vec::new(),
            renewed: Vec::new(),
            reused: Vec::new(),
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
        self.take_tracks(&plan);
        self.add_candidates(&far.candidates);
        if self
            .talks
            .far
            .as_ref()
            .is_some_and(|old| old.ice != far.ice)
        {
            self.last_heard = now;
        }
        let (own, relayed) = (OWN.map(|track| plan.own(track)), plan.relayed());
        let heard = self.heard(&far, &plan);
        let no_pictures = plan.no_pictures;
        let talks = &mut self.talks;
        talks.known = plan.known;
        talks.uses = plan.uses;
        talks.version += 1;
        let ice = local_credentials(&mut self.rtc);
        self.ufrag.clone_from(&ice.ufrag);
        let fingerprint = self.rtc.direct_api().local_dtls_fingerprint().to_string();
        let senders: Vec<&sdp::Sender> = self.lines.iter().map(|line| &line.sender).collect();
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
                senders: &senders,
            },
        );
        self.talks.far = Some(far);
        let [audio, video] = own;
        Ok(Answer {
            sdp: text,
            audio,
            video,
            heard,
            relayed,
            no_pictures,
        })
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
        let plan = Plan {
            uses: Vec::new(),
            lines: std::mem::take(&mut self.talks.offered),
            heard: None,
            taken: Vec::new(),
            no_pictures: false,
            known,
        };
        self.take_lines(&plan).map_err(|e| broken(&e))?;
        self.rest_renewed();
        self.talks.renewed.clear();
        self.talks.restarts = false;
        self.add_candidates(&far.candidates);
        let ([audio, video], relayed) = (OWN.map(|track| plan.own(track)), plan.relayed());
        self.talks.known = plan.known;
        self.talks.far = Some(far);
        self.ufrag = local_credentials(&mut self.rtc).ufrag;
        self.last_heard = now;
        Ok(Answer {
            sdp: String::new(),
            audio,
            video,
            heard: Vec::new(),
            relayed,
            no_pictures: self.refuses_pictures(),
        })
    }

    /// Offers the connection anew, with new ICE credentials. An offer that has
    /// no answer yet is repeated in it, since the far side may have taken it;
    /// its first, before which there is nothing to restart, as it was.
    pub(crate) fn offer_restart(&mut self) -> Option<String> {
        let unanswered = self.talks.pending.take();
        if unanswered.is_none() {
            let lines = self.lines.iter();
            self.talks.offered = lines
                .map(|line| (line.mid.to_string(), line.source.clone()))
                .collect();
        }
        let begun = self.talks.far.is_some();
        // One that is out is not replaced: the far side may have begun it.
        let restarts = begun && !self.talks.restarts;
        let offered = self.declared(|rtc| {
            let mut changes = rtc.sdp_api();
            if restarts {
                changes.ice_restart(true);
            }
            if let Some(unanswered) = unanswered {
                changes.merge(unanswered);
            }
            changes.apply()
        });
        let (offer, pending) = offered?;
        self.talks.restarts = begun;
        self.propose(&offer, pending).ok()
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
