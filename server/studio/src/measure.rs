//! Measuring light and sharpness on a face.

use vision::{Face, Image};

/// Landmarks by which a face is measured (`MediaPipe`'s numbers), those of the
/// right side first.
const CHEEKS: [usize; 2] = [50, 280];
const FOREHEAD: usize = 151;
const PUPILS: [usize; 2] = [468, 473];
const UNDER_EYES: [usize; 2] = [230, 450];
const LOWER_LIDS: [usize; 2] = [145, 374];
const EYE_CORNERS: [[usize; 2]; 2] = [[33, 133], [362, 263]];
const BRIDGE: [usize; 2] = [9, 195];
const INNER_LIPS: [usize; 2] = [13, 14];

/// What is measured. Brightness is 0..=255 of sRGB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measures {
    /// The brightest twentieth of the face: eyes and highlights, whatever the
    /// skin's colour.
    pub bright: f32,
    /// Part of the face that is burnt out.
    pub burnt: f32,
    /// The brighter cheek over the darker one.
    pub uneven: f32,
    /// Detail finer than 1/120 of the face, as a part of all contrast.
    pub detail: f32,
    /// Part of the face without any change from one of 120 lines to the next:
    /// skin always has some.
    pub flat: f32,
    /// Brightness around both eyes over that of the skin, the brighter eye.
    pub eyes: f32,
    /// Edges under the eyes and across the bridge of the nose, as a part of the
    /// brightness: the weaker eye, and the bridge.
    pub rims: [f32; 2],
    /// Between the lips, as a part of the face's height.
    pub mouth: f32,
}

/// A face in a picture, for measuring.
struct View<'a> {
    image: &'a Image,
    face: &'a Face,
}

impl Measures {
    pub fn of(image: &Image, face: &Face) -> Self {
        let view = View { image, face };
        let bounds = face.bounds;
        let mut values = Vec::new();
        // Every second pixel of the ellipse in the bounds.
        let centre = bounds.centre();
        for y in (bounds.y as i64..(bounds.y + bounds.height) as i64).step_by(2) {
            for x in (bounds.x as i64..(bounds.x + bounds.width) as i64).step_by(2) {
                let across = (x as f32 - centre[0]) / bounds.width * 2.0;
                let down = (y as f32 - centre[1]) / bounds.height * 2.0;
                if across * across + down * down > 1.0 {
                    continue;
                }
                values.push(view.luma(x, y));
            }
        }
        values.sort_by(f32::total_cmp);
        let count = values.len().max(1) as f32;
        let bright = values
            .get(values.len() * 19 / 20)
            .copied()
            .unwrap_or_default();
        let burnt = values.iter().filter(|&&value| value > 250.0).count() as f32 / count;
        let cheeks = CHEEKS.map(|at| view.disc(at, 0.06).max(1.0));
        let skin = (cheeks[0] + cheeks[1] + view.disc(FOREHEAD, 0.06)).max(1.0) / 3.0;
        let grid = view.grid();
        let eye = |side: usize| {
            view.disc(PUPILS[side], 0.08)
                .max(view.disc(UNDER_EYES[side], 0.03))
        };
        let [upper, lower] = INNER_LIPS.map(|at| face.landmarks[at]);
        Self {
            bright,
            burnt,
            uneven: cheeks[0].max(cheeks[1]) / cheeks[0].min(cheeks[1]),
            detail: grid.detail(),
            flat: grid.flat(),
            eyes: eye(0).max(eye(1)) / skin,
            rims: [view.rim(0, skin).min(view.rim(1, skin)), view.bridge(skin)],
            mouth: (lower[0] - upper[0]).hypot(lower[1] - upper[1]) / bounds.height,
        }
    }
}

impl View<'_> {
    /// Brightness of a pixel (Rec. 601, as JPEG has it).
    fn luma(&self, x: i64, y: i64) -> f32 {
        let x = x.clamp(0, self.image.width() as i64 - 1) as usize;
        let y = y.clamp(0, self.image.height() as i64 - 1) as usize;
        let at = (y * self.image.width() + x) * 3;
        let [red, green, blue] =
            [0, 1, 2].map(|more: usize| f32::from(self.image.pixels()[at + more]));
        0.299 * red + 0.587 * green + 0.114 * blue
    }

    /// Mean brightness around a landmark; the radius as a part of the face's
    /// height.
    fn disc(&self, landmark: usize, radius: f32) -> f32 {
        let [x, y, _] = self.face.landmarks[landmark];
        let radius = (radius * self.face.bounds.height).max(1.0);
        self.block(x, y, radius)
    }

    /// Mean brightness of a square around a place.
    fn block(&self, x: f32, y: f32, radius: f32) -> f32 {
        let (mut sum, mut count) = (0.0, 0.0);
        for row in (y - radius) as i64..=(y + radius) as i64 {
            for column in (x - radius) as i64..=(x + radius) as i64 {
                sum += self.luma(column, row);
                count += 1.0;
            }
        }
        sum / count
    }

    /// The face, reduced to a height of [`SIDE`].
    fn grid(&self) -> Grid {
        let bounds = self.face.bounds;
        let step = bounds.height / SIDE as f32;
        let columns = ((bounds.width / step) as usize).max(3);
        let radius = (step - 1.0).max(0.0) / 2.0;
        let values = (0..SIDE * columns)
            .map(|at| {
                let x = bounds.x + (at % columns) as f32 * step;
                let y = bounds.y + (at / columns) as f32 * step;
                self.block(x, y, radius)
            })
            .collect();
        Grid { values, columns }
    }

    /// The strongest step in brightness on a line, as a part of `skin`.
    fn step(&self, from: [f32; 2], to: [f32; 2], skin: f32) -> f32 {
        /// A rim is about 1/60 of the face thick.
        const STEPS: usize = 60;
        let blur = self.face.bounds.height / 240.0;
        let values: Vec<f32> = (0..=STEPS)
            .map(|at| {
                let part = at as f32 / STEPS as f32;
                let [x, y] = [0, 1].map(|axis: usize| from[axis] + (to[axis] - from[axis]) * part);
                self.block(x, y, blur)
            })
            .collect();
        let steps = values.windows(3).map(|three| (three[2] - three[0]).abs());
        steps.fold(0.0, f32::max) / skin
    }

    /// The strongest edge below an eye; lashes and lid left out.
    fn rim(&self, side: usize, skin: f32) -> f32 {
        let [x, y, _] = self.face.landmarks[LOWER_LIDS[side]];
        let [a, b] = EYE_CORNERS[side].map(|at| self.face.landmarks[at]);
        let width = (b[0] - a[0]).hypot(b[1] - a[1]);
        self.step([x, y + 0.22 * width], [x, y + 1.1 * width], skin)
    }

    /// The strongest edge along the bridge of the nose.
    fn bridge(&self, skin: f32) -> f32 {
        let [from, to] = BRIDGE.map(|at| {
            let [x, y, _] = self.face.landmarks[at];
            [x, y]
        });
        self.step(from, to, skin)
    }
}

/// Lines from the top of a face to its bottom, for measures that do not depend
/// on its size.
const SIDE: usize = 120;

/// Mean brightness in squares over a face.
struct Grid {
    values: Vec<f32>,
    columns: usize,
}

impl Grid {
    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.columns + column]
    }

    /// See [`Measures::detail`].
    fn detail(&self) -> f32 {
        let grid = &self.values;
        let columns = self.columns;
        let mean = grid.iter().sum::<f32>() / grid.len() as f32;
        let contrast: f32 = grid
            .iter()
            .map(|value| (value - mean) * (value - mean))
            .sum();
        let mut fine = 0.0;
        for row in 1..SIDE - 1 {
            for column in 1..columns - 1 {
                let at = row * columns + column;
                let around = grid[at - 1] + grid[at + 1] + grid[at - columns] + grid[at + columns];
                let second = grid[at] - around / 4.0;
                fine += second * second;
            }
        }
        (fine / contrast.max(1.0)).sqrt()
    }

    /// See [`Measures::flat`].
    fn flat(&self) -> f32 {
        /// Grey levels: rounding, and a little noise.
        const SAME: f32 = 1.25;
        let (mut same, mut count) = (0.0, 0.0);
        for row in 0..SIDE - 1 {
            for column in 0..self.columns - 1 {
                let across = 2.0 * column as f32 / self.columns as f32 - 1.0;
                let down = 2.0 * row as f32 / SIDE as f32 - 1.0;
                if across * across + down * down > 1.0 {
                    continue;
                }
                let value = self.at(row, column);
                let alike = |other: f32| (other - value).abs() <= SAME;
                count += 1.0;
                if alike(self.at(row, column + 1)) && alike(self.at(row + 1, column)) {
                    same += 1.0;
                }
            }
        }
        same / count
    }
}
