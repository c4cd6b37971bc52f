//! Connections of two ends, as the network sees them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use trunkline_runtime::PeerAddr;

use super::state::path_of;
use crate::world::World;

/// The two ends of a connection.
pub(super) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

pub(super) struct Conn {
    pub(super) local: PeerAddr,
    pub(super) peer: PeerAddr,
    ends: [End; 2],
}

impl Conn {
    /// A connection that stands, for the client, from `stands` on.
    pub(super) fn new(local: PeerAddr, peer: PeerAddr, stands: Duration) -> Self {
        let mut ends: [End; 2] = Default::default();
        // What the server says at once does not overtake the SYN-ACK.
        ends[CLIENT].last_arrival = stands;
        Self { local, peer, ends }
    }
}

#[derive(Default)]
struct End {
    /// Arrived, and not read.
    inbox: VecDeque<u8>,
    /// On the way to this end, in octets.
    in_flight: usize,
    /// The peer's FIN has arrived.
    fin: bool,
    /// The peer's RST has arrived, or this end was killed.
    reset: bool,
    /// This end has sent its FIN.
    fin_sent: bool,
    /// Nobody holds this end any more.
    closed: bool,
    /// When the last packet to this end arrives: none overtakes another.
    last_arrival: Duration,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl World {
    pub(super) fn poll_read(
        &mut self,
        (conn, side): (u64, usize),
        buffer: &mut [u8],
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(end) = self.end(conn, side) else {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        };
        let len = end.inbox.len().min(buffer.len());
        if len > 0 {
            for (to, octet) in buffer.iter_mut().zip(end.inbox.drain(..len)) {
                *to = octet;
            }
            // There is room again.
            let waker = self.end(conn, 1 - side).and_then(|end| end.writer.take());
            self.wake(waker);
            return Poll::Ready(Ok(len));
        }
        if end.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if end.fin || buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let old = end.reader.replace(cx.waker().clone());
        self.discard(old);
        Poll::Pending
    }

    pub(super) fn poll_write(
        &mut self,
        (conn, side): (u64, usize),
        octets: &[u8],
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let capacity = self.net.buffer;
        let Some(end) = self.end(conn, side) else {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        };
        if end.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if end.fin_sent {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let other = self.end(conn, 1 - side);
        let room = other.map_or(0, |end| {
            capacity.saturating_sub(end.inbox.len() + end.in_flight)
        });
        let len = octets.len().min(room);
        if len == 0 && !octets.is_empty() {
            let old = self
                .end(conn, side)
                .and_then(|end| end.writer.replace(cx.waker().clone()));
            self.discard(old);
            return Poll::Pending;
        }
        if len > 0 {
            if let Some(end) = self.end(conn, 1 - side) {
                end.in_flight += len;
            }
            let octets = octets[..len].to_vec();
            let arrive = move |world: &mut Self| world.deliver(conn, 1 - side, octets);
            let label = format!("{len} octets");
            self.send_to_end((conn, 1 - side), &label, arrive);
        }
        Poll::Ready(Ok(len))
    }

    /// Sends FIN, once.
    pub(super) fn close_write(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        if end.fin_sent || end.reset {
            return;
        }
        end.fin_sent = true;
        self.send_to_end((conn, 1 - side), "FIN", move |world: &mut Self| {
            let waker = world.end(conn, 1 - side).and_then(|end| {
                end.fin = true;
                end.reader.take()
            });
            world.wake(waker);
        });
    }

    /// Lets go of an end: FIN, or RST if octets were left unread, as Linux does.
    pub(super) fn close_end(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        if !end.inbox.is_empty() {
            return self.abort_end(conn, side);
        }
        self.close_write(conn, side);
        self.forget_end(conn, side);
    }

    /// Lets go of an end with RST.
    pub(super) fn abort_end(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        if !end.reset {
            end.reset = true;
            self.send_to_end((conn, 1 - side), "RST", move |world: &mut Self| {
                world.reset_end(conn, 1 - side);
            });
        }
        self.forget_end(conn, side);
    }

    /// The end dies under its owner, and the peer gets RST.
    pub(crate) fn kill_end(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        let held = !end.closed;
        self.abort_end(conn, side);
        if held && let Some(end) = self.end(conn, side) {
            end.closed = false;
        }
    }

    /// The octets have arrived.
    fn deliver(&mut self, conn: u64, side: usize, octets: Vec<u8>) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        end.in_flight = end.in_flight.saturating_sub(octets.len());
        if end.closed && !end.reset {
            // Nobody is there to read: the kernel answers with RST.
            return self.abort_end(conn, side);
        }
        if !end.reset {
            end.inbox.extend(octets);
            let waker = end.reader.take();
            self.wake(waker);
        }
    }

    /// The RST has arrived.
    fn reset_end(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        end.reset = true;
        let wakers = [end.reader.take(), end.writer.take()];
        self.wake_all(wakers.into_iter().flatten());
    }

    fn forget_end(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        end.closed = true;
        end.inbox.clear();
        // Whoever waits on an end that was killed must hear of it.
        let wakers = [end.reader.take(), end.writer.take()];
        self.wake_all(wakers.into_iter().flatten());
        if self.end(conn, 1 - side).is_some_and(|other| other.closed) {
            self.net.conns.remove(&conn);
        }
    }

    /// Sends something to an end, in order.
    fn send_to_end(
        &mut self,
        (conn, side): (u64, usize),
        what: &str,
        arrive: impl FnOnce(&mut Self) + Send + 'static,
    ) {
        let Some(state) = self.net.conns.get(&conn) else {
            return;
        };
        let to = match side {
            CLIENT => "client",
            _ => "server",
        };
        let label = format!("connection {conn}: {what} to the {to}");
        let (ip, earliest): (Option<IpAddr>, _) =
            (path_of(&state.peer), state.ends[side].last_arrival);
        let traced = label.clone();
        let arrive = Box::new(move |world: &mut Self| {
            world.trace(traced);
            arrive(world);
        });
        let at = self.send(ip, label, earliest, arrive);
        if let Some(end) = self.end(conn, side) {
            end.last_arrival = at;
        }
    }

    fn end(&mut self, conn: u64, side: usize) -> Option<&mut End> {
        Some(&mut self.net.conns.get_mut(&conn)?.ends[side])
    }
}
