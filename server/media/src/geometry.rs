//! How one set of points lies on another: the least-squares similarity (Horn,
//! "Closed-form solution of absolute orientation using unit quaternions", 1987).

/// A turn with a scale. What it shifts by is the difference of the means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// Length after, of the length before.
    pub scale: f64,
    /// Rows of the rotation.
    pub rotation: [[f64; 3]; 3],
}

impl Similarity {
    /// The similarity that takes the first points best onto the second ones.
    /// Each triple is a weight (more than 0 in sum) and the two points; three
    /// points off one line fix the rotation, fewer leave it open in part.
    pub fn fit<I>(points: I) -> Self
    where
        I: Iterator<Item = (f64, [f64; 3], [f64; 3])> + Clone,
    {
        let total: f64 = points.clone().map(|(weight, ..)| weight).sum();
        let (mut from, mut to) = ([0.0; 3], [0.0; 3]);
        for (weight, a, b) in points.clone() {
            for k in 0..3 {
                from[k] += weight / total * a[k];
                to[k] += weight / total * b[k];
            }
        }
        let mut moments = [[0.0; 3]; 3];
        let (mut before, mut after) = (0.0, 0.0);
        for (weight, a, b) in points {
            let a: [f64; 3] = std::array::from_fn(|k| a[k] - from[k]);
            let b: [f64; 3] = std::array::from_fn(|k| b[k] - to[k]);
            for (row, a) in moments.iter_mut().zip(a) {
                for (sum, b) in row.iter_mut().zip(b) {
                    *sum += weight * a * b;
                }
            }
            before += weight * a.iter().map(|v| v * v).sum::<f64>();
            after += weight * b.iter().map(|v| v * v).sum::<f64>();
        }
        Self {
            scale: (after / before).sqrt(),
            rotation: rotation(moments),
        }
    }

    /// Where a way from one point to another goes.
    #[must_use]
    pub fn turn(&self, way: [f64; 3]) -> [f64; 3] {
        self.rotation
            .map(|row| self.scale * row.iter().zip(way).map(|(a, b)| a * b).sum::<f64>())
    }
}

/// The rotation that turns the first points onto the second ones, given the
/// sums of their products.
fn rotation(moments: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = moments;
    let symmetric = [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ];
    let [w, x, y, z] = largest_eigenvector(symmetric);
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

/// By Jacobi's rotations, which converge for every symmetric matrix.
fn largest_eigenvector(mut a: [[f64; 4]; 4]) -> [f64; 4] {
    /// Far more than the five or so that a matrix of this size needs.
    const SWEEPS: usize = 20;
    let mut vectors = [[0.0; 4]; 4];
    for (at, row) in vectors.iter_mut().enumerate() {
        row[at] = 1.0;
    }
    for _ in 0..SWEEPS {
        for p in 0..3 {
            for q in p + 1..4 {
                if a[p][q].abs() < f64::MIN_POSITIVE {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                let turn = |(p, q): (f64, f64)| (c * p - s * q, s * p + c * q);
                for row in &mut a {
                    (row[p], row[q]) = turn((row[p], row[q]));
                }
                let (rows_p, rows_q) = (a[p], a[q]);
                for (column, pair) in rows_p.into_iter().zip(rows_q).enumerate() {
                    (a[p][column], a[q][column]) = turn(pair);
                }
                for row in &mut vectors {
                    (row[p], row[q]) = turn((row[p], row[q]));
                }
            }
        }
    }
    let best = (0..4).fold(
        0,
        |best, at| if a[at][at] > a[best][best] { at } else { best },
    );
    vectors.map(|row| row[best])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Turned about z, then x, then y.
    fn turned([x, y, z]: [f64; 3], [yaw, pitch, roll]: [f64; 3]) -> [f64; 3] {
        let (x, y) = (
            x * roll.cos() - y * roll.sin(),
            x * roll.sin() + y * roll.cos(),
        );
        let (y, z) = (
            y * pitch.cos() - z * pitch.sin(),
            y * pitch.sin() + z * pitch.cos(),
        );
        [
            x * yaw.cos() + z * yaw.sin(),
            y,
            z * yaw.cos() - x * yaw.sin(),
        ]
    }

    fn point() -> impl Strategy<Value = [f64; 3]> {
        proptest::array::uniform3(-50.0..50.0)
    }

    proptest! {
        /// Whatever similarity moved the points is found again.
        #[test]
        fn a_moved_body_is_recognised(
            rest in proptest::collection::vec((0.1..2.0, point()), 6..20),
            angles in proptest::array::uniform3(-3.0..3.0_f64),
            scale in 0.1..10.0_f64,
            shift in point(),
        ) {
            // Points near one plane do not fix the turn about it well.
            let corners = [[30.0, 0.0, 0.0], [0.0, 30.0, 0.0], [0.0, 0.0, 30.0]];
            let all = rest.iter().copied().chain(corners.map(|p| (1.0, p)));
            let fit = Similarity::fit(all.map(|(weight, p)| {
                let moved = turned(p, angles);
                (weight, p, std::array::from_fn(|k| scale * moved[k] + shift[k]))
            }));
            prop_assert!((fit.scale / scale - 1.0).abs() < 1e-9);
            let way = [3.0, -4.0, 5.0];
            let (got, want) = (fit.turn(way), turned(way, angles));
            for (got, want) in got.into_iter().zip(want) {
                prop_assert!((got - scale * want).abs() < 1e-6 * scale, "{got} {want}");
            }
        }
    }

    #[test]
    fn weights_decide_between_points_that_disagree() {
        let square = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let twice = square.map(|p: [f64; 3]| p.map(|v| 2.0 * v));
        let fit = |heavy: f64| {
            let still = square.map(|p| (1.0, p, p));
            let grown = std::array::from_fn::<_, 3, _>(|k| (heavy, square[k], twice[k]));
            Similarity::fit(still.into_iter().chain(grown)).scale
        };
        assert!(fit(0.001) < 1.01 && fit(1000.0) > 1.99);
    }
}
