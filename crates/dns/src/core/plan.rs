//! What a lookup sets out to do.

use std::net::SocketAddr;
use std::time::Duration;

use super::cache::Cached;
use super::random::SEED;
use crate::{Families, Name, RecordType};

/// What is asked: a name and the types of records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The name, absolute or relative to the search list.
    pub name: Name,
    /// The types, asked at the same time: A and AAAA, or one.
    pub types: Vec<RecordType>,
}

impl Question {
    /// The addresses of a name.
    #[must_use]
    pub fn addresses(name: Name, families: Families) -> Self {
        let types = families.iter().map(|family| family.record_type()).collect();
        Self { name, types }
    }

    /// The records of one type of a name.
    #[must_use]
    pub fn records(name: Name, record_type: RecordType) -> Self {
        Self {
            name,
            types: vec![record_type],
        }
    }
}

/// What a lookup sets out to do, made by [`ClientState::plan`](super::ClientState::plan): a snapshot, so that
/// what other lookups learn in the meantime does not change it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) question: Question,
    /// Absolute names, in the order in which they are tried.
    pub(crate) candidates: Vec<Name>,
    /// Servers, in the order in which they are asked.
    pub(crate) servers: Vec<PlannedServer>,
    /// Answers from the cache: candidate and type by index.
    pub(crate) cached: Vec<(usize, usize, Cached)>,
    pub(crate) attempts: u8,
    /// The time for an attempt at a server of which nothing is known.
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) tcp_only: bool,
    pub(crate) single_request: bool,
    pub(crate) own_sockets: bool,
    pub(crate) udp_pool: bool,
    pub(crate) case_randomization: bool,
    pub(crate) max_ttl: Duration,
    pub(crate) seed: [u8; SEED],
    /// Of the settings, which others may have followed by the time that something is learned.
    pub(crate) generation: u64,
}

impl Plan {
    pub(super) fn with_servers(mut self, servers: Vec<PlannedServer>) -> Self {
        self.servers = servers;
        self
    }
}

/// A server, and what was known about it when the plan was made.
#[derive(Clone, Debug)]
pub(crate) struct PlannedServer {
    pub(crate) address: SocketAddr,
    /// The time for one attempt.
    pub(crate) timeout: Duration,
    pub(crate) edns: bool,
    /// What to send as cookie: 8 octets of ours, and the server's.
    pub(crate) cookie: Option<Box<[u8]>>,
}
