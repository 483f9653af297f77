//! Pictures prepared for warping: premultiplied pixels at a scale that suits
//! the screen.

use crate::resample::{Source, resample};

/// A pixel: red, green, blue and alpha from the lowest byte up, premultiplied.
pub(crate) type Pixel = u32;

/// A part of the plane of the screen as pixels. Positions are screen pixels;
/// the middle of the first texel is at `origin`.
#[derive(Clone, Debug)]
pub(crate) struct Texture {
    pub width: usize,
    pub height: usize,
    /// Texels for each screen pixel.
    pub scale: f32,
    /// Screen position of the middle of the first texel.
    pub origin: (f32, f32),
    pub texels: Vec<Pixel>,
}

/// Where the source of a texture lies: source pixel = `from` + screen * `step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    /// Source pixels for each screen pixel.
    pub step: f32,
    /// Source position of the screen's upper left corner.
    pub from: (f32, f32),
}

impl Placement {
    /// Screen position of a point of the source.
    pub fn screen(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [(x - self.from.0) / self.step, (y - self.from.1) / self.step]
    }
}

/// A pixel of colour with alpha, premultiplied.
pub(crate) fn pixel(rgb: [u8; 3], alpha: u8) -> Pixel {
    let scale = |v: u8| (u32::from(v) * u32::from(alpha) + 127) / 255;
    scale(rgb[0]) | scale(rgb[1]) << 8 | scale(rgb[2]) << 16 | u32::from(alpha) << 24
}

/// The premultiplied part of a colour that is left when what is behind and
/// shines through is taken out.
fn unmixed(rgb: [u8; 3], alpha: u8, behind: [u8; 4]) -> Pixel {
    let through = 255 - u32::from(alpha);
    let left = |k: usize| {
        let shining = (u32::from(behind[k]) * through + 127) / 255;
        // No more than the brightest person has.
        let left = u32::from(rgb[k]).saturating_sub(shining);
        left.min(u32::from(alpha)) as u8
    };
    Pixel::from_le_bytes([left(0), left(1), left(2), alpha])
}

/// Red, green, blue, alpha.
pub(crate) fn parts(pixel: Pixel) -> [u8; 4] {
    pixel.to_le_bytes()
}

/// What of a source is the person, and what is behind.
#[derive(Clone, Copy)]
pub(crate) struct Matte<'a> {
    pub alpha: Source<'a>,
    /// The colours that shine through where the person is not opaque.
    pub behind: &'a Texture,
    /// Whether the person goes on beyond the source's left and right.
    pub cut: bool,
}

impl Texture {
    /// An empty texture over a rectangle of the screen (left, top, right,
    /// bottom).
    pub fn blank(area: (f32, f32, f32, f32), scale: f32) -> Self {
        let width = ((area.2 - area.0) * scale).ceil().max(2.0) as usize;
        let height = ((area.3 - area.1) * scale).ceil().max(2.0) as usize;
        Self {
            width,
            height,
            scale,
            origin: (area.0 + 0.5 / scale, area.1 + 0.5 / scale),
            texels: vec![0; width * height],
        }
    }

    /// The pixels of a source (3 or 4 channels, 4 with straight alpha) over a
    /// rectangle of the screen, with a matte if there is one: then what shines
    /// through is taken out of the colours, so that hair before a light wall
    /// has no light fringe before another.
    pub fn of(
        source: Source<'_>,
        matte: Option<Matte<'_>>,
        placement: Placement,
        area: (f32, f32, f32, f32),
        scale: f32,
    ) -> Self {
        let mut texture = Self::blank(area, scale);
        let step = placement.step / scale;
        let first = (
            placement.from.0 + texture.origin.0 * placement.step,
            placement.from.1 + texture.origin.1 * placement.step,
        );
        let (width, height) = (texture.width, texture.height);
        let colours = resample(source, first, step, width, height);
        let alphas = matte.map(|m| (m, resample(m.alpha, first, step, width, height)));
        for (i, colour) in colours.chunks_exact(source.channels).enumerate() {
            let rgb = [colour[0], colour[1], colour[2]];
            texture.texels[i] = match &alphas {
                None => pixel(rgb, colour.get(3).copied().unwrap_or(255)),
                Some((matte, alphas)) => {
                    let x = first.0 + (i % width) as f32 * step;
                    let outside = !(0.0..source.width as f32).contains(&x);
                    match alphas[i] {
                        _ if outside && !matte.cut => 0,
                        0 => 0,
                        255 => pixel(rgb, 255),
                        alpha => {
                            let at = texture.screen(i % width, i / width);
                            unmixed(rgb, alpha, parts(matte.behind.sample(at)))
                        }
                    }
                }
            };
        }
        texture
    }

    /// Position of a screen point in texels, where texel middles are whole.
    pub fn texel(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [
            (x - self.origin.0) * self.scale,
            (y - self.origin.1) * self.scale,
        ]
    }

    /// Screen position of the middle of a texel.
    pub fn screen(&self, x: usize, y: usize) -> [f32; 2] {
        [
            self.origin.0 + x as f32 / self.scale,
            self.origin.1 + y as f32 / self.scale,
        ]
    }

    /// The colour at a screen point, between texels, clamped at the edges.
    pub fn sample(&self, at: [f32; 2]) -> Pixel {
        let [x, y] = self.texel(at);
        let fixed =
            |v: f32, max: usize| (v.clamp(0.0, (max - 1) as f32 - 1.0 / 512.0) * 65_536.0) as i32;
        self.fetch(fixed(x, self.width), fixed(y, self.height))
    }

    /// Fills a row with what lies along a line through the texture, from a 16.16
    /// texel position on by the same step for each pixel. All of the line must
    /// lie within the texture.
    pub fn walk(&self, row: &mut [Pixel], [mut u, mut v]: [i32; 2], [du, dv]: [i32; 2]) {
        for pixel in row {
            *pixel = self.fetch(u, v);
            u += du;
            v += dv;
        }
    }

    /// Bilinear at a 16.16 texel position that lies within the texture.
    #[inline]
    pub fn fetch(&self, u: i32, v: i32) -> Pixel {
        let at = (v >> 16) as usize * self.width + (u >> 16) as usize;
        let (fu, fv) = ((u >> 8 & 255) as u64, (v >> 8 & 255) as u64);
        let below = (fu * fv + 128) >> 8;
        let (right, left) = (fu - below, fv - below);
        // One slice, so that its bounds are checked once.
        let near = &self.texels[at..at + self.width + 2];
        let sum = spread(near[0]) * (256 - right - left - below)
            + spread(near[1]) * right
            + spread(near[self.width]) * left
            + spread(near[self.width + 1]) * below;
        gather((sum + 0x0080_0080_0080_0080) >> 8 & LANES)
    }
}

const LANES: u64 = 0x00FF_00FF_00FF_00FF;

/// The four bytes of a pixel in lanes of 16 bits.
#[inline]
fn spread(pixel: Pixel) -> u64 {
    let x = u64::from(pixel);
    let x = (x | x << 16) & 0x0000_FFFF_0000_FFFF;
    (x | x << 8) & LANES
}

#[inline]
fn gather(lanes: u64) -> Pixel {
    let x = (lanes | lanes >> 8) & 0x0000_FFFF_0000_FFFF;
    (x | x >> 16) as Pixel
}

/// A premultiplied pixel over an opaque one.
#[inline]
pub(crate) fn over(top: Pixel, below: Pixel) -> Pixel {
    let rest = u64::from(255 - (top >> 24));
    // The exact quotient by 255, rounded, in each lane.
    let t = spread(below) * rest + 0x0080_0080_0080_0080;
    let t = (t + (t >> 8 & LANES)) >> 8 & LANES;
    gather(t + spread(top))
}

/// Two pixels mixed: 0 gives `a`, 256 gives `b`.
#[inline]
pub(crate) fn mix(a: Pixel, b: Pixel, share: u32) -> Pixel {
    let share = u64::from(share.min(256));
    let sum = spread(a) * (256 - share) + spread(b) * share;
    gather((sum + 0x0080_0080_0080_0080) >> 8 & LANES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_at_a_texel_is_the_texel() {
        let mut texture = Texture::blank((0.0, 0.0, 4.0, 4.0), 2.0);
        for (i, texel) in texture.texels.iter_mut().enumerate() {
            *texel = pixel([i as u8, 2 * i as u8, 100], 255);
        }
        for y in 0..7 {
            for x in 0..7 {
                assert_eq!(
                    texture.sample(texture.screen(x, y)),
                    texture.texels[y * 8 + x]
                );
            }
        }
    }

    #[test]
    fn a_matte_takes_out_what_shines_through() {
        // Dark hair, half covering a light wall, keeps its colour on another.
        let mut wall = Texture::blank((0.0, 0.0, 8.0, 8.0), 1.0);
        wall.texels.fill(pixel([200, 220, 240], 255));
        let source = |channels, data| Source {
            width: 8,
            height: 8,
            channels,
            data,
        };
        let mixed = [[110, 120, 130]; 64].concat();
        let placement = Placement {
            step: 1.0,
            from: (0.0, 0.0),
        };
        let alpha = [128; 64];
        let matte = Matte {
            alpha: source(1, &alpha),
            behind: &wall,
            cut: false,
        };
        let area = (-2.0, 0.0, 8.0, 8.0);
        let hair = Texture::of(source(3, &mixed), Some(matte), placement, area, 1.0);
        let [r, g, b, a] = parts(over(hair.texels[4], pixel([0, 0, 0], 255)));
        assert_eq!(a, 255);
        for (value, wanted) in [r, g, b].into_iter().zip([10, 10, 10]) {
            assert!(value.abs_diff(wanted) <= 1, "{value} for {wanted}");
        }
        // On the same wall nothing has changed, and nothing is beside the source.
        assert_eq!(
            over(hair.texels[4], wall.texels[0]),
            pixel([110, 120, 130], 255)
        );
        assert_eq!(hair.texels[0], 0);
    }

    #[test]
    fn over_and_mix_keep_white_white() {
        for alpha in 0..=255 {
            let half = pixel([255, 255, 255], alpha);
            assert_eq!(over(half, 0xFFFF_FFFF), 0xFFFF_FFFF);
            assert_eq!(mix(0xFFFF_FFFF, 0xFFFF_FFFF, u32::from(alpha)), 0xFFFF_FFFF);
        }
        assert_eq!(over(pixel([9, 8, 7], 255), 0xFFFF_FFFF), 0xFF07_0809);
        assert_eq!(mix(1, 2, 0), 1);
        assert_eq!(mix(1, 2, 256), 2);
    }
}
