//! `[neural]` in `avatar.toml`: what is told to a network, and where its
//! picture goes.

use serde::{Deserialize, Serialize};

use super::Error;

/// Which contract a network keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Blendshape weights and the crop to the mouth.
    Controls,
    /// A window of sound and the crop to the mouth, as `Wav2Lip` (Prajwal et
    /// al., 2020).
    Wav2Lip,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Controls, Self::Wav2Lip];

    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Controls => "controls",
            Self::Wav2Lip => "wav2lip",
        }
    }

    /// The kind with this published name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How a network is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which contract it keeps.
    pub kind: Kind,
    /// Left, top, right and bottom of the crop, pixels of the portrait. By
    /// default it is found by the landmarks: around mouth and chin for
    /// `controls`, around the face for `wav2lip`. It moves with the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<[f32; 4]>,
    /// What black and white are to a `controls` network, in `crop` and `mouth`.
    #[serde(default = "unit")]
    pub range: [f32; 2],
    /// Width of the soft edge within which the crop is blended, of its width
    /// and height: 0 is a hard edge, 0.5 the most.
    #[serde(default = "feather")]
    pub feather: f32,
}

const fn unit() -> [f32; 2] {
    [0.0, 1.0]
}

/// Wide enough that no edge is seen on skin, narrow enough that the lips of a
/// crop around the mouth are the network's alone.
const fn feather() -> f32 {
    0.15
}

/// Smallest side of a crop, pixels of the portrait.
const SMALLEST: f32 = 8.0;

impl Settings {
    /// What suits most networks of a kind.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            crop: None,
            range: unit(),
            feather: feather(),
        }
    }

    /// Checks everything against a portrait of this size.
    pub(crate) fn check(&self, (width, height): (usize, usize)) -> Result<(), Error> {
        let bad = |field, why| Err(Error::Setting { field, why });
        if !(0.0..=0.5).contains(&self.feather) {
            return bad("feather", "must be 0 to 0.5");
        }
        let [low, high] = self.range;
        if !(low.is_finite() && high.is_finite() && low.abs().max(high.abs()) <= 1e4)
            || high - low < 1e-3
        {
            return bad("range", "must be two numbers, the smaller one first");
        }
        if self.kind == Kind::Wav2Lip && self.range != unit() {
            return bad("range", "is 0 to 1 where its kind is wav2lip");
        }
        if let Some([left, top, right, bottom]) = self.crop {
            let inside = left >= 0.0
                && top >= 0.0
                && right <= width as f32
                && bottom <= height as f32
                && right - left >= SMALLEST
                && bottom - top >= SMALLEST;
            if !inside {
                return bad(
                    "crop",
                    "must be left, top, right and bottom within the portrait, 8 pixels apart",
                );
            }
        }
        Ok(())
    }
}
