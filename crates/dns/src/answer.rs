//! What a lookup found.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::{Family, LookupErrorKind, Name, ScopedIp, ServerAttempt};

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerSource {
    /// The text was an IP address.
    Literal,
    /// The hosts file.
    Hosts,
    /// A name that standards give a fixed answer to (`localhost`, RFC 6761 section 6.3).
    Special,
    /// A DNS server.
    Server(SocketAddr),
    /// This client's cache; the server that had answered.
    Cache(SocketAddr),
}

impl AnswerSource {
    /// The server that answered; `None` where none was needed.
    #[must_use]
    pub fn server(self) -> Option<SocketAddr> {
        match self {
            Self::Server(server) | Self::Cache(server) => Some(server),
            Self::Literal | Self::Hosts | Self::Special => None,
        }
    }
}

/// How a part of a lookup failed softly, while the rest of it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partial {
    /// The family that is missing. That it has no addresses is *not* known.
    pub family: Family,
    /// Why: [`Unavailable`](LookupErrorKind::Unavailable) or
    /// [`Deadline`](LookupErrorKind::Deadline).
    pub kind: LookupErrorKind,
}

/// What was found out about one family, as soon as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FamilyAnswer {
    /// The family.
    pub family: Family,
    /// Its addresses in the server's order; empty where there are none. An error where that is not
    /// known.
    pub addresses: Result<Vec<ScopedIp>, LookupErrorKind>,
    /// When the addresses must be asked for anew; `None` where they do not age.
    pub expires: Option<Instant>,
    /// Where it comes from; `None` for a failure.
    pub source: Option<AnswerSource>,
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpAnswer {
    /// All addresses, never none: IPv4 first, each family in its server's order (sorting by RFC
    /// 6724 is the caller's business). No address is there twice.
    pub addresses: Vec<ScopedIp>,
    /// The name that owns the addresses, after the search list and all CNAMEs; hostile text.
    /// `None` for an IP literal.
    pub canonical: Option<Name>,
    /// Where the addresses come from; with two families, the one that answered first.
    pub source: AnswerSource,
    /// What remains of the shortest TTL along the chain at `expires`'s making; `None` where nothing
    /// ages (literals, hosts file).
    pub ttl: Option<Duration>,
    /// When the answer must be asked for anew, by the runtime's clock.
    pub expires: Option<Instant>,
    /// Set where one family failed softly: its addresses may exist.
    pub partial: Option<Partial>,
    /// Every server asked and what it did, in order.
    pub attempts: Vec<ServerAttempt>,
    /// How long the lookup took.
    pub elapsed: Duration,
}

impl IpAnswer {
    /// The server that answered; `None` where none was needed.
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
    /// At least one record, in the server's order. Addresses in the additional section are not
    /// used: look the targets up.
    pub records: Vec<T>,
    /// The name that owns the records.
    pub canonical: Name,
    /// Where the records come from.
    pub source: AnswerSource,
    /// What remains of the shortest TTL along the chain.
    pub ttl: Duration,
    /// When the answer must be asked for anew.
    pub expires: Instant,
    /// Every server asked and what it did, in order.
    pub attempts: Vec<ServerAttempt>,
    /// How long the lookup took.
    pub elapsed: Duration,
}
