//! How `xds_cluster_manager_experimental` handles events.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use trunkline_lb::{
    ChildTrackers, ConnectivityState, Control, NamedChildren, OldList, Pick, Picker, Policy,
    PolicyNode, PolicyOptions, Update, forward_events,
};
use trunkline_status::Status;

use super::config::ClusterManagerConfig;
use super::picker::{ClusterChoice, ClusterPicker};
use crate::policies::names::CLUSTER_MANAGER;

/// How many names of removed clusters are kept, for the errors of calls. The oldest are left out, so
/// that a control plane that changes its clusters all the time does not fill the memory.
const MOST_REMOVED: usize = 1000;

/// Leaves each call to the policy of the cluster that its route chose.
///
/// The cluster is in the attributes of the call ([`ClusterOfCall`](crate::core::ClusterOfCall)). The
/// policy of the cluster chooses whatever its state is, so one that connects has its calls wait while
/// others are ready. The state of all together is `READY` if one is ready, else `CONNECTING`, else
/// `IDLE`, else `TRANSIENT_FAILURE`; a failure lasts until the cluster is ready.
///
/// The configuration names a cluster for as long as a route or a call uses it
/// ([`ClusterHold`](crate::core::ClusterHold)). A call whose cluster was removed all the same fails
/// with `UNAVAILABLE`, and one whose cluster was never there with `INTERNAL`, also if it is
/// wait-for-ready.
///
/// Source: [gRFC A31](https://github.com/grpc/proposal/blob/master/A31-xds-timeout-support-and-config-selector.md).
#[derive(Debug)]
pub struct ClusterManager {
    children: NamedChildren,
    /// The names of clusters that are not there any more, the oldest first.
    removed: VecDeque<Arc<str>>,
    /// The error of the resolver, if it has not returned clusters since.
    error: Option<Status>,
    /// Whether what was published last is out of date, whatever the children do.
    is_stale: bool,
    /// The state that was published last.
    published: Option<ConnectivityState>,
}

impl ClusterManager {
    /// Creates a policy that waits for its first update. Its children are of
    /// [`PolicyOptions::policies`].
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        Self {
            children: NamedChildren::new(options),
            removed: VecDeque::new(),
            error: None,
            is_stale: false,
            published: None,
        }
    }

    /// Ends the children that the configuration does not name, and keeps their names.
    fn retain(&mut self, config: &ClusterManagerConfig, control: &mut Control<'_>) {
        let is_named = |name: &str| config.children.contains_key(name);
        let names = self.children.iter().map(|(name, _)| name);
        let gone = names.filter(|name| !is_named(name)).cloned();
        self.removed.extend(gone);
        self.removed.retain(|name| !is_named(name));
        let excess = self.removed.len().saturating_sub(MOST_REMOVED);
        self.removed.drain(..excess);
        self.children.retain(is_named, control);
    }

    /// Creates the picker over the children's, or that of the resolver's error if there are none.
    fn picker(&self) -> Arc<dyn Picker> {
        if let (Some(error), None) = (&self.error, self.children.iter().next()) {
            return Arc::new(Pick::Fail(error.clone()));
        }
        let removed = |name: &Arc<str>| {
            let text = format!("cluster {name:?} was removed while the call waited for it");
            let choice = ClusterChoice::Removed(Status::unavailable(text));
            (Arc::clone(name), choice)
        };
        let mut clusters: BTreeMap<_, _> = self.removed.iter().map(removed).collect();
        for (name, child) in self.children.iter() {
            let choice = ClusterChoice::Child(Arc::clone(child.picker()));
            clusters.insert(Arc::clone(name), choice);
        }
        let children = self.children.iter();
        let children = children.map(|(_, child)| (Arc::clone(child.picker()), child.subchannels()));
        Arc::new(ClusterPicker::new(
            clusters.into_iter().collect(),
            ChildTrackers::new(children),
        ))
    }
}

impl Policy for ClusterManager {
    /// Hands the update to the policy of each cluster.
    ///
    /// # Errors
    ///
    /// The first error of a child, if no child accepts the update; `INTERNAL` if the configuration
    /// belongs to another policy. All children have handled the update all the same.
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config = Arc::clone(&update.config);
        let config: &dyn Any = &*config;
        let Some(config) = config.downcast_ref::<ClusterManagerConfig>() else {
            let text = format!("the configuration is not that of {CLUSTER_MANAGER}");
            return Err(Status::internal(text));
        };
        self.is_stale = true;
        self.error = None;
        self.retain(config, control);
        let mut results = Vec::new();
        for (name, choice) in &config.children {
            let update = update.clone();
            results.push(self.children.handle_update(name, choice, update, control));
        }
        if results.iter().any(Result::is_ok) {
            return Ok(());
        }
        results.into_iter().next().unwrap_or(Ok(()))
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.children.handle_resolver_error(&error, old, control);
        self.is_stale |= self.children.iter().next().is_none();
        self.error = Some(error);
    }

    forward_events!(to children);

    /// Makes all children leave idleness.
    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.children.exit_idle(control);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        let has_news = self.children.settle(control);
        if std::mem::take(&mut self.is_stale) || has_news {
            let state = self.children.state();
            self.published = Some(state);
            control.publish(state, self.picker());
        }
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let state = self.published.unwrap_or(ConnectivityState::Connecting);
        PolicyNode::new(CLUSTER_MANAGER, state).with_children(self.children.inspect(now))
    }
}
