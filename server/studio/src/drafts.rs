//! Avatars that are looked at before they are kept.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use face::Package;

/// Most drafts at a time. Each takes about 6 MB: 1080 × 1080 pixels of colour
/// and alpha, and the same as files.
pub const MOST_DRAFTS: usize = 8;

/// How long a draft is there: enough to let it speak, ask somebody, and think.
pub const DRAFT_LIFE: Duration = Duration::from_mins(15);

/// One of them.
#[derive(Debug)]
pub(crate) struct Draft {
    package: Package,
    until: Instant,
}

impl Draft {
    pub fn package(&self) -> &Package {
        &self.package
    }

    fn id(&self) -> &str {
        &self.package.meta().id
    }
}

/// All of them, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Drafts(VecDeque<Draft>);

impl Drafts {
    /// Adds one; gives the ids of those that had to go.
    #[must_use]
    pub fn insert(&mut self, package: Package, now: Instant) -> Vec<String> {
        let mut gone = self.expire(now);
        while self.0.len() >= MOST_DRAFTS {
            gone.extend(self.0.pop_front().map(|draft| draft.id().to_owned()));
        }
        self.0.push_back(Draft {
            package,
            until: now + DRAFT_LIFE,
        });
        gone
    }

    /// Removes those whose time is over; gives their ids.
    #[must_use]
    pub fn expire(&mut self, now: Instant) -> Vec<String> {
        let mut gone = Vec::new();
        self.0.retain(|draft| {
            let alive = now < draft.until;
            if !alive {
                gone.push(draft.id().to_owned());
            }
            alive
        });
        gone
    }

    /// Removes one.
    pub fn take(&mut self, id: &str) -> Option<Draft> {
        let at = self.0.iter().position(|draft| draft.id() == id)?;
        self.0.remove(at)
    }

    /// Undoes [`Drafts::take`]. It was one of at most [`MOST_DRAFTS`]; if
    /// another came meanwhile, there is one too many until it expires.
    pub fn put_back(&mut self, draft: Draft) {
        let at = self.0.partition_point(|other| other.until <= draft.until);
        self.0.insert(at, draft);
    }
}
