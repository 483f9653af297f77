//! From RGBA to I420, one rectangle at a time.

use media::{Picture, Rect};

/// Converts a rectangle of a frame as wide as the picture, whose pixels `rgba`
/// takes apart, into the same rectangle of the picture: BT.601, limited range,
/// each chroma sample the mean of its four pixels. Integer arithmetic, so the
/// same on every machine.
pub(crate) fn convert<P: Copy>(
    pixels: &[P],
    rgba: impl Fn(P) -> [u8; 4] + Copy,
    picture: &mut Picture,
    area: Rect,
) {
    let width = picture.width();
    let half = width / 2;
    let first = area.y / 2;
    for pair in first..first + area.height / 2 {
        let top = pair * 2 * width + area.x;
        let (upper, lower) = (
            &pixels[top..top + area.width],
            &pixels[top + width..top + width + area.width],
        );
        luma(upper, rgba, &mut picture.y[top..top + area.width]);
        luma(
            lower,
            rgba,
            &mut picture.y[top + width..top + width + area.width],
        );
        let at = pair * half + area.x / 2;
        chroma(
            upper,
            lower,
            rgba,
            &mut picture.u[at..at + area.width / 2],
            &mut picture.v[at..at + area.width / 2],
        );
    }
}

/// Lays a rectangle of a frame of premultiplied pixels over a picture of the
/// same size, into a third one. [`convert`]'s colours where the frame is opaque;
/// where it is clear the picture behind is copied.
pub(crate) fn lay<P: Copy>(
    pixels: &[P],
    rgba: impl Fn(P) -> [u8; 4] + Copy,
    behind: &Picture,
    picture: &mut Picture,
    area: Rect,
) {
    let (width, right) = (picture.width(), area.x + area.width);
    let first = area.y / 2;
    for pair in first..first + area.height / 2 {
        for x in (area.x..right).step_by(BLOCK) {
            let block = Block {
                top: pair * 2 * width + x,
                chroma: pair * (width / 2) + x / 2,
                stride: width,
                width: BLOCK.min(right - x),
            };
            block.lay(pixels, rgba, behind, picture);
        }
    }
}

/// Converts a rectangle of a frame of premultiplied pixels into straight colours
/// and an alpha. Chroma is that of the visible parts of its four pixels.
pub(crate) fn cut_out<P: Copy>(
    pixels: &[P],
    rgba: impl Fn(P) -> [u8; 4] + Copy,
    picture: &mut Picture,
    area: Rect,
) {
    convert(pixels, rgba, picture, area);
    let width = picture.width();
    let alphas = picture
        .alpha
        .get_or_insert_with(|| vec![255; picture.y.len()]);
    let alpha = |at: usize| rgba(pixels[at])[3];
    for y in area.y..area.y + area.height {
        let row = y * width + area.x..y * width + area.x + area.width;
        let samples = picture.y[row.clone()].iter_mut();
        for ((luma, out), at) in samples.zip(&mut alphas[row.clone()]).zip(row) {
            *out = alpha(at);
            *luma = straight(*luma, 16, i32::from(*out), 255);
        }
    }
    for y in area.y / 2..(area.y + area.height).div_ceil(2) {
        for x in area.x / 2..(area.x + area.width).div_ceil(2) {
            let top = 2 * (y * width + x);
            let four = [top, top + 1, top + width, top + width + 1];
            let sum = four.map(|at| i32::from(alpha(at))).iter().sum();
            let at = y * (width / 2) + x;
            for plane in [&mut picture.u, &mut picture.v] {
                plane[at] = straight(plane[at], 128, sum, 4 * 255);
            }
        }
    }
}

/// A premultiplied sample, in which nothing is `zero`, divided by its alpha of
/// `most`.
fn straight(sample: u8, zero: i32, alpha: i32, most: i32) -> u8 {
    if alpha == most || alpha == 0 {
        return sample;
    }
    let value = (i32::from(sample) - zero) * most;
    (zero + (value + alpha / 2).div_euclid(alpha)).clamp(0, 255) as u8
}

/// Pixels of two rows that are told apart together: opaque, clear, or mixed.
const BLOCK: usize = 16;

struct Block {
    /// Index of the first pixel and of the first chroma sample.
    top: usize,
    chroma: usize,
    stride: usize,
    width: usize,
}

impl Block {
    fn lay<P: Copy>(
        &self,
        pixels: &[P],
        rgba: impl Fn(P) -> [u8; 4] + Copy,
        behind: &Picture,
        picture: &mut Picture,
    ) {
        let rows = [self.top, self.top + self.stride].map(|at| at..at + self.width);
        let half = self.chroma..self.chroma + self.width / 2;
        let [upper, lower] = rows.clone().map(|row| &pixels[row]);
        let (mut all, mut any) = (255, 0);
        for &pixel in upper.iter().chain(lower) {
            let [_, _, _, alpha] = rgba(pixel);
            (all, any) = (all & alpha, any | alpha);
        }
        if any == 0 {
            for row in rows {
                picture.y[row.clone()].copy_from_slice(&behind.y[row]);
            }
            picture.u[half.clone()].copy_from_slice(&behind.u[half.clone()]);
            picture.v[half.clone()].copy_from_slice(&behind.v[half]);
            return;
        }
        luma(upper, rgba, &mut picture.y[rows[0].clone()]);
        luma(lower, rgba, &mut picture.y[rows[1].clone()]);
        let (us, vs) = (&mut picture.u[half.clone()], &mut picture.v[half.clone()]);
        chroma(upper, lower, rgba, us, vs);
        if all == 255 {
            return;
        }
        // Premultiplied colours lie over black: what shines through is added.
        for (row, pixels) in rows.into_iter().zip([upper, lower]) {
            let (out, behind) = (&mut picture.y[row.clone()], &behind.y[row]);
            for ((out, &behind), &pixel) in out.iter_mut().zip(behind).zip(pixels) {
                let rest = 255 - i32::from(rgba(pixel)[3]);
                *out = added(*out, (i32::from(behind) - 16) * rest, 255);
            }
        }
        let (upper, lower) = (upper.as_chunks::<2>().0, lower.as_chunks::<2>().0);
        for (k, (a, b)) in upper.iter().zip(lower).enumerate() {
            let alpha: i32 = [a[0], a[1], b[0], b[1]]
                .map(|pixel| i32::from(rgba(pixel)[3]))
                .iter()
                .sum();
            let rest = 4 * 255 - alpha;
            let at = self.chroma + k;
            for (out, behind) in [
                (&mut picture.u[at], behind.u[at]),
                (&mut picture.v[at], behind.v[at]),
            ] {
                *out = added(*out, (i32::from(behind) - 128) * rest, 4 * 255);
            }
        }
    }
}

/// A sample and the `parts`-th part of a sum, rounded.
fn added(sample: u8, sum: i32, parts: i32) -> u8 {
    let sum = i32::from(sample) + (sum + parts / 2).div_euclid(parts);
    sum.clamp(0, 255) as u8
}

fn luma<P: Copy>(row: &[P], rgba: impl Fn(P) -> [u8; 4], out: &mut [u8]) {
    for (&pixel, y) in row.iter().zip(out) {
        let [r, g, b, _] = rgba(pixel).map(i32::from);
        // 65.738, 129.057 and 25.064 of 256, scaled by 256.
        *y = ((16_829 * r + 33_039 * g + 6_416 * b + (16 << 16) + 32_768) >> 16) as u8;
    }
}

fn chroma<P: Copy>(
    upper: &[P],
    lower: &[P],
    rgba: impl Fn(P) -> [u8; 4],
    us: &mut [u8],
    vs: &mut [u8],
) {
    let (upper, _) = upper.as_chunks::<2>();
    let (lower, _) = lower.as_chunks::<2>();
    for (((a, b), u), v) in upper.iter().zip(lower).zip(us).zip(vs) {
        // Written out: a map over an array of two is not inlined.
        let four = [rgba(a[0]), rgba(a[1]), rgba(b[0]), rgba(b[1])];
        let sum = |c: usize| {
            i32::from(four[0][c])
                + i32::from(four[1][c])
                + i32::from(four[2][c])
                + i32::from(four[3][c])
        };
        let (r, g, b) = (sum(0), sum(1), sum(2));
        // The sums are four times too large, hence the shift by two more bits.
        *u = ((-9_714 * r - 19_070 * g + 28_784 * b + (128 << 18) + 131_072) >> 18) as u8;
        *v = ((28_784 * r - 24_103 * g - 4_681 * b + (128 << 18) + 131_072) >> 18) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(rgb: [u8; 3]) -> (u8, u8, u8) {
        let mut picture = Picture::black(2, 2);
        let frame = [[rgb[0], rgb[1], rgb[2], 255]; 4];
        let area = picture.changed;
        convert(&frame, |pixel| pixel, &mut picture, area);
        (picture.y[0], picture.u[0], picture.v[0])
    }

    #[test]
    fn primaries_are_those_of_bt601() {
        assert_eq!(single([0, 0, 0]), (16, 128, 128));
        assert_eq!(single([255, 255, 255]), (235, 128, 128));
        assert_eq!(single([255, 0, 0]), (81, 90, 240));
        assert_eq!(single([0, 255, 0]), (145, 54, 34));
        assert_eq!(single([0, 0, 255]), (41, 240, 110));
    }

    #[test]
    fn a_frame_is_laid_over_a_picture() {
        // Columns of red that is clear, half and opaque, over a blue picture.
        const WIDTH: usize = 48;
        let red = |x: usize| match x {
            0..20 => [0, 0, 0, 0],
            20..30 => [128, 0, 0, 128],
            _ => [255, 0, 0, 255],
        };
        let frame: Vec<[u8; 4]> = (0..WIDTH * 4).map(|i| red(i % WIDTH)).collect();
        let mut blue = Picture::black(WIDTH, 4);
        blue.y.fill(41);
        blue.u.fill(240);
        blue.v.fill(110);
        let mut picture = Picture::black(WIDTH, 4);
        let area = picture.changed;
        lay(&frame, |pixel| pixel, &blue, &mut picture, area);
        // Mixed before it is converted: the same, but for rounding.
        let mixed = frame.iter().map(|&[r, _, _, a]| [r, 0, 255 - a, 255]);
        let mixed: Vec<[u8; 4]> = mixed.collect();
        let mut wanted = Picture::black(WIDTH, 4);
        convert(&mixed, |pixel| pixel, &mut wanted, area);
        let (got, wanted) = (
            [picture.y, picture.u, picture.v].concat(),
            [wanted.y, wanted.u, wanted.v].concat(),
        );
        for (i, (got, wanted)) in got.into_iter().zip(wanted).enumerate() {
            assert!(got.abs_diff(wanted) <= 1, "{i}: {got} for {wanted}");
        }
    }

    #[test]
    fn a_frame_is_cut_out() {
        // Columns that are clear, half and opaque, all of one colour.
        let columns = [0, 0, 128, 128, 255, 255_u8];
        let shown = |alpha: u8| {
            let part = |v: u32| ((v * u32::from(alpha) + 127) / 255) as u8;
            [part(200), part(80), part(40), alpha]
        };
        let frame: Vec<[u8; 4]> = (0..24).map(|i| shown(columns[i % 6])).collect();
        let mut picture = Picture::black(6, 4);
        let area = picture.changed;
        cut_out(&frame, |pixel| pixel, &mut picture, area);
        let (y, u, v) = single([200, 80, 40]);
        assert_eq!(picture.alpha.unwrap()[..6], columns);
        for x in 2..6 {
            assert!(picture.y[x].abs_diff(y) <= 2, "{x}: {}", picture.y[x]);
            assert!(picture.u[x / 2].abs_diff(u) <= 2);
            assert!(picture.v[x / 2].abs_diff(v) <= 2);
        }
        assert_eq!((picture.y[0], picture.u[0]), (16, 128));
    }

    #[test]
    fn only_the_rectangle_is_written() {
        let mut picture = Picture::black(8, 8);
        let frame = [[255_u8; 4]; 8 * 8];
        let area = Rect {
            x: 2,
            y: 4,
            width: 4,
            height: 2,
        };
        convert(&frame, |pixel| pixel, &mut picture, area);
        for y in 0..8 {
            for x in 0..8 {
                let inside = (2..6).contains(&x) && (4..6).contains(&y);
                assert_eq!(picture.y[y * 8 + x], if inside { 235 } else { 16 });
            }
        }
    }
}
