//! What is reported to one server.

use std::sync::Arc;
use std::task::Waker;

use trunkline_runtime::Lock;

use crate::core::ClusterTotals;
use crate::policies::LoadStore;

/// Whether a server is reported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// A cluster of a configuration in force is reported to it.
    Reports,
    /// No such cluster is there now.
    None,
    /// The client has ended.
    Over,
}

/// What a client reports to one server. Its channels and the task of the reports share it.
#[derive(Debug)]
pub(super) struct ServerLoads {
    store: LoadStore,
    state: Lock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of channels with a cluster that is reported to this server.
    holds: usize,
    /// True once the client has ended.
    is_over: bool,
    /// Wakes the task.
    task: Option<Waker>,
}

/// Keeps the reports to a server going until it is dropped.
#[derive(Debug)]
pub(super) struct ReportHold(Arc<ServerLoads>);

impl ServerLoads {
    /// Returns the reports of what is counted in `store`. Nothing holds them yet.
    pub(super) fn new(store: LoadStore) -> Self {
        Self {
            store,
            state: Lock::default(),
        }
    }

    /// Handles the end of the client: the task sends its last report, and ends.
    pub(super) fn stop(&self) {
        self.change(|state| state.is_over = true);
    }

    /// Changes the state, and wakes the task if that changes the demand.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let task = {
            let mut state = self.state.lock();
            let before = state.demand();
            change(&mut state);
            if state.demand() == before {
                return;
            }
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
        state.demand()
    }

    /// Returns what was counted so far.
    pub(super) fn totals(&self) -> Vec<ClusterTotals> {
        self.store.totals()
    }

    /// Forgets the counts of a cluster, unless it is used again. Returns whether it did.
    pub(super) fn forget_unused(&self, reported: &ClusterTotals) -> bool {
        self.store.forget_unused(reported)
    }
}

impl State {
    fn demand(&self) -> Demand {
        if self.is_over {
            Demand::Over
        } else if self.holds == 0 {
            Demand::None
        } else {
            Demand::Reports
        }
    }
}

impl ReportHold {
    /// Holds the reports.
    pub(super) fn new(loads: &Arc<ServerLoads>) -> Self {
        loads.change(|state| state.holds += 1);
        Self(Arc::clone(loads))
    }
}

impl Drop for ReportHold {
    fn drop(&mut self) {
        self.0.change(|state| state.holds -= 1);
    }
}
