//! Making an avatar of one picture.
//!
//! ```text
//! bytes ─► decode ─► vision ─► frame ─► judge ─► report
//!          (bounded)                      └─► face::Package ─► face::Avatars
//! ```
//!
//! [`Studio::check`] says what a picture is good for, [`Studio::create`] makes
//! an avatar of it. Nothing is written before everything is known to be right,
//! so a refusal leaves nothing behind. [`Studio::draft`] makes one to be looked
//! at, which is in memory only until [`Studio::keep`].

#![forbid(unsafe_code)]

pub mod decode;
mod drafts;
mod frame;
mod judge;
mod measure;
pub mod report;
mod studio;

pub use drafts::{DRAFT_LIFE, MOST_DRAFTS};
pub use frame::Crop;
pub use report::{Code, Finding, Level, Report};
pub use studio::{Consent, Created, Error, Request, Studio};
