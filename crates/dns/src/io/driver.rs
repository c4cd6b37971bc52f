//! A lookup with its sockets and its timer.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use trunkline_runtime::{Alarm, Runtime, UdpOptions};

use super::lookup_socket::{Arrived, LookupSocket};
use super::pool::Pool;
use crate::core::{Lookup, LookupOutput, Report, SocketId};

/// The size of the buffer for a datagram, in bytes. It has room for replies that are longer than
/// the 1232 bytes that queries allow, since some servers ignore the limit. A longer reply is asked
/// for over TCP.
const BUFFER: usize = 4096;
/// The maximum number of messages that are taken from one socket in one poll, before other tasks
/// run.
const MAX_MESSAGES: usize = 64;

/// A lookup with its sockets and its timer.
pub(super) struct LookupDriver {
    runtime: Arc<dyn Runtime>,
    pool: Arc<Pool>,
    pub(super) lookup: Lookup,
    sockets: Vec<OpenSocket>,
    alarm: Alarm,
}

struct OpenSocket {
    id: SocketId,
    /// The socket, or the error with which it could not be opened.
    socket: io::Result<LookupSocket>,
    /// True when the socket is pending and has the waker of this poll.
    parked: bool,
}

impl fmt::Debug for LookupDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookupDriver")
            .field("lookup", &self.lookup)
            .finish_non_exhaustive()
    }
}

impl LookupDriver {
    pub(super) fn new(runtime: Arc<dyn Runtime>, pool: Arc<Pool>, lookup: Lookup) -> Self {
        Self {
            runtime,
            pool,
            lookup,
            sockets: Vec::new(),
            alarm: Alarm::new(),
        }
    }

    /// Drives the lookup; ready when it has its result. `report` gets the facts for the client's
    /// state.
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
            let Poll::Ready(now) = self.alarm.poll(cx, deadline, &*self.runtime) else {
                return Poll::Pending;
            };
            self.lookup.handle_timeout(now);
        }
    }

    /// Performs the outputs of the lookup.
    fn perform(&mut self, report: &mut dyn FnMut(Report, Instant), now: Instant) {
        while let Some(output) = self.lookup.poll_output() {
            match output {
                LookupOutput::OpenUdp {
                    socket,
                    server,
                    shared,
                } => {
                    let opened = if shared {
                        let share = self.pool.join_udp(&*self.runtime, server);
                        share.map(LookupSocket::PooledUdp)
                    } else {
                        self.connect_udp(server)
                    };
                    self.open(socket, opened);
                }
                LookupOutput::OpenTcp {
                    socket,
                    server,
                    shared,
                } => {
                    let share = if shared {
                        self.pool.join_tcp(&self.runtime, server)
                    } else {
                        self.pool.connect_tcp(&self.runtime, server)
                    };
                    self.open(socket, Ok(LookupSocket::Tcp(share)));
                }
                LookupOutput::Send { socket, bytes } => {
                    let open = self.sockets.iter_mut().find(|open| open.id == socket);
                    if let Some(open) = open {
                        open.parked = false;
                        if let Ok(socket) = &mut open.socket {
                            socket.push(bytes);
                        }
                    }
                }
                LookupOutput::Close { socket } => self.sockets.retain(|open| open.id != socket),
                LookupOutput::Report(fact) => report(fact, now),
            }
        }
    }

    fn connect_udp(&self, server: SocketAddr) -> io::Result<LookupSocket> {
        let socket = self.runtime.connect_udp(server, &UdpOptions::default())?;
        let unsent = VecDeque::new();
        Ok(LookupSocket::OwnUdp { socket, unsent })
    }

    fn open(&mut self, id: SocketId, socket: io::Result<LookupSocket>) {
        self.sockets.push(OpenSocket {
            id,
            socket,
            parked: false,
        });
    }

    /// Passes what arrives at the sockets to the lookup; returns whether the lookup has an output
    /// or a result, or a socket has ended.
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
            for count in 0.. {
                if count == MAX_MESSAGES {
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
                    Poll::Ready(Ok(Arrived::Datagram(received))) => {
                        let datagram = buffer.get(..received.len).unwrap_or(&buffer);
                        self.lookup
                            .handle_datagram(open.id, datagram, received.truncated, now);
                    }
                    Poll::Ready(Ok(Arrived::Message(message))) => {
                        self.lookup.handle_message(open.id, &message, now);
                    }
                    Poll::Ready(Ok(Arrived::End)) => {
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
