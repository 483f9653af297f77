//! Avatar packages: everything that makes a face out of a picture.
//!
//! A package is a folder, or a zip of the same files whose name ends in
//! `.avatar`:
//!
//! | file | what |
//! |---|---|
//! | `avatar.toml` | format version, id, name, description, kind, licence, voices, consent, group, calibration, `[neural]`, SHA-256 of every other file |
//! | `picture.jpg` or `.png` | the portrait, 128 to 2048 pixels a side |
//! | `landmarks.f32` | 478 face landmarks (`MediaPipe`'s numbering): x, y, z as little-endian f32, pixels of the picture, z smaller when nearer |
//! | `person.png` | optional: alpha of the person, 8 bit, as large as the picture |
//! | `eyes_closed.jpg` or `.png` | optional: the same picture with both eyes shut |
//! | `preview.jpg` | optional: a small picture for lists |
//! | `mouth.onnx` | optional: a network that repaints the mouth, used as `[neural]` says ([`crate::neural`]) |
//!
//! Reading checks everything, so whatever holds a [`Package`] can rely on it.

mod archive;
mod check;
mod images;
mod manifest;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use media::face::BLENDSHAPES;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::neural;

pub use archive::MAX_PACKAGE;
pub use images::{Mask, Rgb, SIDES};
pub use manifest::{Consent, FORMAT, Meta};

use archive::Files;
use manifest::Manifest;

/// Number of face landmarks.
pub const LANDMARKS: usize = 478;

/// Kind of a package that is animated from one picture.
const PHOTO: &str = "photo";

/// Why there is no package.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("a file of the package cannot be read or written: {0}")]
    Io(String),
    /// The zip is broken or hostile.
    #[error("this is no avatar package: {0}")]
    Archive(String),
    /// A file that no package holds.
    #[error("the package holds '{0}', which does not belong into one")]
    UnknownFile(String),
    /// A folder or a link where a file belongs.
    #[error("'{0}' is no plain file")]
    NotAFile(String),
    /// A file is larger than it may be.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        what: String,
        /// Bytes.
        limit: u64,
    },
    /// A file is missing.
    #[error("the package lacks {0}")]
    Missing(&'static str),
    /// A file is not the one the manifest lists.
    #[error("{0} is not the file that avatar.toml lists (its SHA-256 differs)")]
    Hash(String),
    /// Written by a newer program.
    #[error("the package has format {0}, this program reads format {FORMAT}")]
    Format(u32),
    /// The manifest cannot be understood.
    #[error("avatar.toml: {0}")]
    Manifest(String),
    /// Something else than a photo avatar.
    #[error("the package is of the kind '{0}', which this program does not know")]
    Kind(String),
    /// A field of the description is out of its range.
    #[error("{field} {why}")]
    Meta {
        /// The field.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A picture cannot be used.
    #[error("{file} cannot be used: {why}")]
    Picture {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The landmarks cannot be those of a face in the picture.
    #[error("the landmarks cannot be used: {0}")]
    Landmarks(String),
    /// A network without its settings, or the other way round, or settings
    /// that are out of their range.
    #[error("[neural] of avatar.toml: {0}")]
    Neural(String),
    /// Something could not be encoded.
    #[error("the package could not be written: {0}")]
    Encode(String),
}

/// Everything seen in one portrait.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    /// Upright, head and shoulders; [`SIDES`].
    pub picture: Rgb,
    /// [`LANDMARKS`] points in `MediaPipe`'s numbering, x, y, z in pixels of the
    /// picture; z smaller when nearer.
    pub landmarks: Vec<[f32; 3]>,
    /// Weights by `media::Blendshape::index` that the picture itself shows.
    pub shapes: [f32; BLENDSHAPES],
    /// Alpha of the person, as large as the picture. Without it the background
    /// cannot be replaced.
    pub person: Option<Mask>,
    /// The same head from the same place with both eyes shut, as large as the
    /// picture and registered to it pixel by pixel.
    pub eyes_closed: Option<Rgb>,
}

/// A checked avatar package. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Package {
    meta: Arc<Meta>,
    portrait: Arc<Portrait>,
    neural: Option<neural::Settings>,
    files: Arc<Files>,
}

impl Package {
    /// Makes a package of a portrait.
    ///
    /// # Errors
    /// [`Error`] when anything is missing or out of its range.
    pub fn new(meta: Meta, portrait: &Portrait) -> Result<Self, Error> {
        meta.check()?;
        check::portrait(portrait)?;
        let mut files = Files::new();
        files.insert(archive::PICTURE, portrait.picture.to_jpeg()?);
        let points = portrait.landmarks.iter().flatten();
        files.insert(
            archive::LANDMARKS,
            points.flat_map(|v| v.to_le_bytes()).collect(),
        );
        if let Some(person) = &portrait.person {
            files.insert(archive::PERSON, person.to_png()?);
        }
        if let Some(shut) = &portrait.eyes_closed {
            files.insert(archive::EYES_CLOSED, shut.to_jpeg()?);
        }
        let mut package = Self::seal(meta, &portrait.shapes, None, files)?;
        let preview = crate::photo::preview(&package, PREVIEW_SIDE);
        let mut files = package.files.as_ref().clone();
        files.remove(archive::MANIFEST);
        files.insert(archive::PREVIEW, preview.to_jpeg()?);
        let meta = package.meta.as_ref().clone();
        package = Self::seal(meta, &portrait.shapes, None, files)?;
        Ok(package)
    }

    /// The same package with another network, or with none. Whether the network
    /// keeps its contract is for [`neural::Network::try_out`] to say.
    ///
    /// # Errors
    /// [`Error::Neural`] and [`Error::TooLarge`].
    pub fn with_network(
        &self,
        network: Option<(neural::Settings, Vec<u8>)>,
    ) -> Result<Self, Error> {
        let mut files = self.files.as_ref().clone();
        files.remove(archive::MANIFEST);
        files.remove(archive::NETWORK);
        let settings = match network {
            Some((settings, bytes)) => {
                if bytes.len() as u64 > neural::MAX_NETWORK {
                    return Err(Error::TooLarge {
                        what: archive::NETWORK.into(),
                        limit: neural::MAX_NETWORK,
                    });
                }
                files.insert(archive::NETWORK, bytes);
                Some(settings)
            }
            None => None,
        };
        let meta = self.meta.as_ref().clone();
        Self::seal(meta, &self.portrait.shapes, settings, files)
    }

    /// Lists the files in a manifest and reads the whole as if it came from
    /// outside.
    fn seal(
        meta: Meta,
        shapes: &[f32; BLENDSHAPES],
        neural: Option<neural::Settings>,
        mut files: Files,
    ) -> Result<Self, Error> {
        let manifest = Manifest {
            format: FORMAT,
            kind: PHOTO.to_owned(),
            id: meta.id,
            name: meta.name,
            description: meta.description,
            licence: meta.licence,
            voices: meta.voices,
            consent: meta.consent,
            group: meta.group,
            calibration: manifest::calibration(shapes),
            neural,
            files: files
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), sha256(bytes)))
                .collect(),
        };
        let text = toml::to_string(&manifest).map_err(|e| Error::Encode(e.to_string()))?;
        files.insert(archive::MANIFEST, text.into_bytes());
        Self::from_files(files)
    }

    /// Reads a folder or a `.avatar` file.
    ///
    /// # Errors
    /// [`Error`]: whatever is broken, hostile, too large or not listed is
    /// refused.
    pub fn read(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Self::from_files(archive::read_folder(path)?);
        }
        let file =
            std::fs::File::open(path).map_err(|e| Error::Io(format!("{}: {e}", path.display())))?;
        Self::from_bytes(&archive::read_up_to("the package", MAX_PACKAGE, file)?)
    }

    /// Reads the bytes of a `.avatar` file.
    ///
    /// # Errors
    /// As [`Package::read`].
    pub fn from_bytes(zip: &[u8]) -> Result<Self, Error> {
        Self::from_files(archive::read_zip(Cursor::new(zip))?)
    }

    fn from_files(files: Files) -> Result<Self, Error> {
        let text = files
            .get(archive::MANIFEST)
            .ok_or(Error::Missing(archive::MANIFEST))?;
        let text = std::str::from_utf8(text).map_err(|e| Error::Manifest(e.to_string()))?;
        let manifest = Manifest::parse(text)?;
        if manifest.kind != PHOTO {
            return Err(Error::Kind(manifest.kind.chars().take(40).collect()));
        }
        let meta = manifest.meta();
        meta.check()?;
        check_hashes(&manifest.files, &files)?;
        let portrait = decode(&manifest, &files)?;
        check::portrait(&portrait)?;
        let neural = manifest.neural;
        match (&neural, files.contains_key(archive::NETWORK)) {
            (Some(settings), true) => settings
                .check(portrait.picture.size())
                .map_err(|e| Error::Neural(e.to_string()))?,
            (None, false) => {}
            (Some(_), false) => return Err(Error::Missing(archive::NETWORK)),
            (None, true) => {
                return Err(Error::Neural(format!(
                    "it is missing, and there is a {}",
                    archive::NETWORK
                )));
            }
        }
        Ok(Self {
            meta: Arc::new(meta),
            portrait: Arc::new(portrait),
            neural,
            files: Arc::new(files),
        })
    }

    /// Writes the files into a folder that does not exist yet.
    ///
    /// # Errors
    /// [`Error::Io`]; then the folder is not there.
    pub fn write_folder(&self, folder: &Path) -> Result<(), Error> {
        archive::write_folder(&self.files, folder)
    }

    /// The bytes of a `.avatar` file.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        archive::write_zip(&self.files)
    }

    /// The same package under another id.
    ///
    /// # Errors
    /// [`Error::Meta`] when the id is none.
    pub fn renamed(&self, id: &str) -> Result<Self, Error> {
        let meta = Meta {
            id: id.to_owned(),
            ..self.meta.as_ref().clone()
        };
        meta.check()?;
        let mut files = self.files.as_ref().clone();
        files.remove(archive::MANIFEST);
        Self::seal(meta, &self.portrait.shapes, self.neural.clone(), files)
    }

    /// What the package says of itself.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The network that repaints the mouth, and how it is used.
    #[must_use]
    pub fn network(&self) -> Option<(&neural::Settings, &[u8])> {
        let bytes = self.files.get(archive::NETWORK)?;
        Some((self.neural.as_ref()?, bytes))
    }

    /// What was seen in the portrait.
    #[must_use]
    pub fn portrait(&self) -> &Arc<Portrait> {
        &self.portrait
    }
}

/// Side of the preview in a package, pixels.
const PREVIEW_SIDE: usize = 384;

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn check_hashes(listed: &BTreeMap<String, String>, files: &Files) -> Result<(), Error> {
    for (name, bytes) in files {
        if *name == archive::MANIFEST {
            continue;
        }
        let hash = listed
            .get(*name)
            .ok_or_else(|| Error::Hash((*name).to_owned()))?;
        if *hash != sha256(bytes) {
            return Err(Error::Hash((*name).to_owned()));
        }
    }
    if let Some(name) = listed
        .keys()
        .find(|name| !files.contains_key(name.as_str()))
    {
        return Err(Error::Manifest(format!(
            "it lists '{}', which is not there",
            name.chars().take(80).collect::<String>()
        )));
    }
    Ok(())
}

fn decode(manifest: &Manifest, files: &Files) -> Result<Portrait, Error> {
    let rgb = |names: [&'static str; 2]| {
        names
            .into_iter()
            .find_map(|name| files.get(name).map(|bytes| Rgb::decode(name, bytes)))
            .transpose()
    };
    let points = files
        .get(archive::LANDMARKS)
        .ok_or(Error::Missing(archive::LANDMARKS))?;
    let (values, rest) = points.as_chunks::<4>();
    let values: Vec<f32> = values.iter().map(|v| f32::from_le_bytes(*v)).collect();
    let (landmarks, odd) = values.as_chunks::<3>();
    if landmarks.len() != LANDMARKS || !odd.is_empty() || !rest.is_empty() {
        return Err(Error::Landmarks(format!(
            "there are {} bytes where {LANDMARKS} points of 12 belong",
            points.len()
        )));
    }
    Ok(Portrait {
        picture: rgb([archive::PICTURE, archive::PICTURE_PNG])?
            .ok_or(Error::Missing(archive::PICTURE))?,
        landmarks: landmarks.to_vec(),
        shapes: manifest.shapes()?,
        person: files
            .get(archive::PERSON)
            .map(|bytes| Mask::decode(archive::PERSON, bytes))
            .transpose()?,
        eyes_closed: rgb([archive::EYES_CLOSED, archive::EYES_CLOSED_PNG])?,
    })
}
