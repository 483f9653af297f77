//! Pictures: I420 (BT.601, limited range) planes and the rectangle that changed.

use crate::time::MediaTime;

/// A rectangle in pixels. Kept even on every side, so that it covers whole
/// chroma samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width; zero means nothing.
    pub width: usize,
    /// Height; zero means nothing.
    pub height: usize,
}

impl Rect {
    /// No pixels.
    pub const EMPTY: Self = Self {
        x: 0,
        y: 0,
        width: 0,
        height: 0,
    };

    /// Whether it holds no pixels.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Whether a pixel is in it.
    #[must_use]
    pub const fn contains(&self, x: usize, y: usize) -> bool {
        x >= self.x && x - self.x < self.width && y >= self.y && y - self.y < self.height
    }

    /// The part that is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let right = (self.x + self.width).min(other.x + other.width);
        let bottom = (self.y + self.height).min(other.y + other.height);
        Self {
            x,
            y,
            width: right.saturating_sub(x),
            height: bottom.saturating_sub(y),
        }
    }

    /// The smallest even rectangle inside `bounds` (width, height) that holds
    /// the box from (`left`, `top`) to (`right`, `bottom`), both in pixels and
    /// possibly outside.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn cover(left: f32, top: f32, right: f32, bottom: f32, bounds: (usize, usize)) -> Self {
        let low = |v: f32, max: usize| ((v.max(0.0).floor() as usize).min(max)) & !1;
        let high = |v: f32, max: usize| (((v.max(0.0).ceil() as usize) + 1) & !1).min(max);
        let (x, y) = (low(left, bounds.0), low(top, bounds.1));
        let (right, bottom) = (high(right, bounds.0), high(bottom, bounds.1));
        Self {
            x,
            y,
            width: right.saturating_sub(x),
            height: bottom.saturating_sub(y),
        }
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let x = self.x.min(other.x);
        let y = self.y.min(other.y);
        Self {
            x,
            y,
            width: (self.x + self.width).max(other.x + other.width) - x,
            height: (self.y + self.height).max(other.y + other.height) - y,
        }
    }
}

/// One I420 picture: a full-size luma plane and two chroma planes of half
/// width and half height, tightly packed (stride = width), BT.601 limited
/// range (luma 16..=235), which is what H.264 decoders assume by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    /// The moment it is to be shown.
    pub at: MediaTime,
    /// What differs from the picture before; the whole picture at first.
    pub changed: Rect,
    /// Luma, `width * height`.
    pub y: Vec<u8>,
    /// Blue difference, `width / 2 * height / 2`.
    pub u: Vec<u8>,
    /// Red difference, `width / 2 * height / 2`.
    pub v: Vec<u8>,
    /// How opaque each pixel is, `width * height`, if not all of them are
    /// opaque. The colours are straight: not multiplied by it.
    pub alpha: Option<Vec<u8>>,
}

impl Picture {
    /// A black picture.
    ///
    /// # Panics
    /// When a side is zero or odd: callers check sizes at the edge with
    /// [`Picture::is_valid_size`].
    #[must_use]
    pub fn black(width: usize, height: usize) -> Self {
        assert!(
            Self::is_valid_size(width, height),
            "picture sides must be even and positive, got {width}x{height}"
        );
        let chroma = width / 2 * (height / 2);
        Self {
            width,
            height,
            at: MediaTime::ZERO,
            changed: Rect {
                x: 0,
                y: 0,
                width,
                height,
            },
            y: vec![16; width * height],
            u: vec![128; chroma],
            v: vec![128; chroma],
            alpha: None,
        }
    }

    /// Whether a picture of this size can exist: even and positive sides.
    #[must_use]
    pub const fn is_valid_size(width: usize, height: usize) -> bool {
        width > 0 && height > 0 && width.is_multiple_of(2) && height.is_multiple_of(2)
    }

    /// Width in pixels, even.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, even.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cover_is_even_and_clipped() {
        let rect = Rect::cover(-3.0, 5.2, 99.1, 700.0, (100, 64));
        assert_eq!(
            rect,
            Rect {
                x: 0,
                y: 4,
                width: 100,
                height: 60
            }
        );
        assert!(Rect::cover(120.0, 0.0, 130.0, 10.0, (100, 64)).is_empty());
    }

    #[test]
    fn union_ignores_empty() {
        let a = Rect {
            x: 2,
            y: 2,
            width: 4,
            height: 4,
        };
        assert_eq!(a.union(Rect::EMPTY), a);
        assert_eq!(Rect::EMPTY.union(a), a);
    }

    #[test]
    fn intersection_and_containment_agree() {
        let rect = |x, y, width, height| Rect {
            x,
            y,
            width,
            height,
        };
        let (a, b) = (rect(2, 2, 8, 4), rect(6, 0, 8, 4));
        let both = a.intersection(b);
        assert_eq!(both, rect(6, 2, 4, 2));
        for y in 0..8 {
            for x in 0..16 {
                let inside = a.contains(x, y) && b.contains(x, y);
                assert_eq!(both.contains(x, y), inside);
            }
        }
        assert!(a.intersection(rect(20, 20, 2, 2)).is_empty());
    }

    #[test]
    #[should_panic(expected = "even")]
    fn odd_sizes_are_refused() {
        let _ = Picture::black(511, 512);
    }
}
