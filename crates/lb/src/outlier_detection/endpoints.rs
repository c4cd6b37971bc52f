//! The endpoints of the list, and the subchannels that lead to them.

use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::{Address, AddressMap, Endpoint, EndpointMap};

use super::calls::{CallCounter, CallTable, Calls, Counters};
use crate::control::Action;
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
    /// The index of its endpoint; `None` if no listed endpoint has its address.
    endpoint: Option<usize>,
    /// Whether a policy above has ejected it.
    ejected_above: bool,
    /// Whether it is ejected, as far as the child was notified.
    reported: bool,
}

/// The endpoints, in the order of the list, and the subchannels.
///
/// The set of its addresses, in any order, identifies an endpoint. Where two endpoints have a common
/// address, its subchannels belong to the later one.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    list: Vec<TrackedEndpoint>,
    /// The index of the endpoint at each location.
    by_location: AddressMap<usize>,
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
    /// Returns the endpoints, in the order of the list.
    pub(super) fn list_mut(&mut self) -> &mut [TrackedEndpoint] {
        &mut self.list
    }

    /// Returns the counter of each subchannel.
    pub(super) fn table(&self) -> &Arc<CallTable> {
        &self.table
    }

    /// Replaces the list. An endpoint that stays keeps what is known of it. Returns true if calls of
    /// an existing subchannel are counted elsewhere now.
    pub(super) fn replace(&mut self, endpoints: &[Endpoint]) -> bool {
        let mut old = EndpointMap::with_capacity(self.list.len());
        for tracked in self.list.drain(..) {
            old.insert(tracked.endpoint.clone(), tracked);
        }
        let mut seen = EndpointMap::with_capacity(endpoints.len());
        self.by_location = AddressMap::with_capacity(endpoints.len());
        for endpoint in endpoints {
            if endpoint.addresses().is_empty() || seen.insert(endpoint.clone(), ()).is_some() {
                continue;
            }
            for address in endpoint.addresses() {
                self.by_location.insert(location(address), self.list.len());
            }
            let tracked = match old.remove(endpoint) {
                Some(known) => TrackedEndpoint {
                    endpoint: endpoint.clone(),
                    ..known
                },
                None => TrackedEndpoint {
                    endpoint: endpoint.clone(),
                    counter: self.counters.next(),
                    calls: Calls::default(),
                    ejected_at: None,
                    multiplier: 0,
                },
            };
            self.list.push(tracked);
        }
        self.suspect_all();
        self.reassign()
    }

    /// Finds the endpoint of each subchannel again. Returns true if a counter changed.
    fn reassign(&mut self) -> bool {
        let mut changed = false;
        for subchannel in self.subchannels.iter_mut().flatten() {
            subchannel.endpoint = self
                .by_location
                .get(&location(&subchannel.address))
                .copied();
            let counter = subchannel.endpoint.map(|at| &self.list[at].counter);
            let known = self.table.get(subchannel.id);
            let is_same = match (known, counter) {
                (Some(known), Some(counter)) => known.is_same(counter),
                (None, None) => true,
                _ => false,
            };
            if !is_same {
                Arc::make_mut(&mut self.table).set(subchannel.id, counter.cloned());
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
        let counter = endpoint.map(|at| self.list[at].counter.clone());
        Arc::make_mut(&mut self.table).set(id, counter);
        if endpoint.is_some_and(|at| self.list[at].ejected_at.is_some()) {
            self.suspects.push(id);
        }
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

    /// Returns the subchannels whose ejection, or its end, the child does not know yet. It counts as
    /// notified of them from now on.
    pub(super) fn take_changes(&mut self) -> Vec<(SubchannelId, bool)> {
        let mut changes = Vec::new();
        for id in std::mem::take(&mut self.suspects) {
            let Some(subchannel) = subchannel(&mut self.subchannels, id) else {
                continue;
            };
            let own = subchannel.endpoint.map(|at| &self.list[at]);
            let own = own.is_some_and(|endpoint| endpoint.ejected_at.is_some());
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
