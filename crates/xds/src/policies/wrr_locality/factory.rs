//! The factory of `xds_wrr_locality_experimental`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_lb::{Policy, PolicyFactory, PolicyOptions};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::WrrLocalityConfig;
use super::policy::WrrLocality;
use crate::policies::names::WRR_LOCALITY;

/// Creates [`WrrLocality`] policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct WrrLocalityFactory;

impl PolicyFactory for WrrLocalityFactory {
    fn name(&self) -> &str {
        WRR_LOCALITY
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(WrrLocalityConfig::parse(config, policies)?))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(WrrLocality::new(options))
    }
}
