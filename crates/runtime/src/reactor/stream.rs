//! Byte streams over async-io.

use std::fmt::Debug;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use crate::{PeerAddr, Stream, socket};

/// A connected socket that async-io watches.
#[derive(Debug)]
pub(super) struct ReactorStream<S> {
    socket: Async<S>,
    peer: PeerAddr,
}

/// What a stream needs from its socket beyond reading and writing.
pub(super) trait RawStream: Debug + Send + Sync + 'static {
    fn shut_down_write(&self) -> io::Result<()>;
    fn reset_on_close(&self);
}

impl RawStream for TcpStream {
    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_close(&self) {
        // This fails only on a socket that is closed or reset already.
        let _ = socket::reset_on_close(&SockRef::from(self));
    }
}

#[cfg(unix)]
impl RawStream for UnixStream {
    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_close(&self) {}
}

impl<S> ReactorStream<S>
where
    S: RawStream,
    Async<S>: AsyncRead + AsyncWrite,
{
    pub(super) fn boxed(socket: Async<S>, peer: PeerAddr) -> Box<dyn Stream> {
        Box::new(Self { socket, peer })
    }
}

impl<S> Stream for ReactorStream<S>
where
    S: RawStream,
    Async<S>: AsyncRead + AsyncWrite,
{
    fn peer_addr(&self) -> PeerAddr {
        self.peer.clone()
    }

    fn abort(self: Box<Self>) {
        self.socket.get_ref().reset_on_close();
    }
}

impl<S> AsyncRead for ReactorStream<S>
where
    S: RawStream,
    Async<S>: AsyncRead,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_read_vectored(cx, buffers)
    }
}

impl<S> AsyncWrite for ReactorStream<S>
where
    S: RawStream,
    Async<S>: AsyncWrite,
{
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

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Sends FIN, which async-io's own `poll_close` does not.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.socket.get_ref().shut_down_write() {
            // The peer has reset the connection, so it is closed.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}
