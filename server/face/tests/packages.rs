//! Packages from outside: what is whole is read back as it was, whatever is
//! not is refused with a reason and leaves nothing behind.

#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use face::package::{Consent, Error, Mask, Meta, Portrait};
use face::{Avatars, Package, Scene};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

#[path = "common/sitter.rs"]
mod sitter;

static PACKAGE: LazyLock<Package> = LazyLock::new(|| {
    Package::new(sitter::meta("sitter"), &sitter::portrait()).expect("the sitter is a person")
});
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| PACKAGE.to_bytes().expect("it is small"));

/// The files of the package by name.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(BYTES.as_slice())).unwrap();
    (0..archive.len())
        .map(|i| {
            let mut file = archive.by_index(i).unwrap();
            let mut bytes = Vec::new();
            std::io::copy(&mut file, &mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The package with its manifest rewritten.
fn rewritten(from: &str, to: &str) -> Vec<u8> {
    let mut files = files();
    let manifest = &mut files
        .iter_mut()
        .find(|(name, _)| name == "avatar.toml")
        .unwrap()
        .1;
    let text = String::from_utf8(manifest.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    *manifest = text.replacen(from, to, 1).into_bytes();
    zip(&files)
}

fn refusal(bytes: &[u8]) -> String {
    Package::from_bytes(bytes)
        .expect_err("it must be refused")
        .to_string()
}

#[test]
fn what_is_written_is_read_back() {
    let mut meta = sitter::meta("ada-2");
    meta.consent = Some(Consent {
        by: "Ada".into(),
        statement: "I am the person in the picture.".into(),
        at: "2026-01-02T03:04:05Z".into(),
    });
    let mut portrait = sitter::portrait();
    portrait.shapes[media::Blendshape::MouthSmileLeft.index()] = 0.25;
    portrait.eyes_closed = Some(portrait.picture.clone());
    let package = Package::new(meta.clone(), &portrait).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("ada");
    package.write_folder(&place).unwrap();
    let zip = folder.path().join("ada.avatar");
    std::fs::write(&zip, package.to_bytes().unwrap()).unwrap();
    for read in [Package::read(&place).unwrap(), Package::read(&zip).unwrap()] {
        assert_eq!(read.meta(), &meta);
        assert_eq!(read.portrait(), package.portrait());
        assert_eq!(read.portrait().landmarks, portrait.landmarks);
        assert_eq!(read.portrait().shapes, portrait.shapes);
        assert_eq!(read.portrait().person, portrait.person);
        assert_eq!(read.to_bytes().unwrap(), package.to_bytes().unwrap());
    }
    // It is not written over another.
    assert!(matches!(package.write_folder(&place), Err(Error::Io(_))));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../avatar.toml", "/etc/passwd", "a/picture.jpg", "run.sh"] {
        let mut files = files();
        files.push((name.into(), b"x".to_vec()));
        assert_eq!(
            refusal(&zip(&files)),
            format!("the package holds '{name}', which does not belong into one")
        );
    }
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    // 300 MB of zeros in 300 kB.
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("picture.jpg", SimpleFileOptions::default())
        .unwrap();
    for _ in 0..300 {
        zip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20);
    assert_eq!(
        refusal(&bytes),
        format!("picture.jpg is larger than {} bytes", 40 << 20)
    );
}

#[test]
fn a_picture_that_unfolds_too_far_is_refused() {
    let mut files = files();
    let mut bomb = Vec::new();
    image::GrayImage::new(20_000, 3_000)
        .write_to(&mut Cursor::new(&mut bomb), image::ImageFormat::Png)
        .unwrap();
    // With its hash in the manifest, so that it is looked at.
    let hash = |bytes: &[u8]| {
        use sha2::Digest;
        sha2::Sha256::digest(bytes)
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    };
    let old = files.iter().find(|(name, _)| name == "person.png").unwrap();
    let (old, new) = (hash(&old.1), hash(&bomb));
    for (name, bytes) in &mut files {
        if name == "person.png" {
            bytes.clone_from(&bomb);
        } else if name == "avatar.toml" {
            *bytes = String::from_utf8_lossy(bytes).replace(&old, &new).into();
        }
    }
    let why = refusal(&zip(&files));
    assert!(why.starts_with("person.png cannot be used"), "{why}");
}

#[test]
fn every_other_fault_has_its_own_words() {
    assert_eq!(
        refusal(&rewritten("format = 1", "format = 2")),
        "the package has format 2, this program reads format 1"
    );
    assert!(refusal(&rewritten("kind = \"photo\"", "kind = \"hologram\"")).contains("'hologram'"));
    assert!(refusal(&rewritten("id = \"sitter\"", "id = \"../x\"")).starts_with("id must be"));
    assert!(refusal(&rewritten("name = ", "nick = \"x\"\nname = ")).contains("unknown field"));
    assert!(
        refusal(&rewritten("[calibration]", "[calibration]\njawOpen = nan")).contains("0 to 1")
    );
    assert!(
        refusal(&rewritten("[calibration]", "[calibration]\njawJaw = 0.1"))
            .contains("there is no blendshape 'jawJaw'")
    );
    assert_eq!(
        refusal(&rewritten("\"person.png\" = \"", "\"person.png\" = \"0")),
        "person.png is not the file that avatar.toml lists (its SHA-256 differs)"
    );
    for name in ["landmarks.f32", "picture.jpg", "avatar.toml"] {
        let mut files = files();
        files.retain(|(file, _)| file != name);
        let why = refusal(&zip(&files));
        assert!(why.contains(name), "{why}");
    }
    assert!(refusal(b"no zip at all").starts_with("this is no avatar package"));
}

#[test]
fn portraits_that_are_no_faces_are_refused() {
    let made = |change: &dyn Fn(&mut Portrait)| {
        let mut portrait = sitter::portrait();
        change(&mut portrait);
        Package::new(sitter::meta("x"), &portrait)
            .expect_err("it must be refused")
            .to_string()
    };
    for value in [f32::NAN, f32::INFINITY, 1e30, -4000.0] {
        let why = made(&|p| p.landmarks[100][0] = value);
        assert!(why.starts_with("the landmarks cannot be used"), "{why}");
    }
    made(&|p| p.landmarks.truncate(468));
    made(&|p| p.landmarks.iter_mut().for_each(|point| point[0] = 100.0));
    made(&|p| {
        p.landmarks
            .iter_mut()
            .for_each(|point| point[0] = 320.0 - point[0]);
    });
    made(&|p| {
        p.landmarks
            .iter_mut()
            .for_each(|point| point[1] = 320.0 - point[1]);
    });
    made(&|p| p.picture.data.truncate(100));
    made(&|p| p.picture.width = usize::MAX);
    made(&|p| p.shapes[3] = f32::NAN);
    let why = made(&|p| {
        p.person = Some(Mask {
            width: 10,
            height: 10,
            data: vec![0; 100],
        });
    });
    assert_eq!(
        why,
        "the person's alpha cannot be used: it has 10x10 pixels, the picture 320x320"
    );
}

#[test]
fn descriptions_are_checked() {
    let made = |change: &dyn Fn(&mut Meta)| {
        let mut meta = sitter::meta("x");
        change(&mut meta);
        Package::new(meta, &sitter::portrait()).is_err()
    };
    assert!(!made(&|_| ()));
    for id in ["", "A", "a b", "a/b", "..", &"x".repeat(65)] {
        assert!(made(&|m| m.id = id.into()), "{id}");
    }
    assert!(made(&|m| m.name = " ".into()));
    assert!(made(&|m| m.name = "a\nb".into()));
    assert!(made(&|m| m.description = "x".repeat(401)));
    assert!(made(&|m| m.voices = vec!["x".into(); 17]));
    assert!(made(&|m| {
        m.consent = Some(Consent {
            by: "Ada".into(),
            statement: String::new(),
            at: "now".into(),
        });
    }));
}

#[test]
fn a_link_in_a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("linked");
    PACKAGE.write_folder(&place).unwrap();
    std::fs::remove_file(place.join("picture.jpg")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", place.join("picture.jpg")).unwrap();
    assert!(matches!(Package::read(&place), Err(Error::NotAFile(_))));
}

#[test]
fn avatars_come_and_go_at_run_time() {
    let folder = tempfile::tempdir().unwrap();
    let (stock, user) = (folder.path().join("stock"), folder.path().join("user"));
    std::fs::create_dir(&stock).unwrap();
    let other = Package::new(sitter::meta("other"), &sitter::portrait()).unwrap();
    other.write_folder(&stock.join("other")).unwrap();
    std::fs::create_dir(stock.join("broken")).unwrap();
    std::fs::write(stock.join("broken/avatar.toml"), "format = 1").unwrap();
    let open = || Avatars::open(Some(&stock), Some(&user));
    let ids = |avatars: &Avatars| -> Vec<String> {
        avatars.list().iter().map(|a| a.id.clone()).collect()
    };

    let (avatars, refused) = open();
    assert_eq!(ids(&avatars), ["nora", "leo", "other"]);
    assert_eq!(refused.len(), 1);
    avatars.add(PACKAGE.clone()).unwrap();
    assert_eq!(ids(&avatars), ["nora", "leo", "other", "sitter"]);
    assert_eq!(
        avatars.add(PACKAGE.clone()).unwrap_err(),
        face::Error::Exists("sitter".into())
    );
    let mut running = avatars
        .renderer("sitter", &Scene::new(256, 256), 1)
        .unwrap();

    // It is there after a restart, and gone for good when it is removed.
    let (again, _) = open();
    assert_eq!(ids(&again), ["nora", "leo", "other", "sitter"]);
    avatars.remove("sitter").unwrap();
    assert!(avatars.get("sitter").is_err());
    let (again, _) = open();
    assert_eq!(ids(&again), ["nora", "leo", "other"]);
    for id in ["nora", "other"] {
        assert!(matches!(avatars.remove(id), Err(face::Error::ReadOnly(_))));
    }
    assert!(matches!(
        Avatars::new().add(PACKAGE.clone()),
        Err(face::Error::ReadOnly(_))
    ));

    // A session that shows it goes on.
    let mut picture = media::Picture::black(256, 256);
    running
        .render(
            &media::FaceControls::rest(media::MediaTime::ZERO),
            &mut picture,
        )
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is cut off or changed, reading ends in an answer; and what is
    /// still accepted holds the pictures of the package.
    #[test]
    fn damaged_packages_never_panic(
        cut in any::<prop::sample::Index>(),
        at in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        whole in any::<bool>(),
    ) {
        let mut bytes = BYTES.clone();
        for (index, value) in at {
            let length = bytes.len();
            bytes[index.index(length)] = value;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(read) = Package::from_bytes(&bytes) {
            prop_assert_eq!(&read.portrait().picture, &PACKAGE.portrait().picture);
        }
    }
}
