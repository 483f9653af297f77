//! A world in virtual time: one [`Core`], a session that sends to all its
//! viewers, browsers (the same library in the player's role) and a network
//! that delays, shakes and loses datagrams.

pub(crate) mod browser;
mod connection;
mod faults;
mod links;
mod media;
mod network;
mod relays;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::media::seam::Sink;
use ::media::{CLOCK_HZ, FRAME, HOP, MediaTime, Packet, Track, Turn};
use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};

use self::browser::Browser;
use self::network::Network;
use crate::config::{Config, Estimation, Place};
use crate::core::Core;
use crate::doorbell::{Doorbell, lock};
use crate::error::OfferError;
use crate::peer::Peer;
use crate::viewer::{Control, Event, Viewer, ViewerSettings};

const SERVER: ([u8; 4], u16) = ([10, 0, 0, 1], 4_000);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A connection's two ends.
struct Pair {
    viewer: Option<Viewer>,
    browser: Browser,
    answer: String,
    events: Vec<(Duration, Event)>,
}

struct World {
    start: Instant,
    now: Instant,
    config: Arc<Config>,
    core: Arc<Mutex<Core>>,
    doorbell: Arc<Doorbell>,
    network: Network,
    rng: StdRng,
    pairs: Vec<Pair>,
    sent: Vec<Packet>,
    media: MediaTime,
    key: bool,
    talking: bool,
    /// Bounded, so that a fault is no test without end.
    steps: u32,
}

impl World {
    fn new() -> Self {
        Self::with(None, 100)
    }

    fn with(estimation: Option<Estimation>, limit: usize) -> Self {
        let start = Instant::now();
        let server = SocketAddr::from(SERVER);
        let config = Config::new(
            vec![server],
            vec![server],
            estimation,
            ms(15_000),
            ms(8_000),
        );
        let config = Arc::new(config.unwrap());
        Self {
            start,
            now: start,
            core: Arc::new(Mutex::new(Core::new(limit))),
            config,
            doorbell: Arc::default(),
            network: Network::new(7),
            rng: StdRng::seed_from_u64(7),
            pairs: Vec::new(),
            sent: Vec::new(),
            // Media time began long before the first viewer came.
            media: MediaTime(3_600 * CLOCK_HZ),
            key: false,
            talking: true,
            steps: 0,
        }
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// A browser comes. Gives its number.
    fn join(&mut self) -> usize {
        self.join_by(Browser::offer)
    }

    fn join_by(&mut self, offer: impl FnOnce(&mut Browser) -> String) -> usize {
        let number = self.pairs.len();
        let address = SocketAddr::from(([10, 0, 1, 1], 5_000 + number as u16));
        let mut browser = Browser::new(self.now, address);
        let offer = offer(&mut browser);
        let (answer, peer) = self.accept(&offer).unwrap();
        let control = self.seat(peer, None);
        browser.answer(&answer);
        self.pairs.push(Pair {
            viewer: Some(Viewer::new(control)),
            browser,
            answer,
            events: Vec::new(),
        });
        number
    }

    fn accept(&mut self, offer: &str) -> Result<(String, Peer), OfferError> {
        let wanted = (&ViewerSettings::default()).into();
        let place = Place::shared(&self.config);
        let accepted = Peer::accept(self.now, &self.config, &mut self.rng, offer, wanted, place);
        accepted.map(|(answer, peer)| (answer.sdp, peer))
    }

    fn seat(&mut self, peer: Peer, port: Option<u16>) -> Control {
        let slot = peer.slot().clone();
        let id = lock(&self.core).insert(self.now, peer, port).unwrap();
        Control::new(id, slot, self.core.clone(), self.doorbell.clone())
    }

    fn join_connected(&mut self) -> usize {
        let number = self.join();
        self.run_until(|world| world.pairs[number].browser.is_connected());
        self.run(ms(100));
        number
    }

    fn control(&self, number: usize) -> &Control {
        self.pairs[number].viewer.as_ref().unwrap().control()
    }

    fn count(&self, number: usize, event: Event) -> usize {
        let events = &self.pairs[number].events;
        events.iter().filter(|(_, e)| *e == event).count()
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        let end = self.now + ms(30_000);
        while !done(self) {
            assert!(self.step(end), "it did not happen within 30 s");
        }
    }

    /// Lets everything happen that happens now, and time pass up to the next
    /// thing. False at the end.
    fn step(&mut self, end: Instant) -> bool {
        self.settle();
        let next = [
            self.network.next(),
            lock(&self.core).poll_timeout(),
            self.pairs.iter().filter_map(|p| p.browser.due()).min(),
            self.talking.then(|| self.next_hop()),
        ];
        let sources = next;
        let next = next.into_iter().flatten().min();
        self.steps += 1;
        assert!(
            self.steps < 1_000_000,
            "no end at {:?}: {:?}",
            self.elapsed(),
            sources.map(|at| at.map(|at| at.saturating_duration_since(self.now)))
        );
        let Some(next) = next.filter(|next| *next <= end) else {
            self.now = end;
            return false;
        };
        self.now = self.now.max(next);
        while let Some(d) = self.network.take(self.now) {
            if d.to.ip() == SocketAddr::from(SERVER).ip() {
                lock(&self.core).handle_datagram(self.now, d.from, d.to, &d.bytes);
            } else if let Some(pair) = self.pairs.iter_mut().find(|p| p.browser.address() == d.to) {
                pair.browser.receive(self.now, d.from, &d.bytes);
            }
            self.settle();
        }
        lock(&self.core).handle_timeout(self.now);
        for pair in &mut self.pairs {
            pair.browser.advance(self.now);
        }
        if self.talking && self.next_hop() <= self.now {
            self.speak();
        }
        true
    }

    fn settle(&mut self) {
        let mut core = lock(&self.core);
        core.handle_calls(self.now, self.doorbell.answer());
        let mut out = core.take_output();
        drop(core);
        let elapsed = self.elapsed();
        for pair in &mut self.pairs {
            out.append(&mut pair.browser.output(self.now));
            if let Some(viewer) = &mut pair.viewer {
                while let Some(event) = viewer.poll_event() {
                    self.key |= event == Event::KeyFrameWanted;
                    pair.events.push((elapsed, event));
                }
            }
        }
        for datagram in out {
            self.network.send(self.now, datagram);
        }
    }

    fn next_hop(&self) -> Instant {
        let hops = (self.media.0 - 3_600 * CLOCK_HZ) / HOP as i64;
        self.start + ms(20) * hops as u32
    }

    /// One hop of the session: sound, and every second time a picture.
    fn speak(&mut self) {
        let at = self.media;
        let size = self.rng.random_range(60..200);
        let sound = payload(&mut self.rng, None, size);
        self.send(Track::Audio, at, true, sound);
        if at.0 % FRAME == 0 {
            let key = std::mem::take(&mut self.key);
            let size = self
                .rng
                .random_range(if key { 12_000..15_000 } else { 2_000..6_000 });
            let picture = payload(&mut self.rng, Some(key), size);
            self.send(Track::Video, at, key, picture);
        }
        self.media += HOP as i64;
    }

    fn send(&mut self, track: Track, pts: MediaTime, key: bool, data: Bytes) {
        let packet = Packet {
            track,
            pts,
            duration: if track == Track::Video {
                FRAME
            } else {
                HOP as i64
            },
            key,
            turn: Turn(0),
            data,
        };
        for pair in &mut self.pairs {
            if let Some(viewer) = &mut pair.viewer {
                viewer.write(&packet);
            }
        }
        self.sent.push(packet);
        self.settle();
    }
}

/// Sound, or an Annex B access unit (`Some(key)`) with slices that look like
/// slices and hold no start code.
pub(crate) fn payload(rng: &mut StdRng, picture: Option<bool>, size: usize) -> Bytes {
    let mut noise = |n: usize| {
        (0..n)
            .map(|_| rng.random_range(1..=255))
            .collect::<Vec<u8>>()
    };
    let Some(key) = picture else {
        return noise(size).into();
    };
    let mut unit = Vec::new();
    let mut nal = |header: u8, body: Vec<u8>| {
        unit.extend([0, 0, 0, 1, header]);
        unit.extend(body);
    };
    if key {
        nal(0x67, vec![0x42, 0xc0, 0x1f, 0xda]);
        nal(0x68, vec![0xce, 0x3c, 0x80]);
        nal(0x65, noise(size));
    } else {
        nal(0x41, noise(size));
    }
    unit.into()
}
