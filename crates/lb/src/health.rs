//! The health of backends.

use std::fmt;

use trunkline_status::Status;

/// What is known of the health of a connected backend.
///
/// Source: [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The health check has started, and the backend has not answered it. Calls wait, or use other
    /// backends.
    Checking,
    /// The backend serves calls.
    Healthy,
    /// The backend reports that it does not serve calls.
    Unhealthy(ServingStatus),
    /// The health check failed with this status. It starts again after a back-off.
    Failed(Status),
    /// The backend has no health service (`UNIMPLEMENTED`): it counts as healthy, and is not asked
    /// again on this connection.
    Unchecked(Status),
}

impl fmt::Display for Health {
    /// Prints a part of a sentence, such as `not healthy: NOT_SERVING`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checking => f.write_str("the health check has not answered"),
            Self::Healthy => f.write_str("healthy"),
            Self::Unhealthy(status) => write!(f, "not healthy: {status}"),
            Self::Failed(status) => write!(f, "the health check failed: {status}"),
            Self::Unchecked(status) => {
                write!(f, "taken for healthy, without a health check: {status}")
            }
        }
    }
}

/// What a backend reports of one of its services.
///
/// Source: [the health checking protocol](https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServingStatus {
    /// `UNKNOWN`, 0.
    Unknown,
    /// `SERVING`, 1.
    Serving,
    /// `NOT_SERVING`, 2.
    NotServing,
    /// `SERVICE_UNKNOWN`, 3: the backend does not know the service. It reports later if that changes.
    ServiceUnknown,
    /// A number that the protocol does not define.
    Other(u64),
}

impl ServingStatus {
    pub(crate) fn from_number(number: u64) -> Self {
        match number {
            0 => Self::Unknown,
            1 => Self::Serving,
            2 => Self::NotServing,
            3 => Self::ServiceUnknown,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for ServingStatus {
    /// Prints the name in the protocol, such as `NOT_SERVING`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.pad("UNKNOWN"),
            Self::Serving => f.pad("SERVING"),
            Self::NotServing => f.pad("NOT_SERVING"),
            Self::ServiceUnknown => f.pad("SERVICE_UNKNOWN"),
            Self::Other(number) => write!(f, "the unknown status {number}"),
        }
    }
}
