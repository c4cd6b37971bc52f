//! How connection attempts end, and the versions of IP.

use std::time::Duration;

/// How connection attempts to an address end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectFate {
    /// Accepted after one round trip if a server listens, else refused.
    #[default]
    Ordinary,
    /// Refused after one round trip, even if a server listens.
    Refuse,
    /// Not answered. The attempt times out after 133.7 seconds, as on Linux.
    Silent,
    /// Fails at once with [`HostUnreachable`](std::io::ErrorKind::HostUnreachable).
    HostUnreachable,
    /// Fails at once with [`NetworkUnreachable`](std::io::ErrorKind::NetworkUnreachable).
    NetworkUnreachable,
    /// Accepted, even if no server listens. No byte follows.
    AcceptSilently,
    /// Accepted, even if no server listens, and reset this long after the server accepted.
    ResetAfter(Duration),
}

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}
