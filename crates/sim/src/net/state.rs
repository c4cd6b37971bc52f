//! The state of the network.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use trunkline_runtime::PeerAddr;

use super::attempt::Attempt;
use super::conn::Conn;
use super::fate::{Family, Fate};
use super::listener::Listening;
use super::path::Path;
use super::udp::UdpEnd;
use crate::world::Event;

/// The addresses of the simulated client.
const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// The first port that is given to a client's socket.
const FIRST_PORT: u16 = 32768;

/// Octets that a stream takes before its reader takes some.
const BUFFER: usize = 64 * 1024;

pub(crate) struct NetState {
    paths: BTreeMap<IpAddr, Path>,
    /// One way, where a path has none of its own.
    pub(super) latency: Option<Duration>,
    pub(super) buffer: usize,
    pub(super) fates: BTreeMap<PeerAddr, Fate>,
    pub(super) listeners: BTreeMap<PeerAddr, Listening>,
    pub(super) attempts: BTreeMap<u64, Attempt>,
    /// How many attempts were started, by peer.
    pub(super) tried: BTreeMap<PeerAddr, usize>,
    pub(super) conns: BTreeMap<u64, Conn>,
    pub(super) udp: BTreeMap<SocketAddr, UdpEnd>,
    pub(super) hosts: BTreeMap<String, Vec<IpAddr>>,
    pub(super) lookup_delay: Duration,
    pub(super) sources: BTreeMap<IpAddr, IpAddr>,
    no_route: Vec<Family>,
    next_port: u16,
    next_id: u64,
}

impl Default for NetState {
    fn default() -> Self {
        Self {
            paths: BTreeMap::new(),
            latency: None,
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

impl NetState {
    pub(super) fn path(&mut self, ip: IpAddr) -> &mut Path {
        self.paths.entry(ip).or_default()
    }

    pub(super) fn fate(&self, peer: &PeerAddr) -> Fate {
        self.fates.get(peer).copied().unwrap_or_default()
    }

    pub(super) fn set_route(&mut self, family: Family, exists: bool) {
        self.no_route.retain(|known| *known != family);
        if !exists {
            self.no_route.push(family);
        }
    }

    /// The number of the next attempt, connection or listener.
    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// A port for a client's socket.
    pub(super) fn port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        port
    }

    /// The client's address on the way to `destination`.
    pub(crate) fn source(&self, destination: IpAddr, bind: Option<IpAddr>) -> io::Result<IpAddr> {
        let family = match destination {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        };
        if self.no_route.contains(&family) {
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

    /// What waits on paths that are cut.
    pub(crate) fn take_held(&mut self) -> Vec<Event> {
        let paths = self.paths.values_mut();
        paths.flat_map(|path| path.held.drain(..)).collect()
    }
}

/// The address whose path leads to `peer`.
pub(super) fn path_of(peer: &PeerAddr) -> Option<IpAddr> {
    match peer {
        PeerAddr::Ip(address) => Some(address.ip()),
        _ => None,
    }
}
