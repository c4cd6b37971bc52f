//! Killing the processes of a host.

use std::net::IpAddr;

use trunkline_runtime::PeerAddr;

use crate::world::{Listening, SERVER, World, path_of};

impl World {
    /// Kills all processes of a host: resets its streams and closes its ports.
    pub(super) fn kill(&mut self, ip: IpAddr) {
        self.trace(format!("{ip} is killed"));
        let on_host = |peer: &PeerAddr| path_of(peer) == Some(ip);
        let listeners = std::mem::take(&mut self.net.listeners);
        let (dead, alive): (Vec<_>, Vec<_>) =
            listeners.into_iter().partition(|(peer, _)| on_host(peer));
        self.net.listeners = alive.into_iter().collect();
        self.wake_all(
            dead.into_iter()
                .filter_map(|(_, Listening { waker, .. })| waker),
        );
        let conns = self.net.conns.iter();
        let conns: Vec<u64> = conns
            .filter(|(_, conn)| on_host(&conn.peer))
            .map(|(id, _)| *id)
            .collect();
        for conn in conns {
            self.kill_end(conn, SERVER);
        }
        self.kill_udp(ip);
    }
}
