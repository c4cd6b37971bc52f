//! One child policy for each endpoint.

mod counts;
mod endpoint_child;
mod forward;
mod owners;
mod ready_list;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::{Endpoint, EndpointMap};
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use self::counts::Counts;
use self::owners::Owners;
use crate::connectivity::ConnectivityState;
use crate::control::{Control, Published};
use crate::errors::{resolver_error, zero_addresses};
use crate::inspection::{EndpointNode, PolicyNode};
use crate::picker::{Pick, Picker};
use crate::policy::{OldList, Policy, Update};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

pub(crate) use self::forward::forward_to_endpoints;

pub use self::endpoint_child::EndpointChild;
pub use self::ready_list::ReadyList;

/// One child policy for each endpoint: the common part of round_robin and other petiole policies.
///
/// The set of its addresses, in any order, identifies an endpoint; an endpoint that is listed twice
/// has one child. [`new`](Self::new) keeps all of them connected: a child that becomes idle is made
/// to connect again at once, and counts as connecting. [`lazy`](Self::lazy) leaves a child idle until
/// the policy calls [`exit_idle`](Self::exit_idle). A child that fails counts as failing until it is
/// ready, also while it connects again: the failure is sticky.
///
/// It publishes nothing itself. The policy that holds it forwards each event to the method of the
/// same name; [`settle`](Self::settle) returns whether there is something new to publish. An event
/// for one subchannel costs the same however many endpoints there are. Making a picker costs more
/// the more there are, which is why that waits for the end of the batch.
///
/// Source:
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md) ("petiole policies"),
/// and the aggregation rules of gRPC's client channel specification.
#[derive(Debug)]
pub struct EndpointSharding<P> {
    /// Whether idle children stay idle.
    is_lazy: bool,
    /// Makes the seeds of the children, and rotates lists.
    rng: Rng,
    /// The children by slot; `None` where a child was removed.
    slots: Vec<Option<EndpointChild<P>>>,
    /// The slots without a child.
    free: Vec<usize>,
    /// The slot of each endpoint's child.
    by_endpoint: EndpointMap<usize>,
    /// The slots in the order of the last list.
    order: Vec<usize>,
    /// The slot of the child that owns each subchannel.
    owners: Owners,
    /// When each child wants to be woken, with its slot.
    deadlines: BTreeSet<(Instant, usize)>,
    /// The slots of children that have handled an event and have not settled since.
    unsettled: BTreeSet<usize>,
    /// The slots of children that settled in the last `settle`.
    settled: BTreeSet<usize>,
    /// What all children were given with their endpoints, which this has not. `None` if an event since
    /// then makes it necessary to give it again.
    given: Option<Update>,
    /// Whether the resolver has dropped the list, and there is no other yet.
    is_dropped: bool,
    /// Whether children are handed the first list after one that was dropped.
    ends_failures: bool,
    /// How many children are in each state.
    counts: Counts,
    /// The picker of the child that failed last, or of an error that concerns all children.
    last_failure: Arc<dyn Picker>,
    /// Whether the picker that was published last is out of date.
    changed: bool,
    /// The state that `settle` returned last.
    reported: Option<ConnectivityState>,
}

impl<P: Policy> EndpointSharding<P> {
    /// Creates a sharding without children, which keeps its children connected.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            is_lazy: false,
            rng: Rng::from_seed(seed),
            slots: Vec::new(),
            free: Vec::new(),
            by_endpoint: EndpointMap::new(),
            order: Vec::new(),
            owners: Owners::default(),
            deadlines: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            settled: BTreeSet::new(),
            given: None,
            is_dropped: false,
            ends_failures: false,
            counts: Counts::default(),
            last_failure: Arc::new(Pick::Queue),
            changed: false,
            reported: None,
        }
    }

    /// Creates a sharding without children, which leaves idle children idle.
    ///
    /// Its children can be idle, and count so. Each change of the state of a child is something new
    /// to publish. It connects nothing by itself: whether a child connects on its first update is the
    /// child's affair.
    #[must_use]
    pub fn lazy(seed: u64) -> Self {
        Self {
            is_lazy: true,
            ..Self::new(seed)
        }
    }

    /// Hands each endpoint of `update` to its child, with `config`, and removes the children whose
    /// endpoint is not listed any more. `make` creates a child from a seed.
    ///
    /// The children connect in the order of the list, rotated by a random amount, so that a
    /// thousand clients with one list do not all connect to its first endpoint first.
    ///
    /// A child that is ready or idle is not handed an update that changes nothing for it: mostly a
    /// resolver returns the same list again, or one with few changes.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` when no endpoint of the list has an address (all children are removed then);
    /// otherwise the first error of a child. All children have handled the update all the same.
    pub fn handle_update(
        &mut self,
        update: &Update,
        config: &Arc<dyn PolicyConfig>,
        control: &mut Control<'_>,
        mut make: impl FnMut(u64) -> P,
    ) -> Result<(), Status> {
        // The first list changes the state, whatever it contains.
        self.changed |= self.reported.is_none();
        self.ends_failures = std::mem::take(&mut self.is_dropped);
        let mut distinct = distinct(&update.endpoints);
        let first = self.rng.below(distinct.len());
        distinct.rotate_left(first);
        let mut gone = std::mem::take(&mut self.by_endpoint);
        self.order.clear();
        let shared = Update {
            endpoints: Arc::default(),
            config: config.clone(),
            ..update.clone()
        };
        let is_given = self
            .given
            .as_ref()
            .is_some_and(|given| same(given, &shared));
        let mut result = Ok(());
        for endpoint in distinct {
            let slot = match gone.remove(endpoint) {
                Some(slot) => slot,
                None => {
                    let policy = make(self.rng.next_seed());
                    self.add(policy)
                }
            };
            self.by_endpoint.insert(endpoint.clone(), slot);
            self.order.push(slot);
            if let Some(child) = &mut self.slots[slot] {
                let is_at_rest = matches!(
                    child.state,
                    ConnectivityState::Ready | ConnectivityState::Idle
                );
                if is_given && is_at_rest && child.endpoint == *endpoint {
                    continue;
                }
                child.endpoint = endpoint.clone();
            }
            let update = Update {
                endpoints: Arc::from([endpoint.clone()]),
                ..shared.clone()
            };
            let accepted = self.handle(slot, control, |policy, control| {
                policy.handle_update(update, control)
            });
            result = result.and_then(|()| accepted.unwrap_or(Ok(())));
        }
        self.given = result.is_ok().then_some(shared);
        self.is_dropped = false;
        for (_, slot) in gone {
            self.remove(slot, control);
        }
        self.forget_removed_failure();
        if self.order.is_empty() {
            let error = zero_addresses(&update.resolution_note);
            self.fail(error.clone());
            result = Err(error);
        }
        result
    }

    /// Hands the error to every child. Without children it becomes the error of all calls.
    pub fn handle_resolver_error(
        &mut self,
        error: &Status,
        old: OldList,
        control: &mut Control<'_>,
    ) {
        // The next update ends the error.
        self.given = None;
        self.is_dropped |= old == OldList::DropList;
        if self.order.is_empty() {
            self.fail(resolver_error(error));
        }
        for at in 0..self.order.len() {
            self.handle(self.order[at], control, |policy, control| {
                policy.handle_resolver_error(error.clone(), old, control);
            });
        }
    }

    /// Hands the event to the child that owns the subchannel.
    pub fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        if let Some(slot) = self.owners.slot(id) {
            self.handle(slot, control, |policy, control| {
                policy.handle_subchannel(id, state, control);
            });
        }
    }

    /// Hands the event of a watch to the child that owns the subchannel.
    pub fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        if let Some(slot) = self.owners.slot(id) {
            self.handle(slot, control, |policy, control| {
                policy.handle_watch(watch, id, event, control);
            });
        }
    }

    /// Hands an ejection, or its end, to the child that owns the subchannel.
    pub fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        if let Some(slot) = self.owners.slot(id) {
            self.handle(slot, control, |policy, control| {
                policy.handle_ejection(id, ejected, control);
            });
        }
    }

    /// Hands the event to the children whose deadline has come.
    pub fn handle_timeout(&mut self, control: &mut Control<'_>) {
        let due: Vec<usize> = self
            .deadlines
            .range(..=(control.now(), usize::MAX))
            .map(|&(_, slot)| slot)
            .collect();
        for slot in due {
            self.handle(slot, control, |policy, control| {
                policy.handle_timeout(control);
            });
        }
    }

    /// Returns the earliest deadline of a child.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Makes the child in `slot` leave idleness; does nothing if there is none.
    pub fn exit_idle(&mut self, slot: usize, control: &mut Control<'_>) {
        if slot < self.slots.len() {
            self.handle(slot, control, |policy, control| policy.exit_idle(control));
        }
    }

    /// Hands the event to every child.
    pub fn reset_backoff(&mut self) {
        for slot in 0..self.slots.len() {
            if let Some(child) = &mut self.slots[slot] {
                child.policy.reset_backoff();
                self.unsettled.insert(slot);
                self.update_deadline(slot);
            }
        }
    }

    /// Returns the number of children in this state.
    #[must_use]
    pub fn count(&self, state: ConnectivityState) -> usize {
        self.counts.of(state)
    }

    /// Returns the state of all children together: `READY` if one is ready, else `CONNECTING` if
    /// one is connecting, else `IDLE` if one is idle, else `TRANSIENT_FAILURE`.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        self.counts.state()
    }

    /// Settles the children that have handled an event. Returns the state if there is something to
    /// publish since the last call: another state, other ready children, or, while all children
    /// fail, a newer failure. With idle children that stay idle, any change of a child.
    pub fn settle(&mut self, control: &mut Control<'_>) -> Option<ConnectivityState> {
        let settled = std::mem::take(&mut self.unsettled);
        for slot in &settled {
            self.run(*slot, control, |policy, control| policy.settle(control));
        }
        self.settled = settled;
        let state = self.state();
        let is_other = self.reported.is_some_and(|reported| reported != state);
        if !std::mem::take(&mut self.changed) && !is_other {
            return None;
        }
        self.reported = Some(state);
        self.reported
    }

    /// Iterates over the children, in the order of the list.
    pub fn children(&self) -> impl Iterator<Item = &EndpointChild<P>> {
        self.order
            .iter()
            .filter_map(|&slot| self.slots[slot].as_ref())
    }

    /// Iterates over the slots of the children, in the order of the list.
    ///
    /// A slot is a small number that identifies a child for as long as it exists. A policy may use
    /// it as an index, as a [`ReadyList`] does.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        self.order.iter().copied()
    }

    /// Returns whether a child created this subchannel and did not remove it.
    #[must_use]
    pub fn owns(&self, id: SubchannelId) -> bool {
        self.owners.slot(id).is_some()
    }

    /// Iterates over the subchannels that the child in `slot` owns, sorted.
    pub fn subchannels(&self, slot: usize) -> impl Iterator<Item = SubchannelId> {
        self.owners.subchannels(slot)
    }

    /// Iterates over the slots and children that settled in the last [`settle`](Self::settle): the
    /// only ones that can have changed between the last two calls.
    pub fn settled(&self) -> impl Iterator<Item = (usize, &EndpointChild<P>)> {
        let child = |&slot: &usize| Some((slot, self.slots[slot].as_ref()?));
        self.settled.iter().filter_map(child)
    }

    /// Returns the picker of the child that failed last, or of an error that concerns all children.
    #[must_use]
    pub fn last_failure(&self) -> &Arc<dyn Picker> {
        &self.last_failure
    }

    /// Describes the policy `name` that holds this sharding, with the children as its endpoints.
    ///
    /// The state is that of the last [`settle`](Self::settle). `describe` adds what is known of each
    /// child, which comes with its slot. For a [`PickFirst`](crate::PickFirst) that is
    /// [`PickFirst::describe`](crate::PickFirst::describe). For a child of any other type add
    /// [`Policy::inspect`], with [`EndpointNode::with_policy`].
    #[must_use]
    pub fn inspect(
        &self,
        name: impl Into<Cow<'static, str>>,
        mut describe: impl FnMut(usize, &EndpointChild<P>, EndpointNode) -> EndpointNode,
    ) -> PolicyNode {
        let children = self.order.iter();
        let children = children.filter_map(|&slot| Some((slot, self.slots[slot].as_ref()?)));
        let mut endpoints = Vec::with_capacity(self.order.len());
        endpoints.extend(children.map(|(slot, child)| {
            let node = EndpointNode::new(&child.endpoint, child.state);
            let node = node.with_subchannels(self.owners.subchannels(slot));
            describe(slot, child, node)
        }));
        let state = self.reported.unwrap_or(ConnectivityState::Connecting);
        PolicyNode::new(name, state).with_endpoints(endpoints)
    }

    /// Returns whether `settle` has returned a state.
    pub(crate) fn has_settled(&self) -> bool {
        self.reported.is_some()
    }

    fn fail(&mut self, error: Status) {
        self.last_failure = Arc::new(Pick::Fail(error));
        self.changed = true;
    }

    /// Replaces the last failure by that of a current child, if the child that failed last was
    /// removed.
    fn forget_removed_failure(&mut self) {
        let is_last = |child: &EndpointChild<P>| Arc::ptr_eq(&child.picker, &self.last_failure);
        if self.children().any(is_last) {
            return;
        }
        let is_failing =
            |child: &&EndpointChild<P>| child.state == ConnectivityState::TransientFailure;
        let other = self
            .children()
            .find(is_failing)
            .map(|child| child.picker.clone());
        if let Some(picker) = other {
            self.last_failure = picker;
            self.changed |= self.state() == ConnectivityState::TransientFailure;
        }
    }

    fn add(&mut self, policy: P) -> usize {
        let child = EndpointChild::new(policy);
        self.counts.add(child.state);
        let slot = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(empty) => *empty = Some(child),
            None => self.slots.push(Some(child)),
        }
        slot
    }

    fn remove(&mut self, slot: usize, control: &mut Control<'_>) {
        let Some(child) = self.slots[slot].take() else {
            return;
        };
        self.free.push(slot);
        self.unsettled.remove(&slot);
        if let Some(deadline) = child.deadline {
            self.deadlines.remove(&(deadline, slot));
        }
        self.counts.remove(child.state);
        self.changed |= self.is_lazy || child.state == ConnectivityState::Ready;
        let mark = control.mark();
        let owned: Vec<SubchannelId> = self.owners.subchannels(slot).collect();
        for id in owned {
            control.remove_subchannel(id);
        }
        self.owners.record(slot, control.requested_since(mark));
    }

    /// Hands an event to one child, which has to settle then.
    fn handle<R>(
        &mut self,
        slot: usize,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut P, &mut Control<'_>) -> R,
    ) -> Option<R> {
        self.unsettled.insert(slot);
        self.run(slot, control, event)
    }

    /// Runs one child, and updates what depends on it. A child that becomes idle leaves idleness at
    /// once, unless idle children stay idle.
    fn run<R>(
        &mut self,
        slot: usize,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut P, &mut Control<'_>) -> R,
    ) -> Option<R> {
        let child = self.slots[slot].as_mut()?;
        let mark = control.mark();
        let policy = &mut child.policy;
        let (result, mut published) = control.with_child(|control| event(policy, control));
        if let Some(Published {
            state: ConnectivityState::Idle,
            ..
        }) = published
            && !self.is_lazy
        {
            let ((), after) = control.with_child(|control| policy.exit_idle(control));
            self.unsettled.insert(slot);
            published = after.or(published);
        }
        self.update_deadline(slot);
        self.owners.record(slot, control.requested_since(mark));
        if let Some(published) = published {
            self.handle_published(slot, published);
        }
        Some(result)
    }

    /// Updates the deadline of a child.
    fn update_deadline(&mut self, slot: usize) {
        let Some(child) = &mut self.slots[slot] else {
            return;
        };
        let deadline = child.policy.poll_timeout();
        let before = std::mem::replace(&mut child.deadline, deadline);
        if before != deadline {
            if let Some(before) = before {
                self.deadlines.remove(&(before, slot));
            }
            if let Some(deadline) = deadline {
                self.deadlines.insert((deadline, slot));
            }
        }
    }

    /// Applies what a child published.
    fn handle_published(&mut self, slot: usize, published: Published) {
        let Some(child) = &mut self.slots[slot] else {
            return;
        };
        let before = child.state;
        let published_state = match published.state {
            // It has left idleness.
            ConnectivityState::Idle if !self.is_lazy => ConnectivityState::Connecting,
            state => state,
        };
        let after = match (before, published_state) {
            // TRANSIENT_FAILURE is sticky: it counts until the child is ready. The lack of a list is
            // no such failure: the next list ends it.
            (ConnectivityState::TransientFailure, ConnectivityState::Connecting)
                if !self.ends_failures =>
            {
                return;
            }
            (_, state) => state,
        };
        child.state = after;
        child.picker = published.picker;
        if after == ConnectivityState::TransientFailure {
            self.last_failure = child.picker.clone();
        }
        self.counts.remove(before);
        self.counts.add(after);
        let ready = ConnectivityState::Ready;
        let failing = ConnectivityState::TransientFailure;
        self.changed |= match self.state() {
            ConnectivityState::Ready if before == ready || after == ready => true,
            ConnectivityState::TransientFailure if after == failing => true,
            _ => self.is_lazy && (before != after || after == failing),
        };
    }
}

/// Returns whether two updates have the same content, apart from their endpoints.
fn same(one: &Update, other: &Update) -> bool {
    let same_config = Arc::ptr_eq(&one.config, &other.config) || one.config.equals(&*other.config);
    same_config
        && one.attributes == other.attributes
        && one.resolution_note == other.resolution_note
        && one.health_check == other.health_check
}

/// Returns the endpoints that have an address, each once: the first of those with the same
/// addresses.
fn distinct(endpoints: &[Endpoint]) -> Vec<&Endpoint> {
    let mut seen = EndpointMap::new();
    endpoints
        .iter()
        .filter(|endpoint| !endpoint.addresses().is_empty())
        .filter(|&endpoint| seen.insert(endpoint.clone(), ()).is_none())
        .collect()
}
