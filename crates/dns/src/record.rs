//! Record types and what of them is kept.

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
    /// The first and the last in their order.
    pub(crate) const FIRST: Self = Self::A;
    pub(crate) const LAST: Self = Self::Https;

    /// The number on the wire.
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

    /// The family of addresses of this type.
    #[must_use]
    pub fn family(self) -> Option<Family> {
        match self {
            Self::A => Some(Family::Ipv4),
            Self::Aaaa => Some(Family::Ipv6),
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
pub enum Family {
    /// IPv4, asked with A.
    Ipv4,
    /// IPv6, asked with AAAA.
    Ipv6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// The type of records that holds addresses of this family.
    #[must_use]
    pub fn record_type(self) -> RecordType {
        match self {
            Self::Ipv4 => RecordType::A,
            Self::Ipv6 => RecordType::Aaaa,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// Which families a lookup asks for.
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
    /// Whether `family` is asked for.
    #[must_use]
    pub fn include(self, family: Family) -> bool {
        match self {
            Self::Both => true,
            Self::Ipv4 => family == Family::Ipv4,
            Self::Ipv6 => family == Family::Ipv6,
        }
    }

    /// The families asked for, IPv4 first.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .filter(move |&family| self.include(family))
    }
}

/// An IP address, with the index of its interface where it is link-local.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopedIp {
    /// The address.
    pub ip: IpAddr,
    /// The interface of a link-local IPv6 address (`fe80::1%2`); else 0.
    pub scope_id: u32,
}

impl ScopedIp {
    /// The address with a port, its scope kept.
    #[must_use]
    pub fn with_port(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(_) => SocketAddr::new(self.ip, port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope_id).into(),
        }
    }

    /// The family of the address.
    #[must_use]
    pub fn family(self) -> Family {
        Family::of(self.ip)
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
    /// Lower is asked first.
    pub priority: u16,
    /// The share among records of one priority.
    pub weight: u16,
    /// The port of the service.
    pub port: u16,
    /// The host, absolute; hostile text until it was looked up. Never `.` here: a service that is
    /// declared absent is [`NoData`](crate::LookupErrorKind::NoData).
    pub target: Name,
    /// The time for which this record may be used, as the server gave it.
    pub ttl: Duration,
}
