//! Datagrams.

use std::fmt::Debug;
use std::io;
use std::task::{Context, Poll};

/// A UDP socket connected to one peer.
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
