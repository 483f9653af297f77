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
/// Lower teeth bite this far behind the upper ones, millimetres. In people it
/// is 2 to 3; less here, since the lips of landmarks part farther from the
/// lower teeth than real ones.
const OVERBITE: f32 = 0.9;
/// Teeth are this far behind the lips, millimetres.
const BEHIND: f32 = 7.0;
/// The back of the tongue stands this far over the edge of the lower teeth,
/// millimetres.
const TONGUE: f32 = 2.2;
/// Share of the jaw's way that the tongue goes along: its root hangs on the
/// skull.
const TONGUE_WAY: f32 = 0.7;
/// How far the tip of the tongue comes over the lower teeth, millimetres.
const TIP: f32 = 7.0;
/// What is seen of a tongue that is out lies this far before what is seen of
/// it at rest, millimetres.
const FORWARD: f32 = 6.0;
/// A gap between the lips begins to show what is inside here, and does so
/// wholly here, millimetres.
const SEEN: (f32, f32) = (0.2, 0.8);
/// Columns within a pixel that its coverage is taken from, so that slanted
/// edges near the corners are smooth.
const COLUMNS: [f32; 3] = [1.0 / 6.0, 0.5, 5.0 / 6.0];
/// The dark between closed lips.
const SEAM: Pixel = 0xFF22_1E3C;
/// The dark of the throat, sRGB.
const THROAT: [f32; 3] = [46.0, 17.0, 17.0];

pub(crate) struct Mouth {
    /// Pixels of a millimetre.
    scale: f32,
    /// Two points of the upper teeth at rest, 30 mm apart, with depth.
    bite: [[f32; 3]; 2],
    /// From screen pixels at rest to millimetres around the edge of the upper
    /// middle teeth.
    plane: Similarity,
    /// Drawn in millimetres; none if there is no memory for them.
    upper: Option<Texture>,
    lower: Option<Texture>,
    tongue: Option<Texture>,
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
    /// For landmarks at rest.
    pub fn new(rest: &[[f32; 3]], scale: f32, light: &Light, was_open: bool) -> Self {
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
        let texels = (1.5 * scale).clamp(1.0, 12.0);
        let shades = light.shades();
        Self {
            scale,
            bite,
            plane: Similarity::between(bite.map(|[x, y, _]| [x, y]), [[-15.0, 0.0], [15.0, 0.0]]),
            upper: teeth::upper(texels, &shades),
            lower: teeth::lower(texels, &shades),
            tongue: teeth::tongue(texels, &shades),
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

    /// From the screen to the face at rest, in the plane of the teeth.
    pub fn head(&self, skull: &Skull, pose: &Pose) -> Similarity {
        Similarity::between(
            self.bite.map(|p| skull.carry(p, 1.0, 0.0, pose)),
            self.bite.map(|[x, y, _]| [x, y]),
        )
    }

    /// Draws what is seen between the lips over them.
    pub fn draw(
        &self,
        places: &[[i32; 2]],
        head: Similarity,
        jaw: Jaw,
        pixels: &mut [Pixel],
        size: (usize, usize),
    ) {
        let lip =
            |row: &[usize; 11]| Curve::through(&row.map(|i| places[i].map(|v| v as f32 / STEPS)));
        let (upper, lower) = (lip(&UPPER_LIP[3]), lip(&LOWER_LIP[3]));
        let (left, right) = upper.ends();
        let area = Self::cover(places, size);
        let middle = f32::midpoint(left, right);
        let half = (f32::midpoint(right, -left)).max(1.0);
        let jaw = Set {
            way: self.plane.turn(jaw.way),
            tongue: jaw.tongue,
        };
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
            let edges = COLUMNS.map(|part| {
                let column = x as f32 + part;
                (upper.at(column), lower.at(column))
            });
            let far = ((column - middle) / half).abs();
            let side = 1.0 - 0.75 * smooth((far - 0.45) / 0.55);
            let open = side * (0.88 + 0.12 * smooth(height / 6.0));
            let (first, last) = (
                ((top - 1.0).floor().max(area.y as f32)) as usize,
                (((bottom + 1.0).ceil().max(0.0)) as usize).min(area.y + area.height),
            );
            for y in first..last {
                let row = y as f32 + 0.5;
                // Half a pixel softer than exact: an edge of skin is no knife.
                let covered = edges
                    .iter()
                    .map(|(top, bottom)| {
                        let (under, above) = (row - top, bottom - row);
                        (under / 1.5 + 0.5).clamp(0.0, 1.0) * (above / 1.5 + 0.5).clamp(0.0, 1.0)
                    })
                    .sum::<f32>()
                    / COLUMNS.len() as f32;
                if covered <= 0.0 {
                    continue;
                }
                let under = (row - top) / self.scale;
                let above = (bottom - row) / self.scale;
                let lit = open
                    * (0.5 + 0.5 * smooth((under + 0.3) / (1.2 + 0.1 * height)))
                    * (0.74 + 0.26 * smooth(above / 1.6));
                let at = self.plane.apply(head.apply([column, row]));
                let colour = self.inside(at, &jaw, lit);
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

    /// The colour at a point, millimetres around the edge of the upper middle
    /// teeth.
    fn inside(&self, [x, y]: [f32; 2], jaw: &Set, lit: f32) -> Pixel {
        let over = |texture: &Option<Texture>, at: [f32; 2], below: Pixel, share: f32| match texture
        {
            Some(texture) => lay(texture, at, below, share),
            None => below,
        };
        let deep = pixel(self.throat.map(|v| v as u8), 255);
        let low = [x - jaw.way[0], y - jaw.way[1] + OVERBITE];
        let tongue = [
            x - TONGUE_WAY * jaw.way[0],
            y - TONGUE_WAY * jaw.way[1] + OVERBITE + TONGUE,
        ];
        let mut colour = over(&self.tongue, tongue, deep, 1.0);
        colour = over(&self.lower, low, colour, 1.0);
        // The tip comes up to the upper teeth and out over the lower ones.
        let out = smooth(jaw.tongue / 0.4);
        if out > 0.0 {
            let round = 1.0 - (low[0] / 15.0).powi(2);
            let tip = smooth((out * TIP * round - low[1]) / 1.2);
            let risen = [tongue[0], tongue[1] + out * (0.5 * jaw.way[1] + FORWARD)];
            colour = over(&self.tongue, risen, colour, tip * smooth(out / 0.3));
        }
        colour = over(&self.upper, [x, y], colour, 1.0);
        // Light that has come past lips and gums is warm.
        let dark = 1.0 - lit;
        let [r, g, b, _] = parts(colour);
        let part = |v: u8, loss: f32| (f32::from(v) * lit * (1.0 - loss * dark)) as u8;
        pixel([part(r, 0.0), part(g, 0.14), part(b, 0.2)], 255)
    }
}

/// A jaw in millimetres.
struct Set {
    way: [f32; 2],
    tongue: f32,
}

/// A part of what is inside over what is behind it.
fn lay(texture: &Texture, at: [f32; 2], below: Pixel, share: f32) -> Pixel {
    let [u, v] = texture.texel(at);
    let (wide, high) = ((texture.width - 1) as f32, (texture.height - 1) as f32);
    if !(u > 0.0 && v > 0.0 && u < wide && v < high) {
        return below;
    }
    let top = texture.fetch((u * 65_536.0) as i32, (v * 65_536.0) as i32);
    if share >= 1.0 {
        return over(top, below);
    }
    mix(below, over(top, below), (share * 256.0) as u32)
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
