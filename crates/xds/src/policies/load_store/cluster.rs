//! Counts the calls of one cluster.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::locality::LocalityLoad;
use crate::core::ClusterTotals;
use crate::core::resources::LocalityName;

/// Counts the calls of one cluster.
#[derive(Debug)]
pub(in crate::policies) struct ClusterLoad {
    /// When counting began.
    since: Instant,
    dropped_by_limit: AtomicU64,
    parts: Mutex<Parts>,
}

/// The counts by name. Locked when the configuration of a cluster changes and for a report.
#[derive(Debug, Default)]
struct Parts {
    dropped: BTreeMap<Arc<str>, DropCount>,
    localities: BTreeMap<Arc<LocalityName>, Arc<LocalityLoad>>,
}

/// Counts the calls that are dropped for one reason. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(in crate::policies) struct DropCount(Arc<AtomicU64>);

impl DropCount {
    pub(in crate::policies) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::policies) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl ClusterLoad {
    /// Counts from `now` on.
    pub(in crate::policies) fn new(now: Instant) -> Self {
        Self {
            since: now,
            dropped_by_limit: AtomicU64::new(0),
            parts: Mutex::default(),
        }
    }

    /// Counts a call that was dropped because of the limit of calls in flight.
    pub(in crate::policies) fn add_dropped_by_limit(&self) {
        self.dropped_by_limit.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many calls were dropped because of the limit of calls in flight.
    pub(in crate::policies) fn dropped_by_limit(&self) -> u64 {
        self.dropped_by_limit.load(Ordering::Relaxed)
    }

    /// Returns the count of a category of drops.
    pub(in crate::policies) fn dropped(&self, category: &Arc<str>) -> DropCount {
        let mut parts = self.lock();
        parts
            .dropped
            .entry(Arc::clone(category))
            .or_default()
            .clone()
    }

    /// Returns the counts of a locality.
    pub(in crate::policies) fn locality(&self, name: &Arc<LocalityName>) -> Arc<LocalityLoad> {
        let mut parts = self.lock();
        let load = parts.localities.entry(Arc::clone(name));
        Arc::clone(load.or_default())
    }

    /// Returns what was counted so far of the cluster with this name, and this name of its endpoints.
    pub(super) fn totals(&self, cluster: &Arc<str>, service_name: &Arc<str>) -> ClusterTotals {
        let parts = self.lock();
        let dropped = parts.dropped.iter();
        let localities = parts.localities.iter();
        ClusterTotals {
            dropped_by_limit: self.dropped_by_limit(),
            dropped: dropped
                .map(|(category, count)| (Arc::clone(category), count.total()))
                .collect(),
            localities: localities
                .map(|(name, load)| (Arc::clone(name), load.totals()))
                .collect(),
            ..ClusterTotals::new(Arc::clone(cluster), Arc::clone(service_name), self.since)
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        // A panic cannot leave the maps half changed.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
