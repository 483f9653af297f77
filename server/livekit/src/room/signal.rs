//! What guests ask for.

use std::time::Instant;

use prost::Message;

use crate::proto::{
    Action as AfterLeave, DisconnectReason, Pong, Refusal, Request, RequestResponse, Response,
    SignalRequest, UpdateMetadata,
};

use super::{ConnId, MemberId, Room, leave};

/// Most bytes of a participant's name, metadata and attributes together; what
/// LiveKit's own server allows for each of the latter.
const MOST_DESCRIPTION: usize = 64 * 1024;

/// Longest frame of signalling that is read, bytes. An offer has about 10 kB.
pub const MOST_FRAME: usize = 256 * 1024;

impl Room {
    /// A binary frame came over a connection. What cannot be read ends it.
    pub fn frame(&mut self, now: Instant, conn: ConnId, frame: &[u8]) {
        let Some(id) = self.conns.get(&conn).copied() else {
            return;
        };
        if let Some((_, guest)) = self.guest_mut(id) {
            guest.heard = now;
        }
        let request = Some(frame)
            .filter(|frame| frame.len() <= MOST_FRAME)
            .and_then(|frame| SignalRequest::decode(frame).ok());
        match request {
            // One that is newer than this server: passed over.
            Some(SignalRequest { message: None }) => {}
            Some(SignalRequest {
                message: Some(request),
            }) => self.request(now, id, request),
            None => {
                let leave = leave(DisconnectReason::StateMismatch, AfterLeave::Disconnect);
                self.remove(now, id, DisconnectReason::StateMismatch, Some(leave));
            }
        }
    }

    /// A sign of life below the protocol (a WebSocket ping).
    pub fn heard(&mut self, now: Instant, conn: ConnId) {
        if let Some(id) = self.conns.get(&conn).copied()
            && let Some((_, guest)) = self.guest_mut(id)
        {
            guest.heard = now;
        }
    }

    fn request(&mut self, now: Instant, id: MemberId, request: Request) {
        match request {
            Request::Offer(offer) => self.offer(id, offer),
            Request::Answer(answer) => self.answer(id, answer),
            Request::AddTrack(track) => self.add_track(now, id, track),
            Request::Mute(mute) => self.mute(id, &mute.sid, mute.muted),
            Request::Leave(_) => {
                self.remove(now, id, DisconnectReason::ClientInitiated, None);
            }
            Request::Ping(_) => {
                let pong = Response::Pong(self.unix_ms(now));
                self.respond(id, pong);
            }
            Request::PingReq(ping) => {
                let pong = Response::PongResp(Pong {
                    last_ping_timestamp: ping.timestamp,
                    timestamp: self.unix_ms(now),
                });
                self.respond(id, pong);
            }
            Request::UpdateMetadata(update) => self.describe(id, update),
            Request::PublishDataTrack(_)
            | Request::UnpublishDataTrack(_)
            | Request::StoreDataBlob(_)
            | Request::GetDataBlob(_) => {
                self.reply(
                    id,
                    0,
                    Refusal::UnsupportedType,
                    "not supported by this server",
                );
            }
            Request::Subscription(update) => self.subscribe(id, update),
            Request::SubscriptionPermission(permission) => self.admit(id, permission),
            // This side finds a guest's addresses from its checks, has one
            // quality of everything, and remembers what was subscribed.
            Request::Trickle(_) | Request::TrackSetting(_) | Request::SyncState(_) => {}
        }
    }

    /// A guest describes itself anew.
    fn describe(&mut self, id: MemberId, update: UpdateMetadata) {
        let Some((profile, _)) = self.guest_mut(id) else {
            return;
        };
        if !profile.grants.describes_itself() {
            let why = "the token does not allow to update own metadata";
            self.reply(id, update.request_id, Refusal::NotAllowed, why);
            return;
        }
        let mut attributes = profile.attributes.clone();
        for (key, value) in update.attributes {
            if value.is_empty() {
                attributes.remove(&key);
            } else {
                attributes.insert(key, value);
            }
        }
        let pairs: usize = attributes.iter().map(|(k, v)| k.len() + v.len()).sum();
        if pairs + update.metadata.len() + update.name.len() > MOST_DESCRIPTION {
            let why = "name, metadata and attributes are longer than 64 KiB";
            self.reply(id, update.request_id, Refusal::LimitExceeded, why);
            return;
        }
        profile.attributes = attributes;
        if !update.metadata.is_empty() {
            profile.metadata = update.metadata;
        }
        if !update.name.is_empty() {
            profile.name = update.name;
        }
        self.announce(id);
        self.reply(id, update.request_id, Refusal::Ok, "");
    }

    fn reply(&mut self, id: MemberId, request_id: u32, reason: Refusal, message: &str) {
        self.respond(
            id,
            Response::RequestResponse(RequestResponse {
                request_id,
                reason: reason as i32,
                message: message.to_owned(),
            }),
        );
    }
}
