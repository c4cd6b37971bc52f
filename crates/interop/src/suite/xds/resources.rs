//! The resources of the steps, as the JSON of their protos.

use std::net::SocketAddr;

use serde_json::{Value, json};

const PREFIX: &str = "type.googleapis.com/";

const FILTERS: &str = "type.googleapis.com/envoy.extensions.filters.";

pub(super) const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

/// Returns a listener whose routes are the route configuration of this name.
pub(super) fn listener(name: &str, routes: &str) -> Value {
    listener_with(name, routes, &[])
}

/// Returns the same listener, where a part of the calls ends with this gRPC code.
pub(super) fn listener_with_aborts(name: &str, routes: &str, code: u32, percent: u32) -> Value {
    let fault = json!({
        "name": "fault",
        "typed_config": {
            "@type": format!("{FILTERS}http.fault.v3.HTTPFault"),
            "abort": {"grpc_status": code, "percentage": {"numerator": percent}},
        },
    });
    listener_with(name, routes, &[fault])
}

fn listener_with(name: &str, routes: &str, filters: &[Value]) -> Value {
    let mut filters = filters.to_vec();
    filters.push(json!({
        "name": "router",
        "typed_config": {"@type": format!("{FILTERS}http.router.v3.Router")},
    }));
    json!({
        "@type": LISTENER,
        "name": name,
        "api_listener": {"api_listener": {
            "@type": format!("{FILTERS}network.http_connection_manager.v3.HttpConnectionManager"),
            "rds": {"route_config_name": routes, "config_source": {"ads": {}}},
            "http_filters": filters,
        }},
    })
}

/// Returns a route configuration with one virtual host for all domains.
pub(super) fn routes(name: &str, routes: &Value) -> Value {
    json!({
        "@type": format!("{PREFIX}envoy.config.route.v3.RouteConfiguration"),
        "name": name,
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
    })
}

/// Returns a route of all calls to one cluster.
pub(super) fn route(cluster: &str) -> Value {
    json!({"match": {"prefix": ""}, "route": {"cluster": cluster}})
}

/// Returns a route of all calls to clusters with weights, which sends a call again that ends with UNAVAILABLE.
pub(super) fn weighted_route(clusters: &[(&str, u32)]) -> Value {
    let clusters = clusters.iter();
    let clusters = clusters.map(|(name, weight)| json!({"name": name, "weight": weight}));
    json!({"match": {"prefix": ""}, "route": {
        "weighted_clusters": {"clusters": clusters.collect::<Value>()},
        "retry_policy": {"retry_on": "unavailable", "num_retries": 3},
    }})
}

/// Returns an EDS cluster with round_robin in each locality.
pub(super) fn cluster(name: &str) -> Value {
    json!({
        "@type": format!("{PREFIX}envoy.config.cluster.v3.Cluster"),
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": {"ads": {}}},
        "lb_policy": "ROUND_ROBIN",
    })
}

/// Returns the same cluster, whose load is reported to the control plane.
pub(super) fn reporting_cluster(name: &str) -> Value {
    let mut cluster = cluster(name);
    cluster["lrs_server"] = json!({"self": {}});
    cluster
}

/// Returns a cluster of clusters, in the order in which they are tried.
pub(super) fn aggregate(name: &str, clusters: &[&str]) -> Value {
    let config = format!("{PREFIX}envoy.extensions.clusters.aggregate.v3.ClusterConfig");
    json!({
        "@type": format!("{PREFIX}envoy.config.cluster.v3.Cluster"),
        "name": name,
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {"@type": config, "clusters": clusters},
        },
        "lb_policy": "ROUND_ROBIN",
    })
}

/// Returns a cluster whose endpoint is found in the DNS.
pub(super) fn dns_cluster(name: &str, host: &str, port: u16) -> Value {
    let address = json!({"socket_address": {"address": host, "port_value": port}});
    let endpoint = json!({"endpoint": {"address": address}});
    json!({
        "@type": format!("{PREFIX}envoy.config.cluster.v3.Cluster"),
        "name": name,
        "type": "LOGICAL_DNS",
        "lb_policy": "ROUND_ROBIN",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    })
}

/// Returns one endpoint, which has all of these addresses.
pub(super) fn endpoint(addresses: &[SocketAddr]) -> Value {
    let address = |address: &SocketAddr| {
        json!({"socket_address": {
            "address": address.ip().to_string(),
            "port_value": address.port(),
        }})
    };
    let mut addresses = addresses.iter().map(address);
    let mut endpoint = json!({"address": addresses.next()});
    let more: Vec<_> = addresses.map(|more| json!({"address": more})).collect();
    if !more.is_empty() {
        endpoint["additional_addresses"] = more.into();
    }
    json!({"endpoint": endpoint})
}

/// The endpoints of one locality.
pub(super) struct Locality<'a> {
    pub(super) zone: &'static str,
    pub(super) weight: u32,
    pub(super) priority: u32,
    pub(super) endpoints: &'a [SocketAddr],
}

/// Returns the endpoints of a cluster.
pub(super) fn endpoints(cluster: &str, localities: &[Locality<'_>]) -> Value {
    let localities = localities.iter().map(|locality| {
        let endpoints = locality.endpoints.iter();
        let endpoints = endpoints.map(|address| endpoint(&[*address]));
        json!({
            "locality": {"region": "here", "zone": locality.zone},
            "load_balancing_weight": locality.weight,
            "priority": locality.priority,
            "lb_endpoints": endpoints.collect::<Value>(),
        })
    });
    assignment(cluster, &localities.collect())
}

/// Returns the endpoints of a cluster, as a list of localities.
pub(super) fn assignment(cluster: &str, localities: &Value) -> Value {
    json!({
        "@type": format!("{PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment"),
        "cluster_name": cluster,
        "endpoints": localities,
    })
}
