//! Which pixels are to be drawn anew: in bands of rows, the columns from the
//! first to the last that differs. Tighter than one rectangle where a head
//! moves over shoulders that are still, and as cheap to clip to.

use media::Rect;

/// Rows of a band. Even, as chroma needs it.
const BAND: usize = 16;

/// The pixels of a screen that differ.
#[derive(Clone, Debug)]
pub(crate) struct Dirty {
    size: (usize, usize),
    /// First column and the one after the last, both even, for each band;
    /// equal if nothing differs.
    bands: Vec<(usize, usize)>,
}

impl Dirty {
    /// Nothing of a screen.
    pub fn new(size: (usize, usize)) -> Self {
        Self {
            size,
            bands: vec![(0, 0); size.1.div_ceil(BAND)],
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.bands.fill((0, 0));
    }

    /// Adds the whole screen.
    pub fn add_all(&mut self) {
        self.bands.fill((0, self.size.0));
    }

    /// Adds a rectangle whose left and right are even.
    pub fn add(&mut self, rect: Rect) {
        if rect.is_empty() {
            return;
        }
        let (left, right) = (rect.x, rect.x + rect.width);
        for band in &mut self.bands[rect.y / BAND..=(rect.y + rect.height - 1) / BAND] {
            *band = if band.0 == band.1 {
                (left, right)
            } else {
                (band.0.min(left), band.1.max(right))
            };
        }
    }

    /// Whether any pixel of a rectangle is among them.
    pub fn touches(&self, rect: Rect) -> bool {
        !rect.is_empty()
            && self.bands[rect.y / BAND..=(rect.y + rect.height - 1) / BAND]
                .iter()
                .any(|&(left, right)| left < rect.x + rect.width && right > rect.x)
    }

    /// The columns of a row, the last one not included.
    #[inline]
    pub fn columns(&self, row: usize) -> (usize, usize) {
        self.bands[row / BAND]
    }

    /// All of them as rectangles that do not overlap.
    pub fn rects(&self) -> impl Iterator<Item = Rect> + '_ {
        let filled = self.bands.iter().enumerate().filter(|(_, b)| b.0 < b.1);
        filled.map(|(k, &(left, right))| Rect {
            x: left,
            y: k * BAND,
            width: right - left,
            height: BAND.min(self.size.1 - k * BAND),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: (usize, usize) = (64, 54);

    fn rect() -> impl Strategy<Value = Rect> {
        (0..32_usize, 0..53_usize, 0..32_usize, 1..54_usize).prop_map(|(x, y, width, height)| {
            Rect {
                x: 2 * x,
                y,
                width: 2 * width.min(32 - x),
                height: height.min(54 - y),
            }
        })
    }

    proptest! {
        #[test]
        fn every_pixel_that_was_added_is_in_one_rectangle(
            rects in proptest::collection::vec(rect(), 0..6),
            asked in rect(),
        ) {
            let mut dirty = Dirty::new(SIZE);
            for &rect in &rects {
                dirty.add(rect);
            }
            let mut touched = false;
            for y in 0..SIZE.1 {
                let (left, right) = dirty.columns(y);
                for x in 0..SIZE.0 {
                    let inside = (left..right).contains(&x);
                    let times = dirty.rects().filter(|r| r.contains(x, y)).count();
                    prop_assert_eq!(times, usize::from(inside));
                    prop_assert!(inside || !rects.iter().any(|r| r.contains(x, y)));
                    touched |= inside && asked.contains(x, y);
                }
            }
            prop_assert!(!touched || dirty.touches(asked));
            prop_assert!(dirty.rects().all(|r| r.x % 2 == 0 && r.width % 2 == 0 && r.height % 2 == 0));
        }
    }
}
