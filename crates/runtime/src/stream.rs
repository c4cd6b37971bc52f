//! Byte streams.

use std::fmt::Debug;

use futures_io::{AsyncRead, AsyncWrite};

use crate::PeerAddr;

/// A connected byte stream: TCP, a Unix socket, a simulated one, or TLS over any of these.
///
/// Dropping it closes it in the ordinary way.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::pin::Pin;
/// use std::task::{Context, Poll, ready};
/// use futures_io::{AsyncRead, AsyncWrite};
/// use trunkline_runtime::{PeerAddr, Stream};
///
/// /// Counts the bytes that are read.
/// #[derive(Debug)]
/// struct Counted {
///     inner: Box<dyn Stream>,
///     read: usize,
/// }
///
/// impl AsyncRead for Counted {
///     fn poll_read(
///         mut self: Pin<&mut Self>,
///         cx: &mut Context<'_>,
///         buffer: &mut [u8],
///     ) -> Poll<io::Result<usize>> {
///         let count = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
///         self.read += count;
///         Poll::Ready(Ok(count))
///     }
/// }
///
/// impl AsyncWrite for Counted {
///     fn poll_write(
///         mut self: Pin<&mut Self>,
///         cx: &mut Context<'_>,
///         bytes: &[u8],
///     ) -> Poll<io::Result<usize>> {
///         Pin::new(&mut self.inner).poll_write(cx, bytes)
///     }
///
///     fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Pin::new(&mut self.inner).poll_flush(cx)
///     }
///
///     fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Pin::new(&mut self.inner).poll_close(cx)
///     }
/// }
///
/// impl Stream for Counted {
///     fn peer_addr(&self) -> PeerAddr {
///         self.inner.peer_addr()
///     }
///
///     fn local_addr(&self) -> Option<PeerAddr> {
///         self.inner.local_addr()
///     }
///
///     fn abort(self: Box<Self>) {
///         self.inner.abort();
///     }
/// }
/// ```
pub trait Stream: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin + 'static {
    /// Returns the address that this stream is connected to.
    fn peer_addr(&self) -> PeerAddr;

    /// Returns the address of this side. `None`, also the default, where it is unknown or has no name, as
    /// that of a client of a Unix socket.
    ///
    /// It is for telemetry. A stream over another one returns that of the other one.
    fn local_addr(&self) -> Option<PeerAddr> {
        None
    }

    /// Closes the stream at once, and loses data that was not sent yet. TCP sends RST and keeps no
    /// TIME_WAIT.
    ///
    /// It is for the losers of a race, and for connections whose peer broke the protocol.
    fn abort(self: Box<Self>);
}
