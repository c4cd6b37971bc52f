//! The labels of the backends that attempts are sent to.

use std::sync::Arc;

use arc_swap::ArcSwap;
use trunkline_endpoint::BackendLabels;
use trunkline_lb::{SubchannelId, SubchannelTable};

/// The labels of the subchannels that have any.
///
/// An attempt finds those of its subchannel without a lock, and without an allocation. They stay when
/// the subchannel is removed, because attempts on its connection continue, until another one with labels
/// takes its place in the table of the channel.
#[derive(Debug, Default)]
pub(crate) struct SubchannelLabels {
    table: ArcSwap<SubchannelTable<BackendLabels>>,
}

impl SubchannelLabels {
    /// Sets the labels of a new subchannel. Only one thread at a time may do that: the control task.
    pub(crate) fn set(&self, id: SubchannelId, labels: BackendLabels) {
        if labels.is_empty() {
            return;
        }
        let mut table = SubchannelTable::clone(&self.table.load());
        table.insert(id, labels);
        self.table.store(Arc::new(table));
    }

    /// Calls `f` with the labels of a subchannel; with `None` if it has none.
    pub(crate) fn with<R>(
        &self,
        id: SubchannelId,
        f: impl FnOnce(Option<&BackendLabels>) -> R,
    ) -> R {
        f(self.table.load().get(id))
    }
}
