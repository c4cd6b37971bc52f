//! The numbers of resources, and which of them observers do not know yet.

use std::collections::BTreeMap;

use super::event::AdsEvent;
use crate::core::names::AuthorityName;
use crate::core::resource_type::ResourceType;

/// The number of watched resources by authority, type and label of the state. None is 0.
pub(super) type ResourceCounts = BTreeMap<Key, u64>;

/// The authority, the type, and the label of the state.
type Key = (AuthorityName, ResourceType, &'static str);

/// The numbers of resources that were reported.
#[derive(Debug, Default)]
pub(super) struct ReportedCounts {
    counts: ResourceCounts,
    /// True when the numbers may have changed since they were reported.
    is_stale: bool,
}

impl ReportedCounts {
    /// Handles that the numbers may have changed. To count them takes time, so it is left to the next
    /// report.
    pub(super) fn handle_change(&mut self) {
        self.is_stale = true;
    }

    /// Returns an event for each number that differs from the one before, 0 where there are no more
    /// such resources. `count` is called only if a number may have changed.
    pub(super) fn report(&mut self, count: impl FnOnce() -> ResourceCounts) -> Vec<AdsEvent> {
        if !std::mem::take(&mut self.is_stale) {
            return Vec::new();
        }
        let new = count();
        let gone = self.counts.keys().filter(|key| !new.contains_key(*key));
        let gone = gone.map(|key| (key, 0));
        let is_changed = |(key, count): &(&Key, u64)| self.counts.get(*key) != Some(count);
        let counted = new.iter().map(|(key, count)| (key, *count));
        let changed = gone.chain(counted.filter(is_changed));
        let events = changed.map(|(key, count)| event(key, count)).collect();
        self.counts = new;
        events
    }
}

fn event((authority, kind, state): &Key, count: u64) -> AdsEvent {
    AdsEvent::Resources {
        authority: authority.clone(),
        kind: *kind,
        state,
        count,
    }
}
