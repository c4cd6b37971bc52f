//! A UDP socket that lookups share: its core, with the socket and the wakers.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use trunkline_runtime::{Lock, Received, Runtime, UdpOptions, UdpSocket};

use crate::core::{Asker, Recipient, SharedUdp};

/// The maximum number of datagrams that are read in one poll, before other tasks run.
const MAX_READS: usize = 64;

/// A UDP socket of the pool.
#[derive(Debug)]
pub(super) struct PooledUdp {
    state: Lock<UdpState>,
}

#[derive(Debug)]
struct UdpState {
    core: SharedUdp,
    socket: Box<dyn UdpSocket>,
    /// The wakers of the askers that wait.
    waiting: BTreeMap<Asker, Waker>,
}

impl PooledUdp {
    /// Opens a socket connected to `server`; returns the first share in it.
    pub(super) fn open(runtime: &dyn Runtime, server: SocketAddr) -> io::Result<UdpShare> {
        let socket = runtime.connect_udp(server, &UdpOptions::default())?;
        let (core, asker) = SharedUdp::new();
        let shared = Arc::new(Self {
            state: Lock::new(UdpState {
                core,
                socket,
                waiting: BTreeMap::new(),
            }),
        });
        Ok(UdpShare::new(shared, asker))
    }

    /// Returns a share in the socket; `None` where it takes no more.
    pub(super) fn join(self: &Arc<Self>) -> Option<UdpShare> {
        let asker = self.state.lock().core.join()?;
        Some(UdpShare::new(Arc::clone(self), asker))
    }
}

impl UdpState {
    /// Ends the socket for all askers, and wakes them.
    fn fail(&mut self, error: &io::Error) {
        self.core.handle_failed(error.kind());
        for (_, waker) in std::mem::take(&mut self.waiting) {
            waker.wake();
        }
    }
}

/// The share of one lookup in a socket.
#[derive(Debug)]
pub(super) struct UdpShare {
    shared: Arc<PooledUdp>,
    asker: Asker,
    unsent: VecDeque<Vec<u8>>,
}

impl UdpShare {
    fn new(shared: Arc<PooledUdp>, asker: Asker) -> Self {
        Self {
            shared,
            asker,
            unsent: VecDeque::new(),
        }
    }

    pub(super) fn socket(&self) -> &Arc<PooledUdp> {
        &self.shared
    }

    pub(super) fn push(&mut self, mut query: Vec<u8>) {
        self.shared.state.lock().core.ask(self.asker, &mut query);
        self.unsent.push_back(query);
    }

    /// Sends the queries that are still to be sent, then waits for the next datagram under the id
    /// of one that was sent.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Received>> {
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        if let Some(kind) = state.core.failure() {
            return Poll::Ready(Err(kind.into()));
        }
        while let Some(datagram) = self.unsent.front() {
            match state.socket.poll_send(cx, datagram) {
                Poll::Ready(Ok(())) => drop(self.unsent.pop_front()),
                Poll::Ready(Err(error)) => {
                    state.fail(&error);
                    return Poll::Ready(Err(error));
                }
                // A send that has to wait must not keep replies from being read.
                Poll::Pending => break,
            }
        }
        if let Some(reply) = state.core.poll_reply(self.asker) {
            let len = reply.bytes.len().min(buffer.len());
            buffer[..len].copy_from_slice(&reply.bytes[..len]);
            return Poll::Ready(Ok(Received {
                len,
                truncated: reply.truncated,
            }));
        }
        match state.waiting.get_mut(&self.asker) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => drop(state.waiting.insert(self.asker, cx.waker().clone())),
        }
        if !state.core.read(self.asker) {
            return Poll::Pending;
        }
        for _ in 0..MAX_READS {
            match state.socket.poll_recv(cx, buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    state.fail(&error);
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(received)) => {
                    let datagram = buffer.get_mut(..received.len).unwrap_or_default();
                    let truncated = received.truncated;
                    match state.core.handle_datagram(self.asker, datagram, truncated) {
                        Recipient::Reader => return Poll::Ready(Ok(received)),
                        Recipient::Other(asker) => {
                            if let Some(waker) = state.waiting.remove(&asker) {
                                waker.wake();
                            }
                        }
                        Recipient::Dropped => {}
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for UdpShare {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.waiting.remove(&self.asker);
        if state.core.leave(self.asker)
            && let Some((_, waker)) = state.waiting.pop_first()
        {
            drop(state);
            waker.wake();
        }
    }
}
