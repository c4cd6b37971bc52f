//! The picker of `weighted_round_robin`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use trunkline_backoff::Rng;

use super::backend_weight::ReportClock;
use super::config::WeightedRoundRobinConfig;
use super::connected::ConnectedBackends;
use super::schedule::{Schedule, Turn};
use crate::attempt::{AttemptOutcome, AttemptTracker};
use crate::per_thread::PerThread;
use crate::picker::{Pick, PickRequest, Picker};
use crate::subchannel::SubchannelId;

/// What pickers have in common while the ready backends are the same.
#[derive(Debug)]
pub(super) struct ReadyBackends {
    /// The connected subchannel of each backend.
    ids: Box<[SubchannelId]>,
    /// Each thread's position in the schedule. It stays when the schedule changes, so that a thread
    /// does not begin again.
    turns: PerThread<AtomicU64>,
}

impl ReadyBackends {
    /// Creates the backends; each thread begins at a random one.
    pub(super) fn new(ids: Box<[SubchannelId]>, rng: &mut Rng) -> Self {
        let len = ids.len();
        let turn = |_| AtomicU64::new(Turn::random(len, |bound| rng.below(bound)).to_bits());
        Self {
            turns: PerThread::new(turn),
            ids,
        }
    }
}

/// Picks backends in turn, in proportion to their weights.
#[derive(Debug)]
pub(super) struct WeightedPicker {
    pub(super) ready: Arc<ReadyBackends>,
    pub(super) schedule: Schedule,
    /// The weights that the ends of calls change.
    pub(super) connected: ConnectedBackends,
    pub(super) config: Arc<WeightedRoundRobinConfig>,
    pub(super) clock: Arc<ReportClock>,
}

impl Picker for WeightedPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        match self.schedule.next(self.ready.turns.get()) {
            Some(at) => Pick::Subchannel(self.ready.ids[at]),
            None => Pick::Queue,
        }
    }

    /// Returns `None` if backends report out of band.
    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        (!self.config.enable_oob_load_report).then_some(self)
    }
}

impl AttemptTracker for WeightedPicker {
    fn attempt_ended(&self, id: SubchannelId, outcome: &AttemptOutcome<'_>) {
        if let Some(backend) = self.connected.get(id)
            && let Some(report) = outcome.load_report()
            && let Some(weight) = self.config.weight(report)
        {
            backend.record(weight, self.clock.nanos_or_newest(outcome.ended_at));
        }
    }
}
