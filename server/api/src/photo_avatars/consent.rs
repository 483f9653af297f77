//! Who says that the person shown agrees. The vendor asks for it when an
//! account is opened; here it comes with the request, or from the owner of the
//! keys, who states it in the configuration.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use studio::Consent;

use crate::config::{KEY_OWNER, Stated};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::time::rfc3339;

/// What was agreed, word for word.
const STATEMENT: &str = "x-consent";
/// Who says so.
const BY: &str = "x-consent-by";

/// The consent that goes with a request.
#[derive(Debug)]
pub(crate) struct Agreed {
    stated: Option<Stated>,
}

impl Agreed {
    /// The record, for which fields of the body go before everything else. Who
    /// says so is taken from where the words are, so that nobody is put down
    /// for words of another.
    ///
    /// # Errors
    /// [`Code::ConsentNeeded`] when nobody says so.
    pub(crate) fn record(
        self,
        statement: Option<String>,
        by: Option<String>,
    ) -> Result<Consent, Problem> {
        let stated = pair(statement, by).or(self.stated).ok_or_else(|| {
            Problem::new(
                Code::ConsentNeeded,
                "say that the person shown agrees: send what was agreed as the header X-Consent and who says so \
                 as X-Consent-By (or as the fields consent and consent_by), or state it for all requests with \
                 --consent and --consent-by at the server's start",
            )
        })?;
        Ok(Consent {
            statement: stated.statement,
            by: stated.by,
            at: rfc3339(SystemTime::now()),
        })
    }
}

impl FromRequestParts<Arc<State>> for Agreed {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self {
            stated: in_headers(&parts.headers).or_else(|| state.consent.clone()),
        })
    }
}

/// What the headers of a request state.
fn in_headers(headers: &HeaderMap) -> Option<Stated> {
    let text = |name: &str| {
        let value = headers.get(name)?.as_bytes();
        // Browsers send letters up to U+00FF as single bytes.
        let text = std::str::from_utf8(value).map_or_else(
            |_| value.iter().copied().map(char::from).collect(),
            str::to_owned,
        );
        Some(text.trim().to_owned())
    };
    pair(text(STATEMENT), text(BY))
}

/// Words, and who says them; `None` without words.
fn pair(statement: Option<String>, by: Option<String>) -> Option<Stated> {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Some(Stated {
        statement: given(statement)?,
        by: given(by).unwrap_or_else(|| KEY_OWNER.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_put_down_for_words_of_another() {
        let record = |stated, statement: Option<&str>, by: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            Agreed { stated }.record(owned(statement), owned(by))
        };
        for (statement, by, expected) in [
            (Some("I agree."), Some("Ada"), ("I agree.", "Ada")),
            (Some("I agree."), None, ("I agree.", KEY_OWNER)),
            (Some("I agree."), Some(" "), ("I agree.", KEY_OWNER)),
            (None, Some("Ada"), ("All agree.", "Example Ltd")),
            (Some(""), Some("Ada"), ("All agree.", "Example Ltd")),
            (None, None, ("All agree.", "Example Ltd")),
        ] {
            let stated = Stated {
                statement: "All agree.".to_owned(),
                by: "Example Ltd".to_owned(),
            };
            let recorded = record(Some(stated), statement, by).unwrap();
            assert_eq!((&*recorded.statement, &*recorded.by), expected);
        }
        let refused = record(None, None, Some("Ada"));
        assert_eq!(refused.unwrap_err().code, Code::ConsentNeeded);
    }

    #[test]
    fn a_name_in_a_header_states_nothing() {
        let mut headers = HeaderMap::new();
        headers.insert(BY, "Ada".parse().unwrap());
        assert_eq!(in_headers(&headers), None);
        headers.insert(STATEMENT, " I agree. ".parse().unwrap());
        let stated = in_headers(&headers).unwrap();
        assert_eq!((&*stated.statement, &*stated.by), ("I agree.", "Ada"));
        headers.remove(BY);
        assert_eq!(in_headers(&headers).unwrap().by, KEY_OWNER);
    }
}
