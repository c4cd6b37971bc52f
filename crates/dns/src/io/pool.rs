//! The sockets that the lookups of a client share.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::{Lock, Runtime};

use super::tcp::{SharedTcp, TcpShare};
use super::udp::{PooledUdp, UdpShare};

/// The sockets that the lookups of a client share. Dropping the pool closes them, each when its
/// last lookup is done.
#[derive(Debug)]
pub(super) struct Pool {
    /// The time for which a connection without lookups stays open.
    idle: Duration,
    open: Lock<OpenSockets>,
}

#[derive(Debug, Default)]
struct OpenSockets {
    /// The UDP sockets, one for each server.
    udp: BTreeMap<SocketAddr, Arc<PooledUdp>>,
    /// The TCP connections of each server: a further one is opened when all others are full.
    tcp: BTreeMap<SocketAddr, Vec<Arc<SharedTcp>>>,
}

impl Pool {
    pub(super) fn new(idle: Duration) -> Self {
        Self {
            idle,
            open: Lock::default(),
        }
    }

    /// Removes all sockets from the pool. Each stays open until the last lookup that uses it is
    /// done.
    pub(super) fn clear(&self) {
        let OpenSockets { udp, tcp } = std::mem::take(&mut *self.open.lock());
        drop(udp);
        for connection in tcp.values().flatten() {
            connection.retire();
        }
    }

    /// Returns a share in a connection to the server: an open one with room, else a new one.
    pub(super) fn join_tcp(&self, runtime: &Arc<dyn Runtime>, server: SocketAddr) -> TcpShare {
        let mut open = self.open.lock();
        let connections = open.tcp.entry(server).or_default();
        connections.retain(|connection| !connection.is_over());
        if let Some(share) = connections.iter().find_map(SharedTcp::join) {
            return share;
        }
        let share = SharedTcp::connect(runtime, server, self.idle);
        connections.push(Arc::clone(share.connection()));
        share
    }

    /// Returns a new connection to the server, which no other lookup will use.
    pub(super) fn connect_tcp(&self, runtime: &Arc<dyn Runtime>, server: SocketAddr) -> TcpShare {
        let share = SharedTcp::connect(runtime, server, self.idle);
        share.connection().retire();
        share
    }

    /// Returns a share in the server's UDP socket, or in a new one where that takes no more.
    pub(super) fn join_udp(
        &self,
        runtime: &dyn Runtime,
        server: SocketAddr,
    ) -> io::Result<UdpShare> {
        let mut open = self.open.lock();
        if let Some(share) = open.udp.get(&server).and_then(PooledUdp::join) {
            return Ok(share);
        }
        let share = PooledUdp::open(runtime, server)?;
        open.udp.insert(server, Arc::clone(share.socket()));
        Ok(share)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.clear();
    }
}
