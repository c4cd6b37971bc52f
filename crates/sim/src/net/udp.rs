//! Datagrams and ICMP.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::world::{BoundUdp, World};

/// How many unread datagrams a socket keeps; later ones are lost.
const INBOX: usize = 256;

impl World {
    /// Binds a socket to `local`.
    pub(super) fn bind_udp(
        &mut self,
        local: SocketAddr,
        peer: Option<SocketAddr>,
    ) -> io::Result<()> {
        if self.net.udp.contains_key(&local) {
            let text = format!("a UDP socket is bound to {local} already");
            return Err(io::Error::new(ErrorKind::AddrInUse, text));
        }
        let end = BoundUdp {
            peer,
            inbox: VecDeque::new(),
            error: None,
            waker: None,
        };
        self.net.udp.insert(local, end);
        Ok(())
    }

    pub(super) fn close_udp(&mut self, local: SocketAddr) {
        if let Some(end) = self.net.udp.remove(&local) {
            self.discard(end.waker);
        }
    }

    /// Takes the error that is pending at a socket.
    pub(super) fn udp_error(&mut self, local: SocketAddr) -> io::Result<()> {
        let Some(end) = self.net.udp.get_mut(&local) else {
            return Err(ErrorKind::ConnectionAborted.into());
        };
        match end.error.take() {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }

    /// Receives a datagram; returns its sender and its content.
    pub(super) fn poll_udp(
        &mut self,
        local: SocketAddr,
        cx: &Context<'_>,
    ) -> Poll<io::Result<(SocketAddr, Vec<u8>)>> {
        self.udp_error(local)?;
        let Some(end) = self.net.udp.get_mut(&local) else {
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        };
        if let Some(datagram) = end.inbox.pop_front() {
            return Poll::Ready(Ok(datagram));
        }
        let old = end.waker.replace(cx.waker().clone());
        self.discard(old);
        Poll::Pending
    }

    /// Sends a datagram over the path of `server`. It may be lost, arrive twice, or be overtaken.
    pub(super) fn send_udp(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        server: IpAddr,
        datagram: Vec<u8>,
    ) {
        let path = self.net.path(server);
        let (loss, duplication, cut) = (path.loss, path.duplication, path.cut);
        let what = format!("datagram of {} bytes from {from} to {to}", datagram.len());
        if cut || happens(loss, &mut self.rng) {
            self.trace(format!("{what} is lost"));
            return;
        }
        let copies = if happens(duplication, &mut self.rng) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let datagram = datagram.clone();
            let traced = what.clone();
            let arrive = Box::new(move |world: &mut Self| {
                world.trace(traced);
                world.handle_datagram(from, to, server, datagram);
            });
            self.send(Some(server), what.clone(), Duration::ZERO, arrive);
        }
    }

    /// Handles the arrival of a datagram at `to`.
    fn handle_datagram(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        server: IpAddr,
        datagram: Vec<u8>,
    ) {
        let Some(end) = self.net.udp.get_mut(&to) else {
            return self.send_port_unreachable(from, to, server);
        };
        // A connected socket receives from its peer alone. A full inbox drops the datagram.
        if end.peer.is_some_and(|peer| peer != from) || end.inbox.len() == INBOX {
            return self.trace(format!("{to} does not take the datagram from {from}"));
        }
        end.inbox.push_back((from, datagram));
        let waker = end.waker.take();
        self.wake(waker);
    }

    /// Reports to `from` by ICMP that no socket is bound to `to`. As on Linux, only a socket that
    /// is connected to `to` gets the error.
    fn send_port_unreachable(&mut self, from: SocketAddr, to: SocketAddr, server: IpAddr) {
        let path = self.net.path(server);
        if path.no_icmp || path.cut {
            return;
        }
        let label = format!("ICMP to {from}: port unreachable at {to}");
        let traced = label.clone();
        let arrive = Box::new(move |world: &mut Self| {
            world.trace(traced);
            let end = world.net.udp.get_mut(&from);
            let waker = end.filter(|end| end.peer == Some(to)).and_then(|end| {
                end.error = Some(ErrorKind::ConnectionRefused);
                end.waker.take()
            });
            world.wake(waker);
        });
        self.send(Some(server), label, Duration::ZERO, arrive);
    }

    /// Unbinds the servers of a killed host.
    pub(super) fn kill_udp(&mut self, ip: IpAddr) {
        let udp = std::mem::take(&mut self.net.udp);
        for (local, end) in udp {
            if local.ip() == ip && end.peer.is_none() {
                self.wake(end.waker);
            } else {
                self.net.udp.insert(local, end);
            }
        }
    }
}

/// Draws whether an event of this probability happens. Draws nothing for a probability of zero, so
/// that a faultless network leaves the generator as it is.
fn happens(probability: f64, rng: &mut fastrand::Rng) -> bool {
    probability > 0.0 && rng.f64() < probability
}
