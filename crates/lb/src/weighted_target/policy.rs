//! How `weighted_target` handles events.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::Endpoint;
use trunkline_status::Status;

use super::config::WeightedTargetConfig;
use super::kept::Kept;
use crate::children::{NamedChild, NamedChildren, WeightedPicker, endpoints_by_child};
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::errors::resolver_error;
use crate::forward::forward_events;
use crate::inspection::PolicyNode;
use crate::labels::WeightedTargetName;
use crate::picker::{Pick, Picker};
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;

/// Shares calls among named children by weight.
///
/// Each child gets the endpoints whose [`HierarchyPath`](crate::HierarchyPath) begins with its
/// name, and the attribute [`WeightedTargetName`](crate::WeightedTargetName). The children that are ready share the calls in
/// proportion to their weights. Calls wait while no child is ready and one is connecting. When all
/// children have failed, they share the calls in the same way, and each call fails with the error
/// of its child. The failure of a child lasts until it is ready or idle.
///
/// A child that is idle connects again at once while another one is ready or connecting, because no
/// call reaches it. C-core does the same. If all others have failed, it waits for a call.
///
/// The shares are even, not random as in gRFC A28: each is right after a few calls.
///
/// A child that the configuration no longer names gets no calls. If it is ready, it keeps its
/// connections for 15 minutes, in case that it comes back. It opens no new ones. It is removed before
/// that:
///
/// - when it is no longer ready, because its last connection is lost;
/// - when another child gets one of its addresses, since both would have a connection to one backend;
/// - when it is the oldest, and more than 16 children or 1,000 endpoints are kept.
///
/// grpc-go removes it at once.
///
/// Source: [gRFC A28](https://github.com/grpc/proposal/blob/master/A28-xds-traffic-splitting-and-routing.md),
/// "weighted_target".
#[derive(Debug)]
pub struct WeightedTarget {
    children: NamedChildren,
    config: WeightedTargetConfig,
    /// The children that `config` no longer names.
    kept: Kept,
    /// The endpoints of each child, from the last update.
    endpoints: BTreeMap<Arc<str>, Arc<[Endpoint]>>,
    /// Chooses where each picker begins.
    rng: Rng,
    /// The error of calls while there are no children.
    no_children: Status,
    /// Whether what was published last is out of date, whatever the children do.
    is_stale: bool,
    /// The state that was published last.
    published: Option<ConnectivityState>,
}

impl WeightedTarget {
    /// Creates a policy that waits for its first update.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        let mut child_options = options.clone();
        child_options.seed = rng.next_seed();
        Self {
            children: NamedChildren::new(&child_options),
            config: WeightedTargetConfig::default(),
            kept: Kept::default(),
            endpoints: BTreeMap::new(),
            rng,
            no_children: no_targets(),
            is_stale: false,
            published: None,
        }
    }

    /// Puts the children aside that the configuration no longer names.
    fn keep_removed(&mut self, now: Instant) {
        for name in self.config.targets.keys() {
            self.kept.forget(name);
        }
        let before = std::mem::take(&mut self.endpoints);
        for (name, endpoints) in before {
            if !self.config.targets.contains_key(&name) {
                self.children.set_aside(&name);
                self.kept.insert(name, &endpoints, now);
            }
        }
    }

    /// Ends the kept children that are not ready: they have no connection to keep.
    fn end_lost(&mut self, control: &mut Control<'_>) {
        let children = &self.children;
        let state = |name: &str| children.get(name).map(NamedChild::state);
        let lost = self
            .kept
            .take_lost(|name| state(name) == Some(ConnectivityState::Ready));
        for name in lost {
            self.children.remove(&name, control);
        }
    }

    /// Hands an event to the children, and ends those whose time is over.
    fn forward(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut NamedChildren, &mut Control<'_>),
    ) {
        event(&mut self.children, control);
        for name in self.kept.take_due(control.now()) {
            self.children.remove(&name, control);
        }
    }

    /// Creates the picker for this state of all children together.
    fn picker(&mut self, state: ConnectivityState) -> Arc<dyn Picker> {
        if self.config.targets.is_empty() {
            return Arc::new(Pick::Fail(self.no_children.clone()));
        }
        match state {
            ConnectivityState::Ready | ConnectivityState::TransientFailure => {
                let targets = self.config.targets.iter();
                let children = targets.filter_map(|(name, target)| {
                    let child = self.children.get(name)?;
                    let picker = Arc::clone(child.sticky_picker());
                    let weight = u64::from(target.weight.get());
                    let is_chosen = child.sticky_state() == state;
                    is_chosen.then(|| (weight, picker, child.subchannels()))
                });
                Arc::new(WeightedPicker::new(children.collect(), &mut self.rng))
            }
            ConnectivityState::Idle => Arc::new(Pick::ExitIdle),
            ConnectivityState::Connecting | ConnectivityState::Shutdown => Arc::new(Pick::Queue),
        }
    }
}

/// Returns the error of calls where the configuration names no target.
fn no_targets() -> Status {
    Status::unavailable("weighted_target: the configuration names no targets")
}

impl Policy for WeightedTarget {
    /// Hands each child its part of the list.
    ///
    /// # Errors
    ///
    /// The first error of a child, if no child accepts its part; `INTERNAL` if the configuration
    /// belongs to another policy. All children have handled the update all the same.
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config: &dyn Any = &*update.config;
        let config: &WeightedTargetConfig = config.downcast_ref().ok_or_else(|| {
            Status::internal("the configuration is not that of weighted_target_experimental")
        })?;
        self.config = config.clone();
        self.no_children = no_targets();
        self.is_stale = true;
        let mut by_child = endpoints_by_child(&update.endpoints);
        self.keep_removed(control.now());
        self.end_lost(control);
        let mut results = Vec::new();
        for (name, target) in &self.config.targets {
            let mut part = update.clone();
            part.endpoints = by_child.remove(name).unwrap_or_default().into();
            let of_child = Arc::clone(&part.endpoints);
            self.endpoints.insert(Arc::clone(name), of_child);
            part.attributes = update
                .attributes
                .with::<WeightedTargetName>(Arc::clone(name));
            let choice = &target.child_policy;
            results.push(self.children.handle_update(name, choice, part, control));
        }
        for name in self.kept.take_replaced(self.endpoints.values()) {
            self.children.remove(&name, control);
        }
        if results.iter().any(Result::is_ok) {
            return Ok(());
        }
        results.into_iter().next().unwrap_or(Ok(()))
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.children.handle_resolver_error(&error, old, control);
        if self.config.targets.is_empty() {
            self.no_children = resolver_error(&error);
            self.is_stale = true;
        }
    }

    forward_events!(through forward);

    fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [self.kept.poll_timeout(), self.children.poll_timeout()];
        deadlines.into_iter().flatten().min()
    }

    fn reset_backoff(&mut self) {
        self.children.reset_backoff();
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        let has_news = self.children.settle(control);
        self.end_lost(control);
        let has_news = self.children.wake_idle(control) || has_news;
        if !std::mem::take(&mut self.is_stale) && !has_news {
            return;
        }
        let state = self.children.state();
        let before = self.published.replace(state);
        let is_waiting = matches!(
            state,
            ConnectivityState::Connecting | ConnectivityState::Idle
        );
        if before != Some(state) || !is_waiting {
            control.publish(state, self.picker(state));
        }
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let targets = &self.config.targets;
        let children = self.children.inspect(now).into_iter();
        let children = children.map(|child| match targets.get(&*child.name) {
            Some(target) => child.with_fact("weight", target.weight.get()),
            None => {
                let until = self.kept.until(&child.name).unwrap_or(now);
                child.with_fact("removed_in_secs", until.saturating_duration_since(now))
            }
        });
        let state = self.published.unwrap_or(ConnectivityState::Connecting);
        PolicyNode::new("weighted_target_experimental", state).with_children(children.collect())
    }
}
