//! Record types, address families, addresses and SRV records.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use crate::Name;

/// A type of records that this client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RecordType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Service locations, [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782).
    Srv,
    /// Text.
    Txt,
    /// Service bindings, [RFC 9460](https://www.rfc-editor.org/rfc/rfc9460).
    Svcb,
    /// Service bindings of HTTP, RFC 9460.
    Https,
}

impl RecordType {
    /// The first type in the order of the variants.
    pub(crate) const FIRST: Self = Self::A;
    /// The last type in the order of the variants.
    pub(crate) const LAST: Self = Self::Https;

    /// Returns the number of the type on the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
            Self::Srv => 33,
            Self::Txt => 16,
            Self::Svcb => 64,
            Self::Https => 65,
        }
    }

    /// Returns the address family of this type; `None` for a type that is not of addresses.
    #[must_use]
    pub fn family(self) -> Option<IpFamily> {
        match self {
            Self::A => Some(IpFamily::Ipv4),
            Self::Aaaa => Some(IpFamily::Ipv6),
            _ => None,
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
            Self::Svcb => "SVCB",
            Self::Https => "HTTPS",
        })
    }
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpFamily {
    /// IPv4, whose record type is A.
    Ipv4,
    /// IPv6, whose record type is AAAA.
    Ipv6,
}

impl IpFamily {
    /// Returns the family of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// Returns the record type with addresses of this family.
    #[must_use]
    pub fn record_type(self) -> RecordType {
        match self {
            Self::Ipv4 => RecordType::A,
            Self::Ipv6 => RecordType::Aaaa,
        }
    }
}

impl fmt::Display for IpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// The address families that a lookup asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Families {
    /// Both, at the same time.
    #[default]
    Both,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl Families {
    /// Returns whether `family` is asked for.
    #[must_use]
    pub fn include(self, family: IpFamily) -> bool {
        match self {
            Self::Both => true,
            Self::Ipv4 => family == IpFamily::Ipv4,
            Self::Ipv6 => family == IpFamily::Ipv6,
        }
    }

    /// Returns the families that are asked for, IPv4 first.
    pub fn iter(self) -> impl Iterator<Item = IpFamily> {
        [IpFamily::Ipv4, IpFamily::Ipv6]
            .into_iter()
            .filter(move |&family| self.include(family))
    }
}

/// An IP address, with the index of its interface where it is a link-local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopedIp {
    /// The address.
    pub ip: IpAddr,
    /// The index of the interface of a link-local IPv6 address (2 in `fe80::1%2`); else 0.
    pub scope_id: u32,
}

impl ScopedIp {
    /// Returns the address with a port; the scope stays.
    #[must_use]
    pub fn with_port(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(_) => SocketAddr::new(self.ip, port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope_id).into(),
        }
    }

    /// Returns the family of the address.
    #[must_use]
    pub fn family(self) -> IpFamily {
        IpFamily::of(self.ip)
    }
}

impl From<IpAddr> for ScopedIp {
    fn from(ip: IpAddr) -> Self {
        Self { ip, scope_id: 0 }
    }
}

impl From<Ipv4Addr> for ScopedIp {
    fn from(ip: Ipv4Addr) -> Self {
        IpAddr::V4(ip).into()
    }
}

impl From<Ipv6Addr> for ScopedIp {
    fn from(ip: Ipv6Addr) -> Self {
        IpAddr::V6(ip).into()
    }
}

impl fmt::Display for ScopedIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope_id {
            0 => self.ip.fmt(f),
            scope => write!(f, "{}%{scope}", self.ip),
        }
    }
}

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Srv {
    /// The priority: targets with a lower one are tried first.
    pub priority: u16,
    /// The relative weight among targets of one priority.
    pub weight: u16,
    /// The port of the service.
    pub port: u16,
    /// The host, an absolute name. The text comes from the network and may be hostile. Never `.`: a
    /// service that is declared absent is [`NoData`](crate::LookupErrorKind::NoData).
    pub target: Name,
    /// The TTL of this record, as the server sent it.
    pub ttl: Duration,
}
