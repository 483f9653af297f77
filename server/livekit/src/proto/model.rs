//! Rooms, participants and tracks.

use std::collections::HashMap;

use prost::{Enumeration, Message};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Room {
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(string, tag = "2")]
    pub name: String,
    /// Unix time, seconds.
    #[prost(int64, tag = "5")]
    pub creation_time: i64,
    #[prost(uint32, tag = "9")]
    pub num_participants: u32,
    #[prost(uint32, tag = "11")]
    pub num_publishers: u32,
    /// Unix time, ms.
    #[prost(int64, tag = "15")]
    pub creation_time_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantInfo {
    /// Begins with `PA_`.
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(string, tag = "2")]
    pub identity: String,
    #[prost(enumeration = "State", tag = "3")]
    pub state: i32,
    #[prost(message, repeated, tag = "4")]
    pub tracks: Vec<TrackInfo>,
    #[prost(string, tag = "5")]
    pub metadata: String,
    /// Unix time, seconds.
    #[prost(int64, tag = "6")]
    pub joined_at: i64,
    #[prost(string, tag = "9")]
    pub name: String,
    /// Grows with every change; clients drop what is older than they have.
    #[prost(uint32, tag = "10")]
    pub version: u32,
    #[prost(message, optional, tag = "11")]
    pub permission: Option<Permission>,
    #[prost(bool, tag = "13")]
    pub is_publisher: bool,
    #[prost(enumeration = "Kind", tag = "14")]
    pub kind: i32,
    #[prost(map = "string, string", tag = "15")]
    pub attributes: HashMap<String, String>,
    #[prost(enumeration = "DisconnectReason", tag = "16")]
    pub disconnect_reason: i32,
    /// Unix time, ms.
    #[prost(int64, tag = "17")]
    pub joined_at_ms: i64,
    /// 0: this side takes RPC as packets (version 1) and streams in plain
    /// chunks; a client that reads 0 uses no other.
    #[prost(int32, tag = "20")]
    pub client_protocol: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum State {
    Joining = 0,
    Joined = 1,
    Active = 2,
    Disconnected = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Kind {
    Standard = 0,
    Ingress = 1,
    Egress = 2,
    Sip = 3,
    Agent = 4,
    Connector = 7,
    Bridge = 8,
}

#[derive(Clone, PartialEq, Message)]
#[expect(clippy::struct_excessive_bools, reason = "so it is on the wire")]
pub(crate) struct Permission {
    #[prost(bool, tag = "1")]
    pub can_subscribe: bool,
    #[prost(bool, tag = "2")]
    pub can_publish: bool,
    #[prost(bool, tag = "3")]
    pub can_publish_data: bool,
    #[prost(bool, tag = "7")]
    pub hidden: bool,
    #[prost(enumeration = "Source", repeated, tag = "9")]
    pub can_publish_sources: Vec<i32>,
    #[prost(bool, tag = "10")]
    pub can_update_metadata: bool,
    #[prost(bool, tag = "11")]
    pub agent: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackInfo {
    /// Begins with `TR_`.
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(enumeration = "TrackType", tag = "2")]
    pub r#type: i32,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(bool, tag = "4")]
    pub muted: bool,
    #[prost(uint32, tag = "5")]
    pub width: u32,
    #[prost(uint32, tag = "6")]
    pub height: u32,
    #[prost(enumeration = "Source", tag = "9")]
    pub source: i32,
    #[prost(string, tag = "11")]
    pub mime_type: String,
    #[prost(string, tag = "12")]
    pub mid: String,
    #[prost(bool, tag = "15")]
    pub disable_red: bool,
    /// Tracks of one stream are played in step.
    #[prost(string, tag = "17")]
    pub stream: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum TrackType {
    Audio = 0,
    Video = 1,
    Data = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum Source {
    Unknown = 0,
    Camera = 1,
    Microphone = 2,
    ScreenShare = 3,
    ScreenShareAudio = 4,
}

impl Source {
    /// As tokens name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::ScreenShare => "screen_share",
            Self::ScreenShareAudio => "screen_share_audio",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum DisconnectReason {
    UnknownReason = 0,
    ClientInitiated = 1,
    DuplicateIdentity = 2,
    ServerShutdown = 3,
    ParticipantRemoved = 4,
    RoomDeleted = 5,
    StateMismatch = 6,
    JoinFailure = 7,
    Migration = 8,
    SignalClose = 9,
    RoomClosed = 10,
    UserUnavailable = 11,
    UserRejected = 12,
    SipTrunkFailure = 13,
    ConnectionTimeout = 14,
    MediaFailure = 15,
    AgentError = 16,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerInfo {
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(int32, tag = "3")]
    pub protocol: i32,
    #[prost(string, tag = "5")]
    pub node_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct IceServer {
    #[prost(string, repeated, tag = "1")]
    pub urls: Vec<String>,
    #[prost(string, tag = "2")]
    pub username: String,
    #[prost(string, tag = "3")]
    pub credential: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClientInfo {
    #[prost(int32, tag = "1")]
    pub sdk: i32,
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(int32, tag = "3")]
    pub protocol: i32,
    #[prost(string, tag = "4")]
    pub os: String,
    #[prost(int32, tag = "12")]
    pub client_protocol: i32,
}
