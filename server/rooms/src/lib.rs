//! LiveKit rooms on sessions, and sessions in LiveKit rooms.
//!
//! [`livekit`] says what is to be done; here it is done: over the peer
//! connections of [`transport`], with the sound and picture of [`engine`]
//! sessions, on the tokio runtime.
//!
//! * [`Rooms`]: the rooms of this server. Each session has one, named as the
//!   session; a token for another name opens a room of guests among
//!   themselves.
//! * [`join`]: a session as the avatar of an agent in a customer's room.

#![forbid(unsafe_code)]

mod admit;
mod away;
mod driver;
mod join;
mod media;
mod speech;
mod watch;

pub use admit::{ConnectError, Mode, Rooms, Settings};
pub use away::Away;
pub use driver::{Connection, Frame, Resident, Room, RoomEvent};
pub use join::{JoinError, JoinState, Joined, join};
