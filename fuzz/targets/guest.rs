//! A guest of a room that speaks nonsense.
#![allow(dead_code, reason = "each target uses its half")]

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use livekit::room::{Action, Answered, ConnId, Heard, PeerId, Settings, Side};
use livekit::token::{Claims, Grants, Key};
use livekit::{Join, Room};

/// Time between two pieces: enough of them pass every deadline.
const STEP: Duration = Duration::from_millis(700);

/// Separates pieces in the input of the fuzzer.
const CUT: [u8; 2] = [0xff, 0xff];

/// The pieces of an input.
pub fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest?;
        match data.windows(CUT.len()).position(|window| window == CUT) {
            Some(at) => {
                rest = Some(&data[at + CUT.len()..]);
                Some(&data[..at])
            }
            None => {
                rest = None;
                Some(data)
            }
        }
    })
}

pub struct Guest {
    room: Room,
    now: Instant,
    conn: ConnId,
    peer: Option<PeerId>,
}

impl Guest {
    /// Joins an empty room by two peer connections.
    pub fn join() -> Self {
        let now = Instant::now();
        let key = Key::new("fuzz", "0123456789abcdef0123456789abcdef").expect("a good key");
        let settings = Settings {
            name: "room".to_owned(),
            key,
            ice_servers: Vec::new(),
            grace: Duration::from_secs(15),
            seed: 1,
        };
        let mut room = Room::new(settings, now, SystemTime::UNIX_EPOCH);
        let conn = ConnId(1);
        let claims = Claims {
            identity: "guest".to_owned(),
            grants: Grants::join("room"),
            ..Claims::default()
        };
        room.join(now, conn, claims, Join::dual(false, "", true));
        let mut guest = Self {
            room,
            now,
            conn,
            peer: None,
        };
        guest.settle();
        guest
    }

    pub fn frame(&mut self, frame: &[u8]) {
        self.room.frame(self.now, self.conn, frame);
        self.settle();
    }

    pub fn packet(&mut self, packet: &[u8]) {
        if let Some(peer) = self.peer {
            let packet = Bytes::copy_from_slice(packet);
            self.room.packet(self.now, peer, false, &packet);
        }
        self.settle();
    }

    /// Does what the room asks for, with connections that always come about.
    fn settle(&mut self) {
        while let Some(action) = self.room.poll_action() {
            match action {
                Action::Offer { peer, .. } => {
                    self.peer = Some(peer);
                    self.room
                        .offered(self.now, peer, Ok(Some("v=0\r\n".to_owned())));
                    self.room.connected(peer);
                    self.room.channel_open(peer, "_reliable");
                }
                Action::Reoffer { peer, .. } => self.room.offered(self.now, peer, Ok(None)),
                Action::Accept { peer, .. } => self.room.accepted(self.now, peer, true),
                Action::Answer { peer, id, .. } => {
                    let heard = |mid: &str, side| Heard {
                        mid: mid.to_owned(),
                        side,
                        track: None,
                    };
                    let answered = Answered {
                        heard: vec![heard("0", Side::Audio), heard("1", Side::Video)],
                        ..Answered::default()
                    };
                    self.room.answered(self.now, peer, id, Ok(answered));
                }
                _ => {}
            }
        }
        while self.room.poll_event().is_some() {}
        self.now += STEP;
        self.room.advance(self.now);
    }
}
