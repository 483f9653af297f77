//! Face controls to pictures: presenters and their idle life.
//!
//! [`Avatars`] lists the presenters and makes a renderer for a session; each
//! renderer adds the [`idle`] life of the moment it draws.

#![forbid(unsafe_code)]

pub mod avatars;
pub mod idle;
mod raster;
mod vector;

pub use avatars::{Avatar, Avatars, Error};
