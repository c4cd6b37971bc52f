//! Which child owns which subchannel.

use std::collections::BTreeSet;

use crate::control::Action;
use crate::subchannel::SubchannelId;

/// The owner of each subchannel, and the subchannels of each owner. [`record`](Self::record) is the
/// only writer of both.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// The owner's slot, by the index of the subchannel: found in constant time.
    by_index: Vec<Option<(SubchannelId, usize)>>,
    /// The subchannels of each slot.
    by_slot: Vec<BTreeSet<SubchannelId>>,
}

impl Owners {
    /// Returns the slot of the child that created `id` and did not remove it.
    pub(super) fn slot(&self, id: SubchannelId) -> Option<usize> {
        let owner = self.by_index.get(id.index()).copied().flatten();
        owner
            .filter(|(owned, _)| *owned == id)
            .map(|(_, slot)| slot)
    }

    /// Iterates over the subchannels that the child in `slot` created and did not remove, sorted.
    pub(super) fn subchannels(&self, slot: usize) -> impl Iterator<Item = SubchannelId> {
        self.by_slot.get(slot).into_iter().flatten().copied()
    }

    /// Records the subchannels that the child in `slot` has created and removed.
    pub(super) fn record(&mut self, slot: usize, actions: &[Action]) {
        for action in actions {
            match *action {
                Action::Create { id, .. } => self.insert(slot, id),
                Action::Remove(id) => self.remove(id),
                Action::Connect(_)
                | Action::LimitConnections { .. }
                | Action::RequestReresolution
                | Action::Watch { .. }
                | Action::Unwatch(_)
                | Action::ReportHealth { .. }
                | Action::ReportLoadsUnsupported { .. }
                | Action::ReportEjection { .. }
                | Action::ReportWeights(_) => {}
            }
        }
    }

    fn insert(&mut self, slot: usize, id: SubchannelId) {
        if self.by_index.len() <= id.index() {
            self.by_index.resize(id.index() + 1, None);
        }
        self.by_index[id.index()] = Some((id, slot));
        if self.by_slot.len() <= slot {
            self.by_slot.resize_with(slot + 1, BTreeSet::new);
        }
        self.by_slot[slot].insert(id);
    }

    fn remove(&mut self, id: SubchannelId) {
        if let Some(slot) = self.slot(id) {
            self.by_index[id.index()] = None;
            self.by_slot[slot].remove(&id);
        }
    }
}
