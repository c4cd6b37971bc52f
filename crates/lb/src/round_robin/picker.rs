//! Subchannels in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use trunkline_backoff::Rng;

use crate::{AttemptTracker, Pick, PickRequest, Picker, SubchannelId};

/// Takes subchannels in turn: one atomic addition a pick.
#[derive(Debug)]
pub(super) struct RoundRobinPicker {
    /// The subchannels that are ready.
    ready: Box<[SubchannelId]>,
    next: AtomicUsize,
}

impl RoundRobinPicker {
    /// Begins anywhere among `ready`.
    pub(super) fn new(ready: Box<[SubchannelId]>, rng: &mut Rng) -> Self {
        let next = AtomicUsize::new(rng.below(ready.len()));
        Self { ready, next }
    }
}

impl Picker for RoundRobinPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        match turn.checked_rem(self.ready.len()) {
            Some(at) => Pick::Subchannel(self.ready[at]),
            None => Pick::Queue,
        }
    }

    /// Returns `None`: the children are pick_firsts, which track nothing.
    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}
