//! What is reported to one server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use trunkline_runtime::Lock;

use crate::core::ClusterTotals;
use crate::policies::LoadStore;

/// Whether a server is reported to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Demand {
    /// A cluster of the configuration in force is reported to it.
    #[default]
    Reports,
    /// No such cluster is there now.
    None,
    /// The channel has ended.
    Over,
}

/// What was counted for one report.
pub(super) struct Collected {
    /// The totals that clusters had when they were added since the last report, and when that was.
    pub(super) added: Vec<(ClusterTotals, Instant)>,
    /// The totals of this moment. Those of clusters that were removed since the last report are of that
    /// time.
    pub(super) totals: Vec<ClusterTotals>,
}

/// What a channel reports to one server. The channel and the task of the reports share it.
#[derive(Debug)]
pub(super) struct ServerLoads {
    store: LoadStore,
    state: Lock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The clusters whose calls are reported to this server.
    clusters: BTreeSet<Arc<str>>,
    /// The totals of clusters when they were added, which other servers know, and when.
    added: Vec<(ClusterTotals, Instant)>,
    /// The totals of clusters when they were removed, which are reported one more time.
    removed: Vec<ClusterTotals>,
    demand: Demand,
    /// Wakes the task.
    task: Option<Waker>,
}

impl ServerLoads {
    /// Returns the loads in `store`, of no cluster yet.
    pub(super) fn new(store: LoadStore) -> Self {
        Self {
            store,
            state: Lock::default(),
        }
    }

    /// Adds a cluster. What was counted of it by now is not for this server.
    pub(super) fn add(&self, cluster: &Arc<str>, now: Instant) {
        let mut state = self.state.lock();
        if !state.clusters.insert(Arc::clone(cluster)) {
            return;
        }
        // The server did not take what was left for it when the cluster was removed.
        state.removed.retain(|totals| totals.cluster != *cluster);
        state.added.retain(|(totals, _)| totals.cluster != *cluster);
        let totals = self.totals_of(cluster);
        state.added.extend(totals.map(|totals| (totals, now)));
    }

    /// Removes a cluster, which is reported to another server. What was counted of it by now is still
    /// reported to this one.
    pub(super) fn remove(&self, cluster: &Arc<str>) {
        let mut state = self.state.lock();
        if !state.clusters.remove(cluster) {
            return;
        }
        state
            .removed
            .extend(self.totals_of(cluster).map(|totals| ClusterTotals {
                // The other server decides when it is forgotten.
                is_in_use: true,
                ..totals
            }));
    }

    fn totals_of(&self, cluster: &Arc<str>) -> impl Iterator<Item = ClusterTotals> {
        let totals = self.store.totals().into_iter();
        totals.filter(move |totals| totals.cluster == *cluster)
    }

    /// Sets whether there is a cluster to report. If not, the task sends a last report and ends its stream.
    pub(super) fn set_wanted(&self, is_wanted: bool) {
        let demand = if is_wanted {
            Demand::Reports
        } else {
            Demand::None
        };
        self.set_demand(demand);
    }

    /// Handles the end of the channel: the task sends its last report, and ends.
    pub(super) fn stop(&self) {
        self.set_demand(Demand::Over);
    }

    fn set_demand(&self, demand: Demand) {
        let task = {
            let mut state = self.state.lock();
            if state.demand == demand {
                return;
            }
            state.demand = demand;
            state.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Returns whether reports are wanted. `waker` is woken when that changes.
    pub(super) fn demand(&self, waker: &Waker) -> Demand {
        let mut state = self.state.lock();
        state.task = Some(waker.clone());
        state.demand
    }

    /// Returns what was counted of the clusters.
    pub(super) fn collect(&self) -> Collected {
        // The store is read under the lock, so that no totals are older than those of an added cluster.
        let mut state = self.state.lock();
        let mut totals = self.store.totals();
        totals.retain(|totals| state.clusters.contains(&totals.cluster));
        totals.append(&mut state.removed);
        Collected {
            added: std::mem::take(&mut state.added),
            totals,
        }
    }

    /// Forgets the counts of a cluster, unless it is used again. Returns whether it did.
    pub(super) fn forget_unused(&self, reported: &ClusterTotals) -> bool {
        self.store.forget_unused(reported)
    }
}
