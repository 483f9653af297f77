//! Smooth curves through landmarks, read column by column.

/// Points between two landmarks.
const BETWEEN: usize = 6;
/// Heights that are kept along a curve: closer than the pixels of a mouth that
/// fills a large screen.
const KEPT: usize = 257;

/// A curve that goes from left to right, as heights at even distances.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    ends: (f32, f32),
    /// Steps for each unit of x.
    steps: f32,
    heights: Vec<f32>,
}

impl Curve {
    /// The Catmull-Rom spline through points.
    pub fn through(points: &[[f32; 2]]) -> Self {
        let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
        let mut curve: Vec<[f32; 2]> = Vec::with_capacity((points.len() - 1) * BETWEEN + 1);
        // What folds back under a strong shape is cut, so that every column
        // has one height.
        let mut far = f32::NEG_INFINITY;
        let mut add = |p: [f32; 2]| {
            if p[0] > far {
                far = p[0];
                curve.push(p);
            }
        };
        for i in 0..points.len() as isize - 1 {
            let p = [at(i - 1), at(i), at(i + 1), at(i + 2)];
            for step in 0..BETWEEN {
                let t = step as f32 / BETWEEN as f32;
                add(std::array::from_fn(|k| {
                    let [a, b, c, d] = p.map(|p| p[k]);
                    let linear = c - a;
                    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
                    let cube = 3.0 * (b - c) + d - a;
                    b + 0.5 * t * (linear + t * (square + t * cube))
                }));
            }
        }
        add(at(points.len() as isize - 1));
        Self::kept(&curve)
    }

    /// Of points whose x rises.
    fn kept(curve: &[[f32; 2]]) -> Self {
        let ends = (
            curve.first().map_or(0.0, |p| p[0]),
            curve.last().map_or(0.0, |p| p[0]),
        );
        let step = (ends.1 - ends.0) / (KEPT - 1) as f32;
        let mut next = 0;
        let heights = (0..KEPT).map(|i| {
            let x = ends.0 + i as f32 * step;
            while next + 1 < curve.len() && curve[next][0] <= x {
                next += 1;
            }
            let (Some(a), Some(b)) = (curve.get(next.saturating_sub(1)), curve.get(next)) else {
                return 0.0;
            };
            if b[0] <= a[0] {
                return a[1];
            }
            let share = ((x - a[0]) / (b[0] - a[0])).clamp(0.0, 1.0);
            a[1] + (b[1] - a[1]) * share
        });
        Self {
            heights: heights.collect(),
            ends,
            steps: if step > 0.0 { 1.0 / step } else { 0.0 },
        }
    }

    /// Where it begins and ends.
    pub fn ends(&self) -> (f32, f32) {
        self.ends
    }

    /// Lowest and highest y.
    pub fn heights(&self) -> (f32, f32) {
        self.heights
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &y| {
                (low.min(y), high.max(y))
            })
    }

    /// The height at x; beyond the ends that of the end.
    #[inline]
    pub fn at(&self, x: f32) -> f32 {
        let place = ((x - self.ends.0) * self.steps).clamp(0.0, (KEPT - 1) as f32);
        let index = (place as usize).min(KEPT - 2);
        let (a, b) = (self.heights[index], self.heights[index + 1]);
        a + (b - a) * (place - index as f32)
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
            // Between two kept heights a sharp bend is cut.
            assert!((curve.at(x) - y).abs() < 0.03);
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
