//! How an avatar is shown: size, framing and background.

use std::io::Cursor;
use std::sync::Arc;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder, ImageFormat, ImageReader, Limits};
use media::{CLOCK_HZ, Picture, Rect};
use serde::Deserialize;

use crate::avatars::Error;
use crate::package::Rgb;

/// Smallest and largest side of a picture, pixels.
pub const SIDES: std::ops::RangeInclusive<usize> = 128..=1920;

/// Range of [`Framing::scale`].
pub const SCALES: std::ops::RangeInclusive<f32> = 0.5..=2.0;

/// Range of both parts of [`Framing::position`].
pub const POSITIONS: std::ops::RangeInclusive<f32> = -0.5..=0.5;

/// How much of the person is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shot {
    /// Head and shoulders.
    #[default]
    Normal,
    /// The face fills the picture.
    CloseUp,
    /// A close-up within a circle; outside is the background's colour, or white.
    Circle,
}

impl Shot {
    /// All shots by their published names.
    pub const ALL: [(&'static str, Self); 3] = [
        ("normal", Self::Normal),
        ("close_up", Self::CloseUp),
        ("circle", Self::Circle),
    ];

    /// The shot with this published name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, shot)| shot)
    }
}

/// Where the person stands in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Framing {
    /// How much is seen.
    pub shot: Shot,
    /// Size of the person, relative to what the shot asks for; [`SCALES`].
    pub scale: f32,
    /// Shift to the right and down, shares of width and height; [`POSITIONS`].
    /// A picture whose background cannot be replaced goes only as far as it
    /// reaches.
    pub position: (f32, f32),
}

impl Default for Framing {
    fn default() -> Self {
        Self {
            shot: Shot::default(),
            scale: 1.0,
            position: (0.0, 0.0),
        }
    }
}

/// What is behind the person.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Background {
    /// What the avatar brings along.
    #[default]
    Own,
    /// One colour, sRGB.
    Colour([u8; 3]),
    /// A picture, cut to fill the frame.
    Image(Arc<Rgb>),
    /// Moving pictures, played over and over.
    Clip(Arc<Clip>),
}

/// Longest side of a background picture, pixels.
const MAX_SIDE: u32 = 8_192;
/// Memory that decoding a background may take, bytes.
const MAX_ALLOC: u64 = 512 << 20;
/// Most pixels of all pictures of a clip together, and most pictures: each is
/// kept at the size of the screen.
const MAX_CLIP: (u64, usize) = (64 << 20, 150);

impl Background {
    /// A colour written as `#rrggbb`.
    #[must_use]
    pub fn colour(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        let [_, r, g, b] = value.to_be_bytes();
        Some(Self::Colour([r, g, b]))
    }

    /// A picture from the bytes of a PNG or JPEG file.
    ///
    /// # Errors
    /// [`Error::Decode`].
    pub fn image(bytes: &[u8]) -> Result<Self, Error> {
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_ALLOC);
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| Error::Decode(e.to_string()))?;
        if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
            return Err(Error::Decode("it is neither PNG nor JPEG".into()));
        }
        reader.limits(limits);
        let image = reader.decode().map_err(|e| Error::Decode(e.to_string()))?;
        let image = image.into_rgb8();
        Ok(Self::Image(Arc::new(Rgb {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.into_raw(),
        })))
    }

    /// Moving pictures from the bytes of an animated GIF. All are shown as
    /// long as the first.
    ///
    /// # Errors
    /// [`Error::Decode`], also for what would take too much memory.
    pub fn clip(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |e: image::ImageError| Error::Decode(e.to_string());
        let decoder = GifDecoder::new(Cursor::new(bytes)).map_err(bad)?;
        let (width, height) = decoder.dimensions();
        let (most_pixels, most) = MAX_CLIP;
        let area = u64::from(width) * u64::from(height);
        let mut pictures = Vec::new();
        let mut each = 0;
        for frame in decoder.into_frames() {
            if pictures.len() == most || area * (pictures.len() as u64 + 1) > most_pixels {
                return Err(Error::Decode(format!(
                    "a clip may have {most} pictures and {most_pixels} pixels in all"
                )));
            }
            let frame = frame.map_err(bad)?;
            if pictures.is_empty() {
                let (numerator, denominator) = frame.delay().numer_denom_ms();
                each = i64::from(numerator) * CLOCK_HZ / (1000 * i64::from(denominator.max(1)));
            }
            let image = image::DynamicImage::from(frame.into_buffer()).into_rgb8();
            pictures.push(Rgb {
                width: image.width() as usize,
                height: image.height() as usize,
                data: image.into_raw(),
            });
        }
        // Browsers play what names no pace at ten pictures a second.
        let each = if each <= CLOCK_HZ / 100 {
            CLOCK_HZ / 10
        } else {
            each
        };
        Ok(Self::Clip(Arc::new(Clip { pictures, each })))
    }
}

/// A silent clip as a background. All pictures have the same size.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// At least one.
    pub pictures: Vec<Rgb>,
    /// How long each is shown, samples of the media clock; positive.
    pub each: i64,
}

/// Everything about a picture but the person.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Pixels, even, [`SIDES`].
    pub width: usize,
    /// Pixels, even, [`SIDES`].
    pub height: usize,
    /// Where the person is.
    pub framing: Framing,
    /// What is behind.
    pub background: Background,
}

impl Scene {
    /// Head and shoulders before the avatar's own background.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            framing: Framing::default(),
            background: Background::Own,
        }
    }

    pub(crate) const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// What is behind the person. In a circle a colour is around the circle,
    /// and the avatar's own background inside.
    pub(crate) fn behind(&self) -> &Background {
        match (&self.background, self.framing.shot) {
            (Background::Colour(_), Shot::Circle) => &Background::Own,
            (background, _) => background,
        }
    }

    /// The colour around a circle.
    pub(crate) fn around(&self) -> Option<[u8; 3]> {
        match (&self.background, self.framing.shot) {
            (Background::Colour(colour), Shot::Circle) => Some(*colour),
            (_, Shot::Circle) => Some([255; 3]),
            _ => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let &Self { width, height, .. } = self;
        if !(Picture::is_valid_size(width, height)
            && SIDES.contains(&width)
            && SIDES.contains(&height))
        {
            return Err(Error::Size { width, height });
        }
        let (across, down) = self.framing.position;
        if !SCALES.contains(&self.framing.scale) {
            return Err(Error::Framing("scale", SCALES));
        }
        if !(POSITIONS.contains(&across) && POSITIONS.contains(&down)) {
            return Err(Error::Framing("position", POSITIONS));
        }
        let whole = match &self.background {
            Background::Own | Background::Colour(_) => true,
            Background::Image(image) => is_picture(image),
            Background::Clip(clip) => {
                clip.each > 0
                    && !clip.pictures.is_empty()
                    && clip
                        .pictures
                        .iter()
                        .all(|p| is_picture(p) && p.size() == clip.pictures[0].size())
            }
        };
        if !whole {
            return Err(Error::Background);
        }
        Ok(())
    }
}

fn is_picture(picture: &Rgb) -> bool {
    picture.is_whole() && picture.width > 0 && picture.height > 0
}

/// How much of a pixel is outside the largest circle, 0..=1.
pub(crate) fn beyond_circle(size: (usize, usize), x: usize, y: usize) -> f32 {
    let (width, height) = (size.0 as f32, size.1 as f32);
    let radius = width.min(height) / 2.0 - 1.0;
    let (across, down) = (x as f32 + 0.5 - width / 2.0, y as f32 + 0.5 - height / 2.0);
    (across.hypot(down) - radius + 0.5).clamp(0.0, 1.0)
}

/// Calls `paint` with the index and the share (1..=256) of each pixel of `clip`
/// that is outside the largest circle.
pub(crate) fn outside_circle(size: (usize, usize), clip: Rect, mut paint: impl FnMut(usize, u32)) {
    for y in clip.y..clip.y + clip.height {
        for x in clip.x..clip.x + clip.width {
            let share = (beyond_circle(size, x, y) * 256.0) as u32;
            if share > 0 {
                paint(y * size.0 + x, share);
            }
        }
    }
}
