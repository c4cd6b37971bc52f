//! Which child made which subchannel.

use crate::{Action, SubchannelId};

/// The slot of the child that made each subchannel, found in constant time.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By the subchannel's index.
    by_index: Vec<Option<(SubchannelId, usize)>>,
}

impl Owners {
    /// The slot of the child that made `id` and did not remove it.
    pub(super) fn slot(&self, id: SubchannelId) -> Option<usize> {
        let owner = self.by_index.get(id.index()).copied().flatten();
        owner
            .filter(|(owned, _)| *owned == id)
            .map(|(_, slot)| slot)
    }

    /// Files which subchannels the child in `slot` has made and removed.
    pub(super) fn record(&mut self, slot: usize, actions: &[Action]) {
        for action in actions {
            match *action {
                Action::Create { id, .. } => {
                    if self.by_index.len() <= id.index() {
                        self.by_index.resize(id.index() + 1, None);
                    }
                    self.by_index[id.index()] = Some((id, slot));
                }
                Action::Remove(id) if self.slot(id).is_some() => self.by_index[id.index()] = None,
                Action::Remove(_)
                | Action::Connect(_)
                | Action::RequestReresolution
                | Action::Watch { .. }
                | Action::Unwatch(_) => {}
            }
        }
    }
}
