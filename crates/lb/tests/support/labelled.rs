//! A policy whose endpoints get attributes, for checks whose lists have none.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use trunkline_endpoint::{Attributes, Endpoint, PriorityGroup, Weight, Zone};
use trunkline_lb::{
    Control, HierarchyPath, OldList, Policy, PolicyNode, SubchannelId, SubchannelState, Update,
    WatchEvent, WatchId,
};
use trunkline_status::Status;

/// Hands each event to a policy, and gives the endpoints of updates attributes before.
#[derive(Debug)]
pub(crate) struct Labelled<P> {
    pub(crate) policy: P,
    label: fn(&Endpoint) -> Attributes,
}

impl<P: Policy> Labelled<P> {
    pub(crate) fn new(policy: P, label: fn(&Endpoint) -> Attributes) -> Self {
        Self { policy, label }
    }
}

/// Returns a number below `bound` that depends on the first address alone.
fn number(endpoint: &Endpoint, bound: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    let first = endpoint.addresses().first();
    first.map(ToString::to_string).hash(&mut hasher);
    hasher.finish() % bound
}

/// Sets a path to one of the children `a` and `b`.
pub(crate) fn to_a_or_b(endpoint: &Endpoint) -> Attributes {
    let name = ["a", "b"][number(endpoint, 2) as usize];
    Attributes::new().with::<HierarchyPath>(HierarchyPath::new([name]))
}

/// Sets one of three priorities, and a weight from 0 to 3.
pub(crate) fn with_priority_and_weight(endpoint: &Endpoint) -> Attributes {
    let number = number(endpoint, 12) as u32;
    Attributes::new()
        .with::<PriorityGroup>(number % 3)
        .with::<Weight>(number / 3)
}

/// Sets one of the zones `a`, `b` and `c`.
pub(crate) fn in_three_zones(endpoint: &Endpoint) -> Attributes {
    let zone = ["a", "b", "c"][number(endpoint, 3) as usize];
    Attributes::new().with::<Zone>(zone.into())
}

/// Sets a path to the child `a` for IPv4 addresses that end with 1, and to `b` for all others.
pub(crate) fn first_to_a(endpoint: &Endpoint) -> Attributes {
    let name = match &*endpoint.to_string() {
        "[10.0.0.1:443]" => "a",
        _ => "b",
    };
    Attributes::new()
        .with::<HierarchyPath>(HierarchyPath::new([name]))
        .with::<Zone>(name.into())
}

impl<P: Policy> Policy for Labelled<P> {
    fn handle_update(
        &mut self,
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        let labelled = update.endpoints.iter().map(|endpoint| {
            let attributes = (self.label)(endpoint);
            endpoint.clone().with_attributes(attributes)
        });
        update.endpoints = labelled.collect();
        self.policy.handle_update(update, control)
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.policy.handle_resolver_error(error, old, control);
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.policy.handle_subchannel(id, state, control);
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.policy.handle_watch(watch, id, event, control);
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.policy.handle_ejection(id, ejected, control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.policy.handle_timeout(control);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.policy.poll_timeout()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.policy.exit_idle(control);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.policy.settle(control);
    }

    fn reset_backoff(&mut self) {
        self.policy.reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        self.policy.inspect(now)
    }
}
