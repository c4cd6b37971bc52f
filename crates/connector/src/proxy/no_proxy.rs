//! Which destinations are connected to directly.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr;

use super::destination::Destination;

/// A list of destinations that are connected to without a proxy, in the syntax of `no_proxy`.
///
/// The entries are separated by commas or white space; upper and lower case are the same:
///
/// | entry | destinations |
/// |---|---|
/// | `*` | all |
/// | `example.com`, `.example.com` | this host and all names below it |
/// | `*.example.com` | all names below it |
/// | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | this address |
/// | `192.0.2.0/24`, `2001:db8::/32` | the addresses in this network |
///
/// A name or address may have a port (`example.com:8443`, `[2001:db8::1]:443`): the entry is then
/// for that port alone. A dot at the end of a name has no meaning. Names are not looked up, so an
/// entry with an address is not for a name that has this address. An entry that cannot be read is
/// ignored, as in other programs.
///
/// There is no standard. Where gRPC, Go and curl differ, two of the three decide: a name without a
/// leading dot includes the names below it (Go, curl), and one with a leading dot includes the host
/// itself (gRPC, curl).
///
/// ```
/// use trunkline_connector::{Destination, NoProxy};
///
/// let list: NoProxy = "localhost, .corp.example, 10.0.0.0/8".parse()?;
/// assert!(list.contains(&Destination::new("db.corp.example", 5432)));
/// assert!(list.contains(&Destination::new("10.1.2.3", 443)));
/// assert!(!list.contains(&Destination::new("example.com", 443)));
/// # Ok::<_, std::convert::Infallible>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// `None` for every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// A name in lower case, and the names below it.
    Name(String),
    /// The names below a name in lower case.
    Below(String),
    /// The addresses whose first `bits` bits are those of `first`.
    Network {
        first: IpAddr,
        bits: u32,
    },
}

impl NoProxy {
    /// Returns the empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns true when the list has an entry for `destination`.
    #[must_use]
    pub fn contains(&self, destination: &Destination) -> bool {
        self.entries.iter().any(|entry| entry.covers(destination))
    }
}

impl FromStr for NoProxy {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace());
        Ok(Self {
            entries: entries.filter_map(Entry::parse).collect(),
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            let hosts = Hosts::All;
            return Some(Self { hosts, port: None });
        }
        if let Some((address, bits)) = text.split_once('/') {
            let first = without_brackets(address).parse().ok()?;
            let hosts = Hosts::network(first, Some(bits.parse().ok()?))?;
            return Some(Self { hosts, port: None });
        }
        if let Ok(ip) = without_brackets(text).parse() {
            let hosts = Hosts::network(ip, None)?;
            return Some(Self { hosts, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let hosts = match without_brackets(host).parse() {
            Ok(ip) => Hosts::network(ip, None)?,
            Err(_) => Hosts::names(host)?,
        };
        Some(Self { hosts, port })
    }

    fn covers(&self, destination: &Destination) -> bool {
        self.port.is_none_or(|port| port == destination.port()) && self.hosts.cover(destination)
    }
}

impl Hosts {
    /// Returns a network; without a number of bits, that of one address.
    fn network(first: IpAddr, bits: Option<u32>) -> Option<Self> {
        let all = |ip: IpAddr| if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or_else(|| all(first));
        if bits > all(first) {
            return None;
        }
        // An IPv4-mapped address is the IPv4 address in it.
        let (unmapped, dropped) = (first.to_canonical(), all(first) - all(first.to_canonical()));
        match bits.checked_sub(dropped) {
            Some(bits) => Some(Self::Network {
                first: unmapped,
                bits,
            }),
            None => Some(Self::Network { first, bits }),
        }
    }

    fn names(text: &str) -> Option<Self> {
        let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let (name, is_below) = match lower.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (lower.strip_prefix('.').unwrap_or(&lower), false),
        };
        if name.is_empty() || name.contains(['*', ':']) {
            return None;
        }
        let name = name.to_owned();
        Some(if is_below {
            Self::Below(name)
        } else {
            Self::Name(name)
        })
    }

    fn cover(&self, destination: &Destination) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => destination
                .name()
                .is_some_and(|host| is_equal(host, name) || is_below(host, name)),
            Self::Below(name) => destination.name().is_some_and(|host| is_below(host, name)),
            Self::Network { first, bits } => destination
                .ip()
                .is_some_and(|ip| is_in_network(ip.to_canonical(), *first, *bits)),
        }
    }
}

fn without_brackets(text: &str) -> &str {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(text)
}

fn is_equal(host: &str, name: &str) -> bool {
    host.strip_suffix('.')
        .unwrap_or(host)
        .eq_ignore_ascii_case(name)
}

fn is_below(host: &str, name: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    let Some(start) = host.len().checked_sub(name.len()) else {
        return false;
    };
    let (labels, tail) = host.split_at(start);
    labels.len() > 1 && labels.ends_with(b".") && tail.eq_ignore_ascii_case(name.as_bytes())
}

fn is_in_network(ip: IpAddr, first: IpAddr, bits: u32) -> bool {
    match (ip, first) {
        (IpAddr::V4(ip), IpAddr::V4(first)) => {
            let differing = ip.to_bits() ^ first.to_bits();
            differing.leading_zeros() >= bits
        }
        (IpAddr::V6(ip), IpAddr::V6(first)) => {
            let differing = ip.to_bits() ^ first.to_bits();
            differing.leading_zeros() >= bits
        }
        _ => false,
    }
}
