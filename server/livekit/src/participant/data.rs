//! Reliable packets of one participant: numbered, kept until the server is
//! known to have them, and taken once.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use prost::Message;

use crate::proto::{DataPacket, Value};

/// Sent packets that can be sent again after a resume. An avatar sends two for
/// each thing it says.
const KEPT: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Channel {
    /// Number of the last packet.
    last: u32,
    /// Packets by number; those from `next` on are still to be sent.
    kept: VecDeque<(u32, Bytes)>,
    next: u32,
    /// Number of the last packet of each sender.
    received: BTreeMap<String, u32>,
}

impl Channel {
    pub(super) fn push(&mut self, to: String, value: Value) {
        self.last += 1;
        let packet = DataPacket {
            destination_identities: vec![to],
            value: Some(value),
            sequence: self.last,
            ..DataPacket::default()
        };
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept
            .push_back((self.last, packet.encode_to_vec().into()));
    }

    /// What is to be sent.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Bytes> {
        let next = std::mem::replace(&mut self.next, self.last + 1);
        let due = self.kept.iter().filter(move |(number, _)| *number >= next);
        due.map(|(_, packet)| packet.clone())
    }

    /// The server has everything up to this number.
    pub(super) fn resend_after(&mut self, number: u32) {
        self.kept.retain(|(kept, _)| *kept > number);
        self.next = self.next.min(number + 1);
    }

    /// A new peer connection to a server that knows nothing.
    pub(super) fn reset(&mut self) {
        self.received.clear();
        // What the old connection lost nobody knows; the calls it belonged to
        // are made again.
        self.kept.retain(|(number, _)| *number >= self.next);
    }

    pub(super) fn received(&self) -> impl Iterator<Item = (&str, u32)> {
        self.received
            .iter()
            .map(|(sid, last)| (sid.as_str(), *last))
    }

    /// The sender and content of a packet that is readable and new.
    pub(super) fn receive(&mut self, bytes: &Bytes) -> Option<(String, Value)> {
        let packet = DataPacket::decode(bytes.clone()).ok()?;
        if packet.sequence != 0 {
            let last = self.received.entry(packet.participant_sid).or_default();
            if packet.sequence <= *last {
                return None;
            }
            *last = packet.sequence;
        }
        Some((packet.participant_identity, packet.value?))
    }
}
