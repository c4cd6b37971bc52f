//! The endpoints of the list, and the subchannels that lead to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::{Address, AddressMap, Endpoint, EndpointMap};

use super::calls::{CallCounter, CallTable, Calls, Counters};
use super::config::OutlierDetectionConfig;
use crate::connectivity::ConnectivityState;
use crate::control::Action;
use crate::inspection::EndpointNode;
use crate::subchannel::SubchannelId;

/// What is known of one endpoint.
#[derive(Debug)]
pub(super) struct TrackedEndpoint {
    pub(super) endpoint: Endpoint,
    /// Counts the calls of the current interval.
    pub(super) counter: CallCounter,
    /// The calls of the last interval.
    pub(super) calls: Calls,
    /// When it was ejected; `None` if it is not.
    pub(super) ejected_at: Option<Instant>,
    /// By how much its next ejection is longer than the first one.
    pub(super) multiplier: u32,
}

/// A subchannel of the child.
#[derive(Debug)]
struct Subchannel {
    id: SubchannelId,
    address: Address,
    /// The slot of its endpoint; `None` if no listed endpoint has its address.
    endpoint: Option<usize>,
    /// Whether a policy above has ejected it.
    ejected_above: bool,
    /// Whether it is ejected, as far as the child was notified.
    reported: bool,
}

/// The endpoints of the list, and the subchannels.
///
/// The set of its addresses, in any order, identifies an endpoint. Where two endpoints have a common
/// address, its subchannels belong to one of them.
///
/// An update costs one look-up for each endpoint that stays. All else is done for those that come and
/// go.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    /// `None` where an endpoint was removed.
    slots: Vec<Option<TrackedEndpoint>>,
    /// The slots without an endpoint.
    free: Vec<usize>,
    /// The number of the update that listed each slot last.
    listed: Vec<u64>,
    /// How many updates there were.
    updates: u64,
    /// The slot of each endpoint.
    by_endpoint: EndpointMap<usize>,
    /// The slot of the endpoint at each location.
    by_location: AddressMap<usize>,
    /// Whether two endpoints have had a common address.
    has_overlaps: bool,
    /// By the index of the id.
    subchannels: Vec<Option<Subchannel>>,
    /// The counter of each subchannel. Pickers keep it; it is copied when it changes meanwhile.
    table: Arc<CallTable>,
    /// Makes the counters of new endpoints.
    counters: Counters,
    /// The subchannels whose ejection may have begun or ended since the child was notified.
    suspects: Vec<SubchannelId>,
}

impl Endpoints {
    /// Iterates over the endpoints of the list.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut TrackedEndpoint> {
        self.slots.iter_mut().flatten()
    }

    /// Returns the counter of each subchannel.
    pub(super) fn table(&self) -> &Arc<CallTable> {
        &self.table
    }

    /// Replaces the list. An endpoint that stays keeps what is known of it. Returns true if calls of
    /// an existing subchannel are counted elsewhere now.
    pub(super) fn replace(&mut self, endpoints: &[Endpoint]) -> bool {
        self.updates += 1;
        let mut added = Vec::new();
        for endpoint in endpoints {
            if endpoint.addresses().is_empty() {
                continue;
            }
            let known = self.by_endpoint.get(endpoint).copied();
            let slot = known.unwrap_or_else(|| {
                let slot = self.add(endpoint);
                added.push(slot);
                slot
            });
            self.listed[slot] = self.updates;
            if let Some(tracked) = &mut self.slots[slot] {
                // The attributes and the order of the addresses may be others.
                tracked.endpoint = endpoint.clone();
            }
        }
        let is_gone =
            |slot: &usize| self.slots[*slot].is_some() && self.listed[*slot] != self.updates;
        let gone: Vec<usize> = (0..self.slots.len()).filter(is_gone).collect();
        if added.is_empty() && gone.is_empty() {
            return false;
        }
        for slot in gone {
            self.drop_slot(slot);
        }
        if self.has_overlaps {
            // A location of a removed endpoint may be that of another one too.
            added = (0..self.slots.len()).collect();
        }
        for slot in added {
            self.locate(slot);
        }
        self.reassign()
    }

    /// Adds an endpoint, and returns its slot.
    fn add(&mut self, endpoint: &Endpoint) -> usize {
        let tracked = TrackedEndpoint {
            endpoint: endpoint.clone(),
            counter: self.counters.next(),
            calls: Calls::default(),
            ejected_at: None,
            multiplier: 0,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.listed.push(0);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(tracked);
        self.by_endpoint.insert(endpoint.clone(), slot);
        slot
    }

    /// Removes an endpoint.
    fn drop_slot(&mut self, slot: usize) {
        let Some(gone) = self.slots[slot].take() else {
            return;
        };
        self.free.push(slot);
        self.by_endpoint.remove(&gone.endpoint);
        for address in gone.endpoint.addresses() {
            let address = location(address);
            if self.by_location.get(&address) == Some(&slot) {
                self.by_location.remove(&address);
            }
        }
    }

    /// Makes subchannels to its addresses belong to the endpoint in `slot`.
    fn locate(&mut self, slot: usize) {
        if let Some(tracked) = &self.slots[slot] {
            for address in tracked.endpoint.addresses() {
                let before = self.by_location.insert(location(address), slot);
                self.has_overlaps |= before.is_some_and(|other| other != slot);
            }
        }
    }

    /// Finds the endpoint of each subchannel again. Returns true if a counter changed.
    fn reassign(&mut self) -> bool {
        let mut changed = false;
        for subchannel in self.subchannels.iter_mut().flatten() {
            let slot = self.by_location.get(&location(&subchannel.address));
            let slot = slot.copied();
            let tracked = slot.and_then(|slot| self.slots[slot].as_ref());
            let counter = tracked.map(|tracked| &tracked.counter);
            let is_same = match (self.table.get(subchannel.id), counter) {
                (Some(known), Some(counter)) => known.is_same(counter),
                (None, None) => true,
                _ => false,
            };
            subchannel.endpoint = slot;
            if !is_same {
                Arc::make_mut(&mut self.table).set(subchannel.id, counter.cloned());
                self.suspects.push(subchannel.id);
                changed = true;
            }
        }
        changed
    }

    /// Records the subchannels that the child has created and removed.
    pub(super) fn record(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Create { id, address } => self.insert(*id, address.clone()),
                Action::Remove(id) => self.remove(*id),
                _ => {}
            }
        }
    }

    fn insert(&mut self, id: SubchannelId, address: Address) {
        if self.subchannels.len() <= id.index() {
            self.subchannels.resize_with(id.index() + 1, || None);
        }
        let endpoint = self.by_location.get(&location(&address)).copied();
        let tracked = endpoint.and_then(|slot| self.slots[slot].as_ref());
        let counter = tracked.map(|tracked| tracked.counter.clone());
        if tracked.is_some_and(|tracked| tracked.ejected_at.is_some()) {
            self.suspects.push(id);
        }
        Arc::make_mut(&mut self.table).set(id, counter);
        self.subchannels[id.index()] = Some(Subchannel {
            id,
            address,
            endpoint,
            ejected_above: false,
            reported: false,
        });
    }

    fn remove(&mut self, id: SubchannelId) {
        if subchannel(&mut self.subchannels, id).is_some() {
            self.subchannels[id.index()] = None;
            Arc::make_mut(&mut self.table).set(id, None);
        }
    }

    /// Records an ejection by a policy above, or its end.
    pub(super) fn set_ejected_above(&mut self, id: SubchannelId, ejected: bool) {
        if let Some(subchannel) = subchannel(&mut self.subchannels, id) {
            subchannel.ejected_above = ejected;
            self.suspects.push(id);
        }
    }

    /// Records that endpoints were ejected, or returned.
    pub(super) fn suspect_all(&mut self) {
        let subchannels = self.subchannels.iter().flatten();
        self.suspects = subchannels.map(|subchannel| subchannel.id).collect();
    }

    /// Describes the endpoints that are ejected: for how long, at least, and how often in a row.
    pub(super) fn inspect_ejected(
        &self,
        config: &OutlierDetectionConfig,
        now: Instant,
    ) -> Vec<EndpointNode> {
        let mut nodes = Vec::new();
        let mut at_slot = BTreeMap::new();
        for (slot, tracked) in self.slots.iter().enumerate() {
            let Some((tracked, since)) = tracked.as_ref().and_then(|it| Some((it, it.ejected_at?)))
            else {
                continue;
            };
            let lasts = config.ejection_time(tracked.multiplier);
            let left = lasts.saturating_sub(now.saturating_duration_since(since));
            let state = ConnectivityState::TransientFailure;
            let node = EndpointNode::new(&tracked.endpoint, state)
                .with_fact("returns_in_secs", left)
                .with_fact("ejections", tracked.multiplier);
            at_slot.insert(slot, nodes.len());
            nodes.push(node);
        }
        for subchannel in self.subchannels.iter().flatten() {
            if let Some(at) = subchannel.endpoint.and_then(|slot| at_slot.get(&slot)) {
                nodes[*at].subchannels.push(subchannel.id);
            }
        }
        nodes
    }

    /// Returns the subchannels whose ejection, or its end, the child does not know yet. It counts as
    /// notified of them from now on.
    pub(super) fn take_changes(&mut self) -> Vec<(SubchannelId, bool)> {
        let mut changes = Vec::new();
        for id in std::mem::take(&mut self.suspects) {
            let Some(subchannel) = subchannel(&mut self.subchannels, id) else {
                continue;
            };
            let own = subchannel.endpoint;
            let own = own.and_then(|slot| self.slots[slot].as_ref());
            let own = own.is_some_and(|tracked| tracked.ejected_at.is_some());
            let ejected = own || subchannel.ejected_above;
            if std::mem::replace(&mut subchannel.reported, ejected) != ejected {
                changes.push((id, ejected));
            }
        }
        changes
    }
}

/// Returns what is known of a subchannel that was not removed.
fn subchannel(known: &mut [Option<Subchannel>], id: SubchannelId) -> Option<&mut Subchannel> {
    let subchannel = known.get_mut(id.index())?.as_mut();
    subchannel.filter(|known| known.id == id)
}

/// Returns the address without its server name and attributes, which do not count here.
fn location(address: &Address) -> Address {
    Address::new(address.location().clone())
}
