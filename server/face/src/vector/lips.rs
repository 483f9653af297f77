//! Paints the mouth: cavity, tongue, teeth, lips and the folds around them.

use super::brush::{Fill, Pen, Tint, between};
use super::look::Look;
use super::mouth::{Contour, Mouth, SAMPLES, clip};

/// Parted less than this, design units, the lips hide what is behind them.
const PARTED: f32 = 0.35;

/// Half width of the arch of teeth that can be seen from the front.
const ARCH: f32 = 27.0;

const CAVITY: Tint = Tint::hex(0x3A_0F14);
const CAVITY_DEEP: Tint = Tint::hex(0x1F_070B);
const TONGUE: Tint = Tint::hex(0xB8_4F57);
const TONGUE_LIGHT: Tint = Tint::hex(0xD6_7C7D);
const TEETH: Tint = Tint::hex(0xFD_FAF4);
const TEETH_SIDE: Tint = Tint::hex(0xE2_D3C6);
const SHADE: Tint = Tint::hex(0x3A_1214);

/// Paints a mouth whose middle at rest is the origin of the pen.
pub(super) fn paint(pen: &mut Pen, mouth: &Mouth, look: &Look) {
    under(pen, mouth, look);
    if mouth.gap > PARTED {
        inside(pen, mouth);
    }
    lips(pen, mouth, look);
    folds(pen, mouth, look);
}

/// What lies on the skin below the lips.
fn under(pen: &mut Pen, mouth: &Mouth, look: &Look) {
    let low = mouth.lower_outer[SAMPLES / 2];
    let wide = (mouth.lower_outer[SAMPLES - 1].0 - mouth.lower_outer[0].0) * 0.5;
    pen.glow(
        (low.0, low.1 + 4.5),
        (wide * 0.62, 8.0),
        look.skin_deep,
        0.42 + 0.2 * mouth.press,
    );
}

fn inside(pen: &mut Pen, mouth: &Mouth) {
    let middle = SAMPLES / 2;
    let top = mouth.upper_inner[middle].1;
    let bottom = mouth.lower_inner[middle].1;
    let (upper, lower) = clip(mouth, |_| f32::MIN, |_| f32::MAX);
    if let Some(path) = between(&upper, &lower) {
        let stops = [(0.0, CAVITY_DEEP.solid()), (1.0, CAVITY.solid())];
        pen.fill(
            &path,
            &Fill::Linear((0.0, top), (0.0, bottom.max(top + 1.0)), &stops),
        );
    }
    // Out of the mouth it lies over the lower teeth, else behind them.
    let over_teeth = mouth.tongue > 0.22;
    if !over_teeth {
        tongue(pen, mouth);
    }
    lower_teeth(pen, mouth);
    if over_teeth {
        tongue(pen, mouth);
    }
    upper_teeth(pen, mouth);
    // The upper lip throws its shadow on what is behind it.
    for (reach, alpha) in [(3.4, 0.13), (1.7, 0.2)] {
        shadow(pen, mouth, reach, alpha);
    }
}

fn shadow(pen: &mut Pen, mouth: &Mouth, reach: f32, alpha: f32) {
    let mut edge = mouth.upper_inner;
    for (point, low) in edge.iter_mut().zip(&mouth.lower_inner) {
        point.1 = (point.1 + reach).min(low.1 + 0.5);
    }
    let mut upper = mouth.upper_inner;
    for point in &mut upper {
        point.1 -= 0.7;
    }
    if let Some(path) = between(&upper, &edge) {
        pen.fill(&path, &Fill::Solid(SHADE.alpha(alpha)));
    }
}

fn tongue(pen: &mut Pen, mouth: &Mouth) {
    let out = (mouth.tongue * 2.2).min(1.0);
    // Flat behind the lower teeth at rest; its tip comes up to the upper
    // teeth for "th".
    let rest = mouth.lower_teeth + 1.8 - 0.4 * mouth.drop;
    let tip = mouth.upper_teeth - 0.6;
    let crown = rest + (tip - rest).min(0.0) * out;
    let half = 21.0 - 4.0 * out - 7.0 * mouth.round;
    let arch = |x: f32| crown + (6.5 - 3.0 * out) * ((x - mouth.jaw_shift) / half).powi(2);
    let (upper, lower) = clip(mouth, arch, |x| {
        if (x - mouth.jaw_shift).abs() > half * 1.5 {
            arch(x)
        } else {
            f32::MAX
        }
    });
    let Some(path) = between(&upper, &lower) else {
        return;
    };
    let low = mouth.lower_inner[SAMPLES / 2].1.max(crown + 1.0);
    let stops = [
        (0.0, TONGUE_LIGHT.mix(TONGUE, 0.35 - 0.35 * out).solid()),
        (0.55, TONGUE.solid()),
        (1.0, TONGUE.mix(CAVITY, 0.35).solid()),
    ];
    pen.fill(&path, &Fill::Linear((0.0, crown), (0.0, low + 2.0), &stops));
    if mouth.gap > 9.0 {
        let depth = ((mouth.gap - 9.0) / 10.0).min(1.0);
        pen.glow(
            (mouth.jaw_shift, crown + 6.0),
            (3.0, 5.5),
            SHADE,
            0.28 * depth * (1.0 - out),
        );
    }
}

fn teeth_fill(stops: &mut [(f32, tiny_skia::Color); 5], light: f32, half: f32) -> Fill<'_> {
    let middle = TEETH.mix(CAVITY, 1.0 - light);
    let side = TEETH_SIDE.mix(CAVITY, (1.0 - light) * 1.6 + 0.1);
    *stops = [
        (0.0, side.mix(CAVITY, 0.5).solid()),
        (0.2, side.mix(middle, 0.45).solid()),
        (0.5, middle.solid()),
        (0.8, side.mix(middle, 0.45).solid()),
        (1.0, side.mix(CAVITY, 0.5).solid()),
    ];
    Fill::Linear((-half, 0.0), (half, 0.0), stops)
}

fn upper_teeth(pen: &mut Pen, mouth: &Mouth) {
    let edge = |x: f32| {
        let s = (x / ARCH).abs();
        if s >= 1.0 {
            f32::MIN
        } else {
            // The row rises to the sides and ends in the corners' dark.
            mouth.upper_teeth - 2.6 * s * s - 8.0 * (s - 0.78).max(0.0)
        }
    };
    let (upper, lower) = clip(mouth, |_| f32::MIN, edge);
    if let Some(path) = between(&upper, &lower) {
        let mut stops = [(0.0, TEETH.solid()); 5];
        let fill = teeth_fill(&mut stops, 1.0 - 0.22 * mouth.round, ARCH);
        pen.fill(&path, &fill);
    }
    if mouth.gap > 2.0 {
        gaps(pen, mouth, edge);
    }
}

/// The fine lines between the upper teeth.
fn gaps(pen: &mut Pen, mouth: &Mouth, edge: impl Fn(f32) -> f32) {
    // Two incisors, a lateral one and a canine on each side.
    for (x, alpha) in [
        (0.0, 0.2),
        (-7.6, 0.18),
        (7.6, 0.18),
        (-13.9, 0.2),
        (13.9, 0.2),
        (-19.4, 0.2),
        (19.4, 0.2),
    ] {
        let high = at(&mouth.upper_inner, x);
        let low = at(&mouth.lower_inner, x);
        let bottom = edge(x).min(low);
        if bottom - high > 1.2 {
            let line = [(x - 0.16, high), (x - 0.34, bottom)];
            let back = [(x + 0.16, high), (x + 0.34, bottom)];
            if let Some(path) = between(&line, &back) {
                pen.fill(&path, &Fill::Solid(Tint::hex(0x8A_6A60).alpha(alpha * 1.5)));
            }
        }
    }
}

fn lower_teeth(pen: &mut Pen, mouth: &Mouth) {
    let half = 21.0;
    let edge = |x: f32| {
        let s = ((x - mouth.jaw_shift) / half).abs();
        if s >= 1.0 {
            f32::MAX
        } else {
            mouth.lower_teeth + 2.2 * s * s + 9.0 * (s - 0.72).max(0.0)
        }
    };
    let (upper, lower) = clip(mouth, edge, |_| f32::MAX);
    if let Some(path) = between(&upper, &lower) {
        let mut stops = [(0.0, TEETH.solid()); 5];
        let fill = teeth_fill(&mut stops, 0.9, half);
        pen.fill(&path, &fill);
    }
}

/// Height of a contour at `x`.
fn at(contour: &Contour, x: f32) -> f32 {
    contour
        .windows(2)
        .find(|pair| pair[1].0 >= x)
        .map_or(contour[SAMPLES - 1].1, |pair| {
            let (from, to) = (pair[0], pair[1]);
            let t = ((x - from.0) / (to.0 - from.0).max(0.001)).clamp(0.0, 1.0);
            from.1 + (to.1 - from.1) * t
        })
}

fn lips(pen: &mut Pen, mouth: &Mouth, look: &Look) {
    let middle = SAMPLES / 2;
    let wide = (mouth.upper_outer[SAMPLES - 1].0 - mouth.upper_outer[0].0) * 0.5;
    let centre = mouth.upper_outer[middle].0;

    if let Some(path) = between(&mouth.lower_inner, &mouth.lower_outer) {
        let top = mouth.lower_inner[middle].1;
        let bottom = mouth.lower_outer[middle].1;
        let stops = [
            (0.0, look.lip.mix(look.lip_dark, 0.28).solid()),
            (0.3, look.lip.mix(look.lip_light, 0.3).solid()),
            (0.65, look.lip.solid()),
            (1.0, look.lip.mix(look.lip_dark, 0.35).solid()),
        ];
        pen.fill(
            &path,
            &Fill::Linear((0.0, top), (0.0, bottom.max(top + 0.5)), &stops),
        );
        let height = bottom - top;
        let shine = look.lip_shine * (1.0 - 0.55 * mouth.press);
        for (x, size, alpha) in [(-0.16, 0.26, 1.0), (0.2, 0.16, 0.6)] {
            pen.glow(
                (
                    centre + x * wide + mouth.jaw_shift * 0.5,
                    top + height * 0.4,
                ),
                (wide * size, height * 0.3),
                Tint::hex(0xFF_FFFF),
                shine * alpha,
            );
        }
    }
    if let Some(path) = between(&mouth.upper_outer, &mouth.upper_inner) {
        let top = mouth.upper_outer[middle].1 - 1.0;
        let bottom = mouth.upper_inner[middle].1;
        let stops = [
            (0.0, look.lip.mix(look.lip_dark, 0.15).solid()),
            (0.55, look.lip.mix(look.lip_dark, 0.45).solid()),
            (1.0, look.lip_dark.solid()),
        ];
        pen.fill(
            &path,
            &Fill::Linear((0.0, top), (0.0, bottom.max(top + 0.5)), &stops),
        );
    }
    seam(pen, mouth, look);
}

/// The line where the lips meet, which becomes the shaded inner rim when they
/// part.
fn seam(pen: &mut Pen, mouth: &Mouth, look: &Look) {
    let open = (mouth.gap / 4.0).min(1.0);
    let mut upper = mouth.upper_inner;
    let mut lower = mouth.upper_inner;
    for (i, (high, low)) in upper.iter_mut().zip(&mut lower).enumerate() {
        let t = i as f32 / (SAMPLES - 1) as f32 * 2.0 - 1.0;
        let across = (t * std::f32::consts::FRAC_PI_2).sin().abs();
        // Beside a round opening the lips are one.
        let beside = ((across - mouth.inner) / 0.12).clamp(0.0, 1.0) * mouth.round.sqrt();
        let body = (1.0 - t.powi(6)).max(0.0) * (1.0 - beside);
        high.1 -= (0.5 - 0.15 * open) * body;
        low.1 += (0.65 + 0.2 * mouth.press - 0.4 * open) * body;
    }
    if let Some(path) = between(&upper, &lower) {
        pen.fill(&path, &Fill::Solid(look.lip_line.alpha(0.95 - 0.35 * open)));
    }
    // The corners are a little deeper than the skin around them.
    for (corner, sign) in [(0, -1.0), (SAMPLES - 1, 1.0)] {
        let (x, y) = mouth.upper_inner[corner];
        pen.glow(
            (x + 0.6 * sign, y + 0.4),
            (3.8, 3.2),
            look.lip_line,
            0.42 * (1.0 - 0.85 * mouth.round),
        );
    }
}

/// Smile lines, dimples and the tension beside pressed lips.
fn folds(pen: &mut Pen, mouth: &Mouth, look: &Look) {
    for (corner, sign, smile, crease) in [
        (0, -1.0, mouth.smile.0, mouth.crease.0),
        (SAMPLES - 1, 1.0, mouth.smile.1, mouth.crease.1),
    ] {
        let (x, y) = mouth.upper_inner[corner];
        let depth = (0.6 * crease + 0.35 * smile).min(1.0);
        if depth > 0.02 {
            pen.glow(
                (x + sign * 4.5, y - 0.5),
                (4.0, 7.0),
                look.skin_deep,
                0.5 * depth,
            );
        }
        // From the wing of the nose down around the corner: a soft valley that
        // deepens with the smile.
        let line = look.fold + 0.55 * (smile - 0.2).max(0.0);
        if line > 0.02 {
            let start = (sign * 20.0, -24.0 - 2.0 * smile);
            let end = (x + sign * (8.0 + 2.0 * smile), y - 6.0 + 2.0 * smile);
            let side = sign * (1.5 + 2.0 * smile);
            for (width, alpha) in [(5.0, 0.13), (3.0, 0.16), (1.3, 0.2)] {
                let mut inner = [(0.0, 0.0); 9];
                let mut outer = inner;
                for i in 0..inner.len() {
                    let t = i as f32 / (inner.len() - 1) as f32;
                    let swell = 4.0 * t * (1.0 - t);
                    let (x, y) = (
                        start.0 + (end.0 - start.0) * t + side * swell,
                        start.1 + (end.1 - start.1) * t - 1.5 * swell,
                    );
                    inner[i] = (x - sign * width * 0.4 * swell, y);
                    outer[i] = (x + sign * width * 0.6 * swell, y);
                }
                if let Some(path) = between(&inner, &outer) {
                    pen.fill(
                        &path,
                        &Fill::Solid(look.skin_deep.alpha(alpha * line.min(1.0))),
                    );
                }
            }
        }
    }
}
