//! The states of a watched resource.

use std::fmt;

/// What the last word on a watched resource is: exactly one.
///
/// Source: `ClientResourceStatus` of the client status discovery service
/// ([gRFC A40](https://github.com/grpc/proposal/blob/master/A40-csds-support.md), with the states of
/// [A88](https://github.com/grpc/proposal/blob/master/A88-xds-data-error-handling.md)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ResourceState {
    /// It was asked for, and no server has answered in any way.
    #[default]
    Requested,
    /// The last one was valid.
    Acked,
    /// The last one was invalid.
    Nacked,
    /// The server deleted it, or did not send it in time.
    DoesNotExist,
    /// The server sent an error in its place.
    ReceivedError,
    /// The server did not send it in time, and its silence is no proof that the resource does not
    /// exist.
    Timeout,
}

impl ResourceState {
    /// Returns the value of the label `grpc.xds.cache_state` of a resource in this state.
    ///
    /// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).
    #[must_use]
    pub const fn label(self, is_cached: bool) -> &'static str {
        match (self, is_cached) {
            (Self::Requested, _) => "requested",
            (Self::Acked, _) => "acked",
            (Self::Nacked, false) => "nacked",
            (Self::Nacked, true) => "nacked_but_cached",
            (Self::DoesNotExist, false) => "does_not_exist",
            (Self::DoesNotExist, true) => "does_not_exist_but_cached",
            (Self::ReceivedError, false) => "received_error",
            (Self::ReceivedError, true) => "received_error_but_cached",
            (Self::Timeout, _) => "timeout",
        }
    }
}

impl fmt::Display for ResourceState {
    /// Prints the name that the protocol has, such as `DOES_NOT_EXIST`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "REQUESTED",
            Self::Acked => "ACKED",
            Self::Nacked => "NACKED",
            Self::DoesNotExist => "DOES_NOT_EXIST",
            Self::ReceivedError => "RECEIVED_ERROR",
            Self::Timeout => "TIMEOUT",
        })
    }
}
