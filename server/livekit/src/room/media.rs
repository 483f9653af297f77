//! Offers, answers, and which track is in which section.

use std::collections::HashMap;
use std::time::Instant;

use crate::proto::{
    Action as AfterLeave, DisconnectReason, MediaSectionsRequirement, Response, SessionDescription,
    State, TrackType,
};

use super::member::{Peer, Seat};
use super::{Action, Event, MemberId, PeerId, Room, leave};

/// What a guest is sent of the avatar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Name of the media stream in the description.
    pub stream: String,
    /// Name of the audio track.
    pub audio: String,
    /// Name of the video track.
    pub video: String,
}

/// Which kind of track a guest sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A section of an offer from which something is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its name.
    pub mid: String,
    /// What is in it.
    pub side: Side,
    /// The track by its `a=msid`.
    pub track: Option<String>,
}

/// What came of an offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The answer.
    pub sdp: String,
    /// The section in which the avatar's sound is sent.
    pub audio: Option<String>,
    /// The section in which its pictures are sent.
    pub video: Option<String>,
    /// Tracks of other guests that are sent: section and track.
    pub forwarded: Vec<(String, String)>,
    /// Whether pictures were left out because the guest cannot decode them.
    pub no_pictures: bool,
    /// Sections from which something is taken.
    pub heard: Vec<Heard>,
}

/// Why an offer was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The connection has collected too many sections, as clients' do that begin
    /// one for each track they publish. A new connection begins with few.
    Worn,
    /// It is of no use.
    Useless,
}

/// What came of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Whether the guest cannot decode the pictures there are.
    pub no_pictures: bool,
}

impl Room {
    /// An offer was answered, or why not.
    pub fn answered(
        &mut self,
        now: Instant,
        peer: PeerId,
        id: u32,
        result: Result<Answered, Refused>,
    ) {
        let Some(member) = self.peers.get(&peer).copied() else {
            return;
        };
        let answered = match result {
            Ok(answered) => answered,
            Err(refused) => {
                let old = self.guest_mut(member).and_then(|(_, g)| g.peer_mut(peer));
                let stood = old.is_some_and(|peer| peer.connected);
                // The reason has no place in the protocol; the caller logs it.
                let then = match refused {
                    Refused::Worn if stood => AfterLeave::Reconnect,
                    _ => AfterLeave::Disconnect,
                };
                let leave = leave(DisconnectReason::MediaFailure, then);
                self.remove(now, member, DisconnectReason::MediaFailure, Some(leave));
                return;
            }
        };
        let mut mid_to_track_id = HashMap::new();
        if let Some(sending) = self.sending(member) {
            mid_to_track_id.extend(answered.audio.clone().map(|mid| (mid, sending.audio)));
            mid_to_track_id.extend(answered.video.clone().map(|mid| (mid, sending.video)));
        }
        let tracks = answered.forwarded.iter().map(|(_, track)| track.clone());
        let tracks = tracks.collect();
        mid_to_track_id.extend(answered.forwarded);
        let single = matches!(
            self.members.get(&member).map(|m| &m.seat),
            Some(Seat::Guest(guest)) if guest.single
        );
        let news = self.bind(member, &answered.heard);
        self.hear(member);
        self.respond(
            member,
            Response::Answer(SessionDescription {
                r#type: "answer".to_owned(),
                sdp: answered.sdp,
                id,
                mid_to_track_id,
            }),
        );
        if single {
            self.forwarded(member, tracks, answered.no_pictures);
        }
        self.publish(member, news);
    }

    /// An offer was made, or why not; `None` when there was nothing to offer.
    pub fn offered(&mut self, now: Instant, peer: PeerId, result: Result<Option<String>, String>) {
        let Some(member) = self.peers.get(&peer).copied() else {
            return;
        };
        let Ok(sdp) = result else {
            let leave = leave(DisconnectReason::MediaFailure, AfterLeave::Reconnect);
            self.remove(now, member, DisconnectReason::MediaFailure, Some(leave));
            return;
        };
        let Some(sdp) = sdp else {
            self.offer_taken(member);
            return;
        };
        let tracks = sections(&sdp).map(|(mid, track)| (mid.to_owned(), track.to_owned()));
        let mid_to_track_id = tracks.collect();
        let Some((_, guest)) = self.guest_mut(member) else {
            return;
        };
        guest.offers += 1;
        let id = guest.offers;
        self.respond(
            member,
            Response::Offer(SessionDescription {
                r#type: "offer".to_owned(),
                sdp,
                id,
                mid_to_track_id,
            }),
        );
    }

    /// What came of an answer; `None` when it could not be taken.
    pub fn accepted(&mut self, now: Instant, peer: PeerId, result: Option<Accepted>) {
        let Some(member) = self.peers.get(&peer).copied() else {
            return;
        };
        let Some(accepted) = result else {
            let leave = leave(DisconnectReason::MediaFailure, AfterLeave::Reconnect);
            self.remove(now, member, DisconnectReason::MediaFailure, Some(leave));
            return;
        };
        if accepted.no_pictures {
            let forwards = self.forwards(member);
            self.refuse_pictures(member, &forwards);
        }
        self.offer_taken(member);
    }

    /// A guest with two connections may be made a further offer.
    fn offer_taken(&mut self, id: MemberId) {
        if let Some((_, guest)) = self.guest_mut(id) {
            guest.subscriptions.offering = false;
            self.reforward();
        }
    }

    /// A peer connection stands.
    pub fn connected(&mut self, peer: PeerId) {
        let Some(member) = self.peers.get(&peer).copied() else {
            return;
        };
        let Some((profile, guest)) = self.guest_mut(member) else {
            return;
        };
        if let Some(peer) = guest.peer_mut(peer) {
            peer.connected = true;
        }
        let there = guest.receives().is_some_and(|peer| peer.connected);
        if there && profile.state != State::Active {
            profile.state = State::Active;
            self.announce(member);
        }
    }

    /// A data channel is open.
    pub fn channel_open(&mut self, peer: PeerId, label: &str) {
        let Some(member) = self.peers.get(&peer).copied() else {
            return;
        };
        let Some((_, guest)) = self.guest_mut(member) else {
            return;
        };
        let Some(channels) = guest.peer_mut(peer) else {
            return;
        };
        match label {
            "_reliable" => channels.reliable = true,
            "_lossy" => channels.lossy = true,
            _ => return,
        }
        self.flush(member);
    }

    /// A peer connection is over.
    pub fn closed(&mut self, now: Instant, peer: PeerId) {
        if self.parting.remove(&peer).is_some() {
            self.actions.push_back(Action::Close { peer });
            return;
        }
        let Some(member) = self.peers.remove(&peer) else {
            return;
        };
        let Some((profile, guest)) = self.guest_mut(member) else {
            return;
        };
        let secondary = !guest.single && guest.publisher.is_some_and(|p| p.id == peer);
        if secondary {
            // It published, and may do so again by a new offer.
            guest.publisher = None;
            guest.heard_in = None;
            let identity = profile.identity.clone();
            let mut spoke = false;
            for track in &mut profile.tracks {
                if track.mid.take().is_some() {
                    track.unbound = Some(now);
                    spoke |= track.info.r#type == TrackType::Audio as i32;
                }
            }
            if spoke {
                let on = false;
                self.events.push_back(Event::Microphone { identity, on });
            }
            self.actions.push_back(Action::Close { peer });
            self.announce(member);
            self.reforward();
            return;
        }
        let leave = leave(DisconnectReason::ConnectionTimeout, AfterLeave::Reconnect);
        self.remove(
            now,
            member,
            DisconnectReason::ConnectionTimeout,
            Some(leave),
        );
    }

    /// Takes a guest's offer.
    pub(super) fn offer(&mut self, id: MemberId, offer: SessionDescription) {
        let peer = self.publisher_peer(id);
        let hear = self.members.get(&id).is_some_and(|m| m.publishes());
        let single = matches!(
            self.members.get(&id).map(|m| &m.seat),
            Some(Seat::Guest(guest)) if guest.single
        );
        let send = self.sending(id).filter(|_| single);
        let forwards = if single {
            self.forwards(id)
        } else {
            Vec::new()
        };
        if let Some(peer) = peer {
            if single && let Some((_, guest)) = self.guest_mut(id) {
                guest.subscriptions.set_relayed(&forwards);
            }
            self.actions.push_back(Action::Answer {
                peer,
                id: offer.id,
                offer: offer.sdp,
                send,
                forwards,
                hear,
            });
        }
    }

    /// Takes a guest's answer to the offer of ours that is out. One that comes
    /// late, or twice, is passed over.
    pub(super) fn answer(&mut self, id: MemberId, answer: SessionDescription) {
        let Some((_, guest)) = self.guest_mut(id) else {
            return;
        };
        guest.numbers |= answer.id != 0;
        let is_for_it = !guest.numbers || answer.id == guest.offers;
        if is_for_it
            && guest.subscriptions.offering
            && let Some(peer) = guest.subscriber
        {
            self.actions.push_back(Action::Accept {
                peer: peer.id,
                answer: answer.sdp,
            });
        }
    }

    /// Offers a guest with two connections what it gets.
    pub(super) fn offer_to(&mut self, id: MemberId) {
        let send = self.sending(id);
        let forwards = self.forwards(id);
        let peer = self.new_peer(id);
        if let Some((_, guest)) = self.guest_mut(id) {
            guest.subscriber = Some(Peer::new(peer));
            guest.subscriptions.told = forwards.iter().map(|f| f.track.clone()).collect();
            guest.subscriptions.set_relayed(&forwards);
            guest.subscriptions.offering = true;
            self.actions.push_back(Action::Offer {
                peer,
                send,
                forwards,
            });
        }
    }

    /// Offers it new ICE credentials.
    pub(super) fn restart(&mut self, id: MemberId) {
        if let Some((_, guest)) = self.guest_mut(id)
            && let Some(peer) = guest.subscriber
        {
            guest.subscriptions.offering = true;
            // A restart carries what the last answer took, and what there was
            // in an offer without an answer.
            guest.subscriptions.told.clear();
            self.actions.push_back(Action::Restart { peer: peer.id });
        }
    }

    /// Tells guests that the avatar is there now.
    pub(super) fn offer_avatar(&mut self, avatar: MemberId) {
        if self
            .members
            .get(&avatar)
            .is_none_or(|m| m.tracks.is_empty())
        {
            return;
        }
        let ids: Vec<MemberId> = self.guests().collect();
        for id in ids {
            let Some((_, guest)) = self.guest_mut(id) else {
                continue;
            };
            if guest.single && guest.publisher.is_some() {
                // Clients offer three sections of each kind from the start.
                self.respond(
                    id,
                    Response::MediaSectionsRequirement(MediaSectionsRequirement::default()),
                );
            }
        }
    }

    /// What a guest gets of the avatar.
    pub(super) fn sending(&self, id: MemberId) -> Option<Sending> {
        if !self.members.get(&id)?.grants.subscribes() {
            return None;
        }
        let mut residents = self.members.values();
        let member = residents.find(|m| matches!(m.seat, Seat::Resident(_)) && m.shows())?;
        let audio = member.track(TrackType::Audio)?;
        let video = member.track(TrackType::Video)?;
        Some(Sending {
            stream: format!("{}|{}", member.sid, video.info.stream),
            audio: audio.info.sid.clone(),
            video: video.info.sid.clone(),
        })
    }

    fn publisher_peer(&mut self, id: MemberId) -> Option<PeerId> {
        let (_, guest) = self.guest_mut(id)?;
        if let Some(peer) = guest.publisher {
            return Some(peer.id);
        }
        let peer = self.new_peer(id);
        self.guest_mut(id)?.1.publisher = Some(Peer::new(peer));
        Some(peer)
    }

    fn new_peer(&mut self, id: MemberId) -> PeerId {
        self.last_peer += 1;
        let peer = PeerId(self.last_peer);
        self.peers.insert(peer, id);
        peer
    }
}

/// Section and track of each section of a description of ours that carries
/// one.
fn sections(sdp: &str) -> impl Iterator<Item = (&str, &str)> {
    sdp.split("\r\nm=").skip(1).filter_map(|section| {
        let line = |name: &str| section.lines().find_map(|l| l.strip_prefix(name));
        let (_, track) = line("a=msid:")?.split_once(' ')?;
        Some((line("a=mid:")?, track))
    })
}
