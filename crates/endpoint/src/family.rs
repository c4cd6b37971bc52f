//! Address families, as interleaving sees them.

use std::net::{IpAddr, SocketAddr};

/// The family of an address.
///
/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is IPv4: that is what travels on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4, also when it is written as IPv4-mapped IPv6.
    V4,
    /// IPv6.
    V6,
    /// Anything else: a Unix socket, vsock.
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
