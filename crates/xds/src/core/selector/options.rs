//! What the selectors of a channel have in common.

use std::sync::Arc;

use trunkline_lb::PickRng;

use super::fault_injection::ActiveFaults;

/// What the selectors of a channel have in common.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SelectorOptions {
    /// The id of the node, for the errors of calls.
    pub node_id: Arc<str>,
    /// The hash of calls whose route hashes the channel: one random number for each channel.
    pub channel_id: u64,
    /// What the draws come from.
    pub rng: Arc<PickRng>,
    /// The count of the faults that are under way. Default: none, then no number of them is too large.
    pub active_faults: Option<Arc<dyn ActiveFaults>>,
}

impl SelectorOptions {
    /// Returns the options of a channel. `seed` is a random number: the channel's id and all draws
    /// come from it.
    #[must_use]
    pub fn new(node_id: Arc<str>, seed: u64) -> Self {
        let rng = PickRng::from_seed(seed);
        Self {
            node_id,
            channel_id: rng.next_number(),
            rng: Arc::new(rng),
            active_faults: None,
        }
    }

    /// Sets the count of the faults that are under way, which the fault filter's limit is compared with.
    /// Default: none.
    #[must_use]
    pub fn with_active_faults(mut self, active: Arc<dyn ActiveFaults>) -> Self {
        self.active_faults = Some(active);
        self
    }
}
