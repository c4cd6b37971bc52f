//! Byte streams.

use std::fmt::Debug;

use futures_io::{AsyncRead, AsyncWrite};

use crate::PeerAddr;

/// A connected byte stream: TCP, a Unix socket, a simulated one, or TLS over any of these.
///
/// Dropping it closes it in the ordinary way.
pub trait Stream: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin + 'static {
    /// Returns the address that this stream is connected to.
    fn peer_addr(&self) -> PeerAddr;

    /// Closes the stream at once, and loses data that was not sent yet. TCP sends RST and keeps no
    /// TIME_WAIT.
    ///
    /// It is for the losers of a race, and for connections whose peer broke the protocol.
    fn abort(self: Box<Self>);
}
