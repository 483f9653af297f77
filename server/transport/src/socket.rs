//! The UDP socket: remembers which local address a datagram came to, and sends
//! the packets of a picture in one system call where the system can.

use std::io;
use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket as Raw, Type};

use crate::peer::Datagram;

/// What the kernel may hold for us, bytes: half a second of feedback of 1000
/// viewers, and the key frames of 100 viewers at once. It may give less.
const BUFFER: usize = 4 << 20;

/// Room for one received datagram, or for as many as the kernel joins.
const RECEIVE: usize = 64 * 1024;

/// Reads per round, so that a flood cannot keep packets from leaving.
const READS: usize = 64;

/// A UDP payload that is sent in one go, at most.
const LARGEST: usize = 60_000;

pub(crate) struct Socket {
    inner: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// Whether there may be something to receive.
    pub readable: bool,
    train: Vec<u8>,
    lost: u64,
}

/// Room for what is received at once, one for all sockets.
pub(crate) struct Buffers(Vec<u8>);

impl Buffers {
    pub(crate) fn new() -> Self {
        Self(vec![0; RECEIVE * BATCH_SIZE])
    }
}

impl Socket {
    /// Binds. `[::]` takes IPv4 as well.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let raw = Raw::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            raw.set_only_v6(false)?;
        }
        raw.set_nonblocking(true)?;
        raw.bind(&address.into())?;
        for result in [
            raw.set_recv_buffer_size(BUFFER),
            raw.set_send_buffer_size(BUFFER),
        ] {
            if let Err(error) = result {
                tracing::debug!(%error, "the UDP buffers stay small");
            }
        }
        let inner = UdpSocket::from_std(raw.into());
        let state = UdpSocketState::new(UdpSockRef::from(&inner))?;
        let local = inner.local_addr()?;
        Ok(Self {
            inner,
            state,
            local,
            readable: false,
            train: Vec::new(),
            lost: 0,
        })
    }

    pub(crate) fn inner(&mut self) -> &mut UdpSocket {
        &mut self.inner
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Hands received datagrams out: where from, where to, what. Afterwards
    /// [`Socket::readable`] says whether there may be more.
    pub(crate) fn receive(
        &mut self,
        buffers: &mut Buffers,
        mut take: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        for _ in 0..READS {
            let mut meta = [RecvMeta::default(); BATCH_SIZE];
            let mut slices: Vec<IoSliceMut> =
                buffers.0.chunks_mut(RECEIVE).map(IoSliceMut::new).collect();
            let count = match self
                .state
                .recv(UdpSockRef::from(&self.inner), &mut slices, &mut meta)
            {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return;
                }
                Err(error) => {
                    // ICMP errors of earlier datagrams surface here.
                    tracing::debug!(%error, "receiving");
                    return;
                }
            };
            for (meta, slice) in meta.iter().zip(&slices).take(count) {
                let from = plain(meta.addr);
                let ip = meta.dst_ip.unwrap_or(self.local.ip()).to_canonical();
                let to = SocketAddr::new(ip, self.local.port());
                for bytes in slice[..meta.len].chunks(meta.stride.max(1)) {
                    take(from, to, bytes);
                }
            }
        }
    }

    /// Sends datagrams that all come from this socket. What the kernel has no room for is lost, as on any full path.
    pub(crate) fn send(&mut self, datagrams: &[Datagram]) {
        let most = self.state.max_gso_segments();
        let mut rest = datagrams;
        while let Some(first) = rest.first() {
            let count = train(rest, most);
            let (now, later) = rest.split_at(count);
            rest = later;
            if count > 1 {
                let mut joined = std::mem::take(&mut self.train);
                joined.clear();
                for datagram in now {
                    joined.extend(&datagram.bytes);
                }
                let sent = self.transmit(first, &joined, Some(first.bytes.len()));
                self.train = joined;
                if sent {
                    continue;
                }
            }
            for datagram in now {
                if !self.transmit(datagram, &datagram.bytes, None) {
                    self.lost += 1;
                    if self.lost.is_power_of_two() {
                        tracing::warn!(lost = self.lost, "the UDP send buffer was full");
                    }
                }
            }
        }
    }

    fn transmit(&self, datagram: &Datagram, contents: &[u8], segment_size: Option<usize>) -> bool {
        let mut destination = datagram.to;
        if let (IpAddr::V4(ip), true) = (destination.ip(), self.local.is_ipv6()) {
            destination.set_ip(ip.to_ipv6_mapped().into());
        }
        let transmit = Transmit {
            destination,
            ecn: None,
            contents,
            segment_size,
            src_ip: Some(datagram.from.ip()),
        };
        match self
            .state
            .try_send(UdpSockRef::from(&self.inner), &transmit)
        {
            Ok(()) => true,
            // An address that cannot be reached from here is the player's
            // matter: it may have others.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock && segment_size.is_none() => {
                tracing::debug!(%error, to = %datagram.to, "not sent");
                true
            }
            Err(_) => false,
        }
    }
}

/// How many of the first datagrams can go in one system call: same way, same
/// size, only the last may be shorter.
fn train(datagrams: &[Datagram], most: usize) -> usize {
    let Some(first) = datagrams.first() else {
        return 0;
    };
    let size = first.bytes.len();
    let mut total = size;
    let mut count = 1;
    for datagram in &datagrams[1..] {
        total += datagram.bytes.len();
        let fits = datagram.to == first.to
            && datagram.from == first.from
            && datagram.bytes.len() <= size
            && count < most
            && total <= LARGEST;
        if !fits {
            break;
        }
        count += 1;
        if datagram.bytes.len() < size {
            break;
        }
    }
    count
}

fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(to: u16, size: usize) -> Datagram {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Datagram {
            from: at(1),
            to: at(to),
            bytes: vec![to as u8; size],
        }
    }

    #[test]
    fn a_train_has_one_size_and_one_way() {
        let all = [
            datagram(2, 100),
            datagram(2, 100),
            datagram(2, 40),
            datagram(2, 40),
            datagram(3, 40),
        ];
        assert_eq!(train(&all, 64), 3);
        assert_eq!(train(&all, 2), 2);
        assert_eq!(train(&all[2..], 64), 2);
        assert_eq!(train(&all[4..], 64), 1);
        assert_eq!(train(&[datagram(2, 40), datagram(2, 100)], 64), 1);
        let many: Vec<_> = (0..100).map(|_| datagram(2, 1_200)).collect();
        assert_eq!(train(&many, 64), 50);
    }

    #[test]
    fn everything_arrives_with_its_addresses() {
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        let (mut here, mut there) = (Socket::bind(any).unwrap(), Socket::bind(any).unwrap());
        let at = |s: &Socket| SocketAddr::from(([127, 0, 0, 1], s.local().port()));
        let (source, target) = (at(&here), at(&there));
        let all: Vec<Datagram> = [900, 900, 900, 300, 20]
            .iter()
            .enumerate()
            .map(|(n, size)| Datagram {
                from: source,
                to: target,
                bytes: vec![n as u8; *size],
            })
            .collect();
        here.send(&all);
        let (mut got, mut buffers) = (Vec::new(), Buffers::new());
        for _ in 0..1_000 {
            there.receive(&mut buffers, |from, to, bytes| {
                assert_eq!((from, to), (source, target));
                got.push(bytes.to_vec());
            });
            if got.len() == all.len() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let sent: Vec<_> = all.into_iter().map(|d| d.bytes).collect();
        assert_eq!(got, sent);
    }
}
