//! Who says that the person shown agrees. The vendor asks for it when an
//! account is opened; here it comes with the request, or from the owner of the
//! keys, who states it in the configuration.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
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
    /// The record, for which fields of the body go before everything else.
    ///
    /// # Errors
    /// [`Code::ConsentNeeded`] when nobody says so.
    pub(crate) fn record(
        self,
        statement: Option<String>,
        by: Option<String>,
    ) -> Result<Consent, Problem> {
        let stated = self.stated;
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let (default_statement, default_by) =
            stated.map_or((None, None), |s| (Some(s.statement), Some(s.by)));
        let statement = given(statement).or(default_statement).ok_or_else(|| {
            Problem::new(
                Code::ConsentNeeded,
                "say that the person shown agrees: send what was agreed as the header X-Consent and who says so \
                 as X-Consent-By (or as the fields consent and consent_by), or state it for all requests with \
                 --consent and --consent-by at the server's start",
            )
        })?;
        Ok(Consent {
            statement,
            by: given(by)
                .or(default_by)
                .unwrap_or_else(|| KEY_OWNER.to_owned()),
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
        let text = |name: &str| {
            let value = parts.headers.get(name)?.as_bytes();
            // Browsers send letters up to U+00FF as single bytes.
            let text = std::str::from_utf8(value).map_or_else(
                |_| value.iter().copied().map(char::from).collect(),
                str::to_owned,
            );
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let stated = match (text(STATEMENT), text(BY)) {
            (Some(statement), by) => Some(Stated {
                statement,
                by: by.unwrap_or_else(|| KEY_OWNER.to_owned()),
            }),
            (None, Some(by)) => state.consent.clone().map(|stated| Stated { by, ..stated }),
            (None, None) => state.consent.clone(),
        };
        Ok(Self { stated })
    }
}
