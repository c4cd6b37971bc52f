//! Resource records (RFC 1035 section 3.2.1).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::code::Type;
use super::name;

/// The class of the Internet (RFC 1035 section 3.2.4).
const CLASS_IN: u16 = 1;
/// The longest string of a TXT record (RFC 1035 section 3.3).
const MAX_STRING: usize = 255;
/// The offset of the question in every message: the length of the header (RFC 1035 section 4.1.1).
const QUESTION_AT: u8 = 12;
/// The two upper bits that mark a compression pointer (RFC 1035 section 4.1.4).
const POINTER: u8 = 0xC0;

/// A resource record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The owner; `None` is the name in the question, written as a compression pointer to it.
    pub name: Option<String>,
    /// How long the record may be cached, in seconds.
    pub ttl_secs: u32,
    /// The class; 1 (IN) unless a test sets another one.
    pub class: u16,
    /// The data.
    pub data: Data,
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name that the owner is an alias of.
    Cname(String),
    /// A service ([RFC 2782](https://www.rfc-editor.org/rfc/rfc2782)).
    Srv {
        /// Records with a lower value are used first.
        priority: u16,
        /// The share of the load among records of equal priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host; `.` means that the service is not available.
        target: String,
    },
    /// Strings, of at most 255 bytes each.
    Txt(Vec<Vec<u8>>),
    /// The start of a zone, of which only `minimum` is set: both names are the root, and the
    /// serial number and the timers are 0.
    Soa {
        /// How long a negative answer may be cached, in seconds.
        minimum: u32,
    },
    /// Any type with any bytes.
    Raw(Type, Vec<u8>),
}

impl Record {
    /// Returns a record of class IN that the name in the question owns, with a TTL of 60 s.
    #[must_use]
    pub fn new(data: Data) -> Self {
        Self {
            name: None,
            ttl_secs: 60,
            class: CLASS_IN,
            data,
        }
    }

    /// Returns the record with this owner.
    #[must_use]
    pub fn owned_by(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Returns the record with this TTL, in seconds.
    #[must_use]
    pub fn with_ttl(mut self, ttl_secs: u32) -> Self {
        self.ttl_secs = ttl_secs;
        self
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match &self.name {
            Some(name) => name::write(name, out),
            None => out.extend([POINTER, QUESTION_AT]),
        }
        out.extend(self.data.record_type().0.to_be_bytes());
        out.extend(self.class.to_be_bytes());
        out.extend(self.ttl_secs.to_be_bytes());
        let mut data = Vec::new();
        self.data.write(&mut data);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
}

impl Data {
    /// Returns the record type.
    #[must_use]
    pub fn record_type(&self) -> Type {
        match self {
            Self::A(_) => Type::A,
            Self::Aaaa(_) => Type::AAAA,
            Self::Cname(_) => Type::CNAME,
            Self::Srv { .. } => Type::SRV,
            Self::Txt(_) => Type::TXT,
            Self::Soa { .. } => Type::SOA,
            Self::Raw(record_type, _) => *record_type,
        }
    }

    /// Panics when writing would cut a name or a string.
    pub(super) fn check(&self) {
        match self {
            Self::Cname(target) | Self::Srv { target, .. } => {
                let valid = name::is_valid(&name::normalized(target));
                assert!(valid, "{target:?} is not a domain name");
            }
            Self::Txt(strings) => {
                let fit = strings.iter().all(|string| string.len() <= MAX_STRING);
                assert!(fit, "a string of a TXT record is longer than 255 bytes");
            }
            Self::A(_) | Self::Aaaa(_) | Self::Soa { .. } | Self::Raw(..) => {}
        }
    }

    /// Writes the data with its names uncompressed. A string of more than 255 bytes is cut.
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::A(address) => out.extend(address.octets()),
            Self::Aaaa(address) => out.extend(address.octets()),
            Self::Cname(target) => name::write(target, out),
            Self::Srv {
                priority,
                weight,
                port,
                target,
            } => {
                for number in [priority, weight, port] {
                    out.extend(number.to_be_bytes());
                }
                name::write(target, out);
            }
            Self::Txt(strings) => {
                for string in strings {
                    let len = string.len().min(MAX_STRING);
                    out.push(len as u8);
                    out.extend_from_slice(&string[..len]);
                }
            }
            Self::Soa { minimum } => {
                // MNAME, RNAME, SERIAL, REFRESH, RETRY, EXPIRE (RFC 1035 section 3.3.13).
                out.extend([0; 2 + 4 * 4]);
                out.extend(minimum.to_be_bytes());
            }
            Self::Raw(_, bytes) => out.extend_from_slice(bytes),
        }
    }
}
