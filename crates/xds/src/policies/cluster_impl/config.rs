//! The configuration of `xds_cluster_impl_experimental`.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{list, object, optional, required, string, uint32};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyParsers};

use crate::core::resources::{DropCategory, Fraction, LoadReporting};

/// The most calls in flight unless the cluster has another limit (gRFC A32).
const DEFAULT_MAX_REQUESTS: u32 = 1024;

/// The configuration of [`ClusterImpl`](super::ClusterImpl).
///
/// In a service config, where all but `cluster` and `childPolicy` may be left out:
///
/// ```json
/// {
///   "cluster": "NAME",
///   "edsServiceName": "NAME",
///   "maxConcurrentRequests": 1024,
///   "maxConnectionsPerHost": 1,
///   "dropCategories": [{ "category": "throttle", "requestsPerMillion": 500000 }],
///   "childPolicy": [{ "round_robin": {} }]
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClusterImplConfig {
    /// The name of the cluster.
    pub cluster: Arc<str>,
    /// The name of its endpoints; empty, the default, if they have none.
    pub service_name: Arc<str>,
    /// The most calls in flight. Default: 1024.
    pub max_requests: u32,
    /// The most connections to an address (gRFC A105). Default: `None`, for the channel's own number.
    pub max_connections_per_host: Option<NonZeroU32>,
    /// The calls that are dropped, in the order in which they are drawn. Default: none.
    pub drops: Vec<DropCategory>,
    /// What is counted for load reports; `None`, the default, for nothing.
    pub load_reporting: Option<LoadReporting>,
    /// The policy that chooses among the endpoints.
    pub child_policy: PolicyChoice,
}

impl ClusterImplConfig {
    /// Creates a configuration with the defaults.
    #[must_use]
    pub fn new(cluster: impl Into<Arc<str>>, child_policy: PolicyChoice) -> Self {
        Self {
            cluster: cluster.into(),
            service_name: Arc::from(""),
            max_requests: DEFAULT_MAX_REQUESTS,
            max_connections_per_host: None,
            drops: Vec::new(),
            load_reporting: None,
            child_policy,
        }
    }

    /// Sets the name of the endpoints. Default: empty, for none.
    #[must_use]
    pub fn with_service_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.service_name = name.into();
        self
    }

    /// Sets the most calls in flight. Default: 1024.
    #[must_use]
    pub fn with_max_requests(mut self, limit: u32) -> Self {
        self.max_requests = limit;
        self
    }

    /// Sets the most connections to an address. Default: `None`, for the channel's own number.
    #[must_use]
    pub fn with_max_connections_per_host(mut self, limit: Option<NonZeroU32>) -> Self {
        self.max_connections_per_host = limit;
        self
    }

    /// Sets the calls that are dropped, in the order in which they are drawn. Default: none.
    #[must_use]
    pub fn with_drops(mut self, drops: Vec<DropCategory>) -> Self {
        self.drops = drops;
        self
    }

    /// Sets what is counted for load reports. Default: nothing.
    #[must_use]
    pub fn with_load_reporting(mut self, reporting: LoadReporting) -> Self {
        self.load_reporting = Some(reporting);
        self
    }

    /// Reads the JSON of a service config.
    pub(super) fn parse(config: &Value, policies: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        let config = object(config)?;
        let cluster = required(config, "cluster", string)?;
        let child_policy = required(config, "childPolicy", |list| {
            PolicyChoice::parse(list, policies)
        })?;
        let service_name = optional(config, "edsServiceName", string)?;
        let limit = optional(config, "maxConcurrentRequests", uint32)?;
        let connections = optional(config, "maxConnectionsPerHost", uint32)?;
        let drops = optional(config, "dropCategories", |drops| list(drops, parse_drop))?;
        Ok(Self::new(cluster, child_policy)
            .with_service_name(service_name.unwrap_or_default())
            .with_max_requests(limit.unwrap_or(DEFAULT_MAX_REQUESTS))
            .with_max_connections_per_host(connections.and_then(NonZeroU32::new))
            .with_drops(drops.unwrap_or_default()))
    }
}

fn parse_drop(category: &Value) -> Result<DropCategory, ConfigError> {
    let category = object(category)?;
    let millionths = required(category, "requestsPerMillion", uint32)?;
    Ok(DropCategory {
        category: required(category, "category", string)?.into(),
        share: Fraction::from_millionths(millionths.into()),
    })
}
