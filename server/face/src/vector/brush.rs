//! A small drawing vocabulary on top of tiny-skia: colours, curves, gradients
//! and soft shadows, all in design units.

use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LineJoin, LinearGradient, Mask, Paint, Path,
    PathBuilder, Pixmap, PixmapMut, PixmapPaint, Point, RadialGradient, Shader, SpreadMode, Stroke,
    Transform,
};

/// An opaque colour, sRGB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tint(pub f32, pub f32, pub f32);

impl Tint {
    /// From `0xRRGGBB`.
    pub(super) const fn hex(rgb: u32) -> Self {
        Self(
            ((rgb >> 16) & 255) as f32 / 255.0,
            ((rgb >> 8) & 255) as f32 / 255.0,
            (rgb & 255) as f32 / 255.0,
        )
    }

    /// This colour with `t` (0..=1) of another.
    pub(super) fn mix(self, other: Self, t: f32) -> Self {
        Self(
            self.0 + (other.0 - self.0) * t,
            self.1 + (other.1 - self.1) * t,
            self.2 + (other.2 - self.2) * t,
        )
    }

    /// With an opacity, clamped to 0..=1.
    pub(super) fn alpha(self, alpha: f32) -> Color {
        let unit = |v: f32| v.clamp(0.0, 1.0);
        Color::from_rgba(unit(self.0), unit(self.1), unit(self.2), unit(alpha))
            .unwrap_or(Color::TRANSPARENT)
    }

    /// Opaque.
    pub(super) fn solid(self) -> Color {
        self.alpha(1.0)
    }
}

/// What a shape is filled with. Positions are in design units.
pub(super) enum Fill<'a> {
    Solid(Color),
    /// From one point to another.
    Linear((f32, f32), (f32, f32), &'a [(f32, Color)]),
    /// Around a point; the second pair holds the radii along x and y.
    Radial((f32, f32), (f32, f32), &'a [(f32, Color)]),
}

impl Fill<'_> {
    fn shader(&self) -> Option<Shader<'static>> {
        let stops = |list: &[(f32, Color)]| -> Vec<GradientStop> {
            list.iter()
                .map(|&(at, color)| GradientStop::new(at, color))
                .collect()
        };
        match self {
            Self::Solid(color) => Some(Shader::SolidColor(*color)),
            Self::Linear(from, to, list) => LinearGradient::new(
                Point::from_xy(from.0, from.1),
                Point::from_xy(to.0, to.1),
                stops(list),
                SpreadMode::Pad,
                Transform::identity(),
            ),
            Self::Radial(center, radii, list) => {
                let (rx, ry) = (radii.0.max(0.01), radii.1.max(0.01));
                RadialGradient::new(
                    Point::zero(),
                    0.0,
                    Point::zero(),
                    1.0,
                    stops(list),
                    SpreadMode::Pad,
                    Transform::from_row(rx, 0.0, 0.0, ry, center.0, center.1),
                )
            }
        }
    }
}

/// Draws into a picture through a transform from design units to pixels.
pub(super) struct Pen<'a> {
    pub pixmap: PixmapMut<'a>,
    pub transform: Transform,
}

impl Pen<'_> {
    /// Fills a closed path.
    pub(super) fn fill(&mut self, path: &Path, fill: &Fill) {
        fill_on(&mut self.pixmap, self.transform, path, fill, None);
    }

    /// Fills a soft spot that fades to nothing at its rim.
    pub(super) fn glow(&mut self, center: (f32, f32), radii: (f32, f32), tint: Tint, alpha: f32) {
        if alpha <= 0.004 {
            return;
        }
        let stops = [
            (0.0, tint.alpha(alpha)),
            (0.45, tint.alpha(alpha * 0.62)),
            (0.75, tint.alpha(alpha * 0.2)),
            (1.0, tint.alpha(0.0)),
        ];
        if let Some(path) = oval(center, radii) {
            self.fill(&path, &Fill::Radial(center, radii, &stops));
        }
    }
}

fn fill_on(
    pixmap: &mut PixmapMut,
    transform: Transform,
    path: &Path,
    fill: &Fill,
    mask: Option<&Mask>,
) {
    let Some(shader) = fill.shader() else { return };
    let paint = Paint {
        shader,
        anti_alias: true,
        ..Paint::default()
    };
    pixmap.fill_path(path, &paint, FillRule::Winding, transform, mask);
}

/// A transparent layer that static art is painted on, once per avatar and
/// size.
pub(super) struct Canvas {
    pub pixmap: Pixmap,
    transform: Transform,
    scale: f32,
}

impl Canvas {
    /// A layer of `size` pixels whose pixel (0, 0) is the design point
    /// `origin`, at `scale` pixels for one design unit.
    pub(super) fn new(size: (u32, u32), origin: (f32, f32), scale: f32) -> Self {
        let pixmap = Pixmap::new(size.0.max(1), size.1.max(1))
            .expect("layer sizes are bounded by the picture sizes that are accepted");
        Self {
            pixmap,
            transform: Transform::from_row(
                scale,
                0.0,
                0.0,
                scale,
                -origin.0 * scale,
                -origin.1 * scale,
            ),
            scale,
        }
    }

    /// Fills a path, inside `clip` where there is one.
    pub(super) fn fill(&mut self, path: &Path, fill: &Fill, clip: Option<&Clip>) {
        let mask = clip.map(|clip| &clip.0);
        fill_on(&mut self.pixmap.as_mut(), self.transform, path, fill, mask);
    }

    /// A line of even width with round ends.
    pub(super) fn stroke(&mut self, path: &Path, width: f32, color: Color, clip: Option<&Clip>) {
        let paint = Paint {
            shader: Shader::SolidColor(color),
            anti_alias: true,
            ..Paint::default()
        };
        self.pixmap.stroke_path(
            path,
            &paint,
            &round_stroke(width),
            self.transform,
            clip.map(|clip| &clip.0),
        );
    }

    /// Fills a path and blurs it by `radius` design units before it is laid
    /// down, inside `clip` where there is one.
    pub(super) fn soft(&mut self, path: &Path, color: Color, radius: f32, clip: Option<&Clip>) {
        self.soften(path, 0.0, radius, clip, |layer, transform| {
            fill_on(
                &mut layer.as_mut(),
                transform,
                path,
                &Fill::Solid(color),
                None,
            );
        });
    }

    /// A blurred line.
    pub(super) fn soft_stroke(
        &mut self,
        path: &Path,
        width: f32,
        color: Color,
        radius: f32,
        clip: Option<&Clip>,
    ) {
        let paint = Paint {
            shader: Shader::SolidColor(color),
            anti_alias: true,
            ..Paint::default()
        };
        self.soften(path, width, radius, clip, |layer, transform| {
            layer.stroke_path(path, &paint, &round_stroke(width), transform, None);
        });
    }

    /// Draws on a layer of its own, just large enough for the path and its
    /// blur, and lays it down.
    fn soften(
        &mut self,
        path: &Path,
        width: f32,
        radius: f32,
        clip: Option<&Clip>,
        draw: impl FnOnce(&mut Pixmap, Transform),
    ) {
        let bounds = path.bounds();
        let spare = (radius * 3.2 + width * 0.5) * self.scale + 2.0;
        let edge = |v: f32, scale: f32, shift: f32, max: u32| {
            (v * scale + shift).clamp(-spare, max as f32 + spare)
        };
        let t = self.transform;
        let (w, h) = (self.pixmap.width(), self.pixmap.height());
        let left = (edge(bounds.left(), t.sx, t.tx, w) - spare).floor();
        let top = (edge(bounds.top(), t.sy, t.ty, h) - spare).floor();
        let right = (edge(bounds.right(), t.sx, t.tx, w) + spare).ceil();
        let bottom = (edge(bounds.bottom(), t.sy, t.ty, h) + spare).ceil();
        let Some(mut layer) = Pixmap::new((right - left) as u32, (bottom - top) as u32) else {
            return;
        };
        draw(&mut layer, t.post_translate(-left, -top));
        blur(&mut layer, radius * self.scale);
        self.pixmap.draw_pixmap(
            left as i32,
            top as i32,
            layer.as_ref(),
            &PixmapPaint::default(),
            Transform::identity(),
            clip.map(|clip| &clip.0),
        );
    }

    /// Keeps later paint inside a path.
    pub(super) fn clip(&self, path: &Path) -> Clip {
        let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height())
            .expect("a layer has at least one pixel");
        mask.fill_path(path, FillRule::Winding, true, self.transform);
        Clip(mask)
    }
}

/// The inside of a path on one canvas.
pub(super) struct Clip(Mask);

fn round_stroke(width: f32) -> Stroke {
    Stroke {
        width,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    }
}

/// Three box blurs, which come close to a Gaussian of standard deviation
/// `sigma` pixels.
fn blur(layer: &mut Pixmap, sigma: f32) {
    // A mean of more than 255 pixels would not fit the fixed point below.
    let radius = ((sigma * 0.95).round() as usize).min(127);
    if radius == 0 {
        return;
    }
    let stride = layer.width() as usize * 4;
    let mut copy = vec![0; layer.data().len()];
    for _ in 0..3 {
        let pixels = layer.data_mut();
        for (from, to) in pixels
            .chunks_exact(stride)
            .zip(copy.chunks_exact_mut(stride))
        {
            slide(from, to, 4, radius);
        }
        slide(&copy, pixels, stride, radius);
    }
}

/// The mean of a window that slides over `from` in steps of `step` bytes, all
/// bytes of a step side by side.
fn slide(from: &[u8], to: &mut [u8], step: usize, radius: usize) {
    let window = 2 * radius as u32 + 1;
    let share = ((1 << 16) + window / 2) / window;
    let mut sums = vec![0_u32; step];
    let steps = from.len() / step;
    let line = |at: usize| &from[at * step..(at + 1) * step];
    for at in 0..radius.min(steps) {
        for (sum, &byte) in sums.iter_mut().zip(line(at)) {
            *sum += u32::from(byte);
        }
    }
    for at in 0..steps {
        if at + radius < steps {
            for (sum, &byte) in sums.iter_mut().zip(line(at + radius)) {
                *sum += u32::from(byte);
            }
        }
        if at > radius {
            for (sum, &byte) in sums.iter_mut().zip(line(at - radius - 1)) {
                *sum -= u32::from(byte);
            }
        }
        for (out, &sum) in to[at * step..(at + 1) * step].iter_mut().zip(&sums) {
            *out = ((sum * share + (1 << 15)) >> 16) as u8;
        }
    }
}

/// An ellipse.
pub(super) fn oval(center: (f32, f32), radii: (f32, f32)) -> Option<Path> {
    let rect = tiny_skia::Rect::from_ltrb(
        center.0 - radii.0,
        center.1 - radii.1,
        center.0 + radii.0,
        center.1 + radii.1,
    )?;
    PathBuilder::from_oval(rect)
}

/// A smooth closed outline through the points (Catmull-Rom). A point that is
/// given twice makes a corner.
pub(super) fn blob(points: &[(f32, f32)]) -> Path {
    smooth(points, true)
}

/// A smooth open line through the points.
pub(super) fn curve(points: &[(f32, f32)]) -> Path {
    smooth(points, false)
}

/// The points, followed by their mirror images about `axis` in reverse order:
/// one half of a symmetric outline, given from top to bottom.
pub(super) fn mirrored(axis: f32, half: &[(f32, f32)]) -> Vec<(f32, f32)> {
    let mut all: Vec<_> = half.iter().map(|&(x, y)| (axis + x, y)).collect();
    all.extend(half.iter().rev().map(|&(x, y)| (axis - x, y)));
    all
}

fn smooth(points: &[(f32, f32)], closed: bool) -> Path {
    let count = points.len() as isize;
    let at = |i: isize| {
        let i = if closed {
            i.rem_euclid(count)
        } else {
            i.clamp(0, count - 1)
        };
        points[i as usize]
    };
    let mut builder = PathBuilder::new();
    builder.move_to(at(0).0, at(0).1);
    let segments = if closed { count } else { count - 1 };
    for i in 0..segments {
        let (before, from, to, after) = (at(i - 1), at(i), at(i + 1), at(i + 2));
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let arm = |start: (f32, f32), end: (f32, f32)| {
            let (x, y) = ((end.0 - start.0) / 6.0, (end.1 - start.1) / 6.0);
            // Beside a much longer segment the arm would overshoot.
            let shorten = (0.4 * length / x.hypot(y).max(1e-6)).min(1.0);
            (x * shorten, y * shorten)
        };
        let (out, back) = (arm(before, to), arm(from, after));
        builder.cubic_to(
            from.0 + out.0,
            from.1 + out.1,
            to.0 - back.0,
            to.1 - back.1,
            to.0,
            to.1,
        );
    }
    if closed {
        builder.close();
    }
    builder
        .finish()
        .expect("art is made of at least two different points")
}

/// A closed shape between two edges that are sampled at the same places: along
/// `upper`, then back along `lower`. `None` when it has no area.
pub(super) fn between(upper: &[(f32, f32)], lower: &[(f32, f32)]) -> Option<Path> {
    let mut builder = PathBuilder::with_capacity(upper.len() * 4, upper.len() * 8);
    let first = *upper.first()?;
    builder.move_to(first.0, first.1);
    trace(&mut builder, upper.iter().copied());
    let back = *lower.last()?;
    builder.line_to(back.0, back.1);
    trace(&mut builder, lower.iter().rev().copied());
    builder.close();
    builder.finish()
}

/// Goes on along points with quadratics through their midpoints, which rounds
/// the polygon without overshoot.
fn trace(builder: &mut PathBuilder, points: impl Iterator<Item = (f32, f32)>) {
    let mut before: Option<(f32, f32)> = None;
    for (x, y) in points {
        if let Some((px, py)) = before {
            builder.quad_to(px, py, f32::midpoint(px, x), f32::midpoint(py, y));
        }
        before = Some((x, y));
    }
    if let Some((x, y)) = before {
        builder.line_to(x, y);
    }
}
