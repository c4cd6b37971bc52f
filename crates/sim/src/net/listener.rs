//! Where simulated servers accept.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use trunkline_runtime::{PeerAddr, Stream};

use super::conn::SERVER;
use super::stream::SimStream;
use crate::world::Shared;

pub(super) struct Listening {
    /// Tells this listener from a later one at the same address.
    id: u64,
    pub(super) queue: VecDeque<u64>,
    pub(super) waker: Option<Waker>,
}

/// Accepts the connections to one address.
///
/// Dropping it closes the port: connections that were not accepted are reset, new ones refused.
pub struct Listener {
    shared: Arc<Shared>,
    address: PeerAddr,
    id: u64,
}

impl Listener {
    pub(crate) fn bind(shared: Arc<Shared>, address: PeerAddr) -> io::Result<Self> {
        let id = shared.with(|world| {
            if world.net.listeners.contains_key(&address) {
                let text = format!("somebody listens on {address} already");
                return Err(io::Error::new(ErrorKind::AddrInUse, text));
            }
            let id = world.net.id();
            let listening = Listening {
                id,
                queue: VecDeque::new(),
                waker: None,
            };
            world.net.listeners.insert(address.clone(), listening);
            Ok(id)
        })?;
        Ok(Self {
            shared,
            address,
            id,
        })
    }

    /// Waits for a connection; returns it and the client's address (of a Unix socket: none, an
    /// empty path).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ConnectionAborted`] once the host was killed.
    pub async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, PeerAddr)> {
        let (stream, client) = poll_fn(|cx| self.poll_accept(cx)).await?;
        Ok((Box::new(stream), client))
    }

    /// Whether the port is open: it is until the host is killed.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.with(|world| {
            let listening = world.net.listeners.get(&self.address);
            listening.is_some_and(|listening| listening.id == self.id)
        })
    }

    pub(crate) fn poll_accept(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<io::Result<(SimStream, PeerAddr)>> {
        let accepted = self.shared.with(|world| {
            let net = &mut world.net;
            let listening = net.listeners.get_mut(&self.address);
            let Some(listening) = listening.filter(|listening| listening.id == self.id) else {
                return Poll::Ready(Err(io::Error::from(ErrorKind::ConnectionAborted)));
            };
            while let Some(conn) = listening.queue.pop_front() {
                if let Some(state) = net.conns.get(&conn) {
                    return Poll::Ready(Ok((conn, state.local.clone())));
                }
            }
            let old = listening.waker.replace(cx.waker().clone());
            world.discard(old);
            Poll::Pending
        });
        accepted.map_ok(|(conn, client)| {
            let stream = SimStream::new(self.shared.clone(), (conn, SERVER), client.clone());
            (stream, client)
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.with(|world| {
            let listeners = &mut world.net.listeners;
            if listeners.get(&self.address).map(|it| it.id) != Some(self.id) {
                return;
            }
            let Some(listening) = listeners.remove(&self.address) else {
                return;
            };
            world.discard(listening.waker);
            for conn in listening.queue {
                world.abort_end(conn, SERVER);
            }
        });
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Listener");
        text.field("address", &self.address).finish_non_exhaustive()
    }
}
