//! The manifest of this repository against what it lists. Needs the fetched
//! files; `./test` fetches them first.

use weights::manifest::{Group, Manifest, Platform};
use weights::{Level, Models};

fn models() -> Models {
    Models::open(weights::directory()).expect("the repository has a manifest")
}

#[test]
fn every_listed_file_is_there_right_and_loadable() {
    let models = models();
    let findings = weights::check(&models, Some(&models.library(None).unwrap()));
    let bad: Vec<String> = findings
        .iter()
        .filter(|finding| finding.level == Level::Problem || finding.text.contains("is missing"))
        .map(ToString::to_string)
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    let loaded = &findings[0].text;
    assert!(loaded.contains("ORT Build Info"), "{loaded}");
}

#[test]
fn each_platform_has_a_library_of_its_own() {
    let manifest = Manifest::read(models().directory()).unwrap();
    for platform in [Platform::LinuxX86, Platform::LinuxArm, Platform::MacArm] {
        let libraries: Vec<_> = manifest
            .files
            .iter()
            .filter(|file| file.platform == Some(platform) && file.group == Group::Default)
            .collect();
        assert_eq!(libraries.len(), 1, "{platform:?}");
        assert!(libraries[0].path.starts_with("lib"), "{platform:?}");
    }
}

#[test]
fn every_file_names_its_origin_and_fetched_ones_lie_in_ignored_folders() {
    for file in &models().manifest().files {
        let path = file.path.display();
        for text in [&file.licence, &file.origin, &file.used_for] {
            assert!(!text.trim().is_empty(), "{path}");
        }
        let ignored = file.path.starts_with("weights") || file.path.starts_with("lib");
        assert_eq!(ignored, !file.parts.is_empty(), "{path}");
    }
}

#[test]
fn the_default_voice_says_what_is_disputed_about_it() {
    let models = models();
    let voice = models
        .manifest()
        .file("piper-joe/en_US-joe-medium.onnx".as_ref())
        .unwrap();
    let note = voice.note.as_deref().unwrap();
    assert!(
        note.contains("lessac") && note.contains("--group kokoro"),
        "{note}"
    );
}
