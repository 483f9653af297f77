//! Who asks, and what they may do: API keys may do everything, session tokens
//! everything on their own session.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use engine::Handle;
use sha2::{Digest, Sha256};

use crate::problem::{Code, Problem};
use crate::state::State;
use crate::token;

/// API keys, as hashes: the keys themselves are not kept.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<[u8; 32]>);

impl Keys {
    /// Takes the keys.
    #[must_use]
    pub fn new(keys: &[String]) -> Self {
        Self(keys.iter().map(|key| Sha256::digest(key).into()).collect())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of them. Takes the same time for every key.
    #[must_use]
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "a lazy operator would stop at the first match"
    )]
    pub fn contains(&self, key: &str) -> bool {
        let hash = Sha256::digest(key);
        self.0.iter().fold(false, |found, known| {
            let difference = known.iter().zip(hash).fold(0, |d, (a, b)| d | (a ^ b));
            found | (difference == 0)
        })
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody with an API key, or on this machine in dev mode.
    Operator,
    /// Somebody with a token of this session.
    Member(String),
}

/// A token that came in the query, because the client could not send headers.
#[derive(Clone, Debug)]
pub(crate) struct QueryToken(pub(crate) Option<String>);

fn unauthorized(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Unauthorized, detail)
}

/// Finds out who asks.
fn caller(parts: &Parts, state: &State) -> Result<(Caller, QueryToken), Problem> {
    if let Some(credential) = header_credential(parts)? {
        return named(&credential, parts, state).map(|caller| (caller, QueryToken(None)));
    }
    if let Some(token) = query_token(parts) {
        let session = check(&token, state)?;
        return Ok((Caller::Member(session), QueryToken(Some(token))));
    }
    if !state.dev_mode() {
        return Err(unauthorized(
            "send an API key or a session token as 'Authorization: Bearer …'",
        ));
    }
    local(parts, state).map(|()| (Caller::Operator, QueryToken(None)))
}

/// The credential among the headers. Vendors' clients send their key in
/// headers of their own, or as the user of `Basic` (RFC 7617).
fn header_credential(parts: &Parts) -> Result<Option<Cow<'_, str>>, Problem> {
    let text = |name| {
        parts
            .headers
            .get(name)
            .map(|value| {
                value
                    .to_str()
                    .map_err(|_| unauthorized("the credentials are not text"))
            })
            .transpose()
    };
    if let Some(value) = text(AUTHORIZATION.as_str())? {
        let (scheme, credential) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("basic") && !credential.trim().is_empty() {
            return Ok(Some(basic(credential.trim())));
        }
        if !scheme.eq_ignore_ascii_case("bearer") || credential.trim().is_empty() {
            return Err(unauthorized("send 'Authorization: Bearer …'"));
        }
        return Ok(Some(credential.trim().into()));
    }
    for name in ["x-api-key", "x-simli-api-key"] {
        if let Some(key) = text(name)? {
            return Ok(Some(key.into()));
        }
    }
    Ok(None)
}

/// The key in a `Basic` credential: its user, or its password where there is
/// no user. Clients that send the key as it is are understood too.
fn basic(credential: &str) -> Cow<'_, str> {
    let decoded = BASE64
        .decode(credential)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some(("", password)) => password.to_owned().into(),
        Some((user, _)) => user.to_owned().into(),
        None => credential.into(),
    }
}

/// `token=` of the query. Tokens need no percent-encoding.
fn query_token(parts: &Parts) -> Option<String> {
    let query = parts.uri.query()?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))
        .map(str::to_owned)
}

/// The caller with this credential.
fn named(credential: &str, parts: &Parts, state: &State) -> Result<Caller, Problem> {
    if state.keys.contains(credential) {
        return Ok(Caller::Operator);
    }
    if token::looks_like(credential) {
        return check(credential, state).map(Caller::Member);
    }
    if state.dev_mode() {
        // Clients that always send some key work in dev mode too.
        return local(parts, state).map(|()| Caller::Operator);
    }
    Err(unauthorized("the API key is not one of this server"))
}

fn check(token: &str, state: &State) -> Result<String, Problem> {
    state
        .tokens
        .check(token, SystemTime::now())
        .map_err(|error| unauthorized(error.to_string()))
}

/// In dev mode, anyone on this machine may do everything, but not a web page
/// from elsewhere that is open in a browser on it: neither by asking across
/// origins nor by a name that it has pointed here.
fn local(parts: &Parts, state: &State) -> Result<(), Problem> {
    let header = |name| parts.headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let host = header(HOST).map(host_of);
    let known = |host: &str| is_loopback(host) || state.public.host.as_deref() == Some(host);
    if host.is_some_and(|host| !known(host)) {
        return Err(unauthorized(
            "without API keys, this server answers only to localhost; configure a key, or the public URL under which it is reached",
        ));
    }
    let origin = header(ORIGIN).map(|origin| {
        let authority = origin.split_once("://").map_or("?", |(_, rest)| rest);
        host_of(authority)
    });
    if origin.is_some_and(|origin| !known(origin)) {
        return Err(unauthorized(
            "without API keys, this server answers only to pages on localhost; configure a key to embed it elsewhere",
        ));
    }
    Ok(())
}

/// The host of `host:port`.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or("?", |(host, _)| host);
    }
    authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The identifier in the path.
async fn path_id(parts: &mut Parts, state: &Arc<State>) -> Result<String, Problem> {
    RawPathParams::from_request_parts(parts, state)
        .await
        .ok()
        .and_then(|params| {
            params
                .iter()
                .find(|(name, _)| *name == "id")
                .map(|(_, value)| value.to_owned())
        })
        .ok_or_else(|| Problem::invalid("the address is not readable text"))
}

/// Whether a caller may use a session.
pub(crate) fn allow(caller: &Caller, session: &str) -> Result<(), Problem> {
    match caller {
        Caller::Operator => Ok(()),
        Caller::Member(own) if own == session => Ok(()),
        Caller::Member(_) => Err(Problem::new(
            Code::Forbidden,
            "the session token belongs to another session",
        )),
    }
}

/// A caller that may do everything.
pub(crate) struct Operator;

impl FromRequestParts<Arc<State>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        match caller(parts, state)?.0 {
            Caller::Operator => Ok(Self),
            Caller::Member(_) => Err(Problem::new(
                Code::Forbidden,
                "this needs an API key; a session token is good for its own session only",
            )),
        }
    }
}

/// Any caller that is known.
pub(crate) struct Known;

impl FromRequestParts<Arc<State>> for Known {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        caller(parts, state).map(|_| Self)
    }
}

/// Whoever is known.
pub(crate) struct Who(pub(crate) Caller);

impl FromRequestParts<Arc<State>> for Who {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        caller(parts, state).map(|(caller, _)| Self(caller))
    }
}

/// The session in the path, for a caller that may use it.
pub(crate) struct Session {
    pub(crate) handle: Handle,
    pub(crate) query_token: QueryToken,
}

impl FromRequestParts<Arc<State>> for Session {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        let (caller, query_token) = caller(parts, state)?;
        let id = path_id(parts, state).await?;
        allow(&caller, &id)?;
        let handle = state.find(&id)?;
        Ok(Self {
            handle,
            query_token,
        })
    }
}

/// The identifier of a recording or session in the path, for a caller that may
/// use it. The session may be long over.
pub(crate) struct Recording(pub(crate) String);

impl FromRequestParts<Arc<State>> for Recording {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        let (caller, _) = caller(parts, state)?;
        let id = path_id(parts, state).await?;
        allow(&caller, &id)?;
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_hash() {
        let keys = Keys::new(&[
            "one-good-key-0001".to_owned(),
            "another-key-00002".to_owned(),
        ]);
        assert!(keys.contains("one-good-key-0001"));
        assert!(keys.contains("another-key-00002"));
        for wrong in [
            "",
            "one-good-key-000",
            "one-good-key-00011",
            "ONE-GOOD-KEY-0001",
        ] {
            assert!(!keys.contains(wrong));
        }
        assert!(!Keys::default().contains(""));
    }

    #[test]
    fn keys_come_as_basic_too() {
        assert_eq!(basic("a-key-as-it-is"), "a-key-as-it-is");
        assert_eq!(basic(&BASE64.encode("user-is-the-key:")), "user-is-the-key");
        assert_eq!(basic(&BASE64.encode(":password")), "password");
        assert_eq!(basic("%%%"), "%%%");
    }

    #[test]
    fn hosts_are_told_apart() {
        for (authority, local) in [
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9", true),
            ("[::1]:8080", true),
            ("10.0.0.1:80", false),
            ("localhost.example.org", false),
            ("example.org:8080", false),
            ("127.0.0.1.example.org", false),
            ("", false),
            ("[::1", false),
        ] {
            assert_eq!(is_loopback(host_of(authority)), local, "{authority}");
        }
    }
}
