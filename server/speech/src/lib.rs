//! Text to sound.
//!
//! ```text
//! tokens -> tags -> cut -> normalise -> g2p -> piper | kokoro -> 48 kHz chunks
//!                                    \--------> remote ---------/
//! ```
//!
//! A voice knows the phonemes and words of a clause with their times before
//! its first sample exists. [`library::Voices`] has all voices of a server;
//! [`cut::Cutter`] makes clauses of text that comes in tokens. [`pcm`],
//! [`wav`] and [`resample`] bring sound from elsewhere to the media clock.
//!
//! ONNX Runtime is loaded by the caller (`weights::runtime`), and all paths
//! come from there: nothing here reads a configuration.

#![forbid(unsafe_code)]

pub mod cut;
pub mod g2p;
pub mod kokoro;
pub mod library;
mod noise;
pub mod normalise;
mod pause;
pub mod pcm;
pub mod piper;
pub mod remote;
pub mod resample;
mod runtime;
mod script;
pub mod tags;
#[cfg(test)]
mod testing;
mod timing;
pub mod viseme;
pub mod wav;

pub use library::{Settings, Voices};
