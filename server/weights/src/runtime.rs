//! The ONNX Runtime library: found on disk, loaded once per process.
//!
//! The library is loaded at run time (never linked), so the server builds
//! without it and says clearly what to do when it is missing.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::OnceLock;

use ort::environment::Environment;

/// File name of the library inside a `lib` folder.
pub const FILE_NAME: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(windows) {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

/// Environment variable that names the library file itself.
pub const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No library file at any of the places where it may be.
    #[error(
        "ONNX Runtime was not found; looked at {}. \
         Run `visavis models fetch`, or set {PATH_VARIABLE} to the library file",
        list(.0)
    )]
    Missing(Vec<PathBuf>),
    /// The file is there but cannot be loaded as ONNX Runtime.
    #[error(
        "cannot load ONNX Runtime from {path}: {reason}. \
         Delete that file and run `visavis models fetch`, or set {PATH_VARIABLE} to \
         a library of version 1.24 or newer for this machine"
    )]
    Load {
        /// The file that was tried.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// Another library file is already loaded; a process can hold only one.
    #[error("ONNX Runtime is already loaded from {loaded}; {wanted} cannot be loaded beside it")]
    Other {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for.
        wanted: PathBuf,
    },
    /// [`environment`] was asked for before [`init`].
    #[error("ONNX Runtime is not loaded yet: call weights::runtime::init first")]
    NotLoaded,
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(", ")
}

struct Loaded {
    path: PathBuf,
    environment: Environment,
}

static LOADED: OnceLock<Loaded> = OnceLock::new();
/// Held while loading, so that two threads that start together load once.
static LOADING: Mutex<()> = Mutex::new(());

/// Loads the library at `path` (made absolute) and returns the process-wide
/// environment that every session is built in. Later calls with the same path
/// return the same environment at once. Telemetry is off.
pub fn init(path: &Path) -> Result<&'static Environment, Error> {
    let path = path
        .canonicalize()
        .map_err(|_| Error::Missing(vec![path.to_path_buf()]))?;
    let _guard = LOADING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(loaded) = LOADED.get() {
        return if loaded.path == path {
            Ok(&loaded.environment)
        } else {
            Err(Error::Other {
                loaded: loaded.path.clone(),
                wanted: path,
            })
        };
    }
    let failed = |reason: String| Error::Load {
        path: path.clone(),
        reason,
    };
    let environment = ort::init_from(&path)
        .map_err(|error| failed(error.to_string()))?
        .with_name("visavis")
        .with_telemetry(false)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    Ok(&LOADED
        .get_or_init(|| Loaded { path, environment })
        .environment)
}

/// The environment that [`init`] made; needed to build a session.
pub fn environment() -> Result<&'static Environment, Error> {
    LOADED
        .get()
        .map(|loaded| &loaded.environment)
        .ok_or(Error::NotLoaded)
}

/// Version and options that the loaded library was built with; empty before
/// [`init`].
pub fn build() -> &'static str {
    if LOADED.get().is_some() {
        ort::info()
    } else {
        ""
    }
}

/// Finds the library: `explicit` (a setting of the server) if given, else
/// `ORT_DYLIB_PATH`, else `lib` next to the executable, else `lib` in the
/// folder of models. A named file that does not exist is an error, never
/// passed over in silence.
pub fn locate(explicit: Option<&Path>, models: &Path) -> Result<PathBuf, Error> {
    let beside_executable = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(|folder| folder.join("lib")));
    search(
        explicit,
        std::env::var_os(PATH_VARIABLE).map(PathBuf::from),
        beside_executable,
        models,
    )
}

fn search(
    explicit: Option<&Path>,
    variable: Option<PathBuf>,
    beside_executable: Option<PathBuf>,
    models: &Path,
) -> Result<PathBuf, Error> {
    let named = explicit
        .map(Path::to_path_buf)
        .or(variable.filter(|path| !path.as_os_str().is_empty()));
    let places: Vec<PathBuf> = match named {
        Some(named) => vec![named],
        None => beside_executable
            .into_iter()
            .chain([models.join("lib")])
            .map(|folder| folder.join(FILE_NAME))
            .collect(),
    };
    match places.iter().find(|path| path.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(Error::Missing(places)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_is_not_replaced_by_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        std::fs::create_dir_all(models.join("lib")).unwrap();
        let fetched = models.join("lib").join(FILE_NAME);
        std::fs::write(&fetched, b"x").unwrap();
        assert_eq!(search(None, None, None, &models).unwrap(), fetched);

        let absent = folder.path().join("absent.so");
        for (explicit, variable) in [(Some(absent.as_path()), None), (None, Some(absent.clone()))] {
            let error = search(explicit, variable, None, &models).unwrap_err();
            assert!(matches!(&error, Error::Missing(places) if *places == [absent.clone()]));
            assert!(
                error.to_string().contains("visavis models fetch"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_folder_beside_the_executable_comes_before_the_models() {
        let folder = tempfile::tempdir().unwrap();
        let (beside, models) = (folder.path().join("lib"), folder.path().join("models"));
        for path in [&beside, &models.join("lib")] {
            std::fs::create_dir_all(path).unwrap();
            std::fs::write(path.join(FILE_NAME), b"x").unwrap();
        }
        let found = search(None, None, Some(beside.clone()), &models).unwrap();
        assert_eq!(found, beside.join(FILE_NAME));
    }

    #[test]
    fn a_file_that_is_no_library_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, b"not a library").unwrap();
        let error = init(&path).unwrap_err();
        assert!(matches!(error, Error::Load { .. }), "{error}");
        assert!(
            error.to_string().contains("visavis models fetch"),
            "{error}"
        );
    }
}
