//! Listeners and routes of a control plane.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use prost::Message;
use trunkline_endpoint::Attributes;
use trunkline_service_config::{CallInfo, ConfigSelector};
use trunkline_xds::core::ads::ResourceDecoder;
use trunkline_xds::core::resources::{Listener, Resource, RouteConfiguration, VirtualHost};
use trunkline_xds::core::{
    ClusterHold, ClusterOfCall, ClusterReleased, Decoder, ResourceType, RouteSelector,
    RouteVerdict, SelectorOptions, ServerConfig, XdsConfig, explain,
};
use trunkline_xds_proto::envoy::config::listener::v3 as listener;
use trunkline_xds_proto::envoy::config::route::v3 as route;

fn decode(kind: ResourceType, data: &[u8]) -> Option<Resource> {
    let server = Arc::new(ServerConfig::insecure("dns:///plane.example:18000"));
    Decoder::default().decode(kind, data, &server, None).ok()
}

/// A listener is valid or has faults, whatever the bytes are. A valid one is the same without the fields
/// that are not read.
pub fn xds_listener(data: &[u8]) {
    let Some(decoded) = decode(ResourceType::Listener, data) else {
        return;
    };
    let message = listener::Listener::decode(data).expect("a valid listener is a message");
    let again = decode(ResourceType::Listener, &message.encode_to_vec());
    assert_eq!(again.as_ref(), Some(&decoded));
}

/// Routes are valid or have faults, whatever the bytes are. Valid ones are the same without the fields
/// that are not read. The selector takes a route that the explanation of the call has.
pub fn xds_routes(data: &[u8]) {
    let Some(decoded) = decode(ResourceType::RouteConfiguration, data) else {
        return;
    };
    let message = route::RouteConfiguration::decode(data).expect("valid routes are a message");
    let again = decode(ResourceType::RouteConfiguration, &message.encode_to_vec());
    assert_eq!(again.as_ref(), Some(&decoded));
    let Resource::RouteConfiguration(routes) = decoded else {
        panic!("another resource: {decoded:?}");
    };
    for host in &routes.virtual_hosts {
        for domain in &host.domains {
            // The text of a pattern fits the pattern itself, or a better one.
            let authority = domain.to_string().replace('*', "x");
            assert!(routes.virtual_host(&authority).is_some(), "{authority}");
        }
        check_selector(&routes, host);
    }
}

struct Ignored;

impl ClusterReleased for Ignored {
    fn handle_release(&self, _: &Arc<str>) {}
}

fn check_selector(routes: &Arc<RouteConfiguration>, host: &Arc<VirtualHost>) {
    let config = XdsConfig {
        listener: Arc::new(Listener {
            name: "listener".into(),
            api: None,
        }),
        route_config: Arc::clone(routes),
        virtual_host: Arc::clone(host),
        clusters: BTreeMap::new(),
    };
    let hold = |cluster: &Arc<str>| ClusterHold::new(Arc::clone(cluster), Arc::new(Ignored));
    let options = SelectorOptions::new("node".into(), 7);
    let selector = RouteSelector::new(&config, options, hold, |_| true);
    let mut metadata = HeaderMap::new();
    metadata.append("x", HeaderValue::from_static("1"));
    metadata.append("x-env", HeaderValue::from_static("test"));
    metadata.append("x-env", HeaderValue::from_static("other"));
    let attributes = Attributes::new();
    for path in ["/shop.Orders/Get", "/s/m", "/"] {
        let explanation = explain(host, path, &metadata);
        assert!(!explanation.to_string().is_empty());
        let taken = explanation
            .routes
            .iter()
            .filter_map(|route| match &route.verdict {
                RouteVerdict::Taken { clusters, .. } => Some(clusters.as_deref()),
                _ => None,
            });
        let selected = selector.select(&CallInfo::new(path, &metadata, &attributes));
        let Ok(selected) = selected else {
            continue;
        };
        let attributes = selected.attributes.expect("attributes");
        let cluster = attributes.get::<ClusterOfCall>().expect("a cluster");
        let mut clusters = taken.flatten().flatten();
        assert!(clusters.any(|share| share.name == *cluster.cluster()));
    }
}
