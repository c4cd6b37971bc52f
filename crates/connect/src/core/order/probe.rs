//! What the order needs to know about this host.

use std::net::{IpAddr, SocketAddr};

use super::round_trip::RoundTrip;

/// Says from which of its own addresses this host would reach a destination.
///
/// With the feature `io`, `dyn trunkline_runtime::Runtime` is a probe: it asks the system with a
/// connected UDP socket, which sends no packet.
pub trait SourceProbe {
    /// The source for `destination`; `None` when there is no route, or the kernel refuses
    /// (RFC 6724 rule 1: such a destination goes last).
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress>;

    /// The round-trip time that was measured to `destination` earlier, if any.
    ///
    /// Addresses with a lower one go first, those without one last, between rules 8 and 9
    /// (RFC 8305 section 4). It must only say what was learned on this network and for this user,
    /// and keep silent now and then, or a better address is never found.
    fn round_trip(&self, _destination: SocketAddr) -> Option<RoundTrip> {
        None
    }
}

/// A source address, and what is known about it.
///
/// What cannot be known (a connected UDP socket tells the address and nothing else) stays at its
/// default, and the rule that asks for it then decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceAddress {
    /// The address.
    pub address: IpAddr,
    /// The length of its on-link prefix in bits, for rule 9. Unknown for IPv6: 64. Unknown for
    /// IPv4: rule 9 decides nothing.
    pub prefix_len: Option<u8>,
    /// Deprecated, in the sense of RFC 4862 (rule 3).
    pub deprecated: bool,
    /// A home address of a mobile node (rule 4).
    pub home: bool,
    /// A care-of address of a mobile node (rule 4).
    pub care_of: bool,
    /// The way there goes through a tunnel, such as 6to4 (rule 7).
    pub encapsulated: bool,
}

impl SourceAddress {
    /// A source of which only the address is known.
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            prefix_len: None,
            deprecated: false,
            home: false,
            care_of: false,
            encapsulated: false,
        }
    }
}

/// The probe that knows nothing: every list stays in the order that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepOrder;

impl SourceProbe for KeepOrder {
    fn source(&self, _destination: SocketAddr) -> Option<SourceAddress> {
        None
    }
}

/// Every function is a probe: from a destination to a source address.
impl<F> SourceProbe for F
where
    F: Fn(SocketAddr) -> Option<SourceAddress>,
{
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        self(destination)
    }
}
