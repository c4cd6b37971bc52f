//! The configuration of `xds_cluster_manager_experimental`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{object, required};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyParsers};

use crate::policies::cds::CdsConfig;
use crate::policies::names::CDS;

/// What the name of a child begins with that is for a cluster.
///
/// Source: [gRFC A31](https://github.com/grpc/proposal/blob/master/A31-xds-timeout-support-and-config-selector.md).
const CLUSTER: &str = "cluster:";

/// The configuration of [`ClusterManager`](super::ClusterManager): a policy for each cluster.
///
/// In a service config:
///
/// ```json
/// {
///   "children": {
///     "cluster:NAME": { "childPolicy": [{ "cds_experimental": { "cluster": "NAME" } }] }
///   }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ClusterManagerConfig {
    /// The policies of the clusters, by the name that a call has
    /// ([`ClusterOfCall`](crate::core::ClusterOfCall)). None by default.
    pub children: BTreeMap<Arc<str>, PolicyChoice>,
}

impl ClusterManagerConfig {
    /// Creates a configuration with `cds_experimental` for each of these clusters.
    ///
    /// ```
    /// use trunkline_xds::policies::ClusterManagerConfig;
    ///
    /// let config = ClusterManagerConfig::of_clusters(["orders".into(), "carts".into()]);
    /// assert_eq!(&*config.children["orders"].name, "cds_experimental");
    /// ```
    #[must_use]
    pub fn of_clusters(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        let cds: Arc<str> = CDS.into();
        let children = names.into_iter().map(|cluster| {
            let choice = PolicyChoice {
                name: Arc::clone(&cds),
                config: Arc::new(CdsConfig::new(Arc::clone(&cluster))),
            };
            (cluster, choice)
        });
        Self {
            children: children.collect(),
        }
    }

    /// Adds a cluster, in place of an earlier one of the same name.
    #[must_use]
    pub fn with_child(mut self, cluster: impl Into<Arc<str>>, policy: PolicyChoice) -> Self {
        self.children.insert(cluster.into(), policy);
        self
    }

    /// Reads the JSON of a service config.
    pub(super) fn parse(config: &Value, policies: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        let children = required(object(config)?, "children", |children| {
            let children = object(children)?.iter();
            let entries = children.map(|(name, child)| {
                let choice = object(child).and_then(|child| {
                    required(child, "childPolicy", |list| {
                        PolicyChoice::parse(list, policies)
                    })
                });
                let choice = choice.map_err(|error| error.within(name.as_str()))?;
                let cluster = name.strip_prefix(CLUSTER).unwrap_or(name);
                Ok((Arc::from(cluster), choice))
            });
            entries.collect()
        })?;
        Ok(Self { children })
    }
}
