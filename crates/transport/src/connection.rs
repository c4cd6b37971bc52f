//! Connections.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use trunkline_runtime::PeerAddr;

use crate::state::ConnectionState;

/// A handle to one HTTP/2 connection, on which calls are made. Cheap to clone.
///
/// When the last clone and the last call are gone, the connection closes in good order.
#[derive(Clone)]
pub struct Connection {
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) state: Arc<ConnectionState>,
    established: Instant,
}

impl Connection {
    pub(crate) fn new(
        send: SendRequest<Bytes>,
        state: Arc<ConnectionState>,
        established: Instant,
    ) -> Self {
        Self {
            send,
            state,
            established,
        }
    }

    /// Returns the address at the other end.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.state.peer
    }

    /// Returns when the handshake was done, by the clock of the connection's runtime.
    #[must_use]
    pub fn established(&self) -> Instant {
        self.established
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.state.peer)
            .finish_non_exhaustive()
    }
}
