//! The dependency manager.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use trunkline_endpoint::Endpoint;

use super::error_text::{About, ErrorText};
use super::output::{DependencyOutput, HostName};
use super::reach::{DEEPEST, Known, Leaves, Reach};
use super::watched::{Resolved, Watched};
use crate::core::config::{ClusterEntry, LeafEndpoints, ResolvedCluster, XdsConfig};
use crate::core::resource_error::ResourceError;
use crate::core::resource_type::ResourceType;
use crate::core::resources::{
    ApiListener, Cluster, ClusterKind, Listener, Resource, RouteAction, RouteConfiguration,
    RouteSource, VirtualHost,
};

/// Finds all resources that the calls of one target need, without doing any I/O.
///
/// Report what happens with the `handle_*` methods. After a batch of events, call
/// [`poll_output`](Self::poll_output) until it returns `None`.
///
/// A configuration is published only whole: each cluster that its routes name has its value or its
/// error, and each leaf its endpoints or their error. Until then the one before stays in force. What is
/// not needed any more is watched until the next publication. Parts that did not change are shared with
/// the configuration before.
///
/// Source: [gRFC A74](https://github.com/grpc/proposal/blob/master/A74-xds-config-tears.md).
#[derive(Debug)]
pub struct DependencyManager {
    listener_name: Arc<str>,
    /// The authority by which the virtual host is chosen.
    authority: Arc<str>,
    text: ErrorText,
    listener: Watched<Listener>,
    route_configs: BTreeMap<Arc<str>, Watched<RouteConfiguration>>,
    known: Known,
    /// How many holds there are of each cluster.
    holds: BTreeMap<Arc<str>, usize>,
    published: Option<Published>,
    /// What was awaited when the resources were put together last.
    missing: Vec<(ResourceType, Arc<str>)>,
    /// Whether something has changed since then.
    is_stale: bool,
    outputs: VecDeque<DependencyOutput>,
}

/// What was published last.
#[derive(Clone, Debug, PartialEq)]
enum Published {
    Config(Arc<XdsConfig>),
    Failure(Arc<str>),
}

/// What the resources amount to at present.
struct Outcome {
    /// What is published; `None` while something is missing.
    published: Option<Published>,
    /// The route configuration that is needed.
    route_config: Option<Arc<str>>,
    reach: Reach,
}

impl DependencyManager {
    /// Creates a manager for the target whose listener has this name, and whose calls have this
    /// authority. The texts of errors name the node with `node_id`.
    #[must_use]
    pub fn new(
        listener_name: impl Into<Arc<str>>,
        authority: impl Into<Arc<str>>,
        node_id: &str,
    ) -> Self {
        let listener_name = listener_name.into();
        let watch = DependencyOutput::Watch(ResourceType::Listener, Arc::clone(&listener_name));
        Self {
            missing: vec![(ResourceType::Listener, Arc::clone(&listener_name))],
            listener_name,
            authority: authority.into(),
            text: ErrorText::new(node_id),
            listener: Watched::default(),
            route_configs: BTreeMap::new(),
            known: Known::default(),
            holds: BTreeMap::new(),
            published: None,
            is_stale: false,
            outputs: VecDeque::from([watch]),
        }
    }

    /// Handles a new value or error of a watched resource.
    ///
    /// One that is not watched any more is ignored.
    pub fn handle_changed(
        &mut self,
        kind: ResourceType,
        name: &str,
        current: Result<Resource, ResourceError>,
    ) {
        self.is_stale = true;
        match (kind, current) {
            (_, Ok(Resource::Listener(listener))) => self.listener.change(Ok(listener)),
            (_, Ok(Resource::RouteConfiguration(routes))) => {
                change(&mut self.route_configs, name, Ok(routes));
            }
            (_, Ok(Resource::Cluster(cluster))) => {
                change(&mut self.known.clusters, name, Ok(cluster));
            }
            (_, Ok(Resource::Endpoints(endpoints))) => {
                change(&mut self.known.endpoints, name, Ok(endpoints));
            }
            (ResourceType::Listener, Err(error)) => self.listener.change(Err(error)),
            (ResourceType::RouteConfiguration, Err(error)) => {
                change(&mut self.route_configs, name, Err(error));
            }
            (ResourceType::Cluster, Err(error)) => {
                change(&mut self.known.clusters, name, Err(error));
            }
            (ResourceType::Endpoints, Err(error)) => {
                change(&mut self.known.endpoints, name, Err(error));
            }
        }
    }

    /// Handles the reason why a watched resource may be out of date, or with `None` its end. The value
    /// stays in use.
    pub fn handle_ambient(
        &mut self,
        kind: ResourceType,
        name: &str,
        ambient: Option<ResourceError>,
    ) {
        let of_resource = match kind {
            ResourceType::Listener => Some(&mut self.listener.ambient),
            ResourceType::RouteConfiguration => ambient_of(&mut self.route_configs, name),
            ResourceType::Cluster => ambient_of(&mut self.known.clusters, name),
            ResourceType::Endpoints => ambient_of(&mut self.known.endpoints, name),
        };
        if let Some(of_resource) = of_resource {
            *of_resource = ambient;
            self.is_stale = true;
        }
    }

    /// Handles the addresses of a name, as one endpoint, or the reason why there are none. After an
    /// error, the addresses of before stay in use.
    pub fn handle_resolved(&mut self, name: &HostName, found: Result<Arc<Endpoint>, Arc<str>>) {
        let Some(resolved) = self.known.names.get_mut(name) else {
            return;
        };
        self.is_stale = true;
        match found {
            Ok(endpoint) => {
                resolved.endpoint = Some(endpoint);
                resolved.error = None;
            }
            Err(error) => resolved.error = Some(error),
        }
    }

    /// Handles a new hold of a cluster: it stays in the configuration, also when no route names it any
    /// more, until each of its holds is released.
    pub fn handle_hold(&mut self, cluster: &Arc<str>) {
        *self.holds.entry(Arc::clone(cluster)).or_default() += 1;
    }

    /// Handles the end of a hold of a cluster.
    pub fn handle_release(&mut self, cluster: &str) {
        let Some(holds) = self.holds.get_mut(cluster) else {
            return;
        };
        *holds -= 1;
        if *holds == 0 {
            self.holds.remove(cluster);
            self.is_stale = true;
        }
    }

    /// Returns the resources that have neither value nor error, and are needed for a configuration.
    #[must_use]
    pub fn missing(&self) -> &[(ResourceType, Arc<str>)] {
        &self.missing
    }

    /// Returns the next action for the shell.
    pub fn poll_output(&mut self) -> Option<DependencyOutput> {
        if self.outputs.is_empty() && std::mem::take(&mut self.is_stale) {
            self.reconcile();
        }
        self.outputs.pop_front()
    }

    /// Watches what is needed, publishes what is whole, and ends the watches that are not needed then.
    fn reconcile(&mut self) {
        let Outcome {
            published,
            route_config,
            reach,
        } = self.outcome();
        self.watch(route_config.as_ref(), &reach);
        if let Some(published) = published {
            self.publish(published);
            self.unwatch(route_config.as_ref(), &reach);
        }
        self.missing = reach.missing;
    }

    fn outcome(&self) -> Outcome {
        let mut reach = Reach::default();
        let mut route_config = None;
        let published = self.assemble(&mut reach, &mut route_config);
        Outcome {
            published: published.transpose().map(|published| match published {
                Ok(config) => Published::Config(Arc::new(config)),
                Err(text) => Published::Failure(text),
            }),
            route_config,
            reach,
        }
    }

    /// Puts the resources together. `Ok(None)` while something is missing, an error where nothing can be
    /// routed.
    fn assemble(
        &self,
        reach: &mut Reach,
        route_config: &mut Option<Arc<str>>,
    ) -> Result<Option<XdsConfig>, Arc<str>> {
        let Some((listener, api)) = self.api_listener(reach)? else {
            return Ok(None);
        };
        let Some(routes) = self.routes(api, reach, route_config)? else {
            return Ok(None);
        };
        let virtual_host = routes
            .virtual_host(&self.authority)
            .ok_or_else(|| self.text.text(routes.explain_missing(&self.authority)))?;
        let required = clusters_of(virtual_host);
        for cluster in &required {
            reach.add(cluster, &self.known);
        }
        let is_whole = reach.missing.is_empty();
        let missing = reach.missing.len();
        for cluster in self.holds.keys() {
            reach.add(cluster, &self.known);
        }
        // A cluster that only calls still hold is not waited for.
        reach.missing.truncate(missing);
        if !is_whole {
            return Ok(None);
        }
        let held = self.holds.keys().filter(|name| !required.contains(*name));
        let roots = required.iter().chain(held);
        Ok(Some(XdsConfig {
            clusters: self.entries(roots, route_config.as_deref()),
            listener: Arc::clone(listener),
            route_config: Arc::clone(routes),
            virtual_host: Arc::clone(virtual_host),
        }))
    }

    /// Returns the listener with its part for clients.
    fn api_listener(
        &self,
        reach: &mut Reach,
    ) -> Result<Option<(&Arc<Listener>, &ApiListener)>, Arc<str>> {
        let name = &self.listener_name;
        let listener = match &self.listener.current {
            None => {
                reach
                    .missing
                    .push((ResourceType::Listener, Arc::clone(name)));
                return Ok(None);
            }
            Some(Err(error)) => {
                return Err(self.text.resource(ResourceType::Listener, name, error));
            }
            Some(Ok(listener)) => listener,
        };
        let for_servers = || {
            self.text.text(format_args!(
                "listener {name:?} is for servers: it has no api_listener"
            ))
        };
        let api = listener.api.as_ref().ok_or_else(for_servers)?;
        Ok(Some((listener, api)))
    }

    /// Returns the routes of the listener.
    fn routes<'a>(
        &'a self,
        api: &'a ApiListener,
        reach: &mut Reach,
        route_config: &mut Option<Arc<str>>,
    ) -> Result<Option<&'a Arc<RouteConfiguration>>, Arc<str>> {
        let name = match &api.routes {
            RouteSource::Inline(routes) => return Ok(Some(routes)),
            RouteSource::Rds(name) => name,
        };
        *route_config = Some(Arc::clone(name));
        let watched = self.route_configs.get(name);
        match watched.and_then(|watched| watched.current.as_ref()) {
            None => {
                let missing = (ResourceType::RouteConfiguration, Arc::clone(name));
                reach.missing.push(missing);
                Ok(None)
            }
            Some(Err(error)) => {
                let kind = ResourceType::RouteConfiguration;
                Err(self.text.resource(kind, name, error))
            }
            Some(Ok(routes)) => Ok(Some(routes)),
        }
    }

    /// Returns the clusters of a configuration: `roots`, which calls can name, and the leaves below them.
    fn entries<'a>(
        &self,
        roots: impl Iterator<Item = &'a Arc<str>>,
        route_config: Option<&str>,
    ) -> BTreeMap<Arc<str>, ClusterEntry> {
        let mut entries = BTreeMap::new();
        let of_routes = self.ambient_of_routes(route_config);
        let leaf = |name: &Arc<str>, entries: &mut BTreeMap<_, _>| {
            let entry = match self.leaf(name, &of_routes) {
                Some(entry) => Some(self.shared(name, entry)),
                None => self.published_entry(name).cloned(),
            };
            entries.extend(entry.map(|entry| (Arc::clone(name), entry)));
        };
        for name in roots {
            let Some(watched) = self.known.clusters.get(name) else {
                continue;
            };
            match &watched.current {
                Some(Ok(cluster)) if is_aggregate(cluster) => {
                    let entry = self.aggregate(name, cluster);
                    if let Ok(entry) = &entry
                        && let ResolvedCluster::Aggregate { leaves, .. } = &**entry
                    {
                        leaves.iter().for_each(|name| leaf(name, &mut entries));
                    }
                    entries.insert(Arc::clone(name), self.shared(name, entry));
                }
                Some(Ok(_)) => leaf(name, &mut entries),
                Some(Err(error)) => {
                    let text = self.text.resource(ResourceType::Cluster, name, error);
                    entries.insert(Arc::clone(name), self.shared(name, Err(text)));
                }
                None => {
                    let entry = self.published_entry(name).cloned();
                    entries.extend(entry.map(|entry| (Arc::clone(name), entry)));
                }
            }
        }
        entries
    }

    fn aggregate(&self, name: &Arc<str>, cluster: &Arc<Cluster>) -> ClusterEntry {
        let leaves = Leaves::below(name, &self.known);
        if leaves.is_too_deep {
            return Err(self.text.text(format_args!(
                "aggregate cluster {name:?} is nested deeper than {DEEPEST}"
            )));
        }
        if leaves.usable.is_empty() {
            return Err(self.text.no_leaf(name, &leaves.skipped));
        }
        Ok(Arc::new(ResolvedCluster::Aggregate {
            cluster: Arc::clone(cluster),
            leaves: leaves.usable.into(),
        }))
    }

    /// Returns a cluster with backends of its own; `None` while it has neither backends nor an error.
    /// Only a cluster that no route names any more can be without: its calls use what is published.
    fn leaf(&self, name: &Arc<str>, of_routes: &[String]) -> Option<ClusterEntry> {
        let cluster = self.known.cluster(name)?;
        let mut ambient = of_routes.to_vec();
        if let Some(watched) = self.known.clusters.get(name) {
            ambient.extend(ambient_text(ResourceType::Cluster, name, watched));
        }
        let endpoints = match &cluster.kind {
            ClusterKind::Eds { service_name } => {
                let watched = self.known.endpoints.get(service_name)?;
                ambient.extend(ambient_text(ResourceType::Endpoints, service_name, watched));
                match watched.current.as_ref()? {
                    Ok(endpoints) => LeafEndpoints::Eds(Arc::clone(endpoints)),
                    Err(error) => {
                        let about = About(ResourceType::Endpoints, service_name, error);
                        LeafEndpoints::Missing(about.to_string().into())
                    }
                }
            }
            ClusterKind::LogicalDns { host, port } => {
                let of_host = HostName {
                    host: Arc::clone(host),
                    port: *port,
                };
                let resolved = self.known.names.get(&of_host)?;
                match (&resolved.endpoint, &resolved.error) {
                    (Some(endpoint), error) => {
                        ambient.extend(error.iter().map(|error| error.as_ref().to_owned()));
                        LeafEndpoints::LogicalDns(Some(Arc::clone(endpoint)))
                    }
                    (None, Some(error)) => LeafEndpoints::Missing(Arc::clone(error)),
                    (None, None) => return None,
                }
            }
            ClusterKind::Aggregate { .. } => return None,
        };
        Some(Ok(Arc::new(ResolvedCluster::Leaf {
            cluster: Arc::clone(cluster),
            endpoints,
            note: self.note(&ambient),
        })))
    }

    /// Returns what may be out of date of the listener and its routes.
    fn ambient_of_routes(&self, route_config: Option<&str>) -> Vec<String> {
        let kind = ResourceType::Listener;
        let listener = ambient_text(kind, &self.listener_name, &self.listener);
        let routes = route_config.and_then(|name| {
            let watched = self.route_configs.get(name)?;
            ambient_text(ResourceType::RouteConfiguration, name, watched)
        });
        listener.into_iter().chain(routes).collect()
    }

    fn note(&self, ambient: &[String]) -> Arc<str> {
        if ambient.is_empty() {
            return Arc::clone(self.text.node());
        }
        self.text.text(ambient.join("; "))
    }

    /// Returns the entry of the published configuration in place of an equal new one, so that what did
    /// not change is shared.
    fn shared(&self, name: &str, entry: ClusterEntry) -> ClusterEntry {
        match self.published_entry(name) {
            Some(old) if same_entry(old, &entry) => old.clone(),
            _ => entry,
        }
    }

    /// Returns the entry of a cluster in the configuration in force.
    fn published_entry(&self, name: &str) -> Option<&ClusterEntry> {
        match &self.published {
            Some(Published::Config(config)) => config.clusters.get(name),
            _ => None,
        }
    }

    fn publish(&mut self, published: Published) {
        let is_same = match (&self.published, &published) {
            (Some(Published::Config(old)), Published::Config(new)) => same_config(old, new),
            (Some(Published::Failure(old)), Published::Failure(new)) => old == new,
            _ => false,
        };
        if is_same {
            return;
        }
        self.outputs.push_back(match &published {
            Published::Config(config) => DependencyOutput::Publish(Arc::clone(config)),
            Published::Failure(text) => DependencyOutput::Fail(Arc::clone(text)),
        });
        self.published = Some(published);
    }

    /// Watches what is needed and not watched so far.
    fn watch(&mut self, route_config: Option<&Arc<str>>, reach: &Reach) {
        let outputs = &mut self.outputs;
        let routes = route_config.into_iter();
        let kind = ResourceType::RouteConfiguration;
        watch_all(&mut self.route_configs, routes, outputs, kind);
        let Known {
            clusters,
            endpoints,
            names,
        } = &mut self.known;
        watch_all(
            clusters,
            reach.clusters.iter(),
            outputs,
            ResourceType::Cluster,
        );
        watch_all(
            endpoints,
            reach.endpoints.iter(),
            outputs,
            ResourceType::Endpoints,
        );
        for name in &reach.names {
            if !names.contains_key(name) {
                names.insert(name.clone(), Resolved::default());
                outputs.push_back(DependencyOutput::Resolve(name.clone()));
            }
        }
    }

    /// Ends the watches of what is not needed.
    fn unwatch(&mut self, route_config: Option<&Arc<str>>, reach: &Reach) {
        let outputs = &mut self.outputs;
        let needed = |name: &Arc<str>| route_config == Some(name);
        let kind = ResourceType::RouteConfiguration;
        unwatch_all(&mut self.route_configs, needed, outputs, kind);
        let needed = |name: &Arc<str>| reach.clusters.contains(name);
        let kind = ResourceType::Cluster;
        unwatch_all(&mut self.known.clusters, needed, outputs, kind);
        let needed = |name: &Arc<str>| reach.endpoints.contains(name);
        let kind = ResourceType::Endpoints;
        unwatch_all(&mut self.known.endpoints, needed, outputs, kind);
        self.known.names.retain(|name, _| {
            let keeps = reach.names.contains(name);
            if !keeps {
                outputs.push_back(DependencyOutput::StopResolving(name.clone()));
            }
            keeps
        });
    }
}

/// Returns the clusters that the routes of a virtual host name.
fn clusters_of(host: &VirtualHost) -> BTreeSet<Arc<str>> {
    let actions = host.routes.iter().filter_map(|route| match &route.action {
        RouteAction::Forward(action) => Some(action),
        RouteAction::NotForClients => None,
    });
    let clusters = actions.flat_map(|action| &action.clusters);
    clusters.map(|cluster| Arc::clone(&cluster.name)).collect()
}

fn is_aggregate(cluster: &Cluster) -> bool {
    matches!(cluster.kind, ClusterKind::Aggregate { .. })
}

fn change<T>(
    watched: &mut BTreeMap<Arc<str>, Watched<T>>,
    name: &str,
    current: Result<Arc<T>, ResourceError>,
) {
    if let Some(watched) = watched.get_mut(name) {
        watched.change(current);
    }
}

fn ambient_of<'a, T>(
    watched: &'a mut BTreeMap<Arc<str>, Watched<T>>,
    name: &str,
) -> Option<&'a mut Option<ResourceError>> {
    watched.get_mut(name).map(|watched| &mut watched.ambient)
}

fn ambient_text<T>(kind: ResourceType, name: &str, watched: &Watched<T>) -> Option<String> {
    let error = watched.ambient.as_ref()?;
    Some(About(kind, name, error).to_string())
}

fn watch_all<'a, T>(
    watched: &mut BTreeMap<Arc<str>, Watched<T>>,
    needed: impl Iterator<Item = &'a Arc<str>>,
    outputs: &mut VecDeque<DependencyOutput>,
    kind: ResourceType,
) {
    for name in needed {
        if !watched.contains_key(name) {
            watched.insert(Arc::clone(name), Watched::default());
            outputs.push_back(DependencyOutput::Watch(kind, Arc::clone(name)));
        }
    }
}

fn unwatch_all<T>(
    watched: &mut BTreeMap<Arc<str>, Watched<T>>,
    is_needed: impl Fn(&Arc<str>) -> bool,
    outputs: &mut VecDeque<DependencyOutput>,
    kind: ResourceType,
) {
    watched.retain(|name, _| {
        let keeps = is_needed(name);
        if !keeps {
            outputs.push_back(DependencyOutput::Unwatch(kind, Arc::clone(name)));
        }
        keeps
    });
}

/// Returns whether two entries have the same parts. Resources are compared by their place in memory:
/// an update that is equal to the one before never reaches a manager.
fn same_entry(old: &ClusterEntry, new: &ClusterEntry) -> bool {
    match (old, new) {
        (Ok(old), Ok(new)) => match (&**old, &**new) {
            (
                ResolvedCluster::Leaf {
                    cluster,
                    endpoints,
                    note,
                },
                ResolvedCluster::Leaf {
                    cluster: new_cluster,
                    endpoints: new_endpoints,
                    note: new_note,
                },
            ) => {
                Arc::ptr_eq(cluster, new_cluster)
                    && same_endpoints(endpoints, new_endpoints)
                    && note == new_note
            }
            (
                ResolvedCluster::Aggregate { cluster, leaves },
                ResolvedCluster::Aggregate {
                    cluster: new_cluster,
                    leaves: new_leaves,
                },
            ) => Arc::ptr_eq(cluster, new_cluster) && leaves == new_leaves,
            _ => false,
        },
        (Err(old), Err(new)) => old == new,
        _ => false,
    }
}

fn same_endpoints(old: &LeafEndpoints, new: &LeafEndpoints) -> bool {
    match (old, new) {
        (LeafEndpoints::Eds(old), LeafEndpoints::Eds(new)) => Arc::ptr_eq(old, new),
        _ => old == new,
    }
}

/// Returns whether two configurations have the same parts, of which clusters are shared.
fn same_config(old: &XdsConfig, new: &XdsConfig) -> bool {
    let same_cluster = |old: &ClusterEntry, new: &ClusterEntry| match (old, new) {
        (Ok(old), Ok(new)) => Arc::ptr_eq(old, new),
        (Err(old), Err(new)) => old == new,
        _ => false,
    };
    let old_clusters = old.clusters.iter();
    Arc::ptr_eq(&old.listener, &new.listener)
        && Arc::ptr_eq(&old.route_config, &new.route_config)
        && Arc::ptr_eq(&old.virtual_host, &new.virtual_host)
        && old.clusters.len() == new.clusters.len()
        && old_clusters
            .zip(&new.clusters)
            .all(|((name, entry), (new_name, new_entry))| {
                name == new_name && same_cluster(entry, new_entry)
            })
}
