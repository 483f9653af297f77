//! Packets to viewers over WebRTC.
//!
//! An [`Endpoint`] owns one UDP port that all sessions share, and one thread
//! that drives every connection on it. A player's offer (WHEP,
//! draft-ietf-wish-whep) goes into [`Endpoint::offer`]; out come the answer and
//! a [`Viewer`], which is a [`media::seam::Sink`]:
//!
//! ```text
//!            Sink::write                 UDP
//! engine ───► Inbox (bounded) ──► Peer ──────► player
//!        ◄─── Viewer::poll_event ◄── Core ◄───
//! ```
//!
//! * The server is an ICE-lite agent (RFC 8445 §2.5): it has fixed addresses,
//!   answers checks and makes none, so the candidates of an offer (also mDNS
//!   names and unreachable addresses) do not matter.
//! * Sound and picture carry RTP time from the media clock, and their sender
//!   reports relate both to one wall clock derived from it, so a player aligns
//!   them exactly however late the packets leave.
//! * Writing never blocks. A viewer that falls behind loses pictures up to the
//!   next key frame, which it asks for by [`Event::KeyFrameWanted`].
//! * Lost packets are sent again (RTX, RFC 4588) within a budget.
//!
//! The WebRTC library is not visible in any signature of this crate.

#![forbid(unsafe_code)]

mod clock;
mod core;
mod doorbell;
mod endpoint;
mod error;
mod inbox;
mod peer;
mod sdp;
mod socket;
mod stun;
mod viewer;

#[cfg(test)]
mod sim;

pub use endpoint::{Endpoint, Settings};
pub use error::{BindError, FragmentError, OfferError};
pub use peer::Estimation;
pub use viewer::{Control, Event, Reason, State, Stats, Viewer, ViewerId, ViewerSettings};
