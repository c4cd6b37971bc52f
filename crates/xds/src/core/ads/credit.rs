//! Which links wait for watchers before they are read again.

use std::collections::BTreeMap;

use super::ids::{DeliveryId, LinkId, WatchId};

/// The deliveries that watchers have not taken yet. A link with such deliveries is not read, so a
/// server cannot send faster than its watchers work.
#[derive(Debug, Default)]
pub(super) struct Credit {
    next: u64,
    /// The link whose message caused each open delivery.
    open: BTreeMap<DeliveryId, LinkId>,
    /// The number of open deliveries of each link; never 0.
    by_link: BTreeMap<LinkId, usize>,
}

impl Credit {
    /// Returns the id of a new delivery, which a message of `cause` may have caused.
    pub(super) fn deliver(&mut self, watch: WatchId, cause: Option<LinkId>) -> DeliveryId {
        let id = DeliveryId {
            watch,
            number: self.next,
        };
        self.next += 1;
        if let Some(link) = cause {
            self.open.insert(id, link);
            *self.by_link.entry(link).or_default() += 1;
        }
        id
    }

    /// Handles that a watcher has taken a delivery.
    pub(super) fn settle(&mut self, id: DeliveryId) {
        let Some(link) = self.open.remove(&id) else {
            return;
        };
        if let Some(count) = self.by_link.get_mut(&link) {
            *count -= 1;
            if *count == 0 {
                self.by_link.remove(&link);
            }
        }
    }

    /// Handles the end of a watch: it takes nothing any more.
    pub(super) fn end_watch(&mut self, watch: WatchId) {
        let all = DeliveryId { watch, number: 0 }..=DeliveryId {
            watch,
            number: u64::MAX,
        };
        let open: Vec<DeliveryId> = self.open.range(all).map(|(id, _)| *id).collect();
        for id in open {
            self.settle(id);
        }
    }

    /// Returns whether a link waits for its watchers.
    pub(super) fn holds(&self, link: LinkId) -> bool {
        self.by_link.contains_key(&link)
    }
}
