//! The presenters that come with the product.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use media::seam::Renderer;
use media::{FaceControls, MediaTime, Picture};
use thiserror::Error;

use crate::vector::{Cast, Layers, Presenter};

/// Smallest and largest side of a picture, pixels.
pub const SIDES: std::ops::RangeInclusive<usize> = 128..=1920;

/// Why there is no renderer or preview.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No avatar has this id.
    #[error("there is no avatar \"{id}\"; there are: {known}")]
    Unknown {
        /// The id asked for.
        id: String,
        /// The ids there are, separated by commas.
        known: String,
    },
    /// The picture cannot have this size.
    #[error("a picture cannot be {width}x{height}: both sides must be even and from 128 to 1920")]
    Size {
        /// Width asked for, pixels.
        width: usize,
        /// Height asked for, pixels.
        height: usize,
    },
    /// The preview could not be written as PNG.
    #[error("the preview could not be encoded: {0}")]
    Png(String),
}

/// How an avatar is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Drawn as curves, at any size.
    Vector,
}

impl Kind {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vector => "vector",
        }
    }
}

/// What an avatar says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avatar {
    /// Stable identifier, such as `nora`.
    pub id: &'static str,
    /// Name shown to people.
    pub name: &'static str,
    /// One sentence about the person shown.
    pub description: &'static str,
    /// Licence of the artwork, SPDX.
    pub licence: &'static str,
    /// How it is drawn.
    pub kind: Kind,
    /// Ids of voices that suit it, the best first.
    pub voices: &'static [&'static str],
}

const ALL: [(Avatar, Cast); 2] = [
    (
        Avatar {
            id: "nora",
            name: "Nora",
            description: "A woman with wavy dark hair in a teal blazer, before a warm backdrop.",
            licence: "Apache-2.0",
            kind: Kind::Vector,
            voices: &["af_heart", "af_bella", "bf_emma", "joe"],
        },
        Cast::Nora,
    ),
    (
        Avatar {
            id: "leo",
            name: "Leo",
            description: "A man with short chestnut hair and a trimmed beard in a navy sweater, before a cool backdrop.",
            licence: "Apache-2.0",
            kind: Kind::Vector,
            voices: &["joe", "am_michael", "am_fenrir", "bm_george"],
        },
        Cast::Leo,
    ),
];

/// What is painted once for an avatar and a size, for as long as a renderer
/// uses it.
type Painted = ((Cast, usize, usize), Weak<Layers>);

/// All avatars. Renderers of the same avatar and size share what they have in
/// common, so keep one of these for the whole process.
#[derive(Default)]
pub struct Avatars {
    painted: Mutex<Vec<Painted>>,
}

impl Avatars {
    /// The avatars that come with the product.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What there is, the default first.
    pub fn list(&self) -> impl Iterator<Item = &'static Avatar> + use<> {
        ALL.iter().map(|(avatar, _)| avatar)
    }

    /// The avatar with this id.
    ///
    /// # Errors
    /// [`Error::Unknown`], which names those there are.
    pub fn get(&self, id: &str) -> Result<&'static Avatar, Error> {
        find(id).map(|(avatar, _)| avatar)
    }

    /// A renderer for one session. `seed` chooses the course of its idle life.
    ///
    /// # Errors
    /// [`Error::Unknown`] and [`Error::Size`].
    pub fn renderer(
        &self,
        id: &str,
        width: usize,
        height: usize,
        seed: u64,
    ) -> Result<Box<dyn Renderer>, Error> {
        let (_, cast) = find(id)?;
        if !(Picture::is_valid_size(width, height)
            && SIDES.contains(&width)
            && SIDES.contains(&height))
        {
            return Err(Error::Size { width, height });
        }
        let layers = self.layers(*cast, width, height);
        Ok(Box::new(Presenter::new(layers, seed)))
    }

    /// A square picture of the avatar with a slight smile, as PNG.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Size`] and [`Error::Png`].
    pub fn preview(&self, id: &str, size: usize) -> Result<Vec<u8>, Error> {
        use media::Blendshape::{MouthSmileLeft, MouthSmileRight};

        let (_, cast) = find(id)?;
        if !(Picture::is_valid_size(size, size) && SIDES.contains(&size)) {
            return Err(Error::Size {
                width: size,
                height: size,
            });
        }
        let mut face = FaceControls::rest(MediaTime::ZERO);
        face.set(MouthSmileLeft, 0.35);
        face.set(MouthSmileRight, 0.35);
        let mut presenter = Presenter::new(self.layers(*cast, size, size), 0);
        presenter.show(&face);
        presenter
            .frame()
            .encode_png()
            .map_err(|error| Error::Png(error.to_string()))
    }

    fn layers(&self, cast: Cast, width: usize, height: usize) -> Arc<Layers> {
        let key = (cast, width, height);
        // A panic while painting leaves the list as it was.
        let mut painted = self.painted.lock().unwrap_or_else(PoisonError::into_inner);
        painted.retain(|(_, layers)| layers.strong_count() > 0);
        let found = painted.iter().find(|(k, _)| *k == key);
        if let Some(layers) = found.and_then(|(_, layers)| layers.upgrade()) {
            return layers;
        }
        let layers = Arc::new(Layers::paint(cast, width, height));
        painted.push((key, Arc::downgrade(&layers)));
        layers
    }
}

fn find(id: &str) -> Result<&'static (Avatar, Cast), Error> {
    ALL.iter()
        .find(|(avatar, _)| avatar.id == id)
        .ok_or_else(|| Error::Unknown {
            id: id.chars().take(64).collect(),
            known: ALL.map(|(avatar, _)| avatar.id).join(", "),
        })
}
