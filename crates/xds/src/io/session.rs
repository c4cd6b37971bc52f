//! The resolution of one target while its channel is not idle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use trunkline_resolver::{Resolution, ResolverOptions};
use trunkline_service_config::ConfigSelector;

use super::awaited_text::awaited_text;
use super::channel_parts::ChannelParts;
use super::client::Client;
use super::host_names::HostNames;
use super::inbox::Inbox;
use super::releases::Releases;
use super::selection::{failed, routed, service_config};
use super::server_loads::ReportHold;
use crate::core::ads::{Delivery, DeliveryId, Update, WatchId};
use crate::core::dependencies::{DependencyManager, DependencyOutput};
use crate::core::resources::LoadReporting;
use crate::core::{
    ClusterHold, ClusterReleased, ResolvedCluster, ResourceName, ResourceType, RouteSelector,
    SelectorOptions, ServerConfig, XdsConfig,
};
use crate::policies::{FaultCount, cluster_needs_hash};

/// Joins the client with the core that knows what the channel depends on, and decides nothing.
pub(super) struct Session {
    client: Arc<Client>,
    dependencies: DependencyManager,
    inbox: Arc<Inbox>,
    watches: BTreeMap<(ResourceType, Arc<str>), WatchId>,
    host_names: HostNames,
    /// What clusters ask for; `None` if the channel secures all connections itself.
    #[cfg(feature = "tls")]
    security: Option<super::cluster_security::ClusterSecurity>,
    releases: Arc<Releases>,
    selector_options: SelectorOptions,
    /// The selector in force.
    selector: Option<Selector>,
    /// The service config in force, and the clusters that it is for.
    service_config: Option<(BTreeSet<Arc<str>>, Arc<str>)>,
    /// The servers that the calls of the channel are reported to.
    reports: Vec<(Arc<ServerConfig>, ReportHold)>,
    /// The servers that the last resolution reports to. `reports` also has those of the one before, until the
    /// last one is published.
    wanted_reports: Vec<Arc<ServerConfig>>,
    /// The updates that were taken and whose effects are not published yet.
    unsettled: Vec<DeliveryId>,
}

/// A selector, with what it was made from.
struct Selector {
    selector: Arc<RouteSelector>,
    /// The clusters whose policies need a hash of each call.
    hashed: BTreeSet<Arc<str>>,
}

impl Session {
    /// Starts to resolve: nothing is watched before the first poll.
    pub(super) fn new(
        client: Arc<Client>,
        listener: &ResourceName,
        parts: ChannelParts,
        options: ResolverOptions,
    ) -> Self {
        let shared = client.shared();
        let node: Arc<str> = shared.bootstrap.node.id.as_str().into();
        let authority = options.authority.clone().unwrap_or_default();
        Self {
            dependencies: DependencyManager::new(listener.as_str(), authority, &node),
            inbox: Arc::new(Inbox::default()),
            watches: BTreeMap::new(),
            releases: Arc::new(Releases::default()),
            selector_options: SelectorOptions::new(node, options.runtime.seed())
                .with_active_faults(Arc::new(FaultCount::of_process())),
            selector: None,
            service_config: None,
            reports: Vec::new(),
            wanted_reports: Vec::new(),
            unsettled: Vec::new(),
            host_names: HostNames::new(parts.xds.resolvers(), options),
            #[cfg(feature = "tls")]
            security: parts.security,
            client,
        }
    }

    /// Ready with the next configuration, or the error in its place.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Resolution> {
        // The channel polls again once it has published what followed from the last resolution.
        self.settle();
        loop {
            let has_news = self.take_news(cx);
            if let Some(resolution) = self.do_outputs() {
                return Poll::Ready(resolution);
            }
            if !has_news {
                self.settle();
                let is_waiting = !self.dependencies.awaited().is_empty();
                self.inbox.show_progress(is_waiting);
                return Poll::Pending;
            }
        }
    }

    /// Handles a policy's request to resolve again.
    pub(super) fn resolve_now(&mut self) {
        self.host_names.resolve_now();
    }

    /// Returns what the next configuration waits for.
    pub(super) fn waiting_for(&self) -> Option<String> {
        awaited_text(self.dependencies.awaited(), &self.client)
    }

    /// Returns whether the next configuration waits for something.
    pub(super) fn is_waiting(&self) -> bool {
        !self.dependencies.awaited().is_empty()
    }

    /// Handles that all that followed from the last resolution is published.
    fn settle(&mut self) {
        // Until then calls were counted for the servers of the configuration before.
        let wanted = &self.wanted_reports;
        self.reports.retain(|(server, _)| wanted.contains(server));
        if !self.unsettled.is_empty() {
            self.client.settle(self.unsettled.drain(..));
        }
    }

    /// Hands all that has happened to the core. Returns false if there was nothing.
    fn take_news(&mut self, cx: &mut Context<'_>) -> bool {
        let mut has_any = false;
        while let Poll::Ready(delivery) = self.inbox.poll_next(cx) {
            has_any = true;
            self.unsettled.push(delivery.id);
            self.handle_delivery(delivery);
        }
        for cluster in self.releases.take(cx) {
            has_any = true;
            self.dependencies.handle_release(&cluster);
        }
        for (name, result) in self.host_names.poll(cx) {
            has_any = true;
            self.dependencies.handle_resolved(&name, result);
        }
        has_any
    }

    fn handle_delivery(&mut self, delivery: Delivery) {
        let Delivery {
            id,
            kind,
            name,
            update,
        } = delivery;
        let key = (kind, name);
        // A watch may have ended while an update was on its way.
        if self.watches.get(&key) != Some(&id.watch()) {
            return;
        }
        match update {
            Update::Changed(result) => self.dependencies.handle_changed(kind, &key.1, result),
            Update::Ambient(error) => self.dependencies.handle_ambient(kind, &key.1, error),
        }
    }

    /// Performs all that the core asks for. Returns the last resolution.
    fn do_outputs(&mut self) -> Option<Resolution> {
        let mut resolution = None;
        while let Some(output) = self.dependencies.poll_output() {
            match output {
                DependencyOutput::Watch(kind, name) => {
                    let watch = self.client.watch(kind, &name, &self.inbox);
                    self.watches.insert((kind, name), watch);
                }
                DependencyOutput::Unwatch(kind, name) => {
                    if let Some(watch) = self.watches.remove(&(kind, name)) {
                        self.client.unwatch(watch);
                    }
                }
                DependencyOutput::Resolve(name) => self.host_names.start(name),
                DependencyOutput::StopResolving(name) => self.host_names.stop(&name),
                DependencyOutput::Publish(config) => resolution = Some(self.publish(&config)),
                DependencyOutput::Fail(failure) => {
                    self.selector = None;
                    self.wanted_reports.clear();
                    resolution = Some(failed(&failure));
                }
            }
        }
        resolution
    }

    fn publish(&mut self, config: &Arc<XdsConfig>) -> Resolution {
        self.report_loads(config);
        #[cfg(feature = "tls")]
        if let Some(security) = &self.security {
            let shared = self.client.shared();
            security.replace(config, &shared.bootstrap, &shared.links.runtime);
        }
        let selector = self.selector_of(config);
        let held = self.dependencies.held();
        let clusters: BTreeSet<_> = held
            .filter(|name| config.clusters.contains_key(*name))
            .cloned()
            .collect();
        let service_config = match self.service_config.take() {
            Some((old, json)) if old == clusters => json,
            _ => service_config(&clusters),
        };
        self.service_config = Some((clusters, Arc::clone(&service_config)));
        let loads = self.client.load_stores();
        routed(config, selector, &service_config, loads)
    }

    /// Reports the calls of the clusters whose server asked for it.
    fn report_loads(&mut self, config: &XdsConfig) {
        self.wanted_reports.clear();
        for entry in config.clusters.values() {
            if let Ok(resolved) = entry
                && let ResolvedCluster::Leaf { cluster, .. } = &**resolved
                && let Some(LoadReporting { server, .. }) = &cluster.load_reporting
                && !self.wanted_reports.contains(server)
            {
                self.wanted_reports.push(Arc::clone(server));
            }
        }
        for server in &self.wanted_reports {
            if !self.reports.iter().any(|(other, _)| other == server)
                && let Some(hold) = self.client.report_loads(server)
            {
                self.reports.push((Arc::clone(server), hold));
            }
        }
    }

    /// Returns the selector of a configuration: the one in force if nothing of it changes.
    fn selector_of(&mut self, config: &Arc<XdsConfig>) -> Arc<dyn ConfigSelector> {
        let names = config.clusters.keys();
        let hashed: BTreeSet<_> = names
            .filter(|name| cluster_needs_hash(config, name))
            .cloned()
            .collect();
        if let Some(old) = &self.selector
            && old.selector.has_routes_of(config)
            && old.hashed == hashed
        {
            return Arc::clone(&old.selector) as Arc<dyn ConfigSelector>;
        }
        let dependencies = &mut self.dependencies;
        let releases = &self.releases;
        let hold = |cluster: &Arc<str>| {
            dependencies.handle_hold(cluster);
            let releases = Arc::clone(releases) as Arc<dyn ClusterReleased>;
            ClusterHold::new(Arc::clone(cluster), releases)
        };
        let needs_hash = |name: &str| hashed.contains(name);
        let options = self.selector_options.clone();
        let selector = Arc::new(RouteSelector::new(config, options, hold, needs_hash));
        self.selector = Some(Selector {
            selector: Arc::clone(&selector),
            hashed,
        });
        selector
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        #[cfg(feature = "tls")]
        if let Some(security) = &self.security {
            security.clear();
        }
        for watch in self.watches.values() {
            self.client.unwatch(*watch);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("client", &self.client)
            .field("dependencies", &self.dependencies)
            .finish_non_exhaustive()
    }
}
