//! Packets to MP4, safe against crashes.
//!
//! A [`Recorder`] is a viewer that loses nothing: it takes the same packets as
//! the others and writes them as fragmented MP4, one write a second, on a
//! thread of its own. What has been written plays after a crash. When it is
//! closed, the file is rewritten with its index in front, so that it can be
//! played and sought while it is still being downloaded. A [`Store`] is a
//! directory of recordings; [`Store::repair`] finishes what a crash left.
//! [`frames`] is another kind of file: a picture each, for those that MP4 cannot
//! hold.
//!
//! ```text
//! <id>.mp4.part   being recorded (fragmented)
//! <id>.mp4.tmp    being rewritten
//! <id>.mp4        finished
//! ```
//!
//! # What survives what
//!
//! Fragments are handed to the kernel with one write each and are not synced:
//! the end of the process loses nothing of them, the end of the machine what
//! the kernel had not yet written (half a minute on common settings). The
//! finished file is synced before it takes its name, and the fragments are
//! removed after that.

#![forbid(unsafe_code)]

mod finish;
mod fragment;
pub mod frames;
pub mod mp4;
pub mod read;
mod recorder;
mod repair;
mod store;
mod walk;

pub use recorder::{Ended, Handle, Recorder, Settings, State, Status, WhenFull};
pub use repair::{Repair, Repaired};
pub use store::{Entry, Error, Kind, Store};
