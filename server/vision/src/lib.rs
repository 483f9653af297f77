//! What a picture of a person shows.
//!
//! ```text
//! Image ─► detector ─► mesh (478 landmarks, twice) ─► expression (52 blendshapes)
//!      │                              ├─► pose (yaw, pitch, roll)
//!      │                              └─► identity (128 numbers)
//!      └─► outline (person or background, at full size)
//! ```
//!
//! [`Analyser`] holds the networks. They are not ours: they are fetched from
//! packages by the manifest of `models/` and converted to ONNX when they are
//! loaded, by our own code. ONNX Runtime must have been loaded by [`weights::runtime::init`].
//!
//! Coordinates are pixels of the picture, x to the right, y down, (0, 0) the
//! corner of the first pixel, whose centre is (0.5, 0.5). *Left* and *right*
//! are those of the person.

#![forbid(unsafe_code)]

mod analyser;
#[doc(hidden)]
pub mod convert;
mod detector;
mod expression;
mod guided;
mod identity;
mod image;
mod mesh;
mod network;
mod outline;
mod pose;
mod tflite;

#[cfg(test)]
mod reference_tests;

pub use analyser::{Analyser, Analysis, Error, Face};
pub use convert::Error as ConvertError;
pub use identity::{Identity, distance};
pub use image::{Image, Mask, Rect};
pub use mesh::{LANDMARKS, Landmarks};
pub use pose::Pose;
pub use tflite::Malformed;
