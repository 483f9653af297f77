//! The guided filter (He, Sun, Tang 2013) with a colour picture as the guide:
//! near every pixel the mask is taken to be a linear function of the colour, so
//! that its edge follows the edge that is in the picture.
//!
//! The functions are found in a smaller copy and used at full size (He, Sun,
//! "Fast guided filter", 2015): their coefficients are smooth, and the memory
//! needed does not grow with the picture.

/// Half the side of the square in which the function is fitted, as a part of
/// the longer side; 17 pixels of 512.
const RADIUS: f32 = 17.0 / 512.0;

/// How different colours must be to count, squared, of 0..=1.
const LEAST_VARIANCE: f32 = 1e-4;

/// One value for each pixel.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

impl Plane {
    pub fn new(width: usize, height: usize, mut value: impl FnMut(usize, usize) -> f32) -> Self {
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                values.push(value(x, y));
            }
        }
        Self {
            width,
            height,
            values,
        }
    }

    fn combined(&self, other: &Self, combine: impl Fn(f32, f32) -> f32) -> Self {
        let pairs = self.values.iter().zip(&other.values);
        Self {
            width: self.width,
            height: self.height,
            values: pairs.map(|(&a, &b)| combine(a, b)).collect(),
        }
    }

    fn times(&self, other: &Self) -> Self {
        self.combined(other, |a, b| a * b)
    }

    /// The value at a place in pixels, between those of the four around it.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (right, down) = (x - left, y - top);
        let value = |x: f32, y: f32| {
            let column = (x.max(0.0) as usize).min(self.width - 1);
            let row = (y.max(0.0) as usize).min(self.height - 1);
            self.values[row * self.width + column]
        };
        let upper = value(left, top) * (1.0 - right) + value(left + 1.0, top) * right;
        let lower = value(left, top + 1.0) * (1.0 - right) + value(left + 1.0, top + 1.0) * right;
        upper * (1.0 - down) + lower * down
    }

    /// The mean of the square around each pixel, cut at the edges.
    fn mean(&self, radius: usize) -> Self {
        let across = sums(&self.values, self.width, self.height, radius);
        // Down is across, turned.
        let turned = transposed(&across, self.width, self.height);
        let both = sums(&turned, self.height, self.width, radius);
        Self {
            width: self.width,
            height: self.height,
            values: transposed(&both, self.height, self.width),
        }
    }
}

/// Means over `2 × radius + 1` values of each row.
fn sums(values: &[f32], width: usize, height: usize, radius: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for row in values.chunks_exact(width).take(height) {
        // In double precision, so that what is added leaves nothing behind
        // when it is taken away again.
        let mut sum: f64 = row.iter().take(radius).map(|&value| f64::from(value)).sum();
        for at in 0..width {
            if let Some(&entering) = row.get(at + radius) {
                sum += f64::from(entering);
            }
            if at > radius {
                sum -= f64::from(row[at - radius - 1]);
            }
            let count = (at + radius).min(width - 1) - at.saturating_sub(radius) + 1;
            out.push((sum / count as f64) as f32);
        }
    }
    out
}

fn transposed(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for x in 0..width {
        for y in 0..height {
            out.push(values[y * width + x]);
        }
    }
    out
}

/// The functions, one for each pixel of the smaller copy.
pub(crate) struct Filter {
    slopes: [Plane; 3],
    offset: Plane,
}

impl Filter {
    /// Fits them to a mask; `guide` are its colours, each 0..=1, of the same
    /// size.
    pub fn fit(guide: &[Plane; 3], mask: &Plane) -> Self {
        let longest = mask.width.max(mask.height) as f32;
        let radius = (longest * RADIUS).round().max(1.0) as usize;
        let means = [0, 1, 2].map(|at: usize| guide[at].mean(radius));
        let mask_mean = mask.mean(radius);
        let covariance = |a: &Plane, b: &Plane, a_mean: &Plane, b_mean: &Plane| {
            let product = a_mean.times(b_mean);
            a.times(b).mean(radius).combined(&product, |a, b| a - b)
        };
        let with_mask =
            [0, 1, 2].map(|at: usize| covariance(&guide[at], mask, &means[at], &mask_mean));
        let between = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
            .map(|(a, b): (usize, usize)| covariance(&guide[a], &guide[b], &means[a], &means[b]));
        let empty = || Plane::new(mask.width, mask.height, |_, _| 0.0);
        let mut slopes = [empty(), empty(), empty()];
        let mut offset = empty();
        for at in 0..mask.values.len() {
            let c = [0, 1, 2, 3, 4, 5].map(|which: usize| between[which].values[at]);
            let e = LEAST_VARIANCE;
            let matrix = [
                [c[0] + e, c[1], c[2]],
                [c[1], c[3] + e, c[4]],
                [c[2], c[4], c[5] + e],
            ];
            let slope = solve(
                matrix,
                [0, 1, 2].map(|channel: usize| with_mask[channel].values[at]),
            );
            let mut rest = mask_mean.values[at];
            for channel in 0..3 {
                slopes[channel].values[at] = slope[channel];
                rest -= slope[channel] * means[channel].values[at];
            }
            offset.values[at] = rest;
        }
        Self {
            slopes: slopes.map(|plane| plane.mean(radius)),
            offset: offset.mean(radius),
        }
    }

    /// The mask at a place of the smaller copy, where the colour is this.
    pub fn apply(&self, x: f32, y: f32, colour: [f32; 3]) -> f32 {
        let slopes = self.slopes.iter().zip(colour);
        self.offset.at(x, y)
            + slopes
                .map(|(slope, value)| slope.at(x, y) * value)
                .sum::<f32>()
    }
}

/// Solves three equations by Cramer's rule; the matrix is positive definite.
fn solve(m: [[f32; 3]; 3], v: [f32; 3]) -> [f32; 3] {
    let m = m.map(|row| row.map(f64::from));
    let v = v.map(f64::from);
    let determinant = |a: [f64; 3], b: [f64; 3], c: [f64; 3]| {
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
    };
    let all = determinant(m[0], m[1], m[2]);
    [
        determinant(v, m[1], m[2]),
        determinant(m[0], v, m[2]),
        determinant(m[0], m[1], v),
    ]
    .map(|part| (part / all) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_cut_at_the_edges() {
        let plane = Plane::new(3, 1, |x, _| x as f32);
        assert_eq!(plane.mean(1).values, [0.5, 1.0, 1.5]);
        assert_eq!(plane.mean(9).values, [1.0; 3]);
    }

    #[test]
    fn three_equations_are_solved() {
        let m = [[2.0, 0.5, 0.1], [0.5, 3.0, 0.2], [0.1, 0.2, 1.0]];
        let x = [1.0, -2.0, 0.5];
        let v = m.map(|row: [f32; 3]| row.iter().zip(x).map(|(a, b)| a * b).sum::<f32>());
        let found = solve(m, v);
        assert!(found.iter().zip(x).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_blurred_mask_takes_the_edge_of_the_picture() {
        // The picture changes colour at column 40; the mask slowly, about
        // column 39.
        let edge = |x: usize| if x < 40 { 0.2 } else { 0.8 };
        let guide = [0.0, 0.1, 0.2].map(|more| Plane::new(80, 20, |x, _| edge(x) + more));
        let blurred = |x: usize| ((x as f32 - 36.0) / 6.0).clamp(0.0, 1.0);
        let mask = Plane::new(80, 20, |x, _| blurred(x));
        let filter = Filter::fit(&guide, &mask);
        let value = |x: usize| {
            let colour = [0.0, 0.1, 0.2].map(|more| edge(x) + more);
            filter.apply(x as f32 + 0.5, 10.5, colour)
        };
        assert!(blurred(40) - blurred(39) < 0.17);
        assert!(value(40) - value(39) > 0.5, "{} {}", value(39), value(40));
        assert!(value(30) < 0.05 && value(50) > 0.95);
    }
}
