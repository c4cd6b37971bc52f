//! One end of a simulated connection.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{PeerAddr, Stream};

use crate::world::{CLIENT, SharedWorld};

pub(crate) struct SimStream {
    shared: Arc<SharedWorld>,
    /// The number of the connection, and the index of this end.
    end: (u64, usize),
    peer: PeerAddr,
}

impl SimStream {
    pub(super) fn new(shared: Arc<SharedWorld>, end: (u64, usize), peer: PeerAddr) -> Self {
        Self { shared, end, peer }
    }

    /// Returns the number of the connection.
    pub(crate) fn conn(&self) -> u64 {
        self.end.0
    }
}

impl Stream for SimStream {
    fn peer_addr(&self) -> PeerAddr {
        self.peer.clone()
    }

    fn local_addr(&self) -> Option<PeerAddr> {
        let (conn, side) = self.end;
        self.shared.with(|world| {
            let conn = world.net.conns.get(&conn)?;
            match (side, &conn.local) {
                // The client's end of a Unix socket has no name.
                (CLIENT, PeerAddr::Unix(_)) => None,
                (CLIENT, local) => Some(local.clone()),
                _ => Some(conn.peer.clone()),
            }
        })
    }

    fn abort(self: Box<Self>) {
        let (conn, side) = self.end;
        self.shared.with(|world| world.abort_end(conn, side));
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.shared
            .with(|world| world.poll_read(self.end, buffer, cx))
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared
            .with(|world| world.poll_write(self.end, bytes, cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // One segment, as `writev` sends it.
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.poll_write(cx, &bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (conn, side) = self.end;
        self.shared.with(|world| world.close_write(conn, side));
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let (conn, side) = self.end;
        self.shared.with(|world| world.close_end(conn, side));
    }
}

impl fmt::Debug for SimStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("SimStream");
        text.field("connection", &self.end.0)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
