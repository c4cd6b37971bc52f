//! What is reported to one server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Waker;

use trunkline_runtime::Lock;

use crate::core::ClusterTotals;
use crate::policies::LoadStore;

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
    /// True once the channel has ended.
    is_over: bool,
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

    /// Handles the end of the channel: the task sends its last report.
    pub(super) fn stop(&self) {
        let task = {
            let mut state = self.state.lock();
            state.is_over = true;
            state.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Returns whether the channel has ended. If not, `waker` is woken when it does.
    pub(super) fn is_over(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        state.task = Some(waker.clone());
        state.is_over
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
