//! Datagrams.

use std::fmt::Debug;
use std::io;
use std::task::{Context, Poll};

/// A UDP socket connected to one peer.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::task::{Context, Poll};
/// use trunkline_runtime::{Received, UdpSocket};
///
/// /// Loses every second datagram that is sent, for tests.
/// #[derive(Debug)]
/// struct Lossy {
///     inner: Box<dyn UdpSocket>,
///     sent: u64,
/// }
///
/// impl UdpSocket for Lossy {
///     fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
///         if self.sent % 2 == 1 {
///             self.sent += 1;
///             return Poll::Ready(Ok(()));
///         }
///         let result = self.inner.poll_send(cx, datagram);
///         self.sent += u64::from(result.is_ready());
///         result
///     }
///
///     fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
///         self.inner.poll_recv(cx, buffer)
///     }
/// }
/// ```
pub trait UdpSocket: Debug + Send + 'static {
    /// Sends one datagram.
    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>>;

    /// Receives one datagram into `buffer`.
    ///
    /// An ICMP "port unreachable" for an earlier datagram is returned here as
    /// [`io::ErrorKind::ConnectionRefused`].
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>>;
}

/// The result of one receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The number of bytes written to the buffer.
    pub len: usize,
    /// True when the datagram was longer than the buffer, so that its end is lost. Where the
    /// operating system does not report this, a full buffer counts as truncated.
    pub truncated: bool,
}
