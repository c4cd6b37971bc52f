//! The states of a channel or policy.

use std::fmt;

/// The state of a channel or policy, as callers see it.
///
/// Source:
/// [connectivity semantics](https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "SCREAMING_SNAKE_CASE"))]
pub enum ConnectivityState {
    /// No connection, and no attempt at one.
    Idle,
    /// A connection attempt is in progress.
    Connecting,
    /// Connected.
    Ready,
    /// The last attempt failed.
    TransientFailure,
    /// Closed; the final state.
    Shutdown,
}

impl fmt::Display for ConnectivityState {
    /// Prints the name as the gRPC documents do, such as `TRANSIENT_FAILURE`.
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
