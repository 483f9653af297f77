//! What a session and the API hold of a viewer.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media::seam::{Sink, SinkState};
use media::{Packet, Turn};

use crate::core::Core;
use crate::doorbell::{Doorbell, lock};
use crate::error::FragmentError;
use crate::inbox::{Inbox, Pushed};
use crate::link::LinkEvent;
use crate::mailbox::Mailbox;
use crate::microphone::Queue;

/// Names a viewer within its endpoint. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(pub(crate) u64);

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a session wants of one viewer.
#[derive(Clone, Debug)]
pub struct ViewerSettings {
    /// The name of the media stream in the player: both tracks belong to it,
    /// which is what makes a player align them. Token characters (RFC 8830
    /// §2); others are left out.
    pub stream: String,
}

impl Default for ViewerSettings {
    fn default() -> Self {
        Self {
            stream: "visavis".to_owned(),
        }
    }
}

/// Why a viewer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Closed from this side.
    Local,
    /// The player closed the connection.
    Remote,
    /// The player vanished: nothing was heard of it for too long.
    Timeout,
    /// The player never connected.
    NeverConnected,
    /// The connection broke the rules, for instance a wrong DTLS certificate.
    Failed,
    /// Data came faster than it was read here.
    Overrun,
}

/// Where a viewer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The offer is answered; ICE and DTLS are under way.
    #[default]
    Connecting,
    /// Packets flow.
    Connected,
    /// Gone.
    Closed(Reason),
}

/// Something the session should know.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Packets flow from now on. A [`Event::KeyFrameWanted`] follows.
    Connected,
    /// The picture after the next should be a key frame: the viewer is new,
    /// lost too much (PLI or FIR) or fell behind. At most one in 250 ms, so a
    /// viewer cannot make the encoder send nothing but key frames.
    KeyFrameWanted,
    /// An estimate of what the path carries, bit/s.
    Bitrate(u32),
    /// Gone, and why. The last event.
    Closed(Reason),
}

/// Counters and measurements of one viewer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Where it stands.
    pub state: State,
    /// From the answer to the end of the DTLS handshake.
    pub connect: Option<Duration>,
    /// Round trip by RTCP, the latest.
    pub rtt: Option<Duration>,
    /// Share of sound packets lost on the way to the viewer, 0..=1, by its
    /// latest reports.
    pub loss: Option<f32>,
    /// Datagrams handed to the network.
    pub packets_sent: u64,
    /// Their payload, bytes.
    pub bytes_sent: u64,
    /// Access units written.
    pub units_sent: u64,
    /// Access units that were not sent: pictures before the first key frame,
    /// and what a full queue or an interrupt removed.
    pub units_dropped: u64,
    /// NACK messages received.
    pub nacks: u64,
    /// Key frame requests received (PLI and FIR).
    pub key_requests: u64,
    /// Estimate of what the path carries, bit/s.
    pub bitrate: Option<u32>,
}

/// Events that wait to be read. One of each kind at most, so it needs no
/// bound: a newer estimate replaces an older one.
#[derive(Debug, Default)]
pub(crate) struct News {
    connected: bool,
    key: bool,
    bitrate: Option<u32>,
    closed: Option<Reason>,
}

impl News {
    fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.connected) {
            Some(Event::Connected)
        } else if std::mem::take(&mut self.key) {
            Some(Event::KeyFrameWanted)
        } else if let Some(rate) = self.bitrate.take() {
            Some(Event::Bitrate(rate))
        } else {
            self.closed.take().map(Event::Closed)
        }
    }
}

/// What the driver and the session share about a viewer.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub inbox: Inbox,
    pub stats: Stats,
    pub mail: Mailbox,
    pub sound: Queue,
    news: News,
}

impl Slot {
    pub(crate) fn connected(&mut self, after: Duration) {
        self.mail.tell(LinkEvent::Connected);
        self.inbox.open();
        self.stats.state = State::Connected;
        self.stats.connect = Some(after);
        self.news.connected = true;
        self.news.key = true;
    }

    pub(crate) fn want_key(&mut self) {
        self.news.key = true;
    }

    pub(crate) fn estimate(&mut self, rate: u32) {
        self.stats.bitrate = Some(rate);
        self.news.bitrate = Some(rate);
    }

    pub(crate) fn closed(&mut self, reason: Reason) {
        if !matches!(self.stats.state, State::Closed(_)) {
            self.inbox.close();
            self.stats.state = State::Closed(reason);
            self.news.closed = Some(reason);
            self.mail.close(reason);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.stats.state, State::Closed(_))
    }
}

/// Steers a viewer from the API: cheap to clone, does not keep it alive.
#[derive(Clone)]
pub struct Control {
    id: ViewerId,
    slot: Arc<Mutex<Slot>>,
    core: Arc<Mutex<Core>>,
    doorbell: Arc<Doorbell>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("id", &self.id)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Control {
    pub(crate) fn new(
        id: ViewerId,
        slot: Arc<Mutex<Slot>>,
        core: Arc<Mutex<Core>>,
        doorbell: Arc<Doorbell>,
    ) -> Self {
        Self {
            id,
            slot,
            core,
            doorbell,
        }
    }

    pub(crate) fn slot(&self) -> &Arc<Mutex<Slot>> {
        &self.slot
    }

    /// Which viewer this is.
    pub fn id(&self) -> ViewerId {
        self.id
    }

    /// Counters and measurements up to now.
    pub fn stats(&self) -> Stats {
        let slot = lock(&self.slot);
        Stats {
            units_dropped: slot.inbox.dropped(),
            ..slot.stats
        }
    }

    /// Whether the viewer is still there.
    pub fn is_open(&self) -> bool {
        lock(&self.slot).is_open()
    }

    /// The entity tag of the present ICE session, quotes included, for the
    /// `ETag` and `If-Match` headers (RFC 9725 §4.3.1). `None` once it is
    /// gone.
    pub fn etag(&self) -> Option<String> {
        lock(&self.core).etag(self.id)
    }

    /// Takes further candidates of the player (RFC 8840). They are checked and
    /// set aside: an ICE-lite agent learns addresses from the player's checks.
    ///
    /// # Errors
    /// [`FragmentError`] when the body is malformed or for another ICE session.
    pub fn trickle(&self, fragment: &str) -> Result<(), FragmentError> {
        lock(&self.core).trickle(self.id, fragment)
    }

    /// Restarts ICE with the player's new credentials (RFC 9725 §4.3.3) and
    /// gives the fragment to answer with. Packets go on flowing on the old
    /// path until the new one stands.
    ///
    /// # Errors
    /// [`FragmentError`] when the body is malformed or brings no new
    /// credentials.
    pub fn restart_ice(&self, fragment: &str) -> Result<String, FragmentError> {
        let answer = lock(&self.core).restart_ice(Instant::now(), self.id, fragment);
        self.doorbell.ring();
        answer
    }

    /// Closes the connection. Returns at once; the player is told.
    pub fn close(&self) {
        self.doorbell.close(self.id);
    }
}

/// One connected player: takes packets, gives events. Dropping it closes the
/// connection.
#[derive(Debug)]
pub struct Viewer {
    control: Control,
}

impl Viewer {
    pub(crate) fn new(control: Control) -> Self {
        Self { control }
    }

    /// Which viewer this is.
    pub fn id(&self) -> ViewerId {
        self.control.id
    }

    /// A handle for the API.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The next event, if there is one. Ask after each hop.
    pub fn poll_event(&mut self) -> Option<Event> {
        lock(&self.control.slot).news.next()
    }

    /// Removes packets of turns before `turn` that have not left yet. Packets
    /// leave within a millisecond of being written, nothing paces them, so
    /// this is all that can be called back.
    pub fn drop_before(&mut self, turn: Turn) {
        let mut slot = lock(&self.control.slot);
        if slot.inbox.drop_before(turn) {
            slot.want_key();
        }
    }
}

impl Sink for Viewer {
    fn write(&mut self, packet: &Packet) -> SinkState {
        let pushed = {
            let mut slot = lock(&self.control.slot);
            if !slot.is_open() {
                return SinkState::Closed;
            }
            let pushed = slot.inbox.push(packet);
            if pushed == Pushed::KeyNeeded {
                slot.want_key();
            }
            pushed
        };
        if pushed == Pushed::First {
            self.control.doorbell.ready(self.control.id);
        }
        SinkState::Open
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.control.close();
    }
}
