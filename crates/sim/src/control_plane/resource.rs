//! The four kinds of resources.

use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::config::cluster::v3::Cluster;
use trunkline_xds_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use trunkline_xds_proto::envoy::config::listener::v3::Listener;
use trunkline_xds_proto::envoy::config::route::v3::RouteConfiguration;

/// A message that a control plane serves by its name.
pub trait Resource: TypeUrl {
    /// Returns the name that clients subscribe to.
    fn name(&self) -> &str;
}

impl Resource for Listener {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Resource for RouteConfiguration {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Resource for Cluster {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Resource for ClusterLoadAssignment {
    fn name(&self) -> &str {
        &self.cluster_name
    }
}
