//! What a tunnel leads to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use trunkline_endpoint::Location;

/// A host and port that a proxy is to connect to.
///
/// Prints as `host:port`, with brackets around an IPv6 address: the form of an HTTP CONNECT request.
/// The scope of a link-local address is left out, because it has no meaning on another host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    host: DestinationHost,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum DestinationHost {
    Ip(IpAddr),
    Name(Arc<str>),
}

impl Destination {
    /// Returns the destination with this host: a name, or an IP address with or without brackets.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        let inner = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let host = match inner.unwrap_or(host).parse() {
            Ok(ip) => DestinationHost::Ip(ip),
            Err(_) => DestinationHost::Name(host.into()),
        };
        Self { host, port }
    }

    /// Returns the destination at a location; `None` for one that is not reached over TCP.
    #[must_use]
    pub fn of(location: &Location) -> Option<Self> {
        match location {
            Location::Socket(address) => Some(Self::from(*address)),
            Location::Name { host, port } => Some(Self::new(host, *port)),
            _ => None,
        }
    }

    /// Returns the name of the host; `None` for an IP address.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            DestinationHost::Ip(_) => None,
            DestinationHost::Name(name) => Some(name),
        }
    }

    /// Returns the IP address; `None` for a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.host {
            DestinationHost::Ip(ip) => Some(*ip),
            DestinationHost::Name(_) => None,
        }
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns true for this host itself: a loopback address, `localhost`, or a name below it.
    ///
    /// Source: [RFC 6761 section 6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3).
    pub(crate) fn is_loopback(&self) -> bool {
        const LOCALHOST: &str = "localhost";
        match &self.host {
            DestinationHost::Ip(ip) => ip.to_canonical().is_loopback(),
            DestinationHost::Name(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let Some(start) = name.len().checked_sub(LOCALHOST.len()) else {
                    return false;
                };
                let (head, tail) = name.as_bytes().split_at(start);
                tail.eq_ignore_ascii_case(LOCALHOST.as_bytes())
                    && (head.is_empty() || head.ends_with(b"."))
            }
        }
    }
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        Self {
            host: DestinationHost::Ip(address.ip().to_canonical()),
            port: address.port(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            DestinationHost::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            // A name with a zone or another colon is an address that only this host can read.
            DestinationHost::Name(name) if name.contains(':') && !name.starts_with('[') => {
                write!(f, "[{name}]:{}", self.port)
            }
            DestinationHost::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}
