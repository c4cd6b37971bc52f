//! The policies of this crate, by name.

use crate::pick_first::PickFirstFactory;
use crate::registry::PolicyRegistry;
use crate::round_robin::RoundRobinFactory;

impl PolicyRegistry {
    /// Creates a registry with the policies of this crate: `pick_first` and `round_robin`.
    #[must_use]
    pub fn standard() -> Self {
        Self::empty().with(PickFirstFactory).with(RoundRobinFactory)
    }
}
