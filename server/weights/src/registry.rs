//! Packages are taken with the ordinary client of their registry, so that the
//! mirrors, proxies, caches and certificates a user has set up are used.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::manifest::{Package, Registry};

/// Why a package was not downloaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry's client is not on this machine.
    #[error("{registry} packages are needed, but {hint}")]
    NoClient {
        /// Which registry.
        registry: Registry,
        /// What is missing and how to get it.
        hint: &'static str,
    },
    /// The client could not be started.
    #[error("cannot start {client}: {source}")]
    Start {
        /// The command.
        client: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The client ran and failed.
    #[error(
        "{client} could not download {package}:\n{output}\n\
         Check the network, or the mirror and proxy that {client} is set up with; \
         then run this again, finished files are kept"
    )]
    Failed {
        /// The command.
        client: &'static str,
        /// The package.
        package: Box<Package>,
        /// The last lines it printed.
        output: String,
    },
    /// The disk is full.
    #[error("no space left on the disk while downloading {0}")]
    DiskFull(Box<Package>),
}

/// Takes packages from registries. Tests use a fake one.
pub trait Client {
    /// Downloads the archive of `package`, and nothing else, into the empty
    /// folder `into`.
    fn download(&self, package: &Package, into: &Path) -> Result<(), Error>;
}

/// pip and npm.
#[derive(Debug, Default, Clone, Copy)]
pub struct Installed;

impl Client for Installed {
    fn download(&self, package: &Package, into: &Path) -> Result<(), Error> {
        let mut command = match package.registry {
            Registry::Pypi => pip(package, into)?,
            Registry::Npm => npm(package, into)?,
        };
        run(&mut command, package)
    }
}

fn pip(package: &Package, into: &Path) -> Result<Command, Error> {
    let candidates: [&[&str]; 4] = [
        &["python3", "-m", "pip"],
        &["pip3"],
        &["pip"],
        &["python", "-m", "pip"],
    ];
    let hint = "pip was not found (on Debian and Ubuntu: apt-get install python3-pip)";
    let client = candidates
        .into_iter()
        .find(|words| answers(words))
        .ok_or(Error::NoClient {
            registry: Registry::Pypi,
            hint,
        })?;
    let mut command = start_of(client);
    command
        .args([
            "download",
            "--no-input",
            "--disable-pip-version-check",
            "--progress-bar=off",
        ])
        .args(["--no-deps", "--only-binary=:all:", "--dest"])
        .arg(into)
        // Nothing is installed, so a machine that insists on virtual
        // environments has no reason to refuse.
        .env("PIP_REQUIRE_VIRTUALENV", "false");
    if let Some(wheel) = &package.wheel {
        // Named in full, so that every machine takes the same file, whichever
        // Python it has. The library inside does not depend on Python.
        command.args([
            "--platform",
            wheel,
            "--implementation",
            "cp",
            "--python-version",
            "3.11",
        ]);
    }
    command.arg(format!("{}=={}", package.name, package.version));
    Ok(command)
}

fn npm(package: &Package, into: &Path) -> Result<Command, Error> {
    let hint =
        "npm was not found (it comes with Node.js; on Debian and Ubuntu: apt-get install npm)";
    if !answers(&["npm"]) {
        return Err(Error::NoClient {
            registry: Registry::Npm,
            hint,
        });
    }
    let mut command = start_of(&["npm"]);
    command
        .args([
            "pack",
            "--ignore-scripts",
            "--no-progress",
            "--no-update-notifier",
        ])
        .arg("--pack-destination")
        .arg(into)
        .arg(format!("{}@{}", package.name, package.version));
    Ok(command)
}

fn start_of(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

fn answers(words: &[&str]) -> bool {
    let silent = || Stdio::null();
    let status = start_of(words)
        .arg("--version")
        .stdout(silent())
        .stderr(silent())
        .status();
    status.is_ok_and(|status| status.success())
}

fn run(command: &mut Command, package: &Package) -> Result<(), Error> {
    let client = match package.registry {
        Registry::Pypi => "pip",
        Registry::Npm => "npm",
    };
    let output = match command.output() {
        Ok(output) => output,
        Err(source) => return Err(Error::Start { client, source }),
    };
    if output.status.success() {
        return Ok(());
    }
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let said = said.concat();
    let package = Box::new(package.clone());
    if said.contains("No space left on device") || said.contains("ENOSPC") {
        return Err(Error::DiskFull(package));
    }
    Err(Error::Failed {
        client,
        package,
        output: excerpt(&said),
    })
}

/// The part of what a client printed that says what went wrong: from its first
/// line about an error, or else the end.
fn excerpt(said: &str) -> String {
    const LINES: usize = 6;
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let end = lines.len().saturating_sub(LINES);
    let error = lines
        .iter()
        .position(|line| line.to_ascii_lowercase().contains("error"));
    let start = error.unwrap_or(end);
    let shown: Vec<String> = lines
        .iter()
        .skip(start)
        .take(LINES)
        .map(|line| format!("  {line}"))
        .collect();
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        Package {
            id: "p".into(),
            registry: Registry::Pypi,
            name: "some-package".into(),
            version: "1.0".into(),
            wheel: None,
        }
    }

    fn failing(script: &str) -> Error {
        run(start_of(&["sh"]).args(["-c", script]), &package()).unwrap_err()
    }

    #[test]
    fn a_failing_client_is_quoted_where_it_says_why() {
        let error = failing("seq 20; echo 'no such host' >&2; exit 1").to_string();
        assert!(
            error.contains("pip could not download some-package 1.0 (PyPI)"),
            "{error}"
        );
        assert!(
            error.contains("no such host") && error.contains("Check the network"),
            "{error}"
        );
        assert!(
            error.contains("  20\n") && !error.contains("  10\n"),
            "{error}"
        );

        let error = failing("echo 'ERROR: refused'; seq 20; exit 1").to_string();
        assert!(
            error.contains("refused\n  1\n") && !error.contains("  10\n"),
            "{error}"
        );
    }

    #[test]
    fn a_full_disk_and_a_missing_client_are_told_apart_from_the_network() {
        let error = failing("echo 'OSError: [Errno 28] No space left on device'; exit 1");
        assert!(matches!(error, Error::DiskFull(_)));
        let error = run(&mut start_of(&["visavis-absent-client"]), &package()).unwrap_err();
        assert!(matches!(error, Error::Start { .. }));
        assert!(!answers(&["visavis-absent-client"]));
    }

    #[test]
    fn pip_takes_one_exact_binary_and_installs_nothing() {
        let package = Package {
            wheel: Some("manylinux_2_28_x86_64".into()),
            ..package()
        };
        let command = pip(&package, Path::new("into")).unwrap();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let line = words.join(" ");
        assert!(
            line.contains("download") && line.contains("--no-deps"),
            "{line}"
        );
        assert!(line.contains("--platform manylinux_2_28_x86_64"), "{line}");
        assert!(line.ends_with("some-package==1.0"), "{line}");
    }
}
