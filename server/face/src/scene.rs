//! How an avatar is shown: size, framing and background.

use std::io::Cursor;
use std::sync::Arc;

use image::{ImageFormat, ImageReader, Limits};
use media::{Picture, Rect};
use serde::Deserialize;

use crate::avatars::Error;
use crate::clip::Clip;
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
    /// Nothing: pictures have an alpha. In a circle that is so around it.
    Transparent,
    /// One colour, sRGB.
    Colour([u8; 3]),
    /// A picture, cut to fill the frame.
    Image(Arc<Rgb>),
    /// Moving pictures as large as the screen, played over and over.
    Clip(Arc<Clip>),
}

/// Longest side of a background picture, pixels.
const MAX_SIDE: u32 = 8_192;
/// Memory that decoding a background may take, bytes.
const MAX_ALLOC: u64 = 512 << 20;

/// What a file of a background may hold.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    limits
}

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
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| Error::Decode(e.to_string()))?;
        if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
            return Err(Error::Decode("it is neither PNG nor JPEG".into()));
        }
        reader.limits(limits());
        let image = reader.decode().map_err(|e| Error::Decode(e.to_string()))?;
        let image = image.into_rgb8();
        Ok(Self::Image(Arc::new(Rgb {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.into_raw(),
        })))
    }
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

    /// What is prepared of it.
    pub(crate) fn stage(&self) -> Stage {
        let circle = self.framing.shot == Shot::Circle;
        // In a circle a colour, or nothing, is around the circle, and the
        // avatar's own background inside.
        let (behind, around) = match &self.background {
            Background::Own => (Behind::Own, WHITE),
            Background::Transparent if circle => (Behind::Own, CLEAR),
            Background::Transparent => (Behind::Open, CLEAR),
            Background::Colour([r, g, b]) if circle => (Behind::Own, [*r, *g, *b, 255]),
            Background::Colour(colour) => (Behind::Colour(*colour), WHITE),
            Background::Image(image) => (Behind::Image(image.clone()), WHITE),
            Background::Clip(_) => (Behind::Open, WHITE),
        };
        Stage {
            size: self.size(),
            framing: self.framing,
            behind,
            around: circle.then_some(around),
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
            Background::Own | Background::Transparent | Background::Colour(_) => true,
            Background::Image(image) => is_picture(image),
            Background::Clip(clip) => clip.size() == self.size(),
        };
        if !whole {
            return Err(Error::Background);
        }
        Ok(())
    }
}

/// What is prepared of a scene once and shared by all that show it: all but the
/// pictures of a clip, which are laid behind each frame and go with the last
/// session that shows them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    pub size: (usize, usize),
    pub framing: Framing,
    pub behind: Behind,
    /// What is around a circle, if there is one: premultiplied RGBA.
    pub around: Option<[u8; 4]>,
}

const WHITE: [u8; 4] = [255; 4];
const CLEAR: [u8; 4] = [0; 4];

/// What is drawn behind the person.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Behind {
    /// What the avatar brings along.
    Own,
    Colour([u8; 3]),
    Image(Arc<Rgb>),
    /// Nothing: pixels are left clear.
    Open,
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
