//! A lookup with its sockets and its timer.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use trunkline_runtime::{Runtime, Timer, UdpOptions};

use super::pool::Pool;
use super::socket::{Brought, Socket};
use crate::core::{Lookup, Output, Report, SocketId};

/// Longer replies than were asked for are still taken whole (some servers heed no limit); what is
/// longer than this goes over TCP.
const BUFFER: usize = 4096;
/// Messages taken from one socket before others have their turn.
const TURN: usize = 64;

/// A lookup with its sockets and its timer.
pub(super) struct Driver {
    runtime: Arc<dyn Runtime>,
    pool: Arc<Pool>,
    pub(super) lookup: Lookup,
    sockets: Vec<Open>,
    timer: Box<dyn Timer>,
    deadline: Option<Instant>,
}

struct Open {
    id: SocketId,
    /// The socket, or why it could not be made.
    socket: io::Result<Socket>,
    /// Whether it has nothing, and its waker is set.
    parked: bool,
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("lookup", &self.lookup)
            .finish_non_exhaustive()
    }
}

impl Driver {
    pub(super) fn new(runtime: Arc<dyn Runtime>, pool: Arc<Pool>, lookup: Lookup) -> Self {
        Self {
            pool,
            timer: runtime.timer(),
            runtime,
            lookup,
            sockets: Vec::new(),
            deadline: None,
        }
    }

    /// Carries the lookup on; ready when it has its result. `report` takes what it learns.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        report: &mut dyn FnMut(Report, Instant),
    ) -> Poll<()> {
        for open in &mut self.sockets {
            open.parked = false;
        }
        loop {
            let now = self.runtime.now();
            self.perform(report, now);
            if self.lookup.result().is_some() {
                self.sockets.clear();
                return Poll::Ready(());
            }
            if self.poll_sockets(cx) {
                continue;
            }
            let deadline = self.lookup.poll_timeout();
            if self.deadline != deadline {
                self.deadline = deadline;
                self.timer.set(deadline);
            }
            if self.timer.poll_fired(cx).is_pending() {
                return Poll::Pending;
            }
            let now = self.runtime.now();
            // A timer that is early would else be polled for ever.
            let now = deadline.map_or(now, |deadline| now.max(deadline));
            self.deadline = None;
            self.lookup.handle_timeout(now);
        }
    }

    /// Does what the lookup wants done.
    fn perform(&mut self, report: &mut dyn FnMut(Report, Instant), now: Instant) {
        while let Some(output) = self.lookup.poll_output() {
            match output {
                Output::OpenUdp {
                    socket,
                    server,
                    shared,
                } => {
                    let made = match shared {
                        true => self.pool.take(&*self.runtime, server).map(Socket::Pooled),
                        false => self.connect_udp(server),
                    };
                    self.open(socket, made);
                }
                Output::OpenTcp {
                    socket,
                    server,
                    shared,
                } => {
                    let share = match shared {
                        true => self.pool.join(&self.runtime, server),
                        false => self.pool.connect(&self.runtime, server),
                    };
                    self.open(socket, Ok(Socket::Tcp(share)));
                }
                Output::Send { socket, bytes } => {
                    let open = self.sockets.iter_mut().find(|open| open.id == socket);
                    if let Some(open) = open {
                        open.parked = false;
                        if let Ok(socket) = &mut open.socket {
                            socket.push(bytes);
                        }
                    }
                }
                Output::Close { socket } => self.sockets.retain(|open| open.id != socket),
                Output::Report(fact) => report(fact, now),
            }
        }
    }

    fn connect_udp(&self, server: SocketAddr) -> io::Result<Socket> {
        let socket = self.runtime.connect_udp(server, &UdpOptions::default())?;
        let unsent = VecDeque::new();
        Ok(Socket::Udp { socket, unsent })
    }

    fn open(&mut self, id: SocketId, socket: io::Result<Socket>) {
        self.sockets.push(Open {
            id,
            socket,
            parked: false,
        });
    }

    /// Takes what the sockets have; whether that gave the lookup something to do.
    fn poll_sockets(&mut self, cx: &mut Context<'_>) -> bool {
        let mut buffer = [0; BUFFER];
        for open in self.sockets.iter_mut().filter(|open| !open.parked) {
            let socket = match &mut open.socket {
                Ok(socket) => socket,
                Err(error) => {
                    let kind = error.kind();
                    self.lookup.handle_failed(open.id, kind, self.runtime.now());
                    return true;
                }
            };
            for turn in 0.. {
                if turn == TURN {
                    cx.waker().wake_by_ref();
                    open.parked = true;
                    break;
                }
                let polled = socket.poll(cx, &mut buffer);
                let now = self.runtime.now();
                match polled {
                    Poll::Pending => {
                        open.parked = true;
                        break;
                    }
                    Poll::Ready(Ok(Brought::Datagram(received))) => {
                        let datagram = buffer.get(..received.len).unwrap_or(&buffer);
                        self.lookup
                            .handle_datagram(open.id, datagram, received.truncated, now);
                    }
                    Poll::Ready(Ok(Brought::Message(message))) => {
                        self.lookup.handle_message(open.id, &message, now);
                    }
                    Poll::Ready(Ok(Brought::End)) => {
                        self.lookup.handle_closed(open.id, now);
                        return true;
                    }
                    Poll::Ready(Err(error)) => {
                        self.lookup.handle_failed(open.id, error.kind(), now);
                        return true;
                    }
                }
                if self.lookup.result().is_some() || self.lookup.has_output() {
                    return true;
                }
            }
        }
        false
    }
}
