//! LiveKit's room protocol, without I/O.
//!
//! * [`token`]: who may join which room ([JWT with HS256][token::Key]).
//! * [`join`]: what a client says when it connects.
//! * [`room::Room`]: a room as the server keeps it.
//! * [`participant::Participant`]: a participant of somebody else's room.
//! * [`agent`]: speech that a LiveKit agent streams to its avatar.
//!
//! Nothing here does I/O, reads a clock or knows a runtime: frames, packets
//! and the time go in, actions and events come out. Protocol and numbers are
//! those of `livekit/protocol` and of LiveKit's own server and clients.

#![forbid(unsafe_code)]

pub mod agent;
mod ids;
pub mod join;
pub mod participant;
mod playback;
mod proto;
pub mod room;
pub mod rpc;
#[cfg(test)]
mod sim;
mod streams;
pub mod token;

pub use agent::{Format, Speech, Told};
pub use join::Join;
pub use playback::Segment;
pub use room::Room;
