//! A dependency manager without a shell, and the resources of its target.

use std::sync::Arc;

use trunkline_endpoint::Endpoint;
use trunkline_service_config::PolicyChoice;
use trunkline_xds::core::dependencies::{DependencyManager, DependencyOutput, HostName};
use trunkline_xds::core::resources::{
    ApiListener, ClusterEndpoints, ClusterKind, Domain, DropCategory, FilterConfig, ForwardAction,
    Fraction, HttpFilter, Listener, PathMatcher, Resource, Route, RouteAction, RouteConfiguration,
    RouteSource, VirtualHost, WeightedCluster,
};
use trunkline_xds::core::{
    ResolvedCluster, ResourceError, ResourceErrorKind, ResourceType, XdsConfig,
};

use crate::values;

pub(super) const L: ResourceType = ResourceType::Listener;
pub(super) const R: ResourceType = ResourceType::RouteConfiguration;
pub(super) const C: ResourceType = ResourceType::Cluster;
pub(super) const E: ResourceType = ResourceType::Endpoints;

/// A manager of the target `orders`, and what it asked for.
pub(super) struct Harness {
    pub(super) manager: DependencyManager,
    /// The last configuration, or the last failure.
    pub(super) last: Option<Result<Arc<XdsConfig>, String>>,
}

impl Harness {
    /// Returns a manager that watches its listener.
    pub(super) fn new() -> Self {
        let mut harness = Self {
            manager: DependencyManager::new("orders", "orders", "node-1"),
            last: None,
        };
        assert_eq!(harness.outputs(), ["watch listener orders"]);
        harness
    }

    /// Returns a manager whose routes name the cluster `a`, which has endpoints.
    pub(super) fn with_config() -> Self {
        let mut harness = Self::new();
        harness.set(listener("routes"));
        harness.set(routes(&["a"]));
        harness.set(eds("a"));
        assert_eq!(harness.set(endpoints("a")), ["publish a"]);
        harness
    }

    pub(super) fn set(&mut self, resource: Resource) -> Vec<String> {
        let name = Arc::clone(resource.name());
        let kind = resource.resource_type();
        self.manager.handle_changed(kind, &name, Ok(resource));
        self.outputs()
    }

    pub(super) fn fail(
        &mut self,
        kind: ResourceType,
        name: &str,
        error: ResourceErrorKind,
    ) -> Vec<String> {
        self.manager.handle_changed(kind, name, Err(error.into()));
        self.outputs()
    }

    pub(super) fn ambient(
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
    pub(super) fn outputs(&mut self) -> Vec<String> {
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
                DependencyOutput::Fail(failure) => {
                    let text = failure.text;
                    self.last = Some(Err(text.to_string()));
                    let kind = if failure.is_transient {
                        "fail for now"
                    } else {
                        "fail"
                    };
                    format!("{kind}: {text}")
                }
                other => panic!("an unknown action: {other:?}"),
            });
        }
        lines
    }

    pub(super) fn config(&self) -> &Arc<XdsConfig> {
        match &self.last {
            Some(Ok(config)) => config,
            other => panic!("no configuration: {other:?}"),
        }
    }

    pub(super) fn note(&self, cluster: &str) -> &str {
        match &self.config().clusters[cluster] {
            Ok(resolved) => match &**resolved {
                ResolvedCluster::Leaf { note, .. } => note,
                ResolvedCluster::Aggregate { .. } => panic!("{cluster} is an aggregate"),
            },
            Err(error) => panic!("{cluster}: {error}"),
        }
    }

    pub(super) fn leaves(&self, cluster: &str) -> Vec<&str> {
        match &self.config().clusters[cluster] {
            Ok(resolved) => match &**resolved {
                ResolvedCluster::Aggregate { leaves, .. } => leaves.iter().map(|n| &**n).collect(),
                ResolvedCluster::Leaf { .. } => panic!("{cluster} is a leaf"),
            },
            Err(error) => panic!("{cluster}: {error}"),
        }
    }

    pub(super) fn error(&self, cluster: &str) -> &str {
        match &self.config().clusters[cluster] {
            Ok(resolved) => panic!("{cluster}: {resolved:?}"),
            Err(error) => error,
        }
    }
}

pub(super) fn listener(routes: &str) -> Resource {
    listener_with(RouteSource::Rds(routes.into()))
}

pub(super) fn listener_with(routes: RouteSource) -> Resource {
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

pub(super) fn routes(clusters: &[&str]) -> Resource {
    Resource::RouteConfiguration(Arc::new(route_configuration("orders", clusters)))
}

/// Returns a route configuration whose virtual host for `domain` names these clusters.
pub(super) fn route_configuration(domain: &str, clusters: &[&str]) -> RouteConfiguration {
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

pub(super) fn cluster(name: &str, kind: ClusterKind) -> Resource {
    let lb_policy = PolicyChoice {
        name: "round_robin".into(),
        config: Arc::new(()),
    };
    Resource::Cluster(Arc::new(values::cluster(name, kind, lb_policy)))
}

/// Returns a cluster whose endpoints have its own name.
pub(super) fn eds(name: &str) -> Resource {
    let service_name = name.into();
    cluster(name, ClusterKind::Eds { service_name })
}

pub(super) fn aggregate(name: &str, clusters: &[&str]) -> Resource {
    let clusters = clusters.iter().map(|name| Arc::from(*name)).collect();
    cluster(name, ClusterKind::Aggregate { clusters })
}

pub(super) fn logical_dns(name: &str, host: &str) -> Resource {
    let host = host.into();
    cluster(name, ClusterKind::LogicalDns { host, port: 443 })
}

pub(super) fn endpoints(name: &str) -> Resource {
    Resource::Endpoints(Arc::new(ClusterEndpoints {
        name: name.into(),
        priorities: Vec::new(),
        drops: Vec::new(),
    }))
}

/// Returns endpoints of which a share of calls is dropped.
pub(super) fn dropping_endpoints(name: &str, category: &str) -> Resource {
    Resource::Endpoints(Arc::new(ClusterEndpoints {
        name: name.into(),
        priorities: Vec::new(),
        drops: vec![DropCategory {
            category: category.into(),
            share: Fraction::from_millionths(1),
        }],
    }))
}

pub(super) fn host(name: &str) -> HostName {
    HostName {
        host: name.into(),
        port: 443,
    }
}

pub(super) fn endpoint(address: &str) -> Arc<Endpoint> {
    let address: std::net::SocketAddr = address.parse().expect("an address");
    Arc::new(Endpoint::new([address]))
}
