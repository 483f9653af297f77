//! Pictures to PNG files: without loss, and with their alpha.

use bytes::Bytes;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use media::Picture;
use media::seam::{EncodeError, EncodedPicture, VideoEncoder};

use crate::Error;
use crate::h264::rgb;

/// Pictures to PNG, 8-bit RGBA with straight alpha. A picture without change is
/// the last one again.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    last: Option<Bytes>,
}

impl Encoder {
    fn code(picture: &Picture) -> Result<Bytes, Error> {
        let colours = rgb(picture);
        let (colours, _) = colours.as_chunks::<3>();
        let alphas = picture.alpha.iter().flatten().copied();
        let pixels: Vec<u8> = colours
            .iter()
            .zip(alphas.chain(std::iter::repeat(255)))
            .flat_map(|(&[r, g, b], alpha)| match alpha {
                // What nobody sees takes no room.
                0 => [0; 4],
                _ => [r, g, b, alpha],
            })
            .collect();
        let mut file = Vec::new();
        PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
            .write_image(
                &pixels,
                picture.width() as u32,
                picture.height() as u32,
                ExtendedColorType::Rgba8,
            )?;
        Ok(file.into())
    }
}

impl VideoEncoder for Encoder {
    fn encode(&mut self, picture: &Picture, _: bool) -> Result<EncodedPicture, EncodeError> {
        let data = match self.last.take() {
            Some(last) if picture.changed.is_empty() => last,
            _ => Self::code(picture)?,
        };
        self.last = Some(data.clone());
        Ok(EncodedPicture { data, key: true })
    }

    fn set_bitrate(&mut self, _: u32) -> Result<(), EncodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use media::Rect;

    use super::*;

    #[test]
    fn alpha_comes_back() {
        let mut picture = Picture::black(32, 16);
        picture.y.fill(235);
        picture.alpha = Some((0..32 * 16).map(|i| (i % 256) as u8).collect());
        let mut encoder = Encoder::default();
        let first = encoder.encode(&picture, false).unwrap();
        assert!(first.key);
        let image = image::load_from_memory(&first.data).unwrap().into_rgba8();
        assert_eq!((image.width(), image.height()), (32, 16));
        for (i, pixel) in image.pixels().enumerate() {
            let alpha = (i % 256) as u8;
            let white = if alpha == 0 { 0 } else { 255 };
            assert_eq!(pixel.0, [white, white, white, alpha]);
        }
        // Opaque without, and the same file while nothing changes.
        picture.alpha = None;
        let opaque = encoder.encode(&picture, false).unwrap();
        let image = image::load_from_memory(&opaque.data).unwrap().into_rgba8();
        assert!(image.pixels().all(|pixel| pixel.0 == [255; 4]));
        picture.changed = Rect::EMPTY;
        assert_eq!(encoder.encode(&picture, true).unwrap(), opaque);
    }
}
