//! Sound or phoneme timings to face controls.
//!
//! ```text
//! sound    -> features -> model -> settle -+
//!                                          +-> coarticulate -> shapes -> FaceControls
//! phonemes -> align -> plan ---------------+                      ^
//!                                               accents -> express, cues -> acting
//! ```
//!
//! [`Aligner`] moves a voice's phonemes to where its sound has them. Both inputs
//! end in the same movement code. [`Mouth`] is one session's face;
//! [`Model`] is the network that all sessions share. The network is our own
//! (`models/lipsync`): causal, 0.7 M parameters, one call for each hop of 20 ms.

#![forbid(unsafe_code)]

pub mod acting;
pub mod align;
pub mod clip;
pub mod coarticulate;
pub mod express;
pub mod features;
pub mod model;
pub mod mouth;
pub mod plan;
pub mod plot;
pub mod settle;
pub mod shapes;
pub mod sound;

pub use align::Aligner;
pub use clip::Clip;
pub use model::{Error, Model, Visemes};
pub use mouth::{Delay, Job, Mouth, Settings, hop_all};
