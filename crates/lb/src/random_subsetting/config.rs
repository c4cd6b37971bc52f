//! The configuration of `random_subsetting`.

use std::sync::Arc;

use trunkline_service_config::PolicyChoice;

/// The configuration of [`RandomSubsetting`](crate::RandomSubsetting).
///
/// ```
/// use serde_json::json;
/// use trunkline_lb::{
///     PolicyFactory, PolicyRegistry, RandomSubsettingConfig, RandomSubsettingFactory,
/// };
/// use trunkline_service_config::PolicyChoice;
///
/// let policies = PolicyRegistry::standard();
/// let child = json!([{ "round_robin": {} }]);
/// let config = json!({ "subsetSize": 20, "childPolicy": child });
/// let parsed = RandomSubsettingFactory.parse_config(&config, &policies)?;
/// let built = RandomSubsettingConfig::new(20, PolicyChoice::parse(&child, &policies)?);
/// assert!(parsed.equals(&built));
/// # Ok::<(), trunkline_service_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RandomSubsettingConfig {
    /// How many endpoints the child policy gets, if there are more.
    pub subset_size: u32,
    /// The policy that chooses among them.
    pub child: Arc<PolicyChoice>,
}

impl RandomSubsettingConfig {
    /// Creates a configuration; 0 endpoints count as 1.
    #[must_use]
    pub fn new(subset_size: u32, child: PolicyChoice) -> Self {
        Self {
            subset_size: subset_size.max(1),
            child: Arc::new(child),
        }
    }

    /// Sets how many endpoints the child policy gets; 0 counts as 1.
    #[must_use]
    pub fn with_subset_size(mut self, subset_size: u32) -> Self {
        self.subset_size = subset_size.max(1);
        self
    }

    /// Sets the policy that chooses among the endpoints.
    #[must_use]
    pub fn with_child(mut self, child: PolicyChoice) -> Self {
        self.child = Arc::new(child);
        self
    }
}
