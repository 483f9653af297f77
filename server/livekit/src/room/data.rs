//! Data packets between participants.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use prost::Message;

use crate::agent;
use crate::proto::{DataPacket, TrackType, Transcription, TranscriptionSegment, UserPacket, Value};
use crate::streams;
use crate::token::Kind;

use super::member::{Member, Seat};
use super::{Action, Event, MemberId, PeerId, Room};

/// Longest packet that is read, bytes: what answers name as
/// `a=max-message-size`.
pub const MOST_PACKET: usize = 64 * 1024;

/// Packets and bytes that wait for a guest's channel to open. It opens within
/// a second; a guest that never gets there misses what is older.
const MOST_WAITING: usize = 256;
const MOST_WAITING_BYTES: usize = 1 << 20;

/// Topic of captions as text streams.
const TRANSCRIPTION_TOPIC: &str = "lk.transcription";

impl Room {
    /// A packet came over a data channel of a guest.
    pub fn packet(&mut self, now: Instant, peer: PeerId, lossy: bool, bytes: &Bytes) {
        let Some(from) = self.peers.get(&peer).copied() else {
            return;
        };
        // LiveKit's own server passes over what it cannot read, too.
        let Some(packet) = Some(bytes)
            .filter(|bytes| bytes.len() <= MOST_PACKET)
            .and_then(|bytes| DataPacket::decode(bytes.clone()).ok())
        else {
            return;
        };
        let Some((profile, _)) = self.guest_mut(from) else {
            return;
        };
        if !profile.grants.sends_data() {
            return;
        }
        if !lossy && packet.sequence != 0 {
            // After a resume, a guest sends again what may have been lost.
            if packet.sequence <= profile.received {
                return;
            }
            profile.received = packet.sequence;
        }
        let identity = profile.identity.clone();
        let agent = profile.kind == Kind::Agent;
        let everybody = packet.destination_identities.is_empty();
        let receivers: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(id, member)| {
                **id != from
                    && (everybody || packet.destination_identities.contains(&member.identity))
            })
            .map(|(id, _)| *id)
            .collect();
        let mut taken = false;
        for id in receivers {
            if matches!(self.members.get(&id).map(|m| &m.seat), Some(Seat::Guest(_))) {
                self.relay(from, id, lossy, bytes);
            } else if !std::mem::replace(&mut taken, true) {
                // One that is for everybody concerns the server once.
                if let Some(value) = packet.value.clone() {
                    self.take(now, id, &identity, agent, value);
                }
            }
        }
    }

    /// A packet for a resident.
    fn take(&mut self, now: Instant, id: MemberId, from: &str, agent: bool, value: Value) {
        if let Value::User(user) = value {
            self.events.push_back(Event::Data {
                from: from.to_owned(),
                topic: user.topic,
                payload: user.payload,
            });
            return;
        }
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let speaks = !member.profile.tracks.is_empty();
        if let Seat::Resident(contract) = &mut member.seat {
            // The first agent that speaks to an avatar is the one it obeys.
            let speech = matches!(&value, Value::StreamHeader(h) if h.topic == agent::AUDIO_TOPIC);
            if agent && speaks && speech && contract.agent().is_none() {
                contract.set_agent(from);
            }
            contract.packet(now, &mut self.ids, from, value);
            self.settle(id);
        }
    }

    /// Passes on what a resident's side of the contract came up with.
    pub(super) fn settle(&mut self, id: MemberId) {
        loop {
            let Some(Member {
                seat: Seat::Resident(contract),
                ..
            }) = self.members.get_mut(&id)
            else {
                return;
            };
            match contract.poll() {
                None => return,
                Some(agent::Output::Send { to, value }) => self.say(id, value, &[to]),
                Some(agent::Output::Speech(speech)) => {
                    self.events.push_back(Event::Speech(speech));
                }
                Some(agent::Output::Text(streams::Output::Text {
                    from, topic, text, ..
                })) => {
                    self.events.push_back(Event::Text { from, topic, text });
                }
                Some(agent::Output::Text(_)) => {}
            }
        }
    }

    /// A resident sends data, reliably; to everybody when `to` is empty.
    pub fn send(&mut self, from: &str, topic: Option<&str>, payload: Bytes, to: &[String]) {
        if let Some(id) = self.id_of(from) {
            let topic = topic.map(str::to_owned);
            self.say(id, Value::User(UserPacket { payload, topic }), to);
        }
    }

    /// Captions of a resident's speech: a segment may be told again until it
    /// is final.
    pub fn caption(&mut self, now: Instant, of: &str, segment: &str, text: &str, last: bool) {
        let Some(id) = self.id_of(of) else {
            return;
        };
        let Some(member) = self.members.get(&id) else {
            return;
        };
        let track = member.track(TrackType::Audio);
        let track_id = track.map(|t| t.info.sid.clone()).unwrap_or_default();
        let packet = Transcription {
            transcribed_participant_identity: of.to_owned(),
            track_id: track_id.clone(),
            segments: vec![TranscriptionSegment {
                id: segment.to_owned(),
                text: text.to_owned(),
                r#final: last,
                language: String::new(),
            }],
        };
        self.say(id, Value::Transcription(packet), &[]);
        let attributes = BTreeMap::from([
            ("lk.segment_id".to_owned(), segment.to_owned()),
            ("lk.transcribed_track_id".to_owned(), track_id),
            ("lk.transcription_final".to_owned(), last.to_string()),
        ]);
        let stream = self.ids.uuid();
        let ms = self.unix_ms(now);
        for value in streams::text(&stream, TRANSCRIPTION_TOPIC, text, &attributes, ms) {
            self.say(id, value, &[]);
        }
    }

    /// Sends a packet of a resident.
    fn say(&mut self, from: MemberId, value: Value, to: &[String]) {
        let packet = DataPacket {
            destination_identities: to.to_vec(),
            value: Some(value),
            ..DataPacket::default()
        };
        let bytes = Bytes::from(packet.encode_to_vec());
        let receivers: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(id, m)| **id != from && (to.is_empty() || to.contains(&m.identity)))
            .map(|(id, _)| *id)
            .collect();
        for id in receivers {
            self.relay(from, id, false, &bytes);
        }
    }

    /// Hands a packet to a guest, in the name of its sender.
    fn relay(&mut self, from: MemberId, to: MemberId, lossy: bool, bytes: &Bytes) {
        let Some(sender) = self.members.get(&from) else {
            return;
        };
        let (identity, sid) = (sender.identity.clone(), sender.sid.clone());
        let Some((_, guest)) = self.guest_mut(to) else {
            return;
        };
        let peer = guest.receives().copied();
        if lossy {
            if let Some(peer) = peer.filter(|peer| peer.lossy) {
                let packet = signed(bytes, identity, sid, 0);
                self.actions.push_back(Action::Data {
                    peer: peer.id,
                    lossy,
                    packet,
                });
            }
            return;
        }
        // Numbers go on over reconnects: a client drops what is not newer.
        let sequence = guest.sequences.entry(sid.clone()).or_default();
        *sequence += 1;
        let packet = signed(bytes, identity, sid, *sequence);
        guest.waiting_bytes += packet.len();
        guest.waiting.push_back(packet);
        while guest.waiting.len() > MOST_WAITING || guest.waiting_bytes > MOST_WAITING_BYTES {
            let dropped = guest.waiting.pop_front();
            guest.waiting_bytes -= dropped.map_or(0, |packet| packet.len());
        }
        self.flush(to);
    }

    /// Sends what waits, if the channel is open.
    pub(super) fn flush(&mut self, id: MemberId) {
        let Some((_, guest)) = self.guest_mut(id) else {
            return;
        };
        let Some(peer) = guest.receives().filter(|peer| peer.reliable).map(|p| p.id) else {
            return;
        };
        let waiting = std::mem::take(&mut guest.waiting);
        guest.waiting_bytes = 0;
        self.actions
            .extend(waiting.into_iter().map(|packet| Action::Data {
                peer,
                lossy: false,
                packet,
            }));
    }
}

/// The packet with its sender named. Fields at the end replace those before
/// (protobuf encoding, "Last One Wins"), so whatever the sender wrote there is
/// void, and what this server does not know is passed on as it is.
fn signed(packet: &Bytes, identity: String, sid: String, sequence: u32) -> Bytes {
    let fields = DataPacket {
        participant_identity: identity,
        participant_sid: sid,
        sequence,
        ..DataPacket::default()
    };
    let mut bytes = Vec::with_capacity(packet.len() + fields.encoded_len());
    bytes.extend_from_slice(packet);
    bytes.extend(fields.encode_to_vec());
    bytes.into()
}
