//! Reading a picture that comes from anywhere, in bounded memory: what it is is
//! told by its content, its size is known before a pixel is read, and it comes
//! out upright, in 8 bits of red, green and blue.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageResult, Limits, RgbImage};

use crate::report::Code;

/// Largest file, bytes. A JPEG of 40 megapixels has about 15 MB.
pub const MOST_BYTES: usize = 20_000_000;

/// Most pixels: the largest phones take 50 megapixels only when told to.
pub const MOST_PIXELS: u64 = 40_000_000;

/// Most memory for the pixels as they are in the file: [`MOST_PIXELS`] of 8-bit
/// RGBA. The decoder may take as much again.
const MOST_DECODED: u64 = 4 * MOST_PIXELS;

/// What a transparent picture is laid on: a light grey, as of a studio's wall.
const PAPER: [u8; 3] = [222, 224, 227];

/// The media type of a file by its first bytes, such as `image/jpeg`; `None` if
/// it is no picture of a known kind. It may still be one that [`decode`]
/// refuses.
#[must_use]
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let format = image::guess_format(bytes).ok()?;
    Some(format.to_mime_type())
}

/// Reads a picture.
///
/// # Errors
/// The finding that says why it cannot be used.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, Code> {
    if bytes.len() > MOST_BYTES {
        return Err(Code::FileTooLarge);
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => {
            if ends_early(bytes) {
                return Err(Code::Damaged);
            }
            upright(JpegDecoder::new(Cursor::new(bytes)))
        }
        Ok(ImageFormat::Png) => {
            let decoder = PngDecoder::new(Cursor::new(bytes));
            if decoder
                .as_ref()
                .is_ok_and(|png| png.is_apng().unwrap_or(false))
            {
                return Err(Code::Animated);
            }
            upright(decoder)
        }
        Ok(ImageFormat::WebP) => {
            let decoder = WebPDecoder::new(Cursor::new(bytes));
            if decoder.as_ref().is_ok_and(WebPDecoder::has_animation) {
                return Err(Code::Animated);
            }
            upright(decoder)
        }
        Ok(_) => Err(Code::UnsupportedFormat),
        Err(_) if is_other_picture(bytes) => Err(Code::UnsupportedFormat),
        Err(_) => Err(Code::NotAPicture),
    }
}

/// Pictures that phones and drawing programs make and the library does not
/// tell: HEIC and its kin, JPEG XL, Photoshop, SVG.
fn is_other_picture(bytes: &[u8]) -> bool {
    let brand = bytes.get(4..12).unwrap_or_default();
    let heif = [
        &b"ftypheic"[..],
        b"ftypheix",
        b"ftypmif1",
        b"ftypmsf1",
        b"ftyphevc",
        b"ftypavif",
    ];
    let head = &bytes[..bytes.len().min(256)];
    heif.contains(&brand)
        || [&b"\xff\x0a"[..], b"\0\0\0\x0cJXL ", b"8BPS"]
            .iter()
            .any(|magic| bytes.starts_with(magic))
        || head.windows(4).any(|part| part == b"<svg")
}

/// Whether the last end of a JPEG comes before its last scan: the decoder would
/// paint the rest grey. Neither marker can be part of the data in between.
fn ends_early(bytes: &[u8]) -> bool {
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    last(END_OF_IMAGE) < last(START_OF_SCAN)
}

/// Checks the size, decodes, and turns as EXIF says.
fn upright<D: ImageDecoder>(decoder: ImageResult<D>) -> Result<RgbImage, Code> {
    let mut decoder = decoder.map_err(|_| Code::Damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS || decoder.total_bytes() > MOST_DECODED {
        return Err(Code::TooManyPixels);
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(2 * MOST_DECODED);
    decoder
        .set_limits(limits)
        .map_err(|_| Code::TooManyPixels)?;
    // Wrong or missing metadata is no reason to refuse a picture.
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| Code::Damaged)?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(opaque(picture))
}

fn opaque(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let mut out = RgbImage::new(picture.width(), picture.height());
    for (to, from) in out.pixels_mut().zip(picture.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        for (to, (value, paper)) in
            to.0.iter_mut()
                .zip([red, green, blue].into_iter().zip(PAPER))
        {
            *to = ((value * alpha + u32::from(paper) * (255 - alpha) + 127) / 255) as u8;
        }
    }
    out
}
