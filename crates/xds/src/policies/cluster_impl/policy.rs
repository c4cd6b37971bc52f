//! How `xds_cluster_impl_experimental` handles events.

use std::any::Any;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::BackendService;
use trunkline_lb::{
    Action, Child, ConnectivityState, Control, GracefulSwitch, OldList, PickRng, Policy,
    PolicyNode, PolicyOptions, Published, SubchannelId, Update, forward_events,
};
use trunkline_service_config::PolicyChoice;
use trunkline_status::Status;

use super::backends::{BackendTable, Backends};
use super::config::ClusterImplConfig;
use super::drops::Drops;
use super::picker::{CallRules, LimitedPicker};
use crate::core::ServerConfig;
use crate::policies::counters::{ClusterCounters, ClusterKey};
use crate::policies::load_store::{ClusterLoad, ReportedMetrics};
use crate::policies::load_stores::{LoadStores, LoadStoresKey};
use crate::policies::names::CLUSTER_IMPL;

/// Drops and limits the calls of one cluster, counts them for load reports, and leaves the choice to a
/// child policy.
///
/// For each call, in this order:
///
/// 1. If the child is ready, it is drawn for each category of drops whether the call is dropped. A call
///    that waits is not drawn again for each picker.
/// 2. If the most calls are in flight to the cluster, in all channels of the pool together, it is
///    dropped.
/// 3. The child's picker chooses. From then on until its end the call is in flight.
///
/// Where the cluster limits the connections to an address, each subchannel of the child has that limit (gRFC
/// A105). Else it has the channel's own.
///
/// A call whose route rewrites the authority is addressed to the host name of its endpoint, if it has one,
/// unless the application set an authority for the call.
///
/// A dropped call fails with `UNAVAILABLE`, also if it is wait-for-ready, and is not retried. A new
/// configuration is in force for new calls at once.
///
/// Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md),
/// [gRFC A32](https://github.com/grpc/proposal/blob/master/A32-xds-circuit-breaking.md),
/// [gRFC A75](https://github.com/grpc/proposal/blob/master/A75-xds-aggregate-cluster-behavior-fixes.md),
/// [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md),
/// [gRFC A85](https://github.com/grpc/proposal/blob/master/A85-lrs-custom-metrics-changes.md).
#[derive(Debug)]
pub struct ClusterImpl {
    child: Child<GracefulSwitch>,
    counters: ClusterCounters,
    /// Where calls are counted for load reports; `None` before the first update, and if the resolution has no
    /// [`LoadStores`].
    loads: Option<LoadStores>,
    rng: Arc<PickRng>,
    /// The configuration in force, and what the pickers have of it; `None` before the first update.
    rules: Option<(ClusterImplConfig, Arc<CallRules>)>,
    backends: Backends,
    /// What pickers know of the subchannels; `None` if it is out of date, or nothing is known.
    table: Option<Arc<BackendTable>>,
    /// What the child published last.
    published: Option<Published>,
    /// Whether what this policy published last is out of date.
    is_stale: bool,
}

impl ClusterImpl {
    /// Creates a policy that waits for its first list. Its child is one of
    /// [`PolicyOptions::policies`].
    #[must_use]
    pub fn new(options: &PolicyOptions, counters: ClusterCounters) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        let mut child_options = options.clone();
        child_options.seed = rng.next_seed();
        Self {
            child: Child::new(GracefulSwitch::new(&child_options)),
            counters,
            loads: None,
            rng: Arc::new(PickRng::from_seed(rng.next_seed())),
            rules: None,
            backends: Backends::default(),
            table: None,
            published: None,
            is_stale: false,
        }
    }

    /// Puts a configuration in force.
    fn configure(&mut self, config: &ClusterImplConfig, update: &Update, now: Instant) {
        let key = ClusterKey {
            cluster: Arc::clone(&config.cluster),
            service_name: Arc::clone(&config.service_name),
        };
        let note = match &*update.resolution_note {
            "" => String::new(),
            note => format!("; {note}"),
        };
        let loads = update.attributes.get::<LoadStoresKey>();
        let load = self.load(config, &key, loads, now);
        let (cluster, limit) = (&config.cluster, config.max_requests);
        let over_limit =
            format!("{limit} calls in flight to cluster {cluster:?}, the most allowed{note}");
        let metrics = config.load_reporting.as_ref();
        let metrics = metrics.map(|reporting| ReportedMetrics::new(&reporting.endpoint_metrics));
        let rules = CallRules {
            cluster: Arc::clone(&config.cluster),
            drops: Drops::new(config, &load, &note),
            limit,
            over_limit: Status::unavailable(over_limit),
            in_flight: self.counters.in_flight(&key),
            load,
            metrics: metrics.unwrap_or_default(),
            rng: Arc::clone(&self.rng),
        };
        self.rules = Some((config.clone(), Arc::new(rules)));
        self.table = None;
        self.is_stale = true;
    }

    /// Returns where the calls of a cluster are counted: where they were before, if it is the same one,
    /// reported to the same server.
    fn load(
        &mut self,
        config: &ClusterImplConfig,
        key: &ClusterKey,
        loads: Option<&LoadStores>,
        now: Instant,
    ) -> Arc<ClusterLoad> {
        if let Some((before, rules)) = &self.rules
            && reported_to(before) == reported_to(config)
            && before.cluster == key.cluster
            && before.service_name == key.service_name
            && self.loads.as_ref() == loads
        {
            return Arc::clone(&rules.load);
        }
        self.backends.forget_counts();
        self.loads = loads.cloned();
        let store = reported_to(config).and_then(|server| loads?.of(server));
        match store {
            Some(store) => store.cluster(key, now),
            None => Arc::new(ClusterLoad::new(now)),
        }
    }

    /// Returns how many connections to an address the cluster asks for.
    fn max_connections(&self) -> Option<NonZeroU32> {
        let (config, _) = self.rules.as_ref()?;
        config.max_connections_per_host
    }

    /// Hands an event to the child, and records what it does.
    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> R {
        let mark = control.mark();
        let (result, published) = self.child.handle(control, event);
        let actions = control.requested_since(mark);
        if self.backends.record(actions) {
            self.table = None;
            self.is_stale |= !self.backends.is_empty();
        }
        if let Some(most) = self.max_connections() {
            let created: Vec<_> = actions.iter().filter_map(created).collect();
            for id in created {
                control.limit_connections(id, Some(most));
            }
        }
        if published.is_some() {
            self.published = published;
            self.is_stale = true;
        }
        result
    }

    /// Publishes the picker over the child's.
    fn publish(&mut self, control: &mut Control<'_>) {
        let (Some((config, rules)), Some(published)) = (&self.rules, &self.published) else {
            return;
        };
        if self.table.is_none() && !self.backends.is_empty() {
            let reported = config.load_reporting.as_ref();
            let load = reported.map(|_| &*rules.load);
            self.table = Some(Arc::new(self.backends.table(load)));
        }
        let picker = LimitedPicker {
            child: Arc::clone(&published.picker),
            is_ready: published.state == ConnectivityState::Ready,
            rules: Arc::clone(rules),
            backends: self.table.clone(),
        };
        control.publish(published.state, Arc::new(picker));
    }
}

/// Returns the server that the calls of a cluster are reported to.
fn reported_to(config: &ClusterImplConfig) -> Option<&Arc<ServerConfig>> {
    let reporting = config.load_reporting.as_ref()?;
    Some(&reporting.server)
}

/// Returns the subchannel that an action creates.
fn created(action: &Action) -> Option<SubchannelId> {
    match action {
        Action::Create { id, .. } => Some(*id),
        _ => None,
    }
}

impl Policy for ClusterImpl {
    /// Fails with `INTERNAL` if the configuration is that of another policy.
    fn handle_update(
        &mut self,
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        let config = Arc::clone(&update.config);
        let config: &dyn Any = &*config;
        let Some(config) = config.downcast_ref::<ClusterImplConfig>() else {
            let text = format!("the configuration is not that of {CLUSTER_IMPL}");
            return Err(Status::internal(text));
        };
        let before = self.max_connections();
        self.configure(config, &update, control.now());
        let most = self.max_connections();
        if most != before {
            for id in self.backends.subchannels() {
                control.limit_connections(id, most);
            }
        }
        let counts_loads = config.load_reporting.is_some();
        self.backends.replace(&update.endpoints, counts_loads);
        update.attributes = update
            .attributes
            .with::<BackendService>(Arc::clone(&config.cluster));
        let PolicyChoice { name, config } = &config.child_policy;
        update.config = Arc::clone(config);
        self.forward(control, |child, control| {
            child.handle_named_update(name, update, control)
        })
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.forward(control, |child, control| {
            child.handle_resolver_error(error, old, control);
        });
    }

    forward_events!(through forward);

    fn poll_timeout(&self) -> Option<Instant> {
        self.child.policy().poll_timeout()
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.settle(control));
        if std::mem::take(&mut self.is_stale) {
            self.publish(control);
        }
    }

    fn reset_backoff(&mut self) {
        self.child.policy_mut().reset_backoff();
    }

    /// Describes the limit and the drops of the cluster, and the child.
    fn inspect(&self, now: Instant) -> PolicyNode {
        let state = self.published.as_ref().map(|published| published.state);
        let state = state.unwrap_or(ConnectivityState::Connecting);
        let mut node = PolicyNode::new(CLUSTER_IMPL, state);
        if let Some((config, rules)) = &self.rules {
            node = node
                .with_fact("cluster", config.cluster.to_string())
                .with_fact("calls_in_flight", rules.in_flight.now())
                .with_fact("max_requests", rules.limit)
                .with_fact("dropped_by_limit", rules.load.dropped_by_limit())
                .with_fact("reports_load", config.load_reporting.is_some());
            if let Some(most) = config.max_connections_per_host {
                node = node.with_fact("max_connections_per_host", most.get());
            }
            if !config.service_name.is_empty() {
                node = node.with_fact("endpoints", config.service_name.to_string());
            }
            if !config.drops.is_empty() {
                node = node.with_fact("dropped_by_category", rules.drops.total());
            }
        }
        node.with_child(self.child.policy().inspect(now))
    }
}
