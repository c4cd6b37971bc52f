//! How `cds_experimental` handles events.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use trunkline_lb::{
    Child, ConnectivityState, Control, GracefulSwitch, OldList, Pick, Policy, PolicyNode,
    PolicyOptions, PriorityChild, PriorityConfig, Update, forward_events,
};
use trunkline_service_config::PolicyChoice;
use trunkline_status::Status;

use super::applied::Applied;
use super::config::CdsConfig;
use super::leaf::leaf_update;
use super::priority_names::PriorityNames;
use crate::core::resources::Cluster;
use crate::core::{LeafEndpoints, ResolvedCluster, XdsConfig, XdsConfigKey};
use crate::policies::address_facts::add_facts;
use crate::policies::names::{CDS, PRIORITY};

/// Runs the policies of one cluster, which it reads in the channel's
/// [`XdsConfig`](crate::core::XdsConfig).
///
/// - A cluster with backends of its own: outlier detection, the limits of the cluster, its priorities,
///   and below these the policy that the cluster names. Where a part of a new configuration is the same
///   as before, the policies below get no update.
/// - A cluster of other clusters: one `cds_experimental` for each of them, the first that works is used.
/// - A cluster that cannot be used, or has no endpoints: calls fail with the reason, and its connections
///   are closed.
///
/// The endpoints of its updates are ignored.
///
/// Source: [gRFC A74](https://github.com/grpc/proposal/blob/master/A74-xds-config-tears.md),
/// [gRFC A75](https://github.com/grpc/proposal/blob/master/A75-xds-aggregate-cluster-behavior-fixes.md).
#[derive(Debug)]
pub struct Cds {
    /// The options of the child.
    options: PolicyOptions,
    /// Whether addresses name their cluster.
    has_cluster_security: bool,
    /// The policies of the cluster; `None` while calls fail.
    child: Option<Child<GracefulSwitch>>,
    /// The name of the cluster of the last update.
    cluster: Option<Arc<str>>,
    /// What the child was given last; `None` if the next update has to reach it in any case.
    applied: Option<Applied>,
    /// Why calls fail, while there is no child.
    failure: Option<String>,
    names: PriorityNames,
    /// The state that was published last.
    published: Option<ConnectivityState>,
}

impl Cds {
    /// Creates a policy that waits for its first update. Its children are of
    /// [`PolicyOptions::policies`].
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        Self {
            options: options.clone(),
            has_cluster_security: false,
            child: None,
            cluster: None,
            applied: None,
            failure: None,
            names: PriorityNames::default(),
            published: None,
        }
    }

    /// Sets whether clusters choose the transport security; see
    /// [`CdsFactory::with_cluster_security`](super::CdsFactory::with_cluster_security). Default: false.
    #[must_use]
    pub fn with_cluster_security(mut self, is_on: bool) -> Self {
        self.has_cluster_security = is_on;
        self
    }

    /// Ends the child: calls fail with this text.
    fn fail(&mut self, text: String, control: &mut Control<'_>) {
        self.applied = None;
        if let Some(child) = self.child.take() {
            child.remove(control);
        } else if self.failure.as_ref() == Some(&text) {
            return;
        }
        let state = ConnectivityState::TransientFailure;
        self.published = Some(state);
        self.failure = Some(text.clone());
        control.publish(state, Arc::new(Pick::Fail(Status::unavailable(text))));
    }

    /// Hands an event to the child, and publishes what it publishes.
    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> Option<R> {
        let (result, published) = self.child.as_mut()?.handle(control, event);
        if let Some(published) = published {
            self.published = Some(published.state);
            control.publish(published.state, published.picker);
        }
        Some(result)
    }

    /// Hands an update to the child, which is created if there is none.
    fn update_child(
        &mut self,
        choice: &PolicyChoice,
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        let options = &self.options;
        let child = || Child::new(GracefulSwitch::new(options));
        self.child.get_or_insert_with(child);
        self.failure = None;
        update.config = Arc::clone(&choice.config);
        let result = self.forward(control, |child, control| {
            child.handle_named_update(&choice.name, update, control)
        });
        if self.published.is_none() {
            // The child publishes when it settles.
            self.published = Some(ConnectivityState::Connecting);
            control.publish(ConnectivityState::Connecting, Arc::new(Pick::Queue));
        }
        result.unwrap_or(Ok(()))
    }

    /// Hands the endpoints of a cluster to the child.
    fn update_leaf(
        &mut self,
        resolved: &Arc<ResolvedCluster>,
        (cluster, endpoints, note): (&Cluster, &LeafEndpoints, &Arc<str>),
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        // The policies below need not keep the whole configuration.
        update.attributes = update.attributes.without::<XdsConfigKey>();
        let applied = Applied {
            cluster: Arc::clone(resolved),
            attributes: update.attributes.clone(),
            health_check: update.health_check.clone(),
        };
        let is_same = self
            .applied
            .as_ref()
            .is_some_and(|last| last.is_same(&applied));
        self.applied = Some(applied);
        if is_same {
            return Ok(());
        }
        match leaf_update(cluster, endpoints, &mut self.names) {
            Ok(mut leaf) => {
                add_facts(&mut leaf.endpoints, cluster, self.has_cluster_security);
                update.endpoints = leaf.endpoints.into();
                update.resolution_note = Arc::clone(note);
                self.update_child(&leaf.choice, update, control)
            }
            Err(text) => {
                let note = if note.is_empty() {
                    ""
                } else {
                    &format!("; {note}")
                };
                self.fail(format!("{text}{note}"), control);
                Ok(())
            }
        }
    }

    /// Hands the clusters of a cluster to the child.
    fn update_aggregate(
        &mut self,
        leaves: &[Arc<str>],
        update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        self.applied = None;
        let cds: Arc<str> = CDS.into();
        let mut config = PriorityConfig::default();
        config.children.extend(leaves.iter().map(|leaf| {
            let choice = PolicyChoice {
                name: Arc::clone(&cds),
                config: Arc::new(CdsConfig::new(Arc::clone(leaf))),
            };
            PriorityChild::new(Arc::clone(leaf), choice)
        }));
        let choice = PolicyChoice {
            name: PRIORITY.into(),
            config: Arc::new(config),
        };
        self.update_child(&choice, update, control)
    }
}

impl Policy for Cds {
    /// Fails with `INTERNAL` if the configuration is that of another policy, or there is no
    /// [`XdsConfig`](crate::core::XdsConfig) in the attributes.
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config = Arc::clone(&update.config);
        let config: &dyn Any = &*config;
        let Some(config) = config.downcast_ref::<CdsConfig>() else {
            let text = format!("the configuration is not that of {CDS}");
            return Err(Status::internal(text));
        };
        let Some(xds) = update.attributes.get::<XdsConfigKey>().cloned() else {
            let text = format!("{CDS}: the resolver returns no xDS configuration");
            self.fail(text.clone(), control);
            return Err(Status::internal(text));
        };
        let XdsConfig { clusters, .. } = &*xds;
        let name = &config.cluster;
        self.cluster = Some(Arc::clone(name));
        let Some(entry) = clusters.get(name) else {
            if !config.is_dynamic {
                let text = format!("cluster {name:?} is not in the configuration of the channel");
                self.fail(text, control);
            }
            return Ok(());
        };
        match entry {
            Err(text) => {
                self.fail(text.to_string(), control);
                Ok(())
            }
            Ok(resolved) => match &**resolved {
                ResolvedCluster::Leaf {
                    cluster,
                    endpoints,
                    note,
                } => self.update_leaf(resolved, (cluster, endpoints, note), update, control),
                ResolvedCluster::Aggregate { leaves, .. } => {
                    self.update_aggregate(leaves, update, control)
                }
            },
        }
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        if self.child.is_none() && self.published.is_none() {
            return self.fail(error.message().to_owned(), control);
        }
        self.applied = None;
        self.forward(control, |child, control| {
            child.handle_resolver_error(error, old, control);
        });
    }

    forward_events!(through forward);

    fn poll_timeout(&self) -> Option<Instant> {
        self.child.as_ref()?.policy().poll_timeout()
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.settle(control));
    }

    fn reset_backoff(&mut self) {
        if let Some(child) = &mut self.child {
            child.policy_mut().reset_backoff();
        }
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let state = self.published.unwrap_or(ConnectivityState::Connecting);
        let mut node = PolicyNode::new(CDS, state);
        if let Some(cluster) = &self.cluster {
            node = node.with_fact("cluster", cluster.to_string());
        }
        if let Some(failure) = &self.failure {
            node = node.with_fact("error", failure.clone());
        }
        match &self.child {
            Some(child) => node.with_child(child.policy().inspect(now)),
            None => node,
        }
    }
}
