//! What the order must know about this host.

use std::net::{IpAddr, SocketAddr};

use super::round_trip::RoundTrip;

/// Finds the address of this host from which it would reach a destination.
///
/// With the feature `io`, `dyn trunkline_runtime::Runtime` is a probe: it asks the system by
/// connecting a UDP socket, which sends no packet.
///
/// # Examples
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr, SocketAddr};
/// use trunkline_connect::{SourceAddress, SourceProbe, sort_rfc6724};
///
/// /// A host with one IPv4 address, and without IPv6.
/// struct Ipv4Host(Ipv4Addr);
///
/// impl SourceProbe for Ipv4Host {
///     fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
///         let own = SourceAddress::new(IpAddr::V4(self.0));
///         destination.is_ipv4().then_some(own)
///     }
/// }
///
/// let mut list = vec!["[2001:db8::1]:443".parse()?, "192.0.2.1:443".parse()?];
/// sort_rfc6724(&mut list, &Ipv4Host(Ipv4Addr::new(198, 51, 100, 7)));
/// assert_eq!(list[0], "192.0.2.1:443".parse()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub trait SourceProbe {
    /// Returns the source address for `destination`; `None` when there is no route, or the kernel
    /// refuses. Such a destination goes last (RFC 6724 rule 1).
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress>;

    /// Returns the round-trip time that was measured to `destination` earlier, if there is one.
    ///
    /// Between rules 8 and 9, addresses with a lower round-trip time go first, and addresses
    /// without one go last (RFC 8305 section 4). Return only times that were measured on this
    /// network and for this user. Return `None` now and then, for instance for old times: otherwise
    /// a better address is never tried. The default returns `None`.
    fn round_trip(&self, _destination: SocketAddr) -> Option<RoundTrip> {
        None
    }
}

/// A source address, and its properties as far as they are known.
///
/// A property that cannot be known stays at its default, and the rule that uses it then decides
/// nothing. A connected UDP socket, for example, shows the address and none of its properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceAddress {
    /// The address.
    pub address: IpAddr,
    /// The length of its on-link prefix in bits, for rule 9. `None` counts as 64 for IPv6; for IPv4
    /// rule 9 then decides nothing.
    pub prefix_len: Option<u8>,
    /// True for a deprecated address, in the sense of RFC 4862 (rule 3).
    pub deprecated: bool,
    /// True for a home address of a mobile node (rule 4).
    pub home: bool,
    /// True for a care-of address of a mobile node (rule 4).
    pub care_of: bool,
    /// True when the route to the destination goes through a tunnel, such as 6to4 (rule 7).
    pub encapsulated: bool,
}

impl SourceAddress {
    /// Returns a source of which only the address is known.
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

/// A probe that knows no source address and no round-trip time, so that every list keeps its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepOrder;

impl SourceProbe for KeepOrder {
    fn source(&self, _destination: SocketAddr) -> Option<SourceAddress> {
        None
    }
}

/// Every function from a destination to a source address is a probe.
impl<F> SourceProbe for F
where
    F: Fn(SocketAddr) -> Option<SourceAddress>,
{
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        self(destination)
    }
}
