//! Records.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::name;

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name to ask for.
    Cname(String),
    /// A service (RFC 2782).
    Srv {
        /// Lower ones first.
        priority: u16,
        /// The share among those of equal priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host.
        target: String,
    },
    /// Strings, of at most 255 octets each.
    Txt(Vec<Vec<u8>>),
}

impl Record {
    /// The number of the type.
    pub fn kind(&self) -> u16 {
        match self {
            Self::A(_) => 1,
            Self::Cname(_) => 5,
            Self::Txt(_) => 16,
            Self::Aaaa(_) => 28,
            Self::Srv { .. } => 33,
        }
    }

    /// Panics on what cannot be written.
    pub(super) fn check(&self) {
        match self {
            Self::Cname(target) | Self::Srv { target, .. } => {
                let valid = name::is_valid(&name::key(target));
                assert!(valid, "{target:?} is not a domain name");
            }
            Self::Txt(strings) => {
                let fit = strings.iter().all(|string| string.len() <= 255);
                assert!(fit, "a string of a TXT record is longer than 255 octets");
            }
            Self::A(_) | Self::Aaaa(_) => {}
        }
    }

    pub(super) fn write_data(&self, out: &mut Vec<u8>) {
        match self {
            Self::A(address) => out.extend_from_slice(&address.octets()),
            Self::Aaaa(address) => out.extend_from_slice(&address.octets()),
            Self::Cname(target) => name::write(&name::key(target), out),
            Self::Srv {
                priority,
                weight,
                port,
                target,
            } => {
                for number in [priority, weight, port] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
                name::write(&name::key(target), out);
            }
            Self::Txt(strings) => {
                for string in strings {
                    // Bounded by `check`.
                    out.push(string.len() as u8);
                    out.extend_from_slice(string);
                }
            }
        }
    }
}
