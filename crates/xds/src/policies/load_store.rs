//! Counts the calls of clusters for load reports.

mod cluster;
mod locality;
mod metrics;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(super) use self::cluster::{ClusterLoad, DropCount};
pub(super) use self::locality::LocalityLoad;
pub(super) use self::metrics::ReportedMetrics;
use super::counters::ClusterKey;
use crate::core::ClusterTotals;

/// How many clusters are kept that no channel uses any more, so that their last calls can be reported.
///
/// A control plane that changes its clusters all the time, and takes no reports, does not fill the
/// memory.
const MOST_UNUSED: usize = 1000;

/// The calls of the clusters that are reported to one server, counted. Clones share the counts.
///
/// `xds_cluster_impl_experimental` counts, if the cluster asks for reports. Whatever sends the reports
/// reads [`totals`](Self::totals).
#[derive(Clone, Debug, Default)]
pub struct LoadStore {
    /// Locked when the configuration of a cluster changes and for a report, never by a call.
    clusters: Arc<Mutex<BTreeMap<ClusterKey, Arc<ClusterLoad>>>>,
}

impl LoadStore {
    /// Creates a store without counts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what was counted so far, sorted by the name of the cluster and that of its endpoints.
    #[must_use]
    pub fn totals(&self) -> Vec<ClusterTotals> {
        let clusters = self.lock();
        let totals = clusters.iter().map(|(key, load)| ClusterTotals {
            is_in_use: is_used(load),
            ..load.totals(&key.cluster, &key.service_name)
        });
        totals.collect()
    }

    /// Forgets a cluster that was reported, unless a channel counts there, or one has counted since. Returns
    /// whether it did.
    pub fn forget_unused(&self, reported: &ClusterTotals) -> bool {
        let key = ClusterKey {
            cluster: Arc::clone(&reported.cluster),
            service_name: Arc::clone(&reported.service_name),
        };
        let mut clusters = self.lock();
        let is_over = clusters.get(&key).is_some_and(|load| {
            // A channel may have come, counted and left since the report: its calls are in the next one.
            !is_used(load) && load.totals(&key.cluster, &key.service_name) == *reported
        });
        if is_over {
            clusters.remove(&key);
        }
        is_over
    }

    /// Returns where the calls of a cluster are counted, from `now` on if there are no counts yet.
    pub(super) fn cluster(&self, key: &ClusterKey, now: Instant) -> Arc<ClusterLoad> {
        let mut clusters = self.lock();
        if let Some(load) = clusters.get(key) {
            return Arc::clone(load);
        }
        let unused = clusters.iter().filter(|(_, load)| !is_used(load));
        let unused: Vec<ClusterKey> = unused.map(|(key, _)| key.clone()).collect();
        let excess = unused.len().saturating_sub(MOST_UNUSED);
        for key in unused.iter().take(excess) {
            clusters.remove(key);
        }
        let load = Arc::new(ClusterLoad::new(now));
        clusters.insert(key.clone(), Arc::clone(&load));
        load
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterKey, Arc<ClusterLoad>>> {
        // A panic cannot leave the map half changed.
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a channel or a call counts in `load`.
fn is_used(load: &Arc<ClusterLoad>) -> bool {
    Arc::strong_count(load) > 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trunkline_sim::Sim;
    use trunkline_xds_proto::envoy::config::core::v3::Node;
    use trunkline_xds_proto::envoy::service::load_stats::v3::LoadStatsResponse;

    use super::*;
    use crate::core::load_reports::{LoadOutput, LoadReporter};

    /// A cluster that is used again after its last report keeps the calls that are not reported yet, also if
    /// nothing uses it by the time that it would be forgotten.
    #[test]
    fn xds_5_3_calls_after_the_last_report() {
        let store = LoadStore::new();
        let now = Sim::new(1).runtime().now();
        let key = ClusterKey {
            cluster: Arc::from("cluster"),
            service_name: Arc::from(""),
        };
        let totals = || store.totals().remove(0);
        store.cluster(&key, now).add_dropped_by_limit();
        let reported = totals();
        store.cluster(&key, now).add_dropped_by_limit();
        assert!(!store.forget_unused(&reported));
        let next = totals();
        assert_eq!(next.dropped_by_limit, 2);
        assert!(store.forget_unused(&next));
        assert_eq!(store.totals(), []);
    }

    /// A control plane that changes the names of its clusters all the time fills no memory: each name is
    /// forgotten once its last calls are reported.
    #[test]
    fn xds_5_3_names_without_end() {
        const NAMES: usize = 10_000;
        let store = LoadStore::new();
        let mut now = Sim::new(1).runtime().now();
        let mut reporter = LoadReporter::new(Node::default(), 1, now);
        reporter.handle_timeout(now);
        let response = LoadStatsResponse {
            send_all_clusters: true,
            ..LoadStatsResponse::default()
        };
        reporter.handle_message(response, now);
        let empty = format!("{reporter:?}").len();
        let mut reported = 0;
        for at in 0..NAMES {
            let key = ClusterKey {
                cluster: format!("cluster-{at}").into(),
                service_name: Arc::from(""),
            };
            store.cluster(&key, now).add_dropped_by_limit();
            now += Duration::from_secs(1);
            reporter.handle_timeout(now);
            while let Some(output) = reporter.poll_output() {
                match output {
                    LoadOutput::Collect => reporter.handle_totals(store.totals(), now),
                    LoadOutput::Send(report) => {
                        reported += report.cluster_stats.len();
                        reporter.handle_written();
                    }
                    _ => {}
                }
            }
            for finished in reporter.take_finished() {
                assert!(store.forget_unused(&finished));
                reporter.handle_forgotten(&finished);
            }
        }
        assert_eq!(reported, NAMES);
        assert_eq!(store.totals(), []);
        let kept = format!("{reporter:?}").len();
        assert!(kept < 2 * empty, "{kept} bytes, {empty} at the start");
    }
}
