//! A player made of the same library.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::media::{
    Direction, Frequency, KeyframeRequestKind, MediaData, MediaKind, MediaTime as RtpTime, Mid,
};
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::{Rtcp, SenderInfo};
use str0m::rtp::{RawPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::peer::Datagram;

pub(crate) struct Browser {
    rtc: Rtc,
    address: SocketAddr,
    pending: Option<SdpPendingOffer>,
    due: Option<Instant>,
    pub audio: Mid,
    pub video: Mid,
    connected: bool,
    pub closed: bool,
    pub sound: Vec<MediaData>,
    pub pictures: Vec<MediaData>,
    pub reports: Vec<SenderInfo>,
    /// Packets that end a picture, by what sent them. Other than browsers, the
    /// library makes no pictures of a second sender in one section.
    pub ends: BTreeMap<u32, usize>,
    spare: Vec<Mid>,
    pub microphone: Option<Mid>,
    pub camera: Option<Mid>,
    /// Key frames of the camera that were asked for.
    pub keys_wanted: usize,
    pub channels: Vec<(ChannelId, String)>,
    pub messages: Vec<(String, Vec<u8>)>,
}

impl Browser {
    pub(crate) fn new(now: Instant, address: SocketAddr) -> Self {
        let mut rtc = Rtc::builder()
            .set_reordering_size_video(200)
            .enable_raw_packets(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            rtc,
            address,
            pending: None,
            due: Some(now),
            audio: "0".into(),
            video: "1".into(),
            connected: false,
            closed: false,
            sound: Vec::new(),
            pictures: Vec::new(),
            reports: Vec::new(),
            ends: BTreeMap::new(),
            spare: Vec::new(),
            microphone: None,
            camera: None,
            keys_wanted: 0,
            channels: Vec::new(),
            messages: Vec::new(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.rtc.is_alive())
    }

    pub(crate) fn offer(&mut self) -> String {
        let mut sdp = self.rtc.sdp_api();
        self.audio = sdp.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        self.video = sdp.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = sdp.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// The offer of a player that wants to hear only.
    pub(crate) fn offer_sound(&mut self) -> String {
        let mut sdp = self.rtc.sdp_api();
        self.audio = sdp.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    /// The offer of a room's client: spare sections to receive in, and the
    /// channels that it opens.
    pub(crate) fn offer_room(&mut self) -> String {
        let mut sdp = self.rtc.sdp_api();
        let mut add = |kind| {
            let mids = [(); 3].map(|()| sdp.add_media(kind, Direction::RecvOnly, None, None, None));
            self.spare.extend(mids);
            mids[0]
        };
        self.audio = add(MediaKind::Audio);
        self.video = add(MediaKind::Video);
        for (label, ordered) in [("_lossy", false), ("_reliable", true)] {
            sdp.add_channel_with_config(ChannelConfig {
                label: label.to_owned(),
                ordered,
                reliability: if ordered {
                    Reliability::Reliable
                } else {
                    Reliability::MaxRetransmits { retransmits: 0 }
                },
                ..ChannelConfig::default()
            });
        }
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    /// An offer with sound both ways in one section, as voice clients make.
    pub(crate) fn offer_both_ways(&mut self) -> String {
        let mut sdp = self.rtc.sdp_api();
        self.audio = sdp.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        self.video = sdp.add_media(MediaKind::Video, Direction::SendRecv, None, None, None);
        self.microphone = Some(self.audio);
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    /// An offer of a channel and nothing else.
    pub(crate) fn offer_channel(&mut self) -> String {
        let mut sdp = self.rtc.sdp_api();
        sdp.add_channel("_reliable".to_owned());
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    /// A further offer, with a microphone in it.
    pub(crate) fn offer_microphone(&mut self) -> String {
        let mut sdp = self.rtc.sdp_api();
        let track = Some("mic".to_owned());
        self.microphone =
            Some(sdp.add_media(MediaKind::Audio, Direction::SendOnly, None, track, None));
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    /// A further offer, with a microphone and a camera in it.
    pub(crate) fn offer_camera(&mut self) -> String {
        let mut sdp = self.rtc.sdp_api();
        let mut add = |kind, track: &str| {
            sdp.add_media(
                kind,
                Direction::SendOnly,
                None,
                Some(track.to_owned()),
                None,
            )
        };
        self.microphone = Some(add(MediaKind::Audio, "mic"));
        self.camera = Some(add(MediaKind::Video, "cam"));
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    /// A further offer, in which each section receives that it receives in,
    /// whatever the last answer has made of it, as that of a browser.
    pub(crate) fn offer_again(&mut self) -> String {
        let mut sdp = self.rtc.sdp_api();
        for mid in &self.spare {
            sdp.set_direction(*mid, Direction::RecvOnly);
        }
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    /// A further offer that changes what a section does.
    pub(crate) fn offer_direction(&mut self, mid: Mid, direction: Direction) -> String {
        let mut sdp = self.rtc.sdp_api();
        sdp.set_direction(mid, direction);
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    /// Moves to another address, and a further offer with an ICE restart.
    pub(crate) fn offer_restart(&mut self, address: SocketAddr) -> String {
        self.address = address;
        let candidate = Candidate::host(address, "udp").unwrap();
        self.rtc.add_local_candidate(candidate);
        let mut sdp = self.rtc.sdp_api();
        sdp.ice_restart(true);
        let changes = sdp.apply().unwrap();
        self.apply(changes)
    }

    fn apply(&mut self, (offer, pending): (SdpOffer, SdpPendingOffer)) -> String {
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// Answers our offer.
    pub(crate) fn accept(&mut self, offer: &str) -> String {
        let offer = SdpOffer::from_sdp_string(offer).unwrap();
        let answer = self.rtc.sdp_api().accept_offer(offer).unwrap();
        answer.to_sdp_string()
    }

    /// 20 ms of sound from the microphone.
    pub(crate) fn speak(&mut self, now: Instant, packet: u64, data: &[u8]) {
        let time = RtpTime::new(packet * 960, Frequency::FORTY_EIGHT_KHZ);
        self.write(now, self.microphone.unwrap(), time, data);
    }

    /// A picture of the camera, 25 a second.
    pub(crate) fn film(&mut self, now: Instant, picture: u64, data: &[u8]) {
        let time = RtpTime::new(picture * 3_600, Frequency::NINETY_KHZ);
        self.write(now, self.camera.unwrap(), time, data);
    }

    /// A picture of the camera that is one fragment without an end (RFC 6184
    /// §5.8), in a packet of its own.
    pub(crate) fn film_fragment(&mut self, now: Instant, picture: u64, data: &[u8]) {
        let camera = self.camera.unwrap();
        let is_fit =
            |p: &&str0m::format::PayloadParams| p.spec().codec == str0m::format::Codec::H264;
        let writer = self.rtc.writer(camera).unwrap();
        let payload = writer.payload_params().find(is_fit).unwrap().pt();
        // An indicator of FU-A, and the beginning of a key frame.
        let packet: Vec<u8> = [0x7c, 0x85].iter().chain(data).copied().collect();
        let time = (picture * 3_600) as u32;
        let rtp = RtpWrite::new(payload, (1_000 + picture).into(), time, now, packet);
        let mut direct = self.rtc.direct_api();
        let sender = direct.stream_tx_by_mid(camera, None).unwrap();
        sender.write_rtp(rtp.marker(true));
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }

    fn write(&mut self, now: Instant, mid: Mid, time: RtpTime, data: &[u8]) {
        let writer = self.rtc.writer(mid).unwrap();
        let is_fit = |p: &&str0m::format::PayloadParams| {
            p.spec().codec.is_audio() || p.spec().codec == str0m::format::Codec::H264
        };
        let payload = writer.payload_params().find(is_fit).unwrap().pt();
        writer.write(payload, now, time, data).unwrap();
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }

    /// Sends a message. False when there is no room for it now.
    pub(crate) fn send(&mut self, now: Instant, label: &str, data: &[u8]) -> bool {
        let (id, _) = self.channels.iter().find(|(_, l)| l == label).unwrap();
        let sent = self.rtc.channel(*id).unwrap().write(true, data).unwrap();
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        sent
    }

    pub(crate) fn answer(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    /// Moves to another address and begins an ICE restart. Gives the fragment
    /// for the server.
    pub(crate) fn roam(&mut self, address: SocketAddr) -> String {
        self.address = address;
        let mut sdp = self.rtc.sdp_api();
        sdp.ice_restart(false);
        let (offer, pending) = sdp.apply().unwrap();
        self.pending = Some(pending);
        let text = offer.to_sdp_string();
        let get = |name: &str| {
            text.lines()
                .find(|l| l.starts_with(name))
                .unwrap()
                .to_owned()
        };
        format!("{}\r\n{}\r\n", get("a=ice-ufrag:"), get("a=ice-pwd:"))
    }

    /// Takes the server's fragment: its answer with other credentials.
    pub(crate) fn restarted(&mut self, answer: &str, fragment: &str) {
        let mut text = String::new();
        for line in answer.lines() {
            let name = ["a=ice-ufrag:", "a=ice-pwd:"]
                .into_iter()
                .find(|n| line.starts_with(n));
            let new = name.and_then(|n| fragment.lines().find(|l| l.starts_with(n)));
            text.push_str(new.unwrap_or(line));
            text.push_str("\r\n");
        }
        self.answer(&text);
        // The restart forgot the old one.
        let candidate = Candidate::host(self.address, "udp").unwrap();
        self.rtc.add_local_candidate(candidate);
    }

    pub(crate) fn request_key(&mut self) {
        let mut writer = self.rtc.writer(self.video).unwrap();
        writer
            .request_keyframe(None, KeyframeRequestKind::Pli)
            .unwrap();
        self.due = Some(
            self.due
                .map_or_else(Instant::now, |due| due.min(Instant::now())),
        );
    }

    pub(crate) fn close(&mut self) {
        self.rtc.close().unwrap();
    }

    pub(crate) fn receive(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if let Ok(receive) = Receive::new(Protocol::Udp, from, self.address, bytes) {
            let input = Input::Receive(now, receive);
            if self.rtc.accepts(&input) {
                self.rtc.handle_input(input).unwrap();
            }
        }
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
        }
    }

    pub(crate) fn output(&mut self, now: Instant) -> Vec<Datagram> {
        let mut out = Vec::new();
        for round in 0.. {
            let reason = self.rtc.last_timeout_reason();
            assert!(round < 10_000, "no end of {reason:?}");
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) if at > now || !self.rtc.is_alive() => {
                    self.due = Some(at);
                    return out;
                }
                Output::Timeout(_) => self.rtc.handle_input(Input::Timeout(now)).unwrap(),
                Output::Transmit(t) => out.push(Datagram {
                    from: t.source,
                    to: t.destination,
                    bytes: t.contents.into(),
                }),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::Closed) => self.closed = true,
                Output::Event(Event::ChannelOpen(id, label)) => self.channels.push((id, label)),
                Output::Event(Event::ChannelData(data)) => {
                    let label = self.channels.iter().find(|(id, _)| *id == data.id);
                    self.messages.push((label.unwrap().1.clone(), data.data));
                }
                Output::Event(Event::MediaData(data)) if data.mid == self.video => {
                    self.pictures.push(data);
                }
                Output::Event(Event::MediaData(data)) => self.sound.push(data),
                Output::Event(Event::KeyframeRequest(_)) => self.keys_wanted += 1,
                Output::Event(Event::RawPacket(raw)) => match *raw {
                    RawPacket::RtcpRx(Rtcp::SenderReport(report)) => {
                        self.reports.push(report.sender_info);
                    }
                    RawPacket::RtpRx(header, _) if header.marker => {
                        *self.ends.entry(*header.ssrc).or_default() += 1;
                    }
                    _ => {}
                },
                Output::Event(_) => {}
            }
        }
        out
    }
}
