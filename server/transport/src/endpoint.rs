//! The endpoint: one port, one thread.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token, Waker};
use rand::{SeedableRng, rngs::StdRng};

use crate::config::{Config, Estimation, Place};
use crate::core::Core;
use crate::doorbell::{Doorbell, lock};
use crate::error::{BindError, OfferError};
use crate::link::{Answer, Ice, Link, LinkSettings};
use crate::negotiate::Wanted;
use crate::peer::{Datagram, Peer};
use crate::socket::{Buffers, Socket};
use crate::viewer::{Control, Viewer, ViewerSettings};

/// Sockets have their port as token, which is never 0.
const WAKE: Token = Token(0);

/// What an endpoint is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen. `0.0.0.0` hears IPv4 on all interfaces, `[::]` IPv6
    /// and IPv4; port 0 takes any that is free.
    pub udp: SocketAddr,
    /// The addresses that viewers are told to send to, behind a NAT its public
    /// one (the port must then be forwarded unchanged). Empty: those of the
    /// interfaces.
    pub advertised: Vec<IpAddr>,
    /// Whether the addresses of the interfaces include loopback. It is always
    /// included when there is no other.
    pub loopback: bool,
    /// Whether to estimate what each viewer's path carries.
    pub estimation: Option<Estimation>,
    /// Most viewers at once.
    pub viewers: usize,
    /// A viewer that is not connected this long after its offer is let go.
    pub connect_within: Duration,
    /// A viewer that was not heard of for this long is let go. Browsers check
    /// their connection every 2.5 s and report every second.
    pub vanished_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            udp: SocketAddr::from(([0, 0, 0, 0], 0)),
            advertised: Vec::new(),
            loopback: false,
            estimation: None,
            viewers: 1_000,
            connect_within: Duration::from_secs(15),
            vanished_after: Duration::from_secs(8),
        }
    }
}

/// One UDP port that the viewers of all sessions share, with the thread that
/// serves it. Dropping it says goodbye to all viewers.
pub struct Endpoint {
    core: Arc<Mutex<Core>>,
    doorbell: Arc<Doorbell>,
    config: Arc<Config>,
    registry: Registry,
    local: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("local", &self.local)
            .field("advertised", &self.config.advertised)
            .field("viewers", &self.viewers())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Binds the port and starts the thread.
    ///
    /// # Errors
    /// [`BindError`], for instance when the port is in use.
    pub fn bind(settings: &Settings) -> Result<Self, BindError> {
        let address = settings.udp;
        let mut socket =
            Socket::bind(address).map_err(|source| BindError::Bind { address, source })?;
        let port = socket.local().port();
        let local = own(socket.local().ip(), settings.loopback)
            .map_err(|source| BindError::Bind { address, source })?;
        let told = if settings.advertised.is_empty() {
            &local
        } else {
            &settings.advertised
        };
        if told.is_empty() || local.is_empty() {
            return Err(BindError::NoAddress);
        }
        let with_port = |ips: &[IpAddr]| ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        let config = Arc::new(Config::new(
            with_port(&local),
            with_port(told),
            settings.estimation,
            settings.connect_within,
            settings.vanished_after,
        )?);
        let core = Arc::new(Mutex::new(Core::new(settings.viewers)));

        let poll = Poll::new().map_err(BindError::Thread)?;
        let registry = poll.registry().try_clone().map_err(BindError::Thread)?;
        watch(&registry, &mut socket).map_err(BindError::Thread)?;
        let waker = Waker::new(&registry, WAKE).map_err(BindError::Thread)?;
        let doorbell = Arc::new(Doorbell::new(waker));
        let local = socket.local();
        let driver = Driver {
            poll,
            sockets: vec![socket],
            core: core.clone(),
            doorbell: doorbell.clone(),
        };
        let thread = thread::Builder::new()
            .name("transport".to_owned())
            .spawn(move || driver.run())
            .map_err(BindError::Thread)?;
        Ok(Self {
            core,
            doorbell,
            config,
            registry,
            local,
            thread: Some(thread),
        })
    }

    /// Answers a player's offer to receive (WHEP, draft-ietf-wish-whep §4.2).
    /// The answer is complete: it names all candidates. Takes about a
    /// millisecond of CPU time.
    ///
    /// # Errors
    /// [`OfferError`] says what the offer lacks, or that there is no room.
    pub fn view(
        &self,
        sdp: &str,
        settings: &ViewerSettings,
    ) -> Result<(String, Viewer), OfferError> {
        let wanted = Wanted::from(settings);
        let (answer, control) = self.connect(Ice::Lite, |now, place| {
            let rng = &mut StdRng::from_os_rng();
            Peer::accept(now, &self.config, rng, sdp, wanted, place)
        })?;
        Ok((answer.sdp, Viewer::new(control)))
    }

    /// Answers an offer to send, receive and exchange data, as the settings
    /// say. The answer is complete. Takes about a millisecond of CPU time.
    ///
    /// # Errors
    /// [`OfferError`] says what the offer lacks, or that there is no room.
    pub fn answer(&self, sdp: &str, settings: &LinkSettings) -> Result<(Answer, Link), OfferError> {
        let (answer, control) = self.connect(settings.ice, |now, place| {
            let rng = &mut StdRng::from_os_rng();
            Peer::accept(now, &self.config, rng, sdp, settings.into(), place)
        })?;
        Ok((answer, self.link(control, settings)))
    }

    /// Offers to send, and to exchange data over the channels of the settings.
    /// The offer is complete; [`Link::accept`] takes the answer.
    ///
    /// # Errors
    /// [`OfferError`] when the settings ask for nothing, or there is no room.
    pub fn offer(&self, settings: &LinkSettings) -> Result<(String, Link), OfferError> {
        let (offer, control) = self.connect(settings.ice, |now, place| {
            let rng = &mut StdRng::from_os_rng();
            Peer::offer(now, &self.config, rng, settings.into(), place)
        })?;
        Ok((offer, self.link(control, settings)))
    }

    fn link(&self, control: Control, settings: &LinkSettings) -> Link {
        Link::new(control, self.core.clone(), self.doorbell.clone(), settings)
    }

    /// Makes a connection outside of the lock: the packets of others go on
    /// meanwhile.
    fn connect<T>(
        &self,
        ice: Ice,
        make: impl FnOnce(Instant, Place) -> Result<(T, Peer), OfferError>,
    ) -> Result<(T, Control), OfferError> {
        lock(&self.core).has_room()?;
        let (place, port) = match ice {
            Ice::Lite => (Place::shared(&self.config), None),
            Ice::Full => {
                let (place, port) = self
                    .own_place()
                    .map_err(|error| OfferError::NoPort(error.to_string()))?;
                (place, Some(port))
            }
        };
        let now = Instant::now();
        let made = make(now, place).and_then(|(text, peer)| {
            let slot = peer.slot().clone();
            let id = lock(&self.core).insert(now, peer, port)?;
            Ok((text, id, slot))
        });
        if let (Err(_), Some(port)) = (&made, port) {
            lock(&self.core).free_port(port);
        }
        self.doorbell.ring();
        let (text, id, slot) = made?;
        let control = Control::new(id, slot, self.core.clone(), self.doorbell.clone());
        Ok((text, control))
    }

    /// A socket of its own for a connection.
    fn own_place(&self) -> io::Result<(Place, u16)> {
        let ip = self.local.ip();
        let mut socket = Socket::bind(SocketAddr::new(ip, 0))?;
        watch(&self.registry, &mut socket)?;
        let port = socket.local().port();
        self.doorbell.adopt(socket);
        Ok((Place::own(&own(ip, true)?, port), port))
    }

    /// Where the socket listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What viewers are told to send to.
    pub fn advertised(&self) -> &[SocketAddr] {
        &self.config.advertised
    }

    /// How many viewers there are, also those still connecting.
    pub fn viewers(&self) -> usize {
        lock(&self.core).len()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.doorbell.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the transport thread had panicked");
        }
    }
}

fn watch(registry: &Registry, socket: &mut Socket) -> io::Result<()> {
    let token = Token(socket.local().port().into());
    registry.register(socket.inner(), token, Interest::READABLE)
}

/// The thin shell around [`Core`].
struct Driver {
    poll: Poll,
    /// The shared one first, then those of single connections.
    sockets: Vec<Socket>,
    core: Arc<Mutex<Core>>,
    doorbell: Arc<Doorbell>,
}

impl Driver {
    fn run(mut self) {
        let mut events = Events::with_capacity(64);
        let mut buffers = Buffers::new();
        loop {
            let due = lock(&self.core).poll_timeout();
            let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
            let more = self.sockets.iter().any(|socket| socket.readable);
            let wait = if more { Some(Duration::ZERO) } else { wait };
            match self.poll.poll(&mut events, wait) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the transport thread cannot go on");
                    lock(&self.core).stop(Instant::now());
                    return;
                }
            }
            let stopped = self.doorbell.is_stopped();
            let mut core = lock(&self.core);
            // Under the lock: a port that is free is known by then.
            let mut calls = self.doorbell.answer();
            // It may have become readable before it came here.
            for mut socket in calls.sockets.drain(..) {
                socket.readable = true;
                self.sockets.push(socket);
            }
            for event in &events {
                let port = event.token().0;
                let mut sockets = self.sockets.iter_mut();
                if let Some(socket) = sockets.find(|s| usize::from(s.local().port()) == port) {
                    socket.readable = true;
                }
            }

            let now = Instant::now();
            // Packets first: they are what a viewer waits for.
            core.handle_calls(now, calls);
            for socket in self.sockets.iter_mut().filter(|socket| socket.readable) {
                socket.receive(&mut buffers, |from, to, bytes| {
                    core.handle_datagram(now, from, to, bytes);
                });
            }
            core.handle_timeout(now);
            if stopped {
                core.stop(now);
            }
            let out = core.take_output();
            let free = core.take_free_ports();
            drop(core);
            self.send(&out);
            // Dropping a socket ends its being watched.
            self.sockets
                .retain(|socket| !free.contains(&socket.local().port()));
            if stopped {
                return;
            }
        }
    }

    fn send(&mut self, out: &[Datagram]) {
        for datagrams in out.chunk_by(|a, b| a.from.port() == b.from.port()) {
            let port = datagrams.first().map(|d| d.from.port());
            let mut sockets = self.sockets.iter_mut();
            if let Some(socket) = sockets.find(|s| Some(s.local().port()) == port) {
                socket.send(datagrams);
            }
        }
    }
}

/// The addresses under which a socket bound to `bound` is reached.
fn own(bound: IpAddr, loopback: bool) -> io::Result<Vec<IpAddr>> {
    if !bound.is_unspecified() {
        return Ok(vec![bound]);
    }
    let mut all: Vec<IpAddr> = if_addrs::get_if_addrs()?
        .iter()
        .map(if_addrs::Interface::ip)
        .filter(|ip| ip.is_ipv4() || bound.is_ipv6())
        // Link-local IPv6 addresses mean nothing without an interface.
        .filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()))
        .collect();
    if !loopback && all.iter().any(|ip| !ip.is_loopback()) {
        all.retain(|ip| !ip.is_loopback());
    }
    // Loopback last, so that it has the lowest priority.
    all.sort_by_key(IpAddr::is_loopback);
    all.dedup();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use media::seam::Sink;
    use media::{FRAME, MediaTime, Packet, Track, Turn};

    use super::*;
    use crate::sim::browser::Browser;
    use crate::sim::payload;
    use crate::viewer::{Event, Reason};

    fn local() -> Settings {
        Settings {
            udp: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..Settings::default()
        }
    }

    /// The browser's end over a real socket, for one round.
    fn round(browser: &mut Browser, socket: &UdpSocket) {
        let mut bytes = [0; 2_000];
        while let Ok((count, from)) = socket.recv_from(&mut bytes) {
            browser.receive(Instant::now(), from, &bytes[..count]);
        }
        browser.advance(Instant::now());
        for datagram in browser.output(Instant::now()) {
            socket.send_to(&datagram.bytes, datagram.to).unwrap();
        }
    }

    #[test]
    fn a_port_in_use_is_named() {
        let first = Endpoint::bind(&local()).unwrap();
        let again = Settings {
            udp: first.local_addr(),
            ..local()
        };
        let error = Endpoint::bind(&again).unwrap_err();
        assert!(error.to_string().contains(&first.local_addr().to_string()));
    }

    #[test]
    fn advertised_addresses_are_in_the_answer() {
        let settings = Settings {
            advertised: vec!["198.51.100.7".parse().unwrap()],
            ..local()
        };
        let endpoint = Endpoint::bind(&settings).unwrap();
        let (answer, _viewer) = endpoint
            .view(crate::sdp::tests::OFFER, &ViewerSettings::default())
            .unwrap();
        let port = endpoint.local_addr().port();
        assert!(answer.contains(&format!(" 198.51.100.7 {port} typ host")));
        assert!(!answer.contains("127.0.0.1"));
    }

    #[test]
    fn the_thread_carries_pictures_and_says_goodbye() {
        let endpoint = Endpoint::bind(&local()).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(2)))
            .unwrap();
        let mut browser = Browser::new(Instant::now(), socket.local_addr().unwrap());
        let offer = browser.offer();
        let (answer, mut viewer) = endpoint.view(&offer, &ViewerSettings::default()).unwrap();
        browser.answer(&answer);
        assert_eq!(endpoint.viewers(), 1);

        let mut rng = StdRng::seed_from_u64(1);
        let mut sent = Vec::new();
        for n in 0..4_000 {
            round(&mut browser, &socket);
            if viewer.poll_event() == Some(Event::KeyFrameWanted) || !sent.is_empty() {
                let packet = Packet {
                    track: Track::Video,
                    pts: MediaTime(n * FRAME),
                    duration: FRAME,
                    key: true,
                    turn: Turn(0),
                    data: payload(&mut rng, Some(true), 9_000),
                };
                viewer.write(&packet);
                sent.push(packet.data);
            }
            if browser.pictures.len() > 5 {
                break;
            }
        }
        assert!(browser.pictures.len() > 5);
        for (sent, got) in sent.iter().zip(&browser.pictures) {
            assert!(sent[..] == got.data[..]);
        }

        drop(endpoint);
        while let Some(event) = viewer.poll_event() {
            assert!(!matches!(event, Event::Closed(reason) if reason != Reason::Local));
        }
        assert!(!viewer.control().is_open());
        for _ in 0..1_000 {
            if browser.closed {
                break;
            }
            round(&mut browser, &socket);
        }
        assert!(browser.closed);
    }
}
