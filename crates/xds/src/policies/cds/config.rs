//! The configuration of `cds_experimental`.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::ConfigError;
use trunkline_service_config::json::{boolean, object, optional, required, string};

/// The configuration of [`Cds`](super::Cds).
///
/// In a service config, where `isDynamic` may be left out:
///
/// ```json
/// { "cluster": "NAME", "isDynamic": false }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CdsConfig {
    /// The name of the cluster.
    pub cluster: Arc<str>,
    /// Whether the cluster was asked for by a policy and not by a route, so that it may be missing in
    /// the channel's configuration at first. Default: false.
    pub is_dynamic: bool,
}

impl CdsConfig {
    /// Creates the configuration of a cluster that a route names.
    #[must_use]
    pub fn new(cluster: impl Into<Arc<str>>) -> Self {
        Self {
            cluster: cluster.into(),
            is_dynamic: false,
        }
    }

    /// Sets whether the cluster may be missing in the channel's configuration at first. Default: false.
    #[must_use]
    pub fn with_dynamic(mut self, is_dynamic: bool) -> Self {
        self.is_dynamic = is_dynamic;
        self
    }

    /// Reads the JSON of a service config.
    pub(super) fn parse(config: &Value) -> Result<Self, ConfigError> {
        let config = object(config)?;
        let cluster = required(config, "cluster", string)?;
        let is_dynamic = optional(config, "isDynamic", boolean)?;
        Ok(Self::new(cluster).with_dynamic(is_dynamic.unwrap_or_default()))
    }
}
