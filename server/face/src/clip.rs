//! Moving backgrounds: pictures that are decoded once, as large as the screen.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder};
use media::{CLOCK_HZ, MediaTime, Picture};

use crate::avatars::Error;
use crate::package::Rgb;
use crate::raster;
use crate::resample::{Planes, cover};
use crate::scene;

/// Memory that the pictures of a clip may take, bytes: 27 s of 25 pictures a
/// second at 512x512, 7.7 s at 1280x720.
const MAX_BYTES: usize = 256 << 20;

/// The shortest time that a picture of a GIF is shown, samples; those that ask
/// for less are played at ten pictures a second, as browsers do.
const SHORTEST: i64 = CLOCK_HZ / 100;

/// Longest dissolve from the end of a clip to its beginning, pictures, and the
/// share of the clip that it may take.
const MAX_DISSOLVE: usize = 15;
const DISSOLVE_SHARE: usize = 4;
/// The end differs from the beginning when that is so many times the largest
/// difference of two pictures in a row, and this much more, mean levels of luma.
const SEAM: (f32, f32) = (1.5, 2.0);

/// A silent clip that is played over and over.
#[derive(Clone, Debug)]
pub struct Clip {
    /// At least one, all equally large.
    pictures: Vec<Picture>,
    /// How long each is shown, samples of the media clock.
    each: i64,
}

impl PartialEq for Clip {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.each == other.each && self.pictures == other.pictures)
    }
}

impl Clip {
    /// A clip of pictures that are each shown for `each` samples of the media
    /// clock. Where its end and its beginning do not meet, the one dissolves
    /// into the other, and it becomes that much shorter.
    ///
    /// # Errors
    /// [`Error::Background`] when there is no picture, they are not equally
    /// large, are more than [`Clip::most`], or are shown for no time.
    pub fn new(mut pictures: Vec<Picture>, each: i64) -> Result<Self, Error> {
        close_seam(&mut pictures);
        Self::plain(pictures, each)
    }

    fn plain(pictures: Vec<Picture>, each: i64) -> Result<Self, Error> {
        let size = pictures.first().map(size_of).ok_or(Error::Background)?;
        let whole = each > 0
            && pictures.len() <= Self::most(size)
            && pictures.iter().all(|picture| size_of(picture) == size);
        if !whole {
            return Err(Error::Background);
        }
        Ok(Self { pictures, each })
    }

    /// A clip from the bytes of an animated GIF, cut to fill a screen. All
    /// pictures are shown as long as the first.
    ///
    /// # Errors
    /// [`Error::Decode`], also for what would take too much memory.
    pub fn gif(bytes: &[u8], size: (usize, usize)) -> Result<Self, Error> {
        let bad = |e: image::ImageError| Error::Decode(e.to_string());
        let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(bad)?;
        decoder.set_limits(scene::limits()).map_err(bad)?;
        let most = Self::most(size);
        let mut pictures = Vec::new();
        let mut each = 0;
        for frame in decoder.into_frames() {
            if pictures.len() == most {
                return Err(Error::Decode(format!(
                    "at {}x{} a clip may have {most} pictures",
                    size.0, size.1
                )));
            }
            let frame = frame.map_err(bad)?;
            if pictures.is_empty() {
                let (numerator, denominator) = frame.delay().numer_denom_ms();
                each = i64::from(numerator) * CLOCK_HZ / (1_000 * i64::from(denominator.max(1)));
            }
            let image = DynamicImage::from(frame.into_buffer()).into_rgb8();
            let image = Rgb {
                width: image.width() as usize,
                height: image.height() as usize,
                data: image.into_raw(),
            };
            let colours = cover(&image, size.0, size.1);
            let mut picture = Picture::black(size.0, size.1);
            let whole = picture.changed;
            let rgba = |[r, g, b]: [u8; 3]| [r, g, b, 255];
            raster::convert(colours.as_chunks::<3>().0, rgba, &mut picture, whole);
            pictures.push(picture);
        }
        let each = if each <= SHORTEST {
            CLOCK_HZ / 10
        } else {
            each
        };
        Self::plain(pictures, each)
    }

    /// How many pictures of a size a clip may have, at least one.
    #[must_use]
    pub const fn most((width, height): (usize, usize)) -> usize {
        let bytes = width * height * 3 / 2;
        if bytes == 0 || bytes > MAX_BYTES {
            return 1;
        }
        MAX_BYTES / bytes
    }

    /// Memory that it takes, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let (width, height) = self.size();
        self.pictures.len() * width * height * 3 / 2
    }

    /// Width and height of its pictures, pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        size_of(&self.pictures[0])
    }

    /// How many pictures it has, at least one.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.pictures.len()
    }

    /// How long each picture is shown, samples of the media clock.
    #[must_use]
    pub const fn each(&self) -> i64 {
        self.each
    }

    /// Which picture is shown at a moment of the media clock.
    #[must_use]
    pub fn index(&self, at: MediaTime) -> usize {
        let number = at.0.div_euclid(self.each);
        number.rem_euclid(self.pictures.len() as i64) as usize
    }

    /// A picture of it.
    ///
    /// # Panics
    /// Beyond [`Clip::count`].
    #[must_use]
    pub fn picture(&self, index: usize) -> &Picture {
        &self.pictures[index]
    }
}

fn size_of(picture: &Picture) -> (usize, usize) {
    (picture.width(), picture.height())
}

/// Lets the end dissolve into the beginning where playing it again would jump.
fn close_seam(pictures: &mut Vec<Picture>) {
    let length = (pictures.len() / DISSOLVE_SHARE).min(MAX_DISSOLVE);
    let (Some(first), Some(last)) = (pictures.first(), pictures.last()) else {
        return;
    };
    let usual = pictures
        .windows(2)
        .map(|pair| difference(&pair[0], &pair[1]))
        .fold(0.0, f32::max);
    if length == 0 || difference(first, last) <= SEAM.0 * usual + SEAM.1 {
        return;
    }
    let tail = pictures.split_off(pictures.len() - length);
    for (k, (head, tail)) in pictures.iter_mut().zip(&tail).enumerate() {
        let share = (256 * (k + 1) / (length + 1)) as u16;
        for (head, tail) in [
            (&mut head.y, &tail.y),
            (&mut head.u, &tail.u),
            (&mut head.v, &tail.v),
        ] {
            for (head, &tail) in head.iter_mut().zip(tail) {
                let sum = u16::from(*head) * share + u16::from(tail) * (256 - share);
                *head = (sum >> 8) as u8;
            }
        }
    }
}

/// Mean difference of luma, levels, of some of the pixels.
fn difference(a: &Picture, b: &Picture) -> f32 {
    /// Every so many pixels are compared; coprime to usual widths.
    const STEP: usize = 37;
    let pairs = a.y.iter().zip(&b.y).step_by(STEP);
    let count = a.y.len().div_ceil(STEP).max(1);
    let sum: u32 = pairs.map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
    sum as f32 / count as f32
}

/// Cuts pictures of one size to fill a screen.
pub struct Fit {
    from: (usize, usize),
    to: (usize, usize),
    planes: Option<[Planes; 2]>,
}

impl Fit {
    /// For pictures of a size, both sides even, and a screen of another.
    #[must_use]
    pub fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        let half = |(width, height): (usize, usize)| (width / 2, height / 2);
        let planes = || [Planes::new(from, to), Planes::new(half(from), half(to))];
        Self {
            from,
            to,
            planes: (from != to).then(planes),
        }
    }

    /// Whether it is for pictures as large as this one.
    #[must_use]
    pub fn takes(&self, picture: &Picture) -> bool {
        size_of(picture) == self.from
    }

    /// Cuts and scales one.
    ///
    /// # Panics
    /// When it does not take the picture.
    #[must_use]
    pub fn fit(&self, picture: Picture) -> Picture {
        assert!(self.takes(&picture), "the picture has another size");
        let Some([luma, chroma]) = &self.planes else {
            return picture;
        };
        let mut out = Picture::black(self.to.0, self.to.1);
        out.y = luma.scale(&picture.y);
        out.u = chroma.scale(&picture.u);
        out.v = chroma.scale(&picture.v);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(luma: u8) -> Picture {
        let mut picture = Picture::black(16, 16);
        picture.y.fill(luma);
        picture
    }

    #[test]
    fn it_plays_over_and_over() {
        let clip = Clip::new(vec![flat(100); 5], 1_920).unwrap();
        assert_eq!((clip.count(), clip.each()), (5, 1_920));
        for n in 0..500 {
            let begins = clip.index(MediaTime(n * 1_920));
            assert_eq!(begins as i64, n % 5);
            assert_eq!(clip.index(MediaTime(n * 1_920 + 1_919)), begins);
        }
        assert_eq!(clip.bytes(), 5 * 384);
    }

    #[test]
    fn an_end_that_does_not_meet_the_beginning_dissolves_into_it() {
        let rising = || (0..40).map(|n| flat(50 + 2 * n)).collect::<Vec<_>>();
        let clip = Clip::new(rising(), 1).unwrap();
        assert_eq!(clip.count(), 30);
        let luma = |n: usize| i32::from(clip.picture(n % 30).y[0]);
        let steps = (0..30).map(|n| (luma(n + 1) - luma(n)).abs());
        assert!(steps.max().unwrap() <= 8, "nothing jumps");
        // What meets is left alone.
        let there = rising();
        let back = there.iter().rev().cloned();
        let swing: Vec<_> = there.iter().cloned().chain(back).collect();
        assert_eq!(Clip::new(swing.clone(), 1).unwrap().pictures, swing);
    }

    #[test]
    fn what_is_no_clip_is_refused() {
        let refused = |pictures, each| Clip::new(pictures, each).unwrap_err();
        assert_eq!(refused(Vec::new(), 1), Error::Background);
        assert_eq!(refused(vec![flat(0)], 0), Error::Background);
        assert_eq!(
            refused(vec![flat(0), Picture::black(16, 18)], 1),
            Error::Background
        );
        assert!(matches!(
            Clip::gif(b"GIF89a", (128, 128)),
            Err(Error::Decode(_))
        ));
    }

    #[test]
    fn pictures_are_cut_to_fill() {
        // The outer quarters of a wide picture are cut off for a square.
        let mut wide = Picture::black(64, 32);
        for row in wide.y.chunks_exact_mut(64) {
            row.fill(200);
            row[..12].fill(20);
            row[52..].fill(20);
        }
        wide.u.fill(90);
        let fit = Fit::new((64, 32), (48, 48));
        assert!(fit.takes(&wide) && !fit.takes(&flat(0)));
        let square = fit.fit(wide);
        assert_eq!(size_of(&square), (48, 48));
        assert!(square.y.iter().all(|&v| v == 200));
        assert!(square.u.iter().all(|&v| v == 90));
        assert!(square.v.iter().all(|&v| v == 128));
    }
}
