//! The dependency manager.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use trunkline_endpoint::Endpoint;

use super::assembly::Assembly;
use super::changed::Changed;
use super::error_text::ErrorText;
use super::known::Known;
use super::output::{Awaited, DependencyOutput, HostName, RoutingFailure};
use super::reach::Reach;
use super::watched::{Resolved, Watches};
use crate::core::config::XdsConfig;
use crate::core::resource_error::ResourceError;
use crate::core::resource_type::ResourceType;
use crate::core::resources::{Cluster, ClusterEndpoints, Listener, Resource, RouteConfiguration};
use crate::core::same::same_config;

/// Finds all resources that the calls of one target need, without doing any I/O.
///
/// Report what happens with the `handle_*` methods. After a batch of events, call
/// [`poll_output`](Self::poll_output) until it returns `None`.
///
/// A configuration is published only whole: each cluster that its routes name has its value or its
/// error, and each leaf its endpoints or their error. Until then the one before stays in force. It also
/// stays in force while something that only the new one needs is not known because the control plane of
/// all of them cannot be reached. What is
/// not needed any more is watched until the next publication. Parts that did not change are shared with
/// the configuration before.
///
/// Source: [gRFC A74](https://github.com/grpc/proposal/blob/master/A74-xds-config-tears.md).
#[derive(Debug)]
pub struct DependencyManager {
    listener_name: Arc<str>,
    /// The authority whose virtual host is used.
    authority: Arc<str>,
    text: ErrorText,
    known: Known,
    /// How many holds there are of each cluster.
    holds: BTreeMap<Arc<str>, usize>,
    published: Option<Published>,
    /// What was awaited when the resources were put together last.
    awaited: Vec<Awaited>,
    /// What has changed since then.
    changed: Changed,
    outputs: VecDeque<DependencyOutput>,
}

/// What was published last.
#[derive(Clone, Debug)]
enum Published {
    Config(Arc<XdsConfig>),
    Failure(RoutingFailure),
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
        let kind = ResourceType::Listener;
        let watch = DependencyOutput::Watch(kind, Arc::clone(&listener_name));
        Self {
            awaited: vec![Awaited::Resource(kind, Arc::clone(&listener_name))],
            listener_name,
            authority: authority.into(),
            text: ErrorText::new(node_id),
            known: Known::default(),
            holds: BTreeMap::new(),
            published: None,
            changed: Changed::default(),
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
        match (kind, current) {
            (_, Ok(Resource::Listener(value))) => self.change_listener(Ok(value)),
            (_, Ok(Resource::RouteConfiguration(value))) => self.change_routes(name, Ok(value)),
            (_, Ok(Resource::Cluster(value))) => self.change_cluster(name, Ok(value)),
            (_, Ok(Resource::Endpoints(value))) => self.change_endpoints(name, Ok(value)),
            (ResourceType::Listener, Err(error)) => self.change_listener(Err(error)),
            (ResourceType::RouteConfiguration, Err(error)) => self.change_routes(name, Err(error)),
            (ResourceType::Cluster, Err(error)) => self.change_cluster(name, Err(error)),
            (ResourceType::Endpoints, Err(error)) => self.change_endpoints(name, Err(error)),
        }
    }

    fn change_listener(&mut self, current: Result<Arc<Listener>, ResourceError>) {
        self.known.listener.change(current);
        self.changed = Changed::Anything;
    }

    fn change_routes(
        &mut self,
        name: &str,
        current: Result<Arc<RouteConfiguration>, ResourceError>,
    ) {
        if let Some(watched) = self.known.route_configs.get_mut(name) {
            watched.change(current);
            self.changed = Changed::Anything;
        }
    }

    fn change_cluster(&mut self, name: &str, current: Result<Arc<Cluster>, ResourceError>) {
        if let Some(watched) = self.known.clusters.get_mut(name) {
            watched.change(current);
            self.changed = Changed::Anything;
        }
    }

    fn change_endpoints(
        &mut self,
        name: &str,
        current: Result<Arc<ClusterEndpoints>, ResourceError>,
    ) {
        let Some(watched) = self.known.endpoints.get_mut(name) else {
            return;
        };
        if watched.current.is_some() {
            self.changed
                .add(|parts| parts.endpoints.insert(name.into()));
        } else {
            self.changed = Changed::Anything;
        }
        watched.change(current);
    }

    /// Handles the reason why a watched resource may be out of date, or with `None` its end. The value
    /// stays in use.
    pub fn handle_ambient(
        &mut self,
        kind: ResourceType,
        name: &str,
        ambient: Option<ResourceError>,
    ) {
        let known = &mut self.known;
        let of_resource = match kind {
            ResourceType::Listener => Some(&mut known.listener.ambient),
            ResourceType::RouteConfiguration => ambient_of(&mut known.route_configs, name),
            ResourceType::Cluster => ambient_of(&mut known.clusters, name),
            ResourceType::Endpoints => ambient_of(&mut known.endpoints, name),
        };
        let Some(of_resource) = of_resource else {
            return;
        };
        *of_resource = ambient;
        match kind {
            ResourceType::Cluster => {
                self.changed.add(|parts| parts.clusters.insert(name.into()));
            }
            ResourceType::Endpoints => {
                self.changed
                    .add(|parts| parts.endpoints.insert(name.into()));
            }
            // They are in the notes of all clusters.
            ResourceType::Listener | ResourceType::RouteConfiguration => {
                self.changed = Changed::Anything;
            }
        }
    }

    /// Handles the addresses of a name, as one endpoint, or the reason why there are none. After an
    /// error, the addresses of before stay in use.
    pub fn handle_resolved(&mut self, name: &HostName, found: Result<Arc<Endpoint>, Arc<str>>) {
        let Some(resolved) = self.known.names.get_mut(name) else {
            return;
        };
        if resolved.is_known() {
            self.changed.add(|parts| parts.names.insert(name.clone()));
        } else {
            self.changed = Changed::Anything;
        }
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
    ///
    /// A cluster that is not in the configuration is watched, and added once it is complete. No
    /// configuration waits for it.
    pub fn handle_hold(&mut self, cluster: &Arc<str>) {
        *self.holds.entry(Arc::clone(cluster)).or_default() += 1;
        let is_there = self
            .config()
            .is_some_and(|config| config.clusters.contains_key(cluster));
        if !is_there {
            self.changed = Changed::Anything;
        }
    }

    /// Handles the end of a hold of a cluster.
    pub fn handle_release(&mut self, cluster: &str) {
        let Some(holds) = self.holds.get_mut(cluster) else {
            return;
        };
        *holds -= 1;
        if *holds == 0 {
            self.holds.remove(cluster);
            self.changed = Changed::Anything;
        }
    }

    /// Returns the clusters that are held, by name.
    pub fn held(&self) -> impl Iterator<Item = &Arc<str>> {
        self.holds.keys()
    }

    /// Returns what has neither value nor error, and is needed for a configuration.
    #[must_use]
    pub fn awaited(&self) -> &[Awaited] {
        &self.awaited
    }

    /// Returns the next action for the shell.
    pub fn poll_output(&mut self) -> Option<DependencyOutput> {
        if self.outputs.is_empty() && !self.changed.is_nothing() {
            self.reconcile();
        }
        self.outputs.pop_front()
    }

    /// Watches what is needed, publishes what is whole, and ends the watches that are not needed then.
    fn reconcile(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        if let Changed::Leaves(parts) = &changed
            && self.awaited.is_empty()
            && let Some(Published::Config(old)) = &self.published
        {
            let config = self.assembly().with_changed(old, parts);
            return self.publish(Published::Config(Arc::new(config)));
        }
        let mut reach = Reach::default();
        let published = match self.assembly().config(&mut reach) {
            Ok(config) => config.map(|config| Published::Config(Arc::new(config))),
            Err(failure) => Some(Published::Failure(failure)),
        };
        self.watch(&reach);
        if let Some(published) = published {
            self.publish(published);
            self.unwatch(&reach);
        }
        self.awaited = reach.awaited;
    }

    fn assembly(&self) -> Assembly<'_> {
        Assembly {
            listener_name: &self.listener_name,
            authority: &self.authority,
            text: &self.text,
            known: &self.known,
            holds: &self.holds,
            old: self.config(),
        }
    }

    /// Returns the configuration in force.
    fn config(&self) -> Option<&XdsConfig> {
        match &self.published {
            Some(Published::Config(config)) => Some(config),
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
            Published::Failure(failure) => DependencyOutput::Fail(failure.clone()),
        });
        self.published = Some(published);
    }

    /// Watches what is needed and not watched so far.
    fn watch(&mut self, reach: &Reach) {
        let (known, outputs) = (&mut self.known, &mut self.outputs);
        known.route_configs.watch(&reach.route_config, outputs);
        known.clusters.watch(reach.clusters.keys(), outputs);
        known.endpoints.watch(&reach.endpoints, outputs);
        for name in &reach.names {
            if !known.names.contains_key(name) {
                known.names.insert(name.clone(), Resolved::default());
                outputs.push_back(DependencyOutput::Resolve(name.clone()));
            }
        }
    }

    /// Ends the watches of what is not needed.
    fn unwatch(&mut self, reach: &Reach) {
        let (known, outputs) = (&mut self.known, &mut self.outputs);
        let is_needed = |name: &Arc<str>| reach.route_config.as_ref() == Some(name);
        known.route_configs.retain(is_needed, outputs);
        let is_needed = |name: &Arc<str>| reach.clusters.contains_key(name);
        known.clusters.retain(is_needed, outputs);
        let is_needed = |name: &Arc<str>| reach.endpoints.contains(name);
        known.endpoints.retain(is_needed, outputs);
        known.names.retain(|name, _| {
            let keeps = reach.names.contains(name);
            if !keeps {
                outputs.push_back(DependencyOutput::StopResolving(name.clone()));
            }
            keeps
        });
    }
}

fn ambient_of<'a, T>(
    watches: &'a mut Watches<T>,
    name: &str,
) -> Option<&'a mut Option<ResourceError>> {
    watches.get_mut(name).map(|watched| &mut watched.ambient)
}
