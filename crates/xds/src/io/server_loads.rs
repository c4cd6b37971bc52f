//! What is reported to one server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Waker;

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

    /// Adds a cluster.
    pub(super) fn add(&self, cluster: &Arc<str>) {
        self.state.lock().clusters.insert(Arc::clone(cluster));
    }

    /// Removes a cluster, which is reported to another server.
    pub(super) fn remove(&self, cluster: &Arc<str>) {
        self.state.lock().clusters.remove(cluster);
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
    pub(super) fn totals(&self) -> Vec<ClusterTotals> {
        let mut totals = self.store.totals();
        let state = self.state.lock();
        totals.retain(|totals| state.clusters.contains(&totals.cluster));
        totals
    }

    /// Forgets the counts of a cluster, unless it is used again. Returns whether it did.
    pub(super) fn forget_unused(&self, reported: &ClusterTotals) -> bool {
        self.store.forget_unused(reported)
    }
}
