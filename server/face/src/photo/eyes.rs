//! Eyes: balls that turn behind the lids, and lids that close over them.
//!
//! All of it is worked out in the plane of the picture at rest; a similarity
//! through the corners of the eye takes it to where the head is.

use media::{Blendshape, Rect};

use super::curve::{Curve, Similarity, smooth};
use super::points::{LEFT_BROW, LEFT_IRIS, LEFT_LIDS, RIGHT_BROW, RIGHT_IRIS, RIGHT_LIDS};
use super::raster::STEPS;
use super::texture::{Pixel, Texture, mix, parts, pixel};
use crate::weights::Weights;

/// Way of the iris at full weight, of the width of the eye: the ball turns by
/// about 25° across and 15° up and down.
const GAZE: (f32, f32) = (0.17, 0.1);
/// How far inside the lids the ball is drawn anew, of the width: the lashes
/// and the edge of the lid stay those of the picture.
const RIM: f32 = 0.025;
/// From the upper lid up to where the skin that comes down with it begins, of
/// the width, and at most of the way to the brow.
const FOLD: (f32, f32) = (0.27, 0.5);
/// The same where a picture of the shut lid shows all of it.
const FOLD_SHOWN: (f32, f32) = (0.4, 0.75);
/// From the upper lid up to skin without lashes, likewise.
const BARE: (f32, f32) = (0.12, 0.25);
/// Height of the lashes under the edge of a lid, of the width.
const LASHES: f32 = 0.07;
/// A shut lid reaches this far beside the corners, of the width.
const BESIDE: f32 = 0.16;
/// Where the lids meet, from the open upper to the lower one.
const MEET: f32 = 0.98;
/// The share of a blink over which the lid of the picture gives way to the
/// closed one.
const FADE: f32 = 0.2;

/// A lid that comes down takes the light from the ball: at the end this much
/// of it, towards this colour, and most right under its edge, down to this
/// share of the width.
const SHADE: f32 = 0.6;
const DIM: Pixel = 0xFF1A_2030;
const UNDER: f32 = 0.07;
/// Lids meet at the corners first, at this share of a blink.
const CORNERS: f32 = 0.75;
/// From this share of a blink on the shut lid takes the place of what is left
/// of the opening.
const CLOSING: f32 = 0.85;

/// One eye of a face.
pub(crate) struct Eye {
    lids: [[usize; 9]; 2],
    shapes: EyeShapes,
    /// Corners at rest, left and right in the picture.
    corners: [[f32; 2]; 2],
    width: f32,
    /// What lies behind the lids, iris and white, whole.
    ball: Texture,
    /// The lid when it is shut.
    shut: Texture,
    /// Where the skin that comes down begins, and where the shut lid ends.
    fold: Curve,
    edge: Curve,
}

/// The blendshapes of one eye: blink, and looks to the picture's right and
/// left, down and up.
struct EyeShapes {
    blink: Blendshape,
    right: Blendshape,
    left: Blendshape,
    down: Blendshape,
    up: Blendshape,
}

/// How an eye looks at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    blink: f32,
    gaze: [f32; 2],
}

/// The landmarks of one eye.
struct Marks {
    lids: [[usize; 9]; 2],
    iris: [usize; 5],
    brow: [usize; 5],
}

const RIGHT: Marks = Marks {
    lids: RIGHT_LIDS,
    iris: RIGHT_IRIS,
    brow: RIGHT_BROW,
};
const LEFT: Marks = Marks {
    lids: LEFT_LIDS,
    iris: LEFT_IRIS,
    brow: LEFT_BROW,
};

/// Both eyes of a face.
pub(crate) fn pair(rest: &[[f32; 3]], picture: &Texture, plate: Option<&Texture>) -> [Eye; 2] {
    use Blendshape::{
        EyeBlinkLeft, EyeBlinkRight, EyeLookDownLeft, EyeLookDownRight, EyeLookInLeft,
        EyeLookInRight, EyeLookOutLeft, EyeLookOutRight, EyeLookUpLeft, EyeLookUpRight,
    };
    let right = EyeShapes {
        blink: EyeBlinkRight,
        right: EyeLookInRight,
        left: EyeLookOutRight,
        down: EyeLookDownRight,
        up: EyeLookUpRight,
    };
    let left = EyeShapes {
        blink: EyeBlinkLeft,
        right: EyeLookOutLeft,
        left: EyeLookInLeft,
        down: EyeLookDownLeft,
        up: EyeLookUpLeft,
    };
    [
        Eye::new(rest, &RIGHT, right, picture, plate),
        Eye::new(rest, &LEFT, left, picture, plate),
    ]
}

impl Eye {
    fn new(
        rest: &[[f32; 3]],
        &Marks { lids, iris, brow }: &Marks,
        shapes: EyeShapes,
        picture: &Texture,
        plate: Option<&Texture>,
    ) -> Self {
        let at = |i: usize| [rest[i][0], rest[i][1]];
        let corners = [at(lids[0][0]), at(lids[0][8])];
        let width = (corners[1][0] - corners[0][0])
            .hypot(corners[1][1] - corners[0][1])
            .max(2.0);
        let upper = Curve::through(&lids[0].map(at));
        let lower = Curve::through(&lids[1].map(at));
        let shape = Shape {
            ends: upper.ends(),
            upper,
            lower,
            brow: Curve::through(&brow.map(at)),
            width,
        };
        let area = shape.area();
        let middle = at(iris[0]);
        let radius = iris[1..]
            .iter()
            .map(|&i| (rest[i][0] - middle[0]).hypot(rest[i][1] - middle[1]))
            .sum::<f32>()
            / 4.0;
        let ball = ball(&shape, picture, area, middle, radius);
        let fold = shape.curve(|x, u| {
            let over = if plate.is_some() { FOLD_SHOWN } else { FOLD };
            shape.over(x, u, over)
        });
        let edge = shape.edge(plate);
        let shut = match plate {
            Some(plate) => copy(plate, area),
            None => shut(&shape, picture, area, &fold, &edge),
        };
        Self {
            lids,
            shapes,
            corners,
            width,
            ball,
            shut,
            fold,
            edge,
        }
    }

    /// What the weights ask of this eye.
    pub fn look(&self, weights: &Weights) -> Look {
        let across = weights.get(self.shapes.right) - weights.get(self.shapes.left);
        let down = weights.get(self.shapes.down) - weights.get(self.shapes.up);
        // Lids go down a little with the gaze.
        let blink = weights.get(self.shapes.blink).max(0.0);
        Look {
            blink,
            gaze: [across * GAZE.0 * self.width, down * GAZE.1 * self.width],
        }
    }

    /// The rectangle in which this eye may draw.
    pub fn cover(&self, places: &[[i32; 2]], size: (usize, usize)) -> Rect {
        let corners = self.now(places);
        let reach = 0.75 * self.width;
        let (a, b) = (corners[0], corners[1]);
        Rect::cover(
            a[0].min(b[0]) - 0.25 * self.width,
            a[1].min(b[1]) - reach,
            a[0].max(b[0]) + 0.25 * self.width,
            a[1].max(b[1]) + reach,
            size,
        )
    }

    /// The rectangle around the lids.
    fn opening(&self, places: &[[i32; 2]], size: (usize, usize)) -> Rect {
        let lids = self.lids.iter().flatten().map(|&i| places[i]);
        let edges = lids.fold([i32::MAX, i32::MAX, i32::MIN, i32::MIN], |e, [x, y]| {
            [e[0].min(x), e[1].min(y), e[2].max(x), e[3].max(y)]
        });
        let [left, top, right, bottom] = edges.map(|v| v as f32 / STEPS);
        // Curves through the lids may bulge a little between them.
        Rect::cover(left - 2.0, top - 3.0, right + 2.0, bottom + 3.0, size)
    }

    fn now(&self, places: &[[i32; 2]]) -> [[f32; 2]; 2] {
        let at = |i: usize| places[i].map(|v| v as f32 / STEPS);
        [at(self.lids[0][0]), at(self.lids[0][8])]
    }

    /// Draws ball and lid over the skin.
    pub fn draw(
        &self,
        places: &[[i32; 2]],
        look: Look,
        pixels: &mut [Pixel],
        size: (usize, usize),
    ) {
        let to_rest = Similarity::between(self.now(places), self.corners);
        let lid = |list: &[usize; 9]| {
            Curve::through(&list.map(|i| to_rest.apply(places[i].map(|v| v as f32 / STEPS))))
        };
        let (upper, lower) = (lid(&self.lids[0]), lid(&self.lids[1]));
        let area = if look.blink > 0.0 {
            self.cover(places, size)
        } else {
            self.opening(places, size)
        };
        let rim = RIM * self.width;
        let lashes = (LASHES * self.width).max(1.5);
        let fade = smooth(look.blink / FADE);
        let (left, right) = upper.ends();
        let middle = f32::midpoint(left, right);
        let half = (0.5 * (right - left)).max(1.0);
        for y in area.y..area.y + area.height {
            let row = y * size.0;
            for x in area.x..area.x + area.width {
                let at = to_rest.apply([x as f32 + 0.5, y as f32 + 0.5]);
                let (top, bottom) = (upper.at(at[0]), lower.at(at[0]));
                let shut = self.edge.at(at[0]);
                let far = ((at[0] - middle) / half).powi(2).min(1.0);
                let down = (look.blink * (1.0 + (1.0 / CORNERS - 1.0) * far)).min(1.0);
                let edge = top + (shut - top) * down;
                let out = &mut pixels[row + x];
                let beside =
                    (at[0] - left + 0.5).clamp(0.0, 1.0) * (right - at[0] + 0.5).clamp(0.0, 1.0);
                let within = |rim: f32| {
                    beside
                        * (at[1] - top - rim + 0.5).clamp(0.0, 1.0)
                        * (bottom - rim - at[1] + 0.5).clamp(0.0, 1.0)
                };
                let near = fade * (1.0 - smooth((at[1] - edge) / (UNDER * self.width)));
                let shade = SHADE * look.blink.max(near);
                if shade > 0.0 {
                    *out = mix(*out, DIM, (within(0.0) * shade * 256.0) as u32);
                }
                let open = within(rim);
                if open > 0.0 {
                    let seen = [at[0] - look.gaze[0], at[1] - look.gaze[1]];
                    let ball = mix(self.ball.sample(seen), DIM, (shade * 256.0) as u32);
                    *out = mix(*out, ball, (open * 256.0) as u32);
                }
                if look.blink <= 0.0 {
                    continue;
                }
                let fold = self.fold.at(at[0]);
                let closing = smooth((down - CLOSING) / (1.0 - CLOSING));
                let remainder = closing * (bottom + rim - edge).max(0.0);
                if at[1] < fold || at[1] > edge + remainder + lashes {
                    continue;
                }
                let side =
                    smooth((at[0] - left + BESIDE * self.width) / (0.75 * BESIDE * self.width))
                        * smooth(
                            (right + BESIDE * self.width - at[0]) / (0.75 * BESIDE * self.width),
                        );
                let (from, share) = if at[1] < edge {
                    let part = (at[1] - fold) / (edge - fold).max(0.5);
                    (
                        fold + part * (shut - fold),
                        smooth((at[1] - fold) / (0.5 * (top - fold)).max(1.0)),
                    )
                } else {
                    let under = at[1] - edge;
                    (shut + under, 1.0 - smooth((under - remainder) / lashes))
                };
                let mut share = share * side * fade;
                let lid = self.shut.sample([at[0], from]);
                if at[1] >= edge {
                    // Of what hangs from the edge only the dark of the lashes:
                    // the skin between them stays with the lower lid.
                    let skin = luma(self.shut.sample([at[0], shut + lashes])).max(1.0);
                    let dark = smooth((1.0 - luma(lid) / skin) / 0.3);
                    let lash = share * (dark + (1.0 - dark) * closing);
                    // The edge itself is a pixel soft.
                    share = lash.max(side * fade * (1.0 - (at[1] - edge)));
                }
                *out = mix(*out, lid, (share * 256.0) as u32);
            }
        }
    }
}

/// The opening at rest.
struct Shape {
    upper: Curve,
    lower: Curve,
    brow: Curve,
    ends: (f32, f32),
    width: f32,
}

/// High over the middle of an eye, low over its corners (0 and 1).
fn arch(u: f32) -> f32 {
    0.45 + 0.55 * (std::f32::consts::PI * u.clamp(0.0, 1.0)).sin()
}

impl Shape {
    /// The part of the picture that an eye is made of (left, top, right, bottom).
    fn area(&self) -> (f32, f32, f32, f32) {
        let (top, _) = self.upper.heights();
        let (_, bottom) = self.lower.heights();
        let margin = 0.5 * self.width;
        (
            self.ends.0 - 0.5 * margin,
            top - margin,
            self.ends.1 + 0.5 * margin,
            bottom + margin,
        )
    }

    /// The height over the upper lid at a share of the width, and at most of
    /// the way to the brow.
    fn over(&self, x: f32, u: f32, (of_width, of_way): (f32, f32)) -> f32 {
        let top = self.upper.at(x);
        let way = (top - self.brow.at(x)).max(0.06 * self.width);
        top - (of_width * self.width * arch(u)).min(of_way * way)
    }

    /// A curve over the eye from a height for each x and place across (0..=1).
    fn curve(&self, height: impl Fn(f32, f32) -> f32) -> Curve {
        let (left, right) = self.ends;
        let points: Vec<_> = (0..=16)
            .map(|i| {
                let u = i as f32 / 16.0;
                let x = left + (right - left) * u;
                [x, height(x, u)]
            })
            .collect();
        Curve::through(&points)
    }

    /// Where the edge of the shut lid is: where a plate is darkest, else a
    /// little above the lower lid.
    fn edge(&self, plate: Option<&Texture>) -> Curve {
        let guess = |x: f32| {
            let (top, bottom) = (self.upper.at(x), self.lower.at(x));
            top + MEET * (bottom - top)
        };
        let Some(plate) = plate else {
            return self.curve(|x, _| guess(x));
        };
        // One smooth line over the whole eye: point by point, the darkest is
        // often a lash or the crease beside the corner.
        let bend = |u: f32, high: f32, slant: f32| {
            (std::f32::consts::PI * u).sin() * (high + slant * (2.0 * u - 1.0)) * self.width
        };
        let (left, right) = self.ends;
        let steps = |most: f32| (-8..=8).map(move |step| most * step as f32 / 8.0);
        let mut best = (f32::INFINITY, 0.0, 0.0);
        for high in steps(0.14) {
            for slant in steps(0.08) {
                let along = (1..16).map(|i| {
                    let u = i as f32 / 16.0;
                    let x = left + (right - left) * u;
                    luma(plate.sample([x, guess(x) + bend(u, high, slant)]))
                });
                let pull = 20.0 * ((high / 0.14).powi(2) + (slant / 0.08).powi(2));
                let dark = along.sum::<f32>() / 15.0 + pull;
                if dark < best.0 {
                    best = (dark, high, slant);
                }
            }
        }
        self.curve(|x, u| guess(x) + bend(u, best.1, best.2))
    }

    /// Whether a point shows the ball, well away from lids and lashes.
    fn shows_ball(&self, [x, y]: [f32; 2]) -> bool {
        let rim = 0.05 * self.width;
        (self.ends.0 + rim..self.ends.1 - rim).contains(&x)
            && y > self.upper.at(x) + 1.4 * rim
            && y < self.lower.at(x) - 0.8 * rim
    }
}

fn luma(pixel: Pixel) -> f32 {
    let [r, g, b, _] = parts(pixel).map(f32::from);
    0.299 * r + 0.587 * g + 0.114 * b
}

fn copy(from: &Texture, area: (f32, f32, f32, f32)) -> Texture {
    let mut texture = Texture::blank(area, from.scale);
    for y in 0..texture.height {
        for x in 0..texture.width {
            texture.texels[y * texture.width + x] = from.sample(texture.screen(x, y));
        }
    }
    texture
}

/// The ball behind the lids. What the lids hide of the iris is completed by
/// its mean at each distance from the middle, what they hide of the white by
/// the white next to it.
fn ball(
    shape: &Shape,
    picture: &Texture,
    area: (f32, f32, f32, f32),
    middle: [f32; 2],
    radius: f32,
) -> Texture {
    const RINGS: usize = 24;
    let mut ball = copy(picture, area);
    let (width, height) = (ball.width, ball.height);
    let from_middle = |[x, y]: [f32; 2]| (x - middle[0]).hypot(y - middle[1]) / radius.max(1.0);
    let mut rings = [([0.0_f32; 3], 0.0_f32); RINGS];
    let ring = |far: f32| ((far / 1.25 * RINGS as f32) as usize).min(RINGS - 1);
    let mut known = vec![false; width * height];
    for y in 0..height {
        for x in 0..width {
            let at = ball.screen(x, y);
            if !shape.shows_ball(at) {
                continue;
            }
            known[y * width + x] = true;
            let far = from_middle(at);
            if far < 1.25 {
                let [r, g, b, _] = parts(ball.texels[y * width + x]).map(f32::from);
                let (sum, count) = &mut rings[ring(far)];
                for (s, v) in sum.iter_mut().zip([r, g, b]) {
                    *s += v;
                }
                *count += 1.0;
            }
        }
    }
    // Rings that nothing was seen of take the nearest one inside.
    for k in 1..RINGS {
        if rings[k].1 == 0.0 {
            rings[k] = rings[k - 1];
        }
    }
    for y in 0..height {
        for x in 0..width {
            let i = y * width + x;
            let far = from_middle(ball.screen(x, y));
            let (sum, count) = rings[ring(far.min(1.2))];
            if !known[i] && far < 1.12 && count > 0.0 {
                ball.texels[i] = pixel(sum.map(|s| (s / count) as u8), 255);
                known[i] = true;
            }
        }
    }
    grow(&mut ball, &mut known);
    ball
}

/// Fills what is not known from what is, outwards, step by step.
fn grow(texture: &mut Texture, known: &mut [bool]) {
    let (width, height) = (texture.width, texture.height);
    if !known.contains(&true) {
        return;
    }
    while known.contains(&false) {
        let before = known.to_vec();
        for y in 0..height {
            for x in 0..width {
                if before[y * width + x] {
                    continue;
                }
                let mut sum = [0_u32; 3];
                let mut count = 0;
                for ny in y.saturating_sub(2)..(y + 3).min(height) {
                    for nx in x.saturating_sub(2)..(x + 3).min(width) {
                        if before[ny * width + nx] {
                            let [r, g, b, _] = parts(texture.texels[ny * width + nx]);
                            for (s, v) in sum.iter_mut().zip([r, g, b]) {
                                *s += u32::from(v);
                            }
                            count += 1;
                        }
                    }
                }
                if count > 0 {
                    texture.texels[y * width + x] = pixel(sum.map(|s| (s / count) as u8), 255);
                    known[y * width + x] = true;
                }
            }
        }
    }
}

/// A shut lid where there is no picture of one: the skin over the lid drawn
/// down, rounded by a little shade, and the lashes as one soft line.
fn shut(
    shape: &Shape,
    picture: &Texture,
    area: (f32, f32, f32, f32),
    fold: &Curve,
    edge: &Curve,
) -> Texture {
    let mut shut = Texture::blank(area, picture.scale);
    let lash = lash_colour(shape, picture);
    let (left, right) = shape.ends;
    let width = shape.width;
    for y in 0..shut.height {
        for x in 0..shut.width {
            let at = shut.screen(x, y);
            let u = (at[0] - left) / (right - left);
            let (begin, end) = (fold.at(at[0]), edge.at(at[0]));
            let bare = shape.over(at[0], u, BARE).max(begin + 1.0);
            let under = [at[0], shape.lower.at(at[0]) + 0.1 * width];
            let (from, part) = if at[1] < end {
                let part = ((at[1] - begin) / (end - begin)).max(0.0);
                ([at[0], begin + part * (bare - begin)], part)
            } else {
                ([at[0], under[1] + at[1] - end], 1.0)
            };
            // The colour goes from that over the eye to that under it; only the
            // grain is drawn down.
            let (high, low) = (
                blur(picture, [at[0], begin], 0.08 * width),
                blur(picture, under, 0.08 * width),
            );
            let fine = parts(picture.sample(from)).map(f32::from);
            let coarse = blur(picture, from, 0.05 * width);
            let skin: [f32; 3] = std::array::from_fn(|k| {
                high[k] + 0.75 * part * (low[k] - high[k]) + 0.5 * (fine[k] - coarse[k])
            });
            let shade = 1.0 + 0.04 * (part * std::f32::consts::PI).sin() - 0.12 * part.powi(3);
            let shade = if at[1] < end { shade } else { 1.0 };
            let thick = (width * (0.02 + 0.014 * arch(u))).max(0.7);
            let inside = smooth((u + 0.02) / 0.14) * smooth((1.02 - u) / 0.14);
            let dark = 0.8 * inside * (-((at[1] - end) / thick).powi(2)).exp();
            let mixed: [u8; 3] = std::array::from_fn(|k| {
                (skin[k] * shade * (1.0 - dark) + lash[k] * dark).clamp(0.0, 255.0) as u8
            });
            shut.texels[y * shut.width + x] = pixel(mixed, 255);
        }
    }
    shut
}

/// The mean around a point: skin that is stretched must not show streaks.
fn blur(picture: &Texture, [x, y]: [f32; 2], reach: f32) -> [f32; 3] {
    let mut sum = [0.0; 3];
    for dy in -1..=1 {
        for dx in -2..=2 {
            let at = [x + reach * dx as f32 / 2.0, y + 0.4 * reach * dy as f32];
            let [r, g, b, _] = parts(picture.sample(at)).map(f32::from);
            for (s, v) in sum.iter_mut().zip([r, g, b]) {
                *s += v / 15.0;
            }
        }
    }
    sum
}

/// The colour of the lashes: the darkest tenth along the upper lid.
fn lash_colour(shape: &Shape, picture: &Texture) -> [f32; 3] {
    let (left, right) = shape.ends;
    let mut along: Vec<Pixel> = (2..=30)
        .flat_map(|i| {
            let x = left + (right - left) * i as f32 / 32.0;
            (-3..=3).map(move |step| (x, step))
        })
        .map(|(x, step)| {
            let y = shape.upper.at(x) + 0.015 * shape.width * step as f32;
            picture.sample([x, y])
        })
        .collect();
    along.sort_by(|a, b| luma(*a).total_cmp(&luma(*b)));
    let [r, g, b, _] = parts(along[along.len() / 10]).map(f32::from);
    [r, g, b]
}
