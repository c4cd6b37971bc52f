//! What became of one of the addresses of a name.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What became of one of the addresses of a name, which a connection attempt tried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressFate {
    /// The address.
    pub address: SocketAddr,
    /// How the try ended.
    pub outcome: AddressOutcome,
    /// The time from its start to its end.
    pub elapsed: Duration,
    /// The text of its error, if it failed with one.
    pub error: Option<Arc<str>>,
}

/// How the try of one of the addresses of a name ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressOutcome {
    /// It connected, and is used.
    Connected,
    /// It was given up, because another address connected or the attempt ended.
    GivenUp,
    /// It did not connect in time.
    TimedOut,
    /// It failed in another way.
    Failed,
}

impl fmt::Display for AddressOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "connected",
            Self::GivenUp => "given up",
            Self::TimedOut => "timed out",
            Self::Failed => "failed",
        })
    }
}
