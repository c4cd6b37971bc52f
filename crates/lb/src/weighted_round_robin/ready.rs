//! The backends that are ready, and what their weights count in the schedule.

use std::sync::Arc;

use trunkline_endpoint::BackendLabels;

use super::backend_weight::{BackendWeight, NoWeight};
use super::config::WeightedRoundRobinConfig;
use super::schedule::{Scale, Schedule};
use crate::pick_first::PickFirst;
use crate::sharding::{EndpointSharding, ReadyList};
use crate::subchannel::SubchannelId;
use crate::weights::WeightsUpdate;

/// From this many ready endpoints on, a new set of them keeps the weights that were read last.
///
/// To read the weights of thousands of backends costs milliseconds, and where they connect one by one
/// there are as many sets.
const LARGE: usize = 1024;

/// A ready backend.
#[derive(Debug)]
pub(super) struct ReadyBackend {
    /// Its connected subchannel.
    pub(super) id: SubchannelId,
    /// Its weight, which pickers share for as long as it is connected.
    pub(super) weight: Arc<BackendWeight>,
    /// What its weight counted when the weights were read last; 0 if it was not known.
    scaled: u16,
}

impl ReadyBackend {
    /// Creates a backend whose weight has not been read.
    pub(super) fn new(id: SubchannelId, weight: &Arc<BackendWeight>) -> Self {
        Self {
            id,
            weight: Arc::clone(weight),
            scaled: 0,
        }
    }

    /// Returns true if this is the connection with this weight.
    pub(super) fn is(&self, id: SubchannelId, weight: &Arc<BackendWeight>) -> bool {
        self.id == id && Arc::ptr_eq(&self.weight, weight)
    }
}

/// The ready backends of a sharding.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub(super) list: ReadyList<ReadyBackend>,
    /// What a weight that is not known counts; `None` if all weights counted the same when they were
    /// read last.
    unknown: Option<u16>,
}

impl Ready {
    /// Returns the subchannels of the ready backends, in the order of the list.
    pub(super) fn ids(&self, endpoints: &EndpointSharding<PickFirst>) -> Box<[SubchannelId]> {
        let mut ids = Vec::with_capacity(count(endpoints));
        ids.extend(self.list.in_order(endpoints.slots()).map(|ready| ready.id));
        ids.into()
    }

    /// Reads the weights, and returns the schedule that they ask for now.
    pub(super) fn read(
        &mut self,
        endpoints: &EndpointSharding<PickFirst>,
        now: u64,
        config: &WeightedRoundRobinConfig,
    ) -> Schedule {
        let ready = self.list.in_order(endpoints.slots());
        let weights = ready.map(|backend| backend.weight.current(now, config).ok());
        let weights: Vec<Option<f64>> = weights.collect();
        let scale = Scale::new(&weights);
        self.unknown = scale.as_ref().map(|scale| scale.unknown);
        let Some(scale) = scale else {
            return Schedule::even(weights.len());
        };
        let mut read = weights.iter().zip(&scale.weights);
        for slot in endpoints.slots() {
            if let Some(backend) = self.list.get_mut(slot)
                && let Some((weight, scaled)) = read.next()
            {
                backend.scaled = if weight.is_some() { *scaled } else { 0 };
            }
        }
        Schedule::of_scaled(scale.weights.iter().copied())
    }

    /// Returns the schedule with the weights that were read last, in which new backends count as the
    /// mean. `None` if it is time to read them: there are few, or most of those that were known are
    /// gone.
    pub(super) fn keep(&self, endpoints: &EndpointSharding<PickFirst>) -> Option<Schedule> {
        let count = count(endpoints);
        if count < LARGE {
            return None;
        }
        let Some(unknown) = self.unknown else {
            return Some(Schedule::even(count));
        };
        let (mut known, mut sum) = (0_usize, 0_u64);
        let ready = self.list.in_order(endpoints.slots());
        let scaled = ready.map(|backend| {
            known += usize::from(backend.scaled > 0);
            let scaled = if backend.scaled > 0 {
                backend.scaled
            } else {
                unknown
            };
            sum += u64::from(scaled);
            scaled
        });
        let schedule = Schedule::of_scaled(scaled);
        (known >= 2 && Scale::is_dense(sum, count)).then_some(schedule)
    }

    /// Returns what is to be reported of an update of the scheduler now, except for the labels.
    pub(super) fn report(
        &self,
        endpoints: &EndpointSharding<PickFirst>,
        now: u64,
        config: &WeightedRoundRobinConfig,
    ) -> WeightsUpdate {
        let (mut not_yet_usable, mut stale) = (0, 0);
        let ready = self.list.in_order(endpoints.slots());
        let weights = ready.map(|backend| {
            match backend.weight.state(now, config) {
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
}

/// Returns how many endpoints are ready.
fn count(endpoints: &EndpointSharding<PickFirst>) -> usize {
    endpoints.count(crate::connectivity::ConnectivityState::Ready)
}
