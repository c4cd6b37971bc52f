//! The node: how a client describes itself to servers.

use prost_types::value::Kind;
use serde_json::{Map, Value};
use trunkline_xds_proto::envoy::config::core::v3 as proto;

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

/// What the client does differently than the API's first version expects, sent with each node.
///
/// Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md),
/// xRFC TP3.
const CLIENT_FEATURES: [&str; 2] = [
    "envoy.lb.does_not_support_overprovisioning",
    "xds.config.resource-in-sotw",
];

impl Node {
    /// Returns the message that the first request of a stream of resources has.
    #[must_use]
    pub fn to_proto(&self) -> proto::Node {
        proto::Node {
            id: self.id.clone(),
            cluster: self.cluster.clone(),
            metadata: (!self.metadata.is_empty()).then(|| structure(&self.metadata)),
            locality: self.locality.as_ref().map(|locality| proto::Locality {
                region: locality.region.clone(),
                zone: locality.zone.clone(),
                sub_zone: locality.sub_zone.clone(),
            }),
            user_agent_name: self.user_agent_name.clone(),
            client_features: CLIENT_FEATURES.map(str::to_owned).into(),
            user_agent_version_type: Some(proto::node::UserAgentVersionType::UserAgentVersion(
                self.user_agent_version.clone(),
            )),
        }
    }
}

fn structure(object: &Map<String, Value>) -> prost_types::Struct {
    let field = |(name, value): (&String, &Value)| (name.clone(), to_value(value));
    prost_types::Struct {
        fields: object.iter().map(field).collect(),
    }
}

fn to_value(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        // A number of JSON is a double in protobuf; one that has no double is not made by the parser.
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or(f64::NAN)),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Array(items) => Kind::ListValue(prost_types::ListValue {
            values: items.iter().map(to_value).collect(),
        }),
        Value::Object(object) => Kind::StructValue(structure(object)),
    };
    prost_types::Value { kind: Some(kind) }
}
