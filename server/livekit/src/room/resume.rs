//! Guests whose connection was lost, and who come back.

use std::time::Instant;

use crate::join::Join;
use crate::proto::{
    self, DisconnectReason, ParticipantUpdate, ReconnectResponse, Response, RoomUpdate,
};
use crate::token::Claims;

use super::member::Seat;
use super::tell::server_info;
use super::{Action, ConnId, Room};

impl Room {
    /// Takes an earlier connection up again.
    pub(super) fn resume(&mut self, now: Instant, conn: ConnId, claims: &Claims, join: Join) {
        let sid = &join.request.participant_sid;
        let found = self.members.iter().find(|(_, member)| {
            member.sid == *sid
                && member.identity == claims.identity
                && matches!(&member.seat, Seat::Guest(guest) if guest.single == join.single)
        });
        let Some(id) = found.map(|(id, _)| *id) else {
            self.refuse(
                conn,
                DisconnectReason::StateMismatch,
                proto::Action::Reconnect,
            );
            return;
        };
        let Some((member, guest)) = self.guest_mut(id) else {
            return;
        };
        if guest.subscriber.is_some() && guest.subscriptions.offering && !guest.numbers {
            // An answer to the offer that is out could not be told from one to
            // the next.
            self.refuse(
                conn,
                DisconnectReason::StateMismatch,
                proto::Action::Reconnect,
            );
            return;
        }
        let last_message_seq = member.received;
        guest.forget_offer();
        let old = guest.conn.replace(conn);
        guest.lost = None;
        guest.heard = now;
        if let Some(old) = old {
            self.conns.remove(&old);
            self.actions.push_back(Action::Hangup { conn: old });
        }
        self.conns.insert(conn, id);
        let response = ReconnectResponse {
            ice_servers: self.ice_servers(),
            server_info: Some(server_info()),
            last_message_seq,
        };
        self.send_to(conn, Response::Reconnect(response));
        let mut participants = self.others(id);
        participants.push(self.members[&id].info());
        self.send_to(conn, Response::Update(ParticipantUpdate { participants }));
        let room = Some(self.info(now));
        self.send_to(conn, Response::RoomUpdate(RoomUpdate { room }));
        self.refresh(now, id);
        if let Some(offer) = join.request.publisher_offer {
            self.offer(id, offer);
        }
        if !join.single {
            self.restart(id);
        }
        self.reforward();
    }
}
