//! The watches that run, by subchannel.

use std::collections::BTreeMap;

use trunkline_lb::{SubchannelId, WatchId};

/// The watches that run. Each belongs to the connection of one READY subchannel.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// The subchannel of each watch.
    by_watch: BTreeMap<WatchId, SubchannelId>,
    /// The watches of each subchannel, in the order of their start.
    by_subchannel: BTreeMap<SubchannelId, Vec<WatchId>>,
}

impl Watches {
    pub(crate) fn insert(&mut self, watch: WatchId, id: SubchannelId) {
        self.by_watch.insert(watch, id);
        self.by_subchannel.entry(id).or_default().push(watch);
    }

    pub(crate) fn contains(&self, watch: WatchId) -> bool {
        self.by_watch.contains_key(&watch)
    }

    /// Removes a watch, and returns true if it ran.
    pub(crate) fn remove(&mut self, watch: WatchId) -> bool {
        let Some(id) = self.by_watch.remove(&watch) else {
            return false;
        };
        if let Some(watches) = self.by_subchannel.get_mut(&id) {
            watches.retain(|other| *other != watch);
            if watches.is_empty() {
                self.by_subchannel.remove(&id);
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
}
