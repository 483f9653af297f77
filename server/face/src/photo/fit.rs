//! Where the head of a picture is: the similarity that takes the neutral head
//! onto its landmarks.

use super::basis::Basis;
use super::points::RIGID;

/// Rotation and scale from millimetres of the basis to pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    /// Pixels for each millimetre.
    pub scale: f32,
    /// Rows of the rotation.
    pub rotation: [[f32; 3]; 3],
}

impl Fit {
    /// The least-squares similarity (Horn 1987) over points that expressions
    /// do not move.
    pub fn new(basis: &Basis, landmarks: &[[f32; 3]]) -> Self {
        let mean = |points: &[[f32; 3]]| {
            let mut sum = [0.0; 3];
            for &i in &RIGID {
                for (s, v) in sum.iter_mut().zip(points[i]) {
                    *s += v / RIGID.len() as f32;
                }
            }
            sum
        };
        let (from, to) = (mean(&basis.rest), mean(landmarks));
        let mut product = [[0.0_f32; 3]; 3];
        let (mut size_from, mut size_to) = (0.0, 0.0);
        for &i in &RIGID {
            let a: [f32; 3] = std::array::from_fn(|k| basis.rest[i][k] - from[k]);
            let b: [f32; 3] = std::array::from_fn(|k| landmarks[i][k] - to[k]);
            for (row, a) in product.iter_mut().zip(a) {
                for (cell, b) in row.iter_mut().zip(b) {
                    *cell += a * b;
                }
            }
            size_from += a.iter().map(|v| v * v).sum::<f32>();
            size_to += b.iter().map(|v| v * v).sum::<f32>();
        }
        Self {
            scale: (size_to / size_from).sqrt(),
            rotation: rotation(product),
        }
    }

    /// An offset of the basis in pixels of the picture.
    pub fn offset(&self, offset: [f32; 3]) -> [f32; 3] {
        self.rotation
            .map(|row| self.scale * row.iter().zip(offset).map(|(a, b)| a * b).sum::<f32>())
    }
}

/// The rotation that best explains a product matrix: the eigenvector of the
/// largest eigenvalue of Horn's matrix, by power iteration, as a quaternion.
fn rotation(s: [[f32; 3]; 3]) -> [[f32; 3]; 3] {
    let [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = s;
    let mut matrix = [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ];
    // Shifted so that the largest eigenvalue is also the largest in magnitude.
    let shift: f32 = matrix.iter().flatten().map(|v| v.abs()).sum();
    for (k, row) in matrix.iter_mut().enumerate() {
        row[k] += shift;
    }
    let mut q = [1.0_f32, 0.01, 0.01, 0.01];
    for _ in 0..500 {
        let next = matrix.map(|row| row.iter().zip(q).map(|(m, v)| m * v).sum::<f32>());
        let length = next.iter().map(|v| v * v).sum::<f32>().sqrt();
        q = next.map(|v| v / length);
    }
    let [w, x, y, z] = q;
    [
        [
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y - w * z),
            2.0 * (x * z + w * y),
        ],
        [
            2.0 * (x * y + w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (y * z - w * x),
        ],
        [
            2.0 * (x * z - w * y),
            2.0 * (y * z + w * x),
            1.0 - 2.0 * (x * x + y * y),
        ],
    ]
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
