//! The calls in flight to each cluster.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The calls in flight to each cluster, for circuit breaking. Clones share the counts.
///
/// A limit of a cluster is one of all channels of a pool together, so these share one value. A cluster
/// is known by its name and that of its endpoints.
///
/// Source: [gRFC A32](https://github.com/grpc/proposal/blob/master/A32-xds-circuit-breaking.md).
#[derive(Clone, Debug, Default)]
pub struct ClusterCounters {
    /// Locked when the configuration of a cluster changes, never by a call.
    counts: Arc<Mutex<BTreeMap<ClusterKey, Weak<InFlight>>>>,
}

/// The name of a cluster, and that of its endpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClusterKey {
    pub(super) cluster: Arc<str>,
    /// Empty if the endpoints have no name.
    pub(super) service_name: Arc<str>,
}

impl ClusterCounters {
    /// Creates counts that no other channel shares yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the count of a cluster. It is kept for as long as it is in use.
    pub(super) fn in_flight(&self, key: &ClusterKey) -> Arc<InFlight> {
        // A panic cannot leave the map half changed.
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get(key).and_then(Weak::upgrade) {
            return count;
        }
        counts.retain(|_, count| count.strong_count() > 0);
        let count = Arc::new(InFlight::default());
        counts.insert(key.clone(), Arc::downgrade(&count));
        count
    }
}

/// The number of calls in flight to one cluster.
///
/// All threads count here: the limit is one for all of them, and it is exact. It has cache lines of its
/// own, so that its changes slow down nothing else.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct InFlight(AtomicU32);

impl InFlight {
    /// Counts a call, unless `limit` calls are in flight already. Returns whether it was counted.
    pub(super) fn start(&self, limit: u32) -> bool {
        let next = |now: u32| (now < limit).then(|| now + 1);
        let order = Ordering::Relaxed;
        self.0.fetch_update(order, order, next).is_ok()
    }

    /// Counts the end of a call.
    pub(super) fn end(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns the number of calls in flight.
    pub(super) fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(cluster: &str, service_name: &str) -> ClusterKey {
        ClusterKey {
            cluster: cluster.into(),
            service_name: service_name.into(),
        }
    }

    /// xds.md 4.6: the count belongs to the pair of cluster and endpoints, and outlives no use of it.
    #[test]
    fn one_count_for_each_cluster_and_endpoints() {
        let counters = ClusterCounters::new();
        let count = counters.clone().in_flight(&key("c", "e"));
        assert!(count.start(1));
        assert_eq!(counters.in_flight(&key("c", "e")).now(), 1);
        assert_eq!(counters.in_flight(&key("c", "f")).now(), 0);
        drop(count);
        assert_eq!(counters.in_flight(&key("c", "e")).now(), 0);
        let counts = counters.counts.lock().expect("no panic");
        assert_eq!(counts.len(), 1);
    }

    /// The limit is exact, whichever threads start and end calls at the same time.
    #[test]
    fn threads_never_exceed_the_limit() {
        let count = InFlight::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        if count.start(3) {
                            assert!(count.now() <= 3);
                            count.end();
                        }
                    }
                });
            }
        });
        assert_eq!(count.now(), 0);
    }
}
