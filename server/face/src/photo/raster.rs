//! Textured triangles, in fixed point: the same pixels on every machine and for
//! every order of drawing.

use media::Rect;

use super::texture::{Pixel, Texture, over};

/// Steps of a pixel in which corners are placed.
pub(crate) const STEPS: f32 = 16.0;
const BITS: u32 = 4;

/// Where triangles are drawn.
pub(crate) struct Target<'a> {
    pub width: usize,
    pub pixels: &'a mut [Pixel],
    /// What lies behind a texture that is not opaque.
    pub behind: Option<&'a [Pixel]>,
}

/// A corner: where on the screen, in [`STEPS`] of a pixel, and where in the
/// texture, in texels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corner {
    pub at: [i32; 2],
    pub texel: [f32; 2],
}

/// Draws a triangle within `clip`. Pixels whose middle lies on an edge belong
/// to one of the triangles that share it.
pub(crate) fn triangle(
    target: &mut Target<'_>,
    texture: &Texture,
    corners: [Corner; 3],
    clip: Rect,
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
    let top = first_row(ys.into_iter().fold(i32::MAX, i32::min)).max(clip.y as i32);
    let bottom = ((ys.into_iter().fold(i32::MIN, i32::max) - half) >> BITS)
        .min((clip.y + clip.height) as i32 - 1);
    if top > bottom {
        return;
    }
    let edges = [
        Edge::new(a.at, b.at),
        Edge::new(b.at, c.at),
        Edge::new(c.at, a.at),
    ];
    let (left, right) = (clip.x as i32, (clip.x + clip.width) as i32 - 1);
    let map = Map::new(&[a, b, c], area);
    for y in top..=bottom {
        let (mut from, mut to) = (left, right);
        for edge in &edges {
            edge.narrow(y, &mut from, &mut to);
        }
        if from <= to {
            span(target, texture, &map, y, from, to);
        }
    }
}

/// One side of a triangle: the inside is where `slope * x + offset(y) >= 0` for
/// pixel numbers x and y.
struct Edge {
    /// Change for a pixel to the right and down.
    right: i64,
    down: i64,
    /// Value at the middle of pixel (0, 0).
    start: i64,
}

impl Edge {
    fn new(p: [i32; 2], q: [i32; 2]) -> Self {
        let (dx, dy) = (i64::from(q[0] - p[0]), i64::from(q[1] - p[1]));
        let half = 1_i64 << (BITS - 1);
        // Left and top edges keep the pixels on them, the others give them up.
        let keeps = dy < 0 || (dy == 0 && dx > 0);
        let start = dx * (half - i64::from(p[1])) - dy * (half - i64::from(p[0]));
        Self {
            right: -dy << BITS,
            down: dx << BITS,
            start: start - i64::from(!keeps),
        }
    }

    /// Narrows a range of pixels to those inside.
    fn narrow(&self, y: i32, from: &mut i32, to: &mut i32) {
        let value = self.start + self.down * i64::from(y);
        match self.right {
            0 if value < 0 => *to = *from - 1,
            0 => {}
            right if right > 0 => {
                let first = (-value + right - 1).div_euclid(right);
                *from = (*from).max(first.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32);
            }
            right => {
                let last = value.div_euclid(-right);
                *to = (*to).min(last.clamp(i64::from(i32::MIN), i64::from(i32::MAX) - 1) as i32);
            }
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

/// Draws the pixels `from..=to` of a row.
fn span(target: &mut Target<'_>, texture: &Texture, map: &Map, y: i32, from: i32, to: i32) {
    let start = y as usize * target.width + from as usize;
    let count = (to - from + 1) as usize;
    let row = &mut target.pixels[start..start + count];
    let (first, last) = (map.at(from, y), map.at(to, y));
    let (wide, high) = ((texture.width - 1) as f32, (texture.height - 1) as f32);
    // A little inside, for what rounding adds along the span.
    let within =
        |p: [f32; 2]| (0.01..wide - 0.01).contains(&p[0]) && (0.01..high - 0.01).contains(&p[1]);
    let fixed = |v: f32| (v * 65_536.0) as i32;
    let behind = target.behind.map(|behind| &behind[start..start + count]);
    let blend = |pixel: Pixel, i: usize| match behind {
        Some(behind) if pixel < 0xFF00_0000 => over(pixel, behind[i]),
        _ => pixel,
    };
    if within(first) && within(last) {
        let (mut u, mut v) = (fixed(first[0]), fixed(first[1]));
        let (du, dv) = (fixed(map.right[0]), fixed(map.right[1]));
        for (i, pixel) in row.iter_mut().enumerate() {
            *pixel = blend(texture.fetch(u, v), i);
            u += du;
            v += dv;
        }
    } else {
        for (i, pixel) in row.iter_mut().enumerate() {
            let [u, v] = map.at(from + i as i32, y);
            let (u, v) = (
                fixed(u.clamp(0.0, wide - 1.0 / 512.0)),
                fixed(v.clamp(0.0, high - 1.0 / 512.0)),
            );
            *pixel = blend(texture.fetch(u, v), i);
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
        let clip = Rect {
            x: 0,
            y: 0,
            width: SIDE,
            height: SIDE,
        };
        for corners in triangles {
            let mut pixels = vec![0; SIDE * SIDE];
            let mut target = Target {
                width: SIDE,
                pixels: &mut pixels,
                behind: None,
            };
            let corners = corners.map(|i| Corner {
                at: points[i],
                texel: [1.0, 1.0],
            });
            triangle(&mut target, &texture, corners, clip);
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
