//! Address families.

use std::net::{IpAddr, SocketAddr};

/// The family of an address. Lists of addresses are interleaved by family.
///
/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is of the family IPv4, because connections to
/// it use IPv4 packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4, also for an address in its IPv4-mapped IPv6 form.
    V4,
    /// IPv6.
    V6,
    /// Any other family, such as Unix sockets and vsock.
    Other,
}

impl From<IpAddr> for Family {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl From<SocketAddr> for Family {
    fn from(address: SocketAddr) -> Self {
        address.ip().into()
    }
}
