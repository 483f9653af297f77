//! Backgrounds from files: pictures, animated GIFs and MP4 videos.

mod reel;

use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use codec::h264::Decoder;
use face::clip::Clip;
use face::scene::Background;
use media::Track;
use record::mp4::Coding;
use record::read::{Movie, TrackInfo};
use sha2::{Digest, Sha256};
use thiserror::Error;

use reel::Reel;

/// Longest video, seconds.
const MAX_SECONDS: f64 = 60.0;
/// Largest file, bytes.
const MAX_FILE: usize = 64 << 20;
/// Longest side of a video, pixels.
const MAX_SIDE: u16 = 1_920;
/// Most pixels of all pictures of a video together: 24 s of full HD at 25
/// pictures a second, which a core decodes in some ten seconds.
const MAX_PIXELS: u64 = 1_920 * 1_080 * 25 * 24;
/// Memory that the clips of all sessions may take together, bytes.
const MAX_ALL: usize = 1 << 30;

/// Why a file is no background.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A picture or GIF cannot be used.
    #[error(transparent)]
    Picture(#[from] face::Error),
    /// The file is no MP4, or damaged.
    #[error("the MP4 cannot be read: {0}")]
    Mp4(record::read::Error),
    /// It holds no video that can be played.
    #[error("the MP4 holds no H.264 video{}", found(.0))]
    NoH264(Vec<[u8; 4]>),
    /// The video cannot be decoded.
    #[error("the video cannot be decoded: {0}")]
    Decode(codec::Error),
    /// The video holds no picture.
    #[error("the video holds no picture that can be shown")]
    Empty,
    /// It is larger or longer than it may be.
    #[error("the video is too large: {0}")]
    TooLarge(String),
    /// What is sent and recorded cannot be transparent.
    #[error("H.264 carries no transparency: choose a colour to key out, or render files")]
    Transparent,
    /// The clips of other sessions take all the memory that there is for them.
    #[error("the moving backgrounds of all sessions take too much memory; try again later")]
    Full,
}

/// What a file holds in place of H.264.
fn found(kinds: &[[u8; 4]]) -> String {
    if kinds.is_empty() {
        return String::new();
    }
    let names = kinds.iter().map(|kind| match kind {
        b"hvc1" | b"hev1" => "HEVC".to_owned(),
        b"av01" => "AV1".to_owned(),
        b"vp09" => "VP9".to_owned(),
        b"avc1" | b"avc3" => "H.264 of a kind that is not read".to_owned(),
        b"mp4a" => "sound".to_owned(),
        other => other.escape_ascii().to_string(),
    });
    format!(", but {}", names.collect::<Vec<_>>().join(", "))
}

/// What a request puts behind the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// What the avatar brings along.
    #[default]
    Own,
    /// Nothing: for renderings into files of pictures only.
    Transparent,
    /// One colour, sRGB.
    Colour([u8; 3]),
    /// A PNG or JPEG file.
    Image(Bytes),
    /// An MP4 (H.264) or GIF file, which is played over and over.
    Video(Bytes),
}

impl Source {
    /// A colour written as `#rrggbb`.
    #[must_use]
    pub fn colour(text: &str) -> Option<Self> {
        match Background::colour(text) {
            Some(Background::Colour(rgb)) => Some(Self::Colour(rgb)),
            _ => None,
        }
    }

    /// A file of any kind that can be shown.
    #[must_use]
    pub fn file(bytes: Bytes) -> Self {
        if is_mp4(&bytes) || is_gif(&bytes) {
            Self::Video(bytes)
        } else {
            Self::Image(bytes)
        }
    }
}

fn is_mp4(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp")
}

fn is_gif(bytes: &[u8]) -> bool {
    bytes.starts_with(b"GIF8")
}

/// Reads backgrounds. A clip is decoded once for all sessions that show it on
/// screens of the same size, one clip at a time.
#[derive(Default)]
pub struct Backgrounds(Mutex<Vec<Kept>>);

/// A clip that sessions show.
struct Kept {
    file: [u8; 32],
    size: (usize, usize),
    clip: Weak<Clip>,
}

impl Backgrounds {
    /// Reads a background for a screen of a size. Blocks: a video takes some
    /// milliseconds for each of its pictures.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read(&self, source: Source, size: (usize, usize)) -> Result<Background, Error> {
        match source {
            Source::Own => Ok(Background::Own),
            Source::Transparent => Ok(Background::Transparent),
            Source::Colour(rgb) => Ok(Background::Colour(rgb)),
            Source::Image(bytes) => Ok(Background::image(&bytes)?),
            Source::Video(bytes) => Ok(Background::Clip(self.clip(&bytes, size)?)),
        }
    }

    fn clip(&self, bytes: &[u8], size: (usize, usize)) -> Result<Arc<Clip>, Error> {
        if bytes.len() > MAX_FILE {
            return Err(Error::TooLarge(format!(
                "a file may have {} MB",
                MAX_FILE >> 20
            )));
        }
        let file = Sha256::digest(bytes).into();
        // Held while one is decoded: others want the same one, or would take
        // the processor from it. A panic in between leaves the list whole.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used = 0;
        let mut known = None;
        kept.retain(|entry| {
            let Some(clip) = entry.clip.upgrade() else {
                return false;
            };
            used += clip.bytes();
            if entry.file == file && entry.size == size {
                known = Some(clip);
            }
            true
        });
        if let Some(clip) = known {
            return Ok(clip);
        }
        let clip = if is_gif(bytes) {
            Clip::gif(bytes, size)?
        } else {
            film(bytes, size)?
        };
        if used + clip.bytes() > MAX_ALL {
            return Err(Error::Full);
        }
        let clip = Arc::new(clip);
        kept.push(Kept {
            file,
            size,
            clip: Arc::downgrade(&clip),
        });
        Ok(clip)
    }
}

/// The pictures of an MP4 video.
fn film(bytes: &[u8], size: (usize, usize)) -> Result<Clip, Error> {
    let mut movie = Movie::parse(Cursor::new(bytes)).map_err(Error::Mp4)?;
    let Some(track) = movie.track(Track::Video) else {
        return Err(Error::NoH264(movie.others));
    };
    let Coding::Avc(config) = &track.coding else {
        return Err(Error::NoH264(movie.others));
    };
    let side = config.width.max(config.height);
    if side > MAX_SIDE {
        return Err(Error::TooLarge(format!(
            "a side has {side} pixels; it may have {MAX_SIDE}"
        )));
    }
    let (times, length) = times(track)?;
    let samples = track.samples.len();
    let all = u64::from(config.width) * u64::from(config.height) * samples as u64;
    if all > MAX_PIXELS {
        return Err(Error::TooLarge(format!(
            "its {samples} pictures of {}x{} are more than 24 s of full HD",
            config.width, config.height
        )));
    }
    let mut reel = Reel::new(length, times, size)?
        .of_colours(config.colours)
        .turned(track.turns);
    let mut decoder = Decoder::new().map_err(Error::Decode)?;
    let mut left = MAX_PIXELS;
    let mut index = 0;
    loop {
        let unit = movie.packet(Track::Video, index).map_err(Error::Mp4)?;
        let Some(unit) = unit else { break };
        index += 1;
        if let Some(picture) = decoder.decode(&unit).map_err(Error::Decode)? {
            // The stream may say another size than the file's index does.
            let pixels = (picture.width() * picture.height()) as u64;
            left = left.checked_sub(pixels).ok_or_else(|| {
                Error::TooLarge("its pictures are larger than it says".to_owned())
            })?;
            reel.push(picture);
        }
    }
    for picture in decoder.finish().map_err(Error::Decode)? {
        reel.push(picture);
    }
    reel.finish()
}

/// When the pictures of a track are shown, seconds from the first on, in the
/// order of showing, and how long all of them take.
fn times(track: &TrackInfo) -> Result<(Vec<f64>, f64), Error> {
    let mut shown: Vec<(i64, i64)> = track
        .times()
        .zip(&track.samples)
        .map(|(at, sample)| (at, at + i64::from(sample.duration)))
        .collect();
    shown.sort_unstable();
    // What players cut off is not shown.
    let first = shown.iter().map(|&(at, _)| at).find(|&at| at >= 0);
    let end = shown.iter().map(|&(_, end)| end).max();
    let (Some(first), Some(end)) = (first, end) else {
        return Err(Error::Empty);
    };
    let seconds = |ticks: i64| ticks as f64 / f64::from(track.timescale.max(1));
    let length = seconds(end - first);
    if length <= 0.0 {
        return Err(Error::Empty);
    }
    if length > MAX_SECONDS {
        return Err(Error::TooLarge(format!(
            "it is {length:.0} s long; it may be {MAX_SECONDS} s"
        )));
    }
    let times = shown.iter().map(|&(at, _)| seconds(at - first)).collect();
    Ok((times, length))
}
