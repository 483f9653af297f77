//! One connection: what goes through it. With [`crate::negotiate`] and
//! [`crate::config`] the only place that knows the WebRTC library, together
//! with the routing of datagrams in [`crate::core`].

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::{Packet, Track};
use rand::Rng;
use str0m::bwe::BweKind;
use str0m::channel::{ChannelData, ChannelId};
use str0m::media::{Frequency, KeyframeRequestKind, MediaData, MediaTime as RtpTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Ssrc;
use str0m::{Input, Output, Rtc};

use crate::clock::{Clock, rate};
use crate::doorbell::lock;
use crate::link::{LinkEvent, Message};
use crate::microphone::Sound;
use crate::negotiate::{Made, Negotiated};
use crate::relay::{Errand, KeyFirst, KeyGate, Relay, SenderClock, Unit};
use crate::sdp::{self, LARGEST_MESSAGE};
use crate::viewer::{Reason, Slot, ViewerId};

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

/// Rounds of the library without progress in time before it is given a rest.
/// A large key frame takes some hundred.
const MOST_ROUNDS: usize = 10_000;

/// That rest.
const REST: Duration = Duration::from_millis(5);

/// Data channels of one connection. LiveKit clients open three; more than this
/// is an attempt to fill memory.
const MOST_CHANNELS: usize = 16;

/// Longest name of a channel, bytes.
const LONGEST_LABEL: usize = 256;

/// A datagram to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// Where a track comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The holder of the [`crate::Viewer`].
    Own(Track),
    /// Another connection.
    Relay(Relay),
}

impl Source {
    pub(crate) fn kind(&self) -> Track {
        match self {
            Self::Own(track) => *track,
            Self::Relay(relay) => relay.kind,
        }
    }
}

/// One track on its way to the far side.
pub(crate) struct Line {
    pub mid: Mid,
    pub source: Source,
    payload: u8,
    pub ssrc: Ssrc,
    pub resend: Option<Ssrc>,
    pub sender: sdp::Sender,
    /// Whether the library's sender exists: from the first packet on.
    pub flowing: bool,
    gate: KeyFirst,
}

impl Line {
    pub(crate) fn new(made: Made, source: Source, payload: u8, stream: &str, track: &str) -> Self {
        Self {
            mid: made.mid,
            source,
            payload,
            ssrc: made.ssrc,
            resend: made.resend,
            sender: sdp::Sender {
                mid: made.mid.to_string(),
                ssrc: *made.ssrc,
                resend: made.resend.map(|s| *s),
                cname: made.cname,
                stream: stream.to_owned(),
                track: track.to_owned(),
            },
            flowing: false,
            gate: KeyFirst::default(),
        }
    }
}

/// One connection.
pub(crate) struct Peer {
    pub rtc: Rtc,
    pub talks: Negotiated,
    pub ufrag: String,
    pub lines: Vec<Line>,
    /// What there is for other connections.
    pub errands: Vec<Errand>,
    channels: Vec<(ChannelId, Arc<str>)>,
    clock: Clock,
    sender_clock: SenderClock,
    slot: Arc<Mutex<Slot>>,
    began: Instant,
    pub last_heard: Instant,
    connected: bool,
    keys: KeyGate,
    /// When the library wants to be called again.
    next: Instant,
    limits: (Duration, Duration),
}

impl Peer {
    pub(crate) fn new(
        now: Instant,
        mut rtc: Rtc,
        rng: &mut impl Rng,
        talks: Negotiated,
        limits: (Duration, Duration),
    ) -> Self {
        let ufrag = rtc.direct_api().local_ice_credentials().ufrag;
        Self {
            rtc,
            talks,
            ufrag,
            lines: Vec::new(),
            errands: Vec::new(),
            channels: Vec::new(),
            clock: Clock::new(rng),
            sender_clock: SenderClock::default(),
            slot: Arc::default(),
            began: now,
            last_heard: now,
            connected: false,
            keys: KeyGate::default(),
            next: now,
            limits,
        }
    }

    /// What the session sees of this connection.
    pub(crate) fn slot(&self) -> &Arc<Mutex<Slot>> {
        &self.slot
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
        self.last_heard = now;
        self.rtc
            .handle_input(Input::Receive(now, receive))
            .map_err(failed)?;
        // Acknowledgements make room.
        self.send_messages(now)
    }

    /// Hands messages that wait to the library, as many as it takes.
    pub(crate) fn send_messages(&mut self, now: Instant) -> Result<(), Reason> {
        let mut sent = false;
        loop {
            let front = lock(&self.slot).mail.front();
            let Some((label, message)) = front else {
                break;
            };
            let id = self.channels.iter().find(|(_, l)| Arc::ptr_eq(l, &label));
            if let Some(mut channel) = id.and_then(|(id, _)| self.rtc.channel(*id)) {
                let taken = match &message {
                    Message::Binary(bytes) => channel.write(true, bytes),
                    Message::Text(text) => channel.write(false, text.as_bytes()),
                };
                if !taken.map_err(failed)? {
                    break;
                }
                sent = true;
            }
            lock(&self.slot).mail.pop();
        }
        if sent {
            self.rtc.handle_input(Input::Timeout(now)).map_err(failed)?;
        }
        Ok(())
    }

    /// Sends a packet of the session.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        packet: &Packet,
        out: &mut Vec<Datagram>,
    ) -> Result<(), Reason> {
        let own = |line: &Line| line.source == Source::Own(packet.track);
        let Some(index) = self.lines.iter().position(own) else {
            return Ok(());
        };
        if !self.connected {
            return Ok(());
        }
        let stamp = self.clock.stamp(now, packet.track, packet.pts);
        self.write_line(now, index, stamp.rtp, stamp.wall, packet.data.as_ref(), out)
    }

    /// Sends what another connection brought.
    pub(crate) fn relay(
        &mut self,
        now: Instant,
        from: ViewerId,
        unit: &Unit,
        out: &mut Vec<Datagram>,
    ) -> Result<(), Reason> {
        let is = |line: &Line| self.carries(line, from, unit.mid);
        let Some(index) = self.lines.iter().position(is) else {
            return Ok(());
        };
        if !self.connected {
            return Ok(());
        }
        let passes = self
            .lines
            .get_mut(index)
            .is_some_and(|l| l.gate.passes(unit));
        if !passes {
            self.errands.push(Errand::Key(from, unit.mid));
            return Ok(());
        }
        self.write_line(now, index, unit.rtp, unit.wall, unit.data.clone(), out)
    }

    /// Whether a track of another connection is passed on here.
    pub(crate) fn gets(&self, from: ViewerId, mid: Mid) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| self.carries(line, from, mid))
    }

    /// Whether a track of another connection is passed on in this line, and
    /// still may be.
    fn carries(&self, line: &Line, from: ViewerId, mid: Mid) -> bool {
        let Source::Relay(relay) = &line.source else {
            return false;
        };
        relay.from == from && mid == Mid::from(&*relay.mid) && self.may_relay(relay)
    }

    fn may_relay(&self, relay: &Relay) -> bool {
        self.talks.wanted.link.relays.contains(relay)
    }

    /// Stops what is not to be passed on any more, before a negotiation ends
    /// it: should it come back, it begins with a key frame.
    pub(crate) fn hold_back(&mut self) {
        let wanted = &self.talks.wanted.link.relays;
        for line in &mut self.lines {
            if matches!(&line.source, Source::Relay(relay) if !wanted.contains(relay)) {
                line.gate = KeyFirst::default();
            }
        }
    }

    fn write_line(
        &mut self,
        now: Instant,
        index: usize,
        rtp: u64,
        wall: Instant,
        data: impl Into<Arc<[u8]>>,
        out: &mut Vec<Datagram>,
    ) -> Result<(), Reason> {
        self.start(index);
        let Some(line) = self.lines.get(index) else {
            return Ok(());
        };
        let Some(frequency) = Frequency::new(rate(line.source.kind())) else {
            return Ok(());
        };
        let Some(writer) = self.rtc.writer(line.mid) else {
            return Ok(());
        };
        let time = RtpTime::new(rtp, frequency);
        writer
            .write(line.payload.into(), wall, time, data)
            .map_err(failed)?;
        lock(&self.slot).stats.units_sent += 1;
        self.rtc.handle_input(Input::Timeout(now)).map_err(failed)?;
        self.drain(now, out)
    }

    /// Declares the RTP sender of a track, when its first packet is at hand. A
    /// sender that exists before has sender reports with RTP time 0, which
    /// spoil the player's alignment for its first seconds.
    fn start(&mut self, index: usize) {
        let Some(line) = self.lines.get_mut(index).filter(|line| !line.flowing) else {
            return;
        };
        line.flowing = true;
        let mut direct = self.rtc.direct_api();
        let sender = direct.declare_stream_tx(line.ssrc, line.resend, line.mid, None);
        sender.set_rtx_cache(RESEND_PACKETS, RESEND_AGE, Some(RESEND_SHARE));
        sender.set_unpaced(true);
    }

    /// Lets time pass and gives the moment of the next call. An error ends the
    /// connection.
    pub(crate) fn advance(&mut self, now: Instant, out: &mut Vec<Datagram>) -> Result<(), Reason> {
        let taken = self.talks.taken.iter_mut();
        let due = taken.filter_map(|taken| taken.keys.advance(now).then_some(taken.mid));
        for mid in due.collect::<Vec<Mid>>() {
            self.request_key(mid);
        }
        self.rtc.handle_input(Input::Timeout(now)).map_err(failed)?;
        self.drain(now, out)?;
        if self.keys.advance(now) {
            lock(&self.slot).want_key();
        }
        let (connect, vanish) = self.limits;
        if !self.connected && now >= self.began + connect {
            Err(Reason::NeverConnected)
        } else if self.connected && now >= self.last_heard + vanish {
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
            self.last_heard + vanish
        } else {
            self.began + connect
        };
        let gates = self.talks.taken.iter().map(|taken| &taken.keys);
        let keys = gates.chain([&self.keys]).filter_map(KeyGate::due);
        keys.fold(self.next.min(limit), Instant::min)
    }

    fn event(&mut self, now: Instant, event: str0m::Event) -> Result<(), Reason> {
        use str0m::Event as E;
        match event {
            E::Connected if !self.connected => {
                self.connected = true;
                self.keys.asked(now);
                lock(&self.slot).connected(now - self.began);
            }
            E::ChannelOpen(id, label) => self.open(id, &label)?,
            E::ChannelData(data) => self.read(data)?,
            E::ChannelClose(id) => {
                if let Some(at) = self.channels.iter().position(|(i, _)| *i == id) {
                    let (_, label) = self.channels.remove(at);
                    self.tell(LinkEvent::ChannelClosed { label })?;
                }
            }
            E::MediaData(data) => self.media(now, data)?,
            E::KeyframeRequest(request) => {
                lock(&self.slot).stats.key_requests += 1;
                self.want_key(now, request.mid);
            }
            E::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                if let Some(most) = self.talks.estimation {
                    let rate = u32::try_from(estimate.as_u64()).unwrap_or(most);
                    lock(&self.slot).estimate(rate.min(most));
                }
            }
            E::PeerStats(stats) => {
                let mut slot = lock(&self.slot);
                slot.stats.rtt = stats.rtt.or(slot.stats.rtt);
            }
            E::MediaEgressStats(stats) if self.sends(Track::Video, stats.mid) => {
                let mut slot = lock(&self.slot);
                slot.stats.nacks = stats.nacks;
                slot.stats.rtt = stats.rtt.or(slot.stats.rtt);
            }
            // The library mixes the reports on pictures with those on their
            // retransmissions; sound has none and takes the same path.
            E::MediaEgressStats(stats) if self.sends(Track::Audio, stats.mid) => {
                let mut slot = lock(&self.slot);
                slot.stats.loss = stats.loss.or(slot.stats.loss);
            }
            E::Closed => return Err(Reason::Remote),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, id: ChannelId, label: &str) -> Result<(), Reason> {
        if self.channels.len() >= MOST_CHANNELS || label.len() > LONGEST_LABEL {
            tracing::info!("a data channel too many, or with too long a name, was closed");
            self.rtc.direct_api().close_data_channel(id);
            return Ok(());
        }
        let label: Arc<str> = label.into();
        self.channels.push((id, label.clone()));
        self.tell(LinkEvent::ChannelOpen { label })
    }

    fn read(&mut self, data: ChannelData) -> Result<(), Reason> {
        let Some((_, label)) = self.channels.iter().find(|(id, _)| *id == data.id) else {
            return Ok(());
        };
        if data.data.len() > LARGEST_MESSAGE {
            tracing::info!(bytes = data.data.len(), "a message longer than was agreed");
            return Err(Reason::Failed);
        }
        let message = if data.binary {
            Message::Binary(data.data.into())
        } else {
            match String::from_utf8(data.data) {
                Ok(text) => Message::Text(text),
                Err(_) => return Err(Reason::Failed),
            }
        };
        let channel = label.clone();
        self.tell(LinkEvent::Data { channel, message })
    }

    fn tell(&mut self, event: LinkEvent) -> Result<(), Reason> {
        if lock(&self.slot).mail.tell(event) {
            Ok(())
        } else {
            Err(Reason::Overrun)
        }
    }

    /// Takes a picture or a packet of sound of the far side.
    fn media(&mut self, now: Instant, data: MediaData) -> Result<(), Reason> {
        if Some(data.mid) == self.talks.heard {
            lock(&self.slot).sound.push(Sound {
                time: data.time.numer(),
                contiguous: data.contiguous,
                data: Bytes::copy_from_slice(&data.data),
            });
        }
        let mut taken = self.talks.taken.iter_mut();
        let Some(taken) = taken.find(|taken| taken.mid == data.mid) else {
            return Ok(());
        };
        let (kind, key) = (taken.kind, data.is_keyframe());
        let packets = data
            .seq_range
            .end()
            .saturating_sub(**data.seq_range.start())
            + 1;
        if !taken.is_sane(packets, data.data.len()) {
            tracing::info!("the pictures of a connection are nonsense");
            return Err(Reason::Failed);
        }
        if taken.passes(key, data.contiguous) {
            self.errands.push(Errand::Unit(Unit {
                mid: data.mid,
                kind,
                rtp: data.time.numer(),
                wall: self.sender_clock.wall(now, kind, &data),
                key,
                data: data.data,
            }));
        } else {
            self.errands.push(Errand::Gap(data.mid));
        }
        Ok(())
    }

    /// Somebody who gets a track of the far side needs a key frame.
    pub(crate) fn ask_key(
        &mut self,
        now: Instant,
        mid: Mid,
        out: &mut Vec<Datagram>,
    ) -> Result<(), Reason> {
        let mut taken = self.talks.taken.iter_mut();
        if !taken.any(|taken| taken.mid == mid && taken.keys.ask(now)) {
            return Ok(());
        }
        self.request_key(mid);
        self.rtc.handle_input(Input::Timeout(now)).map_err(failed)?;
        self.drain(now, out)
    }

    fn request_key(&mut self, mid: Mid) {
        let asked = self
            .rtc
            .writer(mid)
            .map(|mut writer| writer.request_keyframe(None, KeyframeRequestKind::Pli));
        // Before its first packet there is nobody to ask; that will be one.
        if let Some(Err(error)) = asked {
            tracing::debug!(%error, "a key frame cannot be asked for");
        }
    }

    /// The far side cannot decode what it gets in a section.
    fn want_key(&mut self, now: Instant, mid: Mid) {
        let line = self.lines.iter().find(|line| line.mid == mid);
        if let Some(Source::Relay(relay)) = line.map(|line| &line.source) {
            if self.may_relay(relay) {
                let mid = Mid::from(&*relay.mid);
                self.errands.push(Errand::Key(relay.from, mid));
            }
        } else if self.keys.ask(now) {
            lock(&self.slot).want_key();
        }
    }

    /// Whether a section carries this track of the session.
    fn sends(&self, track: Track, mid: Mid) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| line.mid == mid && line.source == Source::Own(track))
    }

    /// Tells the player that this is the end.
    pub(crate) fn close(&mut self, now: Instant, out: &mut Vec<Datagram>) {
        // A player that cannot be told any more finds out by itself.
        let told = self.rtc.close().map_err(failed);
        let _ = told.and_then(|()| self.drain(now, out));
    }
}

#[allow(clippy::needless_pass_by_value)] // The shape of `map_err`.
fn failed(error: str0m::RtcError) -> Reason {
    tracing::info!(%error, "a connection failed");
    Reason::Failed
}
