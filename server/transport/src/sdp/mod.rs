//! Session descriptions (RFC 8866) as far as WebRTC playback needs them.
//!
//! Offers come from anyone, so they are read here, strictly and only for what
//! is used; the WebRTC library sees a description that is written anew from
//! the parts that were understood ([`Offer::canonical`]). The answer is
//! written here as well.

mod answer;
mod fragment;
mod offer;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use answer::{Local, Sender, answer, restart};
pub(crate) use fragment::Fragment;
pub(crate) use offer::{Credentials, Offer};

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
