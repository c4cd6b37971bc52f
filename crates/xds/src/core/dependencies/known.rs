//! All that is known of the resources of a target.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::output::HostName;
use super::watched::{Resolved, Watched, Watches};
use crate::core::resource_type::ResourceType;
use crate::core::resources::{Cluster, ClusterEndpoints, Listener, RouteConfiguration};

/// All that is known of the resources of a target, and of the names that it resolves.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) listener: Watched<Listener>,
    pub(super) route_configs: Watches<RouteConfiguration>,
    pub(super) clusters: Watches<Cluster>,
    pub(super) endpoints: Watches<ClusterEndpoints>,
    pub(super) names: BTreeMap<HostName, Resolved>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            listener: Watched::default(),
            route_configs: Watches::new(ResourceType::RouteConfiguration),
            clusters: Watches::new(ResourceType::Cluster),
            endpoints: Watches::new(ResourceType::Endpoints),
            names: BTreeMap::new(),
        }
    }
}

impl Known {
    /// Returns the value of a cluster, if it has one.
    pub(super) fn cluster(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.clusters.current(name)?.as_ref().ok()
    }
}
