//! The factory of `cds_experimental`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_lb::{Policy, PolicyFactory, PolicyOptions};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::CdsConfig;
use super::policy::Cds;
use crate::policies::names::CDS;

/// Creates [`Cds`] policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct CdsFactory;

impl PolicyFactory for CdsFactory {
    fn name(&self) -> &str {
        CDS
    }

    fn parse_config(
        &self,
        config: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(CdsConfig::parse(config)?))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(Cds::new(options))
    }
}
