//! The configuration of `xds_wrr_locality_experimental`.

use serde_json::Value;
use trunkline_service_config::json::{object, required};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyParsers};

/// The configuration of [`WrrLocality`](super::WrrLocality).
///
/// In a service config:
///
/// ```json
/// { "childPolicy": [{ "round_robin": {} }] }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WrrLocalityConfig {
    /// The policy that chooses among the endpoints of a locality.
    pub child_policy: PolicyChoice,
}

impl WrrLocalityConfig {
    /// Creates a configuration with this policy for each locality.
    #[must_use]
    pub fn new(child_policy: PolicyChoice) -> Self {
        Self { child_policy }
    }

    /// Reads the JSON of a service config.
    pub(super) fn parse(config: &Value, policies: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        let child_policy = required(object(config)?, "childPolicy", |list| {
            PolicyChoice::parse(list, policies)
        })?;
        Ok(Self { child_policy })
    }
}
