//! The endpoint: one port, one thread.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use rand::{SeedableRng, rngs::StdRng};

use crate::core::Core;
use crate::doorbell::{Doorbell, lock};
use crate::error::{BindError, OfferError};
use crate::peer::{Config, Estimation, Peer};
use crate::socket::Socket;
use crate::viewer::{Control, Viewer, ViewerSettings};

const SOCKET: Token = Token(0);
const WAKE: Token = Token(1);

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
        let core = Arc::new(Mutex::new(Core::new(config.clone(), settings.viewers)));

        let poll = Poll::new().map_err(BindError::Thread)?;
        let registry = poll.registry();
        registry
            .register(socket.inner(), SOCKET, Interest::READABLE)
            .map_err(BindError::Thread)?;
        let waker = Waker::new(registry, WAKE).map_err(BindError::Thread)?;
        let doorbell = Arc::new(Doorbell::new(waker));
        let local = socket.local();
        let driver = Driver {
            poll,
            socket,
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
    pub fn offer(
        &self,
        sdp: &str,
        settings: &ViewerSettings,
    ) -> Result<(String, Viewer), OfferError> {
        lock(&self.core).has_room()?;
        let now = Instant::now();
        // Made outside of the lock: the packets of others go on meanwhile.
        let (answer, peer) =
            Peer::accept(now, &self.config, &mut StdRng::from_os_rng(), sdp, settings)?;
        let slot = peer.slot().clone();
        let id = lock(&self.core).insert(now, peer)?;
        self.doorbell.ring();
        let control = Control::new(id, slot, self.core.clone(), self.doorbell.clone());
        Ok((answer, Viewer::new(control)))
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

/// The thin shell around [`Core`].
struct Driver {
    poll: Poll,
    socket: Socket,
    core: Arc<Mutex<Core>>,
    doorbell: Arc<Doorbell>,
}

impl Driver {
    fn run(mut self) {
        let mut events = Events::with_capacity(16);
        let mut more = false;
        loop {
            let due = lock(&self.core).poll_timeout();
            let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
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
            let calls = self.doorbell.answer();
            let stopped = self.doorbell.is_stopped();
            let readable = more || events.iter().any(|event| event.token() == SOCKET);

            let mut core = lock(&self.core);
            let now = Instant::now();
            // Packets first: they are what a viewer waits for.
            core.handle_calls(now, calls);
            if readable {
                let result = self
                    .socket
                    .receive(|from, to, bytes| core.handle_datagram(now, from, to, bytes));
                more = result.unwrap_or_else(|error| {
                    // ICMP errors of earlier datagrams surface here.
                    tracing::debug!(%error, "receiving");
                    true
                });
            }
            core.handle_timeout(now);
            if stopped {
                core.stop(now);
            }
            let out = core.take_output();
            drop(core);
            self.socket.send(&out);
            if stopped {
                return;
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
            .offer(crate::sdp::tests::OFFER, &ViewerSettings::default())
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
        let (answer, mut viewer) = endpoint.offer(&offer, &ViewerSettings::default()).unwrap();
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
