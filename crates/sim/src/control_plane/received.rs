//! What a control plane received.

use std::time::Duration;

use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryRequest;
use trunkline_xds_proto::envoy::service::load_stats::v3::LoadStatsRequest;

/// A message that a control plane received on a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Received<M> {
    /// When it arrived: the virtual time since the simulation was made.
    pub at: Duration,
    /// The number of the stream: 1 is the first one of the control plane, of either kind.
    pub stream: u64,
    /// The message.
    pub message: M,
}

/// The messages of one kind that were received, and those that wait for the next one.
#[derive(Debug)]
pub(super) struct Log<M> {
    /// All of them, oldest first.
    pub(super) all: Vec<Received<M>>,
    /// How many of them were returned one by one.
    taken: usize,
}

impl<M> Default for Log<M> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            taken: 0,
        }
    }
}

impl<M: Clone> Log<M> {
    /// Returns the oldest message that it has not returned yet.
    pub(super) fn take(&mut self) -> Option<Received<M>> {
        let next = self.all.get(self.taken).cloned()?;
        self.taken += 1;
        Some(next)
    }
}

/// The requests on streams of discovery.
pub(super) type Requests = Log<DiscoveryRequest>;

/// The reports on streams of load reports.
pub(super) type Reports = Log<LoadStatsRequest>;
