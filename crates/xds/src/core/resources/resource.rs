//! A resource of any type.

use std::sync::Arc;

use super::cluster::Cluster;
use super::endpoints::ClusterEndpoints;
use super::listener::Listener;
use super::route::RouteConfiguration;
use crate::core::resource_type::ResourceType;

/// A validated resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// A listener.
    Listener(Arc<Listener>),
    /// A route configuration.
    RouteConfiguration(Arc<RouteConfiguration>),
    /// A cluster.
    Cluster(Arc<Cluster>),
    /// The endpoints of a cluster.
    Endpoints(Arc<ClusterEndpoints>),
}

impl Resource {
    /// Returns its type.
    #[must_use]
    pub fn resource_type(&self) -> ResourceType {
        match self {
            Self::Listener(_) => ResourceType::Listener,
            Self::RouteConfiguration(_) => ResourceType::RouteConfiguration,
            Self::Cluster(_) => ResourceType::Cluster,
            Self::Endpoints(_) => ResourceType::Endpoints,
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::Listener(listener) => &listener.name,
            Self::RouteConfiguration(routes) => &routes.name,
            Self::Cluster(cluster) => &cluster.name,
            Self::Endpoints(endpoints) => &endpoints.name,
        }
    }
}
