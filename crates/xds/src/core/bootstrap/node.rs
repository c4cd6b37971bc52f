//! The node: how a client describes itself to servers.

use serde_json::{Map, Value};

/// How the client describes itself to its servers: the `node` of a bootstrap.
///
/// # Examples
///
/// ```
/// use trunkline_xds::core::Node;
///
/// let node = Node::new("orders-7f9c").with_cluster("shop");
/// assert_eq!(node.user_agent_name, "trunkline");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The id of this client among those of the mesh; errors of calls quote it. Default: empty.
    pub id: String,
    /// The cluster that this client belongs to. Default: empty.
    pub cluster: String,
    /// Where this client runs. Default: `None`, which is not sent.
    pub locality: Option<NodeLocality>,
    /// Anything else, as the control plane expects it. Default: empty.
    pub metadata: Map<String, Value>,
    /// The name of the client's implementation. Default: `trunkline`.
    pub user_agent_name: String,
    /// Its version. Default: that of this crate.
    pub user_agent_version: String,
}

/// Where a client runs; each part may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NodeLocality {
    /// The region.
    pub region: String,
    /// The zone of the region.
    pub zone: String,
    /// The part of the zone.
    pub sub_zone: String,
}

impl Node {
    /// Returns a node with this id, and the defaults for everything else.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// Sets the cluster.
    #[must_use]
    pub fn with_cluster(mut self, cluster: impl Into<String>) -> Self {
        self.cluster = cluster.into();
        self
    }

    /// Sets the locality.
    #[must_use]
    pub fn with_locality(mut self, locality: NodeLocality) -> Self {
        self.locality = Some(locality);
        self
    }

    /// Sets the metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets the name and the version of the client's implementation.
    #[must_use]
    pub fn with_user_agent(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.user_agent_name = name.into();
        self.user_agent_version = version.into();
        self
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            id: String::new(),
            cluster: String::new(),
            locality: None,
            metadata: Map::new(),
            user_agent_name: "trunkline".to_owned(),
            user_agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl NodeLocality {
    /// Returns a locality of these parts.
    pub fn new(
        region: impl Into<String>,
        zone: impl Into<String>,
        sub_zone: impl Into<String>,
    ) -> Self {
        Self {
            region: region.into(),
            zone: zone.into(),
            sub_zone: sub_zone.into(),
        }
    }
}
