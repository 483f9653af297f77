//! The inside of the mouth: what is seen between the lips.
//!
//! The upper teeth stand in the skull, the lower ones and the tongue go with
//! the jaw; the lips only decide what is seen of them.

use media::{Blendshape, Rect};

use super::curve::{Curve, Similarity, smooth};
use super::mesh::{Pose, Skull};
use super::points::{LOWER_LIP, UPPER_LIP};
use super::raster::STEPS;
use super::teeth::{self, Shades};
use super::texture::{Pixel, Texture, mix, over, parts, pixel};
use crate::weights::Weights;

/// The edge of the upper middle teeth is this far under the line between
/// closed lips, millimetres.
const UPPER_EDGE: f32 = 2.6;
/// Lower teeth bite this far behind the upper ones, millimetres.
const OVERBITE: f32 = 1.8;
/// Teeth are this far behind the lips, millimetres.
const BEHIND: f32 = 7.0;
/// The top of the tongue is this far under the edge of the lower teeth (negative:
/// it is seen over them), millimetres.
const TONGUE: f32 = -2.0;
/// A gap between the lips begins to show what is inside here, and does so
/// wholly here, millimetres.
const SEEN: (f32, f32) = (0.2, 0.8);
/// The dark between closed lips.
const SEAM: Pixel = 0xFF22_1E3C;
/// The dark of the throat, sRGB.
const THROAT: [f32; 3] = [52.0, 18.0, 18.0];

/// A picture of teeth and where it is on the face.
struct Sprite {
    texture: Texture,
    /// From screen pixels at rest to the plane of the texture.
    plane: Similarity,
}

pub(crate) struct Mouth {
    /// Pixels of a millimetre.
    scale: f32,
    /// Two points of the upper teeth at rest, 30 mm apart, with depth.
    bite: [[f32; 3]; 2],
    upper: Option<Sprite>,
    lower: Option<Sprite>,
    tongue: Option<Sprite>,
    throat: [f32; 3],
    /// The picture shows the mouth open, and it is closed at rest.
    was_open: bool,
}

/// What of the inside depends on the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Jaw {
    /// Way of the lower teeth from where they bite, pixels.
    pub way: [f32; 2],
    /// How far the tongue is out, 0..=1.
    pub tongue: f32,
}

impl Jaw {
    /// What the weights ask of jaw and tongue.
    pub fn new(way: [f32; 3], weights: &Weights) -> Self {
        Self {
            way: [way[0], way[1]],
            tongue: weights.get(Blendshape::TongueOut),
        }
    }
}

impl Mouth {
    /// For landmarks at rest. `plates` are pictures of the upper and the lower
    /// teeth, if there are.
    pub fn new(
        rest: &[[f32; 3]],
        scale: f32,
        light: &Light,
        plates: [Option<Texture>; 2],
        was_open: bool,
    ) -> Self {
        let corners = [UPPER_LIP[3][0], UPPER_LIP[3][10]].map(|i| rest[i]);
        let (dx, dy) = (corners[1][0] - corners[0][0], corners[1][1] - corners[0][1]);
        let length = dx.hypot(dy).max(1.0);
        let along = [dx / length, dy / length];
        let (up, low) = (rest[UPPER_LIP[3][5]], rest[LOWER_LIP[3][5]]);
        let line = [
            f32::midpoint(up[0], low[0]),
            f32::midpoint(up[1], low[1]),
            f32::midpoint(up[2], low[2]),
        ];
        // The edge of the teeth, under the line, at right angles to it.
        let edge = [
            line[0] - along[1] * UPPER_EDGE * scale,
            line[1] + along[0] * UPPER_EDGE * scale,
        ];
        let bite = [-15.0, 15.0].map(|mm: f32| {
            [
                edge[0] + along[0] * mm * scale,
                edge[1] + along[1] * mm * scale,
                line[2] + BEHIND * scale,
            ]
        });
        let flat = bite.map(|[x, y, _]| [x, y]);
        let texels = (1.5 * scale).clamp(1.0, 12.0);
        let shades = light.shades();
        let drawn = |texture: Option<Texture>, down: f32| {
            texture.map(|texture| Sprite {
                texture,
                plane: Similarity::between(flat, [[-15.0, -down], [15.0, -down]]),
            })
        };
        let [upper, lower] = plates;
        // Teeth in a skull stand where they stand; seen between lips they are
        // where people show them.
        let down = upper
            .as_ref()
            .and_then(|plate| edge_of(plate, edge, scale))
            .map_or(0.0, |y| (edge[1] - y).clamp(-8.0 * scale, 8.0 * scale));
        let taken = |texture: Texture| Sprite {
            texture,
            plane: Similarity::between(flat, flat.map(|[x, y]| [x, y - down])),
        };
        let tongue = lower
            .is_none()
            .then(|| teeth::tongue(texels, &shades))
            .flatten();
        Self {
            scale,
            bite,
            upper: upper
                .map(taken)
                .or_else(|| drawn(teeth::upper(texels, &shades), 0.0)),
            lower: lower
                .map(taken)
                .or_else(|| drawn(teeth::lower(texels, &shades), -OVERBITE)),
            tongue: drawn(tongue, -OVERBITE + TONGUE),
            throat: light.throat(),
            was_open,
        }
    }

    /// The rectangle in which the inside may be seen.
    pub fn cover(places: &[[i32; 2]], size: (usize, usize)) -> Rect {
        let mut bounds = [i32::MAX, i32::MAX, i32::MIN, i32::MIN];
        for &i in UPPER_LIP[3].iter().chain(&LOWER_LIP[3]) {
            let [x, y] = places[i];
            bounds = [
                bounds[0].min(x),
                bounds[1].min(y),
                bounds[2].max(x),
                bounds[3].max(y),
            ];
        }
        let [left, top, right, bottom] = bounds.map(|v| v as f32 / STEPS);
        Rect::cover(left - 2.0, top - 3.0, right + 2.0, bottom + 3.0, size)
    }

    /// Draws what is seen between the lips over them.
    #[allow(clippy::too_many_arguments)]
    pub fn draw(
        &self,
        places: &[[i32; 2]],
        skull: &Skull,
        pose: &Pose,
        jaw: Jaw,
        pixels: &mut [Pixel],
        size: (usize, usize),
        clip: Rect,
    ) {
        let lip =
            |row: &[usize; 11]| Curve::through(&row.map(|i| places[i].map(|v| v as f32 / STEPS)));
        let (upper, lower) = (lip(&UPPER_LIP[3]), lip(&LOWER_LIP[3]));
        let (left, right) = upper.ends();
        let area = Self::cover(places, size).intersection(clip);
        let head = Similarity::between(
            self.bite.map(|p| skull.carry(p, 1.0, 0.0, pose)),
            self.bite.map(|[x, y, _]| [x, y]),
        );
        let middle = f32::midpoint(left, right);
        let half = (f32::midpoint(right, -left)).max(1.0);
        // The tongue comes up to the teeth before it goes out.
        let rise = smooth(jaw.tongue / 0.35) * 0.8 * jaw.way[1];
        for x in area.x..area.x + area.width {
            let column = x as f32 + 0.5;
            if column <= left || column >= right {
                continue;
            }
            let (top, bottom) = (upper.at(column), lower.at(column));
            let height = (bottom - top) / self.scale;
            let shown = smooth((height - SEEN.0) / (SEEN.1 - SEEN.0));
            if self.was_open && shown < 1.0 {
                let seam = f32::midpoint(top, bottom);
                let fade = (1.0 - shown) * smooth((column - left).min(right - column) / self.scale);
                self.draw_seam(seam, fade, &mut |y, share| {
                    if (area.y..area.y + area.height).contains(&y) {
                        let out = &mut pixels[y * size.0 + x];
                        *out = mix(*out, SEAM, share);
                    }
                });
            }
            if shown <= 0.0 {
                continue;
            }
            let far = ((column - middle) / half).abs();
            let side = 1.0 - 0.62 * smooth((far - 0.55) / 0.45);
            let open = side * (0.78 + 0.22 * smooth(height / 6.0));
            let (first, last) = (
                (top.floor().max(area.y as f32)) as usize,
                ((bottom.ceil().max(0.0)) as usize).min(area.y + area.height),
            );
            for y in first..last {
                let covered = (bottom.min(y as f32 + 1.0) - top.max(y as f32)).clamp(0.0, 1.0);
                let under = (y as f32 + 0.5 - top) / self.scale;
                let above = (bottom - y as f32 - 0.5) / self.scale;
                let lit = open
                    * (0.46 + 0.54 * smooth((under + 0.3) / (1.4 + 0.12 * height)))
                    * (0.72 + 0.28 * smooth(above / 1.6));
                let at = head.apply([column, y as f32 + 0.5]);
                let colour = self.inside(at, &jaw, rise, lit);
                let out = &mut pixels[y * size.0 + x];
                *out = mix(*out, colour, (covered * shown * 256.0) as u32);
            }
        }
    }

    /// The line between lips that the picture does not show closed.
    fn draw_seam(&self, seam: f32, fade: f32, paint: &mut impl FnMut(usize, u32)) {
        let thick = (0.45 * self.scale).max(0.6);
        let first = (seam - 2.0 * thick).max(0.0) as usize;
        for y in first..=(seam + 2.0 * thick).max(0.0) as usize {
            let away = (y as f32 + 0.5 - seam) / thick;
            paint(y, (150.0 * fade * (-away * away).exp()) as u32);
        }
    }

    /// The colour at a point of the face at rest.
    fn inside(&self, at: [f32; 2], jaw: &Jaw, rise: f32, lit: f32) -> Pixel {
        let deep = pixel(self.throat.map(|v| v as u8), 255);
        let low = [at[0] - jaw.way[0], at[1] - jaw.way[1]];
        let see = |sprite: &Option<Sprite>, at: [f32; 2], below: Pixel| match sprite {
            Some(sprite) => {
                let [x, y] = sprite.texture.texel(sprite.plane.apply(at));
                let inside = x > 0.0
                    && y > 0.0
                    && x < (sprite.texture.width - 1) as f32
                    && y < (sprite.texture.height - 1) as f32;
                if inside {
                    let (u, v) = ((x * 65_536.0) as i32, (y * 65_536.0) as i32);
                    over(sprite.texture.fetch(u, v), below)
                } else {
                    below
                }
            }
            None => below,
        };
        let mut colour = see(&self.tongue, low, deep);
        colour = see(&self.lower, low, colour);
        if jaw.tongue > 0.0 {
            colour = see(&self.tongue, [low[0], low[1] + rise], colour);
        }
        colour = see(&self.upper, at, colour);
        let [r, g, b, _] = parts(colour).map(|v| (f32::from(v) * lit) as u8);
        pixel([r, g, b], 255)
    }
}

/// Where upper teeth end in a picture of them, near the middle of the mouth.
fn edge_of(plate: &Texture, near: [f32; 2], scale: f32) -> Option<f32> {
    let ends = (-8..=8).filter_map(|step| {
        let x = near[0] + 0.6 * scale * step as f32;
        (-60..60)
            .rev()
            .map(|k| near[1] + 0.25 * scale * k as f32)
            .find(|&y| plate.sample([x, y]) >> 24 > 127)
    });
    let mut ends: Vec<f32> = ends.collect();
    ends.sort_by(f32::total_cmp);
    ends.get(ends.len() / 2).copied()
}

/// The light on the face, read from its skin and the white of its eyes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Light {
    /// The brightest of the white of the eyes, sRGB.
    white: [f32; 3],
}

/// Teeth are at least and at most this bright, sRGB luma: a dark or a
/// blown-out picture says little about them.
const TOOTH_LUMA: (f32, f32) = (190.0, 222.0);

impl Light {
    /// From samples of the white of the eyes.
    pub fn new(mut whites: Vec<[u8; 3]>) -> Self {
        let luma = |[r, g, b]: &[u8; 3]| 3 * u32::from(*r) + 6 * u32::from(*g) + u32::from(*b);
        whites.sort_by_key(luma);
        let white = whites
            .get(whites.len() * 9 / 10)
            .copied()
            .unwrap_or([200, 196, 192])
            .map(f32::from);
        Self { white }
    }

    fn level(&self) -> f32 {
        let [r, g, b] = self.white;
        (0.3 * r + 0.59 * g + 0.11 * b).max(1.0)
    }

    fn shades(&self) -> Shades {
        let luma = (1.06 * self.level()).clamp(TOOTH_LUMA.0, TOOTH_LUMA.1);
        // A third of the tint of the light; teeth are a little warm.
        let tint: [f32; 3] = std::array::from_fn(|k| 0.75 + 0.25 * self.white[k] / self.level());
        let light = luma / 214.0;
        let scaled = |rgb: [f32; 3]| std::array::from_fn(|k| rgb[k] * light * tint[k]);
        Shades {
            tooth: scaled([238.0, 226.0, 207.0]),
            gum: scaled([176.0, 98.0, 96.0]),
            tongue: scaled([186.0, 96.0, 92.0]),
        }
    }

    fn throat(&self) -> [f32; 3] {
        THROAT.map(|v| v * (self.level() / 214.0).clamp(0.6, 1.0))
    }
}
