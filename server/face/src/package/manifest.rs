//! `avatar.toml`: what a package says of itself.

use std::collections::BTreeMap;

use media::Blendshape;
use media::face::BLENDSHAPES;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::neural;

/// Version of the format that is written, and the only one that is read.
pub const FORMAT: u32 = 1;

/// Longest manifest, bytes.
pub(super) const MAX_MANIFEST: u64 = 64 * 1024;

/// What people read about an avatar, and what it may be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Stable identifier: 1 to 64 of `a-z`, `0-9` and `-`.
    pub id: String,
    /// Name shown to people, up to 80 characters.
    pub name: String,
    /// One sentence about the person shown, up to 400 characters.
    pub description: String,
    /// Licence of the pictures: SPDX, or `user-provided`.
    pub licence: String,
    /// Ids of voices that suit it, the best first; up to 16.
    pub voices: Vec<String>,
    /// Who agreed that this face may be animated; `None` for persons who do not exist.
    pub consent: Option<Consent>,
    /// Id of the avatar whose further look this is; `None` if it is the first.
    pub group: Option<String>,
}

/// A record that the person shown agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Who said so.
    pub by: String,
    /// What they confirmed, word for word.
    pub statement: String,
    /// When, RFC 3339.
    pub at: String,
}

/// The file itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub format: u32,
    pub kind: String,
    pub id: String,
    pub name: String,
    pub description: String,
    pub licence: String,
    #[serde(default)]
    pub voices: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What the picture itself shows, by the published names of the
    /// blendshapes; those that are not named are 0.
    #[serde(default)]
    pub calibration: BTreeMap<String, f32>,
    /// How the network is used, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neural: Option<neural::Settings>,
    /// SHA-256 of every other file, by its name.
    pub files: BTreeMap<String, String>,
}

/// Only that much is read of a manifest to know whether the rest can be.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl Manifest {
    pub fn parse(text: &str) -> Result<Self, Error> {
        let head: Head = toml::from_str(text).map_err(|e| Error::Manifest(e.to_string()))?;
        if head.format != FORMAT {
            return Err(Error::Format(head.format));
        }
        toml::from_str(text).map_err(|e| Error::Manifest(e.to_string()))
    }

    pub fn meta(&self) -> Meta {
        Meta {
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            licence: self.licence.clone(),
            voices: self.voices.clone(),
            consent: self.consent.clone(),
            group: self.group.clone(),
        }
    }

    /// The calibration as weights.
    pub fn shapes(&self) -> Result<[f32; BLENDSHAPES], Error> {
        let mut shapes = [0.0; BLENDSHAPES];
        for (name, &weight) in &self.calibration {
            let shape = Blendshape::from_name(name)
                .ok_or_else(|| Error::Manifest(format!("there is no blendshape '{name}'")))?;
            shapes[shape.index()] = weight;
        }
        Ok(shapes)
    }
}

/// Weights to a calibration, rounded to what matters.
pub(super) fn calibration(shapes: &[f32; BLENDSHAPES]) -> BTreeMap<String, f32> {
    Blendshape::ALL
        .into_iter()
        .map(|shape| (shape, (shapes[shape.index()] * 1000.0).round() / 1000.0))
        .filter(|&(_, weight)| weight > 0.0)
        .map(|(shape, weight)| (shape.name().to_owned(), weight))
        .collect()
}

impl Meta {
    /// Checks lengths and characters.
    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |field, why: &str| {
            Err(Error::Meta {
                field,
                why: why.to_owned(),
            })
        };
        let id = |id: &str| {
            (1..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        };
        let text = |text: &str, most: usize| {
            text.chars().count() <= most && !text.chars().any(char::is_control)
        };
        if !id(&self.id) {
            return bad("id", "must be 1 to 64 of a-z, 0-9 and -");
        }
        if self.group.as_ref().is_some_and(|group| !id(group)) {
            return bad("group", "must be 1 to 64 of a-z, 0-9 and -");
        }
        if self.name.trim().is_empty() || !text(&self.name, 80) {
            return bad("name", "must be 1 to 80 characters on one line");
        }
        if !text(&self.description, 400) {
            return bad("description", "must be up to 400 characters on one line");
        }
        if self.licence.trim().is_empty() || !text(&self.licence, 80) {
            return bad("licence", "must be 1 to 80 characters on one line");
        }
        if self.voices.len() > 16 || !self.voices.iter().all(|voice| text(voice, 64)) {
            return bad("voices", "must be up to 16 ids of up to 64 characters");
        }
        if let Some(consent) = &self.consent {
            let parts = [&consent.by, &consent.statement, &consent.at];
            if parts.iter().any(|part| part.trim().is_empty()) {
                return bad("consent", "must say who agreed to what, and when");
            }
            if !text(&consent.by, 200) || !text(&consent.statement, 2_000) || !text(&consent.at, 40)
            {
                return bad("consent", "is too long or spans several lines");
            }
        }
        Ok(())
    }
}
