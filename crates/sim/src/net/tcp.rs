//! Streams, as the network sees them: attempts, and connections of two ends.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use trunkline_runtime::{PeerAddr, UnixAddr};

use super::fate::Fate;
use super::listener::Listening;
use super::state::path_of;
use crate::world::{EventKey, World};

/// When Linux gives a connection attempt up that nobody answers.
const SYN_TIMEOUT: Duration = Duration::from_millis(133_700);

/// The two ends of a connection.
pub(super) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// A connection attempt that somebody waits for.
pub(super) struct Attempt {
    waker: Option<Waker>,
    outcome: Option<Result<u64, ErrorKind>>,
    timeout: Option<EventKey>,
}

pub(super) struct Conn {
    pub(super) local: PeerAddr,
    pub(super) peer: PeerAddr,
    ends: [End; 2],
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
    /// Starts an attempt from `local` to `peer`.
    pub(super) fn connect(&mut self, local: PeerAddr, peer: PeerAddr) -> io::Result<u64> {
        match self.net.fate(&peer) {
            Fate::HostUnreachable => return Err(ErrorKind::HostUnreachable.into()),
            Fate::NetworkUnreachable => return Err(ErrorKind::NetworkUnreachable.into()),
            _ => {}
        }
        let id = self.net.id();
        self.trace(format!("attempt {id}: {local} connects to {peer}"));
        let expire = Box::new(move |world: &mut Self| {
            world.decide(id, Err(ErrorKind::TimedOut));
        });
        let label = format!("attempt {id} to {peer} times out");
        let timeout = self.schedule(self.now + SYN_TIMEOUT, label, expire);
        let attempt = Attempt {
            waker: None,
            outcome: None,
            timeout: Some(timeout),
        };
        self.net.attempts.insert(id, attempt);
        let (ip, label) = (path_of(&peer), format!("SYN of attempt {id} to {peer}"));
        let syn = Box::new(move |world: &mut Self| world.syn(id, local, peer));
        self.send(ip, label, Duration::ZERO, syn);
        Ok(id)
    }

    pub(super) fn poll_attempt(&mut self, id: u64, cx: &Context<'_>) -> Poll<io::Result<u64>> {
        let Some(attempt) = self.net.attempts.get_mut(&id) else {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        };
        match attempt.outcome.take() {
            Some(outcome) => {
                self.net.attempts.remove(&id);
                Poll::Ready(outcome.map_err(io::Error::from))
            }
            None => {
                let old = attempt.waker.replace(cx.waker().clone());
                self.discard(old);
                Poll::Pending
            }
        }
    }

    /// Gives an attempt up.
    pub(super) fn drop_attempt(&mut self, id: u64) {
        let Some(attempt) = self.net.attempts.remove(&id) else {
            return;
        };
        self.trace(format!("attempt {id}: given up"));
        self.discard(attempt.waker);
        if let Some(key) = attempt.timeout {
            self.unschedule(key);
        }
        if let Some(Ok(conn)) = attempt.outcome {
            self.abort_end(conn, CLIENT);
        }
    }

    /// The SYN has arrived.
    fn syn(&mut self, id: u64, local: PeerAddr, peer: PeerAddr) {
        let fate = self.net.fate(&peer);
        let listens = self.net.listeners.contains_key(&peer);
        let refused = match (&peer, fate) {
            (_, Fate::Silent) => return,
            (_, Fate::Refuse) => Some(ErrorKind::ConnectionRefused),
            (_, Fate::AcceptSilently | Fate::ResetAfter(_)) => None,
            (PeerAddr::Unix(UnixAddr::Path(_)), _) if !listens => Some(ErrorKind::NotFound),
            _ if !listens => Some(ErrorKind::ConnectionRefused),
            _ => None,
        };
        let ip = path_of(&peer);
        if let Some(kind) = refused {
            let label = format!("refusal of attempt {id} by {peer}");
            let refuse = Box::new(move |world: &mut Self| world.decide(id, Err(kind)));
            self.send(ip, label, Duration::ZERO, refuse);
            return;
        }
        let conn = self.net.id();
        self.trace(format!(
            "attempt {id}: {peer} accepts {local} as connection {conn}"
        ));
        let label = format!("SYN-ACK of attempt {id} by {peer}");
        let syn_ack = Box::new(move |world: &mut Self| world.syn_ack(id, conn));
        let at = self.send(ip, label, Duration::ZERO, syn_ack);
        let mut ends: [End; 2] = Default::default();
        // What the server says at once does not overtake the SYN-ACK.
        ends[CLIENT].last_arrival = at;
        let state = Conn {
            local,
            peer: peer.clone(),
            ends,
        };
        self.net.conns.insert(conn, state);
        match fate {
            Fate::AcceptSilently => {}
            Fate::ResetAfter(delay) => {
                let label = format!("reset of connection {conn}");
                let reset = Box::new(move |world: &mut Self| world.abort_end(conn, SERVER));
                self.schedule(self.now + delay, label, reset);
            }
            _ => {
                let waker = self.net.listeners.get_mut(&peer).and_then(|listening| {
                    listening.queue.push_back(conn);
                    listening.waker.take()
                });
                self.wake(waker);
            }
        }
    }

    /// The SYN-ACK has arrived; the attempt may have been given up meanwhile.
    fn syn_ack(&mut self, id: u64, conn: u64) {
        if self.net.attempts.contains_key(&id) {
            self.decide(id, Ok(conn));
        } else {
            self.abort_end(conn, CLIENT);
        }
    }

    fn decide(&mut self, id: u64, outcome: Result<u64, ErrorKind>) {
        let Some(attempt) = self.net.attempts.get_mut(&id) else {
            return;
        };
        attempt.outcome = Some(outcome);
        let (waker, timeout) = (attempt.waker.take(), attempt.timeout.take());
        if let Some(key) = timeout {
            self.unschedule(key);
        }
        self.wake(waker);
        self.trace(match outcome {
            Ok(conn) => format!("attempt {id}: connection {conn} stands"),
            Err(kind) => format!("attempt {id}: {kind}"),
        });
    }

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

    /// All processes of a host die: its streams are reset, and nobody listens there any more.
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
