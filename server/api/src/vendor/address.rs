//! Where a client reached this server, for the addresses that it is told.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::header::HOST;
use axum::http::request::Parts;

use crate::problem::Problem;
use crate::state::State;

/// Marks requests that came over TLS; the binary adds it to its TLS listener.
#[derive(Clone, Copy, Debug)]
pub struct Secure;

/// The server as the client sees it: the configured public URL, or the host
/// that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    secure: bool,
    /// Host, port, and the path that a proxy adds.
    place: String,
}

impl Address {
    /// A WebSocket on this server. `path` begins with a slash or is empty.
    pub(crate) fn ws(&self, path: &str) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{path}", self.place)
    }

    /// Something on this server. `path` begins with a slash or is empty.
    pub(crate) fn http(&self, path: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.place)
    }

    fn of(public: Option<&str>, secure: bool, host: Option<&str>) -> Option<Self> {
        if let Some(public) = public {
            let (scheme, place) = public.split_once("://")?;
            return Some(Self {
                secure: scheme == "https",
                place: place.to_owned(),
            });
        }
        // Nothing but an authority, or the address would lead elsewhere.
        let host = host?;
        let uri: Uri = host.parse().ok()?;
        let authority = uri.authority()?.as_str();
        (authority == host && !host.contains('@')).then(|| Self {
            secure,
            place: host.to_owned(),
        })
    }
}

impl FromRequestParts<Arc<State>> for Address {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let secure = parts.extensions.get::<Secure>().is_some();
        Self::of(state.public.url.as_deref(), secure, host)
            .ok_or_else(|| Problem::invalid("the request names no usable Host"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_the_public_url_or_the_host() {
        let ws = |public, secure, host| Address::of(public, secure, host).map(|a| a.ws("/x"));
        assert_eq!(
            ws(Some("https://a.example/faces"), false, Some("b:1")).as_deref(),
            Some("wss://a.example/faces/x")
        );
        assert_eq!(
            ws(None, false, Some("localhost:8747")).as_deref(),
            Some("ws://localhost:8747/x")
        );
        assert_eq!(
            ws(None, true, Some("[::1]")).as_deref(),
            Some("wss://[::1]/x")
        );
        for bad in [None, Some(""), Some("a/b"), Some("a@b"), Some("a b")] {
            assert_eq!(ws(None, false, bad), None, "{bad:?}");
        }
    }
}
