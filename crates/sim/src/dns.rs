//! A scripted DNS server.

mod answer;
mod name;
mod query;
mod record;
mod serve;
mod zone;

pub use record::Record;
pub use zone::Behaviour;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Sim;
use zone::Zone;

/// A DNS server of the simulation: it answers from a zone that the test can change at any time,
/// over UDP and TCP.
///
/// A name that the zone lacks is NXDOMAIN, a type that the name lacks is an empty answer; both
/// carry an SOA record. CNAME records are followed inside the zone. An answer that is too long for
/// UDP (512 octets, or what the query's OPT record says) is cut: TC.
#[derive(Clone)]
pub struct DnsServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// A query that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Virtual time since the simulation was made.
    pub at: Duration,
    /// The name, in lower case, without the last dot.
    pub name: String,
    /// The type, as a number: 1 is A, 28 is AAAA.
    pub kind: u16,
    /// Whether it came over TCP.
    pub tcp: bool,
    /// Whence it came.
    pub from: SocketAddr,
}

#[derive(Default)]
struct State {
    zone: Zone,
    queries: Vec<Query>,
}

impl DnsServer {
    pub(crate) fn start(sim: &Sim, address: SocketAddr) -> Self {
        let server = Self {
            address,
            state: Arc::default(),
        };
        serve::start(sim, &server);
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a record.
    ///
    /// # Panics
    ///
    /// When a name in it cannot be a domain name: a label is empty or longer than 63 octets.
    pub fn insert(&self, name: &str, ttl_secs: u32, record: Record) {
        record.check();
        self.lock().zone.insert(name::key(name), ttl_secs, record);
    }

    /// Removes all records of a name: it then is NXDOMAIN.
    pub fn remove(&self, name: &str) {
        self.lock().zone.remove(&name::key(name));
    }

    /// How the queries for a name are treated from now on, for one type or (`None`) for those
    /// without a behaviour of their own. The default behaviour takes it back.
    pub fn behave(&self, name: &str, kind: Option<u16>, behaviour: Behaviour) {
        self.lock().zone.behave(name::key(name), kind, behaviour);
    }

    /// How the queries are treated for which nothing else was said.
    pub fn behave_by_default(&self, behaviour: Behaviour) {
        self.lock().zone.behave_by_default(behaviour);
    }

    /// How long a negative answer may be kept, by its SOA record; 60 seconds if not called.
    pub fn set_negative_ttl(&self, ttl_secs: u32) {
        self.lock().zone.negative_ttl_secs = ttl_secs;
    }

    /// All queries so far, those that were dropped too.
    pub fn queries(&self) -> Vec<Query> {
        self.lock().queries.clone()
    }

    /// How many queries there were for a name and a type, UDP and TCP together.
    pub fn count(&self, name: &str, kind: u16) -> usize {
        let name = name::key(name);
        let state = self.lock();
        let queries = state.queries.iter();
        queries
            .filter(|query| query.kind == kind && query.name == name)
            .count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("DnsServer");
        text.field("address", &self.address).finish_non_exhaustive()
    }
}
