//! The watches that run, by subchannel.

use std::collections::BTreeMap;

use trunkline_lb::{SubchannelId, Watch, WatchId};

use crate::core::connections::ConnectionId;

/// The watches that run. Each belongs to one connection of a READY subchannel.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    by_watch: BTreeMap<WatchId, RunningWatch>,
    /// The watches of each subchannel, in the order of their start.
    by_subchannel: BTreeMap<SubchannelId, Vec<WatchId>>,
}

/// One watch that runs.
#[derive(Debug)]
struct RunningWatch {
    id: SubchannelId,
    connection: ConnectionId,
    call: Watch,
}

impl Watches {
    pub(crate) fn insert(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        connection: ConnectionId,
        call: Watch,
    ) {
        let running = RunningWatch {
            id,
            connection,
            call,
        };
        self.by_watch.insert(watch, running);
        self.by_subchannel.entry(id).or_default().push(watch);
    }

    pub(crate) fn contains(&self, watch: WatchId) -> bool {
        self.by_watch.contains_key(&watch)
    }

    /// Removes a watch, and returns true if it ran.
    pub(crate) fn remove(&mut self, watch: WatchId) -> bool {
        let Some(running) = self.by_watch.remove(&watch) else {
            return false;
        };
        if let Some(watches) = self.by_subchannel.get_mut(&running.id) {
            watches.retain(|other| *other != watch);
            if watches.is_empty() {
                self.by_subchannel.remove(&running.id);
            }
        }
        true
    }

    /// Removes all watches of a subchannel, and returns them in the order of their start.
    pub(crate) fn remove_all(&mut self, id: SubchannelId) -> Vec<WatchId> {
        let watches = self.by_subchannel.remove(&id).unwrap_or_default();
        for watch in &watches {
            self.by_watch.remove(watch);
        }
        watches
    }

    /// Moves the watches of a subchannel from one connection to another, and returns them in the order
    /// of their start.
    pub(crate) fn move_all(
        &mut self,
        id: SubchannelId,
        from: ConnectionId,
        to: ConnectionId,
    ) -> Vec<(WatchId, Watch)> {
        let watches = self.by_subchannel.get(&id).into_iter().flatten();
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
