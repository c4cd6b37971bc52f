//! The network's public face.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::PeerAddr;

use super::fate::{Family, Fate};
use super::listener::Listener;
use super::udp_socket::UdpListener;
use crate::world::Shared;

/// The network of a simulation: who listens where, and what becomes of packets.
///
/// Each IP address has a path between it and the code under test; everything can be changed while
/// the simulation runs. Where nothing was said, one way takes 1 ms and nothing is lost.
#[derive(Clone)]
pub struct Net {
    shared: Arc<Shared>,
}

impl Net {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Listens at `address`: a `SocketAddr` or a `UnixAddr`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] when somebody does already.
    pub fn listen(&self, address: impl Into<PeerAddr>) -> io::Result<Listener> {
        Listener::bind(self.shared.clone(), address.into())
    }

    /// Binds a server's UDP socket.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] when the address is taken.
    pub fn bind_udp(&self, address: SocketAddr) -> io::Result<UdpListener> {
        UdpListener::bind(self.shared.clone(), address)
    }

    /// What becomes of the connection attempts to `address` whose SYN arrives from now on.
    pub fn set_fate(&self, address: impl Into<PeerAddr>, fate: Fate) {
        let address = address.into();
        self.shared.with(|world| {
            world.net.fates.insert(address, fate);
        });
    }

    /// How long one way takes, on all paths that have no latency of their own.
    pub fn set_default_latency(&self, one_way: Duration) {
        self.shared.with(|world| world.net.latency = Some(one_way));
    }

    /// How long one way takes to or from `ip`: half of the round trip.
    pub fn set_latency(&self, ip: impl Into<IpAddr>, one_way: Duration) {
        let ip = ip.into();
        self.shared
            .with(|world| world.net.path(ip).latency = Some(one_way));
    }

    /// Delays each packet to or from `ip` by a random time up to `most` more. Datagrams may then
    /// overtake each other; streams stay in order.
    pub fn set_jitter(&self, ip: impl Into<IpAddr>, most: Duration) {
        let ip = ip.into();
        self.shared.with(|world| world.net.path(ip).jitter = most);
    }

    /// The share of datagrams to and from `ip` that are lost, 0 to 1.
    pub fn set_udp_loss(&self, ip: impl Into<IpAddr>, share: f64) {
        let ip = ip.into();
        self.shared.with(|world| world.net.path(ip).loss = share);
    }

    /// The share of datagrams to and from `ip` that arrive twice, 0 to 1.
    pub fn set_udp_duplication(&self, ip: impl Into<IpAddr>, share: f64) {
        let ip = ip.into();
        self.shared
            .with(|world| world.net.path(ip).duplication = share);
    }

    /// Whether `ip` says by ICMP that a UDP port is closed; it does, if not told otherwise.
    pub fn set_icmp(&self, ip: impl Into<IpAddr>, tells: bool) {
        let ip = ip.into();
        self.shared
            .with(|world| world.net.path(ip).no_icmp = !tells);
    }

    /// Cuts the path to `ip`: a black hole for new and established streams and for datagrams.
    ///
    /// Datagrams are lost. What streams send waits, and arrives once the path is whole again, as
    /// TCP would send it again; an attempt may time out before.
    pub fn cut(&self, ip: impl Into<IpAddr>) {
        let ip = ip.into();
        self.shared.with(|world| world.cut(ip, true));
    }

    /// Makes the path to `ip` whole again.
    pub fn heal(&self, ip: impl Into<IpAddr>) {
        let ip = ip.into();
        self.shared.with(|world| world.cut(ip, false));
    }

    /// Kills the processes of a host: its streams are reset, its ports closed. Its `accept` and
    /// `recv_from` fail; one can listen there anew.
    pub fn kill(&self, ip: impl Into<IpAddr>) {
        let ip = ip.into();
        self.shared.with(|world| world.kill(ip));
    }

    /// Takes away the routes to a whole family: connecting fails at once with "network
    /// unreachable", and there is no source address.
    pub fn no_route(&self, family: Family) {
        self.shared.with(|world| world.net.set_route(family, false));
    }

    /// Gives the routes to a family back.
    pub fn route(&self, family: Family) {
        self.shared.with(|world| world.net.set_route(family, true));
    }

    /// The source address on the way to `destination`. If not told otherwise it is 192.0.2.1 or
    /// 2001:db8::1, and for a loopback address that address itself.
    pub fn set_source(&self, destination: impl Into<IpAddr>, source: impl Into<IpAddr>) {
        let (destination, source) = (destination.into(), source.into());
        self.shared.with(|world| {
            world.net.sources.insert(destination, source);
        });
    }

    /// What the system's resolver answers for `name`, in this order. Without an entry it knows IP
    /// literals and `localhost`.
    pub fn set_host(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        let (name, addresses) = (name.to_ascii_lowercase(), addresses.into_iter().collect());
        self.shared.with(|world| {
            world.net.hosts.insert(name, addresses);
        });
    }

    /// How long the system's resolver takes; nothing, if not told otherwise.
    pub fn set_lookup_delay(&self, delay: Duration) {
        self.shared.with(|world| world.net.lookup_delay = delay);
    }

    /// How many octets one direction of a stream holds that its reader did not take; 65,536 if
    /// not told otherwise. A writer waits beyond that.
    pub fn set_buffer(&self, octets: usize) {
        self.shared.with(|world| world.net.buffer = octets.max(1));
    }

    /// How many connection attempts to `address` were started.
    pub fn attempts(&self, address: impl Into<PeerAddr>) -> usize {
        let address = address.into();
        self.shared
            .with(|world| world.net.tried.get(&address).copied().unwrap_or(0))
    }

    /// How many connections are open, at either end.
    pub fn connections(&self) -> usize {
        self.shared.with(|world| world.net.conns.len())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.shared.with(|world| world.now)
    }

    /// Sends a datagram with a sender that may be forged.
    pub fn inject(&self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let datagram = datagram.to_vec();
        self.shared
            .with(|world| world.send_udp(from, to, from.ip(), datagram));
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}
