//! The state of listeners, connection attempts and UDP sockets.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::task::Waker;

use super::agenda::EventKey;

/// A connection attempt that was started and whose result was not taken.
pub(crate) struct ConnectAttempt {
    pub(crate) waker: Option<Waker>,
    /// The connection's number, or how the attempt failed.
    pub(crate) result: Option<Result<u64, ErrorKind>>,
    /// The event that ends an attempt without an answer.
    pub(crate) timeout: Option<EventKey>,
}

/// An open TCP port, or a Unix socket that accepts.
pub(crate) struct Listening {
    /// Distinguishes this listener from a later one at the same address.
    pub(crate) id: u64,
    /// Connections that wait to be accepted.
    pub(crate) queue: VecDeque<u64>,
    pub(crate) waker: Option<Waker>,
}

/// A bound UDP socket.
pub(crate) struct BoundUdp {
    /// The peer of a connected socket, which receives from no other address.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) inbox: VecDeque<(SocketAddr, Vec<u8>)>,
    /// The error that the next operation reports.
    pub(crate) error: Option<ErrorKind>,
    pub(crate) waker: Option<Waker>,
}
