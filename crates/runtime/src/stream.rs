//! Byte streams.

use std::fmt::Debug;

use futures_io::{AsyncRead, AsyncWrite};

use crate::PeerAddr;

/// A connected byte stream: TCP, a Unix socket, a simulated one, or TLS over any of these.
///
/// Dropping it closes it in the ordinary way.
pub trait Stream: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin + 'static {
    /// The address that this stream is connected to.
    fn peer_addr(&self) -> PeerAddr;

    /// Closes the stream at once: TCP sends RST and keeps no TIME_WAIT, data that was not sent
    /// yet is lost. For the losers of a race and for connections that broke their protocol.
    fn abort(self: Box<Self>);
}
