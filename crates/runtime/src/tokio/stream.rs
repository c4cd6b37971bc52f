//! Byte streams over tokio.

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::ReadBuf;
use ::tokio::net::TcpStream;
#[cfg(unix)]
use ::tokio::net::UnixStream;
use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use crate::{PeerAddr, Stream, socket};

/// A connected socket that tokio watches.
#[derive(Debug)]
pub(super) struct TokioStream<S> {
    socket: S,
    peer: PeerAddr,
    /// The address of this side, if it has one.
    local: Option<PeerAddr>,
}

/// What a stream needs from its socket.
pub(super) trait RawStream:
    ::tokio::io::AsyncRead + ::tokio::io::AsyncWrite + Debug + Send + Sync + Unpin + 'static
{
    fn reset_on_close(&self);
}

impl RawStream for TcpStream {
    fn reset_on_close(&self) {
        // This fails only on a socket that is closed or reset already.
        let _ = socket::reset_on_close(&SockRef::from(self));
    }
}

#[cfg(unix)]
impl RawStream for UnixStream {
    fn reset_on_close(&self) {}
}

impl<S: RawStream> TokioStream<S> {
    pub(super) fn boxed(socket: S, peer: PeerAddr, local: Option<PeerAddr>) -> Box<dyn Stream> {
        Box::new(Self {
            socket,
            peer,
            local,
        })
    }
}

impl<S: RawStream> Stream for TokioStream<S> {
    fn peer_addr(&self) -> PeerAddr {
        self.peer.clone()
    }

    fn local_addr(&self) -> Option<PeerAddr> {
        self.local.clone()
    }

    fn abort(self: Box<Self>) {
        self.socket.reset_on_close();
    }
}

impl<S: RawStream> AsyncRead for TokioStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<S: RawStream> AsyncWrite for TokioStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, parts)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
