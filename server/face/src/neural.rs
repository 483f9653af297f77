//! Networks that repaint the mouth of a photo avatar.
//!
//! The photo engine draws the whole face: it warps lips and jaw and moves the
//! head. A network that comes with the avatar's package then repaints a crop
//! around the mouth, and the crop is blended back with a soft edge. What is
//! outside the crop is never touched. A network that fails, or is too slow for a
//! live session, is given up for that session: the photo engine's picture is
//! shown.
//!
//! Two kinds of network are understood ([`Kind`]); `docs/neural.md` has the
//! contract for those who export one. All tensors are 32-bit floats of batch 1,
//! and a batch dimension may be open.
//!
//! | kind | inputs | outputs |
//! |---|---|---|
//! | `controls` | `controls` `[1,52]`, `crop` `[1,3,H,W]`, optional `pose` `[1,6]` | `mouth` `[1,3,H,W]`, optional `alpha` `[1,1,H,W]` |
//! | `wav2lip` | mel window `[1,1,80,16]`, faces `[1,6,H,W]` | `[1,3,H,W]` |
//!
//! - `controls`: the weights by `media::Blendshape::index` as they are shown,
//!   idle life included.
//! - `crop` and `mouth`: RGB within [`Settings::range`].
//! - `pose`: yaw, pitch and roll in degrees as `media::FaceControls` has them;
//!   shift to the right, shift down and rise with the breath as shares of the
//!   head's width.
//! - `alpha`: how much of `mouth` is seen, 0..=1.
//! - `wav2lip`: tensors are told apart by their shapes, whatever their names.
//!   Colours are BGR, 0..=1; the six channels are the crop with its lower half
//!   black and the crop itself.

mod mel;
mod network;
mod patch;
mod presenter;
mod settings;

use thiserror::Error;

pub use network::{Network, Trial};
pub(crate) use presenter::Presenter;
pub use settings::{Kind, Settings};

/// Largest network file, bytes: `Wav2Lip` with 32-bit weights takes 145 MB.
pub const MAX_NETWORK: u64 = 160 << 20;

/// Why a network cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// ONNX Runtime is not there.
    #[error("{0}")]
    Runtime(String),
    /// The file is larger than [`MAX_NETWORK`].
    #[error("the network is larger than {MAX_NETWORK} bytes")]
    TooLarge,
    /// The file is no model, or one that ONNX Runtime cannot load.
    #[error("the network cannot be loaded: {0}")]
    Load(String),
    /// The model has loops or very many nodes, or reads other files.
    #[error("the network is refused: {0}")]
    Refused(String),
    /// An input or output of the contract is missing.
    #[error("the network has no {what}; {there}")]
    Missing {
        /// What is missing.
        what: String,
        /// What there is instead.
        there: String,
    },
    /// An input that nothing is known to put into.
    #[error("the network has an input '{0}', which this kind of network does not have")]
    Unknown(String),
    /// A tensor has another shape or element type.
    #[error("'{name}' of the network is {found}, it must be {wanted}")]
    Shape {
        /// The tensor.
        name: String,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: String,
    },
    /// A trial run took too long.
    #[error("the network takes more than {0} ms for a picture")]
    Slow(u128),
    /// Running it failed.
    #[error("the network failed: {0}")]
    Run(String),
    /// It gave something that is no number.
    #[error("the network's output '{0}' holds values that are no numbers")]
    NotFinite(String),
    /// A setting is out of its range.
    #[error("{field} of a network {why}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What is wrong.
        why: &'static str,
    },
}
