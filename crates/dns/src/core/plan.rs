//! The plan of a lookup.

use std::net::SocketAddr;
use std::time::Duration;

use super::cache::Cached;
use super::random::SEED;
use crate::{Families, Name, RecordType};

/// A name and the types of records that are wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupRequest {
    /// The name, absolute or relative to the search list.
    pub name: Name,
    /// The types, asked at the same time: A and AAAA, or a single one.
    pub types: Vec<RecordType>,
}

impl LookupRequest {
    /// Returns the request for the addresses of a name.
    #[must_use]
    pub fn addresses(name: Name, families: Families) -> Self {
        let types = families.iter().map(|family| family.record_type()).collect();
        Self { name, types }
    }

    /// Returns the request for the records of one type of a name.
    #[must_use]
    pub fn records(name: Name, record_type: RecordType) -> Self {
        Self {
            name,
            types: vec![record_type],
        }
    }
}

/// The plan of a lookup, made by [`ClientState::plan`](super::ClientState::plan): what is asked, of
/// which servers, and how.
///
/// It is a snapshot: what other lookups learn later does not change it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) request: LookupRequest,
    /// The absolute names that are tried, in order.
    pub(crate) candidates: Vec<Name>,
    /// The servers that are asked, in order.
    pub(crate) servers: Vec<PlannedServer>,
    /// For each configured server that cannot be used, why.
    pub(crate) unusable_servers: Vec<String>,
    /// Answers from the cache, each with the indices of its candidate and its type.
    pub(crate) cached: Vec<(usize, usize, Cached)>,
    pub(crate) attempts: u8,
    /// The timeout for a server of which nothing is known.
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) tcp_only: bool,
    pub(crate) single_request: bool,
    pub(crate) own_sockets: bool,
    pub(crate) udp_pool: bool,
    pub(crate) case_randomization: bool,
    pub(crate) max_ttl: Duration,
    pub(crate) seed: [u8; SEED],
    /// The generation of the settings: see [`Report::Learned`](super::Report::Learned).
    pub(crate) generation: u64,
}

impl Plan {
    pub(super) fn with_servers(mut self, servers: Vec<PlannedServer>) -> Self {
        self.servers = servers;
        self
    }
}

/// A server, with what was known about it when the plan was made.
#[derive(Clone, Debug)]
pub(crate) struct PlannedServer {
    pub(crate) address: SocketAddr,
    /// The timeout of one exchange in the first round.
    pub(crate) timeout: Duration,
    pub(crate) edns: bool,
    /// The cookie to send: 8 bytes of the client, then those of the server, where they are known.
    pub(crate) cookie: Option<Box<[u8]>>,
}
