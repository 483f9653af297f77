//! Who may use a streaming session: whoever has a key, the client whose token
//! made it, and its own session token.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::auth::{Caller, Who};
use crate::problem::{Code, Problem};
use crate::state::State;
use crate::token::TokenError;
use crate::vendor::table::Entry;

/// A caller of this API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// With an API key, or on this machine in dev mode.
    Operator,
    /// With a token of `streaming.create_token`: its number.
    Token(String),
    /// With the token of one session.
    Member(String),
}

impl Client {
    /// The client with this token.
    ///
    /// # Errors
    /// [`Code::Unauthorized`].
    pub(crate) fn of_token(token: &str, state: &State) -> Result<Self, Problem> {
        if state.keys.contains(token) {
            return Ok(Self::Operator);
        }
        let now = SystemTime::now();
        match state.tokens.check_streaming(token, now) {
            Ok(client) => Ok(Self::Token(client)),
            Err(TokenError::Invalid) => state.tokens.check(token, now).map(Self::Member),
            Err(expired) => Err(expired),
        }
        .map_err(|error| Problem::new(Code::Unauthorized, error.to_string()))
    }

    /// Whose the sessions are that this client makes.
    pub(crate) fn owner(&self) -> Option<String> {
        match self {
            Self::Token(client) => Some(client.clone()),
            Self::Operator | Self::Member(_) => None,
        }
    }

    /// Refuses a session of somebody else as if it did not exist.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub(crate) fn may(&self, entry: &Entry) -> Result<(), Problem> {
        let allowed = match self {
            Self::Operator => true,
            Self::Token(client) => entry.wanted.owner.as_ref() == Some(client),
            Self::Member(id) => **id == *entry.id,
        };
        if allowed {
            Ok(())
        } else {
            Err(Problem::not_found("session", &entry.id))
        }
    }
}

impl FromRequestParts<Arc<State>> for Client {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        let bearer = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .map(str::trim)
            .filter(|token| crate::token::looks_like(token));
        if let Some(token) = bearer {
            return Self::of_token(token, state);
        }
        let Who(caller) = Who::from_request_parts(parts, state).await?;
        Ok(match caller {
            Caller::Operator => Self::Operator,
            Caller::Member(id) => Self::Member(id),
        })
    }
}
