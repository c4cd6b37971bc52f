//! The picker of `weighted_round_robin`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use trunkline_backoff::Rng;
use trunkline_endpoint::BackendLabels;

use super::backend_weight::{BackendWeight, NoWeight, ReportClock};
use super::config::WeightedRoundRobinConfig;
use super::schedule::{Schedule, Turn};
use crate::attempt::{AttemptOutcome, AttemptTracker};
use crate::per_thread::PerThread;
use crate::picker::{Pick, PickRequest, Picker};
use crate::sharding::Positions;
use crate::subchannel::SubchannelId;
use crate::weights::WeightsUpdate;

/// A ready backend.
#[derive(Clone, Debug)]
pub(super) struct ReadyBackend {
    /// Its connected subchannel.
    pub(super) id: SubchannelId,
    /// Its weight, which all pickers share for as long as it is connected.
    pub(super) weight: Arc<BackendWeight>,
}

/// What pickers have in common while the ready backends are the same.
#[derive(Debug)]
pub(super) struct ReadyBackends {
    backends: Box<[ReadyBackend]>,
    positions: Positions,
    /// Each thread's position in the schedule. It stays when the schedule changes, so that a thread
    /// does not begin again.
    turns: PerThread<AtomicU64>,
}

impl ReadyBackends {
    /// Creates the backends; each thread begins at a random one.
    pub(super) fn new(backends: Box<[ReadyBackend]>, rng: &mut Rng) -> Self {
        let len = backends.len();
        let turn = |_| AtomicU64::new(Turn::random(len, |bound| rng.below(bound)).to_bits());
        Self {
            positions: Positions::new(backends.iter().map(|backend| backend.id)),
            turns: PerThread::new(turn),
            backends,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.backends.len()
    }

    /// Returns what is to be reported of an update of the scheduler now, except for the labels.
    pub(super) fn report(&self, now: u64, config: &WeightedRoundRobinConfig) -> WeightsUpdate {
        let (mut not_yet_usable, mut stale) = (0, 0);
        let weights = self.backends.iter().map(|backend| {
            let weight = backend.weight.state(now, config);
            match weight {
                Ok(weight) => return weight,
                Err(NoWeight::NotYetUsable) => not_yet_usable += 1,
                Err(NoWeight::Stale) => stale += 1,
            }
            0.0
        });
        let weights: Arc<[f64]> = weights.collect();
        WeightsUpdate {
            is_fallback: weights.len() - not_yet_usable - stale < 2,
            not_yet_usable,
            stale,
            weights,
            labels: BackendLabels::default(),
        }
    }

    /// Returns the schedule that the weights ask for now.
    pub(super) fn schedule(&self, now: u64, config: &WeightedRoundRobinConfig) -> Schedule {
        let backends = self.backends.iter();
        let weights = backends.map(|backend| backend.weight.current(now, config).ok());
        Schedule::new(&weights.collect::<Vec<_>>())
    }
}

/// Picks backends in turn, in proportion to their weights.
#[derive(Debug)]
pub(super) struct WeightedPicker {
    pub(super) ready: Arc<ReadyBackends>,
    pub(super) schedule: Schedule,
    pub(super) config: Arc<WeightedRoundRobinConfig>,
    pub(super) clock: Arc<ReportClock>,
}

impl Picker for WeightedPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        match self.schedule.next(self.ready.turns.get()) {
            Some(at) => Pick::Subchannel(self.ready.backends[at].id),
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
        if let Some(at) = self.ready.positions.get(id)
            && let Some(report) = outcome.load_report()
            && let Some(weight) = self.config.weight(report)
        {
            let now = self.clock.nanos_or_newest(outcome.ended_at);
            self.ready.backends[at].weight.record(weight, now);
        }
    }
}
