//! The types of resources that a gRPC client asks for.

use std::fmt;

/// A type of resources.
///
/// The order is that in which a new stream asks for them (xDS calls it *make before break*): a
/// resource names resources of a later type, never of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// Listeners (LDS): the entry of a target.
    Listener,
    /// Route configurations (RDS).
    RouteConfiguration,
    /// Clusters (CDS).
    Cluster,
    /// The endpoints of clusters (EDS).
    Endpoints,
}

impl ResourceType {
    /// All types, in the order in which a new stream asks for them.
    pub const ALL: [Self; 4] = [
        Self::Listener,
        Self::RouteConfiguration,
        Self::Cluster,
        Self::Endpoints,
    ];

    /// Returns the name of the type's message, such as `envoy.config.listener.v3.Listener`.
    #[must_use]
    pub const fn message_name(self) -> &'static str {
        match self {
            Self::Listener => "envoy.config.listener.v3.Listener",
            Self::RouteConfiguration => "envoy.config.route.v3.RouteConfiguration",
            Self::Cluster => "envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "envoy.config.endpoint.v3.ClusterLoadAssignment",
        }
    }

    /// Returns the URL of the type, as requests and responses have it:
    /// `type.googleapis.com/` and the name of the message.
    #[must_use]
    pub const fn url(self) -> &'static str {
        match self {
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::RouteConfiguration => {
                "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
            }
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        }
    }

    /// Returns the type with this URL, or `None` if it is another one.
    #[must_use]
    pub fn from_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.url() == url)
    }

    /// Returns whether a response has the whole state of the type, so that a resource which is
    /// missing in it was deleted. True for listeners and clusters.
    #[must_use]
    pub const fn is_whole_state(self) -> bool {
        matches!(self, Self::Listener | Self::Cluster)
    }
}

impl fmt::Display for ResourceType {
    /// Prints the word that error texts have for a resource of this type: `listener`,
    /// `route configuration`, `cluster`, `endpoints`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listener => "listener",
            Self::RouteConfiguration => "route configuration",
            Self::Cluster => "cluster",
            Self::Endpoints => "endpoints",
        })
    }
}
