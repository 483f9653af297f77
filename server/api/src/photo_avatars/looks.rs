//! Avatars as the vendor sees them: looks, and the groups that they form.

use std::sync::Arc;

use bytes::Bytes;
use face::Avatar;
use face::avatars::Origin;
use studio::Consent;

use crate::problem::Problem;
use crate::state::State;
use crate::studio::{Wanted, make};
use crate::time::from_rfc3339;
use crate::vendor::address::Address;

/// A group of looks.
pub(super) struct Group {
    pub(super) id: String,
    /// The one that the group began with first, then in the order of their
    /// making.
    pub(super) looks: Vec<Arc<Avatar>>,
}

impl Group {
    /// The name of its first look.
    pub(super) fn name(&self) -> &str {
        self.looks.first().map_or("", |look| &look.name)
    }

    /// Whether a user made it.
    pub(super) fn is_own(&self) -> bool {
        self.looks.iter().any(|look| is_own(look))
    }

    /// Seconds since 1970; 0 for those that come with the product.
    pub(super) fn created_at(&self) -> u64 {
        self.looks.first().map_or(0, |look| created_at(look))
    }
}

/// Whether a user made it.
pub(super) fn is_own(avatar: &Avatar) -> bool {
    avatar.origin == Origin::User
}

/// The group that an avatar belongs to.
pub(super) fn group_of(avatar: &Avatar) -> &str {
    avatar.group.as_deref().unwrap_or(&avatar.id)
}

/// Seconds since 1970; 0 for those that come with the product.
pub(super) fn created_at(avatar: &Avatar) -> u64 {
    let at = avatar.made_at.as_deref();
    at.and_then(from_rfc3339).unwrap_or_default()
}

/// All groups, in the order of their first looks.
pub(super) fn groups(state: &State) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for avatar in state.engine.rooms().avatars.list() {
        let id = group_of(&avatar);
        if let Some(group) = groups.iter_mut().find(|group| group.id == id) {
            group.looks.push(avatar);
        } else {
            groups.push(Group {
                id: id.to_owned(),
                looks: vec![avatar],
            });
        }
    }
    for group in &mut groups {
        order(&group.id, &mut group.looks);
    }
    groups
}

/// Puts the look that a group has its id from first and the others in the order
/// of their making: after a start they are listed by their ids.
fn order(group: &str, looks: &mut [Arc<Avatar>]) {
    looks.sort_by_key(|look| (look.id != group, created_at(look)));
}

/// One group.
///
/// # Errors
/// [`crate::problem::Code::NotFound`].
pub(super) fn group(state: &State, id: &str) -> Result<Group, Problem> {
    let found = groups(state).into_iter().find(|group| group.id == id);
    found.ok_or_else(|| Problem::not_found("avatar group", id))
}

/// One look.
///
/// # Errors
/// [`crate::problem::Code::NotFound`].
pub(super) fn look(state: &State, id: &str) -> Result<Arc<Avatar>, Problem> {
    let avatar = state.engine.rooms().avatars.get(id);
    avatar.map_err(|_| Problem::not_found("avatar", id))
}

/// Address of its picture.
pub(super) fn picture(address: &Address, avatar: &Avatar) -> String {
    address.http(&format!("/v1/avatars/{}/preview.png?size=512", avatar.id))
}

/// Makes a look of a picture.
///
/// # Errors
/// As of [`make`].
pub(super) async fn create(
    state: &Arc<State>,
    picture: Bytes,
    name: Option<String>,
    group: Option<String>,
    consent: Consent,
) -> Result<Arc<Avatar>, Problem> {
    let name = name.filter(|name| !name.trim().is_empty());
    let wanted = Wanted {
        picture,
        crop: None,
        name: name.unwrap_or_else(|| "Talking photo".to_owned()),
        voice: None,
        consent,
        group,
        draft: false,
    };
    Ok(make(state, wanted).await?.avatar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_look_that_a_group_began_with_stays_the_first() {
        let look = |id: &str, at: &str| {
            Arc::new(Avatar {
                id: id.to_owned(),
                name: id.to_owned(),
                description: String::new(),
                licence: "user-provided".to_owned(),
                kind: face::avatars::Kind::Photo,
                voices: Vec::new(),
                origin: Origin::User,
                network: None,
                group: (id != "sylvia").then(|| "sylvia".to_owned()),
                made_at: Some(at.to_owned()),
            })
        };
        // As after a start. All of one second stay as they are.
        let mut looks = vec![
            look("blue-coat", "2026-03-01T10:00:02Z"),
            look("red-coat", "2026-03-01T10:00:01Z"),
            look("sylvia", "2026-03-01T10:00:02Z"),
            look("white-coat", "2026-03-01T10:00:02Z"),
        ];
        let ids = |looks: &[Arc<Avatar>]| -> Vec<String> {
            looks.iter().map(|look| look.id.clone()).collect()
        };
        order("sylvia", &mut looks);
        let expected = ["sylvia", "red-coat", "blue-coat", "white-coat"];
        assert_eq!(ids(&looks), expected);
        // The first is deleted: the oldest of the others takes its place.
        looks.remove(0);
        looks.reverse();
        order("sylvia", &mut looks);
        assert_eq!(ids(&looks), ["red-coat", "white-coat", "blue-coat"]);
    }
}
