//! One participant.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use bytes::Bytes;

use crate::agent::Contract;
use crate::ids::Ids;
use crate::join::Join;
use crate::proto::{
    DisconnectReason, Kind as ProtoKind, ParticipantInfo, Permission, Source, State, TrackInfo,
    TrackType,
};
use crate::token::{Claims, Grants, Kind};

use super::forward::{Audience, Subscriptions};
use super::{ConnId, PeerId};

/// Tracks of one stream are played in step.
const STREAM: &str = "camera";

/// A participant whom the server speaks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Unique in the room.
    pub identity: String,
    /// Shown to people.
    pub name: String,
    /// Free pairs.
    pub attributes: BTreeMap<String, String>,
    /// Width and height of its picture, pixels; `None` for one that only sends
    /// data.
    pub picture: Option<(u32, u32)>,
}

/// A published track.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub info: TrackInfo,
    /// The guest's own name of it.
    pub cid: String,
    /// Its section, once an offer had one.
    pub mid: Option<String>,
    /// Since when a guest's has had none.
    pub unbound: Option<Instant>,
}

impl Track {
    /// Whether there is something to be had of it.
    fn is_there(&self) -> bool {
        self.unbound.is_none()
    }
}

/// What the room keeps of every participant.
#[derive(Debug)]
pub(super) struct Profile {
    pub sid: String,
    pub identity: String,
    pub name: String,
    pub kind: Kind,
    pub metadata: String,
    pub attributes: BTreeMap<String, String>,
    pub grants: Grants,
    pub state: State,
    pub reason: DisconnectReason,
    pub version: u32,
    pub tracks: Vec<Track>,
    /// Number of its last reliable packet.
    pub received: u32,
    /// Unix time, ms.
    joined_ms: i64,
}

/// A peer connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub id: PeerId,
    pub connected: bool,
    /// Whether the channels are open.
    pub reliable: bool,
    pub lossy: bool,
}

impl Peer {
    pub(super) const fn new(id: PeerId) -> Self {
        Self {
            id,
            connected: false,
            reliable: false,
            lossy: false,
        }
    }
}

/// What the room keeps of one that connects.
#[derive(Debug)]
pub(super) struct Guest {
    pub claims: Claims,
    /// One peer connection for both directions, which is `publisher`.
    pub single: bool,
    pub conn: Option<ConnId>,
    /// When something last came over the connection.
    pub heard: Instant,
    /// Since when there is no connection.
    pub lost: Option<Instant>,
    pub refresh_at: Instant,
    pub publisher: Option<Peer>,
    pub subscriber: Option<Peer>,
    /// What it gets of the others.
    pub subscriptions: Subscriptions,
    /// Who gets what it publishes.
    pub audience: Audience,
    /// The section of its microphone that is heard.
    pub heard_in: Option<String>,
    /// Number of the last offer that was made to it.
    pub offers: u32,
    /// Whether its answers name the offer that they are for.
    pub numbers: bool,
    /// Reliable packets that wait for the channel, and their bytes.
    pub waiting: VecDeque<Bytes>,
    pub waiting_bytes: usize,
    /// Number of the last reliable packet to it, by the sender's sid.
    pub sequences: BTreeMap<String, u32>,
}

impl Guest {
    pub(super) fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.publisher.iter().chain(&self.subscriber).map(|p| p.id)
    }

    pub(super) fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.publisher
            .iter_mut()
            .chain(&mut self.subscriber)
            .find(|p| p.id == id)
    }

    /// The connection by which it gets data.
    pub(super) fn receives(&self) -> Option<&Peer> {
        if self.single {
            self.publisher.as_ref()
        } else {
            self.subscriber.as_ref()
        }
    }
}

pub(super) enum Seat {
    Resident(Box<Contract>),
    Guest(Box<Guest>),
}

/// One participant.
pub(super) struct Member {
    pub profile: Profile,
    pub seat: Seat,
}

impl Deref for Member {
    type Target = Profile;
    fn deref(&self) -> &Profile {
        &self.profile
    }
}

impl DerefMut for Member {
    fn deref_mut(&mut self) -> &mut Profile {
        &mut self.profile
    }
}

impl Member {
    pub(super) fn resident(resident: &Resident, sid: String, now_ms: i64, ids: &mut Ids) -> Self {
        let mut track = |kind, name: &str, source, mime: &str, (width, height)| Track {
            info: TrackInfo {
                sid: ids.sid(if kind == TrackType::Audio {
                    "TR_AM"
                } else {
                    "TR_VC"
                }),
                r#type: kind as i32,
                name: name.to_owned(),
                source: source as i32,
                mime_type: mime.to_owned(),
                width,
                height,
                disable_red: true,
                stream: STREAM.to_owned(),
                ..TrackInfo::default()
            },
            cid: String::new(),
            mid: None,
            unbound: None,
        };
        let tracks = resident.picture.map(|size| {
            vec![
                track(
                    TrackType::Audio,
                    "avatar_audio",
                    Source::Microphone,
                    "audio/opus",
                    (0, 0),
                ),
                track(
                    TrackType::Video,
                    "avatar_video",
                    Source::Camera,
                    "video/H264",
                    size,
                ),
            ]
        });
        Self {
            profile: Profile {
                sid,
                identity: resident.identity.clone(),
                name: resident.name.clone(),
                kind: Kind::Agent,
                metadata: String::new(),
                attributes: resident.attributes.clone(),
                grants: Grants::default(),
                state: State::Active,
                reason: DisconnectReason::UnknownReason,
                version: 0,
                tracks: tracks.unwrap_or_default(),
                received: 0,
                joined_ms: now_ms,
            },
            seat: Seat::Resident(Box::default()),
        }
    }

    pub(super) fn guest(
        now: Instant,
        conn: ConnId,
        claims: Claims,
        join: &Join,
        sid: String,
        now_ms: i64,
    ) -> Self {
        let own = claims.grants.describes_itself();
        let mut attributes = claims.attributes.clone();
        let mut metadata = claims.metadata.clone();
        if own {
            attributes.extend(join.request.participant_attributes.clone());
            if !join.request.metadata.is_empty() {
                metadata.clone_from(&join.request.metadata);
            }
        }
        Self {
            profile: Profile {
                sid,
                identity: claims.identity.clone(),
                name: claims.name.clone(),
                kind: claims.kind,
                metadata,
                attributes,
                grants: claims.grants.clone(),
                state: State::Joined,
                reason: DisconnectReason::UnknownReason,
                version: 0,
                tracks: Vec::new(),
                received: 0,
                joined_ms: now_ms,
            },
            seat: Seat::Guest(Box::new(Guest {
                claims,
                single: join.single,
                conn: Some(conn),
                heard: now,
                lost: None,
                refresh_at: now,
                publisher: None,
                subscriber: None,
                subscriptions: Subscriptions::new(join.subscribes()),
                audience: Audience::default(),
                heard_in: None,
                offers: 0,
                numbers: false,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                sequences: BTreeMap::new(),
            })),
        }
    }
}

impl Profile {
    pub(super) fn publishes(&self) -> bool {
        self.grants.publishes()
    }

    /// Whether it has pictures.
    pub(super) fn shows(&self) -> bool {
        self.track(TrackType::Video).is_some()
    }

    /// The track of a kind that others get.
    pub(super) fn track(&self, kind: TrackType) -> Option<&Track> {
        self.tracks.iter().find(|t| t.info.r#type == kind as i32)
    }

    /// The section of its microphone: a track that was published as one, or
    /// without a source, which only guests may who are not limited to some.
    pub(super) fn microphone(&self) -> Option<String> {
        let audio = TrackType::Audio as i32;
        let sources = [Source::Microphone as i32, Source::Unknown as i32];
        let mut tracks = self.tracks.iter();
        let is = |t: &&Track| {
            t.info.r#type == audio && sources.contains(&t.info.source) && t.mid.is_some()
        };
        tracks.find(is)?.mid.clone()
    }

    /// The sources that it is limited to, if it is.
    fn sources(&self) -> Vec<i32> {
        let named = self.grants.can_publish_sources.iter().flatten();
        let sources = named.filter_map(|name| (1..=4).find(|n| is_named(*n, name)));
        sources.collect()
    }

    /// What others are told.
    pub(super) fn info(&self) -> ParticipantInfo {
        let tracks = self.tracks.iter().filter(|track| track.is_there());
        let tracks: Vec<TrackInfo> = tracks.map(|track| track.info.clone()).collect();
        ParticipantInfo {
            sid: self.sid.clone(),
            identity: self.identity.clone(),
            state: self.state as i32,
            metadata: self.metadata.clone(),
            joined_at: self.joined_ms / 1_000,
            name: self.name.clone(),
            version: self.version,
            permission: Some(Permission {
                can_subscribe: self.grants.subscribes(),
                can_publish: self.grants.publishes(),
                can_publish_data: self.grants.sends_data(),
                hidden: self.grants.hidden,
                can_publish_sources: self.sources(),
                can_update_metadata: self.grants.describes_itself(),
                agent: self.kind == Kind::Agent,
            }),
            is_publisher: !tracks.is_empty(),
            tracks,
            kind: match self.kind {
                Kind::Agent => ProtoKind::Agent,
                _ => ProtoKind::Standard,
            } as i32,
            attributes: self.attributes.clone().into_iter().collect(),
            disconnect_reason: self.reason as i32,
            joined_at_ms: self.joined_ms,
            client_protocol: 0,
        }
    }
}

fn is_named(source: i32, name: &str) -> bool {
    Source::try_from(source).is_ok_and(|source| source.name() == name)
}
