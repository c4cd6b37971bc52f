//! One child policy for each endpoint.

mod child;
mod owners;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::{Endpoint, EndpointMap};
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use self::owners::Owners;
use crate::errors::{resolver_error, zero_addresses};
use crate::{
    ConnectivityState, Control, OldList, Pick, Picker, Policy, Published, SubchannelId,
    SubchannelState, Update, WatchEvent, WatchId,
};

pub use self::child::EndpointChild;

/// One child policy for each endpoint, all kept connected: what round_robin and its kin share.
///
/// An endpoint is known by the set of its addresses, in any order; one that is listed twice has
/// one child. A child that becomes idle is told to connect again at once, and counts as
/// connecting; one that fails counts as failing until it is ready, whatever it says meanwhile.
///
/// It publishes nothing itself. Hand each event to it; [`settle`](Self::settle) tells whether there
/// is anything new to publish. An event for one subchannel costs no more however many endpoints
/// there are; only making a picker does, which is why it waits until all events are in.
///
/// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md)
/// ("petiole policies"), and the aggregation rules of gRPC's client channel specification.
#[derive(Debug)]
pub struct EndpointSharding<P> {
    rng: Rng,
    /// The children; `None` where one was taken away.
    slots: Vec<Option<EndpointChild<P>>>,
    /// Places in `slots` that are free.
    free: Vec<usize>,
    by_endpoint: EndpointMap<usize>,
    /// The children in the order of the last list.
    order: Vec<usize>,
    /// The slot of the child that made each subchannel.
    owners: Owners,
    deadlines: BTreeSet<(Instant, usize)>,
    /// The slots of children that were handed an event and did not settle yet.
    unsettled: BTreeSet<usize>,
    /// The slots of children that settled last.
    settled: BTreeSet<usize>,
    counts: Counts,
    /// The picker of the child that failed last, or of an error that concerns all.
    last_failure: Arc<dyn Picker>,
    /// Whether a picker made before would not do any more.
    changed: bool,
    shown: Option<ConnectivityState>,
}

/// How many children there are in each state.
#[derive(Debug, Default)]
struct Counts {
    ready: usize,
    connecting: usize,
    failing: usize,
}

impl<P: Policy> EndpointSharding<P> {
    /// Without children.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::from_seed(seed),
            slots: Vec::new(),
            free: Vec::new(),
            by_endpoint: EndpointMap::new(),
            order: Vec::new(),
            owners: Owners::default(),
            deadlines: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            settled: BTreeSet::new(),
            counts: Counts::default(),
            last_failure: Arc::new(Pick::Queue),
            changed: false,
            shown: None,
        }
    }

    /// Gives each endpoint of `update` to its child, with `config`, and takes children away whose
    /// endpoint is gone. `make` makes a child from a seed.
    ///
    /// The children connect in the order of the list, beginning anywhere, so that a thousand
    /// clients with one list do not all come to its first endpoint first.
    ///
    /// # Errors
    ///
    /// When there is no address in the whole list (all children are gone then), and the first
    /// error of a child; all others have seen the update all the same.
    pub fn handle_update(
        &mut self,
        update: &Update,
        config: &Arc<dyn PolicyConfig>,
        control: &mut Control<'_>,
        mut make: impl FnMut(u64) -> P,
    ) -> Result<(), Status> {
        // The first list is news, whatever comes of it.
        self.changed |= self.shown.is_none();
        let mut distinct = distinct(&update.endpoints);
        let first = self.rng.below(distinct.len());
        distinct.rotate_left(first);
        let mut gone = std::mem::take(&mut self.by_endpoint);
        self.order.clear();
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
            let update = Update {
                endpoints: Arc::from([endpoint.clone()]),
                attributes: update.attributes.clone(),
                config: config.clone(),
                resolution_note: update.resolution_note.clone(),
            };
            if let Some(child) = &mut self.slots[slot] {
                child.endpoint = endpoint.clone();
            }
            let answer = self.handle(slot, control, |policy, control| {
                policy.handle_update(update, control)
            });
            result = result.and_then(|()| answer.unwrap_or(Ok(())));
        }
        for (_, slot) in gone {
            self.remove(slot, control);
        }
        self.forget_failure_of_others();
        if self.order.is_empty() {
            let error = zero_addresses(&update.resolution_note);
            self.fail(error.clone());
            result = Err(error);
        }
        result
    }

    /// Hands the error to every child; without children it becomes the error of all calls.
    pub fn handle_resolver_error(
        &mut self,
        error: &Status,
        old: OldList,
        control: &mut Control<'_>,
    ) {
        if self.order.is_empty() {
            self.fail(resolver_error(error));
        }
        for at in 0..self.order.len() {
            self.handle(self.order[at], control, |policy, control| {
                policy.handle_resolver_error(error.clone(), old, control);
            });
        }
    }

    /// Hands the event to the child that made the subchannel.
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

    /// Hands the event of a watch to the child that made the subchannel.
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

    /// Wakes the children whose time has come.
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

    /// When the first child wants to be woken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Tells every child to forget its waits.
    pub fn reset_backoff(&mut self) {
        for slot in 0..self.slots.len() {
            if let Some(child) = &mut self.slots[slot] {
                child.child.policy_mut().reset_backoff();
                self.unsettled.insert(slot);
                self.update_deadline(slot);
            }
        }
    }

    /// The state of all children together: ready if one is, else connecting if one is, else
    /// failing.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        match self.counts {
            Counts { ready: 1.., .. } => ConnectivityState::Ready,
            Counts {
                connecting: 1.., ..
            } => ConnectivityState::Connecting,
            _ => ConnectivityState::TransientFailure,
        }
    }

    /// Lets the children settle, and returns the state if there is something to publish since the
    /// last call: another state, other children that are ready, or, while all fail, a newer failure.
    pub fn settle(&mut self, control: &mut Control<'_>) -> Option<ConnectivityState> {
        let settled = std::mem::take(&mut self.unsettled);
        for slot in &settled {
            self.tell(*slot, control, |policy, control| policy.settle(control));
        }
        self.settled = settled;
        let state = self.state();
        let is_other = self.shown.is_some_and(|shown| shown != state);
        if !std::mem::take(&mut self.changed) && !is_other {
            return None;
        }
        self.shown = Some(state);
        self.shown
    }

    /// The children, in the order of the list.
    pub fn children(&self) -> impl Iterator<Item = &EndpointChild<P>> {
        self.order
            .iter()
            .filter_map(|&slot| self.slots[slot].as_ref())
    }

    /// The places of the children, in the order of the list. A place is a small number that is one
    /// child's as long as that is there: what a policy needs of all children for its picker, it may
    /// keep by their places, close together.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        self.order.iter().copied()
    }

    /// The children to which anything has happened between the last two calls of
    /// [`settle`](Self::settle), by their [`places`](Self::places).
    pub fn settled(&self) -> impl Iterator<Item = (usize, &EndpointChild<P>)> {
        let child = |&slot: &usize| Some((slot, self.slots[slot].as_ref()?));
        self.settled.iter().filter_map(child)
    }

    /// The picker of the child that failed last, or that of an error that concerns all.
    #[must_use]
    pub fn last_failure(&self) -> &Arc<dyn Picker> {
        &self.last_failure
    }

    fn fail(&mut self, error: Status) {
        self.last_failure = Arc::new(Pick::Fail(error));
        self.changed = true;
    }

    /// Takes another child's failure as the last, if the one that failed last is gone.
    fn forget_failure_of_others(&mut self) {
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
        self.counts.connecting += 1;
        let child = EndpointChild::new(policy);
        let slot = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(place) => *place = Some(child),
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
        *self.count(child.state) -= 1;
        self.changed |= child.state == ConnectivityState::Ready;
        let mark = control.mark();
        child.child.remove(control);
        self.owners.record(slot, control.asked_since(mark));
    }

    /// Hands an event to one child, which is to settle then.
    fn handle<R>(
        &mut self,
        slot: usize,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut P, &mut Control<'_>) -> R,
    ) -> Option<R> {
        self.unsettled.insert(slot);
        self.tell(slot, control, event)
    }

    /// Tells one child something and takes in what comes of it.
    fn tell<R>(
        &mut self,
        slot: usize,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut P, &mut Control<'_>) -> R,
    ) -> Option<R> {
        let child = self.slots[slot].as_mut()?;
        let mark = control.mark();
        let (result, mut published) = child.child.handle(control, event);
        if let Some(Published {
            state: ConnectivityState::Idle,
            ..
        }) = published
        {
            let wake = |policy: &mut P, control: &mut Control<'_>| policy.exit_idle(control);
            let ((), after) = child.child.handle(control, wake);
            self.unsettled.insert(slot);
            published = after.or(published);
        }
        self.update_deadline(slot);
        self.owners.record(slot, control.asked_since(mark));
        if let Some(published) = published {
            self.handle_published(slot, published);
        }
        Some(result)
    }

    /// Takes in when a child wants to be woken.
    fn update_deadline(&mut self, slot: usize) {
        let Some(child) = &mut self.slots[slot] else {
            return;
        };
        let deadline = child.child.policy().poll_timeout();
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

    /// Takes in what a child published.
    fn handle_published(&mut self, slot: usize, published: Published) {
        let Some(child) = &mut self.slots[slot] else {
            return;
        };
        let before = child.state;
        let after = match (before, published.state) {
            // Failing until it is ready.
            (ConnectivityState::TransientFailure, ConnectivityState::Connecting)
            | (ConnectivityState::TransientFailure, ConnectivityState::Idle) => return,
            (_, ConnectivityState::Idle) => ConnectivityState::Connecting,
            (_, state) => state,
        };
        child.state = after;
        child.picker = published.picker;
        if after == ConnectivityState::TransientFailure {
            self.last_failure = child.picker.clone();
        }
        *self.count(before) -= 1;
        *self.count(after) += 1;
        let ready = ConnectivityState::Ready;
        self.changed |= match self.state() {
            ConnectivityState::Ready => before == ready || after == ready,
            ConnectivityState::TransientFailure => after == ConnectivityState::TransientFailure,
            _ => false,
        };
    }

    fn count(&mut self, state: ConnectivityState) -> &mut usize {
        match state {
            ConnectivityState::Ready => &mut self.counts.ready,
            ConnectivityState::TransientFailure => &mut self.counts.failing,
            _ => &mut self.counts.connecting,
        }
    }
}

/// The endpoints that have an address, each once: the first one of those that are the same.
fn distinct(endpoints: &[Endpoint]) -> Vec<&Endpoint> {
    let mut seen = EndpointMap::new();
    endpoints
        .iter()
        .filter(|endpoint| !endpoint.addresses().is_empty())
        .filter(|&endpoint| seen.insert(endpoint.clone(), ()).is_none())
        .collect()
}
