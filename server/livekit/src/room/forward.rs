//! Tracks of guests on their way to the other guests: who gets which.

use std::collections::{BTreeMap, BTreeSet};

use crate::proto::{
    MediaSectionsRequirement, ParticipantTracks, Response, Source, SubscriptionError,
    SubscriptionPermission, SubscriptionResponse, TrackInfo, TrackType, UpdateSubscription,
};

use super::member::{Guest, Member, Profile, Seat};
use super::publish::MOST_TRACKS;
use super::{Action, MAX_GUESTS, MemberId, PeerId, Room, Side};

/// Tracks of guests that a room passes on. Each goes to each of the others, so
/// this bounds what a room costs, and with two of the avatar's own it fits into
/// one description.
pub(super) const MOST_FORWARDED: usize = 16;

/// Wishes about single tracks that are remembered of one guest; those about
/// tracks that are gone are forgotten then. A room has far fewer tracks.
const MOST_WISHES: usize = 256;

/// A track of one guest that is passed on to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Over which connection it comes.
    pub from: PeerId,
    /// In which of its sections.
    pub mid: String,
    /// Sound or pictures.
    pub side: Side,
    /// Name of the media stream in the description.
    pub stream: String,
    /// The same where the section had another track before: clients go on to
    /// call it as that one, and learn of the new one by the stream alone.
    pub renamed: String,
    /// Name of the track.
    pub track: String,
}

/// What one guest gets, and wants to get, of the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    /// Whether it gets what it has not spoken about.
    auto: bool,
    /// What it has spoken about, by track.
    wishes: BTreeMap<String, bool>,
    /// The tracks of the last description.
    pub told: BTreeSet<String>,
    /// The tracks that its connection may pass on.
    relayed: BTreeSet<String>,
    /// What it was asked to offer anew for, and whether sections were asked
    /// for as well. Once each, so that a client that does not do it is not
    /// asked without end.
    asked: Option<(BTreeSet<String>, bool)>,
    /// An offer of ours is out, of a guest with two connections.
    pub offering: bool,
    /// Tracks of which it was told that it cannot decode them.
    refused: BTreeSet<String>,
}

impl Subscriptions {
    pub(super) fn new(auto: bool) -> Self {
        Self {
            auto,
            ..Self::default()
        }
    }

    /// Its connection passes these on, once they have sections.
    pub(super) fn set_relayed(&mut self, forwards: &[Forward]) {
        self.relayed = names(forwards);
    }

    /// Whether its connection passes on what it must not, or holds back what
    /// it was told of.
    fn is_stale(&self, wanted: &BTreeSet<String>) -> bool {
        let mut told = self.told.intersection(wanted);
        !self.relayed.is_subset(wanted) || told.any(|track| !self.relayed.contains(track))
    }

    /// How many wishes and refusals are remembered.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.wishes.len(), self.refused.len())
    }

    fn wants(&self, track: &str) -> bool {
        self.wishes.get(track).copied().unwrap_or(self.auto)
    }
}

/// Whom a guest lets have its tracks.
#[derive(Clone, Debug, Default)]
pub(super) struct Audience(Option<SubscriptionPermission>);

impl Audience {
    /// How many guests and tracks are named.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let named = self.0.iter().flat_map(|p| &p.track_permissions);
        let tracks = named.clone().map(|one| one.track_sids.len()).sum();
        (named.count(), tracks)
    }

    fn admits(&self, to: &Profile, track: &str) -> bool {
        let Some(permission) = &self.0 else {
            return true;
        };
        let is_named = |one: &crate::proto::TrackPermission| {
            let same = if one.participant_sid.is_empty() {
                one.participant_identity == to.identity
            } else {
                one.participant_sid == to.sid
            };
            same && (one.all_tracks || one.track_sids.iter().any(|sid| sid == track))
        };
        permission.all_participants || permission.track_permissions.iter().any(is_named)
    }
}

/// Tracks of one source are played in step with those of its companion.
pub(super) fn stream_of(info: &TrackInfo) -> &str {
    if !info.stream.is_empty() {
        return &info.stream;
    }
    match Source::try_from(info.source) {
        Ok(Source::ScreenShare | Source::ScreenShareAudio) => "screenshare",
        _ => "camera",
    }
}

impl Room {
    /// What a guest gets of the others.
    pub(super) fn forwards(&self, id: MemberId) -> Vec<Forward> {
        let Some(Member { profile, seat }) = self.members.get(&id) else {
            return Vec::new();
        };
        let Seat::Guest(guest) = seat else {
            return Vec::new();
        };
        if !profile.grants.subscribes() {
            return Vec::new();
        }
        let mut forwards = Vec::new();
        for (other, member) in &self.members {
            let Seat::Guest(from) = &member.seat else {
                continue;
            };
            let Some(peer) = from.publisher.filter(|_| *other != id) else {
                continue;
            };
            if member.grants.hidden {
                continue;
            }
            for track in &member.tracks {
                let sid = &track.info.sid;
                let Some(mid) = &track.mid else {
                    continue;
                };
                if guest.subscriptions.wants(sid) && from.audience.admits(profile, sid) {
                    forwards.push(Forward {
                        from: peer.id,
                        mid: mid.clone(),
                        side: if track.info.r#type == TrackType::Video as i32 {
                            Side::Video
                        } else {
                            Side::Audio
                        },
                        stream: format!("{}|{}", member.sid, stream_of(&track.info)),
                        renamed: format!("{}|{sid}", member.sid),
                        track: sid.clone(),
                    });
                }
            }
        }
        forwards
    }

    /// Sees to it that everybody gets what there is for them now. One with a
    /// single connection is asked for an offer, which only clients can make
    /// there; another is made one.
    pub(super) fn reforward(&mut self) {
        let ids: Vec<MemberId> = self.guests().collect();
        for id in ids {
            self.reforward_to(id);
        }
    }

    /// The same for one guest. What it may no longer have ends at once, whether
    /// or not it negotiates.
    fn reforward_to(&mut self, id: MemberId) {
        let forwards = self.forwards(id);
        let wanted = names(&forwards);
        let Some((_, guest)) = self.guest_mut(id) else {
            return;
        };
        let is_told = guest.subscriptions.told == wanted;
        if let Some(peer) = guest.subscriber
            && !is_told
            && !guest.subscriptions.offering
        {
            guest.subscriptions.offering = true;
            guest.subscriptions.told.clone_from(&wanted);
            guest.subscriptions.relayed = wanted;
            let peer = peer.id;
            self.actions.push_back(Action::Reoffer { peer, forwards });
            return;
        }
        let peer = guest.receives().map(|peer| peer.id);
        let stale = guest.subscriptions.is_stale(&wanted);
        if let Some(peer) = peer.filter(|_| stale) {
            guest.subscriptions.relayed.clone_from(&wanted);
            self.actions.push_back(Action::Relay { peer, forwards });
        }
        let Some((_, guest)) = self.guest_mut(id) else {
            return;
        };
        let asked = &mut guest.subscriptions.asked;
        if is_told {
            *asked = None;
            return;
        }
        let known = asked.as_ref().is_some_and(|(asked, _)| *asked == wanted);
        if guest.single && guest.publisher.is_some() && !known {
            *asked = Some((wanted, false));
            // Clients offer three sections of each kind from the start.
            let none = MediaSectionsRequirement::default();
            self.respond(id, Response::MediaSectionsRequirement(none));
        }
    }

    /// An answer of ours has brought a guest these tracks. Those that found no
    /// section need further ones.
    pub(super) fn forwarded(&mut self, id: MemberId, tracks: BTreeSet<String>, no_pictures: bool) {
        let forwards = self.forwards(id);
        if no_pictures {
            self.refuse_pictures(id, &forwards);
        }
        let wanted = names(&forwards);
        let Some((_, guest)) = self.guest_mut(id) else {
            return;
        };
        let missing = |side| {
            let missing = forwards.iter().filter(|f| !tracks.contains(&f.track));
            missing.filter(|f| f.side == side).count() as u32
        };
        let (num_audios, num_videos) = (missing(Side::Audio), missing(Side::Video));
        // Further sections would have no better codecs.
        let num_videos = if no_pictures { 0 } else { num_videos };
        guest.subscriptions.told = tracks;
        if num_audios + num_videos == 0 {
            guest.subscriptions.asked = None;
            return;
        }
        let asked = Some((wanted, true));
        if guest.subscriptions.asked != asked {
            guest.subscriptions.asked = asked;
            let requirement = MediaSectionsRequirement {
                num_audios,
                num_videos,
            };
            self.respond(id, Response::MediaSectionsRequirement(requirement));
        }
    }

    /// Tells a guest that it cannot decode the pictures there are, once each.
    pub(super) fn refuse_pictures(&mut self, id: MemberId, forwards: &[Forward]) {
        let forwards = forwards.iter().filter(|f| f.side == Side::Video);
        let avatar = self.sending(id).map(|sending| sending.video);
        let tracks: Vec<String> = forwards.map(|f| f.track.clone()).chain(avatar).collect();
        if let Some((_, guest)) = self.guest_mut(id) {
            guest
                .subscriptions
                .refused
                .retain(|sid| tracks.contains(sid));
        }
        for track_sid in tracks {
            let Some((_, guest)) = self.guest_mut(id) else {
                return;
            };
            if guest.subscriptions.refused.insert(track_sid.clone()) {
                let err = SubscriptionError::CodecUnsupported as i32;
                let response = SubscriptionResponse { track_sid, err };
                self.respond(id, Response::SubscriptionResponse(response));
            }
        }
    }

    /// A guest says which tracks it wants.
    pub(super) fn subscribe(&mut self, id: MemberId, update: UpdateSubscription) {
        let tracks = self.members.values().flat_map(|m| &m.tracks);
        let there: BTreeSet<String> = tracks.map(|t| t.info.sid.clone()).collect();
        let Some((_, guest)) = self.guest_mut(id) else {
            return;
        };
        let wishes = &mut guest.subscriptions.wishes;
        let of_participants = update.participant_tracks.into_iter();
        let of_participants =
            of_participants.flat_map(|tracks: ParticipantTracks| tracks.track_sids);
        for sid in update.track_sids.into_iter().chain(of_participants) {
            if wishes.len() >= MOST_WISHES && !wishes.contains_key(&sid) {
                wishes.retain(|sid, _| there.contains(sid));
            }
            wishes.insert(sid, update.subscribe);
        }
        self.reforward_to(id);
    }

    /// A guest says who may have its tracks; of more guests or tracks than
    /// there can be, the first ones count.
    pub(super) fn admit(&mut self, id: MemberId, mut permission: SubscriptionPermission) {
        permission.track_permissions.truncate(MAX_GUESTS);
        permission.track_permissions.shrink_to_fit();
        for one in &mut permission.track_permissions {
            one.track_sids.truncate(MOST_TRACKS);
            one.track_sids.shrink_to_fit();
        }
        if let Some((_, guest)) = self.guest_mut(id) {
            guest.audience = Audience(Some(permission));
            self.reforward();
        }
    }

    /// Whether guests may publish one more track. What nobody gets does not
    /// count.
    pub(super) fn has_room_for_track(&self) -> bool {
        let guests = self.members.values();
        let seen = guests.filter(|m| matches!(m.seat, Seat::Guest(_)) && !m.grants.hidden);
        seen.map(|m| m.tracks.len()).sum::<usize>() < MOST_FORWARDED
    }
}

impl Guest {
    /// What it has to be told anew after its connection was replaced.
    pub(super) fn forget_offer(&mut self) {
        self.subscriptions.offering = false;
        self.subscriptions.asked = None;
    }
}

fn names(forwards: &[Forward]) -> BTreeSet<String> {
    forwards.iter().map(|f| f.track.clone()).collect()
}
