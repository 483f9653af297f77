//! The things that travel through Visavis, and the seams between its rooms.
//!
//! ```text
//! Clause -> Pcm -> FaceControls -> Picture -> Packet
//! ```
//!
//! Nothing here does I/O, reads a clock or knows a runtime. Every position in
//! time is a [`MediaTime`]: a count of samples at 48 kHz on the session's own
//! media clock. Sound is the master of that clock, so a picture and the sound
//! it belongs to cannot drift apart.

#![forbid(unsafe_code)]

pub mod acting;
pub mod annexb;
pub mod decimate;
pub mod face;
pub mod filterbank;
pub mod geometry;
pub mod packet;
pub mod picture;
pub mod seam;
pub mod speech;
pub mod time;

pub use acting::{Cue, Emotion, Gesture, Mood, Posture};
pub use face::{Blendshape, FaceControls, Viseme};
pub use packet::{Packet, Track};
pub use picture::{Picture, Rect};
pub use speech::{Clause, Phoneme, Timings, VoiceInfo, Word};
pub use time::{CLOCK_HZ, FRAME, HOP, MediaTime, Turn};
