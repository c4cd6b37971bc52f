//! What policies over several named children share.

mod hierarchy;
mod named_child;
mod weighted_picker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyChoice;
use trunkline_status::Status;

use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::graceful_switch::GracefulSwitch;
use crate::inspection::ChildNode;
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

pub use self::hierarchy::{HierarchyPath, endpoints_by_child};
pub use self::named_child::NamedChild;
pub(crate) use self::weighted_picker::WeightedPicker;

/// How long a child that gets no calls is kept, with its connections (gRFCs A28 and A56).
pub(crate) const KEEP_UNUSED: Duration = Duration::from_secs(15 * 60);

/// The children of a policy, by name: the common part of `weighted_target`, `priority` and other
/// policies over a few policies.
///
/// Each child is a [`GracefulSwitch`], so that a new policy under an old name connects beside the
/// old one. An update with a known name reaches the child that has it.
///
/// It publishes nothing itself. The policy that holds it forwards each event to the method of the
/// same name, and decides in its own `settle`, after [`settle`](Self::settle): so it does not react
/// to one child while it hands an update to the others.
///
/// An event of a subchannel costs more the more children there are, because each is asked whether
/// it owns the subchannel. For one child for each endpoint there is
/// [`EndpointSharding`](crate::EndpointSharding).
///
/// Source: [gRFC A56](https://github.com/grpc/proposal/blob/master/A56-priority-lb-policy.md).
#[derive(Debug)]
pub struct NamedChildren {
    /// The options of the children. The seed differs from child to child.
    options: PolicyOptions,
    /// Makes the seeds of the children.
    rng: Rng,
    children: BTreeMap<Arc<str>, NamedChild>,
    /// Whether a child has published something, or was removed, since `settle` was called last.
    has_news: bool,
}

impl NamedChildren {
    /// Creates an empty set; the policies of the children come from [`PolicyOptions::policies`].
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        Self {
            options: options.clone(),
            rng: Rng::from_seed(options.seed),
            children: BTreeMap::new(),
            has_news: false,
        }
    }

    /// Hands `update` to the child `name`, which runs the policy `choice`; creates the child if
    /// there is none. The configuration in `update` is replaced by that of `choice`.
    ///
    /// # Errors
    ///
    /// The errors of [`GracefulSwitch::handle_named_update`].
    pub fn handle_update(
        &mut self,
        name: &Arc<str>,
        choice: &PolicyChoice,
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        if !self.children.contains_key(name) {
            self.options.seed = self.rng.next_seed();
            let child = NamedChild::new(GracefulSwitch::new(&self.options), control.now());
            self.children.insert(Arc::clone(name), child);
            self.has_news = true;
        }
        if let Some(child) = self.children.get_mut(name) {
            child.ends_failure |= std::mem::take(&mut child.is_dropped);
            child.is_aside = false;
        }
        update.config = Arc::clone(&choice.config);
        let result = self.handle(name, control, |switch, control| {
            switch.handle_named_update(&choice.name, update, control)
        });
        if let Some(child) = self.children.get_mut(name) {
            child.connect_withheld(control);
        }
        result.unwrap_or(Ok(()))
    }

    /// Sets whether the requests of the child `name` for re-resolution have no effect. Default:
    /// false.
    pub fn ignore_reresolution(&mut self, name: &str, ignore: bool) {
        if let Some(child) = self.children.get_mut(name) {
            child.ignores_reresolution = ignore;
        }
    }

    /// Puts the child `name` aside until its next update: it keeps its connections, but its state does
    /// not count, its requests for re-resolution have no effect, and it does not leave idleness. It
    /// opens no connection in place of a lost one before that update.
    pub fn set_aside(&mut self, name: &str) {
        if let Some(child) = self.children.get_mut(name) {
            child.is_aside = true;
            self.has_news = true;
        }
    }

    /// Ends the child `name`: removes its subchannels.
    pub fn remove(&mut self, name: &str, control: &mut Control<'_>) {
        if let Some(removed) = self.children.remove(name) {
            removed.child.remove(control);
            self.has_news = true;
        }
    }

    /// Ends the children whose name is not one of `names`.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool, control: &mut Control<'_>) {
        let gone = self.children.keys().filter(|name| !is_kept(name));
        let gone: Vec<Arc<str>> = gone.cloned().collect();
        for name in gone {
            self.remove(&name, control);
        }
    }

    /// Hands the error to every child.
    pub fn handle_resolver_error(
        &mut self,
        error: &Status,
        old: OldList,
        control: &mut Control<'_>,
    ) {
        self.handle_all(control, |switch, control| {
            switch.handle_resolver_error(error.clone(), old, control);
        });
        for child in self.children.values_mut() {
            child.is_dropped |= old == OldList::DropList;
        }
    }

    /// Hands the event to the child that owns the subchannel.
    pub fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.handle_owner(id, control, |switch, control| {
            switch.handle_subchannel(id, state, control);
        });
    }

    /// Hands the event of a watch to the child that owns the subchannel.
    pub fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.handle_owner(id, control, |switch, control| {
            switch.handle_watch(watch, id, event, control);
        });
    }

    /// Hands an ejection, or its end, to the child that owns the subchannel.
    pub fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.handle_owner(id, control, |switch, control| {
            switch.handle_ejection(id, ejected, control);
        });
    }

    /// Hands the event to the children whose deadline has come.
    pub fn handle_timeout(&mut self, control: &mut Control<'_>) {
        let now = control.now();
        let is_due = |child: &NamedChild| child.poll_timeout().is_some_and(|due| due <= now);
        for child in self.children.values_mut().filter(|child| is_due(child)) {
            self.has_news |= handle(child, control, |switch, control| {
                switch.handle_timeout(control);
            })
            .1;
        }
    }

    /// Returns the earliest deadline of a child.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let children = self.children.values();
        children.filter_map(NamedChild::poll_timeout).min()
    }

    /// Makes every child leave idleness that is not put aside.
    pub fn exit_idle(&mut self, control: &mut Control<'_>) {
        for child in self.children.values_mut().filter(|child| !child.is_aside) {
            self.has_news |= handle(child, control, |switch, control| switch.exit_idle(control)).1;
        }
    }

    /// Makes the child `name` leave idleness.
    pub fn exit_idle_of(&mut self, name: &str, control: &mut Control<'_>) {
        self.handle(name, control, |switch, control| switch.exit_idle(control));
    }

    /// Hands the event to every child.
    pub fn reset_backoff(&mut self) {
        for child in self.children.values_mut() {
            child.child.policy_mut().reset_backoff();
            child.is_unsettled = true;
        }
    }

    /// Settles the children that have handled an event. Returns whether a child has published
    /// something, was created or was removed since the last call.
    #[must_use]
    pub fn settle(&mut self, control: &mut Control<'_>) -> bool {
        for child in self.children.values_mut() {
            if std::mem::take(&mut child.is_unsettled) {
                let ((), has_published) =
                    child.run(control, |switch, control| switch.settle(control));
                self.has_news |= has_published;
                child.ends_failure = false;
            }
        }
        std::mem::take(&mut self.has_news)
    }

    /// Makes idle children leave idleness, unless no child is ready or connecting, and settles them.
    /// Returns whether a child has published something.
    ///
    /// For policies that send no calls to an idle child while another one is ready or connecting:
    /// without a call, the idle child would never connect again.
    #[must_use]
    pub fn wake_idle(&mut self, control: &mut Control<'_>) -> bool {
        if self.state() == ConnectivityState::Idle {
            return false;
        }
        let is_idle = |child: &&mut NamedChild| {
            child.sticky_state() == ConnectivityState::Idle && !child.is_aside
        };
        for child in self.children.values_mut().filter(is_idle) {
            self.has_news |= handle(child, control, |switch, control| switch.exit_idle(control)).1;
        }
        self.settle(control)
    }

    /// Returns the child with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&NamedChild> {
        self.children.get(name)
    }

    /// Iterates over the children, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &NamedChild)> {
        self.children.iter()
    }

    /// Returns the name of the child that owns the subchannel.
    #[must_use]
    pub fn owner(&self, id: SubchannelId) -> Option<&Arc<str>> {
        let owner = self.children.iter().find(|(_, child)| child.child.owns(id));
        owner.map(|(name, _)| name)
    }

    /// Returns the state of all children that are not put aside, with sticky failures: `READY` if one is ready,
    /// else `CONNECTING` if one is connecting, else `IDLE` if one is idle, else
    /// `TRANSIENT_FAILURE`.
    ///
    /// Source: the aggregation rules of gRPC's client channel specification.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        let any = |state| {
            let mut children = self.children.values();
            children.any(|child| child.sticky_state() == state && !child.is_aside)
        };
        let best_first = [
            ConnectivityState::Ready,
            ConnectivityState::Connecting,
            ConnectivityState::Idle,
        ];
        let best = best_first.into_iter().find(|state| any(*state));
        best.unwrap_or(ConnectivityState::TransientFailure)
    }

    /// Describes the children, sorted by name. A policy adds what it knows of each of them.
    ///
    /// The fact `is_failing` is there while a child connects again after a failure that counts until it
    /// is ready ([`NamedChild::is_failing`]).
    #[must_use]
    pub fn inspect(&self, now: Instant) -> Vec<ChildNode> {
        let inspect = |(name, child): (&Arc<str>, &NamedChild)| child.inspect(name, now);
        self.children.iter().map(inspect).collect()
    }

    fn handle<R>(
        &mut self,
        name: &str,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> Option<R> {
        let child = self.children.get_mut(name)?;
        let (result, has_published) = handle(child, control, event);
        self.has_news |= has_published;
        Some(result)
    }

    fn handle_owner(
        &mut self,
        id: SubchannelId,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>),
    ) {
        let owner = self
            .children
            .values_mut()
            .find(|child| child.child.owns(id));
        if let Some(child) = owner {
            self.has_news |= handle(child, control, event).1;
        }
    }

    fn handle_all(
        &mut self,
        control: &mut Control<'_>,
        mut event: impl FnMut(&mut GracefulSwitch, &mut Control<'_>),
    ) {
        for child in self.children.values_mut() {
            self.has_news |= handle(child, control, &mut event).1;
        }
    }
}

/// Hands an event to one child, which has to settle then.
fn handle<R>(
    child: &mut NamedChild,
    control: &mut Control<'_>,
    event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
) -> (R, bool) {
    child.is_unsettled = true;
    child.run(control, event)
}
