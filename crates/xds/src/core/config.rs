//! All resources of a target together.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_endpoint::{AttributeKey, Endpoint};

use super::resources::{Cluster, ClusterEndpoints, Listener, RouteConfiguration, VirtualHost};

/// All that a channel routes by, at one moment: resources that belong together.
///
/// A new one is published only when each cluster that the routes name has its value or its error, so
/// that no call sees a part of a change.
///
/// Source: [gRFC A74](https://github.com/grpc/proposal/blob/master/A74-xds-config-tears.md).
#[derive(Clone, Debug, PartialEq)]
pub struct XdsConfig {
    /// The listener.
    pub listener: Arc<Listener>,
    /// The route configuration, of the listener or of its own.
    pub route_config: Arc<RouteConfiguration>,
    /// The virtual host of the channel's authority.
    pub virtual_host: Arc<VirtualHost>,
    /// The clusters by name: those of the virtual host's routes, those that calls still use, and those
    /// below them.
    pub clusters: BTreeMap<Arc<str>, ClusterEntry>,
}

/// A cluster of a configuration, or why it cannot be used: the error of its calls.
pub type ClusterEntry = Result<Arc<ResolvedCluster>, Arc<str>>;

/// A cluster, and where its backends are.
#[derive(Clone, Debug, PartialEq)]
pub enum ResolvedCluster {
    /// A cluster with backends of its own.
    Leaf {
        /// The cluster.
        cluster: Arc<Cluster>,
        /// The backends.
        endpoints: LeafEndpoints,
        /// What may be out of date, and the node: quoted in the errors of calls.
        note: Arc<str>,
    },
    /// A cluster of other clusters.
    Aggregate {
        /// The cluster.
        cluster: Arc<Cluster>,
        /// The clusters below it that have backends and can be used, in order of priority; at least
        /// one.
        leaves: Arc<[Arc<str>]>,
    },
}

/// The backends of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum LeafEndpoints {
    /// Those that the control plane sent.
    Eds(Arc<ClusterEndpoints>),
    /// The addresses of a host name, as one endpoint; `None` while the name has none.
    LogicalDns(Option<Arc<Endpoint>>),
    /// None, for this reason.
    Missing(Arc<str>),
}

/// The attribute key of the configuration, in the attributes of a resolution.
#[derive(Debug)]
pub enum XdsConfigKey {}

impl AttributeKey for XdsConfigKey {
    type Value = Arc<XdsConfig>;
    const NAME: &'static str = "xds config";
    const IDENTIFIES_CONNECTION: bool = false;
}
