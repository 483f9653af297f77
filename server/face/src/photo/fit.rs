//! Where the head of a picture is: the similarity that takes the neutral head
//! onto its landmarks.

use media::geometry::Similarity;

use super::basis::Basis;
use super::points::RIGID;

/// Rotation and scale from millimetres of the basis to pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    /// Pixels for each millimetre.
    pub scale: f32,
    similarity: Similarity,
}

impl Fit {
    /// From points that expressions do not move.
    pub fn new(basis: &Basis, landmarks: &[[f32; 3]]) -> Self {
        let pairs = RIGID.iter().map(|&i| {
            (
                1.0,
                basis.rest[i].map(f64::from),
                landmarks[i].map(f64::from),
            )
        });
        let similarity = Similarity::fit(pairs);
        Self {
            scale: similarity.scale as f32,
            similarity,
        }
    }

    /// An offset of the basis in pixels of the picture.
    pub fn offset(&self, offset: [f32; 3]) -> [f32; 3] {
        self.similarity
            .turn(offset.map(f64::from))
            .map(|v| v as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_and_scaled_head_is_recognised() {
        let basis = Basis::get();
        for (yaw, roll) in [(0.0_f32, 0.0_f32), (0.3, -0.1), (-0.2, 0.4)] {
            let turn = |[x, y, z]: [f32; 3]| {
                let (x, z) = (x * yaw.cos() + z * yaw.sin(), z * yaw.cos() - x * yaw.sin());
                [
                    2.5 * (x * roll.cos() - y * roll.sin()),
                    2.5 * (x * roll.sin() + y * roll.cos()),
                    2.5 * z,
                ]
            };
            let moved: Vec<_> = basis
                .rest
                .iter()
                .map(|&p| turn(p).map(|v| v + 100.0))
                .collect();
            let fit = Fit::new(basis, &moved);
            assert!((fit.scale - 2.5).abs() < 0.01, "{}", fit.scale);
            let (got, want) = (fit.offset([3.0, -4.0, 5.0]), turn([3.0, -4.0, 5.0]));
            for (g, w) in got.iter().zip(want) {
                assert!((g - w).abs() < 0.05, "{got:?} {want:?}");
            }
        }
    }
}
