//! Control weights as the presenters use them: finite, in range and rounded to
//! what can be seen.

use media::face::BLENDSHAPES;
use media::{Blendshape, FaceControls};

/// Steps between a weight of 0 and of 1. The jaw, which moves farthest, then
/// goes in steps of a seventh of a design unit.
const STEPS: f32 = 240.0;

/// All weights, rounded: two faces that are equal here look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weights([u8; BLENDSHAPES]);

impl Weights {
    pub(crate) fn new(face: &FaceControls) -> Self {
        // A float that is not a number becomes zero.
        Self(
            face.shapes
                .map(|w| (w.clamp(0.0, 1.0) * STEPS).round() as u8),
        )
    }

    /// A weight, 0..=1.
    pub(crate) fn get(&self, shape: Blendshape) -> f32 {
        f32::from(self.0[shape.index()]) / STEPS
    }

    /// Whether any weight in a range of shapes (inclusive) differs.
    pub(crate) fn differ(&self, other: &Self, first: Blendshape, last: Blendshape) -> bool {
        let range = first.index()..=last.index();
        self.0[range.clone()] != other.0[range]
    }
}
