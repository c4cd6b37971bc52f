//! What was counted of the calls of clusters, at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::core::resources::LocalityName;

/// The calls of a cluster since it was counted first.
///
/// Totals only grow. A report has the difference to the last report that was sent, so a report that is
/// lost loses no call.
///
/// Source: `envoy.config.endpoint.v3.ClusterStats`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClusterTotals {
    /// The name of the cluster.
    pub cluster: Arc<str>,
    /// The name of its endpoints; empty if they have none.
    pub service_name: Arc<str>,
    /// When counting began. Totals with another time began again at 0.
    pub since: Instant,
    /// The calls that were dropped because of the limit of calls in flight.
    pub dropped_by_limit: u64,
    /// The calls that were dropped, by category.
    pub dropped: BTreeMap<Arc<str>, u64>,
    /// The calls of each locality.
    pub localities: BTreeMap<Arc<LocalityName>, LocalityTotals>,
    /// Whether a channel still counts here. If not, the cluster can be forgotten once it is reported
    /// ([`LoadStore::forget_unused`](crate::policies::LoadStore::forget_unused)).
    pub is_in_use: bool,
}

impl ClusterTotals {
    /// Returns the totals of a cluster that nothing was counted of, and that nothing uses.
    ///
    /// `service_name` is the name of its endpoints, empty if they have none. Counting begins at `since`.
    #[must_use]
    pub fn new(cluster: Arc<str>, service_name: Arc<str>, since: Instant) -> Self {
        Self {
            cluster,
            service_name,
            since,
            dropped_by_limit: 0,
            dropped: BTreeMap::new(),
            localities: BTreeMap::new(),
            is_in_use: false,
        }
    }
}

/// The calls of one locality of a cluster.
///
/// Source: `envoy.config.endpoint.v3.UpstreamLocalityStats`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LocalityTotals {
    /// The calls that were given to a backend.
    pub issued: u64,
    /// Those that ended with `OK`.
    pub succeeded: u64,
    /// Those that ended with another status.
    pub failed: u64,
    /// What backends reported of their CPU utilization.
    pub cpu_utilization: MetricTotal,
    /// What backends reported of their memory utilization.
    pub mem_utilization: MetricTotal,
    /// What backends reported of the utilization that the application defines.
    pub application_utilization: MetricTotal,
    /// The other metrics that backends reported, by name: `named_metrics.` and the name in the report.
    pub metrics: BTreeMap<Arc<str>, MetricTotal>,
}

impl LocalityTotals {
    /// Returns the number of calls in progress.
    #[must_use]
    pub fn in_progress(&self) -> u64 {
        self.issued
            .saturating_sub(self.succeeded)
            .saturating_sub(self.failed)
    }
}

/// The values of one metric, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MetricTotal {
    /// The number of calls whose report had it.
    pub count: u64,
    /// The sum of its values.
    pub sum: f64,
}

impl MetricTotal {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
    }

    /// Adds the values of another total.
    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }
}
