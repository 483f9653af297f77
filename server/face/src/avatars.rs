//! The avatars there are: those drawn from code, those that come in packages,
//! and those that users make.

mod prepared;
mod shelf;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use media::seam::{RenderError, Renderer};
use media::{FaceControls, MediaTime, Picture};
use thiserror::Error;

use crate::ground::Ground;
use crate::neural::{self, Network};
use crate::package::{self, Package};
use crate::photo::{self, Figure};
use crate::scene::{Behind, Scene};
use crate::vector::{self, Cast};

use prepared::Prepared;

/// Why there is no renderer or preview.
#[derive(Debug, Error, PartialEq)]
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
    /// A number of the framing is out of its range.
    #[error("{0} must be from {start} to {end}", start = .1.start(), end = .1.end())]
    Framing(&'static str, std::ops::RangeInclusive<f32>),
    /// The file of a background cannot be read.
    #[error("the background cannot be read: {0}")]
    Decode(String),
    /// The background is no picture, or a clip that is not as large as the
    /// screen.
    #[error("the background is no whole picture, or no clip of this size")]
    Background,
    /// This avatar cannot stand before this background.
    #[error("the background of \"{id}\" cannot be replaced: {why}")]
    Fixed {
        /// The avatar.
        id: String,
        /// Why.
        why: &'static str,
    },
    /// The preview could not be written as PNG.
    #[error("the preview could not be encoded: {0}")]
    Png(String),
    /// Another avatar has this id.
    #[error("there is an avatar \"{0}\" already")]
    Exists(String),
    /// There is no folder for users' avatars, or the avatar is not in it.
    #[error("{0}")]
    ReadOnly(String),
    /// The package could not be written or removed.
    #[error(transparent)]
    Package(#[from] package::Error),
    /// A network cannot be given to an avatar.
    #[error(transparent)]
    Network(#[from] neural::Error),
}

/// How an avatar is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Drawn as curves, at any size.
    Vector,
    /// Animated from one picture.
    Photo,
}

impl Kind {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Photo => "photo",
        }
    }
}

/// Where an avatar comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Drawn by the program itself.
    BuiltIn,
    /// A package that comes with the product.
    Stock,
    /// A package that a user made.
    User,
    /// A package that is being looked at: it is not listed, and nothing of it
    /// is on disk.
    Draft,
}

/// What an avatar says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar {
    /// Stable identifier, such as `nora`.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// One sentence about the person shown.
    pub description: String,
    /// Licence of the artwork, SPDX, or `user-provided`.
    pub licence: String,
    /// How it is drawn.
    pub kind: Kind,
    /// Ids of voices that suit it, the best first.
    pub voices: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// The kind of network that repaints its mouth, if there is one.
    pub network: Option<neural::Kind>,
    /// Id of the avatar whose further look this is; `None` if it is the first.
    pub group: Option<String>,
    /// When the person shown agreed and it was made, RFC 3339; `None` for those
    /// that come with the product.
    pub made_at: Option<String>,
}

/// What it is drawn from.
#[derive(Clone)]
enum Art {
    Vector(Cast),
    Photo(Package),
}

#[derive(Clone)]
struct Entry {
    avatar: Arc<Avatar>,
    art: Art,
}

/// All avatars. Renderers that show the same avatar alike share what they have
/// in common, so keep one of these for the whole process.
pub struct Avatars {
    entries: RwLock<Vec<Entry>>,
    prepared: Prepared,
    /// Where users' packages are kept.
    user: Option<PathBuf>,
    /// Held while that folder is written, so that `entries` need not be.
    writing: Mutex<()>,
}

impl Default for Avatars {
    fn default() -> Self {
        Self {
            entries: RwLock::new(built_in()),
            prepared: Prepared::default(),
            user: None,
            writing: Mutex::default(),
        }
    }
}

fn built_in() -> Vec<Entry> {
    let drawn = |id: &str, name: &str, description: &str, voices: &[&str], cast| Entry {
        avatar: Arc::new(Avatar {
            id: id.into(),
            name: name.into(),
            description: description.into(),
            licence: "Apache-2.0".into(),
            kind: Kind::Vector,
            voices: voices.iter().map(|&voice| voice.into()).collect(),
            origin: Origin::BuiltIn,
            network: None,
            group: None,
            made_at: None,
        }),
        art: Art::Vector(cast),
    };
    vec![
        drawn(
            "nora",
            "Nora",
            "A woman with wavy dark hair in a teal blazer, before a warm backdrop.",
            &["af_heart", "af_bella", "bf_emma", "joe"],
            Cast::Nora,
        ),
        drawn(
            "leo",
            "Leo",
            "A man with short chestnut hair and a trimmed beard in a navy sweater, before a cool backdrop.",
            &["joe", "am_michael", "am_fenrir", "bm_george"],
            Cast::Leo,
        ),
    ]
}

impl Entry {
    fn of(package: Package, origin: Origin) -> Self {
        let meta = package.meta();
        Self {
            avatar: Arc::new(Avatar {
                id: meta.id.clone(),
                name: meta.name.clone(),
                description: meta.description.clone(),
                licence: meta.licence.clone(),
                kind: Kind::Photo,
                voices: meta.voices.clone(),
                origin,
                network: package.network().map(|(settings, _)| settings.kind),
                group: meta.group.clone(),
                made_at: meta.consent.as_ref().map(|consent| consent.at.clone()),
            }),
            art: Art::Photo(package),
        }
    }
}

impl Avatars {
    /// The avatars that are drawn from code.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These, and the packages in two folders: those that come with the
    /// product, and those of users, which is made if it is missing. A package
    /// that cannot be used, or whose id is taken, is told of and left out.
    #[must_use]
    pub fn open(stock: Option<&Path>, user: Option<&Path>) -> (Self, Vec<(PathBuf, Error)>) {
        let mut entries = built_in();
        let mut refused = Vec::new();
        if let Some(folder) = user {
            shelf::restore(folder);
        }
        for (folder, origin) in [(stock, Origin::Stock), (user, Origin::User)] {
            let Some(folder) = folder else { continue };
            for path in shelf::packages(folder) {
                match Package::read(&path) {
                    Ok(package) if taken(&entries, &package.meta().id) => {
                        let id = package.meta().id.clone();
                        refused.push((path, Error::Exists(id)));
                    }
                    Ok(package) => entries.push(Entry::of(package, origin)),
                    Err(error) => refused.push((path, error.into())),
                }
            }
        }
        let avatars = Self {
            entries: RwLock::new(entries),
            prepared: Prepared::default(),
            user: user.map(Path::to_owned),
            writing: Mutex::default(),
        };
        (avatars, refused)
    }

    /// What there is, without drafts.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Avatar>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        listed(&entries).cloned().collect()
    }

    /// The avatar with this id.
    ///
    /// # Errors
    /// [`Error::Unknown`], which names those there are.
    pub fn get(&self, id: &str) -> Result<Arc<Avatar>, Error> {
        self.find(id).map(|entry| entry.avatar)
    }

    fn find(&self, id: &str) -> Result<Entry, Error> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let found = entries.iter().find(|entry| entry.avatar.id == id);
        found.cloned().ok_or_else(|| Error::Unknown {
            id: id.chars().take(64).collect(),
            known: listed(&entries)
                .map(|avatar| avatar.id.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// Keeps a package among the users' avatars and lists it. Writes to disk.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::ReadOnly`] and [`Error::Package`].
    pub fn add(&self, package: Package) -> Result<Arc<Avatar>, Error> {
        let folder = self
            .user
            .as_ref()
            .ok_or_else(|| Error::ReadOnly("this server keeps no avatars of users".into()))?;
        let id = package.meta().id.clone();
        let _writing = self.writing();
        if self.find(&id).is_ok() {
            return Err(Error::Exists(id));
        }
        std::fs::create_dir_all(folder)
            .map_err(|e| package::Error::Io(format!("{}: {e}", folder.display())))?;
        let place = folder.join(&id);
        package.write_folder(&place)?;
        let entry = Entry::of(package, Origin::User);
        let avatar = entry.avatar.clone();
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        // A draft may have taken the id meanwhile.
        if taken(&entries, &id) {
            drop(entries);
            std::fs::remove_dir_all(&place).map_err(|e| shelf::io(&place, &e))?;
            return Err(Error::Exists(id));
        }
        entries.push(entry);
        Ok(avatar)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // What a panic leaves on disk is what a crash leaves.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a package in memory, for sessions that know its id. It is not
    /// listed.
    ///
    /// # Errors
    /// [`Error::Exists`].
    pub fn hold(&self, package: Package) -> Result<Arc<Avatar>, Error> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if taken(&entries, &package.meta().id) {
            return Err(Error::Exists(package.meta().id.clone()));
        }
        let entry = Entry::of(package, Origin::Draft);
        let avatar = entry.avatar.clone();
        entries.push(entry);
        Ok(avatar)
    }

    /// Lets go of a package that is held. Sessions that show it go on.
    pub fn release(&self, id: &str) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.avatar.origin != Origin::Draft || entry.avatar.id != id);
    }

    /// Forgets an avatar of a user and deletes its files. Sessions that show
    /// it go on.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::ReadOnly`] and [`Error::Package`].
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        let _writing = self.writing();
        let entry = self.find(id)?;
        let (Some(folder), Origin::User) = (&self.user, entry.avatar.origin) else {
            let why = match entry.avatar.origin {
                Origin::Draft => "is not kept yet",
                _ => "comes with the product and cannot be removed",
            };
            return Err(Error::ReadOnly(format!("\"{id}\" {why}")));
        };
        for path in shelf::of_id(folder, id) {
            shelf::delete(&path)?;
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.avatar.id != id);
        Ok(())
    }

    /// Gives a user's avatar a network that repaints its mouth, or takes it
    /// away. The network is tried out before anything is written.
    /// Sessions that show the avatar go on as they are.
    ///
    /// # Errors
    /// [`Error::Network`], [`Error::Unknown`], [`Error::ReadOnly`] and
    /// [`Error::Package`].
    pub fn attach(
        &self,
        id: &str,
        network: Option<(neural::Settings, Vec<u8>)>,
    ) -> Result<Option<neural::Trial>, Error> {
        self.find_own(id)?;
        let trial = match &network {
            Some((settings, bytes)) => {
                Some(Network::try_out(bytes, settings.kind, settings.range)?)
            }
            None => None,
        };
        let _writing = self.writing();
        // A trial takes a while: the avatar may be another one by now, or gone.
        let (folder, package) = self.find_own(id)?;
        let package = package.with_network(network)?;
        shelf::replace(folder, &package)?;
        let entry = Entry::of(package, Origin::User);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        for known in entries.iter_mut().filter(|known| known.avatar.id == id) {
            *known = entry.clone();
        }
        Ok(trial)
    }

    /// The folder of users' avatars, and the one of them with this id.
    fn find_own(&self, id: &str) -> Result<(&Path, Package), Error> {
        let entry = self.find(id)?;
        match (&self.user, entry.avatar.origin, entry.art) {
            (Some(folder), Origin::User, Art::Photo(package)) => Ok((folder.as_path(), package)),
            _ => Err(Error::ReadOnly(format!(
                "\"{id}\" is no avatar of a user and cannot be given a network"
            ))),
        }
    }

    /// Whether an avatar can be shown in a scene, without preparing it.
    ///
    /// # Errors
    /// [`Error::Unknown`], and what is wrong with the scene.
    pub fn check(&self, id: &str, scene: &Scene) -> Result<(), Error> {
        scene.check()?;
        match self.find(id)?.art {
            Art::Vector(_) => Ok(()),
            Art::Photo(package) => check_background(&package, scene),
        }
    }

    /// A renderer for one session. `seed` chooses the course of its idle life.
    /// An avatar whose network cannot be loaded is drawn without it.
    ///
    /// # Errors
    /// [`Error::Unknown`], and what is wrong with the scene.
    pub fn renderer(&self, id: &str, scene: &Scene, seed: u64) -> Result<Box<dyn Renderer>, Error> {
        scene.check()?;
        match self.find(id)?.art {
            Art::Vector(cast) => {
                let layers = self.prepared.layers(cast, scene.stage());
                let ground = Ground::of(scene);
                Ok(Box::new(vector::Presenter::new(layers, seed).on(ground)))
            }
            Art::Photo(package) => {
                check_background(&package, scene)?;
                let figure = self.prepared.figure(&package, scene.stage());
                let photo = photo::Presenter::new(figure, seed);
                let ground = Ground::of(scene);
                Ok(presenter(photo, ground, &package, |settings, bytes| {
                    self.prepared.network(&package, settings, bytes)
                }))
            }
        }
    }

    /// A renderer for a package that is not in the list: to look at what is
    /// being made. It is drawn as [`Avatars::renderer`] would.
    ///
    /// # Errors
    /// What is wrong with the scene.
    pub fn draft(package: &Package, scene: &Scene, seed: u64) -> Result<Box<dyn Renderer>, Error> {
        scene.check()?;
        check_background(package, scene)?;
        let figure = Arc::new(Figure::new(package.portrait(), &scene.stage()));
        let photo = photo::Presenter::new(figure, seed);
        let ground = Ground::of(scene);
        Ok(presenter(photo, ground, package, |settings, bytes| {
            Network::load(bytes, settings.kind, settings.range).map(Arc::new)
        }))
    }

    /// A square picture of the avatar with a slight smile, as PNG.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Size`] and [`Error::Png`].
    pub fn preview(&self, id: &str, size: usize) -> Result<Vec<u8>, Error> {
        use media::Blendshape::{MouthSmileLeft, MouthSmileRight};

        let scene = Scene::new(size, size);
        scene.check()?;
        match self.find(id)?.art {
            Art::Vector(cast) => {
                let mut face = FaceControls::rest(MediaTime::ZERO);
                face.set(MouthSmileLeft, 0.35);
                face.set(MouthSmileRight, 0.35);
                let layers = self.prepared.layers(cast, scene.stage());
                let mut presenter = vector::Presenter::new(layers, 0);
                presenter.show(&face);
                presenter
                    .frame()
                    .encode_png()
                    .map_err(|error| Error::Png(error.to_string()))
            }
            Art::Photo(package) => photo::preview(&package, size)
                .to_png()
                .map_err(|error| Error::Png(error.to_string())),
        }
    }
}

/// Draws a photo avatar, with its network if there is one and it loads.
fn presenter(
    photo: photo::Presenter,
    ground: Ground,
    package: &Package,
    load: impl FnOnce(&neural::Settings, &[u8]) -> Result<Arc<Network>, neural::Error>,
) -> Box<dyn Renderer> {
    let Some((settings, bytes)) = package.network() else {
        return Box::new(photo.on(ground));
    };
    match load(settings, bytes) {
        Ok(network) => Box::new(neural::Presenter::new(photo, network, settings, ground)),
        Err(error) => {
            let avatar = &package.meta().id;
            tracing::warn!(%error, avatar, "the avatar's network cannot be used; its mouth is drawn without it");
            Box::new(photo.on(ground))
        }
    }
}

fn listed(entries: &[Entry]) -> impl Iterator<Item = &Arc<Avatar>> {
    let avatars = entries.iter().map(|entry| &entry.avatar);
    avatars.filter(|avatar| avatar.origin != Origin::Draft)
}

fn taken(entries: &[Entry], id: &str) -> bool {
    entries.iter().any(|entry| entry.avatar.id == id)
}

fn check_background(package: &Package, scene: &Scene) -> Result<(), Error> {
    if scene.stage().behind == Behind::Own || package.portrait().person.is_some() {
        return Ok(());
    }
    Err(Error::Fixed {
        id: package.meta().id.clone(),
        why: "its package holds no alpha of the person",
    })
}

/// That a picture has the size that a renderer draws.
pub(crate) fn check_picture(
    picture: &Picture,
    (width, height): (usize, usize),
) -> Result<(), RenderError> {
    if (picture.width(), picture.height()) == (width, height) {
        return Ok(());
    }
    Err(RenderError(
        format!(
            "the picture is {}x{}, the presenter draws {width}x{height}",
            picture.width(),
            picture.height()
        )
        .into(),
    ))
}
