//! Two guests of a room who speak nonsense: one with two peer connections, one with a single one.
#![allow(dead_code, reason = "each target uses its half")]

use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use livekit::room::{Accepted, Action, Answered, ConnId, Forward, Heard, PeerId, Settings, Side};
use livekit::token::{Claims, Grants, Key};
use livekit::{Join, Room};

/// Time passes in multiples of this: one piece can pass every deadline.
const STEP: Duration = Duration::from_millis(250);

/// What the room hands out as an offer.
const OFFER: &str = "v=0\r\n";

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

/// By what a piece comes, if it brings bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Frame,
    Packet,
}

/// What the room keeps apart of one guest.
struct Guest {
    name: &'static str,
    conn: ConnId,
    peer: Option<PeerId>,
    sid: String,
}

/// The `join_request` parameter of a guest that subscribes to everything and
/// makes an offer (`livekit.JoinRequest`, not compressed).
fn parameter(resumes: bool, sid: &str) -> String {
    let mut request = vec![0x12, 2, 0x08, 1, 0x32, 0];
    if resumes {
        request.extend([0x38, 1, 0x4a, sid.len() as u8]);
        request.extend(sid.bytes());
    }
    let mut wrapped = vec![0x12, request.len() as u8];
    wrapped.extend(request);
    URL_SAFE.encode(wrapped)
}

pub struct Guests {
    room: Room,
    now: Instant,
    guests: [Guest; 2],
    last_conn: u64,
}

impl Guests {
    /// Both join an empty room.
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
        let guest = |name, conn| Guest {
            name,
            conn: ConnId(conn),
            peer: None,
            sid: String::new(),
        };
        let mut guests = Self {
            room: Room::new(settings, now, SystemTime::UNIX_EPOCH),
            now,
            guests: [guest("double", 1), guest("single", 2)],
            last_conn: 2,
        };
        for who in [0, 1] {
            guests.enter(who, false);
        }
        guests
    }

    /// The first byte of a piece says who does what, the rest goes with it.
    pub fn act(&mut self, piece: &[u8], way: Way) {
        let Some((verb, rest)) = piece.split_first() else {
            return;
        };
        let who = usize::from(verb & 1);
        let Some(Guest { conn, peer, .. }) = self.guests.get(who) else {
            return;
        };
        let (conn, peer) = (*conn, *peer);
        match ((verb >> 1) & 7, peer) {
            (0, _) => {
                let steps = rest.first().copied().unwrap_or(1);
                self.now += STEP * u32::from(steps);
                self.room.advance(self.now);
            }
            (1, _) => self.room.lost(self.now, conn),
            (2, _) => self.enter(who, true),
            (3, _) => self.enter(who, false),
            (4, Some(peer)) => self.room.closed(self.now, peer),
            (_, Some(peer)) if way == Way::Packet => {
                let packet = Bytes::copy_from_slice(rest);
                let lossy = verb & 0x10 != 0;
                self.room.packet(self.now, peer, lossy, &packet);
            }
            _ => self.room.frame(self.now, conn, rest),
        }
        self.settle();
    }

    /// A guest connects: for the first time, anew, or to go on.
    fn enter(&mut self, who: usize, resumes: bool) {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        let Some(guest) = self.guests.get_mut(who) else {
            return;
        };
        guest.conn = conn;
        if !resumes {
            guest.sid.clear();
        }
        let sid = guest.sid.clone();
        let claims = Claims {
            identity: guest.name.to_owned(),
            grants: Grants::join("room"),
            ..Claims::default()
        };
        let join = if who == 0 {
            Join::dual(resumes, &sid, true)
        } else {
            Join::single(&parameter(resumes, &sid)).expect("it can be read")
        };
        self.room.join(self.now, conn, claims, join);
        self.settle();
    }

    /// The first participant that a guest is told of is itself.
    fn note_sid(&mut self, conn: ConnId, frame: &[u8]) {
        let mut guests = self.guests.iter_mut();
        let Some(guest) = guests.find(|guest| guest.conn == conn && guest.sid.is_empty()) else {
            return;
        };
        if let Some(at) = frame.windows(3).position(|bytes| bytes == b"PA_") {
            let sid = frame.iter().skip(at).map(|byte| char::from(*byte));
            guest.sid = sid
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
        }
    }

    fn connects(&mut self, who: usize, peer: PeerId) {
        if let Some(guest) = self.guests.get_mut(who) {
            guest.peer = Some(peer);
        }
        self.room.connected(peer);
        self.room.channel_open(peer, "_reliable");
        self.room.channel_open(peer, "_lossy");
    }

    /// Does what the room asks for, with connections that always come about.
    /// Whether an offer is answered is for the guests to decide.
    fn settle(&mut self) {
        while let Some(action) = self.room.poll_action() {
            match action {
                Action::Send { conn, frame } => self.note_sid(conn, &frame),
                Action::Offer { peer, .. } => {
                    self.room
                        .offered(self.now, peer, Ok(Some(OFFER.to_owned())));
                    self.connects(0, peer);
                }
                Action::Reoffer { peer, forwards } => {
                    let offer = (!forwards.is_empty()).then(|| OFFER.to_owned());
                    self.room.offered(self.now, peer, Ok(offer));
                }
                Action::Restart { peer } => {
                    self.room
                        .offered(self.now, peer, Ok(Some(OFFER.to_owned())));
                }
                Action::Accept { peer, answer } => {
                    let no_pictures = answer.is_empty();
                    let accepted = Accepted { no_pictures };
                    self.room.accepted(self.now, peer, Some(accepted));
                }
                Action::Answer {
                    peer, id, forwards, ..
                } => {
                    let heard = |mid: &str, side| Heard {
                        mid: mid.to_owned(),
                        side,
                        track: None,
                    };
                    // A guest that numbers its offers by even numbers has ended its picture.
                    let mut heard = vec![heard("0", Side::Audio), heard("1", Side::Video)];
                    heard.truncate(if id.is_multiple_of(2) { 1 } else { 2 });
                    let mids = (10..).map(|mid: u32| mid.to_string());
                    let names = forwards.into_iter().map(|Forward { track, .. }| track);
                    let answered = Answered {
                        forwarded: mids.zip(names).take(3).collect(),
                        heard,
                        ..Answered::default()
                    };
                    self.room.answered(self.now, peer, id, Ok(answered));
                    self.connects(1, peer);
                }
                _ => {}
            }
        }
        while self.room.poll_event().is_some() {}
    }
}
