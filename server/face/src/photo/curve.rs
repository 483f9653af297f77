//! Smooth curves through landmarks, read column by column.

/// Points between two landmarks.
const BETWEEN: usize = 6;

/// A curve that goes from left to right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Curve {
    points: Vec<[f32; 2]>,
}

impl Curve {
    /// The Catmull-Rom spline through points.
    pub fn through(points: &[[f32; 2]]) -> Self {
        let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
        let mut curve = Vec::with_capacity((points.len() - 1) * BETWEEN + 1);
        for i in 0..points.len() as isize - 1 {
            let p = [at(i - 1), at(i), at(i + 1), at(i + 2)];
            for step in 0..BETWEEN {
                let t = step as f32 / BETWEEN as f32;
                curve.push(std::array::from_fn(|k| {
                    let [a, b, c, d] = p.map(|p| p[k]);
                    let linear = c - a;
                    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
                    let cube = 3.0 * (b - c) + d - a;
                    b + 0.5 * t * (linear + t * (square + t * cube))
                }));
            }
        }
        curve.push(at(points.len() as isize - 1));
        // What folds back under a strong shape is cut, so that every column
        // has one height.
        let mut far = f32::NEG_INFINITY;
        curve.retain(|p: &[f32; 2]| {
            let ahead = p[0] > far;
            far = far.max(p[0]);
            ahead
        });
        Self { points: curve }
    }

    /// Where it begins and ends.
    pub fn ends(&self) -> (f32, f32) {
        (
            self.points.first().map_or(0.0, |p| p[0]),
            self.points.last().map_or(0.0, |p| p[0]),
        )
    }

    /// Lowest and highest y.
    pub fn heights(&self) -> (f32, f32) {
        self.points
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), p| {
                (low.min(p[1]), high.max(p[1]))
            })
    }

    /// The height at x; beyond the ends that of the end.
    pub fn at(&self, x: f32) -> f32 {
        let next = self.points.partition_point(|p| p[0] <= x);
        let (Some(a), Some(b)) = (
            self.points.get(next.saturating_sub(1)),
            self.points
                .get(next.min(self.points.len().saturating_sub(1))),
        ) else {
            return 0.0;
        };
        if b[0] <= a[0] || x <= a[0] {
            return a[1];
        }
        a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0])
    }
}

/// 0 below 0, 1 above 1, smooth between.
pub(crate) fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A rotation with scale and shift of the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Similarity {
    a: f32,
    b: f32,
    shift: [f32; 2],
}

impl Similarity {
    /// The one that takes two points onto two others.
    pub fn between(from: [[f32; 2]; 2], to: [[f32; 2]; 2]) -> Self {
        let (fx, fy) = (from[1][0] - from[0][0], from[1][1] - from[0][1]);
        let (tx, ty) = (to[1][0] - to[0][0], to[1][1] - to[0][1]);
        let length = (fx * fx + fy * fy).max(1e-6);
        let a = (fx * tx + fy * ty) / length;
        let b = (fx * ty - fy * tx) / length;
        Self {
            a,
            b,
            shift: [
                to[0][0] - a * from[0][0] + b * from[0][1],
                to[0][1] - b * from[0][0] - a * from[0][1],
            ],
        }
    }

    /// A way, which is turned and scaled but not shifted.
    pub fn turn(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.a * x - self.b * y, self.b * x + self.a * y]
    }

    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [
            self.a * x - self.b * y + self.shift[0],
            self.b * x + self.a * y + self.shift[1],
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_through_its_points() {
        let points = [[0.0, 1.0], [2.0, 5.0], [3.0, 4.0], [7.0, 0.0]];
        let curve = Curve::through(&points);
        for [x, y] in points {
            assert!((curve.at(x) - y).abs() < 1e-5);
        }
        assert_eq!(curve.at(-9.0), 1.0);
        assert_eq!(curve.at(99.0), 0.0);
        assert_eq!(curve.ends(), (0.0, 7.0));
    }

    #[test]
    fn a_similarity_takes_points_where_it_should() {
        let to = [[5.0, 5.0], [5.0, 9.0]];
        let turned = Similarity::between([[0.0, 0.0], [2.0, 0.0]], to);
        assert_eq!(turned.apply([2.0, 0.0]), [5.0, 9.0]);
        assert_eq!(turned.apply([1.0, 0.0]), [5.0, 7.0]);
        assert_eq!(turned.apply([0.0, 1.0]), [3.0, 5.0]);
    }
}
