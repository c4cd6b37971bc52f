//! The state of the simulated network.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use trunkline_runtime::PeerAddr;

use super::conn::Conn;
use super::fate::{ConnectFate, IpVersion};
use super::path::IpPath;
use super::socket::{BoundUdp, ConnectAttempt, Listening};

/// The addresses of the simulated client (the documentation prefixes of RFC 5737 and RFC 3849).
const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// The first port that a client's socket gets.
const FIRST_PORT: u16 = 32768;

/// The one-way latency unless a test sets another one.
const LATENCY: Duration = Duration::from_millis(1);

/// How many bytes a stream buffers in one direction unless a test sets another limit.
const BUFFER: usize = 64 * 1024;

pub(crate) struct NetworkState {
    paths: BTreeMap<IpAddr, IpPath>,
    /// The one-way latency of the paths without a latency of their own.
    pub(crate) latency: Duration,
    /// How many bytes a stream buffers in one direction.
    pub(crate) buffer: usize,
    pub(crate) fates: BTreeMap<PeerAddr, ConnectFate>,
    pub(crate) listeners: BTreeMap<PeerAddr, Listening>,
    pub(crate) attempts: BTreeMap<u64, ConnectAttempt>,
    /// How many attempts were started, by peer.
    pub(crate) tried: BTreeMap<PeerAddr, usize>,
    pub(crate) conns: BTreeMap<u64, Conn>,
    pub(crate) udp: BTreeMap<SocketAddr, BoundUdp>,
    /// The addresses that the system's resolver returns, by name in lower case.
    pub(crate) hosts: BTreeMap<String, Vec<IpAddr>>,
    /// How long the system's resolver takes.
    pub(crate) lookup_delay: Duration,
    /// The source addresses that a test has set, by destination.
    pub(crate) sources: BTreeMap<IpAddr, IpAddr>,
    /// The versions of IP that have no route.
    no_route: Vec<IpVersion>,
    next_port: u16,
    next_id: u64,
}

impl Default for NetworkState {
    fn default() -> Self {
        Self {
            paths: BTreeMap::new(),
            latency: LATENCY,
            buffer: BUFFER,
            fates: BTreeMap::new(),
            listeners: BTreeMap::new(),
            attempts: BTreeMap::new(),
            tried: BTreeMap::new(),
            conns: BTreeMap::new(),
            udp: BTreeMap::new(),
            hosts: BTreeMap::new(),
            lookup_delay: Duration::ZERO,
            sources: BTreeMap::new(),
            no_route: Vec::new(),
            next_port: FIRST_PORT,
            next_id: 1,
        }
    }
}

impl NetworkState {
    pub(crate) fn path(&mut self, ip: IpAddr) -> &mut IpPath {
        self.paths.entry(ip).or_default()
    }

    pub(crate) fn fate(&self, peer: &PeerAddr) -> ConnectFate {
        self.fates.get(peer).copied().unwrap_or_default()
    }

    pub(crate) fn set_route(&mut self, version: IpVersion, exists: bool) {
        self.no_route.retain(|known| *known != version);
        if !exists {
            self.no_route.push(version);
        }
    }

    /// Returns the number for the next attempt, connection or listener.
    pub(crate) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Returns a port for a client's socket.
    pub(crate) fn port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        port
    }

    /// Returns the client's source address for packets to `destination`.
    pub(crate) fn source(&self, destination: IpAddr, bind: Option<IpAddr>) -> io::Result<IpAddr> {
        let version = match destination {
            IpAddr::V4(_) => IpVersion::V4,
            IpAddr::V6(_) => IpVersion::V6,
        };
        if self.no_route.contains(&version) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        if let Some(bind) = bind {
            if bind.is_ipv4() != destination.is_ipv4() {
                let text = format!(
                    "cannot bind {bind} to connect to {destination}: \
                     they are not of the same address family"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            return Ok(bind);
        }
        if let Some(source) = self.sources.get(&destination) {
            return Ok(*source);
        }
        Ok(match destination {
            loopback if loopback.is_loopback() => loopback,
            IpAddr::V4(_) => IpAddr::V4(CLIENT_V4),
            IpAddr::V6(_) => IpAddr::V6(CLIENT_V6),
        })
    }
}

/// Returns the IP address whose path leads to `peer`; a Unix socket has none.
pub(crate) fn path_of(peer: &PeerAddr) -> Option<IpAddr> {
    match peer {
        PeerAddr::Ip(address) => Some(address.ip()),
        _ => None,
    }
}
