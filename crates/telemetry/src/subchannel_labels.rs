//! The labels of the backends that attempts are sent to.

use std::array::from_fn;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use trunkline_endpoint::BackendLabels;
use trunkline_lb::SubchannelId;

use crate::grow_only::GrowOnly;

/// The number of subchannels in one chunk of the table.
const CHUNK: usize = 64;

/// The labels of the subchannels that have any.
///
/// An attempt finds those of its subchannel without a lock, and without an allocation. They stay when
/// the subchannel is removed, because attempts on its connection continue, until another one takes its
/// place in the table of the channel.
#[derive(Debug)]
pub(crate) struct SubchannelLabels {
    /// By the index of the first subchannel in each chunk, divided by [`CHUNK`].
    chunks: GrowOnly<usize, [Slot; CHUNK]>,
}

type Slot = ArcSwapOption<Labelled>;

/// A subchannel with its labels.
#[derive(Debug)]
pub(crate) struct Labelled {
    id: SubchannelId,
    labels: BackendLabels,
}

impl SubchannelLabels {
    pub(crate) fn new() -> Self {
        Self {
            // The channel reuses indices, so its subchannels bound the chunks.
            chunks: GrowOnly::new(usize::MAX),
        }
    }

    /// Sets the labels of a new subchannel.
    pub(crate) fn set(&self, id: SubchannelId, labels: BackendLabels) {
        let chunk = id.index() / CHUNK;
        if labels.is_empty() {
            self.chunks.with(
                &chunk,
                || None,
                |slots| {
                    if let Some(slots) = slots {
                        slots[id.index() % CHUNK].store(None);
                    }
                },
            );
            return;
        }
        let make = || Some((chunk, from_fn(|_| Slot::empty())));
        self.chunks.with(&chunk, make, |slots| {
            if let Some(slots) = slots {
                let labelled = Labelled { id, labels };
                slots[id.index() % CHUNK].store(Some(Arc::new(labelled)));
            }
        });
    }

    /// Calls `f` with the labels of a subchannel; with `None` if it has none.
    pub(crate) fn with<R>(
        &self,
        id: SubchannelId,
        f: impl FnOnce(Option<&BackendLabels>) -> R,
    ) -> R {
        let chunk = id.index() / CHUNK;
        let slot: Option<Guard<Option<Arc<Labelled>>>> = self.chunks.with(
            &chunk,
            || None,
            |slots| slots.map(|slots| slots[id.index() % CHUNK].load()),
        );
        let labelled = slot.as_ref().and_then(|slot| slot.as_ref());
        let own = labelled.filter(|labelled| labelled.id == id);
        f(own.map(|labelled| &labelled.labels))
    }
}
