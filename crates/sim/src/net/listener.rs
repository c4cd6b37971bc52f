//! The listeners of simulated servers.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll};

use trunkline_runtime::{PeerAddr, Stream};

use super::stream::SimStream;
use crate::world::{Listening, SERVER, SharedWorld, path_of};

/// Accepts the connections to one address.
///
/// Dropping it closes the port: connections that wait to be accepted are reset, and later attempts
/// are refused.
pub struct Listener {
    shared: Arc<SharedWorld>,
    address: PeerAddr,
    id: u64,
}

impl Listener {
    pub(crate) fn bind(shared: Arc<SharedWorld>, address: PeerAddr) -> io::Result<Self> {
        let id = shared.with(|world| {
            if world.net.listeners.contains_key(&address) {
                let text = format!("another listener has {address}");
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

    /// Waits for a connection; returns it and the client's address. The address of a Unix socket's
    /// client is an empty path.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ConnectionAborted`] after the host was killed.
    pub async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, PeerAddr)> {
        let (stream, client) = poll_fn(|cx| self.poll_accept(cx)).await?;
        Ok((Box::new(stream), client))
    }

    /// Returns whether the port is open; killing the host closes it.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.with(|world| {
            let listening = world.net.listeners.get(&self.address);
            listening.is_some_and(|listening| listening.id == self.id)
        })
    }

    /// Returns the next connection and the client's address.
    pub(crate) fn poll_accept(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<io::Result<(SimStream, PeerAddr)>> {
        let accepted = self.shared.with(|world| {
            let net = &mut world.net;
            let ip = path_of(&self.address);
            let is_frozen = ip.is_some_and(|ip| net.path(ip).frozen);
            let listening = net.listeners.get_mut(&self.address);
            let Some(listening) = listening.filter(|listening| listening.id == self.id) else {
                return Poll::Ready(Err(io::Error::from(ErrorKind::ConnectionAborted)));
            };
            while !is_frozen && let Some(conn) = listening.queue.pop_front() {
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
            if listeners.get(&self.address).map(|listening| listening.id) != Some(self.id) {
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
