//! What the APIs of vendors share, so that their clients work unmodified.
//!
//! A vendor session *is* a session of this server, of the same identifier:
//! what our own API offers (watching by WHEP, events, the recording) works on
//! it too. [`conversation`] is its protocol without input and output, [`live`]
//! the task that runs it, [`table`] the memory of all of them.

pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod conversation;
pub(crate) mod feed;
pub(crate) mod live;
pub(crate) mod playback;
pub(crate) mod shape;
pub(crate) mod source;
pub(crate) mod table;
