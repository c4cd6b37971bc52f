//! The factory of `random_subsetting`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{Object, expected, object, required, uint32};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyConfig, PolicyParsers};

use super::config::RandomSubsettingConfig;
use super::policy::RandomSubsetting;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// Creates [`RandomSubsetting`] policies: `random_subsetting_experimental` in a service config.
///
/// Its fields are `subsetSize`, above 0, and `childPolicy`. Both must be present.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomSubsettingFactory;

impl PolicyFactory for RandomSubsettingFactory {
    fn name(&self) -> &str {
        "random_subsetting_experimental"
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let none = Object::new();
        let fields = if config.is_null() {
            &none
        } else {
            object(config)?
        };
        let subset_size = required(fields, "subsetSize", |value| match uint32(value)? {
            0 => Err(expected("an integer above 0", value)),
            size => Ok(size),
        })?;
        let child = required(fields, "childPolicy", |list| {
            PolicyChoice::parse(list, policies)
        })?;
        Ok(Arc::new(RandomSubsettingConfig::new(subset_size, child)))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(RandomSubsetting::new(options))
    }
}
