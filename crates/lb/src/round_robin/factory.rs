//! The configuration and the factory of `round_robin`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::object;
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::policy::RoundRobin;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// The configuration of [`RoundRobin`], which has no field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundRobinConfig;

/// Creates [`RoundRobin`] policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobinFactory;

impl PolicyFactory for RoundRobinFactory {
    fn name(&self) -> &str {
        "round_robin"
    }

    fn parse_config(
        &self,
        config: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        if !config.is_null() {
            object(config)?;
        }
        Ok(Arc::new(RoundRobinConfig))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(RoundRobin::new(options))
    }
}
