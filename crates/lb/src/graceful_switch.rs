//! The change from one policy to another without an interruption.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyChoice;
use trunkline_status::Status;

use crate::child::Child;
use crate::connectivity::ConnectivityState;
use crate::control::{Control, Published};
use crate::errors::resolver_error;
use crate::inspection::PolicyNode;
use crate::picker::Pick;
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

/// Runs the policy that the service config names, and changes to another when the name changes.
///
/// The configuration of its updates is a [`PolicyChoice`]. While the current policy is ready, a new
/// one is *pending*: it connects beside the current one. It takes over when it leaves
/// `CONNECTING`, or when the current policy is not ready any more. So a new policy whose attempts
/// all *fail* takes over too, although the old one still has connections: the owner of the service
/// chose the new one.
///
/// Updates go to the pending policy if there is one. An update that names the current policy again
/// removes the pending one.
///
/// Source: gRPC's client channel specification, "LB policy switching".
#[derive(Debug)]
pub struct GracefulSwitch {
    /// The options of the policies, with those that an update can name. The seed differs from policy
    /// to policy.
    options: PolicyOptions,
    /// Makes the seeds of the policies.
    rng: Rng,
    /// The policy that gets the calls.
    current: Option<NamedPolicy>,
    /// The policy that will be the current one.
    pending: Option<NamedPolicy>,
    /// The state while there is no policy.
    state_without_policy: ConnectivityState,
}

/// A policy with its name.
#[derive(Debug)]
struct NamedPolicy {
    name: Arc<str>,
    child: Child<Box<dyn Policy>>,
    /// The state that it published last; `CONNECTING` before the first one.
    state: ConnectivityState,
    /// What the pending policy published last; published when it takes over.
    published: Option<Published>,
}

/// One of the two policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Current,
    Pending,
}

impl GracefulSwitch {
    /// Creates a switch without a policy; the first update names one of
    /// [`PolicyOptions::policies`].
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        Self {
            options: options.clone(),
            rng: Rng::from_seed(options.seed),
            current: None,
            pending: None,
            state_without_policy: ConnectivityState::Connecting,
        }
    }

    /// Returns the name of the current policy.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        Some(&self.current.as_ref()?.name)
    }

    /// Returns the name of the pending policy.
    #[must_use]
    pub fn pending_name(&self) -> Option<&str> {
        Some(&self.pending.as_ref()?.name)
    }

    /// Hands `update` to the policy with this name. The configuration in `update` is that policy's.
    ///
    /// # Errors
    ///
    /// The errors of the policy, and `INTERNAL` if the registry has no policy with this name.
    pub fn handle_named_update(
        &mut self,
        name: &Arc<str>,
        update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        let is_named = |policy: &Option<NamedPolicy>| {
            let policy = policy.as_ref();
            policy.is_some_and(|policy| policy.name == *name)
        };
        let which = if is_named(&self.current) {
            self.drop_policy(Which::Pending, control);
            Which::Current
        } else if is_named(&self.pending) {
            Which::Pending
        } else {
            self.start(name, control)?
        };
        let result = self.handle(which, control, |policy, control| {
            policy.handle_update(update, control)
        });
        result.unwrap_or(Ok(()))
    }

    /// Creates the policy with this name: the current one if there is none yet, else the pending
    /// one.
    fn start(&mut self, name: &Arc<str>, control: &mut Control<'_>) -> Result<Which, Status> {
        let factory = self.options.policies.get(name).ok_or_else(|| {
            Status::internal(format!(
                "no load-balancing policy with the name {name:?} is registered"
            ))
        })?;
        self.options.seed = self.rng.next_seed();
        let named = NamedPolicy {
            name: name.clone(),
            child: Child::new(factory.build(&self.options)),
            state: ConnectivityState::Connecting,
            published: None,
        };
        let which = match self.current {
            None => Which::Current,
            Some(_) => Which::Pending,
        };
        self.drop_policy(which, control);
        *self.slot(which) = Some(named);
        Ok(which)
    }

    fn slot(&mut self, which: Which) -> &mut Option<NamedPolicy> {
        match which {
            Which::Current => &mut self.current,
            Which::Pending => &mut self.pending,
        }
    }

    fn drop_policy(&mut self, which: Which, control: &mut Control<'_>) {
        if let Some(named) = self.slot(which).take() {
            named.child.remove(control);
        }
    }

    /// Returns the policy that owns the subchannel.
    fn owner(&self, id: SubchannelId) -> Option<Which> {
        let owns = |policy: &Option<NamedPolicy>| {
            let policy = policy.as_ref();
            policy.is_some_and(|policy| policy.child.owns(id))
        };
        if owns(&self.current) {
            Some(Which::Current)
        } else if owns(&self.pending) {
            Some(Which::Pending)
        } else {
            None
        }
    }

    /// Returns the policy that the service config named last.
    fn latest(&self) -> Which {
        match self.pending {
            Some(_) => Which::Pending,
            None => Which::Current,
        }
    }

    /// Hands an event to one policy, and applies what it published.
    fn handle<R>(
        &mut self,
        which: Which,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut dyn Policy, &mut Control<'_>) -> R,
    ) -> Option<R> {
        let is_latest = which == self.latest();
        let named = self.slot(which).as_mut()?;
        let mark = control.mark();
        let (result, published) = named
            .child
            .handle(control, |policy, control| event(&mut **policy, control));
        if !is_latest {
            // Only the policy that gets the updates may request re-resolution.
            control.retract_reresolution(mark);
        }
        if let Some(published) = published {
            named.state = published.state;
            match which {
                Which::Current => control.publish(published.state, published.picker),
                Which::Pending => named.published = Some(published),
            }
        }
        self.take_over(control);
        Some(result)
    }

    /// Makes the pending policy the current one, unless the current one is ready and the pending
    /// one is connecting.
    fn take_over(&mut self, control: &mut Control<'_>) {
        let (Some(current), Some(pending)) = (&self.current, &self.pending) else {
            return;
        };
        let still_useful = current.state == ConnectivityState::Ready
            && pending.state == ConnectivityState::Connecting;
        if still_useful {
            return;
        }
        self.drop_policy(Which::Current, control);
        self.current = self.pending.take();
        let published = self.current.as_mut().and_then(|new| new.published.take());
        match published {
            Some(published) => control.publish(published.state, published.picker),
            None => control.publish(ConnectivityState::Connecting, Arc::new(Pick::Queue)),
        }
    }
}

impl Policy for GracefulSwitch {
    fn handle_update(
        &mut self,
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        let PolicyChoice { name, config } = (&*update.config as &dyn Any)
            .downcast_ref()
            .cloned()
            .ok_or_else(|| {
            Status::internal("the configuration of a policy switch names no policy")
        })?;
        update.config = config;
        self.handle_named_update(&name, update, control)
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        if self.current.is_none() {
            let state = ConnectivityState::TransientFailure;
            self.state_without_policy = state;
            return control.publish(state, Arc::new(Pick::Fail(resolver_error(&error))));
        }
        if self.pending.is_some() && old == OldList::DropList {
            // Otherwise the current policy would go on dialling addresses that no longer belong to
            // the name.
            self.handle(Which::Current, control, |policy, control| {
                policy.handle_resolver_error(error.clone(), old, control);
            });
        }
        self.handle(self.latest(), control, |policy, control| {
            policy.handle_resolver_error(error, old, control);
        });
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        let Some(which) = self.owner(id) else {
            return;
        };
        self.handle(which, control, |policy, control| {
            policy.handle_subchannel(id, state, control);
        });
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        let Some(which) = self.owner(id) else {
            return;
        };
        self.handle(which, control, |policy, control| {
            policy.handle_watch(watch, id, event, control);
        });
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        let Some(which) = self.owner(id) else {
            return;
        };
        self.handle(which, control, |policy, control| {
            policy.handle_ejection(id, ejected, control);
        });
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        // The pending policy first: if it takes over, the current one is gone.
        for which in [Which::Pending, Which::Current] {
            self.handle(which, control, |policy, control| {
                policy.handle_timeout(control);
            });
        }
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        // The pending policy first, as above.
        for which in [Which::Pending, Which::Current] {
            self.handle(which, control, |policy, control| policy.settle(control));
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let policies = [&self.current, &self.pending].into_iter().flatten();
        let deadlines = policies.filter_map(|named| named.child.policy().poll_timeout());
        deadlines.min()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        // The pending policy first, as above. The current one too: it has the calls, and one of its
        // picks may have requested this.
        for which in [Which::Pending, Which::Current] {
            self.handle(which, control, |policy, control| policy.exit_idle(control));
        }
    }

    fn reset_backoff(&mut self) {
        for named in [&mut self.current, &mut self.pending].into_iter().flatten() {
            named.child.policy_mut().reset_backoff();
        }
    }

    /// Describes the current policy, under the name that it was chosen with, and the pending one. The
    /// switch has no node of its own while it has a policy.
    fn inspect(&self, now: Instant) -> PolicyNode {
        let inspect = |named: &NamedPolicy| {
            let mut node = named.child.policy().inspect(now);
            node.policy = named.name.to_string().into();
            node.state = named.state;
            node
        };
        match &self.current {
            Some(current) => inspect(current).with_pending(self.pending.as_ref().map(inspect)),
            None => PolicyNode::new("none", self.state_without_policy),
        }
    }
}
