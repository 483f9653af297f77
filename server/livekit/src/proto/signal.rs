//! What goes over the signalling WebSocket.

use std::collections::HashMap;

use prost::{Enumeration, Message, Oneof};

use super::model::{
    ClientInfo, DisconnectReason, IceServer, ParticipantInfo, Room, ServerInfo, Source, TrackInfo,
    TrackType,
};

/// From the client.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SignalRequest {
    #[prost(
        oneof = "Request",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 19, 20, 22, 23"
    )]
    pub message: Option<Request>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Request {
    #[prost(message, tag = "1")]
    Offer(SessionDescription),
    #[prost(message, tag = "2")]
    Answer(SessionDescription),
    #[prost(message, tag = "3")]
    Trickle(Trickle),
    #[prost(message, tag = "4")]
    AddTrack(AddTrack),
    #[prost(message, tag = "5")]
    Mute(MuteTrack),
    #[prost(message, tag = "6")]
    Subscription(UpdateSubscription),
    #[prost(message, tag = "7")]
    TrackSetting(TrackSettings),
    #[prost(message, tag = "8")]
    Leave(Leave),
    #[prost(message, tag = "11")]
    SubscriptionPermission(SubscriptionPermission),
    #[prost(message, tag = "12")]
    SyncState(SyncState),
    /// Unix time, ms.
    #[prost(int64, tag = "14")]
    Ping(i64),
    #[prost(message, tag = "15")]
    UpdateMetadata(UpdateMetadata),
    #[prost(message, tag = "16")]
    PingReq(Ping),
    #[prost(message, tag = "19")]
    PublishDataTrack(Unread),
    #[prost(message, tag = "20")]
    UnpublishDataTrack(Unread),
    #[prost(message, tag = "22")]
    StoreDataBlob(Unread),
    #[prost(message, tag = "23")]
    GetDataBlob(Unread),
}

/// A message of which only its presence matters.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Unread {}

/// From the server.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SignalResponse {
    #[prost(
        oneof = "Response",
        tags = "1, 2, 3, 4, 5, 6, 8, 9, 11, 16, 17, 18, 19, 20, 21, 22, 23, 25"
    )]
    pub message: Option<Response>,
}

#[derive(Clone, PartialEq, Oneof)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on its way to or from bytes"
)]
pub(crate) enum Response {
    #[prost(message, tag = "1")]
    Join(JoinResponse),
    #[prost(message, tag = "2")]
    Answer(SessionDescription),
    #[prost(message, tag = "3")]
    Offer(SessionDescription),
    #[prost(message, tag = "4")]
    Trickle(Trickle),
    #[prost(message, tag = "5")]
    Update(ParticipantUpdate),
    #[prost(message, tag = "6")]
    TrackPublished(TrackPublished),
    #[prost(message, tag = "8")]
    Leave(Leave),
    #[prost(message, tag = "9")]
    Mute(MuteTrack),
    #[prost(message, tag = "11")]
    RoomUpdate(RoomUpdate),
    #[prost(string, tag = "16")]
    RefreshToken(String),
    #[prost(message, tag = "17")]
    TrackUnpublished(TrackUnpublished),
    /// Unix time, ms.
    #[prost(int64, tag = "18")]
    Pong(i64),
    #[prost(message, tag = "19")]
    Reconnect(ReconnectResponse),
    #[prost(message, tag = "20")]
    PongResp(Pong),
    #[prost(message, tag = "21")]
    SubscriptionResponse(SubscriptionResponse),
    #[prost(message, tag = "22")]
    RequestResponse(RequestResponse),
    #[prost(message, tag = "23")]
    TrackSubscribed(TrackSubscribed),
    #[prost(message, tag = "25")]
    MediaSectionsRequirement(MediaSectionsRequirement),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WrappedJoinRequest {
    #[prost(enumeration = "Compression", tag = "1")]
    pub compression: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub join_request: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Compression {
    None = 0,
    Gzip = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct JoinRequest {
    #[prost(message, optional, tag = "1")]
    pub client_info: Option<ClientInfo>,
    #[prost(message, optional, tag = "2")]
    pub connection_settings: Option<ConnectionSettings>,
    #[prost(string, tag = "3")]
    pub metadata: String,
    #[prost(map = "string, string", tag = "4")]
    pub participant_attributes: HashMap<String, String>,
    #[prost(message, repeated, tag = "5")]
    pub add_track_requests: Vec<AddTrack>,
    #[prost(message, optional, tag = "6")]
    pub publisher_offer: Option<SessionDescription>,
    #[prost(bool, tag = "7")]
    pub reconnect: bool,
    #[prost(int32, tag = "8")]
    pub reconnect_reason: i32,
    #[prost(string, tag = "9")]
    pub participant_sid: String,
    #[prost(message, optional, tag = "10")]
    pub sync_state: Option<SyncState>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectionSettings {
    #[prost(bool, tag = "1")]
    pub auto_subscribe: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct JoinResponse {
    #[prost(message, optional, tag = "1")]
    pub room: Option<Room>,
    #[prost(message, optional, tag = "2")]
    pub participant: Option<ParticipantInfo>,
    #[prost(message, repeated, tag = "3")]
    pub other_participants: Vec<ParticipantInfo>,
    #[prost(message, repeated, tag = "5")]
    pub ice_servers: Vec<IceServer>,
    #[prost(bool, tag = "6")]
    pub subscriber_primary: bool,
    /// Seconds.
    #[prost(int32, tag = "10")]
    pub ping_timeout: i32,
    /// Seconds.
    #[prost(int32, tag = "11")]
    pub ping_interval: i32,
    #[prost(message, optional, tag = "12")]
    pub server_info: Option<ServerInfo>,
    #[prost(bool, tag = "15")]
    pub fast_publish: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReconnectResponse {
    #[prost(message, repeated, tag = "1")]
    pub ice_servers: Vec<IceServer>,
    #[prost(message, optional, tag = "3")]
    pub server_info: Option<ServerInfo>,
    /// The last reliable packet that arrived; the client sends newer ones
    /// again.
    #[prost(uint32, tag = "4")]
    pub last_message_seq: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionDescription {
    /// `offer` or `answer`.
    #[prost(string, tag = "1")]
    pub r#type: String,
    #[prost(string, tag = "2")]
    pub sdp: String,
    /// An answer repeats that of its offer.
    #[prost(uint32, tag = "3")]
    pub id: u32,
    #[prost(map = "string, string", tag = "4")]
    pub mid_to_track_id: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Trickle {
    /// JSON of an `RTCIceCandidateInit`.
    #[prost(string, tag = "1")]
    pub candidate_init: String,
    #[prost(enumeration = "Target", tag = "2")]
    pub target: i32,
    #[prost(bool, tag = "3")]
    pub r#final: bool,
}

/// Which of a client's two connections is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Target {
    Publisher = 0,
    Subscriber = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AddTrack {
    /// The client's own name of the track.
    #[prost(string, tag = "1")]
    pub cid: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(enumeration = "TrackType", tag = "3")]
    pub r#type: i32,
    #[prost(uint32, tag = "4")]
    pub width: u32,
    #[prost(uint32, tag = "5")]
    pub height: u32,
    #[prost(bool, tag = "6")]
    pub muted: bool,
    #[prost(enumeration = "Source", tag = "8")]
    pub source: i32,
    #[prost(string, tag = "11")]
    pub sid: String,
    #[prost(bool, tag = "13")]
    pub disable_red: bool,
    #[prost(string, tag = "15")]
    pub stream: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MuteTrack {
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(bool, tag = "2")]
    pub muted: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpdateSubscription {
    #[prost(string, repeated, tag = "1")]
    pub track_sids: Vec<String>,
    #[prost(bool, tag = "2")]
    pub subscribe: bool,
    #[prost(message, repeated, tag = "3")]
    pub participant_tracks: Vec<ParticipantTracks>,
}

/// Tracks of one participant.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantTracks {
    #[prost(string, tag = "1")]
    pub participant_sid: String,
    #[prost(string, repeated, tag = "2")]
    pub track_sids: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackSettings {
    #[prost(string, repeated, tag = "1")]
    pub track_sids: Vec<String>,
    #[prost(bool, tag = "3")]
    pub disabled: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SubscriptionPermission {
    #[prost(bool, tag = "1")]
    pub all_participants: bool,
    #[prost(message, repeated, tag = "2")]
    pub track_permissions: Vec<TrackPermission>,
}

/// What one participant may have of another.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackPermission {
    #[prost(string, tag = "1")]
    pub participant_sid: String,
    #[prost(bool, tag = "2")]
    pub all_tracks: bool,
    #[prost(string, repeated, tag = "3")]
    pub track_sids: Vec<String>,
    /// In place of `participant_sid`, where that is empty.
    #[prost(string, tag = "4")]
    pub participant_identity: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Leave {
    /// For clients of before `action`.
    #[prost(bool, tag = "1")]
    pub can_reconnect: bool,
    #[prost(enumeration = "DisconnectReason", tag = "2")]
    pub reason: i32,
    #[prost(enumeration = "Action", tag = "3")]
    pub action: i32,
}

/// What a client does after `leave`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Action {
    Disconnect = 0,
    Resume = 1,
    Reconnect = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SyncState {
    #[prost(message, optional, tag = "1")]
    pub answer: Option<SessionDescription>,
    #[prost(message, optional, tag = "2")]
    pub subscription: Option<UpdateSubscription>,
    #[prost(message, repeated, tag = "3")]
    pub publish_tracks: Vec<TrackPublished>,
    #[prost(message, optional, tag = "5")]
    pub offer: Option<SessionDescription>,
    #[prost(message, repeated, tag = "7")]
    pub datachannel_receive_states: Vec<ReceiveState>,
}

/// What a client has received of one sender.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReceiveState {
    #[prost(string, tag = "1")]
    pub publisher_sid: String,
    #[prost(uint32, tag = "2")]
    pub last_seq: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantUpdate {
    #[prost(message, repeated, tag = "1")]
    pub participants: Vec<ParticipantInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackPublished {
    #[prost(string, tag = "1")]
    pub cid: String,
    #[prost(message, optional, tag = "2")]
    pub track: Option<TrackInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackUnpublished {
    #[prost(string, tag = "1")]
    pub track_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackSubscribed {
    #[prost(string, tag = "1")]
    pub track_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoomUpdate {
    #[prost(message, optional, tag = "1")]
    pub room: Option<Room>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ping {
    /// Unix time, ms.
    #[prost(int64, tag = "1")]
    pub timestamp: i64,
    /// Ms.
    #[prost(int64, tag = "2")]
    pub rtt: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pong {
    #[prost(int64, tag = "1")]
    pub last_ping_timestamp: i64,
    /// Unix time, ms.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// What became of a subscription.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SubscriptionResponse {
    #[prost(string, tag = "1")]
    pub track_sid: String,
    #[prost(enumeration = "SubscriptionError", tag = "2")]
    pub err: i32,
}

/// Why a track cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum SubscriptionError {
    Unknown = 0,
    CodecUnsupported = 1,
    TrackNotFound = 2,
}

/// How many more sections the client's next offer needs.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MediaSectionsRequirement {
    #[prost(uint32, tag = "1")]
    pub num_audios: u32,
    #[prost(uint32, tag = "2")]
    pub num_videos: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpdateMetadata {
    #[prost(string, tag = "1")]
    pub metadata: String,
    #[prost(string, tag = "2")]
    pub name: String,
    /// Empty values remove.
    #[prost(map = "string, string", tag = "3")]
    pub attributes: HashMap<String, String>,
    #[prost(uint32, tag = "4")]
    pub request_id: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestResponse {
    #[prost(uint32, tag = "1")]
    pub request_id: u32,
    #[prost(enumeration = "Refusal", tag = "2")]
    pub reason: i32,
    #[prost(string, tag = "3")]
    pub message: String,
}

/// `RequestResponse.Reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Refusal {
    Ok = 0,
    NotFound = 1,
    NotAllowed = 2,
    LimitExceeded = 3,
    Queued = 4,
    UnsupportedType = 5,
}
