//! All connections of an endpoint, without I/O and without a clock: datagrams,
//! packets and the time go in, datagrams come out.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::doorbell::{Calls, lock};
use crate::error::{AnswerError, FragmentError, OfferError};
use crate::link::Answer;
use crate::peer::{Datagram, Peer, Source};
use crate::relay::{Errand, Relay};
use crate::stun;
use crate::viewer::{Reason, ViewerId};

/// Remote addresses remembered per viewer. A browser checks from each of its
/// interfaces and families, some eight; more is an attempt to fill memory.
const MOST_ADDRESSES: usize = 32;

struct Seat {
    peer: Peer,
    due: Instant,
    addresses: Vec<SocketAddr>,
    ufrag: String,
    /// Its own port, if it has one.
    port: Option<u16>,
}

/// All connections of an endpoint.
pub(crate) struct Core {
    limit: usize,
    stopped: bool,
    last: u64,
    seats: HashMap<ViewerId, Seat>,
    by_address: HashMap<SocketAddr, ViewerId>,
    by_ufrag: HashMap<String, ViewerId>,
    by_port: HashMap<u16, ViewerId>,
    timers: BTreeSet<(Instant, ViewerId)>,
    out: Vec<Datagram>,
    /// Who passes on what comes from whom.
    routes: BTreeSet<(ViewerId, ViewerId)>,
    /// What connections have for each other, by whose it is. Empty between
    /// any two calls.
    errands: VecDeque<(ViewerId, Errand)>,
    free_ports: Vec<u16>,
}

impl Core {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            stopped: false,
            last: 0,
            seats: HashMap::new(),
            by_address: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_port: HashMap::new(),
            timers: BTreeSet::new(),
            out: Vec::new(),
            routes: BTreeSet::new(),
            errands: VecDeque::new(),
            free_ports: Vec::new(),
        }
    }

    /// How many viewers there are.
    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    /// How many viewers, addresses and names are remembered.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> (usize, usize, usize) {
        assert_eq!(self.timers.len(), self.seats.len());
        (self.seats.len(), self.by_address.len(), self.by_ufrag.len())
    }

    /// Whether another viewer may come.
    pub(crate) fn has_room(&self) -> Result<(), OfferError> {
        if self.stopped {
            Err(OfferError::Stopped)
        } else if self.seats.len() >= self.limit {
            Err(OfferError::Full { limit: self.limit })
        } else {
            Ok(())
        }
    }

    /// Takes a connection in, on the shared port or on its own.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        peer: Peer,
        port: Option<u16>,
    ) -> Result<ViewerId, OfferError> {
        self.has_room()?;
        self.last += 1;
        let id = ViewerId(self.last);
        let ufrag = peer.ufrag.clone();
        match port {
            Some(port) => self.by_port.insert(port, id),
            None => self.by_ufrag.insert(ufrag.clone(), id),
        };
        self.timers.insert((now, id));
        let seat = Seat {
            peer,
            due: now,
            addresses: Vec::new(),
            ufrag,
            port,
        };
        self.seats.insert(id, seat);
        self.route(id);
        Ok(id)
    }

    /// A datagram from a socket.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        if let Some(id) = self.by_port.get(&to.port()).copied() {
            self.with(id, |peer, out| {
                if peer.accepts(now, from, to, bytes) {
                    peer.receive(now, from, to, bytes)?;
                }
                peer.drain(now, out)
            });
            self.run_errands(now);
            return;
        }
        // A check names its viewer; it may come from a new address, or from
        // the address of a viewer that was there before.
        let named = stun::server_ufrag(bytes).map(|ufrag| self.by_ufrag.get(ufrag).copied());
        let id = match named {
            Some(named) => named,
            None => self.by_address.get(&from).copied(),
        };
        let Some(id) = id else {
            return;
        };
        if named.is_some() && self.by_address.get(&from) != Some(&id) {
            // Only a check with the right password moves an address.
            let seat = self.seats.get(&id);
            if !seat.is_some_and(|s| s.peer.accepts(now, from, to, bytes)) {
                return;
            }
            self.learn(id, from);
        }
        self.with(id, |peer, out| {
            peer.receive(now, from, to, bytes)?;
            peer.drain(now, out)
        });
        self.run_errands(now);
    }

    /// Carries out what connections have for each other.
    fn run_errands(&mut self, now: Instant) {
        while let Some((id, errand)) = self.errands.pop_front() {
            match errand {
                Errand::Unit(unit) => {
                    for to in self.receivers(id) {
                        self.with(to, |peer, out| peer.relay(now, id, &unit, out));
                    }
                }
                Errand::Gap(mid) => {
                    let seats = &self.seats;
                    let gets = |to: &ViewerId| seats.get(to).is_some_and(|s| s.peer.gets(id, mid));
                    if self.receivers(id).iter().any(gets) {
                        self.with(id, |peer, out| peer.ask_key(now, mid, out));
                    }
                }
                Errand::Key(from, mid) => self.with(from, |peer, out| peer.ask_key(now, mid, out)),
            }
        }
    }

    /// Who passes on something of a connection.
    fn receivers(&self, id: ViewerId) -> Vec<ViewerId> {
        let all = (id, ViewerId(0))..=(id, ViewerId(u64::MAX));
        self.routes.range(all).map(|(_, to)| *to).collect()
    }

    /// Notes whose tracks a connection passes on.
    fn route(&mut self, id: ViewerId) {
        self.routes.retain(|(_, to)| *to != id);
        if let Some(seat) = self.seats.get(&id) {
            let from = seat
                .peer
                .lines
                .iter()
                .filter_map(|line| match &line.source {
                    Source::Relay(relay) => Some((relay.from, id)),
                    Source::Own(_) => None,
                });
            self.routes.extend(from);
        }
    }

    fn learn(&mut self, id: ViewerId, from: SocketAddr) {
        if let Some(old) = self.by_address.insert(from, id)
            && let Some(seat) = self.seats.get_mut(&old)
        {
            seat.addresses.retain(|a| *a != from);
        }
        if let Some(seat) = self.seats.get_mut(&id) {
            if seat.addresses.len() == MOST_ADDRESSES {
                let oldest = seat.addresses.remove(0);
                self.by_address.remove(&oldest);
            }
            seat.addresses.push(from);
        }
    }

    /// What other threads asked for.
    pub(crate) fn handle_calls(&mut self, now: Instant, calls: Calls) {
        for id in calls.ready {
            self.with(id, |peer, out| {
                let packets = lock(peer.slot()).inbox.take();
                packets.iter().try_for_each(|p| peer.write(now, p, out))?;
                peer.send_messages(now)?;
                peer.drain(now, out)
            });
        }
        for id in calls.close {
            self.close(now, id);
        }
        self.run_errands(now);
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, id)) = self.timers.first().copied() {
            if due > now {
                break;
            }
            self.with(id, |peer, out| peer.advance(now, out));
            self.run_errands(now);
        }
    }

    /// When [`Core::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Datagrams to be sent, in order.
    pub(crate) fn take_output(&mut self) -> Vec<Datagram> {
        std::mem::take(&mut self.out)
    }

    /// Frees the port of a connection that did not come to be.
    pub(crate) fn free_port(&mut self, port: u16) {
        self.free_ports.push(port);
    }

    /// Ports of connections that are gone. What was to be sent from them is in
    /// the output taken before.
    pub(crate) fn take_free_ports(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.free_ports)
    }

    pub(crate) fn etag(&self, id: ViewerId) -> Option<String> {
        let seat = self.seats.get(&id)?;
        Some(format!("\"{}\"", seat.ufrag))
    }

    pub(crate) fn trickle(&self, id: ViewerId, fragment: &str) -> Result<(), FragmentError> {
        let seat = self.seats.get(&id).ok_or(FragmentError::Gone)?;
        seat.peer.trickle(fragment)
    }

    pub(crate) fn restart_ice(
        &mut self,
        now: Instant,
        id: ViewerId,
        fragment: &str,
    ) -> Result<String, FragmentError> {
        let answer = self.negotiate(now, id, |peer| peer.restart_ice(now, fragment));
        answer.unwrap_or(Err(FragmentError::Gone))
    }

    pub(crate) fn renegotiate(
        &mut self,
        now: Instant,
        id: ViewerId,
        offer: &str,
    ) -> Result<Answer, OfferError> {
        let answer = self.negotiate(now, id, |peer| peer.renegotiate(now, offer));
        answer.unwrap_or(Err(OfferError::Gone))
    }

    pub(crate) fn offer_restart(
        &mut self,
        now: Instant,
        id: ViewerId,
    ) -> Result<String, AnswerError> {
        let offer = self.negotiate(now, id, Peer::offer_restart);
        offer.flatten().ok_or(AnswerError::Gone)
    }

    pub(crate) fn set_relays(&mut self, id: ViewerId, relays: Vec<Relay>) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.peer.set_relays(relays);
        }
    }

    pub(crate) fn hear(&mut self, id: ViewerId, mid: Option<&str>) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.peer.hear(mid);
        }
    }

    pub(crate) fn reoffer(
        &mut self,
        now: Instant,
        id: ViewerId,
    ) -> Result<Option<String>, OfferError> {
        let offer = self.negotiate(now, id, Peer::reoffer);
        offer.unwrap_or(Err(OfferError::Gone))
    }

    pub(crate) fn accept(
        &mut self,
        now: Instant,
        id: ViewerId,
        answer: &str,
    ) -> Result<Answer, AnswerError> {
        let accepted = self.negotiate(now, id, |peer| peer.take_answer(now, answer));
        accepted.unwrap_or(Err(AnswerError::Gone))
    }

    pub(crate) fn add_candidate(
        &mut self,
        id: ViewerId,
        candidate: &str,
    ) -> Result<(), FragmentError> {
        let seat = self.seats.get_mut(&id).ok_or(FragmentError::Gone)?;
        seat.peer.add_candidate(candidate)
    }

    /// Negotiates on one connection; afterwards it may have another name.
    fn negotiate<T>(
        &mut self,
        now: Instant,
        id: ViewerId,
        work: impl FnOnce(&mut Peer) -> T,
    ) -> Option<T> {
        let mut result = None;
        self.with(id, |peer, out| {
            result = Some(work(peer));
            peer.drain(now, out)
        });
        self.route(id);
        self.run_errands(now);
        if let Some(seat) = self.seats.get_mut(&id)
            && seat.ufrag != seat.peer.ufrag
        {
            self.by_ufrag.remove(&seat.ufrag);
            seat.ufrag.clone_from(&seat.peer.ufrag);
            if seat.port.is_none() {
                self.by_ufrag.insert(seat.ufrag.clone(), id);
            }
        }
        result
    }

    /// Ends a connection and tells the player.
    pub(crate) fn close(&mut self, now: Instant, id: ViewerId) {
        self.with(id, |peer, out| {
            peer.close(now, out);
            Err(Reason::Local)
        });
    }

    /// Ends all connections and takes no more.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopped = true;
        let all: Vec<ViewerId> = self.seats.keys().copied().collect();
        for id in all {
            self.close(now, id);
        }
    }

    /// Runs something on one connection, and sets its timer anew. A fault or a
    /// panic within ends that connection and no other.
    fn with(
        &mut self,
        id: ViewerId,
        work: impl FnOnce(&mut Peer, &mut Vec<Datagram>) -> Result<(), Reason>,
    ) {
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        let out = &mut self.out;
        let result = catch_unwind(AssertUnwindSafe(|| {
            work(&mut seat.peer, out)?;
            Ok(seat.peer.due())
        }));
        self.timers.remove(&(seat.due, id));
        let errands = std::mem::take(&mut seat.peer.errands);
        self.errands
            .extend(errands.into_iter().map(|errand| (id, errand)));
        match result.unwrap_or(Err(Reason::Failed)) {
            Ok(due) => {
                seat.due = due;
                self.timers.insert((due, id));
            }
            Err(reason) => self.remove(id, reason),
        }
    }

    fn remove(&mut self, id: ViewerId, reason: Reason) {
        let Some(seat) = self.seats.remove(&id) else {
            return;
        };
        self.timers.remove(&(seat.due, id));
        self.routes.retain(|(from, to)| *from != id && *to != id);
        self.by_ufrag.remove(&seat.ufrag);
        if let Some(port) = seat.port {
            self.by_port.remove(&port);
            self.free_ports.push(port);
        }
        for address in &seat.addresses {
            self.by_address.remove(address);
        }
        tracing::info!(viewer = %id, ?reason, "viewer gone");
        lock(seat.peer.slot()).closed(reason);
    }
}
