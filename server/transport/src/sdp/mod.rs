//! Session descriptions (RFC 8866) as far as WebRTC needs them here.
//!
//! Descriptions come from anyone, so they are read here, strictly and only for
//! what is used ([`Description`]); the WebRTC library sees one that is written
//! anew from the parts that were understood ([`canonical`]). Answers are
//! written here as well; offers are the library's, with our candidates.

mod answer;
mod canonical;
mod codec;
mod description;
mod fragment;
mod read;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use answer::{LARGEST_MESSAGE, Local, Rename, Sender, answer, offer, restart};
pub(crate) use canonical::{Known, canonical};
pub(crate) use codec::Choice;
pub(crate) use description::{Description, Kind, Section, Use};
pub(crate) use fragment::Fragment;
pub(crate) use read::{Credentials, MOST_SECTIONS, ReadError};

/// `a=name:value` or `a=name` of a line.
fn attribute(line: &str) -> Option<(&str, &str)> {
    let body = line.strip_prefix("a=")?;
    Some(body.split_once(':').unwrap_or((body, "")))
}

/// Lines without their ends; `\r\n` and `\n` are both in use.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.is_empty())
}

/// `ice-char` of RFC 8839 §5.4, with the lengths given there.
fn is_ice_token(token: &str, least: usize) -> bool {
    (least..=256).contains(&token.len())
        && token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}
