//! The whole edge over a real engine, voice, lip-sync and renderer. Every
//! answer is compared with what `/openapi.json` says of its route.

#![allow(
    clippy::unwrap_used,
    reason = "what a test relies on is asserted by unwrapping it"
)]

mod auth;
mod documented;
mod events;
mod hostile;
mod liveavatar;
mod livekit;
mod pages;
mod recordings;
mod scenes;
mod server;
mod sessions;
mod socket;
mod speak;
mod streaming;
mod whep;
