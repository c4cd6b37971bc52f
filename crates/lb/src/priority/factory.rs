//! The factories of `priority` and `priority_groups`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::PriorityConfig;
use super::groups::PriorityGroupsConfig;
use super::policy::Priority;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};
use crate::static_weights::StaticWeightsFactory;

/// Creates [`Priority`] policies with a [`PriorityConfig`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PriorityFactory;

impl PolicyFactory for PriorityFactory {
    fn name(&self) -> &str {
        "priority_experimental"
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(PriorityConfig::parse(config, policies)?))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(Priority::new(options))
    }
}

/// Creates [`Priority`] policies with a [`PriorityGroupsConfig`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PriorityGroupsFactory;

impl PriorityGroupsFactory {
    /// The name in a service config.
    pub const NAME: &'static str = "priority_groups";
}

impl PolicyFactory for PriorityGroupsFactory {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let default = StaticWeightsFactory::choice();
        let config = PriorityGroupsConfig::parse(config, default, policies)?;
        Ok(Arc::new(config))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(Priority::new(options))
    }
}
