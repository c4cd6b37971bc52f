//! Resource records.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::wire;

/// A record type, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Type(pub u16);

impl Type {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// Another name for this one.
    pub const CNAME: Self = Self(5);
    /// Start of a zone: says for how long "there is none" may be believed.
    pub const SOA: Self = Self(6);
    /// Texts.
    pub const TXT: Self = Self(16);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
    /// Where a service is.
    pub const SRV: Self = Self(33);
    /// The pseudo record of EDNS.
    pub const OPT: Self = Self(41);
}

/// One record of a reply.
#[derive(Clone, Debug)]
pub struct Record {
    /// The owner; the name that was asked for where it is `None`.
    pub name: Option<String>,
    /// For how many seconds it may be kept.
    pub ttl_secs: u32,
    /// The class; 1 (IN) unless the server is to lie.
    pub class: u16,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name for this one.
    Cname(String),
    /// Where a service is.
    Srv {
        /// Lower ones are used first.
        priority: u16,
        /// The share among equal priorities.
        weight: u16,
        /// The port.
        port: u16,
        /// The host; `.` where the service is absent.
        target: String,
    },
    /// Texts, each of up to 255 octets.
    Txt(Vec<Vec<u8>>),
    /// The `minimum` of a zone's start; the rest is made up.
    Soa {
        /// For how many seconds "there is none" may be kept.
        minimum: u32,
    },
    /// Any type and octets.
    Raw(Type, Vec<u8>),
}

impl Record {
    /// A record of the name that was asked for, kept for 60 s.
    #[must_use]
    pub fn new(data: Data) -> Self {
        Self {
            name: None,
            ttl_secs: 60,
            class: 1,
            data,
        }
    }

    /// With another owner.
    #[must_use]
    pub fn owned_by(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// With this time to live.
    #[must_use]
    pub fn with_ttl(mut self, ttl_secs: u32) -> Self {
        self.ttl_secs = ttl_secs;
        self
    }
}

impl Data {
    /// The type.
    #[must_use]
    pub fn record_type(&self) -> Type {
        match self {
            Self::A(_) => Type::A,
            Self::Aaaa(_) => Type::AAAA,
            Self::Cname(_) => Type::CNAME,
            Self::Srv { .. } => Type::SRV,
            Self::Txt(_) => Type::TXT,
            Self::Soa { .. } => Type::SOA,
            Self::Raw(ty, _) => *ty,
        }
    }

    /// The RDATA, names uncompressed.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::A(address) => address.octets().to_vec(),
            Self::Aaaa(address) => address.octets().to_vec(),
            Self::Cname(name) => wire::encode_name(name),
            Self::Srv {
                priority,
                weight,
                port,
                target,
            } => {
                let mut out = Vec::new();
                for number in [priority, weight, port] {
                    out.extend(number.to_be_bytes());
                }
                out.extend(wire::encode_name(target));
                out
            }
            Self::Txt(texts) => texts
                .iter()
                .flat_map(|text| {
                    let len = text.len().min(255);
                    std::iter::once(len as u8).chain(text[..len].iter().copied())
                })
                .collect(),
            Self::Soa { minimum } => {
                let mut out = wire::encode_name("ns.test");
                out.extend(wire::encode_name("admin.test"));
                for number in [1, 3600, 600, 86400, *minimum] {
                    out.extend(number.to_be_bytes());
                }
                out
            }
            Self::Raw(_, octets) => octets.clone(),
        }
    }
}
