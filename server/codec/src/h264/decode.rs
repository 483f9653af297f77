//! H.264 back to pictures: for videos as backgrounds, and for tests.

use media::Picture;
use openh264::formats::YUVSource;

use crate::Error;

/// Access units to pictures.
pub struct Decoder {
    inner: openh264::decoder::Decoder,
}

impl Decoder {
    /// Makes a decoder.
    ///
    /// # Errors
    /// [`Error::H264`] when the library refuses.
    pub fn new() -> Result<Self, Error> {
        let api = openh264::OpenH264API::from_source();
        let config = openh264::decoder::DecoderConfig::new()
            .flush_after_decode(openh264::decoder::Flush::NoFlush);
        Ok(Self {
            inner: openh264::decoder::Decoder::with_api_config(api, config)?,
        })
    }

    /// Decodes one Annex B access unit. `None` while there is nothing to show,
    /// as before the first key frame. The picture's time is zero.
    ///
    /// # Errors
    /// [`Error::H264`] when the stream is damaged.
    pub fn decode(&mut self, access_unit: &[u8]) -> Result<Option<Picture>, Error> {
        let Some(decoded) = self.inner.decode(access_unit)? else {
            return Ok(None);
        };
        Ok(picture(&decoded))
    }

    /// The pictures that are left after the last access unit: some are held
    /// back while their order of showing is not that of decoding.
    ///
    /// # Errors
    /// [`Error::H264`] when the stream is damaged.
    pub fn finish(&mut self) -> Result<Vec<Picture>, Error> {
        let rest = self.inner.flush_remaining()?;
        Ok(rest.iter().filter_map(picture).collect())
    }
}

fn picture(decoded: &openh264::decoder::DecodedYUV<'_>) -> Option<Picture> {
    let (width, height) = decoded.dimensions();
    if !Picture::is_valid_size(width, height) {
        return None;
    }
    let mut picture = Picture::black(width, height);
    let strides = decoded.strides();
    pack(decoded.y(), strides.0, width, &mut picture.y);
    pack(decoded.u(), strides.1, width / 2, &mut picture.u);
    pack(decoded.v(), strides.2, width / 2, &mut picture.v);
    Some(picture)
}

/// Copies rows that lie `stride` apart into rows without gaps.
fn pack(plane: &[u8], stride: usize, width: usize, out: &mut [u8]) {
    for (to, from) in out.chunks_exact_mut(width).zip(plane.chunks(stride)) {
        to.copy_from_slice(&from[..width]);
    }
}

/// A picture as packed 8-bit RGB, `width * height * 3` bytes.
///
/// # Panics
/// Never for a picture made by [`Picture::black`] whose planes kept their
/// lengths.
#[must_use]
pub fn rgb(picture: &Picture) -> Vec<u8> {
    let (width, height) = (picture.width(), picture.height());
    let mut out = vec![0; width * height * 3];
    let planes = yuv::YuvPlanarImage {
        y_plane: &picture.y,
        y_stride: width as u32,
        u_plane: &picture.u,
        u_stride: width as u32 / 2,
        v_plane: &picture.v,
        v_stride: width as u32 / 2,
        width: width as u32,
        height: height as u32,
    };
    yuv::yuv420_to_rgb(
        &planes,
        &mut out,
        width as u32 * 3,
        yuv::YuvRange::Limited,
        yuv::YuvStandardMatrix::Bt601,
    )
    .expect("a Picture's planes have the sizes that its width and height say");
    out
}
