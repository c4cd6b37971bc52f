//! The factory of `zone_aware`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyConfig, PolicyParsers};

use super::config::ZoneAwareConfig;
use super::policy::ZoneAware;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};
use crate::round_robin::RoundRobinConfig;

/// Creates [`ZoneAware`] policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct ZoneAwareFactory;

impl PolicyFactory for ZoneAwareFactory {
    fn name(&self) -> &str {
        "zone_aware"
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let default = PolicyChoice {
            name: "round_robin".into(),
            config: Arc::new(RoundRobinConfig),
        };
        Ok(Arc::new(ZoneAwareConfig::parse(config, default, policies)?))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(ZoneAware::new(options))
    }
}
