//! The folder of models, and the rule that only listed files are loaded.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::hash::Sha256;
use crate::manifest::{self, File, Manifest};
use crate::runtime;
use crate::stamps::Stamps;

/// Why a file of weights is not handed out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no usable manifest.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// The file is listed but not on disk.
    #[error("{path} is missing. {advice}")]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// What to do.
        advice: String,
    },
    /// The file on disk is not the listed one.
    #[error("{path} is not the file that the list of models names ({difference}). {advice}")]
    Different {
        /// The file.
        path: PathBuf,
        /// How it differs.
        difference: String,
        /// What to do.
        advice: String,
    },
    /// The file is not in the manifest, so its origin and licence are unknown.
    #[error(
        "{0} is not in the list of models, so its origin and licence are unknown. \
         Add it to manifest.toml, or allow unlisted models in the server's settings"
    )]
    Unlisted(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// ONNX Runtime was not found.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
}

/// What to do about a file that is missing or wrong.
pub(crate) fn advice(file: &File) -> String {
    if file.parts.is_empty() {
        "It is part of the source code: restore it with `git checkout`".to_owned()
    } else {
        format!("Run `visavis models fetch --group {}`", file.group)
    }
}

/// A folder of models with its manifest.
#[derive(Debug)]
pub struct Models {
    directory: PathBuf,
    manifest: Manifest,
    allow_unlisted: bool,
    stamps: Mutex<Stamps>,
}

impl Models {
    /// Opens a folder that holds a `manifest.toml`; see [`crate::directory`].
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        let directory = directory.into();
        let manifest = Manifest::read(&directory)?;
        let stamps = Mutex::new(Stamps::load(&directory));
        Ok(Self {
            directory,
            manifest,
            allow_unlisted: false,
            stamps,
        })
    }

    /// Hands out files that the manifest does not list, too: a voice of the
    /// user's own, say. Listed files are still verified.
    #[must_use]
    pub fn allow_unlisted(mut self, allow: bool) -> Self {
        self.allow_unlisted = allow;
        self
    }

    /// The folder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The verified path of the file that the manifest calls `name`: its path
    /// without `weights/`, as in `piper-joe/en_US-joe-medium.onnx`.
    ///
    /// With [`allow_unlisted`](Self::allow_unlisted) any other path is looked
    /// for in `weights/` (an absolute one is taken as it is) and handed out
    /// unverified.
    pub fn file(&self, name: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let name = name.as_ref();
        if let Some(file) = self.manifest.file(name) {
            return self.verify(file);
        }
        let path = self.directory.join("weights").join(name);
        if !self.allow_unlisted {
            return Err(Error::Unlisted(name.to_path_buf()));
        }
        if !path.is_file() {
            let advice = "Put the file there, or name another one".to_owned();
            return Err(Error::Missing { path, advice });
        }
        Ok(path)
    }

    /// The ONNX Runtime library: `explicit` or wherever [`runtime::locate`]
    /// finds it; verified if it is the one in this folder. A library that the
    /// user names or installs beside the server is theirs to vouch for.
    pub fn library(&self, explicit: Option<&Path>) -> Result<PathBuf, Error> {
        let path = runtime::locate(explicit, &self.directory)?;
        match path
            .strip_prefix(&self.directory)
            .ok()
            .and_then(|name| self.manifest.file(name))
        {
            Some(file) => self.verify(file),
            None => Ok(path),
        }
    }

    /// Checks a listed file against the manifest: the size always, the hash
    /// unless an unchanged file was hashed before.
    pub fn verify(&self, file: &File) -> Result<PathBuf, Error> {
        let path = self.directory.join(&file.path);
        let metadata = match path.metadata() {
            Ok(metadata) if metadata.is_file() => metadata,
            _ => {
                return Err(Error::Missing {
                    path,
                    advice: advice(file),
                });
            }
        };
        let different = |path: PathBuf, difference: String| {
            Err(Error::Different {
                path,
                difference,
                advice: advice(file),
            })
        };
        if metadata.len() != file.size {
            let difference = format!("{} bytes instead of {}", metadata.len(), file.size);
            return different(path, difference);
        }
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        match stamps.hash(&path, &metadata) {
            Ok(sha256) if sha256 == file.sha256 => Ok(path),
            Ok(sha256) => different(path, format!("SHA-256 {sha256} instead of {}", file.sha256)),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Notes that a file just written has this hash.
    pub(crate) fn remember(&self, path: &Path, sha256: Sha256) {
        if let Ok(metadata) = path.metadata() {
            let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
            stamps.remember(path, &metadata, sha256);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// SHA-256 of `abc`.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn folder() -> (tempfile::TempDir, Models) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("weights/v")).unwrap();
        let text = format!(
            "[[package]]\nid='p'\nregistry='npm'\nname='n'\nversion='1'\n\
             [[file]]\npath='weights/v/a'\ngroup='kokoro'\nsize=3\nsha256='{ABC}'\n\
             parts=[{{package='p',member='a'}}]\nlicence='MIT'\norigin='o'\nused_for='u'\n"
        );
        fs::write(folder.path().join("manifest.toml"), text).unwrap();
        let models = Models::open(folder.path()).unwrap();
        (folder, models)
    }

    #[test]
    fn a_listed_file_is_handed_out_only_if_it_is_the_right_one() {
        let (folder, models) = folder();
        let path = folder.path().join("weights/v/a");
        let error = models.file("v/a").unwrap_err();
        assert!(
            error.to_string().contains("models fetch --group kokoro"),
            "{error}"
        );
        fs::write(&path, b"ab").unwrap();
        assert!(
            models
                .file("v/a")
                .unwrap_err()
                .to_string()
                .contains("2 bytes instead of 3")
        );
        fs::write(&path, b"xyz").unwrap();
        assert!(
            models
                .file("v/a")
                .unwrap_err()
                .to_string()
                .contains("SHA-256")
        );
        fs::write(&path, b"abc").unwrap();
        // Written so soon after that a coarse clock may not show it.
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_eq!(models.file("v/a").unwrap(), path);
    }

    #[test]
    fn unlisted_files_need_permission_and_permission_does_not_skip_the_check() {
        let (folder, models) = folder();
        fs::write(folder.path().join("weights/v/own"), b"x").unwrap();
        fs::write(folder.path().join("weights/v/a"), b"xyz").unwrap();
        assert!(matches!(models.file("v/own"), Err(Error::Unlisted(_))));
        let models = models.allow_unlisted(true);
        assert_eq!(
            models.file("v/own").unwrap(),
            folder.path().join("weights/v/own")
        );
        assert!(matches!(models.file("v/other"), Err(Error::Missing { .. })));
        assert!(matches!(models.file("v/a"), Err(Error::Different { .. })));
    }

    #[test]
    fn a_folder_without_a_manifest_says_how_to_name_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = Models::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("VISAVIS_MODELS"), "{error}");
    }
}
