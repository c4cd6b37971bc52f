//! The configuration and the factory of `static_weights`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::object;
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyConfig, PolicyParsers};

use super::policy::StaticWeights;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// The configuration of [`StaticWeights`], which has no field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaticWeightsConfig;

/// Creates [`StaticWeights`] policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct StaticWeightsFactory;

impl StaticWeightsFactory {
    /// The name in a service config.
    pub const NAME: &'static str = "static_weights";

    /// Returns the choice of this policy.
    #[must_use]
    pub fn choice() -> PolicyChoice {
        PolicyChoice {
            name: Self::NAME.into(),
            config: Arc::new(StaticWeightsConfig),
        }
    }
}

impl PolicyFactory for StaticWeightsFactory {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn parse_config(
        &self,
        config: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        if !config.is_null() {
            object(config)?;
        }
        Ok(Arc::new(StaticWeightsConfig))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(StaticWeights::new(options))
    }
}
