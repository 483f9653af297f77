//! The messages of LiveKit's protocol that are used here, as protobuf.
//!
//! Names and tag numbers are those of `livekit_rtc.proto` and
//! `livekit_models.proto` in the repository `livekit/protocol` (Apache-2.0);
//! what is left out is skipped on reading, as protobuf wants it.

pub(crate) mod data;
pub(crate) mod model;
pub(crate) mod signal;

pub(crate) use data::*;
pub(crate) use model::*;
pub(crate) use signal::*;
