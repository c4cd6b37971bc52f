//! What becomes of a connection attempt.

use std::time::Duration;

/// What becomes of a connection attempt to an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Accepted if somebody listens, else refused, after one round trip.
    #[default]
    Ordinary,
    /// Refused after one round trip, even if somebody listens.
    Refuse,
    /// Never answered. The attempt times out after 133.7 seconds, as on Linux.
    Silent,
    /// Fails at once: "host unreachable".
    HostUnreachable,
    /// Fails at once: "network unreachable".
    NetworkUnreachable,
    /// Accepted, though nobody need listen; then never an octet.
    AcceptSilently,
    /// Accepted, though nobody need listen; then reset, so long after it was accepted.
    ResetAfter(Duration),
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}
