//! The factory of `weighted_target`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::WeightedTargetConfig;
use super::policy::WeightedTarget;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// Creates [`WeightedTarget`] policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightedTargetFactory;

impl PolicyFactory for WeightedTargetFactory {
    fn name(&self) -> &str {
        "weighted_target_experimental"
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(WeightedTargetConfig::parse(config, policies)?))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(WeightedTarget::new(options))
    }
}
