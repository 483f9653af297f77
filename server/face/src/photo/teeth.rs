//! Teeth, gums and tongue as drawn where no picture of them exists.
//!
//! Everything is drawn in millimetres around the edge of the upper middle
//! teeth, x to the viewer's right, y down. Sizes are those of adults (Wheeler's
//! Dental Anatomy), narrower to the sides by perspective.

use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point, Shader,
    SpreadMode, Stroke, Transform,
};

use super::texture::{Pixel, Texture};

/// One tooth of the right half: width, height and how far its edge stands
/// back from the first one's, millimetres.
type Tooth = (f32, f32, f32);
const UPPER: [Tooth; 7] = [
    (8.4, 10.4, 0.0),
    (6.4, 9.4, 0.45),
    (6.4, 10.0, 0.25),
    (5.0, 8.4, 0.9),
    (4.4, 7.6, 1.4),
    (4.2, 7.0, 1.9),
    (3.4, 6.6, 2.3),
];
const LOWER: [Tooth; 7] = [
    (5.2, 8.8, 0.0),
    (5.6, 9.0, 0.1),
    (6.0, 9.6, 0.05),
    (5.0, 8.4, 0.5),
    (4.4, 8.0, 0.8),
    (4.2, 7.6, 1.0),
    (3.4, 7.4, 1.2),
];
/// Space that a sprite covers around its origin, millimetres.
pub(crate) const REACH: (f32, f32) = (40.0, 26.0);
/// Finer than the texture by this much while drawing.
const FINE: f32 = 3.0;

/// Colours of what is in a mouth, sRGB, under the light of the picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shades {
    pub tooth: [f32; 3],
    pub gum: [f32; 3],
    pub tongue: [f32; 3],
}

fn colour([r, g, b]: [f32; 3], brightness: f32, alpha: f32) -> Color {
    let part = |v: f32| (v * brightness / 255.0).clamp(0.0, 1.0);
    Color::from_rgba(part(r), part(g), part(b), alpha).unwrap_or(Color::BLACK)
}

/// A drawing on its way to a texture.
struct Canvas {
    pixmap: Pixmap,
    /// From millimetres.
    transform: Transform,
    texels_per_mm: f32,
}

impl Canvas {
    fn new(texels_per_mm: f32) -> Option<Self> {
        let fine = texels_per_mm * FINE;
        let (width, height) = (2.0 * REACH.0 * fine, 2.0 * REACH.1 * fine);
        Some(Self {
            pixmap: Pixmap::new(width.ceil() as u32, height.ceil() as u32)?,
            transform: Transform::from_row(fine, 0.0, 0.0, fine, REACH.0 * fine, REACH.1 * fine),
            texels_per_mm,
        })
    }

    fn fill(&mut self, path: &Path, shader: Shader<'_>) {
        let paint = Paint {
            shader,
            anti_alias: true,
            ..Paint::default()
        };
        self.pixmap
            .fill_path(path, &paint, FillRule::Winding, self.transform, None);
    }

    fn line(&mut self, path: &Path, color: Color, width: f32) {
        let mut paint = Paint::default();
        paint.set_color(color);
        let stroke = Stroke {
            width,
            ..Stroke::default()
        };
        self.pixmap
            .stroke_path(path, &paint, &stroke, self.transform, None);
    }

    /// Reduced to the size of a texture that lies in millimetres.
    fn finish(self) -> Texture {
        let mut texture =
            Texture::blank((-REACH.0, -REACH.1, REACH.0, REACH.1), self.texels_per_mm);
        let (width, fine) = (self.pixmap.width() as usize, FINE as usize);
        let pixels = self.pixmap.pixels();
        for (i, texel) in texture.texels.iter_mut().enumerate() {
            let (x, y) = (i % texture.width * fine, i / texture.width * fine);
            let mut sum = [0_u32; 4];
            for dy in 0..fine {
                for dx in 0..fine {
                    let at = (y + dy) * width + (x + dx).min(width - 1);
                    if let Some(p) = pixels.get(at) {
                        for (s, v) in sum
                            .iter_mut()
                            .zip([p.red(), p.green(), p.blue(), p.alpha()])
                        {
                            *s += u32::from(v);
                        }
                    }
                }
            }
            let bytes = sum.map(|s| (s / (fine * fine) as u32) as u8);
            *texel = Pixel::from_le_bytes(bytes);
        }
        texture
    }
}

/// A crown from x to x + width: flat with rounded corners at its edge, a little
/// narrower and round at the gum.
fn crown(x: f32, (width, height, back): Tooth, up: f32) -> Option<Path> {
    let (edge, gum) = (-back * up, -(back + height) * up);
    let at = |share: f32| gum + (edge - gum) * share;
    let (left, right) = (x, x + width);
    let waist = 0.1 * width;
    let round = (0.13 * width).min(0.9);
    let mut path = PathBuilder::new();
    path.move_to(left + waist, at(0.22));
    path.cubic_to(
        left + waist,
        at(-0.04),
        right - waist,
        at(-0.04),
        right - waist,
        at(0.22),
    );
    path.cubic_to(
        right - 0.3 * waist,
        at(0.5),
        right,
        at(0.6),
        right,
        edge - round * up,
    );
    path.quad_to(right, edge, right - round, edge);
    path.line_to(left + round, edge);
    path.quad_to(left, edge, left, edge - round * up);
    path.cubic_to(
        left,
        at(0.6),
        left + 0.3 * waist,
        at(0.5),
        left + waist,
        at(0.22),
    );
    path.close();
    path.finish()
}

fn arch(canvas: &mut Canvas, teeth: &[Tooth], up: f32, shades: &Shades, brightness: f32) {
    // Gum behind all crowns.
    let mut gum = PathBuilder::new();
    let tall = 9.5;
    gum.move_to(-36.0, -(tall - 2.0) * up);
    gum.quad_to(0.0, -(tall + 1.5) * up, 36.0, -(tall - 2.0) * up);
    gum.line_to(36.0, -(tall + 12.0) * up);
    gum.line_to(-36.0, -(tall + 12.0) * up);
    gum.close();
    if let Some(path) = gum.finish() {
        canvas.fill(
            &path,
            Shader::SolidColor(colour(shades.gum, brightness, 1.0)),
        );
    }
    // Behind the crowns it is no darker than they are in their shade: between
    // neighbours there is no gap.
    let mut behind = PathBuilder::new();
    behind.move_to(-34.0, -3.4 * up);
    behind.quad_to(0.0, -0.9 * up, 34.0, -3.4 * up);
    behind.line_to(34.0, -7.0 * up);
    behind.line_to(-34.0, -7.0 * up);
    behind.close();
    if let Some(path) = behind.finish() {
        let shade = colour(shades.tooth, 0.72 * brightness, 1.0);
        canvas.fill(&path, Shader::SolidColor(shade));
    }
    let mut x = 0.0;
    for (k, &tooth) in teeth.iter().enumerate() {
        // Less light reaches the sides.
        let far = (x + tooth.0 / 2.0) / 34.0;
        let light = brightness * (1.0 - 0.42 * far * far - 0.02 * k as f32);
        for side in [x, -x - tooth.0] {
            crown_with_light(canvas, side, tooth, up, shades, light);
        }
        x += tooth.0;
    }
}

fn crown_with_light(
    canvas: &mut Canvas,
    x: f32,
    tooth: Tooth,
    up: f32,
    shades: &Shades,
    light: f32,
) {
    let Some(path) = crown(x, tooth, up) else {
        return;
    };
    let (edge, gum) = (-tooth.2 * up, -(tooth.2 + tooth.1) * up);
    let [r, g, b] = shades.tooth;
    let neck = [r * 0.94, g * 0.88, b * 0.78];
    let glass = [r * 0.95, g * 0.95, b * 0.95];
    let stops = vec![
        GradientStop::new(0.0, colour(neck, light, 1.0)),
        GradientStop::new(0.35, colour(shades.tooth, light * 0.99, 1.0)),
        GradientStop::new(0.78, colour(shades.tooth, light, 1.0)),
        GradientStop::new(1.0, colour(glass, light, 1.0)),
    ];
    if let Some(shader) = LinearGradient::new(
        Point::from_xy(0.0, gum),
        Point::from_xy(0.0, edge),
        stops,
        SpreadMode::Pad,
        Transform::identity(),
    ) {
        canvas.fill(&path, shader);
    }
    // Rounded: darker to both sides, and a thin shade between neighbours.
    let shade = colour([140.0, 104.0, 80.0], light, 0.2);
    let clear = colour([140.0, 104.0, 80.0], light, 0.0);
    let stops = vec![
        GradientStop::new(0.0, shade),
        GradientStop::new(0.24, clear),
        GradientStop::new(0.76, clear),
        GradientStop::new(1.0, shade),
    ];
    if let Some(shader) = LinearGradient::new(
        Point::from_xy(x, 0.0),
        Point::from_xy(x + tooth.0, 0.0),
        stops,
        SpreadMode::Pad,
        Transform::identity(),
    ) {
        canvas.fill(&path, shader);
    }
    canvas.line(&path, colour([150.0, 112.0, 90.0], light, 0.16), 0.2);
}

/// Upper teeth and gums; the origin is the edge of the middle teeth.
pub(crate) fn upper(texels_per_mm: f32, shades: &Shades) -> Option<Texture> {
    let mut canvas = Canvas::new(texels_per_mm)?;
    arch(&mut canvas, &UPPER, 1.0, shades, 1.0);
    Some(canvas.finish())
}

/// Lower teeth and gums; the origin is the edge of the middle teeth.
pub(crate) fn lower(texels_per_mm: f32, shades: &Shades) -> Option<Texture> {
    let mut canvas = Canvas::new(texels_per_mm)?;
    arch(&mut canvas, &LOWER, -1.0, shades, 0.9);
    Some(canvas.finish())
}

/// The tongue; the origin is the middle of its highest line, far back, where
/// little light comes.
pub(crate) fn tongue(texels_per_mm: f32, shades: &Shades) -> Option<Texture> {
    let mut canvas = Canvas::new(texels_per_mm)?;
    let mut path = PathBuilder::new();
    path.move_to(-24.0, 18.0);
    path.cubic_to(-24.0, 3.0, -15.0, -1.0, 0.0, -1.0);
    path.cubic_to(15.0, -1.0, 24.0, 3.0, 24.0, 18.0);
    path.cubic_to(20.0, 25.0, -20.0, 25.0, -24.0, 18.0);
    path.close();
    let path = path.finish()?;
    let stops = vec![
        GradientStop::new(0.0, colour(shades.tongue, 0.4, 0.0)),
        GradientStop::new(0.16, colour(shades.tongue, 0.6, 0.9)),
        GradientStop::new(0.3, colour(shades.tongue, 0.84, 1.0)),
        GradientStop::new(0.6, colour(shades.tongue, 1.08, 1.0)),
        GradientStop::new(0.8, colour(shades.tongue, 1.12, 1.0)),
        GradientStop::new(1.0, colour(shades.tongue, 0.8, 1.0)),
    ];
    let shader = LinearGradient::new(
        Point::from_xy(0.0, -1.0),
        Point::from_xy(0.0, 20.0),
        stops,
        SpreadMode::Pad,
        Transform::identity(),
    )?;
    canvas.fill(&path, shader);
    // Round: its sides fall away from the light.
    let shade = |alpha| colour(shades.tongue, 0.35, alpha);
    let stops = vec![
        GradientStop::new(0.0, shade(0.7)),
        GradientStop::new(0.3, shade(0.12)),
        GradientStop::new(0.47, shade(0.0)),
        GradientStop::new(0.5, shade(0.16)),
        GradientStop::new(0.53, shade(0.0)),
        GradientStop::new(0.7, shade(0.12)),
        GradientStop::new(1.0, shade(0.7)),
    ];
    let shader = LinearGradient::new(
        Point::from_xy(-24.0, 0.0),
        Point::from_xy(24.0, 0.0),
        stops,
        SpreadMode::Pad,
        Transform::identity(),
    )?;
    canvas.fill(&path, shader);
    Some(canvas.finish())
}
