//! The type URLs of the messages that travel in an [`Any`], and packing them into one.

use prost::Message;
use prost::bytes::Bytes;

use crate::envoy::config::cluster::v3::Cluster;
use crate::envoy::config::core::v3::Address;
use crate::envoy::config::endpoint::v3::ClusterLoadAssignment;
use crate::envoy::config::listener::v3::Listener;
use crate::envoy::config::route::v3::{FilterConfig, RouteConfiguration};
use crate::envoy::extensions::clusters::aggregate::v3::ClusterConfig;
use crate::envoy::extensions::filters::http::fault::v3::HttpFault;
use crate::envoy::extensions::filters::http::router::v3::Router;
use crate::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use crate::envoy::extensions::load_balancing_policies::{
    client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin,
    least_request::v3::LeastRequest, pick_first::v3::PickFirst,
    random_subsetting::v3::RandomSubsetting, ring_hash::v3::RingHash, round_robin::v3::RoundRobin,
    wrr_locality::v3::WrrLocality,
};
use crate::envoy::extensions::transport_sockets::http_11_proxy::v3::Http11ProxyUpstreamTransport;
use crate::envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;
use crate::envoy::service::discovery::v3::Resource;
use crate::google::protobuf::Any;

/// What every type URL here starts with.
pub const PREFIX: &str = "type.googleapis.com/";

/// A message that travels in an [`Any`].
///
/// # Examples
/// ```
/// use trunkline_xds_proto::TypeUrl;
/// use trunkline_xds_proto::envoy::config::listener::v3::Listener;
///
/// let listener = Listener { name: "orders".to_owned(), ..Default::default() };
/// let any = listener.pack();
/// assert_eq!(any.type_url, "type.googleapis.com/envoy.config.listener.v3.Listener");
/// assert_eq!(Listener::unpack(&any), Some(Ok(listener)));
/// ```
pub trait TypeUrl: Message + Default {
    /// The type URL: [`PREFIX`] and the full name of the message.
    const TYPE_URL: &'static str;

    /// Encodes the message into an [`Any`].
    fn pack(&self) -> Any {
        Any {
            type_url: Self::TYPE_URL.to_owned(),
            value: Bytes::from(self.encode_to_vec()),
        }
    }

    /// Decodes the message of this type from `any`. Returns `None` if `any` is of another type.
    ///
    /// Bytes fields of the message share the memory of `any`.
    fn unpack(any: &Any) -> Option<Result<Self, prost::DecodeError>> {
        (any.type_url == Self::TYPE_URL).then(|| Self::decode(any.value.clone()))
    }
}

macro_rules! type_urls {
    ($($constant:ident $message:ty, $name:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: &str = concat!("type.googleapis.com/", $name);

            impl TypeUrl for $message {
                const TYPE_URL: &'static str = $constant;
            }
        )*
    };
}

type_urls! {
    LISTENER Listener, "envoy.config.listener.v3.Listener";
    ROUTE_CONFIGURATION RouteConfiguration, "envoy.config.route.v3.RouteConfiguration";
    CLUSTER Cluster, "envoy.config.cluster.v3.Cluster";
    CLUSTER_LOAD_ASSIGNMENT ClusterLoadAssignment, "envoy.config.endpoint.v3.ClusterLoadAssignment";
    RESOURCE Resource, "envoy.service.discovery.v3.Resource";
    HTTP_CONNECTION_MANAGER HttpConnectionManager,
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    ROUTER Router, "envoy.extensions.filters.http.router.v3.Router";
    HTTP_FAULT HttpFault, "envoy.extensions.filters.http.fault.v3.HTTPFault";
    FILTER_CONFIG FilterConfig, "envoy.config.route.v3.FilterConfig";
    AGGREGATE_CLUSTER ClusterConfig, "envoy.extensions.clusters.aggregate.v3.ClusterConfig";
    UPSTREAM_TLS_CONTEXT UpstreamTlsContext,
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    HTTP_11_PROXY_UPSTREAM_TRANSPORT Http11ProxyUpstreamTransport,
        "envoy.extensions.transport_sockets.http_11_proxy.v3.Http11ProxyUpstreamTransport";
    ROUND_ROBIN RoundRobin, "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin";
    PICK_FIRST PickFirst, "envoy.extensions.load_balancing_policies.pick_first.v3.PickFirst";
    RING_HASH RingHash, "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash";
    LEAST_REQUEST LeastRequest,
        "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest";
    WRR_LOCALITY WrrLocality,
        "envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality";
    CLIENT_SIDE_WEIGHTED_ROUND_ROBIN ClientSideWeightedRoundRobin,
        "envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin";
    RANDOM_SUBSETTING RandomSubsetting,
        "envoy.extensions.load_balancing_policies.random_subsetting.v3.RandomSubsetting";
    TYPED_STRUCT crate::xds::r#type::v3::TypedStruct, "xds.type.v3.TypedStruct";
    UDPA_TYPED_STRUCT crate::udpa::r#type::v1::TypedStruct, "udpa.type.v1.TypedStruct";
    ADDRESS Address, "envoy.config.core.v3.Address";
}
