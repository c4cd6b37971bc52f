//! The watches that run, by the hold that they belong to.

use std::collections::BTreeMap;

use trunkline_lb::{Watch, WatchId};

use crate::core::connections::ConnectionId;
use crate::core::holds::HoldId;

/// The watches that run. Each belongs to one connection of a READY subchannel.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    by_watch: BTreeMap<WatchId, RunningWatch>,
    /// The watches of each hold, in the order of their start.
    by_hold: BTreeMap<HoldId, Vec<WatchId>>,
}

/// One watch that runs.
#[derive(Debug)]
struct RunningWatch {
    hold: HoldId,
    connection: ConnectionId,
    call: Watch,
}

impl Watches {
    pub(crate) fn insert(
        &mut self,
        watch: WatchId,
        hold: HoldId,
        connection: ConnectionId,
        call: Watch,
    ) {
        let running = RunningWatch {
            hold,
            connection,
            call,
        };
        self.by_watch.insert(watch, running);
        self.by_hold.entry(hold).or_default().push(watch);
    }

    /// Returns the hold that a watch belongs to; `None` if the watch does not run.
    pub(crate) fn hold(&self, watch: WatchId) -> Option<HoldId> {
        Some(self.by_watch.get(&watch)?.hold)
    }

    /// Removes a watch, and returns true if it ran.
    pub(crate) fn remove(&mut self, watch: WatchId) -> bool {
        let Some(running) = self.by_watch.remove(&watch) else {
            return false;
        };
        if let Some(watches) = self.by_hold.get_mut(&running.hold) {
            watches.retain(|other| *other != watch);
            if watches.is_empty() {
                self.by_hold.remove(&running.hold);
            }
        }
        true
    }

    /// Removes all watches of a hold, and returns them in the order of their start.
    pub(crate) fn remove_all(&mut self, hold: HoldId) -> Vec<WatchId> {
        let watches = self.by_hold.remove(&hold).unwrap_or_default();
        for watch in &watches {
            self.by_watch.remove(watch);
        }
        watches
    }

    /// Moves the watches of a hold from one connection to another, and returns them in the order
    /// of their start.
    pub(crate) fn move_all(
        &mut self,
        hold: HoldId,
        from: ConnectionId,
        to: ConnectionId,
    ) -> Vec<(WatchId, Watch)> {
        let watches = self.by_hold.get(&hold).into_iter().flatten();
        let mut moved = Vec::new();
        for watch in watches {
            if let Some(running) = self.by_watch.get_mut(watch)
                && running.connection == from
            {
                running.connection = to;
                moved.push((*watch, running.call.clone()));
            }
        }
        moved
    }
}
