//! Pictures in memory, and looking at a turned square of one.

/// A picture: 8 bits of red, green and blue (sRGB), row after row from the
/// top, without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image {}×{}", self.width, self.height)
    }
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Rect {
    /// The smallest one around these points.
    pub(crate) fn around(points: impl IntoIterator<Item = [f32; 2]>) -> Self {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for point in points {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        Self {
            x: low[0],
            y: low[1],
            width: high[0] - low[0],
            height: high[1] - low[1],
        }
    }

    /// The middle.
    #[must_use]
    pub fn centre(&self) -> [f32; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    /// Shared area divided by that of both together, 0..=1.
    pub(crate) fn overlap(&self, other: &Self) -> f32 {
        let along = |a: f32, width: f32, b: f32, other: f32| {
            ((a + width).min(b + other) - a.max(b)).max(0.0)
        };
        let shared = along(self.x, self.width, other.x, other.width)
            * along(self.y, self.height, other.y, other.height);
        let all = self.width * self.height + other.width * other.height - shared;
        if all > 0.0 { shared / all } else { 0.0 }
    }
}

/// How much of each pixel belongs to the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// 0 is background, 255 person; row after row.
    pub alpha: Vec<u8>,
}

impl Image {
    /// A picture of these pixels; none if there are not `width × height × 3`
    /// bytes, or no pixel at all.
    #[must_use]
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        (bytes > 0 && bytes == rgb.len()).then_some(Self { width, height, rgb })
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes: red, green, blue, red, …
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.rgb
    }

    /// The bytes, taken out.
    #[must_use]
    pub fn into_pixels(self) -> Vec<u8> {
        self.rgb
    }

    /// One pixel; beyond an edge the one at the edge.
    pub(crate) fn clamped(&self, x: i64, y: i64) -> [u8; 3] {
        let x = x.clamp(0, self.width as i64 - 1) as usize;
        let y = y.clamp(0, self.height as i64 - 1) as usize;
        let at = (y * self.width + x) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// Half as large: each pixel the mean of four. An odd last row or column is
    /// repeated.
    fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in 0..height as i64 {
            for x in 0..width as i64 {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .map(|(right, down)| self.clamped(2 * x + right, 2 * y + down));
                for channel in 0..3 {
                    let sum: u16 = four.iter().map(|pixel| u16::from(pixel[channel])).sum();
                    rgb.push(((sum + 2) / 4) as u8);
                }
            }
        }
        Self { width, height, rgb }
    }
}

/// A turned square of a picture, as networks look at it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Square {
    pub centre: [f32; 2],
    /// Pixels from edge to edge.
    pub size: f32,
    /// Turned clockwise as seen, radians.
    pub angle: f32,
}

impl Square {
    /// Upright around a whole picture.
    pub fn around(image: &Image) -> Self {
        let (width, height) = (image.width() as f32, image.height() as f32);
        Self {
            centre: [width / 2.0, height / 2.0],
            size: width.max(height),
            angle: 0.0,
        }
    }

    /// The place in the picture of a place in the square, (0, 0) to (1, 1).
    pub fn to_image(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = self.angle.sin_cos();
        let (right, down) = ((x - 0.5) * self.size, (y - 0.5) * self.size);
        [
            self.centre[0] + right * cos - down * sin,
            self.centre[1] + right * sin + down * cos,
        ]
    }
}

/// What is beyond the edge of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Black,
    Repeat,
}

/// A picture with smaller copies of itself, so that a small view of a large
/// picture sees the mean of its pixels and not a few of them.
pub(crate) struct Pyramid<'a> {
    full: &'a Image,
    /// Each half as large as the one before.
    smaller: Vec<Image>,
}

impl<'a> Pyramid<'a> {
    /// Copies down to `least` pixels on the longer side.
    pub fn new(full: &'a Image, least: usize) -> Self {
        let mut smaller: Vec<Image> = Vec::new();
        loop {
            let last = smaller.last().unwrap_or(full);
            if last.width.max(last.height) < 2 * least {
                break;
            }
            let next = last.halved();
            smaller.push(next);
        }
        Self { full, smaller }
    }

    pub fn full(&self) -> &'a Image {
        self.full
    }

    /// The largest copy whose longer side has at most `most` pixels, or the
    /// smallest one; and how much smaller than the picture it is.
    pub fn at_most(&self, most: usize) -> (&Image, f32) {
        let mut divisor = 1.0;
        let mut image = self.full;
        for next in &self.smaller {
            if image.width.max(image.height) <= most {
                break;
            }
            divisor *= 2.0;
            image = next;
        }
        (image, divisor)
    }

    /// The copy in which a pixel of the view covers less than two pixels, and
    /// how many times it is halved.
    fn level(&self, scale: f32) -> (&Image, f32) {
        let mut divisor = 1.0;
        let mut best = self.full;
        for image in &self.smaller {
            if scale / divisor < 2.0 {
                break;
            }
            divisor *= 2.0;
            best = image;
        }
        (best, divisor)
    }

    /// Looks at a square: `side × side` pixels of red, green and blue, row
    /// after row, each `value / 255 × gain + offset`.
    pub fn view(
        &self,
        square: Square,
        side: usize,
        edge: Edge,
        gain: f32,
        offset: f32,
    ) -> Vec<f32> {
        let (image, divisor) = self.level(square.size / side as f32);
        let mut out = Vec::with_capacity(side * side * 3);
        for row in 0..side {
            for column in 0..side {
                let inside = [column, row].map(|at| (at as f32 + 0.5) / side as f32);
                let place = square.to_image(inside).map(|at| at / divisor);
                let pixel = bilinear(image, place, edge);
                out.extend(pixel.map(|value| value / 255.0 * gain + offset));
            }
        }
        out
    }
}

/// The colour at a place, between the centres of the four pixels around it.
fn bilinear(image: &Image, place: [f32; 2], edge: Edge) -> [f32; 3] {
    let [x, y] = place.map(|at| at - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (right, down) = (x - left, y - top);
    let inside =
        |x: i64, y: i64| x >= 0 && y >= 0 && x < image.width as i64 && y < image.height as i64;
    let mut out = [0.0; 3];
    for (dx, dy, weight) in [
        (0, 0, (1.0 - right) * (1.0 - down)),
        (1, 0, right * (1.0 - down)),
        (0, 1, (1.0 - right) * down),
        (1, 1, right * down),
    ] {
        let (x, y) = (left as i64 + dx, top as i64 + dy);
        if edge == Edge::Black && !inside(x, y) {
            continue;
        }
        for (sum, value) in out.iter_mut().zip(image.clamped(x, y)) {
            *sum += weight * f32::from(value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red grows to the right, green downwards.
    fn gradient(width: usize, height: usize) -> Image {
        let rgb = (0..width * height).flat_map(|at| [(at % width) as u8, (at / width) as u8, 0]);
        Image::new(width, height, rgb.collect()).unwrap()
    }

    #[test]
    fn sizes_must_fit() {
        assert!(Image::new(2, 2, vec![0; 12]).is_some());
        assert!(Image::new(2, 2, vec![0; 11]).is_none());
        assert!(Image::new(0, 2, Vec::new()).is_none());
        assert!(Image::new(usize::MAX, 2, Vec::new()).is_none());
    }

    #[test]
    fn a_view_of_the_whole_is_the_picture() {
        let image = gradient(8, 8);
        let pyramid = Pyramid::new(&image, 8);
        let view = pyramid.view(Square::around(&image), 8, Edge::Black, 255.0, 0.0);
        let same = view.iter().zip(image.pixels());
        assert!(same.clone().all(|(a, &b)| (a - f32::from(b)).abs() < 1e-3));
    }

    #[test]
    fn a_quarter_turn_swaps_the_axes() {
        let image = gradient(8, 8);
        let pyramid = Pyramid::new(&image, 8);
        let square = Square {
            angle: std::f32::consts::FRAC_PI_2,
            ..Square::around(&image)
        };
        let view = pyramid.view(square, 8, Edge::Black, 255.0, 0.0);
        // One step to the right in the view is one down in the picture.
        assert!((view[3 + 1] - view[1] - 1.0).abs() < 1e-3);
        assert!((view[3] - view[0]).abs() < 1e-3);
    }

    #[test]
    fn small_views_see_means() {
        let rgb: Vec<u8> = (0..64 * 64)
            .flat_map(|at| [(at % 2 * 200) as u8; 3])
            .collect();
        let image = Image::new(64, 64, rgb).unwrap();
        let pyramid = Pyramid::new(&image, 8);
        let view = pyramid.view(Square::around(&image), 8, Edge::Repeat, 255.0, 0.0);
        assert!(view.iter().all(|value| (value - 100.0).abs() < 1.0));
    }

    #[test]
    fn beyond_the_edge_is_black_or_the_edge() {
        let image = Image::new(2, 2, vec![200; 12]).unwrap();
        let pyramid = Pyramid::new(&image, 2);
        let square = Square {
            size: 8.0,
            ..Square::around(&image)
        };
        let corner = |edge| pyramid.view(square, 8, edge, 255.0, 0.0)[0];
        assert_eq!(corner(Edge::Black), 0.0);
        assert!((corner(Edge::Repeat) - 200.0).abs() < 1e-3);
    }

    #[test]
    fn overlap_is_between_nothing_and_one() {
        let a = Rect {
            x: 0.0,
            y: 0.0,
            width: 2.0,
            height: 2.0,
        };
        let b = Rect { x: 1.0, ..a };
        assert_eq!(a.overlap(&a), 1.0);
        assert!((a.overlap(&b) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(a.overlap(&Rect { x: 9.0, ..a }), 0.0);
    }
}
