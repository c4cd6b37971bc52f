//! The factory of `xds_cluster_manager_experimental`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_lb::{Policy, PolicyFactory, PolicyOptions};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::ClusterManagerConfig;
use super::policy::ClusterManager;
use crate::policies::names::CLUSTER_MANAGER;

/// Creates [`ClusterManager`] policies.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClusterManagerFactory;

impl PolicyFactory for ClusterManagerFactory {
    fn name(&self) -> &str {
        CLUSTER_MANAGER
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(ClusterManagerConfig::parse(config, policies)?))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(ClusterManager::new(options))
    }
}
