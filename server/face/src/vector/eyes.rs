//! Eyes and brows: from ARKit weights to lids, gaze and brow lines, and their
//! paint.

use media::Blendshape::{
    BrowDownLeft, BrowDownRight, BrowInnerUp, BrowOuterUpLeft, BrowOuterUpRight, CheekSquintLeft,
    CheekSquintRight, EyeBlinkLeft, EyeBlinkRight, EyeLookDownLeft, EyeLookDownRight,
    EyeLookInLeft, EyeLookInRight, EyeLookOutLeft, EyeLookOutRight, EyeLookUpLeft, EyeLookUpRight,
    EyeSquintLeft, EyeSquintRight, EyeWideLeft, EyeWideRight,
};

use super::brush::{Fill, Pen, Tint, between};
use super::look::Look;
use crate::weights::Weights;

/// Samples along a lid.
const SAMPLES: usize = 21;
/// Samples along a brow.
const BROW_SAMPLES: usize = 15;

/// The eyes of one person.
#[derive(Clone, Copy, Debug)]
pub(super) struct EyeShape {
    /// Distance of the middle of an eye from the middle of the face.
    pub spread: f32,
    /// Height of both on the canvas.
    pub y: f32,
    /// Half of the width of the opening.
    pub half_width: f32,
    /// Height of the upper lid over the line between the corners.
    pub upper: f32,
    /// Depth of the lower lid.
    pub lower: f32,
    /// How much higher the outer corner is.
    pub tilt: f32,
    /// Radius of the iris.
    pub iris: f32,
    /// Thickness of the upper lash line.
    pub lash: f32,
    /// Length of single lashes at the outer corner; 0 for none.
    pub lashes: f32,
}

/// The brows of one person: points of the middle line relative to the middle
/// of the face and the height of the eyes, and thickness.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrowShape {
    pub inner: (f32, f32),
    pub peak: (f32, f32),
    pub tail: (f32, f32),
    pub thickness: f32,
}

/// Weights of one side.
struct Side {
    sign: f32,
    blink: f32,
    squint: f32,
    wide: f32,
    /// Gaze, -1..=1: towards the viewer's right and down.
    gaze: (f32, f32),
    brow_up: f32,
    brow_down: f32,
    inner_up: f32,
}

fn sides(w: &Weights) -> [Side; 2] {
    [
        Side {
            sign: -1.0,
            blink: w.get(EyeBlinkRight),
            squint: (w.get(EyeSquintRight) + 0.6 * w.get(CheekSquintRight)).min(1.0),
            wide: w.get(EyeWideRight),
            gaze: (
                w.get(EyeLookInRight) - w.get(EyeLookOutRight),
                w.get(EyeLookDownRight) - w.get(EyeLookUpRight),
            ),
            brow_up: w.get(BrowOuterUpRight),
            brow_down: w.get(BrowDownRight),
            inner_up: w.get(BrowInnerUp),
        },
        Side {
            sign: 1.0,
            blink: w.get(EyeBlinkLeft),
            squint: (w.get(EyeSquintLeft) + 0.6 * w.get(CheekSquintLeft)).min(1.0),
            wide: w.get(EyeWideLeft),
            gaze: (
                w.get(EyeLookOutLeft) - w.get(EyeLookInLeft),
                w.get(EyeLookDownLeft) - w.get(EyeLookUpLeft),
            ),
            brow_up: w.get(BrowOuterUpLeft),
            brow_down: w.get(BrowDownLeft),
            inner_up: w.get(BrowInnerUp),
        },
    ]
}

/// Paints both eyes and brows; `place` gives the transform of a feature at a
/// point of the face.
pub(super) fn paint(
    pen: &mut Pen,
    weights: &Weights,
    look: &Look,
    place: impl Fn((f32, f32)) -> tiny_skia::Transform,
) {
    for side in sides(weights) {
        let centre = (256.0 + side.sign * look.eye.spread, look.eye.y);
        // Drawn as the viewer's right eye; the other one is its mirror image.
        pen.transform = place(centre)
            .pre_translate(centre.0, centre.1)
            .pre_scale(side.sign, 1.0);
        eye(pen, &side, look);
        brow(pen, &side, look);
    }
}

type Lid = [(f32, f32); SAMPLES];

/// Upper and lower edge of the opening.
fn lids(side: &Side, look: &Look) -> (Lid, Lid) {
    let shape = &look.eye;
    let down = side.gaze.1;
    let open = shape.upper * (1.0 + 0.2 * side.wide - 0.2 * side.squint) - 2.6 * down.max(0.0)
        + 1.4 * (-down).max(0.0);
    let lower = shape.lower * (1.0 + 0.08 * side.wide - 0.5 * side.squint);
    let mut high = [(0.0, 0.0); SAMPLES];
    let mut low = high;
    for i in 0..SAMPLES {
        let t = ((i as f32 / (SAMPLES - 1) as f32 - 0.5) * std::f32::consts::PI).sin();
        let x = t * shape.half_width;
        let base = -shape.tilt * 0.5 * t;
        // The upper lid is highest a little towards the nose.
        let skew = t + 0.14 * (1.0 - t * t);
        let arch = (1.0 - skew * skew).max(0.0).powf(0.66);
        let bowl = (1.0 - t * t).max(0.0).powf(0.85);
        let under = base + lower * bowl * (1.0 - 0.1 * side.blink);
        let shut = base + shape.lower * 0.72 * bowl;
        let above = base - open * arch;
        high[i] = (x, (above + (shut - above) * side.blink).min(under));
        low[i] = (x, under + (shut - under) * side.blink);
    }
    (high, low)
}

/// The part of a circle between the lids.
fn inside(centre: (f32, f32), radius: f32, high: &Lid, low: &Lid) -> Option<tiny_skia::Path> {
    let mut top = [(0.0, 0.0); SAMPLES];
    let mut bottom = top;
    for i in 0..SAMPLES {
        let angle = (i as f32 / (SAMPLES - 1) as f32 - 0.5) * std::f32::consts::PI;
        let x = centre.0 + radius * angle.sin();
        let reach = radius * angle.cos();
        let (upper, lower) = (at(high, x) - 0.3, at(low, x) + 0.3);
        top[i] = (x, (centre.1 - reach).clamp(upper, lower.max(upper)));
        bottom[i] = (x, (centre.1 + reach).clamp(upper, lower.max(upper)));
    }
    let tallest = top
        .iter()
        .zip(&bottom)
        .map(|(t, b)| b.1 - t.1)
        .fold(0.0, f32::max);
    (tallest > 0.7).then(|| between(&top, &bottom)).flatten()
}

fn at(lid: &Lid, x: f32) -> f32 {
    let x = x.clamp(lid[0].0, lid[SAMPLES - 1].0);
    lid.windows(2)
        .find(|pair| pair[1].0 >= x)
        .map_or(lid[SAMPLES - 1].1, |pair| {
            let t = (x - pair[0].0) / (pair[1].0 - pair[0].0).max(0.001);
            pair[0].1 + (pair[1].1 - pair[0].1) * t
        })
}

const WHITE: Tint = Tint::hex(0xFC_F8F4);
const WHITE_SIDE: Tint = Tint::hex(0xDD_D0CB);

fn eye(pen: &mut Pen, side: &Side, look: &Look) {
    let shape = &look.eye;
    let (high, low) = lids(side, look);
    let middle = SAMPLES / 2;
    let opening = low[middle].1 - high[middle].1;

    lid_skin(pen, side, look, &high);
    if opening > 0.6 {
        if let Some(path) = between(&high, &low) {
            let half = shape.half_width;
            let stops = [
                (0.0, WHITE_SIDE.solid()),
                (0.3, WHITE.solid()),
                (0.7, WHITE.solid()),
                (1.0, WHITE_SIDE.solid()),
            ];
            pen.fill(&path, &Fill::Linear((-half, 0.0), (half, 0.0), &stops));
        }
        iris(pen, side, look, &high, &low);
        // The upper lid's shadow.
        for (reach, alpha) in [(4.2, 0.12), (2.2, 0.16)] {
            let mut edge = high;
            for (point, under) in edge.iter_mut().zip(&low) {
                point.1 = (point.1 + reach).min(under.1);
            }
            if let Some(path) = between(&high, &edge) {
                pen.fill(&path, &Fill::Solid(Tint::hex(0x33_1C20).alpha(alpha)));
            }
        }
        // The inner corner.
        let corner = low[0];
        pen.glow(
            (corner.0 + 2.4, corner.1 + 0.3),
            (3.0, 2.2),
            Tint::hex(0xD9_8B84),
            0.8 * (opening / 8.0).min(1.0),
        );
    }
    lashes(pen, side, look, &high, &low);
}

/// The lid above the opening and its crease.
fn lid_skin(pen: &mut Pen, side: &Side, look: &Look, high: &Lid) {
    let shape = &look.eye;
    let rise = 4.6 + 1.6 * side.wide - 0.8 * side.squint;
    let mut crease = *high;
    for (i, point) in crease.iter_mut().enumerate() {
        let t = ((i as f32 / (SAMPLES - 1) as f32 - 0.5) * std::f32::consts::PI).sin();
        let skew = t + 0.14 * (1.0 - t * t);
        let arch = (1.0 - skew * skew).max(0.0).powf(0.62);
        let still = -shape.tilt * 0.5 * t - (shape.upper + rise) * arch;
        point.0 *= 1.03;
        // The crease comes down a little with the lid.
        point.1 = still + 2.6 * side.blink * arch - 1.2;
    }
    if let Some(path) = between(&crease, high) {
        pen.fill(
            &path,
            &Fill::Linear(
                (0.0, -shape.upper - rise),
                (0.0, high[SAMPLES / 2].1.max(-shape.upper - rise + 2.0)),
                &[(0.0, look.lid.alpha(0.1)), (1.0, look.lid.alpha(0.5))],
            ),
        );
    }
    let mut edge = crease;
    for (i, point) in edge.iter_mut().enumerate() {
        let t = i as f32 / (SAMPLES - 1) as f32;
        point.1 += 1.25 * (t * std::f32::consts::PI).sin();
    }
    if let Some(path) = between(&crease[1..SAMPLES - 1], &edge[1..SAMPLES - 1]) {
        pen.fill(
            &path,
            &Fill::Solid(look.skin_line.alpha(0.5 - 0.2 * side.blink)),
        );
    }
}

fn iris(pen: &mut Pen, side: &Side, look: &Look, high: &Lid, low: &Lid) {
    let shape = &look.eye;
    let radius = shape.iris;
    let centre = (
        side.sign * side.gaze.0 * 8.0,
        -0.24 * (shape.upper - shape.lower) - 0.6 + side.gaze.1 * 5.5,
    );
    if let Some(path) = inside(centre, radius, high, low) {
        let stops = [
            (0.0, look.iris.mix(look.iris_light, 0.3).solid()),
            (0.55, look.iris.solid()),
            (0.82, look.iris.mix(look.iris_dark, 0.55).solid()),
            (0.93, look.iris_dark.solid()),
            (1.0, look.iris_dark.mix(WHITE, 0.12).solid()),
        ];
        pen.fill(&path, &Fill::Radial(centre, (radius, radius), &stops));
        pen.glow(
            (centre.0, centre.1 + radius * 0.46),
            (radius * 0.66, radius * 0.42),
            look.iris_light,
            0.75 * (1.0 - side.blink),
        );
    }
    if let Some(path) = inside(centre, radius * 0.46, high, low) {
        pen.fill(&path, &Fill::Solid(Tint::hex(0x0D_0A0C).solid()));
    }
    // The window that both eyes mirror is on the same side for both.
    let light = (
        centre.0 - side.sign * radius * 0.32,
        centre.1 - radius * 0.36,
    );
    let shown = 1.0 - (side.blink * 2.2).min(1.0);
    if shown > 0.0 {
        if let Some(path) = inside(light, radius * 0.25, high, low) {
            pen.fill(&path, &Fill::Solid(WHITE.alpha(0.96 * shown)));
        }
        let low_light = (
            centre.0 + side.sign * radius * 0.36,
            centre.1 + radius * 0.42,
        );
        if let Some(path) = inside(low_light, radius * 0.13, high, low) {
            pen.fill(&path, &Fill::Solid(WHITE.alpha(0.55 * shown)));
        }
    }
}

fn lashes(pen: &mut Pen, side: &Side, look: &Look, high: &Lid, low: &Lid) {
    let shape = &look.eye;
    let thick = shape.lash;
    let mut top = *high;
    let mut under = *high;
    for i in 0..SAMPLES {
        let t = i as f32 / (SAMPLES - 1) as f32;
        // Thin at the nose, thickest near the outer corner.
        let body = (t * std::f32::consts::PI).sin().max(0.0).powf(0.7) * (0.45 + 0.75 * t);
        top[i].1 -= thick * body;
        under[i].1 += 0.45 * body;
    }
    let wing = shape.lashes * 0.5 + 1.2;
    let last = SAMPLES - 1;
    top[last].0 += wing;
    top[last].1 -= wing * (0.55 - 0.9 * side.blink);
    under[last].0 += wing;
    under[last].1 -= wing * (0.55 - 0.9 * side.blink);
    if let Some(path) = between(&top, &under) {
        pen.fill(&path, &Fill::Solid(look.lash.alpha(0.96)));
    }
    if shape.lashes > 0.0 {
        // They point outward and up, and down when the eye is shut.
        for (t, length) in [(0.62, 0.75), (0.74, 0.95), (0.85, 1.1), (0.94, 1.15)] {
            let i = ((t * last as f32) as usize).min(last - 1);
            let root = top[i];
            let lean = 0.45 + 0.75 * t;
            let lift = 1.0 - 1.75 * side.blink;
            let reach = shape.lashes * length;
            let tip = (root.0 + reach * lean, root.1 - reach * 0.72 * lift);
            let line = [
                (root.0 - 0.7, root.1 + 0.5),
                (root.0 + reach * lean * 0.55, root.1 - reach * 0.26 * lift),
                tip,
            ];
            let back = [
                (root.0 + 0.9, root.1 + 0.6),
                (
                    root.0 + reach * lean * 0.6 + 0.4,
                    root.1 - reach * 0.2 * lift + 0.3,
                ),
                tip,
            ];
            if let Some(path) = between(&line, &back) {
                pen.fill(&path, &Fill::Solid(look.lash.alpha(0.9)));
            }
        }
    }
    // The lower rim, stronger towards the outer corner.
    let mut rim = *low;
    for (i, point) in rim.iter_mut().enumerate() {
        let t = i as f32 / last as f32;
        point.1 += 0.25 + 0.75 * t * (t * std::f32::consts::PI).sin().max(0.0);
    }
    if let Some(path) = between(&low[3..last], &rim[3..last]) {
        pen.fill(
            &path,
            &Fill::Solid(
                look.lash
                    .mix(look.skin_line, 0.5)
                    .alpha(0.55 * (1.0 - 0.7 * side.blink)),
            ),
        );
    }
    // A soft bag under the eye, more when squinting.
    let bag = low[SAMPLES / 2];
    pen.glow(
        (bag.0, bag.1 + 4.8 - 1.5 * side.squint),
        (shape.half_width * 0.9, 3.4),
        look.skin_deep,
        0.12 + 0.2 * side.squint,
    );
}

fn brow(pen: &mut Pen, side: &Side, look: &Look) {
    let shape = &look.brow;
    // Points are relative to the middle of the face; the pen is at the eye.
    let shift = -look.eye.spread;
    let settle = 1.2 * side.blink;
    let inner = (
        shape.inner.0 + shift - 2.4 * side.brow_down,
        shape.inner.1 - 8.0 * side.inner_up - 1.5 * side.brow_up + 6.5 * side.brow_down + settle,
    );
    let peak = (
        shape.peak.0 + shift,
        shape.peak.1 - 2.5 * side.inner_up - 7.5 * side.brow_up + 4.8 * side.brow_down + settle,
    );
    let tail = (
        shape.tail.0 + shift,
        shape.tail.1 - 5.5 * side.brow_up + 3.0 * side.brow_down + settle,
    );
    let mut top = [(0.0, 0.0); BROW_SAMPLES];
    let mut bottom = top;
    for i in 0..BROW_SAMPLES {
        // Denser at the rounded end.
        let t = (i as f32 / (BROW_SAMPLES - 1) as f32).powf(1.4);
        // A parabola through inner, peak (at 0.58) and tail.
        let (a, b, c) = lagrange(t, 0.58);
        let x = a * inner.0 + b * peak.0 + c * tail.0;
        let y = a * inner.1 + b * peak.1 + c * tail.1;
        // Full towards the nose with a rounded end, fine at the tail.
        let start = (t / 0.16).min(1.0);
        let start = (start * (2.0 - start)).sqrt();
        let body = start * (1.0 - t.powf(1.9)).max(0.0).powf(0.75);
        let half = shape.thickness * 0.5 * body;
        top[i] = (x, y - half);
        bottom[i] = (x, y + half);
    }
    if let Some(path) = between(&top, &bottom) {
        let stops = [
            (0.0, look.hair_brow.alpha(0.72)),
            (0.22, look.hair_brow.alpha(0.93)),
            (1.0, look.hair_brow.alpha(0.97)),
        ];
        pen.fill(&path, &Fill::Linear((inner.0, 0.0), (tail.0, 0.0), &stops));
    }
}

/// Weights of three points at 0, `m` and 1 of the parabola through them.
fn lagrange(t: f32, m: f32) -> (f32, f32, f32) {
    (
        (t - m) * (t - 1.0) / m,
        t * (t - 1.0) / (m * (m - 1.0)),
        t * (t - m) / (1.0 - m),
    )
}
