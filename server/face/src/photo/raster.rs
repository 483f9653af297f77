//! Textured triangles, in fixed point: the same pixels on every machine and for
//! every order of drawing.

use super::dirty::Dirty;
use super::texture::{Pixel, Texture, over};

/// Steps of a pixel in which corners are placed.
pub(crate) const STEPS: f32 = 16.0;
pub(crate) const BITS: u32 = 4;

/// Where triangles are drawn.
pub(crate) struct Target<'a> {
    pub width: usize,
    pub height: usize,
    pub pixels: &'a mut [Pixel],
    /// What lies behind a texture that is not opaque; without, what is clear
    /// stays clear.
    pub behind: Option<&'a [Pixel]>,
    /// What may be drawn on.
    pub dirty: &'a Dirty,
}

/// What a triangle shows of its texture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// Only opaque pixels.
    Opaque,
    /// Only what is behind it.
    Clear,
    /// Both, or something between.
    Mixed,
}

impl Cover {
    /// Of a triangle with corners at these texels.
    pub fn of(texture: &Texture, corners: [[f32; 2]; 3]) -> Self {
        let span = |k: usize, length: usize| {
            let values = corners.map(|corner| corner[k]);
            let low = values.into_iter().fold(f32::INFINITY, f32::min);
            let high = values.into_iter().fold(f32::NEG_INFINITY, f32::max);
            // A texel to each side, for what is fetched between texels.
            let within = |v: f32| (v.max(0.0) as usize).min(length - 1);
            within(low - 1.0)..=within(high + 2.0)
        };
        let (columns, rows) = (span(0, texture.width), span(1, texture.height));
        let (mut opaque, mut clear) = (true, true);
        for row in rows {
            let start = row * texture.width;
            for texel in &texture.texels[start + columns.start()..=start + columns.end()] {
                opaque &= texel >> 24 == 255;
                clear &= texel >> 24 == 0;
            }
            if !opaque && !clear {
                return Self::Mixed;
            }
        }
        if opaque { Self::Opaque } else { Self::Clear }
    }
}

/// A corner: where on the screen, in [`STEPS`] of a pixel, and where in the
/// texture, in texels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corner {
    pub at: [i32; 2],
    pub texel: [f32; 2],
}

/// Draws a triangle where the target is dirty. Pixels whose middle lies on an
/// edge belong to one of the triangles that share it.
pub(crate) fn triangle(
    target: &mut Target<'_>,
    texture: &Texture,
    corners: [Corner; 3],
    cover: Cover,
) {
    let [a, mut b, mut c] = corners;
    let cross = |p: [i32; 2], q: [i32; 2], r: [i32; 2]| {
        i64::from(q[0] - p[0]) * i64::from(r[1] - p[1])
            - i64::from(q[1] - p[1]) * i64::from(r[0] - p[0])
    };
    let mut area = cross(a.at, b.at, c.at);
    if area == 0 {
        return;
    }
    if area < 0 {
        (b, c, area) = (c, b, -area);
    }
    let ys = [a.at[1], b.at[1], c.at[1]];
    let half = 1 << (BITS - 1);
    let first_row = |y: i32| (y - half + (1 << BITS) - 1) >> BITS;
    let top = first_row(ys.into_iter().fold(i32::MAX, i32::min)).max(0);
    let bottom =
        ((ys.into_iter().fold(i32::MIN, i32::max) - half) >> BITS).min(target.height as i32 - 1);
    if top > bottom {
        return;
    }
    let mut edges = [
        Edge::new(a.at, b.at, top),
        Edge::new(b.at, c.at, top),
        Edge::new(c.at, a.at, top),
    ];
    let map = Map::new(&[a, b, c], area);
    for y in top..=bottom {
        let (mut from, mut to) = (0, target.width as i64 - 1);
        for edge in &mut edges {
            edge.narrow(&mut from, &mut to);
            edge.step();
        }
        if from <= to {
            span(target, texture, &map, cover, y, (from as i32, to as i32));
        }
    }
}

/// One side of a triangle: the inside is where `right * x + down * y + start >=
/// 0` for pixel numbers x and y. It is followed row by row, with the quotient
/// that bounds x and its remainder carried along exactly.
struct Edge {
    /// Which side of the bound is inside.
    side: Side,
    /// The bound on x in this row; a level edge's own value.
    bound: i64,
    remainder: i64,
    divisor: i64,
    /// What a row adds to bound and remainder.
    step: (i64, i64),
}

#[derive(Clone, Copy)]
enum Side {
    /// `x > bound`.
    Right,
    /// `x <= bound`.
    Left,
    /// All of a row or nothing.
    Level,
}

impl Edge {
    fn new(p: [i32; 2], q: [i32; 2], row: i32) -> Self {
        let (dx, dy) = (i64::from(q[0] - p[0]), i64::from(q[1] - p[1]));
        let half = 1_i64 << (BITS - 1);
        // Left and top edges keep the pixels on them, the others give them up.
        let keeps = dy < 0 || (dy == 0 && dx > 0);
        let start = dx * (half - i64::from(p[1])) - dy * (half - i64::from(p[0]));
        let (right, down) = (-dy << BITS, dx << BITS);
        let value = start - i64::from(!keeps) + down * i64::from(row);
        // The first x inside is the quotient of -value - 1 and one more, the
        // last one that of value.
        let (side, dividend, step, divisor) = match right {
            0 => (Side::Level, value, down, 1),
            right if right > 0 => (Side::Right, -value - 1, -down, right),
            right => (Side::Left, value, down, -right),
        };
        Self {
            side,
            bound: dividend.div_euclid(divisor),
            remainder: dividend.rem_euclid(divisor),
            divisor,
            step: (step.div_euclid(divisor), step.rem_euclid(divisor)),
        }
    }

    /// Narrows a range of pixels of the row to those inside.
    #[inline]
    fn narrow(&self, from: &mut i64, to: &mut i64) {
        match self.side {
            Side::Right => *from = (*from).max(self.bound + 1),
            Side::Left => *to = (*to).min(self.bound),
            Side::Level if self.bound < 0 => *to = *from - 1,
            Side::Level => {}
        }
    }

    /// Goes on to the next row.
    #[inline]
    fn step(&mut self) {
        self.bound += self.step.0;
        self.remainder += self.step.1;
        if self.remainder >= self.divisor {
            self.remainder -= self.divisor;
            self.bound += 1;
        }
    }
}

/// Texels by pixels.
struct Map {
    start: [f32; 2],
    right: [f32; 2],
    down: [f32; 2],
}

impl Map {
    fn new(corners: &[Corner; 3], area: i64) -> Self {
        let [a, b, c] = corners;
        let screen = |p: &Corner| p.at.map(|v| v as f32 / STEPS);
        let (pa, pb, pc) = (screen(a), screen(b), screen(c));
        let area = area as f32 / (STEPS * STEPS);
        let (bx, by, cx, cy) = (pb[0] - pa[0], pb[1] - pa[1], pc[0] - pa[0], pc[1] - pa[1]);
        let mut map = Self {
            start: [0.0; 2],
            right: [0.0; 2],
            down: [0.0; 2],
        };
        for k in 0..2 {
            let (tb, tc) = (b.texel[k] - a.texel[k], c.texel[k] - a.texel[k]);
            map.right[k] = (tb * cy - tc * by) / area;
            map.down[k] = (tc * bx - tb * cx) / area;
            map.start[k] = a.texel[k] + map.right[k] * (0.5 - pa[0]) + map.down[k] * (0.5 - pa[1]);
        }
        map
    }

    fn at(&self, x: i32, y: i32) -> [f32; 2] {
        std::array::from_fn(|k| self.start[k] + self.right[k] * x as f32 + self.down[k] * y as f32)
    }
}

/// Draws what is dirty of the pixels from a first to a last one of a row. Where
/// it begins to draw must not show: texels are counted from the first.
fn span(
    target: &mut Target<'_>,
    texture: &Texture,
    map: &Map,
    cover: Cover,
    y: i32,
    (first, last): (i32, i32),
) {
    let (left, right) = target.dirty.columns(y as usize);
    let (from, to) = (first.max(left as i32), last.min(right as i32 - 1));
    if from > to {
        return;
    }
    let start = y as usize * target.width + from as usize;
    let count = (to - from + 1) as usize;
    let row = &mut target.pixels[start..start + count];
    let behind = match (cover, target.behind) {
        (Cover::Opaque, _) | (_, None) => None,
        (_, Some(behind)) => Some(&behind[start..start + count]),
    };
    if let (Cover::Clear, Some(behind)) = (cover, behind) {
        row.copy_from_slice(behind);
        return;
    }
    let ends = (map.at(first, y), map.at(last, y));
    let (wide, high) = ((texture.width - 1) as f32, (texture.height - 1) as f32);
    // A little inside, for what rounding adds along the span.
    let within =
        |p: [f32; 2]| (0.01..wide - 0.01).contains(&p[0]) && (0.01..high - 0.01).contains(&p[1]);
    let fixed = |v: f32| (v * 65_536.0) as i32;
    if within(ends.0) && within(ends.1) {
        let step = map.right.map(fixed);
        let start = std::array::from_fn(|k| fixed(ends.0[k]) + (from - first) * step[k]);
        texture.walk(row, start, step);
    } else {
        for (x, pixel) in (from..).zip(row.iter_mut()) {
            let [u, v] = map.at(x, y);
            *pixel = texture.fetch(
                fixed(u.clamp(0.0, wide - 1.0 / 512.0)),
                fixed(v.clamp(0.0, high - 1.0 / 512.0)),
            );
        }
    }
    for (pixel, &behind) in row.iter_mut().zip(behind.unwrap_or_default()) {
        if *pixel >> 24 != 255 {
            *pixel = over(*pixel, behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDE: usize = 32;

    fn counted(points: &[[i32; 2]], triangles: &[[usize; 3]]) -> Vec<u32> {
        let mut texture = Texture::blank((0.0, 0.0, 4.0, 4.0), 1.0);
        texture.texels.fill(1);
        let mut sum = vec![0; SIDE * SIDE];
        let mut dirty = Dirty::new((SIDE, SIDE));
        dirty.add_all();
        for corners in triangles {
            let mut pixels = vec![0; SIDE * SIDE];
            let mut target = Target {
                width: SIDE,
                height: SIDE,
                pixels: &mut pixels,
                behind: None,
                dirty: &dirty,
            };
            let corners = corners.map(|i| Corner {
                at: points[i],
                texel: [1.0, 1.0],
            });
            triangle(&mut target, &texture, corners, Cover::Opaque);
            for (sum, pixel) in sum.iter_mut().zip(pixels) {
                *sum += pixel;
            }
        }
        sum
    }

    proptest! {
        /// Four triangles round a point inside a square: every pixel of the
        /// square belongs to exactly one.
        #[test]
        fn neighbours_neither_overlap_nor_leave_gaps(x in 40_i32..400, y in 40_i32..400) {
            let points = [[16, 16], [480, 16], [480, 480], [16, 480], [x, y]];
            let sum = counted(&points, &[[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]);
            for (i, count) in sum.into_iter().enumerate() {
                let (px, py) = (i % SIDE, i / SIDE);
                let inside = (1..30).contains(&px) && (1..30).contains(&py);
                prop_assert_eq!(count, u32::from(inside), "at {},{}", px, py);
            }
        }

        /// Any corners, also far outside, neither panic nor draw outside.
        #[test]
        fn wild_corners_are_clipped(
            at in proptest::array::uniform3(proptest::array::uniform2(-90_000_i32..90_000)),
        ) {
            counted(&at, &[[0, 1, 2]]);
        }
    }
}
