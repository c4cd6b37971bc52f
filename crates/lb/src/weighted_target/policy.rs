//! How `weighted_target` handles events.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_status::Status;

use super::config::WeightedTargetConfig;
use crate::children::{NamedChildren, WeightedPicker, endpoints_by_child};
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
/// A child that the configuration no longer names is removed at once. gRFC A28 keeps it for 15
/// minutes, for clients that share subchannels between policies (see gRFC A115): here its
/// connections would help no other child. grpc-go does the same.
///
/// Source: [gRFC A28](https://github.com/grpc/proposal/blob/master/A28-xds-traffic-splitting-and-routing.md),
/// "weighted_target".
#[derive(Debug)]
pub struct WeightedTarget {
    children: NamedChildren,
    config: WeightedTargetConfig,
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
            rng,
            no_children: no_targets(),
            is_stale: false,
            published: None,
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
        let targets = &self.config.targets;
        self.children
            .retain(|name| targets.contains_key(name), control);
        let mut by_child = endpoints_by_child(&update.endpoints);
        let mut results = Vec::new();
        for (name, target) in targets {
            let mut part = update.clone();
            part.endpoints = by_child.remove(name).unwrap_or_default().into();
            part.attributes = update
                .attributes
                .with::<WeightedTargetName>(Arc::clone(name));
            let choice = &target.child_policy;
            results.push(self.children.handle_update(name, choice, part, control));
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

    forward_events!(to children);

    fn settle(&mut self, control: &mut Control<'_>) {
        let has_news = self.children.settle(control);
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

    /// Makes all children leave idleness.
    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.children.exit_idle(control);
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let targets = &self.config.targets;
        let children = self.children.inspect(now).into_iter();
        let children = children.map(|child| match targets.get(&*child.name) {
            Some(target) => child.with_fact("weight", target.weight.get()),
            None => child,
        });
        let state = self.published.unwrap_or(ConnectivityState::Connecting);
        PolicyNode::new("weighted_target_experimental", state).with_children(children.collect())
    }
}
