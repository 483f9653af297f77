//! What guests are told.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::proto::{self, DisconnectReason, Leave, ParticipantUpdate, Response, SignalResponse};

use super::{Action, ConnId, MemberId, Room};

/// How often a guest gets a new token, and how long that is good: as LiveKit's
/// own server does it.
const REFRESH: Duration = Duration::from_mins(5);
const TOKEN_LIFETIME: Duration = Duration::from_mins(10);

/// Clients enable what they do by the version of LiveKit's server; this is the
/// one whose behaviour is implemented here.
const SERVER_VERSION: &str = "1.13.5";

/// Its version of the protocol.
const PROTOCOL: i32 = 17;

impl Room {
    /// Tells everybody what a participant is now, also itself.
    pub(super) fn announce(&mut self, id: MemberId) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        member.version += 1;
        let info = member.info();
        let hidden = member.grants.hidden;
        self.broadcast(|receiver| {
            (!hidden || receiver == id).then(|| {
                Response::Update(ParticipantUpdate {
                    participants: vec![info.clone()],
                })
            })
        });
    }

    pub(super) fn others(&self, id: MemberId) -> Vec<proto::ParticipantInfo> {
        let others = self
            .members
            .iter()
            .filter(|(other, m)| **other != id && !m.grants.hidden);
        // The one with pictures first: some clients watch the first they see.
        let (first, rest): (Vec<_>, Vec<_>) = others.partition(|(_, m)| m.shows());
        first.iter().chain(&rest).map(|(_, m)| m.info()).collect()
    }

    pub(super) fn refresh(&mut self, now: Instant, id: MemberId) {
        let wall = self.wall(now);
        let key = self.settings.key.clone();
        let Some((_, guest)) = self.guest_mut(id) else {
            return;
        };
        guest.refresh_at = now + REFRESH;
        if let Some(conn) = guest.conn {
            let token = key.sign(&guest.claims, wall, TOKEN_LIFETIME);
            self.send_to(conn, Response::RefreshToken(token));
        }
    }

    pub(super) fn refuse(&mut self, conn: ConnId, reason: DisconnectReason, action: proto::Action) {
        self.send_to(conn, Response::Leave(leave(reason, action)));
        self.actions.push_back(Action::Hangup { conn });
    }

    pub(super) fn send_to(&mut self, conn: ConnId, message: Response) {
        let frame = SignalResponse {
            message: Some(message),
        }
        .encode_to_vec();
        self.actions.push_back(Action::Send { conn, frame });
    }

    pub(super) fn respond(&mut self, id: MemberId, message: Response) {
        if let Some((_, guest)) = self.guest_mut(id)
            && let Some(conn) = guest.conn
        {
            self.send_to(conn, message);
        }
    }

    pub(super) fn broadcast(&mut self, message: impl Fn(MemberId) -> Option<Response>) {
        let ids: Vec<MemberId> = self.guests().collect();
        for id in ids {
            if let Some(message) = message(id) {
                self.respond(id, message);
            }
        }
    }

    pub(super) fn info(&self, now: Instant) -> proto::Room {
        let ms = self.unix_ms(self.began.0.min(now));
        proto::Room {
            sid: self.sid.clone(),
            name: self.settings.name.clone(),
            creation_time: ms / 1_000,
            creation_time_ms: ms,
            num_participants: self.members.len() as u32,
            num_publishers: self
                .members
                .values()
                .filter(|m| !m.tracks.is_empty())
                .count() as u32,
        }
    }

    pub(super) fn ice_servers(&self) -> Vec<proto::IceServer> {
        let servers = self.settings.ice_servers.iter().cloned();
        servers
            .map(|server| proto::IceServer {
                urls: server.urls,
                username: server.username,
                credential: server.credential,
            })
            .collect()
    }

    pub(super) fn wall(&self, now: Instant) -> SystemTime {
        self.began.1 + now.saturating_duration_since(self.began.0)
    }

    pub(super) fn unix_ms(&self, now: Instant) -> i64 {
        let since = self.wall(now).duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_millis() as i64)
    }
}

pub(super) fn server_info() -> proto::ServerInfo {
    proto::ServerInfo {
        version: SERVER_VERSION.to_owned(),
        protocol: PROTOCOL,
        node_id: "visavis".to_owned(),
    }
}

pub(super) fn leave(reason: DisconnectReason, action: proto::Action) -> Leave {
    Leave {
        can_reconnect: action != proto::Action::Disconnect,
        reason: reason as i32,
        action: action as i32,
    }
}
