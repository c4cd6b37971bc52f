//! From the resources to a configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::changed::Parts;
use super::entries::{Entries, ambient_text};
use super::error_text::ErrorText;
use super::known::Known;
use super::outage::Outage;
use super::output::RoutingFailure;
use super::reach::Reach;
use crate::core::config::XdsConfig;
use crate::core::resource_error::ResourceError;
use crate::core::resource_type::ResourceType;
use crate::core::resources::{
    ApiListener, Listener, RouteAction, RouteConfiguration, RouteSource, VirtualHost,
};

/// Puts the resources of a target together.
pub(super) struct Assembly<'a> {
    pub(super) listener_name: &'a Arc<str>,
    /// The authority whose virtual host is used.
    pub(super) authority: &'a str,
    pub(super) text: &'a ErrorText,
    pub(super) known: &'a Known,
    /// How many holds there are of each cluster.
    pub(super) holds: &'a BTreeMap<Arc<str>, usize>,
    /// The configuration in force.
    pub(super) old: Option<&'a XdsConfig>,
}

impl<'a> Assembly<'a> {
    /// Returns the configuration that follows from the resources, and adds to `reach` what it needs.
    /// `Ok(None)` while something is awaited.
    ///
    /// # Errors
    ///
    /// Where nothing can be routed: why.
    pub(super) fn config(&self, reach: &mut Reach) -> Result<Option<XdsConfig>, RoutingFailure> {
        let Some((listener, api)) = self.api_listener(reach)? else {
            return Ok(None);
        };
        let Some(route_config) = self.route_config(api, reach)? else {
            return Ok(None);
        };
        let virtual_host = route_config
            .virtual_host(self.authority)
            .ok_or_else(|| self.lasting(route_config.explain_missing(self.authority)))?;
        let required = clusters_of(virtual_host);
        let outage = self.outage();
        reach.add(&required, self.known, &outage);
        let awaited = reach.awaited.len();
        reach.add(self.holds.keys(), self.known, &outage);
        // A cluster that no route names is not waited for.
        reach.awaited.truncate(awaited);
        if awaited > 0 {
            return Ok(None);
        }
        let makes = self.entries(reach.route_config.as_deref());
        let mut clusters = BTreeMap::new();
        for cluster in required.iter().chain(self.holds.keys()) {
            makes.add(cluster, &mut clusters);
        }
        Ok(Some(XdsConfig {
            listener: Arc::clone(listener),
            route_config: Arc::clone(route_config),
            virtual_host: Arc::clone(virtual_host),
            clusters,
        }))
    }

    /// Returns the configuration in force, with the parts of leaves that have changed.
    pub(super) fn with_changed(&self, old: &XdsConfig, parts: &Parts) -> XdsConfig {
        let api = old.listener.api.as_ref();
        let route_config = api.and_then(|api| match &api.routes {
            RouteSource::Rds(name) => Some(&**name),
            RouteSource::Inline(_) => None,
        });
        XdsConfig {
            clusters: self.entries(route_config).with_changed(parts),
            ..old.clone()
        }
    }

    fn entries(&self, route_config: Option<&str>) -> Entries<'a> {
        let known = self.known;
        let kind = ResourceType::Listener;
        let listener = ambient_text(kind, self.listener_name, &known.listener);
        let routes = route_config.and_then(|name| {
            let watched = known.route_configs.get(name)?;
            ambient_text(ResourceType::RouteConfiguration, name, watched)
        });
        Entries {
            known,
            text: self.text,
            of_routes: listener.into_iter().chain(routes).collect(),
            old: self.old,
        }
    }

    /// Returns the listener with its part for clients.
    fn api_listener(
        &self,
        reach: &mut Reach,
    ) -> Result<Option<(&'a Arc<Listener>, &'a ApiListener)>, RoutingFailure> {
        let name = self.listener_name;
        let kind = ResourceType::Listener;
        let listener = match &self.known.listener.current {
            None => {
                reach.add_awaited::<Listener>(kind, name, None, &self.outage());
                return Ok(None);
            }
            Some(Err(error)) => return Err(self.failure(kind, name, error)),
            Some(Ok(listener)) => listener,
        };
        let for_servers = || {
            self.lasting(format_args!(
                "listener {name:?} is for servers: it has no api_listener"
            ))
        };
        let api = listener.api.as_ref().ok_or_else(for_servers)?;
        Ok(Some((listener, api)))
    }

    /// Returns the routes of the listener.
    fn route_config(
        &self,
        api: &'a ApiListener,
        reach: &mut Reach,
    ) -> Result<Option<&'a Arc<RouteConfiguration>>, RoutingFailure> {
        let name = match &api.routes {
            RouteSource::Inline(route_config) => return Ok(Some(route_config)),
            RouteSource::Rds(name) => name,
        };
        reach.route_config = Some(Arc::clone(name));
        let kind = ResourceType::RouteConfiguration;
        let current = self.known.route_configs.current(name);
        let awaited = reach.awaited.len();
        reach.add_awaited(kind, name, current, &self.outage());
        match current {
            Some(Ok(route_config)) => Ok(Some(route_config)),
            Some(Err(error)) if reach.awaited.len() == awaited => {
                Err(self.failure(kind, name, error))
            }
            _ => Ok(None),
        }
    }

    fn outage(&self) -> Outage<'a> {
        Outage {
            listener_name: self.listener_name,
            in_force: self.old,
        }
    }

    fn failure(&self, kind: ResourceType, name: &str, error: &ResourceError) -> RoutingFailure {
        RoutingFailure {
            text: self.text.resource(kind, name, error),
            is_transient: !error.is_data_error(),
        }
    }

    /// Returns a failure that lasts until the resources change.
    fn lasting(&self, what: impl fmt::Display) -> RoutingFailure {
        RoutingFailure {
            text: self.text.text(what),
            is_transient: false,
        }
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
