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
    /// An ICMP "port unreachable" for what was sent earlier arrives here as
    /// [`io::ErrorKind::ConnectionRefused`].
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>>;
}

/// What one receive brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Octets written to the buffer.
    pub len: usize,
    /// Whether the datagram was longer than the buffer, so that its end is lost. Where the
    /// operating system does not tell, a full buffer counts as truncated.
    pub truncated: bool,
}
