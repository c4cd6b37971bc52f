//! Short ways to the usual resources. Each returns the plain message, so that a test can change any
//! field of it.

use std::net::SocketAddr;

use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::config::cluster::v3 as cluster_v3;
use trunkline_xds_proto::envoy::config::cluster::v3::Cluster;
use trunkline_xds_proto::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, CustomClusterType, DiscoveryType, EdsClusterConfig,
};
use trunkline_xds_proto::envoy::config::core::v3::address::Address as AddressKind;
use trunkline_xds_proto::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use trunkline_xds_proto::envoy::config::core::v3::socket_address::PortSpecifier;
use trunkline_xds_proto::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ConfigSource, Locality, SocketAddress, TypedExtensionConfig,
};
use trunkline_xds_proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use trunkline_xds_proto::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
};
use trunkline_xds_proto::envoy::config::listener::v3::{ApiListener, Listener};
use trunkline_xds_proto::envoy::config::route::v3::route::Action;
use trunkline_xds_proto::envoy::config::route::v3::route_action::ClusterSpecifier;
use trunkline_xds_proto::envoy::config::route::v3::route_match::PathSpecifier;
use trunkline_xds_proto::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use trunkline_xds_proto::envoy::config::route::v3::{
    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster,
};
use trunkline_xds_proto::envoy::extensions::clusters::aggregate::v3::ClusterConfig;
use trunkline_xds_proto::envoy::extensions::filters::http::router::v3::Router;
use trunkline_xds_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use trunkline_xds_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_filter::ConfigType;
use trunkline_xds_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds,
};
use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryResponse;

use super::resource::Resource;

/// Returns a response with these resources, as [`ControlPlane::send`](super::ControlPlane::send)
/// takes it.
pub fn response<R: Resource>(
    version: &str,
    nonce: &str,
    resources: impl IntoIterator<Item = R>,
) -> DiscoveryResponse {
    DiscoveryResponse {
        version_info: version.to_owned(),
        nonce: nonce.to_owned(),
        type_url: R::TYPE_URL.to_owned(),
        resources: resources.into_iter().map(|it| it.pack()).collect(),
        ..DiscoveryResponse::default()
    }
}

/// Returns the source "the same stream".
pub fn ads() -> ConfigSource {
    ConfigSource {
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
    }
}

/// Returns a listener whose routes are in the route configuration `routes`, with the router filter
/// alone.
pub fn listener(name: &str, routes: &str) -> Listener {
    listener_of(name, &http_connection_manager(routes))
}

/// Returns a listener with its routes in it.
pub fn inline_listener(name: &str, routes: RouteConfiguration) -> Listener {
    let manager = HttpConnectionManager {
        route_specifier: Some(RouteSpecifier::RouteConfig(routes)),
        ..http_connection_manager("")
    };
    listener_of(name, &manager)
}

/// Returns a listener with this connection manager.
pub fn listener_of(name: &str, manager: &HttpConnectionManager) -> Listener {
    Listener {
        name: name.to_owned(),
        api_listener: Some(ApiListener {
            api_listener: Some(manager.pack()),
        }),
    }
}

/// Returns a connection manager whose routes are in the route configuration `routes`, with the
/// router filter alone.
pub fn http_connection_manager(routes: &str) -> HttpConnectionManager {
    HttpConnectionManager {
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: routes.to_owned(),
        })),
        http_filters: vec![http_filter("router", &Router {})],
        ..HttpConnectionManager::default()
    }
}

/// Returns a filter.
pub fn http_filter(name: &str, config: &impl TypeUrl) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config.pack())),
        ..HttpFilter::default()
    }
}

/// Returns a route configuration with one virtual host, for all domains.
pub fn route_configuration(
    name: &str,
    routes: impl IntoIterator<Item = Route>,
) -> RouteConfiguration {
    RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: vec![virtual_host("all", ["*"], routes)],
    }
}

/// Returns a virtual host.
pub fn virtual_host<'a>(
    name: &str,
    domains: impl IntoIterator<Item = &'a str>,
    routes: impl IntoIterator<Item = Route>,
) -> VirtualHost {
    VirtualHost {
        name: name.to_owned(),
        domains: domains.into_iter().map(str::to_owned).collect(),
        routes: routes.into_iter().collect(),
        ..VirtualHost::default()
    }
}

/// Returns a route from the paths with this prefix to a cluster.
pub fn route(prefix: &str, cluster: &str) -> Route {
    let cluster = ClusterSpecifier::Cluster(cluster.to_owned());
    route_of(prefix, route_action(cluster))
}

/// Returns a route from the paths with this prefix to clusters by weight.
pub fn weighted_route<'a>(
    prefix: &str,
    clusters: impl IntoIterator<Item = (&'a str, u32)>,
) -> Route {
    let clusters = clusters.into_iter().map(|(name, weight)| ClusterWeight {
        name: name.to_owned(),
        weight: Some(weight),
        ..ClusterWeight::default()
    });
    let clusters = WeightedCluster {
        clusters: clusters.collect(),
    };
    route_of(
        prefix,
        route_action(ClusterSpecifier::WeightedClusters(clusters)),
    )
}

/// Returns a route from the paths with this prefix, with this action.
pub fn route_of(prefix: &str, action: RouteAction) -> Route {
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix(prefix.to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(Action::Route(action)),
        ..Route::default()
    }
}

fn route_action(cluster: ClusterSpecifier) -> RouteAction {
    RouteAction {
        cluster_specifier: Some(cluster),
        ..RouteAction::default()
    }
}

/// Returns a cluster with the endpoints of its own name, and the policy ROUND_ROBIN.
pub fn cluster(name: &str) -> Cluster {
    Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: Some(ads()),
            service_name: String::new(),
        }),
        ..Cluster::default()
    }
}

/// Returns a cluster with the endpoints of the name `endpoints`, and the policy ROUND_ROBIN.
pub fn cluster_with_endpoints(name: &str, endpoints: &str) -> Cluster {
    let mut cluster = cluster(name);
    if let Some(eds) = &mut cluster.eds_cluster_config {
        endpoints.clone_into(&mut eds.service_name);
    }
    cluster
}

/// Returns a cluster of clusters, in the order in which they are tried.
pub fn aggregate_cluster<'a>(name: &str, clusters: impl IntoIterator<Item = &'a str>) -> Cluster {
    let config = ClusterConfig {
        clusters: clusters.into_iter().map(str::to_owned).collect(),
    };
    Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::ClusterType(CustomClusterType {
            name: "envoy.clusters.aggregate".to_owned(),
            typed_config: Some(config.pack()),
        })),
        ..Cluster::default()
    }
}

/// Returns a cluster whose endpoint is found in the DNS.
pub fn dns_cluster(name: &str, host: &str, port: u32) -> Cluster {
    let endpoint = endpoint_at(address(host, port));
    let assignment = assignment(name, [locality_endpoints(Locality::default(), [endpoint])]);
    Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::LogicalDns.into())),
        load_assignment: Some(assignment),
        ..Cluster::default()
    }
}

/// Returns a load balancing policy, as [`Cluster::load_balancing_policy`] has it.
pub fn policy(config: &impl TypeUrl) -> cluster_v3::LoadBalancingPolicy {
    cluster_v3::LoadBalancingPolicy {
        policies: vec![cluster_v3::load_balancing_policy::Policy {
            typed_extension_config: Some(TypedExtensionConfig {
                name: "policy".to_owned(),
                typed_config: Some(config.pack()),
            }),
        }],
    }
}

/// Returns the endpoints of a cluster, in one locality.
pub fn endpoints(
    name: &str,
    addresses: impl IntoIterator<Item = SocketAddr>,
) -> ClusterLoadAssignment {
    let endpoints = addresses.into_iter().map(endpoint);
    let locality = locality("region", "zone", "");
    assignment(name, [locality_endpoints(locality, endpoints)])
}

/// Returns the endpoints of a cluster.
pub fn assignment(
    name: &str,
    localities: impl IntoIterator<Item = LocalityLbEndpoints>,
) -> ClusterLoadAssignment {
    ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints: localities.into_iter().collect(),
        policy: None,
    }
}

/// Returns the endpoints of a locality, with the weight 1 and the priority 0.
pub fn locality_endpoints(
    locality: Locality,
    endpoints: impl IntoIterator<Item = LbEndpoint>,
) -> LocalityLbEndpoints {
    LocalityLbEndpoints {
        locality: Some(locality),
        lb_endpoints: endpoints.into_iter().collect(),
        load_balancing_weight: Some(1),
        priority: 0,
    }
}

/// Returns a locality.
pub fn locality(region: &str, zone: &str, sub_zone: &str) -> Locality {
    Locality {
        region: region.to_owned(),
        zone: zone.to_owned(),
        sub_zone: sub_zone.to_owned(),
    }
}

/// Returns an endpoint with one address.
pub fn endpoint(at: SocketAddr) -> LbEndpoint {
    endpoint_at(address(&at.ip().to_string(), u32::from(at.port())))
}

fn endpoint_at(address: Address) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(address),
            ..Endpoint::default()
        })),
        ..LbEndpoint::default()
    }
}

/// Returns the address of a TCP socket.
pub fn address(host: &str, port: u32) -> Address {
    Address {
        address: Some(AddressKind::SocketAddress(SocketAddress {
            address: host.to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(port)),
            ..SocketAddress::default()
        })),
    }
}
