//! The configuration of `round_robin`, and its factory.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::object;
use trunkline_service_config::{ConfigError, PolicyConfig};

use super::RoundRobin;
use crate::{Policy, PolicyFactory, PolicyOptions};

/// What `round_robin` can be told: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundRobinConfig;

/// Makes [`RoundRobin`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobinFactory;

impl PolicyFactory for RoundRobinFactory {
    fn name(&self) -> &str {
        "round_robin"
    }

    fn parse_config(&self, config: &Value) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        if !config.is_null() {
            object(config)?;
        }
        Ok(Arc::new(RoundRobinConfig))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(RoundRobin::new(options))
    }
}
