//! Session tokens: JWT (RFC 7519) with HS256 and nothing else. Each is good
//! for one session and a few minutes, or, where a vendor's clients cannot
//! renew theirs, for as long as the session may last.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;

use crate::time::unix_seconds;

/// `{"alg":"HS256","typ":"JWT"}`: the only header that is written or accepted,
/// compared as it stands, so that no other algorithm can be talked into.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What a session token allows: everything on its own session.
const SCOPE: &str = "session";

/// What a token for legacy streaming clients allows: to make sessions, and
/// everything on those that it made.
const STREAMING: &str = "streaming";

/// Shortest secret, bytes: the size of the hash (RFC 7518 §3.2).
pub const MIN_SECRET: usize = 32;

/// Longest token that is read, bytes. Ours have about 200.
const LONGEST: usize = 1_024;

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not a token of this server.
    #[error("the session token is not one of this server")]
    Invalid,
    /// It was one.
    #[error(
        "the session token has expired; renew it in time, or ask for a new one with an API key"
    )]
    Expired,
}

/// Why tokens cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Guessing it would be easy.
    #[error("the token secret has {0} bytes; it needs at least {MIN_SECRET}")]
    TooShort(usize),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(#[source] rand::rand_core::OsError),
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The session.
    sub: String,
    scope: String,
    iat: u64,
    exp: u64,
    /// What vendors' SDKs read of their tokens; nothing here does.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_session_data: Option<serde_json::Value>,
}

/// A token as it is given out.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The token.
    pub token: String,
    /// When it ends.
    pub expires: SystemTime,
}

/// Makes and checks session tokens.
#[derive(Clone)]
pub struct Tokens {
    mac: Hmac<Sha256>,
    lifetime: Duration,
}

impl Tokens {
    /// With a configured secret, so that tokens outlive the process; without
    /// one, they end with it.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn new(secret: Option<&[u8]>, lifetime: Duration) -> Result<Self, SecretError> {
        let mut random = [0; MIN_SECRET];
        let secret = match secret {
            Some(secret) if secret.len() < MIN_SECRET => {
                return Err(SecretError::TooShort(secret.len()));
            }
            Some(secret) => secret,
            None => {
                OsRng
                    .try_fill_bytes(&mut random)
                    .map_err(SecretError::Random)?;
                &random
            }
        };
        Ok(Self {
            // HMAC takes keys of any length.
            mac: Hmac::new_from_slice(secret).map_err(|_| SecretError::TooShort(secret.len()))?,
            lifetime,
        })
    }

    /// A token for one session.
    #[must_use]
    pub fn grant(&self, session: &str, now: SystemTime) -> Grant {
        self.sign(session, SCOPE, self.lifetime, None, now)
    }

    /// A token for one session that is good for its whole life and tells the
    /// vendor's SDK how it was configured.
    pub(crate) fn grant_vendor(
        &self,
        session: &str,
        lifetime: Duration,
        data: serde_json::Value,
        now: SystemTime,
    ) -> Grant {
        self.sign(session, SCOPE, lifetime, Some(data), now)
    }

    /// A token with which a legacy streaming client makes its sessions.
    pub(crate) fn grant_streaming(
        &self,
        client: &str,
        lifetime: Duration,
        now: SystemTime,
    ) -> Grant {
        self.sign(client, STREAMING, lifetime, None, now)
    }

    fn sign(
        &self,
        subject: &str,
        scope: &str,
        lifetime: Duration,
        start_session_data: Option<serde_json::Value>,
        now: SystemTime,
    ) -> Grant {
        let issued = unix_seconds(now);
        let expires = issued + lifetime.as_secs();
        let claims = serde_json::json!(Claims {
            sub: subject.to_owned(),
            scope: scope.to_owned(),
            iat: issued,
            exp: expires,
            start_session_data,
        });
        let signed = format!("{HEADER}.{}", BASE64.encode(claims.to_string()));
        let mut mac = self.mac.clone();
        mac.update(signed.as_bytes());
        let signature = BASE64.encode(mac.finalize().into_bytes());
        Grant {
            token: format!("{signed}.{signature}"),
            expires: SystemTime::UNIX_EPOCH + Duration::from_secs(expires),
        }
    }

    /// The session that a token is for.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn check(&self, token: &str, now: SystemTime) -> Result<String, TokenError> {
        self.subject(token, SCOPE, now)
    }

    /// The legacy streaming client that a token was given to.
    pub(crate) fn check_streaming(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<String, TokenError> {
        self.subject(token, STREAMING, now)
    }

    fn subject(&self, token: &str, scope: &str, now: SystemTime) -> Result<String, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Invalid);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Invalid)?;
        if header != HEADER {
            return Err(TokenError::Invalid);
        }
        let signature = BASE64.decode(signature).map_err(|_| TokenError::Invalid)?;
        let mut mac = self.mac.clone();
        mac.update(signed.as_bytes());
        // Compares in constant time.
        mac.verify_slice(&signature)
            .map_err(|_| TokenError::Invalid)?;
        let payload = BASE64.decode(payload).map_err(|_| TokenError::Invalid)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| TokenError::Invalid)?;
        if claims.scope != scope {
            return Err(TokenError::Invalid);
        }
        if claims.exp <= unix_seconds(now) {
            return Err(TokenError::Expired);
        }
        Ok(claims.sub)
    }
}

/// Whether a credential is meant as a session token: API keys have no dots.
pub(crate) fn looks_like(credential: &str) -> bool {
    credential.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn tokens() -> Tokens {
        Tokens::new(Some(SECRET), Duration::from_mins(10)).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// A token with any header and payload, signed with the right secret.
    fn forge(header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
        let mut mac = tokens().mac;
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn the_header_is_what_its_comment_says() {
        assert_eq!(
            BASE64.decode(HEADER).unwrap(),
            br#"{"alg":"HS256","typ":"JWT"}"#
        );
    }

    #[test]
    fn a_token_is_good_for_its_session_until_it_expires() {
        let grant = tokens().grant("s-1", at(1_000));
        assert_eq!(grant.expires, at(1_600));
        assert_eq!(tokens().check(&grant.token, at(1_599)), Ok("s-1".into()));
        assert_eq!(
            tokens().check(&grant.token, at(1_600)),
            Err(TokenError::Expired)
        );
        assert!(looks_like(&grant.token));
    }

    #[test]
    fn forged_tokens_are_refused() {
        let good = tokens().grant("s-1", at(0)).token;
        let parts: Vec<&str> = good.split('.').collect();
        let claims = |text: &str| format!("{}.{}.{}", parts[0], BASE64.encode(text), parts[2]);
        let none = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let other = Tokens::new(Some(&[7; 32]), Duration::from_mins(10)).unwrap();
        let payload = r#"{"sub":"s-1","scope":"session","iat":0,"exp":9999999999}"#;
        let table = [
            ("empty", String::new()),
            ("dots", "..".to_owned()),
            ("two parts", format!("{}.{}", parts[0], parts[1])),
            ("four parts", format!("{good}.x")),
            ("alg none, no signature", format!("{none}.{}.", parts[1])),
            (
                "alg none, old signature",
                format!("{none}.{}.{}", parts[1], parts[2]),
            ),
            ("alg none, signed", forge(r#"{"alg":"none"}"#, payload)),
            (
                "alg HS512, signed",
                forge(r#"{"alg":"HS512","typ":"JWT"}"#, payload),
            ),
            (
                "header in another order",
                forge(r#"{"typ":"JWT","alg":"HS256"}"#, payload),
            ),
            ("wrong secret", other.grant("s-1", at(0)).token),
            ("changed claims", claims(payload)),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            (
                "short signature",
                format!("{}.{}.{}", parts[0], parts[1], &parts[2][..20]),
            ),
            ("not base64", format!("{}.{}.%%%", parts[0], parts[1])),
            ("very long", "x".repeat(1 << 20)),
            (
                "another scope, signed",
                forge(
                    r#"{"alg":"HS256","typ":"JWT"}"#,
                    r#"{"sub":"s-1","scope":"admin","iat":0,"exp":9999999999}"#,
                ),
            ),
            (
                "no expiry, signed",
                forge(
                    r#"{"alg":"HS256","typ":"JWT"}"#,
                    r#"{"sub":"s-1","scope":"session","iat":0}"#,
                ),
            ),
        ];
        for (what, token) in table {
            assert_eq!(
                tokens().check(&token, at(1)),
                Err(TokenError::Invalid),
                "{what}"
            );
        }
        // The forger works when it forges the real thing.
        let honest = forge(r#"{"alg":"HS256","typ":"JWT"}"#, payload);
        assert_eq!(tokens().check(&honest, at(1)), Ok("s-1".into()));
    }

    #[test]
    fn scopes_do_not_stand_in_for_each_other() {
        let long = Duration::from_hours(1);
        let data = serde_json::json!({ "mode": "LITE" });
        let vendor = tokens().grant_vendor("s-1", long, data, at(0)).token;
        let client = tokens().grant_streaming("c-1", long, at(0)).token;
        assert_eq!(tokens().check(&vendor, at(3_599)), Ok("s-1".into()));
        assert_eq!(tokens().check_streaming(&client, at(1)), Ok("c-1".into()));
        assert_eq!(tokens().check(&client, at(1)), Err(TokenError::Invalid));
        assert_eq!(
            tokens().check_streaming(&vendor, at(1)),
            Err(TokenError::Invalid)
        );
        let payload = BASE64.decode(vendor.split('.').nth(1).unwrap()).unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["start_session_data"]["mode"], "LITE");
    }

    #[test]
    fn secrets_are_long_or_random() {
        assert!(matches!(
            Tokens::new(Some(b"short"), Duration::ZERO),
            Err(SecretError::TooShort(5))
        ));
        let one = Tokens::new(None, Duration::from_secs(9)).unwrap();
        let two = Tokens::new(None, Duration::from_secs(9)).unwrap();
        let token = one.grant("s", at(0)).token;
        assert_eq!(one.check(&token, at(0)), Ok("s".into()));
        assert_eq!(two.check(&token, at(0)), Err(TokenError::Invalid));
    }
}
