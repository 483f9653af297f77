//! What goes over the data channels.

use std::collections::HashMap;

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DataPacket {
    #[prost(string, tag = "4")]
    pub participant_identity: String,
    /// Empty: everybody.
    #[prost(string, repeated, tag = "5")]
    pub destination_identities: Vec<String>,
    #[prost(oneof = "Value", tags = "2, 7, 9, 10, 11, 12, 13, 14, 15, 18")]
    pub value: Option<Value>,
    /// Of reliable packets, from 1, for each sender and receiver.
    #[prost(uint32, tag = "16")]
    pub sequence: u32,
    #[prost(string, tag = "17")]
    pub participant_sid: String,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Value {
    #[prost(message, tag = "2")]
    User(UserPacket),
    #[prost(message, tag = "7")]
    Transcription(Transcription),
    #[prost(message, tag = "9")]
    Chat(ChatMessage),
    #[prost(message, tag = "10")]
    RpcRequest(RpcRequest),
    #[prost(message, tag = "11")]
    RpcAck(RpcAck),
    #[prost(message, tag = "12")]
    RpcResponse(RpcResponse),
    #[prost(message, tag = "13")]
    StreamHeader(StreamHeader),
    #[prost(message, tag = "14")]
    StreamChunk(StreamChunk),
    #[prost(message, tag = "15")]
    StreamTrailer(StreamTrailer),
    /// Of end-to-end encryption, for which this server has no key.
    #[prost(message, tag = "18")]
    Encrypted(Encrypted),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UserPacket {
    #[prost(bytes = "bytes", tag = "2")]
    pub payload: bytes::Bytes,
    #[prost(string, optional, tag = "4")]
    pub topic: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Transcription {
    #[prost(string, tag = "2")]
    pub transcribed_participant_identity: String,
    #[prost(string, tag = "3")]
    pub track_id: String,
    #[prost(message, repeated, tag = "4")]
    pub segments: Vec<TranscriptionSegment>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TranscriptionSegment {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub text: String,
    #[prost(bool, tag = "5")]
    pub r#final: bool,
    #[prost(string, tag = "6")]
    pub language: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChatMessage {
    #[prost(string, tag = "4")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcRequest {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub method: String,
    #[prost(string, tag = "3")]
    pub payload: String,
    #[prost(uint32, tag = "4")]
    pub response_timeout_ms: u32,
    #[prost(uint32, tag = "5")]
    pub version: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcAck {
    #[prost(string, tag = "1")]
    pub request_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcResponse {
    #[prost(string, tag = "1")]
    pub request_id: String,
    #[prost(oneof = "RpcResult", tags = "2, 3")]
    pub value: Option<RpcResult>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum RpcResult {
    #[prost(string, tag = "2")]
    Payload(String),
    #[prost(message, tag = "3")]
    Error(RpcError),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcError {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(string, tag = "3")]
    pub data: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamHeader {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    /// Unix time, ms.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
    #[prost(string, tag = "3")]
    pub topic: String,
    #[prost(string, tag = "4")]
    pub mime_type: String,
    #[prost(uint64, optional, tag = "5")]
    pub total_length: Option<u64>,
    #[prost(map = "string, string", tag = "8")]
    pub attributes: HashMap<String, String>,
    #[prost(oneof = "StreamKind", tags = "9, 10")]
    pub content_header: Option<StreamKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum StreamKind {
    #[prost(message, tag = "9")]
    Text(TextHeader),
    #[prost(message, tag = "10")]
    Bytes(ByteHeader),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextHeader {
    #[prost(bool, tag = "5")]
    pub generated: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteHeader {
    #[prost(string, tag = "1")]
    pub name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamChunk {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    #[prost(uint64, tag = "2")]
    pub chunk_index: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub content: bytes::Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamTrailer {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    /// Empty unless the sender gave up.
    #[prost(string, tag = "2")]
    pub reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Encrypted {}
