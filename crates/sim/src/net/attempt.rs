//! Connection attempts, as the network sees them.

use std::io::{self, ErrorKind};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use trunkline_runtime::{PeerAddr, UnixAddr};

use super::conn::{CLIENT, Conn, SERVER};
use super::fate::Fate;
use super::state::path_of;
use crate::world::{EventKey, World};

/// When Linux gives a connection attempt up that nobody answers.
const SYN_TIMEOUT: Duration = Duration::from_millis(133_700);

/// A connection attempt that somebody waits for.
pub(super) struct Attempt {
    waker: Option<Waker>,
    outcome: Option<Result<u64, ErrorKind>>,
    timeout: Option<EventKey>,
}

impl World {
    /// Starts an attempt from `local` to `peer`.
    pub(super) fn connect(&mut self, local: PeerAddr, peer: PeerAddr) -> io::Result<u64> {
        *self.net.tried.entry(peer.clone()).or_default() += 1;
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
        let state = Conn::new(local, peer.clone(), at);
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
}
