//! From the bytes of a picture to an avatar that sessions can use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use face::package::{self, Mask, Meta, Package, Portrait, Rgb};
use face::{Avatar, Avatars};
use image::RgbImage;
use vision::{Analyser, Face, Image};
use weights::Models;

use crate::decode::decode;
use crate::drafts::Drafts;
use crate::frame::{self, Crop};
use crate::judge;
use crate::measure::Measures;
use crate::report::{Code, Report, Seen};

pub use face::package::Consent;

/// Longest words of a consent, characters.
const LONGEST_NAME: usize = 120;
const LONGEST_STATEMENT: usize = 1_000;

/// Ids that are tried after the one that the name gives, such as `ada-2`.
const NAMESAKES: usize = 1_000;

/// Ids that no avatar gets, because the API has something else at their
/// addresses.
const RESERVED: [&str; 4] = ["check", "looks", "public", "train"];

/// Why there is no avatar.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The picture cannot be used; the report says why.
    #[error("{}", advice(.0))]
    Unusable(Box<Report>),
    /// Nobody said that the person shown agrees.
    #[error("{0}")]
    Consent(&'static str),
    /// The crop is not a square within the picture.
    #[error("the crop must be a square within the picture, of at least 64 pixels")]
    Crop,
    /// The name or another field is not as it must be, or the package cannot
    /// be kept.
    #[error(transparent)]
    Avatar(#[from] face::Error),
    /// The networks cannot be loaded or run.
    #[error("the picture cannot be looked at: {0}")]
    Vision(#[from] vision::Error),
    /// The draft was discarded, or its time is over.
    #[error("there is no draft '{0}'; it may have expired")]
    NoDraft(String),
}

impl From<package::Error> for Error {
    fn from(error: package::Error) -> Self {
        Self::Avatar(error.into())
    }
}

fn advice(report: &Report) -> String {
    let advice: Vec<_> = report.errors().map(|finding| finding.advice).collect();
    advice.join(" ")
}

/// What an avatar is to be made of.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The file: JPEG, PNG or WebP.
    pub picture: &'a [u8],
    /// The part of the upright picture to use; none: chosen by the face.
    pub crop: Option<Crop>,
    /// Name shown to people.
    pub name: &'a str,
    /// The voice that suits it best; none: the server's.
    pub voice: Option<&'a str>,
    /// The avatar whose further look this is.
    pub group: Option<&'a str>,
    /// That the person shown agrees.
    pub consent: Consent,
}

/// A new avatar.
#[derive(Clone, Debug)]
pub struct Created {
    /// Sessions can use it, and it is listed unless it is a draft.
    pub avatar: Arc<Avatar>,
    /// What was found about its picture.
    pub report: Report,
}

/// Makes avatars, one at a time: pictures may be large, and this machine has
/// faces to move.
pub struct Studio {
    models: Arc<Models>,
    avatars: Arc<Avatars>,
    /// Loaded when first needed.
    analyser: Mutex<Option<Analyser>>,
    drafts: Mutex<Drafts>,
}

/// A picture in its frame, looked at.
struct Framed {
    picture: Image,
    face: Box<Face>,
}

impl Studio {
    /// A studio that adds to `avatars`. ONNX Runtime must be loaded by the time
    /// of its first use.
    #[must_use]
    pub fn new(models: Arc<Models>, avatars: Arc<Avatars>) -> Self {
        Self {
            models,
            avatars,
            analyser: Mutex::default(),
            drafts: Mutex::default(),
        }
    }

    /// Says what a picture is good for. Some hundred milliseconds of CPU.
    ///
    /// # Errors
    /// [`Error::Crop`] and [`Error::Vision`]; that the picture cannot be used is
    /// in the report.
    pub fn check(&self, picture: &[u8], crop: Option<Crop>) -> Result<Report, Error> {
        self.with_analyser(|analyser| look(analyser, picture, crop))
            .map(|(report, _)| report)
    }

    /// Makes an avatar and keeps it.
    ///
    /// # Errors
    /// [`Error`]; nothing is kept then.
    pub fn create(&self, request: &Request<'_>) -> Result<Created, Error> {
        let (package, report) = self.make(request, &slug(request.name))?;
        let avatar = self.add(&package)?;
        Ok(Created { avatar, report })
    }

    /// Makes an avatar that sessions can use for [`DRAFT_LIFE`] from `now` on
    /// and that nobody is told of. The oldest draft goes when there are
    /// [`MOST_DRAFTS`] already.
    ///
    /// [`DRAFT_LIFE`]: crate::DRAFT_LIFE
    /// [`MOST_DRAFTS`]: crate::MOST_DRAFTS
    ///
    /// # Errors
    /// As [`Studio::create`].
    pub fn draft(&self, request: &Request<'_>, now: Instant) -> Result<Created, Error> {
        let id = format!("draft-{}", uuid::Uuid::now_v7().simple());
        let (package, report) = self.make(request, &id)?;
        let avatar = self.avatars.hold(package.clone())?;
        let gone = self.drafts().insert(package, now);
        self.release(&gone);
        Ok(Created { avatar, report })
    }

    /// Keeps a draft: it is written, listed, and gets the id that its name
    /// gives. The draft is gone; sessions that show it go on.
    ///
    /// # Errors
    /// [`Error::NoDraft`], and [`Error::Avatar`], which leaves the draft as it is.
    pub fn keep(&self, id: &str, now: Instant) -> Result<Arc<Avatar>, Error> {
        self.expire(now);
        let taken = self.drafts().take(id);
        let Some(draft) = taken else {
            return Err(Error::NoDraft(id.chars().take(64).collect()));
        };
        match self.add(draft.package()) {
            Ok(avatar) => {
                self.avatars.release(id);
                Ok(avatar)
            }
            Err(error) => {
                self.drafts().put_back(draft);
                Err(error)
            }
        }
    }

    /// Forgets a draft; whether there was one.
    pub fn discard(&self, id: &str) -> bool {
        let taken = self.drafts().take(id).is_some();
        self.avatars.release(id);
        taken
    }

    /// Forgets the drafts whose time is over.
    pub fn expire(&self, now: Instant) {
        let gone = self.drafts().expire(now);
        self.release(&gone);
    }

    fn drafts(&self) -> MutexGuard<'_, Drafts> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, ids: &[String]) {
        for id in ids {
            self.avatars.release(id);
        }
    }

    /// Looks at a picture and packs it.
    fn make(&self, request: &Request<'_>, id: &str) -> Result<(Package, Report), Error> {
        check_consent(&request.consent)?;
        let (report, portrait) = self.with_analyser(|analyser| {
            let (report, framed) = look(analyser, request.picture, request.crop)?;
            let Some(framed) = framed.filter(|_| report.usable) else {
                return Ok((report, None));
            };
            let person = analyser.person(&framed.picture)?;
            Ok((report, Some(portrait(framed, person))))
        })?;
        let Some(portrait) = portrait else {
            return Err(Error::Unusable(Box::new(report)));
        };
        let meta = Meta {
            id: id.to_owned(),
            name: request.name.trim().to_owned(),
            description: "Made from a picture.".to_owned(),
            licence: "user-provided".to_owned(),
            voices: request.voice.map(str::to_owned).into_iter().collect(),
            consent: Some(request.consent.clone()),
            group: request.group.map(str::to_owned),
        };
        Ok((Package::new(meta, &portrait)?, report))
    }

    /// Adds the avatar under the first free id that its name gives.
    fn add(&self, package: &Package) -> Result<Arc<Avatar>, Error> {
        let base = slug(&package.meta().name);
        let mut id = base.clone();
        for number in 2..NAMESAKES {
            if !RESERVED.contains(&id.as_str()) && !self.is_taken(&id) {
                let package = if id == package.meta().id {
                    package.clone()
                } else {
                    package.renamed(&id)?
                };
                match self.avatars.add(package) {
                    // Somebody was faster.
                    Err(face::Error::Exists(_)) => {}
                    added => {
                        let avatar = added?;
                        tracing::info!(id = %avatar.id, "an avatar was made");
                        return Ok(avatar);
                    }
                }
            }
            id = format!("{base}-{number}");
        }
        Err(face::Error::Exists(base).into())
    }

    /// Whether an avatar or a group of looks has this id. A group keeps that of
    /// its first look when that is deleted.
    fn is_taken(&self, id: &str) -> bool {
        let named = |avatar: &Arc<Avatar>| avatar.id == id || avatar.group.as_deref() == Some(id);
        self.avatars.list().iter().any(named)
    }

    fn with_analyser<T>(
        &self,
        work: impl FnOnce(&mut Analyser) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // After a panic the networks are as good as before it.
        let mut analyser = self.analyser.lock().unwrap_or_else(PoisonError::into_inner);
        if analyser.is_none() {
            *analyser = Some(Analyser::load(&self.models)?);
        }
        match analyser.as_mut() {
            Some(analyser) => work(analyser),
            None => unreachable!("it was loaded"),
        }
    }
}

fn check_consent(consent: &Consent) -> Result<(), Error> {
    let within = |text: &str, longest: usize| {
        !text.trim().is_empty()
            && text.chars().count() <= longest
            && !text.chars().any(char::is_control)
    };
    if !within(&consent.by, LONGEST_NAME) {
        return Err(Error::Consent(
            "say who confirms that the person shown agrees, in up to 120 characters",
        ));
    }
    if !within(&consent.statement, LONGEST_STATEMENT) {
        return Err(Error::Consent(
            "say in up to 1000 characters what was agreed: an avatar needs the consent of the person shown",
        ));
    }
    Ok(())
}

/// Decodes, finds the face, frames it and judges it.
fn look(
    analyser: &mut Analyser,
    bytes: &[u8],
    crop: Option<Crop>,
) -> Result<(Report, Option<Framed>), Error> {
    let picture = match decode(bytes) {
        Ok(picture) => picture,
        Err(code) => return Ok((Report::refusal(code), None)),
    };
    let (width, height) = picture.dimensions();
    if crop.is_some_and(|crop| !crop.fits(width, height)) {
        return Err(Error::Crop);
    }
    let report = Report {
        width: width as usize,
        height: height as usize,
        ..Report::default()
    };
    // The user's crop is where to look; else everywhere.
    let (searched, corner) = match crop {
        Some(crop) => (
            image::imageops::crop_imm(&picture, crop.x, crop.y, crop.size, crop.size).to_image(),
            [crop.x as f32, crop.y as f32],
        ),
        None => (picture, [0.0; 2]),
    };
    let Some(searched) = frame::image(searched) else {
        return Ok((Report::refusal(Code::Damaged), None));
    };
    let faces = analyser.faces(&searched)?;
    let Some(face) = main_face(&faces) else {
        let code = if faces.is_empty() {
            Code::NoFace
        } else {
            Code::SeveralFaces
        };
        return Ok((report.with(&[code]), None));
    };

    let (inner_width, inner_height) = (searched.width() as u32, searched.height() as u32);
    let part = match crop {
        Some(crop) => Crop {
            x: 0,
            y: 0,
            size: crop.size,
        },
        None => Crop::around(&face.bounds, inner_width, inner_height),
    };
    let mut codes = judge::place(&face.bounds, part, [inner_width, inner_height]);
    let mut report = Report {
        face: Some(Seen {
            x: face.bounds.x + corner[0],
            y: face.bounds.y + corner[1],
            width: face.bounds.width,
            height: face.bounds.height,
            yaw: face.pose.yaw,
            pitch: face.pose.pitch,
            roll: face.pose.roll,
        }),
        crop: Some(Crop {
            x: part.x + corner[0] as u32,
            y: part.y + corner[1] as u32,
            size: part.size,
        }),
        ..report
    };
    let Some(searched) = RgbImage::from_raw(inner_width, inner_height, searched.into_pixels())
    else {
        return Ok((Report::refusal(Code::Damaged), None));
    };
    let Some(framed) = frame::image(part.take(&searched)) else {
        return Ok((Report::refusal(Code::FaceTooSmall), None));
    };
    drop(searched);
    let Some(face) = analyser.faces(&framed)?.into_iter().next() else {
        return Ok((report.with(&[Code::NoFace]), None));
    };
    let measures = Measures::of(&framed, &face);
    codes.extend(judge::face(&face, &measures));
    report = report.with(&codes);
    let framed = Framed {
        picture: framed,
        face: Box::new(face),
    };
    Ok((report, Some(framed)))
}

/// The one face, or the one that is much larger than the others (people in the
/// background).
fn main_face(faces: &[Face]) -> Option<&Face> {
    /// As tall as this part of the largest one, another face is one too many.
    const RIVAL: f32 = 0.4;
    let first = faces.first()?;
    let rivals = faces[1..]
        .iter()
        .any(|face| face.bounds.height > first.bounds.height * RIVAL);
    (!rivals).then_some(first)
}

fn portrait(framed: Framed, person: vision::Mask) -> Portrait {
    Portrait {
        landmarks: framed.face.landmarks.to_vec(),
        shapes: framed.face.shapes,
        person: Some(Mask {
            width: person.width,
            height: person.height,
            data: person.alpha,
        }),
        picture: Rgb {
            width: framed.picture.width(),
            height: framed.picture.height(),
            data: framed.picture.into_pixels(),
        },
        eyes_closed: None,
    }
}

/// An id of a name: `Ada Lovelace` is `ada-lovelace`.
fn slug(name: &str) -> String {
    const LONGEST: usize = 48;
    let mut id = String::new();
    for character in name.trim().chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            id.push(character);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    id.truncate(LONGEST);
    let id = id.trim_matches('-');
    if id.is_empty() {
        "avatar".to_owned()
    } else {
        id.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_ids() {
        for (name, id) in [
            ("Ada", "ada"),
            (" Ada  Lovelace! ", "ada-lovelace"),
            ("Zoë", "zo"),
            ("李", "avatar"),
            ("--", "avatar"),
        ] {
            assert_eq!(slug(name), id, "{name}");
        }
        assert!(slug(&"x-".repeat(100)).len() <= 48);
    }

    #[test]
    fn consent_must_say_who_and_what() {
        let consent = |by: &str, statement: &str| {
            check_consent(&Consent {
                by: by.to_owned(),
                statement: statement.to_owned(),
                at: String::new(),
            })
        };
        assert!(consent("Ada", "It is me.").is_ok());
        assert!(consent("", "It is me.").is_err());
        assert!(consent("Ada", " ").is_err());
        assert!(consent("Ada", &"x".repeat(2_000)).is_err());
        assert!(consent("A\nda", "It is me.").is_err());
    }
}
