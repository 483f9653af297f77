//! The conductor of a session: which turn speaks, what leaves at which sample,
//! what is told to whom, and what is dropped when somebody interrupts.
//!
//! Nothing here does I/O or reads a clock. A [`Pipeline`] is stepped one hop
//! (20 ms of media time) at a time by whoever owns the clock: the wall clock
//! when live, a loop when rendering. The wall time that receipts need is an
//! argument.
//!
//! ```text
//! open / clause / sound / finish / interrupt
//!        │
//!   Conductor ── Step ──► LipSync ► Renderer ► VideoEncoder ─┐
//!        │                                                   ├─► Sinks
//!        └─────── sound ───────────────────► AudioEncoder ───┘
//! ```

#![forbid(unsafe_code)]

pub mod conductor;
pub mod event;
pub mod limits;
pub mod pipeline;
pub mod receipt;
mod speech;

pub use conductor::{Conductor, Interrupted, TurnError};
pub use event::{CloseReason, Event};
pub use limits::Limits;
pub use pipeline::{Outcome, Parts, Pipeline, Shared, SinkId, Stage};
pub use receipt::{Mark, Receipt};
