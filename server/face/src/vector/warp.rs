//! Turning the head: a smooth displacement of the painted head, as if it were
//! a rounded body, and the sampler that draws it.

use media::Rect;
use tiny_skia::Transform;

/// The point about which the head tilts, design units: the top of the neck.
const PIVOT: (f32, f32) = (256.0, 362.0);
/// Half width and half height of the rounded body, design units.
const BODY: (f32, f32) = (98.0, 140.0);
/// Its middle.
const CENTRE: (f32, f32) = (256.0, 226.0);
/// How far the nearest point moves per radian of turning, design units. A
/// little less than the half width, because a flat drawing that turns as far
/// as a real head looks like a mask.
const REACH: f32 = 78.0;
/// How far parts behind the middle (hair) move against the turn, of [`REACH`].
const BEHIND: f32 = 0.4;

/// Size of a cell of the displacement grid, pixels. Within a cell the source
/// position is linear, which is off by less than a third of a pixel at the
/// widest open jaw.
const CELL: (usize, usize) = (8, 4);

/// Where the head is. Already rounded to what can be seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pose {
    /// Shift, design units.
    pub shift: (f32, f32),
    /// Radians.
    pub yaw: f32,
    /// Radians, positive up.
    pub pitch: f32,
    /// Radians, clockwise as seen.
    pub roll: f32,
}

/// How design units become pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Framing {
    /// Pixels per design unit.
    pub scale: f32,
    /// Pixel position of the design origin.
    pub origin: (f32, f32),
}

/// The map from the painted head to the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Warp {
    framing: Framing,
    pose: Pose,
    turn: (f32, f32),
    /// Cosine and sine of the roll.
    spin: (f32, f32),
    /// How far the chin is lowered, design units.
    jaw: f32,
    /// Distance from the middle up to which all of the jaw goes down, and from
    /// which nothing does.
    jaw_reach: (f32, f32),
}

impl Warp {
    pub(super) fn new(framing: Framing, pose: Pose, jaw: f32, jaw_reach: (f32, f32)) -> Self {
        Self {
            framing,
            pose,
            turn: (REACH * pose.yaw.sin(), -REACH * pose.pitch.sin()),
            spin: (pose.roll.cos(), pose.roll.sin()),
            jaw,
            jaw_reach,
        }
    }

    /// Where a point of the head is in the picture, pixels. The lowered jaw is
    /// left out: what follows the jaw is drawn where the jaw is.
    pub(super) fn place(&self, point: (f32, f32)) -> (f32, f32) {
        let depth = depth(point);
        let x = point.0 + self.turn.0 * depth - PIVOT.0;
        let y = point.1 + self.turn.1 * depth - PIVOT.1;
        let (cos, sin) = self.spin;
        let (x, y) = (
            x * cos - y * sin + PIVOT.0 + self.pose.shift.0,
            x * sin + y * cos + PIVOT.1 + self.pose.shift.1,
        );
        (
            x * self.framing.scale + self.framing.origin.0,
            y * self.framing.scale + self.framing.origin.1,
        )
    }

    /// The linear part of [`Warp::place`] around a point, for drawing a
    /// feature there.
    pub(super) fn local(&self, at: (f32, f32)) -> Transform {
        const STEP: f32 = 12.0;
        let here = self.place(at);
        let (left, right) = (
            self.place((at.0 - STEP, at.1)),
            self.place((at.0 + STEP, at.1)),
        );
        let (above, below) = (
            self.place((at.0, at.1 - STEP)),
            self.place((at.0, at.1 + STEP)),
        );
        let across = 0.5 / STEP;
        let (sx, ky) = ((right.0 - left.0) * across, (right.1 - left.1) * across);
        let (kx, sy) = ((below.0 - above.0) * across, (below.1 - above.1) * across);
        Transform::from_row(
            sx,
            ky,
            kx,
            sy,
            here.0 - sx * at.0 - kx * at.1,
            here.1 - ky * at.0 - sy * at.1,
        )
    }

    /// The pixels that a box of the head (left, top, right, bottom) may cover.
    pub(super) fn cover(&self, area: (f32, f32, f32, f32), bounds: (usize, usize)) -> Rect {
        let mut low = (f32::MAX, f32::MAX);
        let mut high = (f32::MIN, f32::MIN);
        for step in 0..=4 {
            let t = step as f32 / 4.0;
            let (x, y) = (
                area.0 + (area.2 - area.0) * t,
                area.1 + (area.3 - area.1) * t,
            );
            for point in [(x, area.1), (x, area.3), (area.0, y), (area.2, y)] {
                let (px, py) = self.place(point);
                low = (low.0.min(px), low.1.min(py));
                high = (high.0.max(px), high.1.max(py));
            }
        }
        Rect::cover(low.0 - 2.0, low.1 - 2.0, high.0 + 2.0, high.1 + 2.0, bounds)
    }

    /// The point of the painted head that is seen at a pixel position.
    fn source(&self, x: f32, y: f32) -> (f32, f32) {
        let x = (x - self.framing.origin.0) / self.framing.scale - PIVOT.0 - self.pose.shift.0;
        let y = (y - self.framing.origin.1) / self.framing.scale - PIVOT.1 - self.pose.shift.1;
        let (cos, sin) = self.spin;
        let turned = (x * cos + y * sin + PIVOT.0, y * cos - x * sin + PIVOT.1);
        let mut flat = turned;
        for _ in 0..2 {
            let depth = depth(flat);
            flat = (
                turned.0 - self.turn.0 * depth,
                turned.1 - self.turn.1 * depth,
            );
        }
        (flat.0, flat.1 - self.jaw * jaw_share(flat, self.jaw_reach))
    }
}

/// How near a point of the head is: 1 in the middle of the face, 0 at its rim,
/// more on the nose, negative behind.
fn depth(point: (f32, f32)) -> f32 {
    let (x, y) = ((point.0 - CENTRE.0) / BODY.0, (point.1 - CENTRE.1) / BODY.1);
    let away = x * x + y * y - 1.0;
    let round = if away <= 0.0 {
        -away
    } else {
        -away / (1.0 + away / BEHIND)
    };
    let (nx, ny) = ((point.0 - 256.0) / 26.0, (point.1 - 256.0) / 40.0);
    let nose = (1.0 - nx * nx - ny * ny).max(0.0);
    round + 0.22 * nose * nose
}

/// The share of the jaw's way that a point of the opened face has made.
fn jaw_share(point: (f32, f32), reach: (f32, f32)) -> f32 {
    let down = smooth_step((point.1 - 284.0) / 66.0);
    let side = 1.0 - smooth_step(((point.0 - 256.0).abs() - reach.0) / (reach.1 - reach.0));
    down * side
}

fn smooth_step(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The painted head: premultiplied RGBA, denser than the picture so that a
/// resampled edge stays crisp.
pub(super) struct Texture {
    pixels: Vec<[u8; 4]>,
    width: usize,
    height: usize,
    /// Design point of its first pixel.
    origin: (f32, f32),
    /// Its pixels per design unit.
    scale: f32,
    /// For each row, the columns between which something is painted.
    spans: Vec<(i32, i32)>,
}

impl Texture {
    pub(super) fn new(pixmap: &tiny_skia::Pixmap, origin: (f32, f32), scale: f32) -> Self {
        let (width, height) = (pixmap.width() as usize, pixmap.height() as usize);
        let pixels = pixmap.data().as_chunks::<4>().0.to_vec();
        let painted: Vec<(i32, i32)> = pixels
            .chunks_exact(width)
            .map(|row| {
                let first = row.iter().position(|p| p[3] != 0);
                let last = row.iter().rposition(|p| p[3] != 0);
                match (first, last) {
                    (Some(first), Some(last)) => (first as i32, last as i32),
                    _ => (i32::MAX, i32::MIN),
                }
            })
            .collect();
        // A sample touches this row and the next, and one column to the right.
        let spans = (0..height)
            .map(|y| {
                let next = painted[(y + 1).min(height - 1)];
                (
                    painted[y].0.min(next.0).saturating_sub(1),
                    painted[y].1.max(next.1),
                )
            })
            .collect();
        Self {
            pixels,
            width,
            height,
            origin,
            scale,
            spans,
        }
    }

    /// Lays the warped head over `frame` (premultiplied RGBA, `stride` pixels
    /// wide) inside `area`.
    ///
    /// A pixel's value depends on its place and the warp only, never on the
    /// area, so that any split into areas gives the same picture.
    pub(super) fn draw(&self, warp: &Warp, frame: &mut [u8], stride: usize, area: Rect) {
        let columns = (area.x / CELL.0, (area.x + area.width).div_ceil(CELL.0));
        let rows = (area.y / CELL.1, (area.y + area.height).div_ceil(CELL.1));
        let node_row = |row: usize| -> Vec<(f32, f32)> {
            (columns.0..=columns.1)
                .map(|column| {
                    let (x, y) =
                        warp.source((column * CELL.0) as f32 + 0.5, (row * CELL.1) as f32 + 0.5);
                    (
                        (x - self.origin.0) * self.scale - 0.5,
                        (y - self.origin.1) * self.scale - 0.5,
                    )
                })
                .collect()
        };
        let mut above = node_row(rows.0);
        for row in rows.0..rows.1 {
            let below = node_row(row + 1);
            for line in 0..CELL.1 {
                let y = row * CELL.1 + line;
                if y < area.y || y >= area.y + area.height {
                    continue;
                }
                let t = line as f32 / CELL.1 as f32;
                let (out, _) = frame[y * stride * 4..(y + 1) * stride * 4].as_chunks_mut::<4>();
                for cell in 0..columns.1 - columns.0 {
                    let lerp = |a: (f32, f32), b: (f32, f32)| {
                        (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t)
                    };
                    let from = lerp(above[cell], below[cell]);
                    let to = lerp(above[cell + 1], below[cell + 1]);
                    let first = (columns.0 + cell) * CELL.0;
                    self.run(
                        out,
                        first,
                        (area.x.max(first), (area.x + area.width).min(first + CELL.0)),
                        from,
                        to,
                    );
                }
            }
            above = below;
        }
    }

    /// One cell of one row, in 16.16 fixed point.
    fn run(
        &self,
        out: &mut [[u8; 4]],
        first: usize,
        columns: (usize, usize),
        from: (f32, f32),
        to: (f32, f32),
    ) {
        let fixed = |v: f32| (v * 65_536.0) as i32;
        let (u0, v0) = (fixed(from.0), fixed(from.1));
        let (du, dv) = (
            (fixed(to.0) - u0) / CELL.0 as i32,
            (fixed(to.1) - v0) / CELL.0 as i32,
        );
        if columns.0 >= columns.1 {
            return;
        }
        let start = (columns.0 - first) as i32;
        let (mut u, mut v) = (u0 + du * start, v0 + dv * start);
        let steps = (columns.1 - columns.0 - 1) as i32;
        let (xs, ys) = (ends(u, u + du * steps), ends(v, v + dv * steps));
        let (some, all) = self.painted(ys);
        if xs.1 < some.0 || xs.0 > some.1 {
            return;
        }
        let whole = xs.0 >= all.0 && xs.1 <= all.1;
        for pixel in &mut out[columns.0..columns.1] {
            let (x, y) = (u >> 16, v >> 16);
            if whole || self.is_painted(x, y) {
                let at = y as usize * self.width + x as usize;
                let color = sample(
                    &self.pixels[at..at + self.width + 2],
                    self.width,
                    ((u >> 8) & 255) as u64,
                    ((v >> 8) & 255) as u64,
                );
                *pixel = over(color, *pixel);
            }
            u += du;
            v += dv;
        }
    }

    /// The columns between which something is painted in any of some rows, and
    /// those between which it is so in all of them.
    fn painted(&self, rows: (i32, i32)) -> ((i32, i32), (i32, i32)) {
        let last = self.height as i32 - 2;
        let none = (i32::MAX, i32::MIN);
        if rows.1 < 0 || rows.0 > last {
            return (none, none);
        }
        let inside = rows.0.max(0) as usize..=rows.1.min(last) as usize;
        let mut some = none;
        let mut all = (0, self.width as i32 - 2);
        for span in &self.spans[inside] {
            some = (some.0.min(span.0), some.1.max(span.1));
            all = (all.0.max(span.0), all.1.min(span.1));
        }
        if rows.0 < 0 || rows.1 > last {
            all = none;
        }
        (some, all)
    }

    /// Whether there is paint at a place or beside it.
    fn is_painted(&self, x: i32, y: i32) -> bool {
        let (within, _) = self.painted((y, y));
        x >= within.0.max(0) && x <= within.1.min(self.width as i32 - 2)
    }
}

/// The lower and the higher of two 16.16 places, whole.
fn ends(a: i32, b: i32) -> (i32, i32) {
    (a.min(b) >> 16, a.max(b) >> 16)
}

const LANES: u64 = 0x00FF_00FF_00FF_00FF;
const HALF: u64 = 0x0080_0080_0080_0080;

/// Spreads four bytes over four 16-bit lanes.
const fn spread(pixel: [u8; 4]) -> u64 {
    let x = u32::from_le_bytes(pixel) as u64;
    let x = (x | (x << 16)) & 0x0000_FFFF_0000_FFFF;
    (x | (x << 8)) & LANES
}

const fn gather(lanes: u64) -> [u8; 4] {
    let x = (lanes | (lanes >> 8)) & 0x0000_FFFF_0000_FFFF;
    ((x | (x >> 16)) as u32).to_le_bytes()
}

/// Mixes two pixels in lanes; `t` is 0..=256.
const fn mix(a: u64, b: u64, t: u64) -> u64 {
    ((a * (256 - t) + b * t + HALF) >> 8) & LANES
}

/// Bilinear sample; `x` and `y` are fractions of 256.
fn sample(pixels: &[[u8; 4]], width: usize, x: u64, y: u64) -> u64 {
    let top = mix(spread(pixels[0]), spread(pixels[1]), x);
    let bottom = mix(spread(pixels[width]), spread(pixels[width + 1]), x);
    mix(top, bottom, y)
}

/// A premultiplied pixel in lanes over an opaque one.
fn over(color: u64, under: [u8; 4]) -> [u8; 4] {
    let alpha = (color >> 48) & 255;
    match alpha {
        255 => gather(color),
        0 => under,
        _ => {
            // 0..=255 to 0..=256, so that a full coverage hides all.
            let rest = 256 - (alpha + (alpha >> 7));
            let under = ((spread(under) * rest + HALF) >> 8) & LANES;
            // A sample and the remainder of what is under it add up to 255 or,
            // by rounding, 256: held below by the rounding of `rest`.
            gather(saturate(color + under))
        }
    }
}

/// Lanes above 255 become 255.
const fn saturate(lanes: u64) -> u64 {
    let over = (lanes >> 8) & 0x0001_0001_0001_0001;
    (lanes | (over * 255)) & LANES
}

/// Lays a row between two rows of a layer over opaque pixels; `t` is the share
/// of the lower one, 0..=256.
pub(super) fn lay_row(upper: &[[u8; 4]], lower: &[[u8; 4]], t: u64, out: &mut [[u8; 4]]) {
    for ((&a, &b), pixel) in upper.iter().zip(lower).zip(out) {
        if a[3] | b[3] != 0 {
            *pixel = over(mix(spread(a), spread(b), t), *pixel);
        }
    }
}
