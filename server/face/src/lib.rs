//! Face controls to pictures: presenters and their idle life.
//!
//! [`Avatars`] lists the presenters and makes a renderer for a session; each
//! renderer adds the [`idle`] life of the moment it draws. A [`package`] holds a
//! presenter that is animated from one picture, a [`Scene`] says how one is shown,
//! and a [`clip`] is a background that moves.
//! A package may bring a network that repaints the mouth ([`neural`]).

#![forbid(unsafe_code)]

pub mod avatars;
pub mod clip;
mod ground;
pub mod idle;
pub mod neural;
pub mod package;
mod photo;
mod raster;
mod resample;
pub mod scene;
mod vector;
mod weights;

pub use avatars::{Avatar, Avatars, Error};
pub use package::Package;
pub use scene::Scene;
