//! 8.1: resources, errors, names and calls in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trunkline_backoff::Rng;
use trunkline_endpoint::Endpoint;
use trunkline_xds::core::dependencies::{
    DependencyManager, DependencyOutput, HostName, RoutingFailure,
};
use trunkline_xds::core::resources::{ClusterKind, Resource, RouteAction, RouteSource};
use trunkline_xds::core::{
    ResolvedCluster, ResourceError, ResourceErrorKind, ResourceType, XdsConfig,
};

use super::support::{
    C, E, L, R, aggregate, cluster, dropping_endpoints, eds, endpoint, host, listener,
    listener_with, logical_dns, route_configuration,
};

const SEEDS: u64 = 150;
const EVENTS: usize = 150;
const CLUSTERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const SERVICES: [&str; 3] = ["x", "y", "z"];
const HOSTS: [&str; 2] = ["one.test", "two.test"];
const ROUTES: [&str; 2] = ["routes", "others"];

/// What is in force: a configuration, or the text of a failure.
type InForce = Result<Arc<XdsConfig>, RoutingFailure>;

/// A watched resource as the client sees it.
#[derive(Default)]
struct Delivered {
    current: Option<Result<Resource, ResourceError>>,
    ambient: Option<ResourceError>,
}

/// A watched name.
#[derive(Default)]
struct Found {
    endpoint: Option<Arc<Endpoint>>,
    error: Option<Arc<str>>,
}

/// One random run.
struct Run {
    rng: Rng,
    manager: DependencyManager,
    watched: BTreeMap<(ResourceType, Arc<str>), Delivered>,
    names: BTreeMap<HostName, Found>,
    /// The clusters that calls hold, once for each hold.
    holds: Vec<Arc<str>>,
    in_force: Option<InForce>,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::from_seed(seed),
            manager: DependencyManager::new("orders", "orders", "node-1"),
            watched: BTreeMap::new(),
            names: BTreeMap::new(),
            holds: Vec::new(),
            in_force: None,
        }
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.rng.below(list.len())]
    }

    /// Returns one to three clusters.
    fn some_clusters(&mut self) -> Vec<&'static str> {
        let mut names = CLUSTERS;
        self.rng.shuffle(&mut names);
        let count = 1 + self.rng.below(3);
        names[..count].to_vec()
    }

    fn random_resource(&mut self, kind: ResourceType, name: &str) -> Resource {
        match kind {
            ResourceType::Listener => match self.rng.below(4) {
                0 => {
                    let clusters = self.some_clusters();
                    let routes = route_configuration("orders", &clusters);
                    listener_with(RouteSource::Inline(Arc::new(routes)))
                }
                _ => listener(self.one_of(&ROUTES)),
            },
            ResourceType::RouteConfiguration => {
                let domain = self.one_of(&["orders", "orders", "orders", "orders", "elsewhere"]);
                let clusters = self.some_clusters();
                let mut routes = route_configuration(domain, &clusters);
                routes.name = name.into();
                Resource::RouteConfiguration(Arc::new(routes))
            }
            ResourceType::Cluster => match self.rng.below(5) {
                0 => logical_dns(name, self.one_of(&HOSTS)),
                1 => aggregate(name, &self.some_clusters()),
                2 => eds(name),
                _ => {
                    let service_name = self.one_of(&SERVICES).into();
                    cluster(name, ClusterKind::Eds { service_name })
                }
            },
            ResourceType::Endpoints => {
                dropping_endpoints(name, self.one_of(&["overload", "lottery", "test"]))
            }
        }
    }

    fn random_error(&mut self) -> ResourceError {
        let errors = [
            ResourceErrorKind::Deleted,
            ResourceErrorKind::Invalid("lb_policy: unsupported".into()),
            ResourceErrorKind::Unreachable("plane: connection refused".into()),
        ];
        errors[self.rng.below(errors.len())].clone().into()
    }

    /// Delivers a value or an error for a watched resource, or for a name.
    fn deliver(&mut self) {
        let at = self.rng.below(self.watched.len() + self.names.len());
        let Some((kind, name)) = self.watched.keys().nth(at).cloned() else {
            let at = at - self.watched.len();
            let name = self.names.keys().nth(at).cloned().expect("a name");
            return self.find(name);
        };
        let is_first = self.watched[&(kind, Arc::clone(&name))].current.is_none();
        let current = match self.rng.below(if is_first { 3 } else { 6 }) {
            0 => Err(self.random_error()),
            1 | 2 => Ok(self.random_resource(kind, &name)),
            3 => return self.note(kind, &name, None),
            _ => {
                let error = self.random_error();
                return self.note(kind, &name, Some(error));
            }
        };
        self.manager.handle_changed(kind, &name, current.clone());
        let delivered = self.watched.entry((kind, name)).or_default();
        delivered.current = Some(current);
        delivered.ambient = None;
    }

    fn note(&mut self, kind: ResourceType, name: &Arc<str>, ambient: Option<ResourceError>) {
        self.manager.handle_ambient(kind, name, ambient.clone());
        let key = (kind, Arc::clone(name));
        self.watched.entry(key).or_default().ambient = ambient;
    }

    fn find(&mut self, name: HostName) {
        let found = match self.rng.below(3) {
            0 => Err(Arc::from("no such name")),
            _ => Ok(endpoint(self.one_of(&["192.0.2.1:443", "192.0.2.2:443"]))),
        };
        self.manager.handle_resolved(&name, found.clone());
        let known = self.names.entry(name).or_default();
        match found {
            Ok(endpoint) => {
                *known = Found {
                    endpoint: Some(endpoint),
                    error: None,
                }
            }
            Err(error) => known.error = Some(error),
        }
    }

    fn hold(&mut self) {
        let cluster = Arc::from(self.one_of(&CLUSTERS));
        self.manager.handle_hold(&cluster);
        self.holds.push(cluster);
    }

    fn release(&mut self) {
        if !self.holds.is_empty() {
            let cluster = self.holds.swap_remove(self.rng.below(self.holds.len()));
            self.manager.handle_release(&cluster);
        }
    }

    /// Performs all actions, and checks what is published.
    fn settle(&mut self) {
        let mut has_published = false;
        while let Some(output) = self.manager.poll_output() {
            match output {
                DependencyOutput::Watch(kind, name) => {
                    let old = self.watched.insert((kind, name), Delivered::default());
                    assert!(old.is_none(), "watched twice");
                }
                DependencyOutput::Unwatch(kind, name) => {
                    let old = self.watched.remove(&(kind, name));
                    assert!(old.is_some(), "not watched");
                }
                DependencyOutput::Resolve(name) => {
                    let old = self.names.insert(name, Found::default());
                    assert!(old.is_none(), "resolved twice");
                }
                DependencyOutput::StopResolving(name) => {
                    assert!(self.names.remove(&name).is_some(), "not resolved");
                }
                DependencyOutput::Publish(config) => {
                    self.check_shares(&config);
                    self.in_force = Some(Ok(config));
                    has_published = true;
                }
                DependencyOutput::Fail(failure) => {
                    self.in_force = Some(Err(failure));
                    has_published = true;
                }
                other => panic!("an unknown action: {other:?}"),
            }
        }
        if has_published {
            self.check_whole();
            self.check_from_scratch();
            self.check_watches();
        }
    }

    /// A configuration differs from the one before, and shares with it what is equal.
    fn check_shares(&self, new: &XdsConfig) {
        let Some(Ok(old)) = &self.in_force else {
            return;
        };
        assert_ne!(**old, *new, "published twice");
        for (name, entry) in &new.clusters {
            if let (Ok(new), Some(Ok(old))) = (entry, old.clusters.get(name)) {
                assert!(Arc::ptr_eq(old, new) || old != new, "{name} is copied");
            }
        }
    }

    /// Each cluster that calls can have is there, and each leaf below it.
    fn check_whole(&self) {
        let Some(Ok(config)) = &self.in_force else {
            return;
        };
        for route in &config.virtual_host.routes {
            if let RouteAction::Forward(action) = &route.action {
                for cluster in &action.clusters {
                    assert!(config.clusters.contains_key(&cluster.name), "{config:#?}");
                }
            }
        }
        for entry in config.clusters.values().flatten() {
            if let ResolvedCluster::Aggregate { leaves, .. } = &**entry {
                assert!(!leaves.is_empty());
                for leaf in leaves.iter() {
                    let is_leaf = match config.clusters.get(leaf) {
                        Some(Ok(below)) => matches!(**below, ResolvedCluster::Leaf { .. }),
                        Some(Err(_)) | None => false,
                    };
                    // An aggregate that only calls hold may be older than the clusters below it.
                    let is_older = !self.holds.is_empty() && config.clusters.contains_key(leaf);
                    assert!(is_leaf || is_older, "{leaf}: {config:#?}");
                }
            }
        }
    }

    /// What is in force is what a manager publishes that is given all that is known at once. Clusters
    /// that only calls hold may be older.
    fn check_from_scratch(&self) {
        let mut manager = DependencyManager::new("orders", "orders", "node-1");
        for cluster in &self.holds {
            manager.handle_hold(cluster);
        }
        let mut fresh = None;
        while let Some(output) = manager.poll_output() {
            match output {
                DependencyOutput::Watch(kind, name) => {
                    let Some(known) = self.watched.get(&(kind, Arc::clone(&name))) else {
                        continue;
                    };
                    if let Some(current) = &known.current {
                        manager.handle_changed(kind, &name, current.clone());
                        manager.handle_ambient(kind, &name, known.ambient.clone());
                    }
                }
                DependencyOutput::Resolve(name) => {
                    let Some(known) = self.names.get(&name) else {
                        continue;
                    };
                    if let Some(endpoint) = &known.endpoint {
                        manager.handle_resolved(&name, Ok(Arc::clone(endpoint)));
                    }
                    if let Some(error) = &known.error {
                        manager.handle_resolved(&name, Err(Arc::clone(error)));
                    }
                }
                DependencyOutput::Publish(config) => fresh = Some(Ok(config)),
                DependencyOutput::Fail(failure) => fresh = Some(Err(failure)),
                _ => {}
            }
        }
        if self.holds.is_empty() {
            assert_eq!(self.in_force, fresh);
            return;
        }
        let (Some(Ok(old)), Some(Ok(fresh))) = (&self.in_force, &fresh) else {
            assert_eq!(self.in_force, fresh);
            return;
        };
        for (name, entry) in &fresh.clusters {
            assert_eq!(old.clusters.get(name), Some(entry), "{name}");
        }
        let without_clusters = |config: &XdsConfig| XdsConfig {
            clusters: BTreeMap::new(),
            ..config.clone()
        };
        assert_eq!(without_clusters(old), without_clusters(fresh));
    }

    /// What is watched is what can be reached from the listener and from the clusters that calls hold.
    fn check_watches(&self) {
        let mut watches = BTreeSet::from([(L, Arc::from("orders"))]);
        let mut names = BTreeSet::new();
        if let Some(Ok(Resource::Listener(listener))) = self.current(L, "orders")
            && let Some(api) = &listener.api
            && let RouteSource::Rds(name) = &api.routes
        {
            watches.insert((R, Arc::clone(name)));
        }
        if let Some(Ok(config)) = &self.in_force {
            let mut open: Vec<Arc<str>> = self.holds.clone();
            for route in &config.virtual_host.routes {
                if let RouteAction::Forward(action) = &route.action {
                    open.extend(
                        action
                            .clusters
                            .iter()
                            .map(|cluster| Arc::clone(&cluster.name)),
                    );
                }
            }
            while let Some(name) = open.pop() {
                if !watches.insert((C, Arc::clone(&name))) {
                    continue;
                }
                let Some(Ok(Resource::Cluster(cluster))) = self.current(C, &name) else {
                    continue;
                };
                match &cluster.kind {
                    ClusterKind::Eds { service_name } => {
                        watches.insert((E, Arc::clone(service_name)));
                    }
                    ClusterKind::LogicalDns { host: name, .. } => drop(names.insert(host(name))),
                    ClusterKind::Aggregate { clusters } => open.extend(clusters.iter().cloned()),
                }
            }
        }
        assert_eq!(
            self.watched.keys().cloned().collect::<BTreeSet<_>>(),
            watches
        );
        assert_eq!(self.names.keys().cloned().collect::<BTreeSet<_>>(), names);
    }

    fn current(&self, kind: ResourceType, name: &str) -> Option<&Result<Resource, ResourceError>> {
        let delivered = self.watched.get(&(kind, Arc::from(name)))?;
        delivered.current.as_ref()
    }

    /// Delivers values until nothing is awaited.
    fn finish(&mut self) {
        for _ in 0..1000 {
            if self.manager.awaited().is_empty() {
                break;
            }
            self.deliver();
            self.settle();
        }
        assert!(self.manager.awaited().is_empty(), "{:?}", self.manager);
        assert!(self.in_force.is_some());
        self.check_from_scratch();
        self.check_watches();
    }
}

/// "Seeds reorder watches, responses, breaks. Invariants: never a torn XdsConfig." Whatever happens, and in
/// whatever order:
/// - a published configuration has each cluster that its calls can have;
/// - it is the one that follows from all that is known, however it came about;
/// - what did not change is shared with the configuration before;
/// - nothing is watched that no published configuration needs.
#[test]
fn xds_8_1_configurations_are_never_torn() {
    for seed in 0..SEEDS {
        let mut run = Run::new(seed);
        run.settle();
        let has_holds = seed % 2 == 1;
        for _ in 0..EVENTS {
            match run.rng.below(8) {
                0 if has_holds => run.hold(),
                1 if has_holds => run.release(),
                _ => run.deliver(),
            }
            if run.rng.below(3) > 0 {
                run.settle();
            }
        }
        run.settle();
        run.finish();
    }
}
