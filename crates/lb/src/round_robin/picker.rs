//! The picker of `round_robin`.

use std::sync::atomic::{AtomicUsize, Ordering};

use trunkline_backoff::Rng;

use crate::attempt::AttemptTracker;
use crate::per_thread::PerThread;
use crate::picker::{Pick, PickRequest, Picker};
use crate::subchannel::SubchannelId;

/// Picks subchannels in turn, with one atomic addition a pick.
///
/// Each thread goes round on its own, from a random subchannel, so that threads do not wait for
/// each other's additions. The numbers of calls that two subchannels get from one thread differ by
/// at most one; from n threads, by at most n.
#[derive(Debug)]
pub(super) struct RoundRobinPicker {
    /// The ready subchannels.
    ready: Box<[SubchannelId]>,
    /// The number of each thread's next pick. Modulo the length of `ready`, it is an index in
    /// `ready`.
    next: PerThread<AtomicUsize>,
}

impl RoundRobinPicker {
    /// Creates a picker that begins at a random subchannel of `ready`.
    pub(super) fn new(ready: Box<[SubchannelId]>, rng: &mut Rng) -> Self {
        // One draw of `rng`, however many threads the machine runs: the same seed gives the same run
        // on every machine.
        let mut firsts = Rng::from_seed(rng.next_seed());
        let next = PerThread::new(|_| AtomicUsize::new(firsts.below(ready.len())));
        Self { ready, next }
    }
}

impl Picker for RoundRobinPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        let turn = self.next.get().fetch_add(1, Ordering::Relaxed);
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
