//! Stopping the processes of a host.

use std::net::IpAddr;

use crate::world::{SERVER, World, path_of};

impl World {
    /// Stops the processes of a host.
    pub(super) fn freeze(&mut self, ip: IpAddr) {
        self.trace(format!("the processes of {ip} are stopped"));
        self.net.path(ip).frozen = true;
    }

    /// Lets the processes of a host go on: wakes the tasks that wait for its streams.
    pub(super) fn thaw(&mut self, ip: IpAddr) {
        self.trace(format!("the processes of {ip} go on"));
        self.net.path(ip).frozen = false;
        let listeners = self.net.listeners.iter_mut();
        let listeners = listeners.filter(|(address, _)| path_of(address) == Some(ip));
        let mut wakers: Vec<_> = listeners
            .filter_map(|(_, listening)| listening.waker.take())
            .collect();
        let conns = self.net.conns.values_mut();
        for conn in conns.filter(|conn| path_of(&conn.peer) == Some(ip)) {
            let end = &mut conn.ends[SERVER];
            wakers.extend([end.reader.take(), end.writer.take()].into_iter().flatten());
        }
        self.wake_all(wakers);
    }

    /// Returns whether an end belongs to a process that is stopped.
    pub(super) fn is_frozen(&mut self, conn: u64, side: usize) -> bool {
        let ip = self
            .net
            .conns
            .get(&conn)
            .and_then(|conn| path_of(&conn.peer));
        side == SERVER && ip.is_some_and(|ip| self.net.path(ip).frozen)
    }
}
