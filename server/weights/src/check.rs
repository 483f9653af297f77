//! What `doctor` and `models` say about the folder of models.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use crate::fetch::megabytes;
use crate::manifest::{Group, Platform};
use crate::models::{self, Models};
use crate::runtime;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Works; something to know.
    Note,
    /// Will not work.
    Problem,
}

/// One thing looked at, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What was looked at and how it is; where it is not good, what to do.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Good => "ok",
            Level::Note => "note",
            Level::Problem => "problem",
        };
        write!(f, "{level:<8} {}", self.text)
    }
}

/// Looks at everything the server loads: the library (loading it), then every
/// file of weights. Files of optional groups may be missing, never wrong.
pub fn check(models: &Models, library: Option<&Path>) -> Vec<Finding> {
    let mut findings = vec![check_library(models, library)];
    let platform = Platform::current();
    for file in models
        .manifest()
        .files
        .iter()
        .filter(|file| file.fits(platform))
    {
        let name = file.path.display();
        let optional = file.group != Group::Default;
        let (level, text) = match models.verify(file) {
            Ok(_) => (
                Level::Good,
                format!("{name}: {} ({})", file.used_for, file.licence),
            ),
            Err(error @ models::Error::Missing { .. }) if optional => (
                Level::Note,
                format!("optional, for {}: {error}", file.used_for),
            ),
            Err(error) => (Level::Problem, error.to_string()),
        };
        let note = file.note.as_ref().filter(|_| level == Level::Good);
        findings.push(Finding { level, text });
        findings.extend(note.map(|note| Finding {
            level: Level::Note,
            text: format!("{name}: {note}"),
        }));
    }
    findings
}

fn check_library(models: &Models, library: Option<&Path>) -> Finding {
    let loaded = models.library(library).and_then(|path| {
        runtime::init(&path)
            .map(|_| path)
            .map_err(models::Error::from)
    });
    match loaded {
        Ok(path) => Finding {
            level: Level::Good,
            text: format!("ONNX Runtime: {} ({})", path.display(), runtime::build()),
        },
        Err(error) => Finding {
            level: Level::Problem,
            text: error.to_string(),
        },
    }
}

/// Prints every file of the manifest for this machine.
pub fn list(models: &Models, out: &mut dyn Write) -> io::Result<()> {
    for group in Group::ALL {
        writeln!(out, "{group}")?;
        for file in models.manifest().select(&[group]) {
            let state = match models.verify(file) {
                Ok(_) => "present",
                Err(models::Error::Missing { .. }) => "missing",
                Err(_) => "wrong",
            };
            let (path, size) = (file.path.display(), megabytes(file.size));
            writeln!(out, "  {state}  {path} ({size}): {}", file.used_for)?;
            writeln!(
                out,
                "           licence {}; origin {}",
                file.licence, file.origin
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::fs;

    /// SHA-256 of `abc`.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut text = "[[package]]\nid='p'\nregistry='npm'\nname='n'\nversion='1'\n".to_owned();
        for (name, group) in [("main", "default"), ("extra", "kokoro")] {
            write!(
                text,
                "[[file]]\npath='weights/{name}'\ngroup='{group}'\nsize=3\nsha256='{ABC}'\n\
                 parts=[{{package='p',member='m'}}]\nlicence='MIT'\norigin='o'\n\
                 used_for='speech'\nnote='mind this'\n"
            )
            .unwrap();
        }
        fs::create_dir(folder.path().join("weights")).unwrap();
        fs::write(folder.path().join("manifest.toml"), text).unwrap();
        folder
    }

    fn levels(findings: &[Finding], about: &str) -> Vec<Level> {
        let about = findings
            .iter()
            .filter(|finding| finding.text.contains(about));
        about.map(|finding| finding.level).collect()
    }

    #[test]
    fn missing_files_matter_only_where_they_are_needed() {
        let folder = folder();
        let models = Models::open(folder.path()).unwrap();
        let findings = check(&models, Some(&folder.path().join("absent.so")));
        assert_eq!(
            levels(&findings, "ONNX Runtime was not found"),
            [Level::Problem]
        );
        assert_eq!(levels(&findings, "weights/main"), [Level::Problem]);
        assert_eq!(levels(&findings, "weights/extra"), [Level::Note]);
        assert!(
            findings
                .iter()
                .all(|finding| finding.text.contains("visavis models fetch"))
        );
    }

    #[test]
    fn wrong_files_always_matter_and_notes_come_with_what_is_there() {
        let folder = folder();
        fs::write(folder.path().join("weights/main"), b"abc").unwrap();
        fs::write(folder.path().join("weights/extra"), b"xyz").unwrap();
        let models = Models::open(folder.path()).unwrap();
        let findings = check(&models, Some(&folder.path().join("absent.so")));
        assert_eq!(
            levels(&findings, "weights/main"),
            [Level::Good, Level::Note]
        );
        assert_eq!(levels(&findings, "weights/extra"), [Level::Problem]);

        let mut out = Vec::new();
        list(&models, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("present  weights/main (0.0 kB): speech"),
            "{text}"
        );
        assert!(text.contains("wrong  weights/extra"), "{text}");
    }
}
