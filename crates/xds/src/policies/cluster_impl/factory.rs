//! The factory of `xds_cluster_impl_experimental`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_lb::{Policy, PolicyFactory, PolicyOptions};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::ClusterImplConfig;
use super::policy::ClusterImpl;
use crate::policies::counters::ClusterCounters;
use crate::policies::names::CLUSTER_IMPL;

/// Creates [`ClusterImpl`] policies, which share their counts.
#[derive(Clone, Debug, Default)]
pub struct ClusterImplFactory {
    counters: ClusterCounters,
}

impl ClusterImplFactory {
    /// Creates a factory of policies that count the calls in flight in `counters`.
    #[must_use]
    pub fn new(counters: ClusterCounters) -> Self {
        Self { counters }
    }
}

impl PolicyFactory for ClusterImplFactory {
    fn name(&self) -> &str {
        CLUSTER_IMPL
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(ClusterImplConfig::parse(config, policies)?))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(ClusterImpl::new(options, self.counters.clone()))
    }
}
