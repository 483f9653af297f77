//! Packets to viewers over WebRTC.
//!
//! An [`Endpoint`] owns one UDP port that all sessions share, and one thread
//! that drives every connection on it. A player's offer (WHEP,
//! draft-ietf-wish-whep) goes into [`Endpoint::view`]; out come the answer and
//! a [`Viewer`], which is a [`media::seam::Sink`]:
//!
//! ```text
//!            Sink::write                 UDP
//! engine ───► Inbox (bounded) ──► Peer ──────► player
//!        ◄─── Viewer::poll_event ◄── Core ◄───
//! ```
//!
//! A [`Link`] is the same connection for those who need more of it
//! ([`Endpoint::answer`], [`Endpoint::offer`]): data channels, the far side's
//! microphone, further offers. Its [`Viewer`] and [`Microphone`] are taken from
//! it by the session, the rest stays with whoever speaks to the far side.
//!
//! * Towards players the server is an ICE-lite agent (RFC 8445 §2.5): it has fixed addresses,
//!   answers checks and makes none, so the candidates of an offer (also mDNS
//!   names and unreachable addresses) do not matter.
//! * Sound and picture carry RTP time from the media clock, and their sender
//!   reports relate both to one wall clock derived from it, so a player aligns
//!   them exactly however late the packets leave.
//! * Writing never blocks. A viewer that falls behind loses pictures up to the
//!   next key frame, which it asks for by [`Event::KeyFrameWanted`].
//! * What one connection brings can be passed on on others ([`Relay`]), within
//!   the thread of the endpoint.
//! * Lost packets are sent again (RTX, RFC 4588) within a budget.
//!
//! The WebRTC library is not visible in any signature of this crate.

#![forbid(unsafe_code)]

mod clock;
mod config;
mod core;
mod doorbell;
mod endpoint;
mod error;
mod inbox;
mod link;
mod mailbox;
mod microphone;
mod negotiate;
mod peer;
mod relay;
mod sdp;
mod socket;
mod stun;
mod viewer;

#[cfg(test)]
mod sim;

pub use config::Estimation;
pub use endpoint::{Endpoint, Settings};
pub use error::{AnswerError, BindError, FragmentError, OfferError, SendError};
pub use link::{Answer, Channel, Heard, Ice, Link, LinkEvent, LinkSettings, Message, Tracks};
pub use microphone::{Microphone, Sound};
pub use relay::Relay;
pub use viewer::{Control, Event, Reason, State, Stats, Viewer, ViewerId, ViewerSettings};
