//! Runs session pipelines: live ones on the wall clock with viewers and a
//! recording, rendered ones on a virtual clock, as fast as the machine goes.
//!
//! ```text
//!   Handle (any thread) ──► Conductor ◄── talk (a thread for each text turn)
//!                               │
//!   Pacer (one thread a core) ──► Pipeline.hop ──► viewers, recording
//! ```

#![forbid(unsafe_code)]

mod align;
pub mod assemble;
pub mod background;
mod events;
mod handle;
mod hear;
mod live;
mod meter;
mod pace;
mod permits;
mod recording;
mod registry;
pub mod render;
mod settings;
mod sound;
mod talk;
#[cfg(test)]
mod testing;
mod viewer;

pub use assemble::{LipSyncDelay, Request, RequestError, Rooms};
pub use events::{Published, Subscription};
pub use handle::{Handle, Info, Mode, RecordingInfo, SpeakError, Stats, ViewError};
pub use live::FAREWELL;
pub use meter::{LATE_EDGES_MS, Metrics, StageCost};
pub use registry::Engine;
pub use settings::Settings;
pub use sound::SoundTurn;
pub use talk::TextTurn;
pub use viewer::ViewerInfo;
