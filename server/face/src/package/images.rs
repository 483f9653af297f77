//! Pictures of a package: plain 8-bit buffers, and their files.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, ImageReader, Limits};

use super::Error;

/// Smallest and largest side of a portrait, pixels. Below, there is no face to
/// see; above, nothing is gained in a picture of at most 1920 pixels.
pub const SIDES: std::ops::RangeInclusive<usize> = 128..=2048;

/// Memory that decoding one picture may take: 2048² pixels of 16-bit RGBA and
/// as much again for the decoder.
const DECODER_BYTES: u64 = 2 * 8 * 2048 * 2048;

/// Quality of JPEG files. At 95 (without chroma subsampling, which this
/// encoder does not do) a portrait shows no trace of the coding when it moves.
const JPEG_QUALITY: u8 = 95;

macro_rules! plane {
    ($(#[$meta:meta])* $name:ident, $channels:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            /// Pixels.
            pub width: usize,
            /// Pixels.
            pub height: usize,
            #[doc = concat!("Rows from the top, ", $channels, " byte(s) a pixel, no padding.")]
            pub data: Vec<u8>,
        }

        impl $name {
            /// Bytes of a pixel.
            pub const CHANNELS: usize = $channels;

            /// Whether the data is as long as the size says.
            #[must_use]
            pub fn is_whole(&self) -> bool {
                self.width
                    .checked_mul(self.height)
                    .and_then(|pixels| pixels.checked_mul(Self::CHANNELS))
                    == Some(self.data.len())
            }

            /// Width and height, pixels.
            #[must_use]
            pub const fn size(&self) -> (usize, usize) {
                (self.width, self.height)
            }
        }
    };
}

plane! {
    /// A picture in sRGB.
    Rgb, 3
}
plane! {
    /// One byte a pixel; 255 is inside.
    Mask, 1
}

fn decode(name: &str, bytes: &[u8]) -> Result<DynamicImage, Error> {
    let bad = |why: String| Error::Picture {
        file: name.to_owned(),
        why,
    };
    let format = match name.rsplit_once('.') {
        Some((_, "png")) => ImageFormat::Png,
        _ => ImageFormat::Jpeg,
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(*SIDES.end() as u32);
    limits.max_image_height = Some(*SIDES.end() as u32);
    limits.max_alloc = Some(DECODER_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    reader.decode().map_err(|e| bad(e.to_string()))
}

impl Rgb {
    pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let image = decode(name, bytes)?.into_rgb8();
        Ok(Self {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.into_raw(),
        })
    }

    pub(crate) fn to_png(&self) -> Result<Vec<u8>, Error> {
        png(&self.data, self.size(), ExtendedColorType::Rgb8)
    }

    pub(crate) fn to_jpeg(&self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY)
            .write_image(
                &self.data,
                self.width as u32,
                self.height as u32,
                ExtendedColorType::Rgb8,
            )
            .map_err(|e| Error::Encode(e.to_string()))?;
        Ok(out)
    }
}

impl Mask {
    pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let image = decode(name, bytes)?.into_luma8();
        Ok(Self {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.into_raw(),
        })
    }

    pub(super) fn to_png(&self) -> Result<Vec<u8>, Error> {
        png(&self.data, self.size(), ExtendedColorType::L8)
    }
}

fn png(data: &[u8], size: (usize, usize), colour: ExtendedColorType) -> Result<Vec<u8>, Error> {
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};

    let mut out = Vec::new();
    PngEncoder::new_with_quality(&mut out, CompressionType::Best, FilterType::Adaptive)
        .write_image(data, size.0 as u32, size.1 as u32, colour)
        .map_err(|e| Error::Encode(e.to_string()))?;
    Ok(out)
}
