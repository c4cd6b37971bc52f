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
pub struct CdsFactory {
    has_cluster_security: bool,
}

impl CdsFactory {
    /// Returns the factory of policies whose addresses do not name their cluster.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            has_cluster_security: false,
        }
    }

    /// Sets whether clusters choose the transport security: then each address names its cluster
    /// ([`SecuredBy`](crate::policies::SecuredBy)). Default: false.
    #[must_use]
    pub const fn with_cluster_security(mut self, is_on: bool) -> Self {
        self.has_cluster_security = is_on;
        self
    }
}

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
        Box::new(Cds::new(options).with_cluster_security(self.has_cluster_security))
    }
}
