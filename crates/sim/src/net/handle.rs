//! The handle of the network.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::PeerAddr;

use super::listener::Listener;
use super::udp_socket::UdpListener;
use crate::world::{ConnectFate, IpVersion, SharedWorld};

/// The network of a simulation: its servers, and how it treats packets.
///
/// Each IP address has a path between it and the code under test. A test can change everything
/// while the simulation runs. By default the one-way latency is 1 ms and nothing is lost.
#[derive(Clone)]
pub struct Net {
    shared: Arc<SharedWorld>,
}

impl Net {
    pub(crate) fn new(shared: Arc<SharedWorld>) -> Self {
        Self { shared }
    }

    /// Listens at `address`: a `SocketAddr` or a `UnixAddr`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] when another listener has the address.
    pub fn listen(&self, address: impl Into<PeerAddr>) -> io::Result<Listener> {
        Listener::bind(self.shared.clone(), address.into())
    }

    /// Binds a server's UDP socket.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] when another socket has the address.
    pub fn bind_udp(&self, address: SocketAddr) -> io::Result<UdpListener> {
        UdpListener::bind(self.shared.clone(), address)
    }

    /// Sets how connection attempts to `address` end, if their SYN arrives from now on.
    pub fn set_fate(&self, address: impl Into<PeerAddr>, fate: ConnectFate) {
        let address = address.into();
        self.shared.with(|world| {
            world.net.fates.insert(address, fate);
        });
    }

    /// Sets the one-way latency of all paths that have no latency of their own; the default is
    /// 1 ms.
    pub fn set_default_latency(&self, one_way: Duration) {
        self.shared.with(|world| world.net.latency = one_way);
    }

    /// Sets the one-way latency to and from `ip`: half of the round-trip time.
    pub fn set_latency(&self, ip: impl Into<IpAddr>, one_way: Duration) {
        let ip = ip.into();
        self.shared
            .with(|world| world.net.path(ip).latency = Some(one_way));
    }

    /// Delays each packet to or from `ip` by a further random time of at most `max`. Datagrams may
    /// then overtake each other; streams stay in order.
    pub fn set_jitter(&self, ip: impl Into<IpAddr>, max: Duration) {
        let ip = ip.into();
        self.shared.with(|world| world.net.path(ip).jitter = max);
    }

    /// Sets the share of datagrams to and from `ip` that are lost, 0 to 1.
    pub fn set_udp_loss(&self, ip: impl Into<IpAddr>, share: f64) {
        let ip = ip.into();
        self.shared.with(|world| world.net.path(ip).loss = share);
    }

    /// Sets the share of datagrams to and from `ip` that arrive twice, 0 to 1.
    pub fn set_udp_duplication(&self, ip: impl Into<IpAddr>, share: f64) {
        let ip = ip.into();
        self.shared
            .with(|world| world.net.path(ip).duplication = share);
    }

    /// Sets whether `ip` reports a closed UDP port by ICMP; it does by default.
    pub fn set_icmp(&self, ip: impl Into<IpAddr>, reports: bool) {
        let ip = ip.into();
        self.shared
            .with(|world| world.net.path(ip).no_icmp = !reports);
    }

    /// Cuts the path to `ip`: a black hole for new and established streams and for datagrams.
    ///
    /// Datagrams are lost. What streams send waits until [`heal`](Self::heal), as TCP would
    /// retransmit it. A connection attempt may time out before.
    pub fn cut(&self, ip: impl Into<IpAddr>) {
        let ip = ip.into();
        self.shared.with(|world| world.cut(ip));
    }

    /// Undoes [`cut`](Self::cut).
    pub fn heal(&self, ip: impl Into<IpAddr>) {
        let ip = ip.into();
        self.shared.with(|world| world.heal(ip));
    }

    /// Stops the processes of a host, as SIGSTOP does: they accept, read and write no stream until
    /// [`thaw`](Self::thaw). The host's kernel goes on: it completes connection attempts, and takes
    /// bytes until the buffer of their stream is full.
    pub fn freeze(&self, ip: impl Into<IpAddr>) {
        let ip = ip.into();
        self.shared.with(|world| world.freeze(ip));
    }

    /// Undoes [`freeze`](Self::freeze).
    pub fn thaw(&self, ip: impl Into<IpAddr>) {
        let ip = ip.into();
        self.shared.with(|world| world.thaw(ip));
    }

    /// Kills the processes of a host: its streams are reset and its ports closed. Its pending
    /// `accept` and `recv_from` fail. Its addresses can be bound again.
    pub fn kill(&self, ip: impl Into<IpAddr>) {
        let ip = ip.into();
        self.shared.with(|world| world.kill(ip));
    }

    /// Removes the routes of a version of IP: connecting fails at once with
    /// [`io::ErrorKind::NetworkUnreachable`], and there is no source address.
    pub fn no_route(&self, version: IpVersion) {
        self.shared
            .with(|world| world.net.set_route(version, false));
    }

    /// Undoes [`no_route`](Self::no_route).
    pub fn route(&self, version: IpVersion) {
        self.shared.with(|world| world.net.set_route(version, true));
    }

    /// Sets the source address for packets to `destination`. The default is 192.0.2.1 or
    /// 2001:db8::1, and for a loopback address that address itself.
    pub fn set_source(&self, destination: impl Into<IpAddr>, source: impl Into<IpAddr>) {
        let (destination, source) = (destination.into(), source.into());
        self.shared.with(|world| {
            world.net.sources.insert(destination, source);
        });
    }

    /// Sets the addresses that the system's resolver returns for `name`, in this order. Of all
    /// other hosts, the resolver finds only IP literals and `localhost`.
    pub fn set_host(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        let (name, addresses) = (name.to_ascii_lowercase(), addresses.into_iter().collect());
        self.shared.with(|world| {
            world.net.hosts.insert(name, addresses);
        });
    }

    /// Sets how long the system's resolver takes; the default is zero.
    pub fn set_lookup_delay(&self, delay: Duration) {
        self.shared.with(|world| world.net.lookup_delay = delay);
    }

    /// Sets how many bytes one direction of a stream holds between writer and reader; the default
    /// is 65,536, the minimum 1. A writer waits while the buffer has no room for all that it writes,
    /// and less than half of it is free.
    pub fn set_buffer(&self, bytes: usize) {
        self.shared.with(|world| world.net.buffer = bytes.max(1));
    }

    /// Returns how many connection attempts to `address` were started.
    pub fn attempts(&self, address: impl Into<PeerAddr>) -> usize {
        let address = address.into();
        self.shared
            .with(|world| world.net.tried.get(&address).copied().unwrap_or(0))
    }

    /// Returns how many connections are open at either end.
    pub fn connections(&self) -> usize {
        self.shared.with(|world| world.net.conns.len())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.shared.with(|world| world.now)
    }

    /// Sends a datagram to `to` with the sender address `from`, which may be forged.
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
