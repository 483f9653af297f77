//! Which part of a picture becomes the avatar: head and shoulders.

use image::RgbImage;
use image::imageops::{self, FilterType};
use serde::{Deserialize, Serialize};
use vision::{Image, Rect};

/// A square part of a picture, pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Side.
    pub size: u32,
}

/// Side of the square for a face (forehead to chin) of height 1. A head is
/// about 1.35 times as high as that, and fills two fifths.
const SIDE: f32 = 3.3;

/// Height of the crown over the forehead, and air over the crown.
const CROWN: f32 = 0.35;
const AIR: f32 = 0.11 * SIDE;

/// The square has at least this side where the picture allows it: with less
/// there is no room for the hair.
const LEAST_SIDE: f32 = 2.0;

/// Largest side of what an avatar is made of. Videos show it at up to 1080
/// pixels of height.
const MOST_SIDE: u32 = 1_080;

impl Crop {
    /// The square for a face.
    pub(crate) fn around(face: &Rect, width: u32, height: u32) -> Self {
        let size = (face.height * SIDE).min(width.min(height) as f32);
        let across = face.x + face.width / 2.0 - size / 2.0;
        let above = face.y - face.height * (CROWN + AIR);
        let place = |at: f32, length: u32| at.clamp(0.0, length as f32 - size);
        Self {
            x: place(across, width) as u32,
            y: place(above, height) as u32,
            size: size as u32,
        }
    }

    /// Whether it lies within a picture and is worth looking at.
    pub(crate) fn fits(self, width: u32, height: u32) -> bool {
        let within =
            |at: u32, length: u32| at.checked_add(self.size).is_some_and(|end| end <= length);
        self.size >= 64 && within(self.x, width) && within(self.y, height)
    }

    /// Whether hair and shoulders have room around a face.
    pub(crate) fn is_roomy(self, face: &Rect) -> bool {
        self.size as f32 >= face.height * LEAST_SIDE
            && face.y - self.y as f32 >= face.height * CROWN * 0.8
    }

    /// This part of a picture, at most [`MOST_SIDE`] large.
    pub(crate) fn take(self, picture: &RgbImage) -> RgbImage {
        if self.size <= MOST_SIDE {
            // An avatar's sides are even, as those of videos are.
            let even = self.size & !1;
            return imageops::crop_imm(picture, self.x, self.y, even, even).to_image();
        }
        let part = imageops::crop_imm(picture, self.x, self.y, self.size, self.size);
        imageops::resize(&*part, MOST_SIDE, MOST_SIDE, FilterType::Lanczos3)
    }
}

/// For the networks.
pub(crate) fn image(picture: RgbImage) -> Option<Image> {
    let (width, height) = picture.dimensions();
    Image::new(width as usize, height as usize, picture.into_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Rect = Rect {
        x: 400.0,
        y: 300.0,
        width: 160.0,
        height: 200.0,
    };

    #[test]
    fn the_head_has_air_and_the_square_stays_inside() {
        let crop = Crop::around(&FACE, 2_000, 1_500);
        assert_eq!(crop.size, 660);
        assert!(crop.x + crop.size / 2 == 480 && crop.y < 200 && crop.is_roomy(&FACE));
        for (width, height) in [(700, 520), (600, 2_000), (570, 510)] {
            assert!(Crop::around(&FACE, width, height).fits(width, height));
        }
    }

    #[test]
    fn squares_outside_do_not_fit() {
        let crop = |x, y, size| Crop { x, y, size };
        assert!(crop(0, 0, 100).fits(100, 100));
        assert!(!crop(1, 0, 100).fits(100, 100));
        assert!(!crop(u32::MAX, 0, 100).fits(100, 100));
        assert!(!crop(0, 0, 10).fits(100, 100));
    }
}
