//! What can go wrong, in words for the one who has to fix it.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why the endpoint could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The UDP port cannot be had.
    #[error("UDP {address} cannot be bound: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No address of this machine can be told to viewers.
    #[error("this machine has no address that viewers can reach; name one to advertise")]
    NoAddress,
    /// A certificate for DTLS could not be made.
    #[error("no certificate for DTLS could be made")]
    Certificate,
    /// The thread or its poller could not be started.
    #[error("the transport thread could not start: {0}")]
    Thread(#[source] io::Error),
}

/// Why an offer was not answered. All but the last four are faults of
/// the offer.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OfferError {
    /// Not SDP, or SDP without something that WebRTC needs.
    #[error("the offer is not usable: {0}")]
    Malformed(String),
    /// Longer than any honest offer.
    #[error("the offer has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        limit: usize,
    },
    /// More sections than are kept of one connection; what has ended counts.
    #[error("the offer has more than {limit} sections")]
    TooManySections {
        /// The most that are kept.
        limit: usize,
    },
    /// No section of this kind can receive.
    #[error("the offer does not ask to receive {kind}: {found}")]
    NotReceiving {
        /// `"audio"` or `"video"`.
        kind: &'static str,
        /// What the offer holds instead.
        found: String,
    },
    /// No H.264 with packetization-mode 1.
    #[error("the offer has no H.264 with packetization-mode=1; it offers: {}", list(.offered))]
    NoH264 {
        /// Names of the video codecs that were offered.
        offered: Vec<String>,
    },
    /// No Opus.
    #[error("the offer has no Opus; it offers: {}", list(.offered))]
    NoOpus {
        /// Names of the audio codecs that were offered.
        offered: Vec<String>,
    },
    /// The endpoint serves as many viewers as it may.
    #[error("all {limit} viewer places are taken")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// The endpoint is shutting down.
    #[error("the endpoint is shutting down")]
    Stopped,
    /// The connection that was to be negotiated anew is gone.
    #[error("the connection is gone")]
    Gone,
    /// A connection of its own port could not get one.
    #[error("no UDP port can be had: {0}")]
    NoPort(String),
}

/// Why an answer to our offer was not taken.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// Not SDP, or SDP that does not answer the offer.
    #[error("the answer is not usable: {0}")]
    Malformed(String),
    /// No offer waits for an answer.
    #[error("no offer waits for an answer")]
    Unexpected,
    /// The connection is gone.
    #[error("the connection is gone")]
    Gone,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Too much waits to be sent already: the path is slow, or the far side
    /// does not read.
    #[error("too much waits to be sent")]
    Full,
    /// No channel of this name is open.
    #[error("no such channel is open")]
    NoChannel,
    /// Longer than a message may be.
    #[error("the message has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The longest that is sent.
        limit: usize,
    },
    /// The connection is gone.
    #[error("the connection is gone")]
    Closed,
}

/// Why an `application/trickle-ice-sdpfrag` body was refused.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FragmentError {
    /// Not a fragment of RFC 8840.
    #[error("the fragment is not usable: {0}")]
    Malformed(String),
    /// Candidates for another ICE session than the present one.
    #[error("the fragment belongs to another ICE session")]
    OtherSession,
    /// A restart that keeps the present credentials.
    #[error("an ICE restart needs new ice-ufrag and ice-pwd")]
    NotARestart,
    /// The viewer is gone.
    #[error("the viewer is gone")]
    Gone,
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}
