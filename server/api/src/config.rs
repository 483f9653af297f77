//! What the edge is told at its start.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use thiserror::Error;

use crate::token::SecretError;

/// Shortest API key, bytes: 128 random bits in base64 have 22.
pub const MIN_KEY: usize = 16;

/// Settings of the edge. Each says its default.
#[derive(Clone, Debug)]
pub struct Config {
    /// Keys that may do everything. Default none: then only programs and pages
    /// on this machine are served ("dev mode"), which needs `loopback`.
    pub api_keys: Vec<String>,
    /// Whether the server listens on loopback addresses only. Default true.
    pub loopback: bool,
    /// Secret that signs session tokens, at least 32 bytes. Default `None`:
    /// random, so that tokens end with the process.
    pub token_secret: Option<Vec<u8>>,
    /// How long a session token is good; clients renew it in time. Default
    /// 10 min: long enough for a bad network, short for a stolen token.
    pub token_lifetime: Duration,
    /// Where clients reach this server, such as `https://faces.example.org`,
    /// with a path if a proxy adds one. Default `None`: where they asked.
    pub public_url: Option<String>,
    /// Directory of the start page. Default `client-js/dist`.
    pub assets: PathBuf,
    /// STUN and TURN servers that players are told of. Default none: this
    /// server has a reachable address.
    pub ice_servers: Vec<IceServer>,
    /// How long a streamed body may pause. Default 60 s: a language model that
    /// thinks for longer opens a new turn.
    pub body_pause: Duration,
    /// How long a vendor session stays when all its clients have gone. Default
    /// 3 s: enough to come back over another network; a client that vanished
    /// without a word is noticed after another 12 s at most.
    pub vendor_grace: Duration,
    /// File that keeps contexts (what vendor sessions open with). Default
    /// `None`: they end with the process.
    pub contexts: Option<PathBuf>,
    /// What the owner of the keys states for every picture that vendors' clients
    /// make an avatar of. Default `None`: each request says so itself.
    pub consent: Option<Stated>,
    /// LiveKit rooms. Default: a key of its own, that ends with the process.
    pub rooms: rooms::Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api_keys: Vec::new(),
            loopback: true,
            token_secret: None,
            token_lifetime: Duration::from_mins(10),
            public_url: None,
            assets: PathBuf::from("client-js/dist"),
            ice_servers: Vec::new(),
            body_pause: Duration::from_mins(1),
            vendor_grace: Duration::from_secs(3),
            contexts: None,
            consent: None,
            rooms: rooms::Settings::default(),
        }
    }
}

/// Who states it where nobody is named.
pub const KEY_OWNER: &str = "the owner of the API key";

/// That the persons shown agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// What they agreed to, word for word.
    pub statement: String,
    /// Who says so.
    pub by: String,
}

/// A STUN or TURN server (RFC 7064, RFC 7065).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServer {
    /// Addresses, such as `turn:turn.example.org?transport=udp`.
    pub urls: Vec<String>,
    /// TURN user.
    pub username: Option<String>,
    /// TURN password.
    pub credential: Option<String>,
}

/// Why the edge cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Everybody could use it.
    #[error(
        "the server can be reached from outside but has no API key; configure one, or listen on 127.0.0.1"
    )]
    NoKeys,
    /// Guessing it would be easy.
    #[error("an API key has {0} bytes; it needs at least {MIN_KEY}")]
    ShortKey(usize),
    /// See [`SecretError`].
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The file of contexts is not one.
    #[error("the contexts in {0} cannot be read: {1}")]
    Contexts(PathBuf, #[source] std::io::Error),
    /// See [`livekit::token::KeyError`].
    #[error(transparent)]
    LiveKitKey(#[from] livekit::token::KeyError),
    /// Not an address.
    #[error("the public URL '{0}' is not an http or https address")]
    PublicUrl(String),
    /// Not an address of a STUN or TURN server.
    #[error("'{0}' is not an ICE server; it begins with stun:, stuns:, turn: or turns:")]
    IceServer(String),
}

/// The parts of a public URL that are used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Public {
    /// As configured, without a slash at its end.
    pub(crate) url: Option<String>,
    /// Path that goes before ours, without a slash at its end.
    pub(crate) prefix: String,
    /// Its host.
    pub(crate) host: Option<String>,
}

impl Public {
    pub(crate) fn parse(url: Option<&str>) -> Result<Self, ConfigError> {
        let Some(url) = url else {
            return Ok(Self::default());
        };
        let bad = || ConfigError::PublicUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let host = uri.host().ok_or_else(bad)?.to_owned();
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
            return Err(bad());
        }
        Ok(Self {
            url: Some(url.trim_end_matches('/').to_owned()),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            host: Some(host),
        })
    }
}

/// The `Link` headers that tell a player of ICE servers (RFC 9725 §4.6).
pub(crate) fn links(servers: &[IceServer]) -> Result<Vec<HeaderValue>, ConfigError> {
    let mut links = Vec::new();
    for server in servers {
        for url in &server.urls {
            let bad = || ConfigError::IceServer(url.clone());
            let known = ["stun:", "stuns:", "turn:", "turns:"];
            let plain = url
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"'));
            if !plain || !known.iter().any(|scheme| url.starts_with(scheme)) {
                return Err(bad());
            }
            let mut link = format!("<{url}>; rel=\"ice-server\"");
            if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
                let (username, credential) = (quoted(username), quoted(credential));
                let _ = write!(
                    link,
                    "; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""
                );
            }
            links.push(HeaderValue::from_str(&link).map_err(|_| bad())?);
        }
    }
    Ok(links)
}

/// The inside of a quoted-string (RFC 9110 §5.6.4).
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_give_prefix_and_host() {
        let public = Public::parse(Some("https://a.example:8443/faces/")).unwrap();
        assert_eq!(public.url.as_deref(), Some("https://a.example:8443/faces"));
        assert_eq!(public.prefix, "/faces");
        assert_eq!(public.host.as_deref(), Some("a.example"));
        assert_eq!(Public::parse(Some("http://a.example")).unwrap().prefix, "");
        for bad in ["", "faces", "ftp://a.example", "/faces", "https://a/?b=c"] {
            assert!(Public::parse(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn ice_servers_become_links_and_cannot_break_out() {
        let server = |url: &str, username: Option<&str>| IceServer {
            urls: vec![url.to_owned()],
            username: username.map(str::to_owned),
            credential: username.map(|_| "p\"w".to_owned()),
        };
        let text = |server| links(&[server]).unwrap()[0].to_str().unwrap().to_owned();
        assert_eq!(
            text(server("stun:stun.example.org", None)),
            "<stun:stun.example.org>; rel=\"ice-server\""
        );
        assert_eq!(
            text(server("turn:t.example.org?transport=tcp", Some("u"))),
            "<turn:t.example.org?transport=tcp>; rel=\"ice-server\"; username=\"u\"; credential=\"p\\\"w\"; credential-type=\"password\""
        );
        for bad in ["http://x", "turn:x>; rel=y", "turn:x y", "turn:\r\nx", ""] {
            assert!(links(&[server(bad, None)]).is_err(), "{bad}");
        }
        assert!(links(&[server("turn:x", Some("a\r\nb"))]).is_err());
    }
}
