//! The configuration of `weighted_target`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{Object, object, required, uint32};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyParsers};

/// The configuration of [`WeightedTarget`](crate::WeightedTarget).
///
/// In a service config:
///
/// ```json
/// { "targets": { "NAME": { "weight": 3, "childPolicy": [{ "round_robin": {} }] } } }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WeightedTargetConfig {
    /// The children, by name. None by default: then all calls fail.
    pub targets: BTreeMap<Arc<str>, WeightedTargetEntry>,
}

/// One child of a [`WeightedTargetConfig`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WeightedTargetEntry {
    /// The share of the calls, relative to the weights of the other children that are ready.
    pub weight: NonZeroU32,
    /// The policy of the child.
    pub child_policy: PolicyChoice,
}

impl WeightedTargetConfig {
    /// Adds a child, in place of an earlier one of the same name.
    #[must_use]
    pub fn with_target(
        mut self,
        name: impl Into<Arc<str>>,
        weight: NonZeroU32,
        child_policy: PolicyChoice,
    ) -> Self {
        let entry = WeightedTargetEntry {
            weight,
            child_policy,
        };
        self.targets.insert(name.into(), entry);
        self
    }

    /// Reads the JSON of a service config.
    ///
    /// A weight of 0 is an error, as in C-core and Java: the child would connect and never get a
    /// call.
    pub(super) fn parse(config: &Value, policies: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        let none = Object::new();
        let config = if config.is_null() {
            &none
        } else {
            object(config)?
        };
        let targets = required(config, "targets", |targets| {
            let targets = object(targets)?.iter();
            let entries = targets.map(|(name, target)| {
                let entry = parse_target(target, policies);
                let entry = entry.map_err(|error| error.within(name.as_str()))?;
                Ok((Arc::from(name.as_str()), entry))
            });
            entries.collect()
        });
        targets.map(|targets| Self { targets })
    }
}

fn parse_target(
    target: &Value,
    policies: &dyn PolicyParsers,
) -> Result<WeightedTargetEntry, ConfigError> {
    let target = object(target)?;
    let weight = required(target, "weight", |weight| {
        NonZeroU32::new(uint32(weight)?)
            .ok_or_else(|| ConfigError::new("expected an integer from 1 to 4294967295, found 0"))
    })?;
    let child_policy = required(target, "childPolicy", |list| {
        PolicyChoice::parse(list, policies)
    })?;
    Ok(WeightedTargetEntry {
        weight,
        child_policy,
    })
}
