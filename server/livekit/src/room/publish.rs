//! What guests publish: tracks they ask for, and the sections these come in.

use std::time::{Duration, Instant};

use crate::proto::{
    AddTrack, Refusal, RequestResponse, Response, Source, TrackInfo, TrackPublished,
    TrackSubscribed, TrackType, TrackUnpublished,
};

use super::media::{Heard, Side};
use super::member::{Profile, Track};
use super::{Action, Event, MemberId, Room};

/// Tracks that one guest may publish: microphone, camera, a screen with
/// sound, twice for changes between devices.
pub(super) const MOST_TRACKS: usize = 8;

/// How long a track may wait for its section. The guest's offer follows at
/// once, or after it has taken its connection up again; a client that failed to
/// make one tries with another track.
pub(super) const BINDING: Duration = Duration::from_secs(30);

/// What an offer changed about a guest's tracks.
#[derive(Default)]
pub(super) struct Bound {
    new: Vec<TrackInfo>,
    gone: Vec<TrackInfo>,
}

impl Room {
    /// A guest wants to publish a track.
    pub(super) fn add_track(&mut self, now: Instant, id: MemberId, wanted: AddTrack) {
        let sid = self.ids.sid(if wanted.r#type == TrackType::Video as i32 {
            "TR_V"
        } else {
            "TR_A"
        });
        let has_room = self.has_room_for_track();
        let Some((profile, _)) = self.guest_mut(id) else {
            return;
        };
        let is_known = profile.tracks.iter().any(|t| t.cid == wanted.cid);
        let source = Source::try_from(wanted.source).unwrap_or(Source::Unknown);
        let refusal = if !profile.grants.publishes_from(source) {
            Some((Refusal::NotAllowed, "the token does not allow to publish"))
        } else if profile.tracks.len() >= MOST_TRACKS && !is_known {
            Some((Refusal::LimitExceeded, "too many tracks"))
        } else if !has_room && !is_known {
            Some((Refusal::LimitExceeded, "too many tracks in this room"))
        } else {
            None
        };
        if let Some((reason, message)) = refusal {
            self.respond(
                id,
                Response::RequestResponse(RequestResponse {
                    request_id: 0,
                    reason: reason as i32,
                    message: message.to_owned(),
                }),
            );
            return;
        }
        let known = profile.tracks.iter().find(|t| t.cid == wanted.cid);
        let info = known.map_or_else(
            || TrackInfo {
                sid,
                r#type: wanted.r#type,
                name: wanted.name,
                muted: wanted.muted,
                width: wanted.width,
                height: wanted.height,
                source: wanted.source,
                mime_type: match TrackType::try_from(wanted.r#type) {
                    Ok(TrackType::Video) => "video/H264".to_owned(),
                    _ => "audio/opus".to_owned(),
                },
                mid: String::new(),
                disable_red: wanted.disable_red,
                stream: wanted.stream,
            },
            |track| track.info.clone(),
        );
        if known.is_none() {
            profile.tracks.push(Track {
                info: info.clone(),
                cid: wanted.cid.clone(),
                mid: None,
                unbound: Some(now),
            });
        }
        self.respond(
            id,
            Response::TrackPublished(TrackPublished {
                cid: wanted.cid,
                track: Some(info),
            }),
        );
    }

    /// When the next track of a guest has waited too long for its section.
    pub(super) fn binding_ends(profile: &Profile) -> Option<Instant> {
        let unbound = profile.tracks.iter().filter_map(|track| track.unbound);
        unbound.min().map(|since| since + BINDING)
    }

    /// Forgets the tracks that have: they keep others from being published.
    pub(super) fn forget_unbound(&mut self, now: Instant, id: MemberId) {
        let Some((profile, _)) = self.guest_mut(id) else {
            return;
        };
        let is_over = |track: &mut Track| track.unbound.is_some_and(|at| at + BINDING <= now);
        let over: Vec<Track> = profile.tracks.extract_if(.., is_over).collect();
        for track in over {
            let track_sid = track.info.sid;
            self.respond(
                id,
                Response::TrackUnpublished(TrackUnpublished { track_sid }),
            );
        }
    }

    /// A guest mutes a track or lets it be heard again.
    pub(super) fn mute(&mut self, id: MemberId, sid: &str, muted: bool) {
        let Some((profile, _)) = self.guest_mut(id) else {
            return;
        };
        let identity = profile.identity.clone();
        let Some(track) = profile.tracks.iter_mut().find(|t| t.info.sid == sid) else {
            return;
        };
        track.info.muted = muted;
        if track.info.r#type == TrackType::Audio as i32 && track.mid.is_some() {
            let on = !muted;
            self.events.push_back(Event::Microphone { identity, on });
        }
        self.announce(id);
    }

    /// Finds the tracks of the sections in an offer; those whose section is
    /// gone are unpublished.
    pub(super) fn bind(&mut self, id: MemberId, heard: &[Heard]) -> Bound {
        let mut bound = Bound::default();
        let Some((profile, _)) = self.guest_mut(id) else {
            return bound;
        };
        profile.tracks.retain(|track| {
            let gone = track
                .mid
                .as_ref()
                .is_some_and(|mid| heard.iter().all(|h| h.mid != *mid));
            if gone {
                bound.gone.push(track.info.clone());
            }
            !gone
        });
        for section in heard {
            let tracks = &mut profile.tracks;
            if tracks.iter().any(|t| t.mid.as_ref() == Some(&section.mid)) {
                continue;
            }
            let kind = match section.side {
                Side::Audio => TrackType::Audio,
                Side::Video => TrackType::Video,
            } as i32;
            // Firefox puts the name of a track in braces; the newest Python
            // client names none, so there the order decides.
            let bare = |name: &str| name.trim_matches(['{', '}']).to_owned();
            let named = section.track.as_deref().map(bare);
            let free = |t: &Track| t.mid.is_none() && t.info.r#type == kind;
            let index = tracks
                .iter()
                .position(|t| free(t) && Some(bare(&t.cid)) == named)
                .or_else(|| tracks.iter().position(free));
            if let Some(track) = index.and_then(|index| tracks.get_mut(index)) {
                track.mid = Some(section.mid.clone());
                track.unbound = None;
                track.info.mid.clone_from(&section.mid);
                bound.new.push(track.info.clone());
            }
        }
        bound
    }

    /// Sees to it that the guest's microphone is heard and nothing else of it.
    pub(super) fn hear(&mut self, id: MemberId) {
        let Some((profile, guest)) = self.guest_mut(id) else {
            return;
        };
        let mid = profile.microphone();
        if let Some(peer) = guest.publisher.filter(|_| guest.heard_in != mid) {
            guest.heard_in.clone_from(&mid);
            let peer = peer.id;
            self.actions.push_back(Action::Hear { peer, mid });
        }
    }

    /// Tells of what an offer brought and took away.
    pub(super) fn publish(&mut self, id: MemberId, bound: Bound) {
        if bound.new.is_empty() && bound.gone.is_empty() {
            return;
        }
        let identity = self
            .members
            .get(&id)
            .map(|m| m.identity.clone())
            .unwrap_or_default();
        let audio = TrackType::Audio as i32;
        for track in bound.gone {
            let track_sid = track.sid;
            self.respond(
                id,
                Response::TrackUnpublished(TrackUnpublished { track_sid }),
            );
            if track.r#type == audio {
                let (identity, on) = (identity.clone(), false);
                self.events.push_back(Event::Microphone { identity, on });
            }
        }
        for track in bound.new {
            let track_sid = track.sid;
            self.respond(id, Response::TrackSubscribed(TrackSubscribed { track_sid }));
            if track.r#type == audio {
                let (identity, on) = (identity.clone(), !track.muted);
                self.events.push_back(Event::Microphone { identity, on });
            }
        }
        self.announce(id);
        self.reforward();
    }
}
