//! Access tokens: JWT (RFC 7519) with HS256 and nothing else, with the claims
//! of LiveKit's `auth` package (`livekit/protocol/auth/grants.go`).

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;

use crate::proto::Source;

/// Shortest secret, bytes: the size of the hash (RFC 7518 §3.2).
pub const MIN_SECRET: usize = 32;

/// Longest token that is read, bytes. Attributes may carry some kilobytes.
const LONGEST: usize = 16 * 1024;

/// Clocks of backends differ; LiveKit's own server allows the same.
const LEEWAY: u64 = 60;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Guessing it would be easy.
    #[error(
        "the secret of the LiveKit key '{id}' has {bytes} bytes; it needs at least {MIN_SECRET}"
    )]
    Short {
        /// The key.
        id: String,
        /// Length of the secret.
        bytes: usize,
    },
    /// It has no name.
    #[error("a LiveKit key is written ID:SECRET, with an ID that is not empty")]
    Unnamed,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not of this form, or with another algorithm.
    #[error("the access token is not a JWT with HS256")]
    Malformed,
    /// Signed with no key of this server.
    #[error("the access token is not signed with a key of this server")]
    Unknown,
    /// Its time is over.
    #[error("the access token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the access token is not valid yet")]
    Early,
    /// It does not allow to join.
    #[error("the access token does not grant roomJoin for a room")]
    NoJoin,
    /// It names nobody.
    #[error("the access token has no identity (sub)")]
    NoIdentity,
}

/// What a participant is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person.
    #[default]
    Standard,
    /// A program that takes part.
    Agent,
    /// Anything else that LiveKit knows (ingress, egress, telephone).
    #[serde(other)]
    Other,
}

/// What a participant may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grants {
    /// May join.
    pub room_join: bool,
    /// The room.
    pub room: String,
    /// May publish tracks; unset means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// Of these sources only: `camera`, `microphone`, `screen_share`,
    /// `screen_share_audio`; unset or empty means of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_sources: Option<Vec<String>>,
    /// Receives tracks; unset means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// May send data; unset means as `can_publish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// May change its own name, metadata and attributes; unset means no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    /// Is not shown to others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Is an agent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
}

impl Grants {
    /// To join one room and do everything there.
    #[must_use]
    pub fn join(room: impl Into<String>) -> Self {
        Self {
            room_join: true,
            room: room.into(),
            ..Self::default()
        }
    }

    /// Whether tracks may be published.
    #[must_use]
    pub fn publishes(&self) -> bool {
        self.can_publish.unwrap_or(true)
    }

    /// Whether tracks of this source may be published.
    pub(crate) fn publishes_from(&self, source: Source) -> bool {
        let sources = self.can_publish_sources.as_deref().unwrap_or_default();
        self.publishes() && (sources.is_empty() || sources.iter().any(|s| s == source.name()))
    }

    /// Whether tracks are received.
    #[must_use]
    pub fn subscribes(&self) -> bool {
        self.can_subscribe.unwrap_or(true)
    }

    /// Whether data may be sent.
    #[must_use]
    pub fn sends_data(&self) -> bool {
        self.can_publish_data.unwrap_or_else(|| self.publishes())
    }

    /// Whether the own description may be changed.
    #[must_use]
    pub fn describes_itself(&self) -> bool {
        self.can_update_own_metadata.unwrap_or(false)
    }
}

/// What a token says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Unique in the room.
    pub identity: String,
    /// Shown to people.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Free text.
    pub metadata: String,
    /// Free pairs.
    pub attributes: BTreeMap<String, String>,
    /// What it may do.
    pub grants: Grants,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    exp: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    metadata: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    video: Grants,
}

impl Payload {
    fn claims(self) -> Result<Claims, TokenError> {
        if self.sub.is_empty() {
            return Err(TokenError::NoIdentity);
        }
        if !self.video.room_join || self.video.room.is_empty() {
            return Err(TokenError::NoJoin);
        }
        let kind = match self.kind {
            Kind::Standard if self.video.agent => Kind::Agent,
            kind => kind,
        };
        Ok(Claims {
            identity: self.sub,
            name: self.name,
            kind,
            metadata: self.metadata,
            attributes: self.attributes,
            grants: self.video,
        })
    }
}

/// A key that signs tokens: its name is public, its secret is not.
#[derive(Clone)]
pub struct Key {
    id: String,
    mac: Hmac<Sha256>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// # Errors
    /// [`KeyError`].
    pub fn new(id: &str, secret: &str) -> Result<Self, KeyError> {
        let short = || KeyError::Short {
            id: id.to_owned(),
            bytes: secret.len(),
        };
        if id.is_empty() {
            return Err(KeyError::Unnamed);
        }
        if secret.len() < MIN_SECRET {
            return Err(short());
        }
        Ok(Self {
            id: id.to_owned(),
            // HMAC takes keys of any length.
            mac: Hmac::new_from_slice(secret.as_bytes()).map_err(|_| short())?,
        })
    }

    /// Reads `ID:SECRET`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (id, secret) = text.split_once(':').ok_or(KeyError::Unnamed)?;
        Self::new(id.trim(), secret.trim())
    }

    /// The public name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A token that is good from now on for `lifetime`.
    #[must_use]
    pub fn sign(&self, claims: &Claims, now: SystemTime, lifetime: Duration) -> String {
        let issued = unix(now);
        let payload = Payload {
            iss: self.id.clone(),
            sub: claims.identity.clone(),
            nbf: Some(issued),
            exp: issued + lifetime.as_secs(),
            name: claims.name.clone(),
            kind: claims.kind,
            metadata: claims.metadata.clone(),
            attributes: claims.attributes.clone(),
            video: claims.grants.clone(),
        };
        let payload = serde_json::to_vec(&payload).unwrap_or_default();
        let signed = format!(
            "{}.{}",
            BASE64.encode(br#"{"alg":"HS256","typ":"JWT"}"#),
            BASE64.encode(payload)
        );
        let mut mac = self.mac.clone();
        mac.update(signed.as_bytes());
        let signature = BASE64.encode(mac.finalize().into_bytes());
        format!("{signed}.{signature}")
    }
}

/// The keys of a server.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Takes the keys.
    #[must_use]
    pub fn new(keys: Vec<Key>) -> Self {
        Self(keys)
    }

    /// The key that new tokens are signed with.
    #[must_use]
    pub fn first(&self) -> Option<&Key> {
        self.0.first()
    }

    /// What a token says, if it is good now.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        let (signed, signature) = split(token)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = decode(header)?;
        if header.alg != "HS256" {
            return Err(TokenError::Malformed);
        }
        let payload: Payload = decode(payload)?;
        let signature = BASE64
            .decode(signature)
            .map_err(|_| TokenError::Malformed)?;
        let signed_by = |key: &Key| {
            let mut mac = key.mac.clone();
            mac.update(signed.as_bytes());
            // Compares in constant time.
            key.id == payload.iss && mac.verify_slice(&signature).is_ok()
        };
        if !self.0.iter().any(signed_by) {
            return Err(TokenError::Unknown);
        }
        let now = unix(now);
        if payload.exp.saturating_add(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        if payload.nbf.is_some_and(|nbf| nbf > now + LEEWAY) {
            return Err(TokenError::Early);
        }
        payload.claims()
    }
}

/// What a token of somebody else's server says; its signature is theirs to
/// check.
///
/// # Errors
/// [`TokenError::Malformed`], [`TokenError::NoIdentity`], [`TokenError::NoJoin`].
pub fn read_unverified(token: &str) -> Result<Claims, TokenError> {
    let (signed, _) = split(token)?;
    let (_, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    decode::<Payload>(payload)?.claims()
}

fn split(token: &str) -> Result<(&str, &str), TokenError> {
    if token.len() > LONGEST {
        return Err(TokenError::Malformed);
    }
    token.rsplit_once('.').ok_or(TokenError::Malformed)
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let bytes = BASE64.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn key() -> Key {
        Key::new("dev", SECRET).unwrap()
    }

    fn keys() -> Keys {
        Keys::new(vec![Key::new("other", &"x".repeat(32)).unwrap(), key()])
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn claims() -> Claims {
        Claims {
            identity: "anna".to_owned(),
            name: "Anna".to_owned(),
            kind: Kind::Agent,
            attributes: [("lk.publish_on_behalf".to_owned(), "bob".to_owned())].into(),
            grants: Grants::join("room-1"),
            ..Claims::default()
        }
    }

    fn token() -> String {
        key().sign(&claims(), at(10_000), Duration::from_mins(10))
    }

    /// A token with any header and payload, signed with the right secret.
    fn forge(header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
        let mut mac = key().mac;
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

    #[test]
    fn a_token_is_good_for_its_time() {
        assert_eq!(keys().verify(&token(), at(10_001)), Ok(claims()));
        assert_eq!(keys().verify(&token(), at(10_659)), Ok(claims()));
        assert_eq!(
            keys().verify(&token(), at(10_660)),
            Err(TokenError::Expired)
        );
        assert_eq!(keys().verify(&token(), at(9_900)), Err(TokenError::Early));
        assert_eq!(read_unverified(&token()), Ok(claims()));
    }

    #[test]
    fn tokens_of_other_libraries_are_read() {
        // As the Python package `livekit-api` writes them.
        let payload = r#"{"video":{"roomJoin":true,"room":"r","canPublish":true,"canSubscribe":false,"canPublishSources":[]},"sub":"x","iss":"dev","exp":99999,"nbf":1,"kind":"agent","sip":{},"roomConfig":{}}"#;
        let claims = keys().verify(&forge(HEADER, payload), at(5)).unwrap();
        assert_eq!(claims.kind, Kind::Agent);
        assert!(claims.grants.publishes_from(Source::Unknown) && !claims.grants.subscribes());
        assert!(claims.grants.sends_data() && !claims.grants.describes_itself());
        let listed = payload.replace("[]", "[\"microphone\"]");
        let grants = keys()
            .verify(&forge(HEADER, &listed), at(5))
            .unwrap()
            .grants;
        assert!(
            grants.publishes_from(Source::Microphone) && !grants.publishes_from(Source::Camera)
        );
        let kind = payload.replace("agent", "sip");
        let claims = keys().verify(&forge(HEADER, &kind), at(5)).unwrap();
        assert_eq!(claims.kind, Kind::Other);
    }

    #[test]
    fn forged_tokens_are_refused() {
        let payload = r#"{"video":{"roomJoin":true,"room":"r"},"sub":"x","iss":"dev","exp":99999}"#;
        let verify = |token: &str| keys().verify(token, at(5));
        assert!(verify(&forge(HEADER, payload)).is_ok());
        let good = forge(HEADER, payload);
        let parts: Vec<&str> = good.split('.').collect();
        for (header, what) in [
            (r#"{"alg":"none"}"#, "none"),
            (r#"{"alg":"HS512","typ":"JWT"}"#, "HS512"),
            (r#"{"alg":"RS256","typ":"JWT"}"#, "RS256"),
            (r#"{"alg":"hs256"}"#, "case"),
            ("{}", "no alg"),
            ("[]", "no object"),
        ] {
            assert_eq!(
                verify(&forge(header, payload)),
                Err(TokenError::Malformed),
                "{what}"
            );
            let unsigned = format!("{}.{}.", BASE64.encode(header), parts[1]);
            assert_eq!(verify(&unsigned), Err(TokenError::Malformed), "{what}");
        }
        for token in [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c",
            &format!("{}.{}.", parts[0], parts[1]),
        ] {
            assert!(verify(token).is_err(), "{token}");
        }
        for (old, new, error) in [
            ("\"dev\"", "\"other\"", TokenError::Unknown),
            ("\"dev\"", "\"nobody\"", TokenError::Unknown),
            ("\"x\"", "\"\"", TokenError::NoIdentity),
            ("true", "false", TokenError::NoJoin),
            ("\"r\"", "\"\"", TokenError::NoJoin),
            (",\"exp\":99999", "", TokenError::Malformed),
        ] {
            let forged = forge(HEADER, &payload.replace(old, new));
            assert_eq!(verify(&forged), Err(error), "{new}");
        }
        assert_eq!(
            Key::new("dev", "short").unwrap_err().to_string(),
            "the secret of the LiveKit key 'dev' has 5 bytes; it needs at least 32"
        );
        assert!(Key::parse(&format!("dev:{SECRET}")).is_ok());
        assert_eq!(Key::parse(SECRET).unwrap_err(), KeyError::Unnamed);
        assert!(!format!("{:?}", key()).contains(SECRET));
    }

    proptest! {
        #[test]
        fn a_changed_byte_spoils_a_token(index in 0usize..400, byte in 0u8..128) {
            let token = token();
            let mut changed = token.clone().into_bytes();
            let index = index % changed.len();
            changed[index] = byte;
            let changed = String::from_utf8(changed).unwrap();
            prop_assume!(changed != token);
            prop_assert!(keys().verify(&changed, at(10_001)).is_err());
        }

        #[test]
        fn rubbish_is_refused(text in "\\PC{0,80}") {
            prop_assert!(keys().verify(&text, at(1)).is_err());
            prop_assert!(read_unverified(&text).is_err());
        }
    }
}
