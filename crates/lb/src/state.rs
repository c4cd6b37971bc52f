//! Connectivity states.

use std::fmt;

use trunkline_status::Status;

/// How a channel or policy stands, as callers see it.
///
/// Source: [connectivity semantics](https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectivityState {
    /// Nothing is connected, and nobody tries to.
    Idle,
    /// A connection is being made.
    Connecting,
    /// There is a connection.
    Ready,
    /// The last attempt failed.
    TransientFailure,
    /// Closed for good.
    Shutdown,
}

/// How a subchannel stands, as its policy is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubchannelState {
    /// Not connected; waits to be told to connect. A new subchannel is idle, and so is one that
    /// lost its connection, or whose back-off is over.
    Idle,
    /// An attempt is under way.
    Connecting,
    /// Connected: the server's SETTINGS have come.
    Ready,
    /// The attempt failed, and the back-off is running.
    TransientFailure(Status),
}

impl fmt::Display for ConnectivityState {
    /// The name as the gRPC documents print it, such as `TRANSIENT_FAILURE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "IDLE",
            Self::Connecting => "CONNECTING",
            Self::Ready => "READY",
            Self::TransientFailure => "TRANSIENT_FAILURE",
            Self::Shutdown => "SHUTDOWN",
        })
    }
}
