//! The configuration of `zone_aware`.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{object, optional, string, uint32};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyParsers};

/// The configuration of [`ZoneAware`](crate::ZoneAware).
///
/// In a service config, where all fields may be absent:
///
/// ```json
/// { "zone": "europe-west1-b", "minLocalEndpoints": 2, "childPolicy": [{ "round_robin": {} }] }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ZoneAwareConfig {
    /// The own zone. `None`, the default, for that of the channel
    /// ([`PolicyOptions::zone`](crate::PolicyOptions::zone)).
    pub zone: Option<Arc<str>>,
    /// With fewer ready endpoints, the own zone is not preferred. Default: 1.
    pub min_local_endpoints: NonZeroU32,
    /// The policy for the endpoints of the own zone, and of those of the others. Default in a
    /// service config: `round_robin`.
    pub child_policy: PolicyChoice,
}

impl ZoneAwareConfig {
    /// Creates a configuration with this policy on both sides, and defaults for the rest.
    #[must_use]
    pub fn new(child_policy: PolicyChoice) -> Self {
        Self {
            zone: None,
            min_local_endpoints: NonZeroU32::MIN,
            child_policy,
        }
    }

    /// Sets the own zone. Default: that of the channel.
    #[must_use]
    pub fn with_zone(mut self, zone: impl Into<Arc<str>>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets how many endpoints of the own zone must be ready for it to be preferred. Default: 1.
    #[must_use]
    pub fn with_min_local_endpoints(mut self, endpoints: NonZeroU32) -> Self {
        self.min_local_endpoints = endpoints;
        self
    }

    /// Reads the JSON of a service config; `default` is the policy of both sides where it names
    /// none.
    pub(super) fn parse(
        config: &Value,
        default: PolicyChoice,
        policies: &dyn PolicyParsers,
    ) -> Result<Self, ConfigError> {
        if config.is_null() {
            return Ok(Self::new(default));
        }
        let config = object(config)?;
        let child_policy = optional(config, "childPolicy", |list| {
            PolicyChoice::parse(list, policies)
        })?;
        let zone = optional(config, "zone", |zone| match string(zone)? {
            "" => Err(ConfigError::new("expected the name of a zone, found \"\"")),
            zone => Ok(zone.into()),
        })?;
        let min = optional(config, "minLocalEndpoints", |min| {
            NonZeroU32::new(uint32(min)?).ok_or_else(|| {
                ConfigError::new("expected an integer from 1 to 4294967295, found 0")
            })
        })?;
        Ok(Self {
            zone,
            min_local_endpoints: min.unwrap_or(NonZeroU32::MIN),
            child_policy: child_policy.unwrap_or(default),
        })
    }
}
