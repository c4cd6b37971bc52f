//! Connection attempts: SYN, SYN-ACK, refusals and timeouts.

use std::io::{self, ErrorKind};
use std::task::{Context, Poll};
use std::time::Duration;

use trunkline_runtime::{PeerAddr, UnixAddr};

use crate::world::{CLIENT, Conn, ConnectAttempt, ConnectFate, SERVER, World, path_of};

/// When Linux gives up a connection attempt that is not answered.
const SYN_TIMEOUT: Duration = Duration::from_millis(133_700);

impl World {
    /// Starts an attempt from `local` to `peer`; returns its number.
    pub(super) fn connect(&mut self, local: PeerAddr, peer: PeerAddr) -> io::Result<u64> {
        *self.net.tried.entry(peer.clone()).or_default() += 1;
        match self.net.fate(&peer) {
            ConnectFate::HostUnreachable => return Err(ErrorKind::HostUnreachable.into()),
            ConnectFate::NetworkUnreachable => return Err(ErrorKind::NetworkUnreachable.into()),
            _ => {}
        }
        let id = self.net.id();
        self.trace(format!("attempt {id}: {local} connects to {peer}"));
        let expire = Box::new(move |world: &mut Self| {
            world.end_attempt(id, Err(ErrorKind::TimedOut));
        });
        let label = format!("attempt {id} to {peer} times out");
        let timeout = self.schedule(self.now + SYN_TIMEOUT, label, expire);
        let attempt = ConnectAttempt {
            waker: None,
            result: None,
            timeout: Some(timeout),
        };
        self.net.attempts.insert(id, attempt);
        let (ip, label) = (path_of(&peer), format!("SYN of attempt {id} to {peer}"));
        let syn = Box::new(move |world: &mut Self| world.handle_syn(id, local, peer));
        self.send(ip, label, Duration::ZERO, syn);
        Ok(id)
    }

    /// Returns the number of the connection once the attempt has ended.
    pub(super) fn poll_attempt(&mut self, id: u64, cx: &Context<'_>) -> Poll<io::Result<u64>> {
        let Some(attempt) = self.net.attempts.get_mut(&id) else {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        };
        match attempt.result.take() {
            Some(result) => {
                self.net.attempts.remove(&id);
                Poll::Ready(result.map_err(io::Error::from))
            }
            None => {
                let old = attempt.waker.replace(cx.waker().clone());
                self.discard(old);
                Poll::Pending
            }
        }
    }

    /// Abandons an attempt: resets its connection if there is one already.
    pub(super) fn drop_attempt(&mut self, id: u64) {
        let Some(attempt) = self.net.attempts.remove(&id) else {
            return;
        };
        self.trace(format!("attempt {id}: given up"));
        self.discard(attempt.waker);
        if let Some(key) = attempt.timeout {
            self.unschedule(key);
        }
        if let Some(Ok(conn)) = attempt.result {
            self.abort_end(conn, CLIENT);
        }
    }

    /// Handles the arrival of a SYN at the server.
    fn handle_syn(&mut self, id: u64, local: PeerAddr, peer: PeerAddr) {
        let fate = self.net.fate(&peer);
        let listens = self.net.listeners.contains_key(&peer);
        let refused = match (&peer, fate) {
            (_, ConnectFate::Silent) => return,
            (_, ConnectFate::Refuse) => Some(ErrorKind::ConnectionRefused),
            (_, ConnectFate::AcceptSilently | ConnectFate::ResetAfter(_)) => None,
            (PeerAddr::Unix(UnixAddr::Path(_)), _) if !listens => Some(ErrorKind::NotFound),
            _ if !listens => Some(ErrorKind::ConnectionRefused),
            _ => None,
        };
        let ip = path_of(&peer);
        if let Some(kind) = refused {
            let label = format!("refusal of attempt {id} by {peer}");
            let refuse = Box::new(move |world: &mut Self| world.end_attempt(id, Err(kind)));
            self.send(ip, label, Duration::ZERO, refuse);
            return;
        }
        let conn = self.net.id();
        self.trace(format!(
            "attempt {id}: {peer} accepts {local} as connection {conn}"
        ));
        let label = format!("SYN-ACK of attempt {id} by {peer}");
        let syn_ack = Box::new(move |world: &mut Self| world.handle_syn_ack(id, conn));
        let at = self.send(ip, label, Duration::ZERO, syn_ack);
        let state = Conn::new(local, peer.clone(), at);
        self.net.conns.insert(conn, state);
        match fate {
            ConnectFate::AcceptSilently => {}
            ConnectFate::ResetAfter(delay) => {
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

    /// Handles the arrival of a SYN-ACK at the client, which may have abandoned the attempt.
    fn handle_syn_ack(&mut self, id: u64, conn: u64) {
        if self.net.attempts.contains_key(&id) {
            self.end_attempt(id, Ok(conn));
        } else {
            self.abort_end(conn, CLIENT);
        }
    }

    /// Stores the result of an attempt and wakes its task.
    fn end_attempt(&mut self, id: u64, result: Result<u64, ErrorKind>) {
        let Some(attempt) = self.net.attempts.get_mut(&id) else {
            return;
        };
        attempt.result = Some(result);
        let (waker, timeout) = (attempt.waker.take(), attempt.timeout.take());
        if let Some(key) = timeout {
            self.unschedule(key);
        }
        self.wake(waker);
        self.trace(match result {
            Ok(conn) => format!("attempt {id}: connection {conn} is established"),
            Err(kind) => format!("attempt {id}: {kind}"),
        });
    }
}
