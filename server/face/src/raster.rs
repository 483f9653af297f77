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
