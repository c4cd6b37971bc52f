//! The state of a connection.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use trunkline_runtime::PeerAddr;

/// The index of the client's end of a connection.
pub(crate) const CLIENT: usize = 0;
/// The index of the server's end of a connection.
pub(crate) const SERVER: usize = 1;

/// A connection, established or on its way to the client.
pub(crate) struct Conn {
    pub(crate) local: PeerAddr,
    pub(crate) peer: PeerAddr,
    pub(crate) ends: [ConnEnd; 2],
}

/// One end of a connection.
#[derive(Default)]
pub(crate) struct ConnEnd {
    /// Bytes that arrived and were not read.
    pub(crate) inbox: VecDeque<u8>,
    /// How many bytes are on their way to this end.
    pub(crate) in_flight: usize,
    /// Whether the peer's FIN has arrived.
    pub(crate) fin: bool,
    /// Whether the peer's RST has arrived, or this end was aborted.
    pub(crate) reset: bool,
    /// Whether this end has sent its FIN.
    pub(crate) fin_sent: bool,
    /// Whether the stream of this end was dropped.
    pub(crate) closed: bool,
    /// When the last packet to this end arrives: no packet overtakes another.
    pub(crate) last_arrival: Duration,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

impl Conn {
    /// Returns a connection that the client sees as established from `established` on.
    pub(crate) fn new(local: PeerAddr, peer: PeerAddr, established: Duration) -> Self {
        let mut ends: [ConnEnd; 2] = Default::default();
        // The server may send at once; its data must not overtake the SYN-ACK.
        ends[CLIENT].last_arrival = established;
        Self { local, peer, ends }
    }
}
