//! Text to sound: cutter, normaliser, phonemes, voices.

#![forbid(unsafe_code)]

pub mod g2p;
mod noise;
pub mod normalise;
pub mod onnx;
mod pause;
pub mod piper;
pub mod resample;
mod runtime;
mod script;
#[cfg(test)]
mod testing;
mod timing;
pub mod viseme;
