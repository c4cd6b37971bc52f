//! A picker over the pickers of children with weights.

use std::sync::Arc;

use trunkline_backoff::Rng;

use crate::attempt::AttemptTracker;
use crate::child_trackers::ChildTrackers;
use crate::picker::{Pick, PickRequest, Picker};
use crate::subchannel::SubchannelId;
use crate::weighted_turns::WeightedTurns;

/// Asks children in proportion to their weights.
#[derive(Debug)]
pub(crate) struct WeightedPicker {
    children: Box<[Arc<dyn Picker>]>,
    turns: WeightedTurns,
    trackers: Option<ChildTrackers>,
}

impl WeightedPicker {
    /// Creates a picker over children. Each comes with its weight, its picker, and the subchannels
    /// that it owns.
    pub(crate) fn new<S>(children: Vec<(u64, Arc<dyn Picker>, S)>, rng: &mut Rng) -> Self
    where
        S: IntoIterator<Item = SubchannelId>,
    {
        let weights = children.iter().map(|(weight, _, _)| *weight);
        let turns = WeightedTurns::new(weights, rng);
        let pickers = children.iter().map(|(_, picker, _)| Arc::clone(picker));
        Self {
            children: pickers.collect(),
            turns,
            trackers: ChildTrackers::new(
                children.into_iter().map(|(_, picker, ids)| (picker, ids)),
            ),
        }
    }
}

impl Picker for WeightedPicker {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        match self.turns.next() {
            Some(at) => self.children[at].pick(request),
            None => Pick::Queue,
        }
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        self.trackers.as_ref().map(|trackers| trackers as _)
    }
}
