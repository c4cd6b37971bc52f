//! The trait of a policy, and its updates.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use crate::control::Control;
use crate::inspection::PolicyNode;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

/// A load-balancing policy: decides which subchannels exist, which of them connect, and how calls
/// choose among them.
///
/// It does no I/O. It handles events, and requests actions through the [`Control`] that comes with
/// each event. [`poll_timeout`](Self::poll_timeout) returns when it wants to be woken. The owner of
/// a policy hands it the events that are available, then calls [`settle`](Self::settle), and then
/// gives calls the picker that was published last. The state of a new policy is `CONNECTING`; it
/// should publish on its first update.
///
/// No method has a default body, so that a policy with children cannot silently forget to forward
/// an event. `testing::check_parent` (feature `testing`) checks that it forwards all of them.
///
/// # Examples
///
/// A policy around another one, which hides short failures: the state is `TRANSIENT_FAILURE` only once it
/// has lasted for 5 s, and until then calls wait.
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
/// use trunkline_lb::{
///     Child, ConnectivityState, Control, OldList, Pick, Policy, PolicyNode, Published,
///     SubchannelId, SubchannelState, Update, WatchEvent, WatchId,
/// };
/// use trunkline_status::Status;
///
/// #[derive(Debug)]
/// struct Patient {
///     child: Child<Box<dyn Policy>>,
///     /// What the child published, if it fails.
///     failure: Option<Published>,
///     /// When the failure is published; `None` once it is.
///     due: Option<Instant>,
/// }
///
/// impl Patient {
///     fn new(child: Box<dyn Policy>) -> Self {
///         Self { child: Child::new(child), failure: None, due: None }
///     }
///
///     /// Hands an event to the child, and publishes what the child publishes, unless it fails.
///     fn forward<R>(
///         &mut self,
///         control: &mut Control<'_>,
///         event: impl FnOnce(&mut dyn Policy, &mut Control<'_>) -> R,
///     ) -> R {
///         let (result, published) =
///             self.child.handle(control, |child, control| event(&mut **child, control));
///         match published {
///             None => {}
///             Some(failure) if failure.state == ConnectivityState::TransientFailure => {
///                 if self.failure.is_none() {
///                     self.due = Some(control.now() + Duration::from_secs(5));
///                     control.publish(ConnectivityState::Connecting, Arc::new(Pick::Queue));
///                 } else if self.due.is_none() {
///                     control.publish(failure.state, Arc::clone(&failure.picker));
///                 }
///                 self.failure = Some(failure);
///             }
///             Some(Published { state, picker }) => {
///                 (self.failure, self.due) = (None, None);
///                 control.publish(state, picker);
///             }
///         }
///         result
///     }
/// }
///
/// impl Policy for Patient {
///     fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
///         self.forward(control, |child, control| child.handle_update(update, control))
///     }
///
///     fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
///         self.forward(control, |child, control| child.handle_resolver_error(error, old, control));
///     }
///
///     fn handle_subchannel(
///         &mut self,
///         id: SubchannelId,
///         state: SubchannelState,
///         control: &mut Control<'_>,
///     ) {
///         self.forward(control, |child, control| child.handle_subchannel(id, state, control));
///     }
///
///     fn handle_watch(
///         &mut self,
///         watch: WatchId,
///         id: SubchannelId,
///         event: WatchEvent,
///         control: &mut Control<'_>,
///     ) {
///         self.forward(control, |child, control| child.handle_watch(watch, id, event, control));
///     }
///
///     fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
///         self.forward(control, |child, control| child.handle_ejection(id, ejected, control));
///     }
///
///     fn handle_timeout(&mut self, control: &mut Control<'_>) {
///         if self.due.is_some_and(|due| due <= control.now()) {
///             self.due = None;
///             if let Some(Published { state, picker }) = &self.failure {
///                 control.publish(*state, Arc::clone(picker));
///             }
///         }
///         self.forward(control, |child, control| child.handle_timeout(control));
///     }
///
///     fn poll_timeout(&self) -> Option<Instant> {
///         self.due.into_iter().chain(self.child.policy().poll_timeout()).min()
///     }
///
///     fn exit_idle(&mut self, control: &mut Control<'_>) {
///         self.forward(control, |child, control| child.exit_idle(control));
///     }
///
///     fn settle(&mut self, control: &mut Control<'_>) {
///         self.forward(control, |child, control| child.settle(control));
///     }
///
///     fn reset_backoff(&mut self) {
///         self.child.policy_mut().reset_backoff();
///     }
///
///     fn inspect(&self, now: Instant) -> PolicyNode {
///         let child = self.child.policy().inspect(now);
///         let state = match self.due {
///             Some(_) => ConnectivityState::Connecting,
///             None => child.state,
///         };
///         PolicyNode::new("patient", state).with_child(child)
///     }
/// }
///
/// // With the feature `testing`: it forwards each event, and keeps the rules of every policy.
/// use trunkline_lb::testing::{check_parent, check_policy};
/// use trunkline_lb::{PickFirst, PickFirstConfig, PolicyOptions};
///
/// check_parent(Arc::new(()), |child| {
///     Box::new(Patient::new(child.build(&PolicyOptions::new(1))))
/// });
/// check_policy(Arc::new(PickFirstConfig::default()), |options| {
///     Box::new(Patient::new(Box::new(PickFirst::new(options))))
/// });
/// ```
pub trait Policy: Debug + Send {
    /// Handles a new list of endpoints and a new configuration.
    ///
    /// # Errors
    ///
    /// When the list cannot be used (it is empty, for instance). The resolver is notified and tries
    /// again with back-off. The policy applies the update all the same: an empty list drops the
    /// earlier one.
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status>;

    /// Handles a failed name resolution. `old` is what the failure means for the list in use.
    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>);

    /// Handles a new state of a subchannel. An event of a subchannel that the policy does not own
    /// (it was removed, for instance) is ignored.
    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    );

    /// Handles an event of a watch that the policy started over the subchannel `id`
    /// ([`Control::watch`]).
    ///
    /// A policy with children hands it to the child that owns the subchannel. Events of a watch
    /// come in order. Whether the end of a watch comes before or after the change of state of its
    /// subchannel is not defined. No event comes after the policy has ended the watch or removed
    /// the subchannel.
    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    );

    /// Handles a policy above that ejects the backend of the subchannel `id`, or takes it back:
    /// outlier detection, for example. An ejected backend keeps its connection and gets no calls.
    ///
    /// A policy with children hands it to the child that owns the subchannel. Only a
    /// [`PickFirst`](crate::PickFirst) under another policy acts on it, as on a failed health check
    /// ([`PickFirstConfig::with_health_checks`](crate::PickFirstConfig::with_health_checks)). An
    /// ejection lasts until it is taken back or the subchannel is removed.
    ///
    /// Source:
    /// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md),
    /// "generic health reporting".
    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>);

    /// Handles the arrival of the time that [`poll_timeout`](Self::poll_timeout) returned. A call
    /// before that time changes nothing.
    fn handle_timeout(&mut self, control: &mut Control<'_>);

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Leaves idleness: connects if the policy is idle, does nothing otherwise.
    fn exit_idle(&mut self, control: &mut Control<'_>);

    /// Ends a batch of events: publishes what the policy has put off until all of them were
    /// handled.
    ///
    /// A policy whose picker costs more the more endpoints there are publishes here, once for the
    /// whole batch. A policy that publishes while it handles each event does nothing here. A policy
    /// with children calls it on each child that it handed an event, because the child may have put
    /// off what it publishes.
    ///
    /// It is called again if the actions that the policy requests here cause an event at once: a
    /// subchannel that is connected changes to `Connecting`. So it must come to rest: it requests
    /// and publishes nothing when nothing has changed.
    fn settle(&mut self, control: &mut Control<'_>);

    /// Ends the policy's own waits, because the application asked to connect without delay.
    /// Back-off belongs to the subchannels and is reset there. A policy with children calls it on
    /// each of them. [`settle`](Self::settle) follows, as after each event.
    fn reset_backoff(&mut self);

    /// Describes the policy and those below it at the time `now`, for people and tools. It changes
    /// nothing.
    ///
    /// A policy with children describes each of them
    /// ([`PolicyNode::children`](crate::PolicyNode::children)). The list of endpoints belongs into one
    /// node of the tree: that of the policy that chooses among them.
    fn inspect(&self, now: Instant) -> PolicyNode;
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        (**self).handle_update(update, control)
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        (**self).handle_resolver_error(error, old, control);
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        (**self).handle_subchannel(id, state, control);
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        (**self).handle_watch(watch, id, event, control);
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        (**self).handle_ejection(id, ejected, control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        (**self).handle_timeout(control);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (**self).poll_timeout()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        (**self).exit_idle(control);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        (**self).settle(control);
    }

    fn reset_backoff(&mut self) {
        (**self).reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        (**self).inspect(now)
    }
}

/// The result of a name resolution, and the configuration of the policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Update {
    /// The endpoints, in the resolver's order.
    pub endpoints: Arc<[Endpoint]>,
    /// What the resolver knows about all of them together.
    pub attributes: Attributes,
    /// The policy's own part of the service config, as its factory parsed it.
    pub config: Arc<dyn PolicyConfig>,
    /// The resolver's note on this list, to be appended to errors; may be empty.
    pub resolution_note: Arc<str>,
    /// The service whose health decides whether a connected backend gets calls: empty for the server
    /// as a whole, `None` for no health checks.
    ///
    /// A policy over other policies hands it on, as it does the attributes. Only a
    /// [`PickFirst`](crate::PickFirst) under another policy acts on it
    /// ([`PickFirstConfig::with_health_checks`](crate::PickFirstConfig::with_health_checks)).
    pub health_check: Option<Arc<str>>,
}

impl Update {
    /// Creates an update with these endpoints, and neither attributes nor a note.
    pub fn new(endpoints: impl Into<Arc<[Endpoint]>>, config: Arc<dyn PolicyConfig>) -> Self {
        Self {
            endpoints: endpoints.into(),
            attributes: Attributes::new(),
            config,
            resolution_note: Arc::from(""),
            health_check: None,
        }
    }

    /// Sets what the resolver knows about all endpoints together. Default: nothing.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Sets the service whose health decides whether a connected backend gets calls; empty for the
    /// server as a whole. Default: no health checks.
    #[must_use]
    pub fn with_health_check(mut self, service: impl Into<Arc<str>>) -> Self {
        self.health_check = Some(service.into());
        self
    }

    /// Sets the resolver's note on the list. Default: empty.
    #[must_use]
    pub fn with_resolution_note(mut self, note: impl Into<Arc<str>>) -> Self {
        self.resolution_note = note.into();
        self
    }
}

/// What a failed name resolution means for the list in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldList {
    /// The list stays in use: the failure proves nothing about it (the DNS server did not answer,
    /// for instance).
    Keep,
    /// The list is dropped: its addresses no longer belong to the name (NXDOMAIN, for instance).
    /// Connections stay in use until they are lost. No address of the list is dialled again,
    /// because it may belong to another service by now.
    DropList,
}
