//! The policies of this crate, by name.

use crate::least_request::LeastRequestFactory;
use crate::outlier_detection::OutlierDetectionFactory;
use crate::pick_first::PickFirstFactory;
use crate::priority::{PriorityFactory, PriorityGroupsFactory};
use crate::random_subsetting::RandomSubsettingFactory;
use crate::registry::PolicyRegistry;
use crate::ring_hash::RingHashFactory;
use crate::round_robin::RoundRobinFactory;
use crate::static_weights::StaticWeightsFactory;
use crate::weighted_round_robin::WeightedRoundRobinFactory;
use crate::weighted_target::WeightedTargetFactory;
use crate::zone_aware::ZoneAwareFactory;

impl PolicyRegistry {
    /// Creates a registry with all policies of this crate.
    ///
    /// ```
    /// use trunkline_lb::PolicyRegistry;
    ///
    /// let registry = PolicyRegistry::standard();
    /// for name in ["pick_first", "round_robin", "least_request_experimental"] {
    ///     assert!(registry.names().any(|known| known == name));
    /// }
    /// ```
    #[must_use]
    pub fn standard() -> Self {
        Self::empty()
            .with(PickFirstFactory)
            .with(LeastRequestFactory)
            .with(OutlierDetectionFactory)
            .with(RingHashFactory)
            .with(PriorityFactory)
            .with(PriorityGroupsFactory)
            .with(RandomSubsettingFactory)
            .with(RoundRobinFactory)
            .with(StaticWeightsFactory)
            .with(WeightedRoundRobinFactory)
            .with(WeightedTargetFactory)
            .with(ZoneAwareFactory)
    }
}
