//! Pictures to H.264 and sound to Opus, and back again for backgrounds and
//! tests; and both to what loses nothing, for files with transparency.
//!
//! [`h264::Encoder`] and [`opus::Encoder`] stand behind the seams
//! [`media::seam::VideoEncoder`] and [`media::seam::AudioEncoder`], and so do
//! [`png::Encoder`] and [`pcm::Encoder`]. All give
//! the same bytes for the same input, however often and wherever they run on
//! the same build, so that a rendering can be repeated.

pub mod h264;
pub mod opus;
pub mod pcm;
pub mod png;

/// What can go wrong below the seams of this room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its documented range.
    #[error("{what} must be {range}, got {got}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// The range it must lie in.
        range: &'static str,
        /// What was asked for.
        got: u64,
    },
    /// A picture does not have the size the encoder was made for.
    #[error("the encoder was made for {}x{} pictures and got {}x{}", wanted.0, wanted.1, got.0, got.1)]
    PictureSize {
        /// Width and height of the settings.
        wanted: (usize, usize),
        /// Width and height of the picture.
        got: (usize, usize),
    },
    /// The H.264 library refused.
    #[error("openh264: {0}")]
    H264(#[from] openh264::Error),
    /// The H.264 encoder gave no access unit.
    #[error("openh264 gave no access unit for a picture")]
    NoPicture,
    /// The H.264 encoder refused an option.
    #[error("openh264 refused the bit rate {0} bit/s")]
    Bitrate(u32),
    /// A PNG could not be written.
    #[error("png: {0}")]
    Png(#[from] image::ImageError),
    /// The Opus library refused.
    #[error("opus: {0}")]
    Opus(#[from] ::opus::Error),
}

impl From<Error> for media::seam::EncodeError {
    fn from(error: Error) -> Self {
        Self(Box::new(error))
    }
}
