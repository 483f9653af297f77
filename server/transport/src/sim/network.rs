//! A path with delay, jitter and loss.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::ms;
use crate::peer::Datagram;

pub(super) struct Network {
    rng: StdRng,
    queue: BTreeMap<(Instant, u64), Datagram>,
    count: u64,
    pub delay: Duration,
    pub jitter: Duration,
    /// Probability that a datagram is lost, 0..=1, each way.
    pub loss: f64,
    /// An address whose datagrams all vanish, both ways.
    pub dead: Option<SocketAddr>,
    /// Datagrams and bytes that were sent to browsers.
    pub down: (u64, u64),
}

impl Network {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            queue: BTreeMap::new(),
            count: 0,
            delay: ms(20),
            jitter: Duration::ZERO,
            loss: 0.0,
            dead: None,
            down: (0, 0),
        }
    }

    pub(super) fn send(&mut self, now: Instant, datagram: Datagram) {
        if datagram.from == SocketAddr::from(super::SERVER) {
            self.down.0 += 1;
            self.down.1 += datagram.bytes.len() as u64;
        }
        let dead = self.dead == Some(datagram.from) || self.dead == Some(datagram.to);
        if dead || self.rng.random_bool(self.loss) {
            return;
        }
        self.count += 1;
        let jitter = self.jitter.mul_f64(self.rng.random());
        let at = now + self.delay + jitter;
        self.queue.insert((at, self.count), datagram);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn take(&mut self, now: Instant) -> Option<Datagram> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop_first().map(|(_, datagram)| datagram)
    }
}
