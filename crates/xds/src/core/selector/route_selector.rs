//! The selector of a virtual host.

use std::fmt;
use std::sync::Arc;

use trunkline_service_config::{CallConfig, CallInfo, ConfigSelector};
use trunkline_status::Status;

use super::action::{CallAttributes, Forward, Preparation};
use super::options::SelectorOptions;
use crate::core::cluster_hold::ClusterHold;
use crate::core::config::XdsConfig;
use crate::core::resources::{ApiListener, Fraction, Listener, Route, RouteAction, VirtualHost};

/// Chooses the route and the cluster of each call.
///
/// The first route whose conditions hold is taken, then one of its clusters is drawn by weight. All
/// attempts of a call use that cluster.
///
/// It is prepared once for a configuration. A choice takes no lock of its own (the crate `regex` may
/// take one for a pattern that several threads match at the same time). It allocates only for a hash, for
/// attributes of the application, and for a header with several values that a route looks at.
///
/// Source: [gRFC A28](https://github.com/grpc/proposal/blob/master/A28-xds-traffic-splitting-and-routing.md),
/// [gRFC A31](https://github.com/grpc/proposal/blob/master/A31-xds-timeout-support-and-config-selector.md).
pub struct RouteSelector {
    listener: Arc<Listener>,
    host: Arc<VirtualHost>,
    /// The prepared actions of the host's routes; `None` for a route that is not for clients.
    actions: Box<[Option<Forward>]>,
    attributes: CallAttributes,
    options: SelectorOptions,
}

impl RouteSelector {
    /// Prepares the routes of a configuration.
    ///
    /// `hold` is called once for each cluster that a route names. `needs_hash` returns whether the
    /// policy of a cluster needs a hash of each call: then calls of routes without hash policies get a
    /// random one.
    #[must_use]
    pub fn new(
        config: &XdsConfig,
        options: SelectorOptions,
        mut hold: impl FnMut(&Arc<str>) -> ClusterHold,
        needs_hash: impl Fn(&str) -> bool,
    ) -> Self {
        let api: Option<&ApiListener> = config.listener.api.as_ref();
        let default_timeout = api.and_then(|api| api.max_stream_duration);
        let filters = api.map_or(&[][..], |api| &api.http_filters);
        let filters = (filters, &config.virtual_host.filter_overrides);
        let mut preparation = Preparation::new(default_timeout, filters, &mut hold, &needs_hash);
        let routes = config.virtual_host.routes.iter();
        let actions = routes.map(|route| match &route.action {
            RouteAction::Forward(action) => {
                Some(preparation.prepare(action, &route.filter_overrides))
            }
            RouteAction::NotForClients => None,
        });
        let actions = actions.collect();
        Self {
            listener: Arc::clone(&config.listener),
            host: Arc::clone(&config.virtual_host),
            actions,
            attributes: preparation.finish(),
            options,
        }
    }

    /// Returns the virtual host.
    #[must_use]
    pub fn virtual_host(&self) -> &Arc<VirtualHost> {
        &self.host
    }

    /// Returns whether the selector was prepared for the listener and the virtual host of `config`, the
    /// same values in memory. Then a new selector would differ only in which clusters need a hash.
    #[must_use]
    pub fn has_routes_of(&self, config: &XdsConfig) -> bool {
        Arc::ptr_eq(&self.listener, &config.listener)
            && Arc::ptr_eq(&self.host, &config.virtual_host)
    }

    fn takes(&self, route: &Route, call: &CallInfo<'_>) -> bool {
        route.path.matches(call.path)
            && route.headers.iter().all(|header| header.matches(call.metadata))
            // Drawn last: a call that another condition excludes draws nothing.
            && route.fraction.is_none_or(|fraction| {
                let draw = self.options.rng.below(Fraction::DENOMINATOR as usize);
                u32::try_from(draw).is_ok_and(|draw| fraction.contains(draw))
            })
    }

    #[cold]
    fn fail(&self, text: fmt::Arguments<'_>) -> Status {
        Status::unavailable(format!("{text}; xDS node {:?}", self.options.node_id))
    }
}

impl ConfigSelector for RouteSelector {
    fn select<'a>(&'a self, call: &CallInfo<'_>) -> Result<CallConfig<'a>, Status> {
        let mut routes = self.host.routes.iter();
        let Some(at) = routes.position(|route| self.takes(route, call)) else {
            let (host, path) = (&self.host.name, call.path);
            return Err(self.fail(format_args!(
                "no route of virtual host {host:?} matches {path}"
            )));
        };
        let Some(forward) = &self.actions[at] else {
            let path = call.path;
            return Err(self.fail(format_args!("the route for {path} is not for clients")));
        };
        Ok(forward.config(call, &self.attributes, &self.options))
    }
}

impl fmt::Debug for RouteSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteSelector")
            .field("virtual_host", &self.host.name)
            .field("routes", &self.host.routes.len())
            .finish_non_exhaustive()
    }
}
