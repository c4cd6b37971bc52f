//! A scripted DNS server, and the messages that it reads and writes.
//!
//! [`DnsServer`] answers in the simulated network. [`Query`], [`Answer`], [`Record`] and what they
//! are made of do no I/O, so that a server on real sockets can use them too.

mod code;
mod name;
mod query;
mod record;

mod answer;
mod zone;

mod state;

mod serve;

pub use self::answer::Answer;
pub use self::code::{Rcode, Type};
pub use self::name::normalized;
pub use self::query::{Query, Transport};
pub use self::record::{Data, Record};
pub use self::state::LoggedQuery;
pub use self::zone::Behaviour;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use self::state::SharedDns;
use crate::world::SharedWorld;

/// A DNS server of the simulation. It answers from a zone over UDP and TCP; a test can change the
/// zone at any time.
///
/// The answer for a name that the zone lacks is NXDOMAIN. The answer for a type that the name
/// lacks is empty. Both carry an SOA record. CNAME records are followed inside the zone. An answer
/// that is too long for UDP (512 bytes, or the size in the query's OPT record) is truncated: it is
/// empty and has TC set.
#[derive(Clone)]
pub struct DnsServer {
    address: SocketAddr,
    state: Arc<SharedDns>,
}

impl DnsServer {
    pub(crate) fn start(shared: &Arc<SharedWorld>, address: SocketAddr) -> Self {
        let state = Arc::<SharedDns>::default();
        serve::start(shared, address, &state);
        Self { address, state }
    }

    /// Returns the address at which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a record to a name.
    ///
    /// # Panics
    ///
    /// When a name in the record is no domain name (a label is empty or longer than 63 bytes, or
    /// the name is longer than 253 bytes), or a string of a TXT record is longer than 255 bytes.
    pub fn insert(&self, name: &str, ttl_secs: u32, data: Data) {
        data.check();
        let name = normalized(name);
        self.state.with(|content| {
            content.zone.insert(name, ttl_secs, data);
        });
    }

    /// Removes all records of a name: the answer is then NXDOMAIN.
    pub fn remove(&self, name: &str) {
        let name = normalized(name);
        self.state.with(|content| content.zone.remove(&name));
    }

    /// Sets how the server treats the queries for a name: those for one type, or with `None`
    /// those for all types without a behaviour of their own. The default behaviour undoes this.
    pub fn behave(&self, name: &str, record_type: Option<Type>, behaviour: Behaviour) {
        let name = normalized(name);
        self.state.with(|content| {
            content.zone.behave(name, record_type, behaviour);
        });
    }

    /// Sets how the server treats all queries that [`behave`](Self::behave) does not cover.
    pub fn behave_by_default(&self, behaviour: Behaviour) {
        self.state.with(|content| {
            content.zone.behave_by_default(behaviour);
        });
    }

    /// Sets how long a negative answer may be cached, by its SOA record; the default is 60 s.
    pub fn set_negative_ttl(&self, ttl_secs: u32) {
        self.state.with(|content| {
            content.zone.negative_ttl_secs = ttl_secs;
        });
    }

    /// Returns all queries so far, including those that the server dropped.
    pub fn queries(&self) -> Vec<LoggedQuery> {
        self.state.with(|content| content.queries.clone())
    }

    /// Returns how many queries for a name and a type arrived, over UDP and TCP together.
    pub fn count(&self, name: &str, record_type: Type) -> usize {
        let name = normalized(name);
        let matches = |query: &&LoggedQuery| query.record_type == record_type && query.name == name;
        self.state
            .with(|content| content.queries.iter().filter(matches).count())
    }
}

impl fmt::Debug for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("DnsServer");
        text.field("address", &self.address).finish_non_exhaustive()
    }
}
