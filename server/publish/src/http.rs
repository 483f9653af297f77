//! The HTTP side of WHIP (RFC 9725 §4). Blocks.

use std::time::Duration;

use thiserror::Error;
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::{Response, Uri};

/// Time for one request. Servers answer an offer within a second or two.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer that is read, bytes; as for offers that come to us.
const LONGEST: u64 = 64 * 1024;

/// Redirects that are followed (RFC 9725 §4.2 names 307 for load balancing).
const REDIRECTS: usize = 5;

/// Characters of a refusal that are kept.
const COMPLAINT: usize = 200;

/// Why a server did not take an offer.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("no answer: {0}")]
    Unreachable(#[source] Box<ureq::Error>),
    #[error("it answered {status}: {message}")]
    Refused {
        status: u16,
        message: String,
        /// When it may be asked again, if it said so.
        after: Option<Duration>,
    },
    #[error("it redirected too often, or to where WHIP does not go")]
    Redirect,
    #[error("it answered without a Location")]
    NoLocation,
}

impl Error {
    /// Whether asking again is of no use.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            // Timeouts, too early, too many and faults of the server pass.
            Self::Refused { status, .. } => {
                (400..500).contains(status) && ![408, 425, 429].contains(status)
            }
            Self::Redirect => true,
            Self::Unreachable(_) | Self::NoLocation => false,
        }
    }
}

/// What a server made of an offer.
#[derive(Debug)]
pub(crate) struct Published {
    pub answer: String,
    /// What DELETE ends.
    pub resource: String,
    /// The bearer token of the resource: none where a redirect led elsewhere.
    pub bearer: Option<String>,
}

pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

/// Posts an offer.
pub(crate) fn post(
    agent: &Agent,
    url: &str,
    bearer: Option<&str>,
    offer: &str,
) -> Result<Published, Error> {
    let mut url = url.to_owned();
    let mut bearer = bearer.map(str::to_owned);
    for _ in 0..=REDIRECTS {
        let mut request = agent.post(&url).header(CONTENT_TYPE, "application/sdp");
        if let Some(bearer) = &bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let mut response = request
            .send(offer)
            .map_err(|error| Error::Unreachable(Box::new(error)))?;
        let status = response.status().as_u16();
        let location = header(&response, LOCATION).and_then(|l| resolve(&url, &l));
        if [301, 302, 307, 308].contains(&status) {
            let next = location.ok_or(Error::Redirect)?;
            if origin(&next) != origin(&url) {
                // The token is for the server that was named.
                bearer = None;
            }
            url = next;
            continue;
        }
        let after = header(&response, RETRY_AFTER).and_then(|s| s.trim().parse().ok());
        let body = response.body_mut().with_config().limit(LONGEST);
        let body = body.read_to_string();
        if !(200..300).contains(&status) {
            let message = body.unwrap_or_default();
            let message = message.trim().chars().filter(|c| !c.is_control());
            return Err(Error::Refused {
                status,
                message: message.take(COMPLAINT).collect(),
                after: after.map(Duration::from_secs),
            });
        }
        return Ok(Published {
            answer: body.map_err(|error| Error::Unreachable(Box::new(error)))?,
            resource: location.ok_or(Error::NoLocation)?,
            bearer,
        });
    }
    Err(Error::Redirect)
}

/// Ends what was published. A server that cannot be told finds out by itself.
pub(crate) fn delete(agent: &Agent, published: &Published) {
    let mut request = agent.delete(&published.resource);
    if let Some(bearer) = &published.bearer {
        request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
    }
    if let Err(error) = request.call() {
        tracing::info!(%error, "a WHIP resource was not deleted");
    }
}

fn header<T>(response: &Response<T>, name: ureq::http::HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Scheme and authority of an `http` or `https` address.
pub(crate) fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let fine = ["http", "https"].contains(&scheme);
    fine.then_some(format!("{scheme}://{}", uri.authority()?))
}

/// A reference as seen from an address (RFC 3986 §5.2, without dot segments).
fn resolve(base: &str, reference: &str) -> Option<String> {
    let origin = origin(base)?;
    let absolute = if reference.contains("://") {
        reference.to_owned()
    } else if let Some(rest) = reference.strip_prefix("//") {
        let (scheme, _) = origin.split_once("://")?;
        format!("{scheme}://{rest}")
    } else if reference.starts_with('/') {
        format!("{origin}{reference}")
    } else {
        let path = base.strip_prefix(&origin)?.split('?').next()?;
        let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
        format!("{origin}{folder}{reference}")
    };
    self::origin(&absolute)?;
    Some(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_other_schemes_refused() {
        let from = |reference| resolve("https://a.example:8443/w/x?k=1", reference);
        for (reference, expected) in [
            ("/r/1", "https://a.example:8443/r/1"),
            ("r/1", "https://a.example:8443/w/r/1"),
            ("//b.example/r", "https://b.example/r"),
            ("http://b.example/r", "http://b.example/r"),
        ] {
            assert_eq!(from(reference).as_deref(), Some(expected));
        }
        assert_eq!(from("file://x/etc"), None);
        assert_eq!(
            resolve("https://a.example", "r").as_deref(),
            Some("https://a.example/r")
        );
        assert_eq!(origin("ftp://a.example"), None);
        assert_eq!(origin("nothing"), None);
    }

    #[test]
    fn faults_of_the_request_are_final() {
        let refused = |status| Error::Refused {
            status,
            message: String::new(),
            after: None,
        };
        for status in [400, 401, 404, 422] {
            assert!(refused(status).is_final());
        }
        for status in [408, 429, 500, 503] {
            assert!(!refused(status).is_final());
        }
    }
}
