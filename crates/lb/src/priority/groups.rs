//! The configuration of `priority_groups`.

use serde_json::Value;
use trunkline_service_config::json::{object, optional};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyParsers};

/// The configuration of `priority_groups`, the [`Priority`](crate::Priority) whose children are the
/// groups of endpoints with the same
/// [`PriorityGroup`](trunkline_endpoint::PriorityGroup), the lowest number first. An endpoint
/// without one belongs to group 0.
///
/// An extension of this crate, for SRV records (RFC 2782). A channel uses it around its policy where
/// endpoints have that attribute. In a service config:
///
/// ```json
/// { "childPolicy": [{ "round_robin": {} }] }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PriorityGroupsConfig {
    /// The policy of each group. Default in a service config: `static_weights`.
    pub child_policy: PolicyChoice,
}

impl PriorityGroupsConfig {
    /// Creates a configuration with this policy in each group.
    #[must_use]
    pub fn new(child_policy: PolicyChoice) -> Self {
        Self { child_policy }
    }

    /// Reads the JSON of a service config; `default` is the policy of groups where it names none.
    pub(super) fn parse(
        config: &Value,
        default: PolicyChoice,
        policies: &dyn PolicyParsers,
    ) -> Result<Self, ConfigError> {
        let child_policy = match config {
            Value::Null => None,
            config => optional(object(config)?, "childPolicy", |list| {
                PolicyChoice::parse(list, policies)
            })?,
        };
        Ok(Self::new(child_policy.unwrap_or(default)))
    }
}
