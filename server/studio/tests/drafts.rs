//! Avatars that are looked at before they are kept, or not.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Instant;

use common::{opened, portrait_file, request};
use face::{Avatars, Scene};
use studio::{DRAFT_LIFE, Error, MOST_DRAFTS, Studio};

struct House {
    folder: tempfile::TempDir,
    avatars: Arc<Avatars>,
    studio: Studio,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (avatars, refused) = Avatars::open(None, Some(folder.path()));
        assert!(refused.is_empty());
        let avatars = Arc::new(avatars);
        let studio = Studio::new(opened(), avatars.clone());
        Self {
            folder,
            avatars,
            studio,
        }
    }

    fn draft(&self, name: &str, now: Instant) -> String {
        let picture = portrait_file();
        let made = self.studio.draft(&request(&picture, name), now).unwrap();
        made.avatar.id.clone()
    }

    fn listed(&self, id: &str) -> bool {
        self.avatars.list().iter().any(|avatar| avatar.id == id)
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count()
    }
}

#[test]
fn a_draft_can_be_shown_but_is_neither_listed_nor_written() {
    let house = House::new();
    let id = house.draft("Ada", Instant::now());
    assert!(house.avatars.get(&id).is_ok());
    let scene = Scene::new(256, 256);
    house.avatars.renderer(&id, &scene, 1).unwrap();
    assert!(!house.listed(&id));
    let unknown = house.avatars.get("nobody").unwrap_err().to_string();
    assert!(!unknown.contains(&id), "{unknown}");
    assert!(house.avatars.remove(&id).is_err(), "there is no file of it");
    assert_eq!(house.files(), 0);

    assert!(house.studio.discard(&id));
    assert!(!house.studio.discard(&id));
    assert!(house.avatars.get(&id).is_err());
    assert_eq!(house.files(), 0);
}

#[test]
fn a_kept_draft_is_an_avatar_like_any_other() {
    let house = House::new();
    let now = Instant::now();
    let id = house.draft("Ada", now);
    let kept = house.studio.keep(&id, now).unwrap();
    assert_eq!(kept.id, "ada");
    assert!(house.listed("ada") && house.avatars.get(&id).is_err());
    let package = face::Package::read(&house.folder.path().join("ada")).unwrap();
    assert_eq!(package.meta().consent.as_ref().unwrap().by, "Maya");
    assert!(matches!(
        house.studio.keep(&id, now),
        Err(Error::NoDraft(_))
    ));
    house.avatars.remove("ada").unwrap();
    assert_eq!(house.files(), 0);
}

#[test]
fn drafts_expire_and_the_oldest_make_room() {
    let house = House::new();
    let start = Instant::now();
    let first = house.draft("Ada", start);
    let others: Vec<_> = (1..MOST_DRAFTS)
        .map(|_| house.draft("Ada", start + DRAFT_LIFE / 2))
        .collect();
    assert!(house.avatars.get(&first).is_ok());
    let last = house.draft("Ada", start + DRAFT_LIFE / 2);
    assert!(house.avatars.get(&first).is_err(), "it made room");
    assert!(others.iter().all(|id| house.avatars.get(id).is_ok()));

    let end = start + DRAFT_LIFE / 2 + DRAFT_LIFE;
    house.studio.expire(
        end.checked_sub(std::time::Duration::from_millis(1))
            .unwrap(),
    );
    assert!(house.avatars.get(&last).is_ok());
    assert!(matches!(
        house.studio.keep(&last, end),
        Err(Error::NoDraft(_))
    ));
    for id in others.iter().chain([&last]) {
        assert!(house.avatars.get(id).is_err());
    }
    assert_eq!(house.files(), 0);
}

#[test]
fn addresses_of_the_api_are_no_ids() {
    let house = House::new();
    let picture = portrait_file();
    for (name, id) in [
        ("Check", "check-2"),
        ("Looks", "looks-2"),
        ("Public", "public-2"),
        ("Train", "train-2"),
    ] {
        let made = house.studio.create(&request(&picture, name)).unwrap();
        assert_eq!(made.avatar.id, id);
    }
}
