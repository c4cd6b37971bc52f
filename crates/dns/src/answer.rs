//! The answers of lookups.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::{IpFamily, LookupErrorKind, Name, ScopedIp, ServerAttempt};

/// The origin of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerSource {
    /// The host was an IP address.
    Literal,
    /// The hosts file.
    Hosts,
    /// A fixed answer of a standard (`localhost`, RFC 6761 section 6.3).
    Special,
    /// A DNS server, with its address.
    Server(SocketAddr),
    /// The cache of the client, with the address of the server that had answered.
    Cache(SocketAddr),
}

impl AnswerSource {
    /// Returns the server that answered; `None` where none was needed.
    #[must_use]
    pub fn server(self) -> Option<SocketAddr> {
        match self {
            Self::Server(server) | Self::Cache(server) => Some(server),
            Self::Literal | Self::Hosts | Self::Special => None,
        }
    }
}

/// The family that failed in a lookup whose other family succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partial {
    /// The family whose addresses are missing. Whether it has addresses is *not* known.
    pub family: IpFamily,
    /// Why it failed: [`Unavailable`](LookupErrorKind::Unavailable) or
    /// [`Deadline`](LookupErrorKind::Deadline).
    pub kind: LookupErrorKind,
}

/// The result for one family, as soon as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FamilyAnswer {
    /// The family.
    pub family: IpFamily,
    /// Its addresses in the server's order; empty where it has none; an error where that is not
    /// known.
    pub addresses: Result<Vec<ScopedIp>, LookupErrorKind>,
    /// When the addresses expire; `None` where they never do.
    pub expires: Option<Instant>,
    /// The origin of the answer; `None` for a failure.
    pub source: Option<AnswerSource>,
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpAnswer {
    /// All addresses, at least one, each once: IPv4 first, each family in its server's order.
    /// Sorting them by RFC 6724 is left to the caller.
    pub addresses: Vec<ScopedIp>,
    /// The name that owns the addresses, after the search list and all CNAMEs. The text comes from
    /// the network and may be hostile. `None` for an IP literal.
    pub canonical: Option<Name>,
    /// The origin of the addresses; with two families, that of the first one with addresses.
    pub source: AnswerSource,
    /// The time until `expires`, from the moment of this answer: the shortest TTL along the chain,
    /// less the time in the cache. `None` where nothing expires (literals, hosts file).
    pub ttl: Option<Duration>,
    /// When the answer expires, by the runtime's clock.
    pub expires: Option<Instant>,
    /// The family that failed, where the other one succeeded.
    pub partial: Option<Partial>,
    /// True when there are more addresses: a reply had more than 1,000 records or 56 KiB of them,
    /// or was truncated over TCP as well.
    pub left_out: bool,
    /// Every query, with its server and what the server did, in the order of the outcomes.
    pub attempts: Vec<ServerAttempt>,
    /// How long the lookup took.
    pub elapsed: Duration,
}

impl IpAnswer {
    /// Returns the server that answered; `None` where none was needed.
    #[must_use]
    pub fn server(&self) -> Option<SocketAddr> {
        self.source.server()
    }
}

/// The records of one type of a name: SRV ([`Srv`]), HTTPS or SVCB ([`Svcb`]), or TXT (`Vec<u8>`:
/// the strings of one record, joined without a separator).
///
/// [`Srv`]: crate::Srv
/// [`Svcb`]: crate::Svcb
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordAnswer<T> {
    /// The records, at least one, in the server's order. Addresses from the additional section are
    /// not used: look up the targets.
    pub records: Vec<T>,
    /// True when there are more records, as for [`IpAnswer::left_out`].
    pub left_out: bool,
    /// The name that owns the records.
    pub canonical: Name,
    /// The origin of the records.
    pub source: AnswerSource,
    /// The time until `expires`, from the moment of this answer: the shortest TTL along the chain,
    /// less the time in the cache.
    pub ttl: Duration,
    /// When the answer expires, by the runtime's clock.
    pub expires: Instant,
    /// Every query, with its server and what the server did, in the order of the outcomes.
    pub attempts: Vec<ServerAttempt>,
    /// How long the lookup took.
    pub elapsed: Duration,
}
