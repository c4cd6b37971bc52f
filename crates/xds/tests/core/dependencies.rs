//! From a target to all resources that its calls need.

use std::sync::Arc;

use trunkline_endpoint::Endpoint;
use trunkline_service_config::PolicyChoice;
use trunkline_xds::core::dependencies::{DependencyManager, DependencyOutput, HostName};
use trunkline_xds::core::resources::{
    ApiListener, Cluster, ClusterEndpoints, ClusterKind, Domain, FilterConfig, ForwardAction,
    HttpFilter, Listener, PathMatcher, Resource, Route, RouteAction, RouteConfiguration,
    RouteSource, VirtualHost, WeightedCluster,
};
use trunkline_xds::core::{
    LeafEndpoints, ResolvedCluster, ResourceError, ResourceErrorKind, ResourceType, XdsConfig,
};

const L: ResourceType = ResourceType::Listener;
const R: ResourceType = ResourceType::RouteConfiguration;
const C: ResourceType = ResourceType::Cluster;
const E: ResourceType = ResourceType::Endpoints;

/// A manager of the target `orders`, and what it asked for.
struct Harness {
    manager: DependencyManager,
    /// The last configuration, or the last failure.
    last: Option<Result<Arc<XdsConfig>, String>>,
}

impl Harness {
    /// Returns a manager that watches its listener.
    fn new() -> Self {
        let mut harness = Self {
            manager: DependencyManager::new("orders", "orders", "node-1"),
            last: None,
        };
        assert_eq!(harness.outputs(), ["watch listener orders"]);
        harness
    }

    /// Returns a manager whose routes name the cluster `a`, which has endpoints.
    fn with_config() -> Self {
        let mut harness = Self::new();
        harness.set(listener("routes"));
        harness.set(routes(&["a"]));
        harness.set(eds("a"));
        assert_eq!(harness.set(endpoints("a")), ["publish a"]);
        harness
    }

    fn set(&mut self, resource: Resource) -> Vec<String> {
        let name = Arc::clone(resource.name());
        let kind = resource.resource_type();
        self.manager.handle_changed(kind, &name, Ok(resource));
        self.outputs()
    }

    fn fail(&mut self, kind: ResourceType, name: &str, error: ResourceErrorKind) -> Vec<String> {
        self.manager.handle_changed(kind, name, Err(error.into()));
        self.outputs()
    }

    fn ambient(
        &mut self,
        kind: ResourceType,
        name: &str,
        error: Option<ResourceErrorKind>,
    ) -> Vec<String> {
        let error = error.map(ResourceError::from);
        self.manager.handle_ambient(kind, name, error);
        self.outputs()
    }

    /// Returns a line for each action.
    fn outputs(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(output) = self.manager.poll_output() {
            lines.push(match output {
                DependencyOutput::Watch(kind, name) => format!("watch {kind} {name}"),
                DependencyOutput::Unwatch(kind, name) => format!("unwatch {kind} {name}"),
                DependencyOutput::Resolve(name) => format!("resolve {}:{}", name.host, name.port),
                DependencyOutput::StopResolving(name) => {
                    format!("stop resolving {}:{}", name.host, name.port)
                }
                DependencyOutput::Publish(config) => {
                    let names: Vec<&str> = config.clusters.keys().map(|name| &**name).collect();
                    let line = format!("publish {}", names.join(" "));
                    self.last = Some(Ok(config));
                    line
                }
                DependencyOutput::Fail(text) => {
                    self.last = Some(Err(text.to_string()));
                    format!("fail: {text}")
                }
                other => panic!("an unknown action: {other:?}"),
            });
        }
        lines
    }

    fn config(&self) -> &Arc<XdsConfig> {
        match &self.last {
            Some(Ok(config)) => config,
            other => panic!("no configuration: {other:?}"),
        }
    }

    fn note(&self, cluster: &str) -> &str {
        match &self.config().clusters[cluster] {
            Ok(resolved) => match &**resolved {
                ResolvedCluster::Leaf { note, .. } => note,
                ResolvedCluster::Aggregate { .. } => panic!("{cluster} is an aggregate"),
            },
            Err(error) => panic!("{cluster}: {error}"),
        }
    }

    fn leaves(&self, cluster: &str) -> Vec<&str> {
        match &self.config().clusters[cluster] {
            Ok(resolved) => match &**resolved {
                ResolvedCluster::Aggregate { leaves, .. } => leaves.iter().map(|n| &**n).collect(),
                ResolvedCluster::Leaf { .. } => panic!("{cluster} is a leaf"),
            },
            Err(error) => panic!("{cluster}: {error}"),
        }
    }

    fn error(&self, cluster: &str) -> &str {
        match &self.config().clusters[cluster] {
            Ok(resolved) => panic!("{cluster}: {resolved:?}"),
            Err(error) => error,
        }
    }
}

fn listener(routes: &str) -> Resource {
    listener_with(RouteSource::Rds(routes.into()))
}

fn listener_with(routes: RouteSource) -> Resource {
    let router = HttpFilter {
        name: "router".into(),
        config: FilterConfig::Router,
        is_disabled: false,
    };
    Resource::Listener(Arc::new(Listener {
        name: "orders".into(),
        api: Some(ApiListener {
            routes,
            max_stream_duration: None,
            http_filters: vec![router],
        }),
    }))
}

fn routes(clusters: &[&str]) -> Resource {
    Resource::RouteConfiguration(Arc::new(route_configuration("orders", clusters)))
}

/// Returns a route configuration whose virtual host for `domain` names these clusters.
fn route_configuration(domain: &str, clusters: &[&str]) -> RouteConfiguration {
    let weighted = clusters.iter().map(|name| WeightedCluster {
        name: (*name).into(),
        weight: 1,
        filter_overrides: Default::default(),
    });
    let route = Route {
        index: 0,
        name: "".into(),
        path: PathMatcher::Prefix {
            text: "".into(),
            ignore_case: false,
        },
        headers: Vec::new(),
        fraction: None,
        action: RouteAction::Forward(ForwardAction {
            clusters: weighted.collect(),
            max_stream_duration: None,
            retry: None,
            hash_policies: Vec::new(),
            auto_host_rewrite: false,
        }),
        filter_overrides: Default::default(),
    };
    let host = VirtualHost {
        name: "host".into(),
        domains: vec![Domain::Exact(domain.into())],
        routes: vec![route],
        skipped_routes: Vec::new(),
        filter_overrides: Default::default(),
    };
    RouteConfiguration {
        name: "routes".into(),
        virtual_hosts: vec![Arc::new(host)],
    }
}

fn cluster(name: &str, kind: ClusterKind) -> Resource {
    Resource::Cluster(Arc::new(Cluster {
        name: name.into(),
        kind,
        lb_policy: PolicyChoice {
            name: "round_robin".into(),
            config: Arc::new(()),
        },
        max_requests: 1024,
        max_connections_per_host: None,
        outlier_detection: None,
        load_reporting: None,
        tls: None,
        http11_proxy: false,
        service_name_label: "unknown".into(),
        service_namespace_label: "unknown".into(),
    }))
}

/// Returns a cluster whose endpoints have its own name.
fn eds(name: &str) -> Resource {
    let service_name = name.into();
    cluster(name, ClusterKind::Eds { service_name })
}

fn aggregate(name: &str, clusters: &[&str]) -> Resource {
    let clusters = clusters.iter().map(|name| Arc::from(*name)).collect();
    cluster(name, ClusterKind::Aggregate { clusters })
}

fn logical_dns(name: &str, host: &str) -> Resource {
    let host = host.into();
    cluster(name, ClusterKind::LogicalDns { host, port: 443 })
}

fn endpoints(name: &str) -> Resource {
    Resource::Endpoints(Arc::new(ClusterEndpoints {
        name: name.into(),
        priorities: Vec::new(),
        drops: Vec::new(),
    }))
}

fn host(name: &str) -> HostName {
    HostName {
        host: name.into(),
        port: 443,
    }
}

fn endpoint(address: &str) -> Arc<Endpoint> {
    let address: std::net::SocketAddr = address.parse().expect("an address");
    Arc::new(Endpoint::new([address]))
}

/// "Watches listener, then route configuration, then the clusters, then for each EDS cluster its endpoints.
/// Publishes one immutable `XdsConfig` only when every cluster named by the routes has its value or error."
#[test]
fn xds_4_1_publishes_only_a_whole_configuration() {
    let mut harness = Harness::new();
    assert_eq!(
        harness.set(listener("routes")),
        ["watch route configuration routes"]
    );
    assert_eq!(
        harness.set(routes(&["a", "b"])),
        ["watch cluster a", "watch cluster b"]
    );
    assert_eq!(harness.set(eds("a")), ["watch endpoints a"]);
    assert!(harness.set(endpoints("a")).is_empty());
    assert_eq!(harness.set(eds("b")), ["watch endpoints b"]);
    assert_eq!(harness.manager.missing(), [(E, "b".into())]);
    assert_eq!(harness.set(endpoints("b")), ["publish a b"]);
    assert!(harness.manager.missing().is_empty());
}

/// "Then route configuration (unless inline)."
#[test]
fn xds_4_1_inline_routes_need_no_watch() {
    let mut harness = Harness::new();
    let inline = RouteSource::Inline(Arc::new(route_configuration("orders", &["a"])));
    assert_eq!(harness.set(listener_with(inline)), ["watch cluster a"]);
}

/// "Until then the old one stays in force whole." "Unneeded watches stop at the next publication."
#[test]
fn xds_4_1_the_old_configuration_stays_until_the_new_one_is_whole() {
    let mut harness = Harness::with_config();
    assert_eq!(harness.set(routes(&["b"])), ["watch cluster b"]);
    assert_eq!(harness.set(eds("b")), ["watch endpoints b"]);
    // A change of the old configuration belongs to no whole one now.
    assert!(harness.set(endpoints("a")).is_empty());
    assert_eq!(
        harness.set(endpoints("b")),
        ["publish b", "unwatch cluster a", "unwatch endpoints a"]
    );
}

/// "Cluster changed(error): that cluster alone fails."
#[test]
fn xds_4_1_an_error_of_a_cluster_is_that_of_its_calls() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a", "b"]));
    harness.set(eds("a"));
    harness.set(endpoints("a"));
    assert_eq!(
        harness.fail(C, "b", ResourceErrorKind::Deleted),
        ["publish a b"]
    );
    assert_eq!(
        harness.error("b"),
        r#"cluster "b" does not exist: deleted by the server; xDS node "node-1""#
    );
    assert_eq!(harness.note("a"), r#"xDS node "node-1""#);
}

/// "EDS error without value: no endpoints + note."
#[test]
fn xds_4_1_an_error_of_endpoints_leaves_the_cluster_without_any() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a"]));
    harness.set(eds("a"));
    let error = ResourceErrorKind::NotSent(std::time::Duration::from_secs(15));
    assert_eq!(harness.fail(E, "a", error), ["publish a"]);
    let Ok(resolved) = &harness.config().clusters["a"] else {
        panic!("the cluster itself has no error");
    };
    let ResolvedCluster::Leaf { endpoints, .. } = &**resolved else {
        panic!("not a leaf");
    };
    let missing = LeafEndpoints::Missing(r#"endpoints "a" was not sent within 15 s"#.into());
    assert_eq!(*endpoints, missing);
}

/// "LDS or RDS changed(error), socket listener, no virtual host: the resolver's error (4.8) replaces
/// everything."
#[test]
fn xds_4_1_an_error_of_listener_or_routes_replaces_everything() {
    let node = r#"; xDS node "node-1""#;
    let mut harness = Harness::with_config();
    assert_eq!(
        harness.fail(R, "routes", ResourceErrorKind::Deleted),
        [
            format!(
                r#"fail: route configuration "routes" does not exist: deleted by the server{node}"#
            ),
            "unwatch cluster a".to_owned(),
            "unwatch endpoints a".to_owned(),
        ]
    );
    assert_eq!(
        harness.fail(L, "orders", ResourceErrorKind::Deleted),
        [
            format!(r#"fail: listener "orders" does not exist: deleted by the server{node}"#),
            "unwatch route configuration routes".to_owned(),
        ]
    );
    let for_servers = Resource::Listener(Arc::new(Listener {
        name: "orders".into(),
        api: None,
    }));
    assert_eq!(
        harness.set(for_servers),
        [format!(
            r#"fail: listener "orders" is for servers: it has no api_listener{node}"#
        )]
    );
    let other = RouteSource::Inline(Arc::new(route_configuration("others", &["a"])));
    let failed = harness.set(listener_with(other));
    let start = r#"fail: route configuration "routes" has no virtual host for "orders""#;
    assert!(
        matches!(&failed[..], [line] if line.starts_with(start) && line.ends_with(node)),
        "{failed:?}"
    );
}

/// A failure ends with the resource that mends it.
#[test]
fn xds_4_1_a_failure_ends_with_a_whole_configuration() {
    let mut harness = Harness::with_config();
    harness.fail(L, "orders", ResourceErrorKind::Deleted);
    assert_eq!(
        harness.set(listener("routes")),
        ["watch route configuration routes"]
    );
    assert_eq!(harness.set(routes(&["a"])), ["watch cluster a"]);
    assert_eq!(harness.set(eds("a")), ["watch endpoints a"]);
    assert_eq!(harness.set(endpoints("a")), ["publish a"]);
}

/// "Note of a leaf: ambient errors of LDS, RDS and its own CDS, EDS, joined by `; `; if none
/// `xDS node "{id}"`."
#[test]
fn xds_4_1_ambient_errors_are_in_the_note() {
    let mut harness = Harness::with_config();
    assert_eq!(harness.note("a"), r#"xDS node "node-1""#);
    let down = || Some(ResourceErrorKind::Unreachable("plane: refused".into()));
    assert_eq!(harness.ambient(L, "orders", down()), ["publish a"]);
    assert_eq!(harness.ambient(E, "a", down()), ["publish a"]);
    assert_eq!(
        harness.note("a"),
        r#"listener "orders" cannot be had: plane: refused; endpoints "a" cannot be had: plane: refused; xDS node "node-1""#
    );
    assert_eq!(harness.ambient(L, "orders", None), ["publish a"]);
    assert_eq!(harness.ambient(E, "a", None), ["publish a"]);
    assert_eq!(harness.note("a"), r#"xDS node "node-1""#);
}

/// "A cluster that stays keeps its subchannels (unchanged config and endpoints: no update reaches the leaf
/// policies)."
#[test]
fn xds_4_9_what_did_not_change_is_shared() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a", "b"]));
    harness.set(eds("a"));
    harness.set(eds("b"));
    harness.set(endpoints("a"));
    harness.set(endpoints("b"));
    let old = Arc::clone(harness.config());
    assert_eq!(harness.set(endpoints("b")), ["publish a b"]);
    let entry = |config: &XdsConfig, name| config.clusters[name].clone().expect("a cluster");
    let new = harness.config();
    assert!(Arc::ptr_eq(&entry(&old, "a"), &entry(new, "a")));
    assert!(!Arc::ptr_eq(&entry(&old, "b"), &entry(new, "b")));
    // The same value again is no news.
    let same = Resource::Listener(Arc::clone(&new.listener));
    assert!(harness.set(same).is_empty());
}

/// "A hold on the cluster": calls and selectors of before keep a cluster that no route names any more.
#[test]
fn xds_4_2_a_held_cluster_stays_until_it_is_released() {
    let mut harness = Harness::with_config();
    let held = Arc::from("a");
    harness.manager.handle_hold(&held);
    harness.manager.handle_hold(&held);
    harness.set(routes(&["b"]));
    harness.set(eds("b"));
    assert_eq!(harness.set(endpoints("b")), ["publish a b"]);
    harness.manager.handle_release("a");
    assert!(harness.outputs().is_empty());
    harness.manager.handle_release("a");
    assert_eq!(
        harness.outputs(),
        ["publish b", "unwatch cluster a", "unwatch endpoints a"]
    );
}

/// A cluster that only calls hold is not waited for: they go on with its last endpoints.
#[test]
fn xds_4_2_a_held_cluster_is_not_waited_for() {
    let mut harness = Harness::with_config();
    harness.manager.handle_hold(&Arc::from("a"));
    harness.set(routes(&["b"]));
    harness.set(eds("b"));
    harness.set(endpoints("b"));
    let old = harness.config().clusters["a"].clone();
    let moved = ClusterKind::Eds {
        service_name: "elsewhere".into(),
    };
    assert_eq!(
        harness.set(cluster("a", moved)),
        ["watch endpoints elsewhere", "unwatch endpoints a"]
    );
    assert_eq!(harness.config().clusters["a"], old);
    assert_eq!(harness.set(endpoints("elsewhere")), ["publish a b"]);
}

/// "For LOGICAL_DNS a resolution of ours." "DNS error: as EDS if there was no list, else the list stays."
#[test]
fn xds_4_1_logical_dns_is_resolved() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a"]));
    assert_eq!(
        harness.set(logical_dns("a", "db.test")),
        ["resolve db.test:443"]
    );
    let name = host("db.test");
    let failed = || Err(Arc::from("no such name"));
    harness.manager.handle_resolved(&name, failed());
    assert_eq!(harness.outputs(), ["publish a"]);
    let found = endpoint("192.0.2.1:443");
    harness
        .manager
        .handle_resolved(&name, Ok(Arc::clone(&found)));
    assert_eq!(harness.outputs(), ["publish a"]);
    harness.manager.handle_resolved(&name, failed());
    assert_eq!(harness.outputs(), ["publish a"]);
    let resolved = harness.config().clusters["a"].clone().expect("a cluster");
    let ResolvedCluster::Leaf {
        endpoints: found_endpoints,
        note,
        ..
    } = &*resolved
    else {
        panic!("not a leaf");
    };
    assert_eq!(*found_endpoints, LeafEndpoints::LogicalDns(Some(found)));
    assert_eq!(&**note, r#"no such name; xDS node "node-1""#);
    assert_eq!(
        harness.set(eds("a")),
        ["watch endpoints a"],
        "the name is needed until the endpoints are there"
    );
    assert_eq!(
        harness.set(endpoints("a")),
        ["publish a", "stop resolving db.test:443"]
    );
}

/// "Aggregate: depth-first leaves, duplicates: first; a cycle adds nothing."
#[test]
fn xds_4_5_leaves_of_an_aggregate_are_depth_first() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["top"]));
    assert_eq!(
        harness.set(aggregate("top", &["inner", "a"])),
        ["watch cluster a", "watch cluster inner"]
    );
    harness.set(aggregate("inner", &["b", "top", "a"]));
    harness.set(eds("a"));
    harness.set(eds("b"));
    harness.set(endpoints("a"));
    assert_eq!(harness.set(endpoints("b")), ["publish a b top"]);
    assert_eq!(harness.leaves("top"), ["b", "a"]);
}

/// "A child that does not exist or has an error is skipped." "No leaf at all: error of the whole."
#[test]
fn xds_4_5_clusters_with_errors_are_skipped() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["top"]));
    harness.set(aggregate("top", &["a", "b"]));
    harness.set(eds("b"));
    harness.set(endpoints("b"));
    assert_eq!(
        harness.fail(C, "a", ResourceErrorKind::Deleted),
        ["publish b top"]
    );
    assert_eq!(harness.leaves("top"), ["b"]);
    harness.fail(C, "b", ResourceErrorKind::Deleted);
    assert_eq!(
        harness.error("top"),
        r#"aggregate cluster "top" has no usable cluster ("a" does not exist: deleted by the server, "b" does not exist: deleted by the server); xDS node "node-1""#
    );
}

/// "Depth > 16: error of the whole."
#[test]
fn xds_4_5_aggregates_are_nested_16_deep_at_most() {
    let chain = |length: usize| {
        let mut harness = Harness::new();
        harness.set(listener("routes"));
        harness.set(routes(&["c0"]));
        for depth in 0..length {
            let below = format!("c{}", depth + 1);
            harness.set(aggregate(&format!("c{depth}"), &[&below]));
        }
        let leaf = format!("c{length}");
        harness.set(eds(&leaf));
        harness.set(endpoints(&leaf));
        harness
    };
    assert_eq!(chain(16).leaves("c0"), ["c16"]);
    assert_eq!(
        chain(17).error("c0"),
        r#"aggregate cluster "c0" is nested deeper than 16; xDS node "node-1""#
    );
}

/// Clusters that name each other in all ways cost no more than their number.
#[test]
fn xds_4_5_work_is_bounded_whatever_clusters_name() {
    let names: Vec<String> = (0..200).map(|at| format!("c{at:03}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&all[..1]));
    for name in &all {
        harness.set(aggregate(name, &all));
    }
    // Depth first, each of them is below the one before it.
    assert!(harness.error("c000").contains("is nested deeper than 16"));
}
