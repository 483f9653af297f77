//! The shape of the mouth: from ARKit weights to the four lip contours, the
//! teeth and the tongue. Geometry only; `lips` paints it.

use media::Blendshape::{
    self, JawLeft, JawOpen, JawRight, MouthClose, MouthDimpleLeft, MouthDimpleRight,
    MouthFrownLeft, MouthFrownRight, MouthFunnel, MouthLeft, MouthLowerDownLeft,
    MouthLowerDownRight, MouthPressLeft, MouthPressRight, MouthPucker, MouthRight, MouthRollLower,
    MouthRollUpper, MouthShrugLower, MouthShrugUpper, MouthSmileLeft, MouthSmileRight,
    MouthStretchLeft, MouthStretchRight, MouthUpperUpLeft, MouthUpperUpRight, TongueOut,
};

use crate::weights::Weights;

/// Number of samples along a contour. Odd, so that one lies in the middle.
pub(super) const SAMPLES: usize = 37;

/// A contour from the viewer's left corner to the right one, design units
/// relative to the middle of the mouth at rest, y down.
pub(super) type Contour = [(f32, f32); SAMPLES];

/// How far the jaw drops at `jawOpen` = 1, design units: about 27 mm on a face
/// whose outer eye corners are 88 mm apart.
const JAW_DROP: f32 = 33.0;

/// How far the edge of the upper teeth hangs below the line where the closed
/// lips meet.
const BITE: f32 = 3.9;

/// The lips of one person at rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct LipShape {
    /// Half of the width.
    pub half_width: f32,
    /// Height of the upper lip at its peaks.
    pub upper: f32,
    /// Height of the lower lip.
    pub lower: f32,
    /// How deep the middle of the upper lip dips between its peaks, 0..=1.
    pub bow: f32,
    /// How far the corners point up at rest: a friendly face does not sulk.
    pub rise: f32,
}

/// A mouth at one moment.
pub(super) struct Mouth {
    /// Outer edge of the upper lip.
    pub upper_outer: Contour,
    /// Inner edge of the upper lip.
    pub upper_inner: Contour,
    /// Inner edge of the lower lip.
    pub lower_inner: Contour,
    /// Outer edge of the lower lip.
    pub lower_outer: Contour,
    /// Edge of the upper teeth at the middle.
    pub upper_teeth: f32,
    /// Edge of the lower teeth at the middle.
    pub lower_teeth: f32,
    /// How far the lips are parted in the middle.
    pub gap: f32,
    /// How far the jaw is down, design units.
    pub drop: f32,
    /// 0 flat in the mouth, 1 out over the lip.
    pub tongue: f32,
    /// 0..=1: how tightly the lips are pressed.
    pub press: f32,
    /// 0..=1: how round the opening is.
    pub round: f32,
    /// The share of the half width that the opening takes.
    pub inner: f32,
    /// Smile of the viewer's left and right corner, 0..=1.
    pub smile: (f32, f32),
    /// Tension beside the viewer's left and right corner, 0..=1.
    pub crease: (f32, f32),
    /// Sideways shift of the lower jaw.
    pub jaw_shift: f32,
}

/// What differs between the two corners.
struct Corner {
    reach: f32,
    height: f32,
}

impl Mouth {
    pub(super) fn new(weights: &Weights, lips: &LipShape) -> Self {
        let w = |shape: Blendshape| weights.get(shape);
        let both = |a: Blendshape, b: Blendshape| f32::midpoint(w(a), w(b));
        let jaw = w(JawOpen);
        let (pucker, funnel) = (w(MouthPucker), w(MouthFunnel));
        let press = both(MouthPressLeft, MouthPressRight);
        let smile = both(MouthSmileLeft, MouthSmileRight);
        let stretch = both(MouthStretchLeft, MouthStretchRight);
        let (roll_upper, roll_lower) = (w(MouthRollUpper), w(MouthRollLower));
        let (shrug_upper, shrug_lower) = (w(MouthShrugUpper), w(MouthShrugLower));
        let round = (0.95 * pucker + 0.7 * funnel).min(1.0);
        // The lower lip drawn in without the upper one is tucked under the
        // upper teeth: F and V.
        let tuck = roll_lower * (1.0 - roll_upper).powi(2) * (1.0 - press).powi(2);

        let opened = (jaw - w(MouthClose)).max(0.0) * JAW_DROP;
        let sealing = (1.0 - 1.6 * press).max(0.0) * (1.0 - 0.5 * roll_upper);
        let raise = (7.5 * both(MouthUpperUpLeft, MouthUpperUpRight)
            + 3.0 * funnel
            + 1.2 * smile
            + 3.2 * tuck
            + 0.36 * opened * round
            - 1.5 * roll_upper)
            .max(0.0)
            * sealing;
        let lower = (opened
            + 7.5 * both(MouthLowerDownLeft, MouthLowerDownRight)
            + 3.4 * funnel
            + 1.2 * stretch
            - 4.6 * tuck
            - 5.0 * shrug_lower)
            .max(-0.6 * raise)
            * sealing;
        let gap = (raise + lower).max(0.0);
        let wide = (gap / JAW_DROP).min(1.0);

        let narrow = (1.0 - 0.5 * pucker - 0.3 * funnel).max(0.4);
        let corner = |smile: f32, stretch: f32, frown: f32, dimple: f32, press: f32| Corner {
            reach: lips.half_width
                * (1.0 + 0.17 * smile + 0.2 * stretch + 0.1 * dimple - 0.05 * press)
                * narrow
                * (1.0 - 0.16 * wide),
            height: -lips.rise * (1.0 - round) - 9.0 * smile + 7.5 * frown - 1.2 * dimple
                + 1.6 * stretch
                + (0.36 + 0.14 * round) * lower.max(0.0)
                - (0.1 + 0.4 * round) * raise,
        };
        let right = corner(
            w(MouthSmileRight),
            w(MouthStretchRight),
            w(MouthFrownRight),
            w(MouthDimpleRight),
            w(MouthPressRight),
        );
        let left = corner(
            w(MouthSmileLeft),
            w(MouthStretchLeft),
            w(MouthFrownLeft),
            w(MouthDimpleLeft),
            w(MouthPressLeft),
        );
        let shift = 7.0 * (w(MouthLeft) - w(MouthRight));
        let jaw_shift = 6.0 * (w(JawLeft) - w(JawRight));

        let upper_height = lips.upper
            * (1.0 - 0.62 * roll_upper - 0.25 * press - 0.16 * smile - 0.16 * stretch
                + 0.3 * pucker
                + 0.3 * funnel
                + 0.35 * shrug_upper
                - 0.12 * wide)
                .max(0.18);
        let lower_height = lips.lower
            * (1.0 - 0.62 * roll_lower - 0.28 * press - 0.12 * smile - 0.18 * stretch
                + 0.22 * pucker
                + 0.28 * funnel
                + 0.2 * shrug_lower
                - 0.2 * wide)
                .max(0.2);
        let protrusion = 0.18 * round;
        let lift = -2.6 * shrug_upper - 3.0 * shrug_lower * (1.0 - wide) - 0.8 * round;

        // A round opening does not reach into the corners: the lips go all
        // the way around it.
        let inner = 1.0 - 0.42 * round;
        // 1 is an ellipse, more is a lens with pointed corners.
        let power = 1.55 - 0.55 * round - 0.35 * wide.sqrt() * (1.0 - round);
        let lens = 0.66 - 0.16 * round;

        let mut mouth = Self {
            upper_outer: [(0.0, 0.0); SAMPLES],
            upper_inner: [(0.0, 0.0); SAMPLES],
            lower_inner: [(0.0, 0.0); SAMPLES],
            lower_outer: [(0.0, 0.0); SAMPLES],
            // Lips that are pushed forward hide the teeth.
            upper_teeth: BITE + (0.5 - raise - BITE) * round,
            lower_teeth: BITE - 0.8 + jaw * JAW_DROP * 0.94 + lower.max(0.0) * 0.02,
            gap,
            drop: jaw * JAW_DROP,
            tongue: w(TongueOut),
            press,
            round,
            inner,
            smile: (w(MouthSmileRight), w(MouthSmileLeft)),
            crease: (
                w(MouthDimpleRight) + 0.5 * w(MouthPressRight) + 0.3 * w(MouthStretchRight),
                w(MouthDimpleLeft) + 0.5 * w(MouthPressLeft) + 0.3 * w(MouthStretchLeft),
            ),
            jaw_shift,
        };
        let closed = 1.0 - (gap / 6.0).min(1.0);
        for i in 0..SAMPLES {
            let angle = (i as f32 / (SAMPLES - 1) as f32 - 0.5) * std::f32::consts::PI;
            let t = angle.sin();
            let across = t.abs().min(1.0);
            let side = if t < 0.0 { &right } else { &left };
            let x = t * side.reach + shift;
            let bend = side.height * across.powf(1.7 - 0.5 * round);
            // The meeting line of closed lips: the tubercle dips in the
            // middle, the lobes beside it rise.
            let wave = (1.3 * (1.0 - (across / 0.34).powi(2)).max(0.0).powi(2)
                - 0.9 * (1.0 - ((across - 0.48) / 0.4).powi(2)).max(0.0).powi(2))
                * closed
                * (1.0 - 0.7 * round);
            let base = bend + lift;
            let seam = base + wave;
            let edge = (1.0 - across * across).max(0.0);
            let s = (across / inner).min(1.0);
            let opening = (1.0 - s * s).max(0.0).powf(power * 0.5);
            let outline = edge.powf(power * 0.5);
            // Sideways, the lower lip goes with the jaw.
            let lower_x = x + jaw_shift * outline * wide.max(0.25);

            let bow = 1.0
                - lips.bow
                    * (1.0 - 0.65 * round - 0.4 * wide)
                    * (1.0 - (across / 0.27).powi(2)).max(0.0).powi(2);
            let peak = 1.0 - 0.5 * across.powf(1.4) * (1.0 - round);
            mouth.upper_inner[i] = (x, seam - raise * opening);
            mouth.lower_inner[i] = (lower_x, seam + lower * opening);
            mouth.upper_outer[i] = (
                x,
                base - raise * outline
                    - upper_height * (1.0 + protrusion) * bow * peak * edge.powf(lens),
            );
            mouth.lower_outer[i] = (
                lower_x,
                base + lower * outline + lower_height * (1.0 + protrusion) * edge.powf(lens),
            );
        }
        mouth
    }

    /// How far the chin goes down, design units: with the jaw, and a little
    /// with a lower lip that is pulled down.
    pub(super) fn chin(&self) -> f32 {
        self.drop * 0.72
    }
}

/// Upper and lower bound of the opening at samples of its own width, and the
/// share of the way across (-1..=1) of each sample.
pub(super) fn clip(
    mouth: &Mouth,
    top: impl Fn(f32) -> f32,
    bottom: impl Fn(f32) -> f32,
) -> (Contour, Contour) {
    let mut upper = mouth.upper_inner;
    let mut lower = mouth.lower_inner;
    for i in 0..SAMPLES {
        // The paint goes a little under the lips, which are laid over it.
        let (high, low) = (mouth.upper_inner[i].1 - 0.7, mouth.lower_inner[i].1 + 0.7);
        let x = f32::midpoint(upper[i].0, lower[i].0);
        upper[i].1 = top(x).clamp(high, low);
        lower[i].1 = bottom(x).clamp(upper[i].1, low);
    }
    (upper, lower)
}
