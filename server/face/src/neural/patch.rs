//! The crop of a network on the screen: cut out, and blended back.

use media::Rect;

use super::settings::{Kind, Settings};
use crate::photo::points::{CHIN, FOREHEAD, LEFT_EYE, OVAL, RIGHT_EYE, UPPER_LIP};
use crate::photo::texture::{Pixel, mix, parts, pixel};
use crate::photo::{Figure, Pose};

/// Side of the crop around mouth and chin, of the distance between the outer
/// corners of the eyes: a mouth is half as wide, and the jaw opens by as much.
const MOUTH: f32 = 1.1;
/// How far its middle is below that of the lips, of its side.
const BELOW: f32 = 0.1;
/// How far the crop around the face reaches beyond the chin, of its height.
const CHIN_ROOM: f32 = 0.05;

/// Where the crop is while the head is at rest, pixels of the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    middle: [f32; 2],
    half: [f32; 2],
    /// Depth of the lips: how far the crop goes along when the head turns.
    depth: f32,
    /// Width of the soft edge, of width and height.
    feather: f32,
    /// Only this lower part is blended back.
    from: f32,
}

impl Region {
    pub fn new(figure: &Figure, settings: &Settings) -> Self {
        let rest = &figure.mesh.rest;
        let (corner, other) = (rest[UPPER_LIP[0][0]], rest[UPPER_LIP[0][10]]);
        let mid = |k: usize| f32::midpoint(corner[k], other[k]);
        let [left, top, right, bottom] = match (settings.crop, settings.kind) {
            (Some([left, top, right, bottom]), _) => {
                let [left, top] = figure.placement.screen([left, top]);
                let [right, bottom] = figure.placement.screen([right, bottom]);
                [left, top, right, bottom]
            }
            (None, Kind::Controls) => {
                let eyes = [rest[RIGHT_EYE[0]], rest[LEFT_EYE[0]]];
                let apart = (eyes[1][0] - eyes[0][0]).hypot(eyes[1][1] - eyes[0][1]);
                let half = 0.5 * MOUTH * apart;
                let (x, y) = (mid(0), mid(1) + 2.0 * half * BELOW);
                [x - half, y - half, x + half, y + half]
            }
            (None, Kind::Wav2Lip) => {
                let across = OVAL.iter().map(|&i| rest[i][0]);
                let left = across.clone().fold(f32::INFINITY, f32::min);
                let right = across.fold(f32::NEG_INFINITY, f32::max);
                let (top, chin) = (rest[FOREHEAD][1], rest[CHIN][1]);
                [left, top, right, chin + CHIN_ROOM * (chin - top)]
            }
        };
        Self {
            middle: [f32::midpoint(left, right), f32::midpoint(top, bottom)],
            half: [(right - left) / 2.0, (bottom - top) / 2.0],
            depth: mid(2),
            feather: settings.feather,
            // The network saw the upper half; only what it made up is of use.
            from: match settings.kind {
                Kind::Controls => 0.0,
                Kind::Wav2Lip => 0.5,
            },
        }
    }
}

/// The crop at a moment: an affine map from the unit square to the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    origin: [f32; 2],
    across: [f32; 2],
    down: [f32; 2],
    feather: f32,
    from: f32,
    /// Even rectangle of the screen that holds it.
    pub bounds: Rect,
}

impl Patch {
    /// Where the head's pose carries a region.
    pub fn new(region: &Region, figure: &Figure, pose: &Pose) -> Self {
        let at = |x: f32, y: f32| {
            let point = [
                region.middle[0] + x * region.half[0],
                region.middle[1] + y * region.half[1],
                region.depth,
            ];
            figure.mesh.skull.carry(point, 1.0, 0.0, pose)
        };
        // From the middle, so that turning is the same to both sides.
        let middle = at(0.0, 0.0);
        let axis = |end: [f32; 2]| [2.0 * (end[0] - middle[0]), 2.0 * (end[1] - middle[1])];
        let (across, down) = (axis(at(1.0, 0.0)), axis(at(0.0, 1.0)));
        let origin: [f32; 2] =
            std::array::from_fn(|k| middle[k] - f32::midpoint(across[k], down[k]));
        let edges = |k: usize| {
            let ends = [0.0, across[k], down[k], across[k] + down[k]].map(|v| origin[k] + v);
            let low = ends.into_iter().fold(f32::INFINITY, f32::min);
            (low, ends.into_iter().fold(f32::NEG_INFINITY, f32::max))
        };
        let ((left, right), (top, bottom)) = (edges(0), edges(1));
        Self {
            origin,
            across,
            down,
            feather: region.feather,
            from: region.from,
            bounds: Rect::cover(left, top, right, bottom, figure.size),
        }
    }

    /// Cuts the crop out of a frame: planes of RGB, 0..=1.
    pub fn cut(
        &self,
        frame: &[Pixel],
        screen: (usize, usize),
        (width, height): (usize, usize),
        out: &mut Vec<f32>,
    ) {
        let plane = width * height;
        out.clear();
        out.resize(3 * plane, 0.0);
        // As many samples of a cell as it covers pixels of the screen, so that
        // shrinking does not alias.
        let spread = |axis: [f32; 2], cells: usize| {
            ((axis[0].hypot(axis[1]) / cells as f32).ceil() as usize).clamp(1, 8)
        };
        let (nx, ny) = (spread(self.across, width), spread(self.down, height));
        let share = 1.0 / (255 * nx * ny) as f32;
        for y in 0..height {
            for x in 0..width {
                let mut sum = [0.0; 3];
                for k in 0..nx * ny {
                    let u = (x as f32 + ((k % nx) as f32 + 0.5) / nx as f32) / width as f32;
                    let v = (y as f32 + ((k / nx) as f32 + 0.5) / ny as f32) / height as f32;
                    let at = self.screen(u, v);
                    for (sum, value) in sum.iter_mut().zip(sample(frame, screen, at)) {
                        *sum += value;
                    }
                }
                for (c, sum) in sum.into_iter().enumerate() {
                    out[c * plane + y * width + x] = sum * share;
                }
            }
        }
    }

    fn screen(&self, u: f32, v: f32) -> [f32; 2] {
        std::array::from_fn(|k| self.origin[k] + u * self.across[k] + v * self.down[k])
    }

    /// Blends planes of RGB over a canvas, with an alpha of their own if there
    /// is one. What is around a circle stays.
    pub fn blend(
        &self,
        crop: &[f32],
        alpha: Option<&[f32]>,
        (width, height): (usize, usize),
        canvas: &mut [Pixel],
        figure: &Figure,
    ) {
        let area = self.across[0] * self.down[1] - self.across[1] * self.down[0];
        if area.abs() < 1.0 {
            return;
        }
        let plane = width * height;
        for y in self.bounds.y..self.bounds.y + self.bounds.height {
            for x in self.bounds.x..self.bounds.x + self.bounds.width {
                let (dx, dy) = (
                    x as f32 + 0.5 - self.origin[0],
                    y as f32 + 0.5 - self.origin[1],
                );
                let u = (dx * self.down[1] - dy * self.down[0]) / area;
                let v = (dy * self.across[0] - dx * self.across[1]) / area;
                let mut share = self.share(u, v) * figure.inside(x, y);
                if share <= 0.0 {
                    continue;
                }
                let cell = Cell::at(u, v, width, height);
                if let Some(alpha) = alpha {
                    share *= cell.mean(alpha).clamp(0.0, 1.0);
                }
                let colour = std::array::from_fn(|c| {
                    let value = cell.mean(&crop[c * plane..(c + 1) * plane]);
                    (value * 255.0).round().clamp(0.0, 255.0) as u8
                });
                let at = y * figure.size.0 + x;
                canvas[at] = mix(canvas[at], pixel(colour, 255), (share * 256.0) as u32);
            }
        }
    }

    /// How much of the crop is seen at a place in it: 1 inside, falling to 0
    /// at its edges.
    fn share(&self, u: f32, v: f32) -> f32 {
        let edge = |inside: f32| {
            if inside <= 0.0 {
                return 0.0;
            }
            let t = (inside / self.feather.max(1e-6)).min(1.0);
            t * t * (3.0 - 2.0 * t)
        };
        edge(u.min(1.0 - u)) * edge((v - self.from).min(1.0 - v))
    }
}

/// A place between four cells of a crop.
struct Cell {
    at: [usize; 4],
    share: [f32; 4],
}

impl Cell {
    fn at(u: f32, v: f32, width: usize, height: usize) -> Self {
        let place = |t: f32, cells: usize| {
            let t = (t * cells as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
            let low = (t as usize).min(cells - 2);
            (low, t - low as f32)
        };
        let ((x, fx), (y, fy)) = (place(u, width), place(v, height));
        let first = y * width + x;
        Self {
            at: [first, first + 1, first + width, first + width + 1],
            share: [
                (1.0 - fx) * (1.0 - fy),
                fx * (1.0 - fy),
                (1.0 - fx) * fy,
                fx * fy,
            ],
        }
    }

    fn mean(&self, plane: &[f32]) -> f32 {
        let cells = self.at.iter().zip(self.share);
        cells.map(|(&at, share)| plane[at] * share).sum()
    }
}

/// The colour at a point of a frame, between pixels, clamped at its edges.
fn sample(frame: &[Pixel], (width, height): (usize, usize), at: [f32; 2]) -> [f32; 3] {
    let cell = Cell::at(at[0] / width as f32, at[1] / height as f32, width, height);
    let mut sum = [0.0; 3];
    for (&at, share) in cell.at.iter().zip(cell.share) {
        let colour = parts(frame[at]);
        for (sum, value) in sum.iter_mut().zip(colour) {
            *sum += f32::from(value) * share;
        }
    }
    sum
}
