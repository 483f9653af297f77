//! What a client says when it connects.

use std::io::Read;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::GzDecoder;
use prost::Message;
use thiserror::Error;

use crate::proto::{Compression, ConnectionSettings, JoinRequest, WrappedJoinRequest};

/// Most bytes of a join request, inflated; the limit of LiveKit's own server.
/// An honest one has about 10 kB.
pub const MOST_BYTES: usize = 1 << 20;

/// Longest `join_request` parameter. The servers before us take request lines
/// of tens of kilobytes; a compressed offer has 2 to 3 kB.
pub const MOST_TEXT: usize = 64 * 1024;

/// Padding is written by some clients and not by others.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a join request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    /// Not base64url.
    #[error("join_request is not base64url: {0}")]
    Base64(String),
    /// Too long, or inflates to too much.
    #[error("join_request is larger than {0} bytes")]
    TooLarge(usize),
    /// Damaged.
    #[error("join_request cannot be inflated: {0}")]
    Gzip(String),
    /// Compressed in an unknown way.
    #[error("join_request has the unknown compression {0}")]
    Compression(i32),
    /// No such message.
    #[error("join_request is not a JoinRequest: {0}")]
    Protobuf(String),
}

/// How a client joins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Join {
    /// One peer connection for both directions (`/rtc/v1`), or one for each
    /// (`/rtc`).
    pub(crate) single: bool,
    pub(crate) request: JoinRequest,
}

impl Join {
    /// By `/rtc/v1`: the `join_request` parameter of the query, decoded from
    /// its percent-encoding. Absent means an empty request.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn single(join_request: &str) -> Result<Self, JoinError> {
        if join_request.len() > MOST_TEXT {
            return Err(JoinError::TooLarge(MOST_TEXT));
        }
        let bytes = BASE64
            .decode(join_request)
            .map_err(|e| JoinError::Base64(e.to_string()))?;
        let wrapped = WrappedJoinRequest::decode(&bytes[..]).map_err(|e| unreadable(&e))?;
        let bytes = match Compression::try_from(wrapped.compression) {
            Ok(Compression::None) => wrapped.join_request,
            Ok(Compression::Gzip) => inflate(&wrapped.join_request)?,
            Err(_) => return Err(JoinError::Compression(wrapped.compression)),
        };
        Ok(Self {
            single: true,
            request: JoinRequest::decode(&bytes[..]).map_err(|e| unreadable(&e))?,
        })
    }

    /// By `/rtc`: `reconnect=1`, `sid=` and `auto_subscribe=1` of the query.
    #[must_use]
    pub fn dual(reconnect: bool, sid: &str, auto_subscribe: bool) -> Self {
        Self {
            single: false,
            request: JoinRequest {
                connection_settings: Some(ConnectionSettings { auto_subscribe }),
                reconnect,
                participant_sid: sid.to_owned(),
                ..JoinRequest::default()
            },
        }
    }

    /// Whether it wants the tracks that it does not speak about.
    pub(crate) fn subscribes(&self) -> bool {
        let settings = self.request.connection_settings.as_ref();
        settings.is_none_or(|settings| settings.auto_subscribe)
    }

    /// Whether an earlier connection is to be continued.
    #[must_use]
    pub fn resumes(&self) -> bool {
        self.request.reconnect
    }
}

/// The parameter of a request of our own.
pub(crate) fn encode(request: &JoinRequest) -> String {
    BASE64.encode(
        WrappedJoinRequest {
            compression: Compression::None as i32,
            join_request: request.encode_to_vec(),
        }
        .encode_to_vec(),
    )
}

fn unreadable(error: &prost::DecodeError) -> JoinError {
    JoinError::Protobuf(error.to_string())
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, JoinError> {
    let mut inflated = Vec::new();
    GzDecoder::new(bytes)
        .take(MOST_BYTES as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|e| JoinError::Gzip(e.to_string()))?;
    if inflated.len() > MOST_BYTES {
        return Err(JoinError::TooLarge(MOST_BYTES));
    }
    Ok(inflated)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::proto::SessionDescription;

    fn request() -> JoinRequest {
        JoinRequest {
            publisher_offer: Some(SessionDescription {
                r#type: "offer".to_owned(),
                sdp: "v=0\r\n".repeat(500),
                id: 1,
                ..SessionDescription::default()
            }),
            ..JoinRequest::default()
        }
    }

    fn wrap(compression: i32, join_request: Vec<u8>) -> String {
        let wrapped = WrappedJoinRequest {
            compression,
            join_request,
        };
        BASE64.encode(wrapped.encode_to_vec())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_compressed_requests_are_read() {
        let bytes = request().encode_to_vec();
        for text in [
            wrap(0, bytes.clone()),
            wrap(1, gzip(&bytes)),
            wrap(1, gzip(&bytes)).trim_end_matches('=').to_owned(),
            encode(&request()),
        ] {
            let join = Join::single(&text).unwrap();
            assert!(join.single && !join.resumes());
            assert_eq!(join.request, request());
        }
        assert_eq!(Join::single("").unwrap().request, JoinRequest::default());
    }

    #[test]
    fn bombs_and_rubbish_are_told_apart() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < MOST_TEXT, "{}", bomb.len());
        let most = gzip(&vec![0; MOST_BYTES + 1]);
        assert_eq!(
            Join::single(&wrap(1, most)),
            Err(JoinError::TooLarge(MOST_BYTES))
        );
        assert_eq!(
            Join::single(&"A".repeat(MOST_TEXT + 1)),
            Err(JoinError::TooLarge(MOST_TEXT))
        );
        assert_eq!(
            Join::single(&wrap(7, vec![])),
            Err(JoinError::Compression(7))
        );
        assert!(matches!(Join::single("#"), Err(JoinError::Base64(_))));
        assert!(matches!(
            Join::single(&wrap(1, vec![1, 2, 3])),
            Err(JoinError::Gzip(_))
        ));
        assert!(matches!(
            Join::single(&wrap(0, vec![0xff; 9])),
            Err(JoinError::Protobuf(_))
        ));
        assert!(matches!(inflate(&bomb), Err(JoinError::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), compression in 0..3) {
            let _ = Join::single(&BASE64.encode(&bytes));
            let _ = Join::single(&wrap(compression, bytes));
        }
    }
}
