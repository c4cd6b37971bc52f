//! What a server's handles and its tasks share.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_runtime::Lock;

use super::code::Type;
use super::query::Transport;
use super::zone::Zone;

#[derive(Debug, Default)]
pub(super) struct SharedDns(Lock<DnsContent>);

#[derive(Debug, Default)]
pub(super) struct DnsContent {
    pub(super) zone: Zone,
    pub(super) queries: Vec<LoggedQuery>,
}

/// A query that a simulated server received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedQuery {
    /// The virtual time since the simulation was made.
    pub at: Duration,
    /// The name in lower case, without the final dot.
    pub name: String,
    /// The record type that the client asked for.
    pub record_type: Type,
    /// The transport that carried the query.
    pub transport: Transport,
    /// The client's address.
    pub from: SocketAddr,
}

impl SharedDns {
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut DnsContent) -> R) -> R {
        change(&mut self.0.lock())
    }
}
