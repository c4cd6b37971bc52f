//! The addresses of a list with their subchannels.

use std::collections::BTreeMap;
use std::slice;

use trunkline_endpoint::{Address, AddressMap};

use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::inspection::EndpointNode;
use crate::subchannel::SubchannelId;

/// The addresses in the order to try them. An address has a subchannel once its turn has come.
///
/// A position is an index in that order.
#[derive(Debug, Default)]
pub(super) struct AddressList {
    entries: Vec<Entry>,
    /// The position of each subchannel's address.
    positions: BTreeMap<SubchannelId, usize>,
}

#[derive(Debug)]
struct Entry {
    address: Address,
    subchannel: Option<Subchannel>,
    /// Whether an attempt has failed in the current pass.
    failed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Subchannel {
    id: SubchannelId,
    state: ConnState,
    /// Whether a policy above has ejected the backend.
    ejected: bool,
}

/// The state of a subchannel, without its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnState {
    /// Not connected; can be connected.
    Idle,
    /// An attempt was requested or is in progress.
    Connecting,
    /// The attempt failed; the subchannel is idle when its back-off is over.
    Backoff,
    /// Connected.
    Ready,
}

impl Entry {
    fn inspect(&self) -> EndpointNode {
        let state = match self.subchannel.map(|subchannel| subchannel.state) {
            None | Some(ConnState::Idle) => ConnectivityState::Idle,
            Some(ConnState::Connecting) => ConnectivityState::Connecting,
            Some(ConnState::Backoff) => ConnectivityState::TransientFailure,
            Some(ConnState::Ready) => ConnectivityState::Ready,
        };
        let node = EndpointNode::of_addresses(slice::from_ref(&self.address), state);
        match self.subchannel {
            None => node,
            Some(Subchannel { id, ejected, .. }) => {
                let node = node.with_subchannels([id]);
                if ejected {
                    node.with_fact("is_ejected", true)
                } else {
                    node
                }
            }
        }
    }
}

impl AddressList {
    /// Describes the addresses, each as an endpoint.
    pub(super) fn inspect(&self) -> Vec<EndpointNode> {
        self.entries.iter().map(Entry::inspect).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn address(&self, at: usize) -> &Address {
        &self.entries[at].address
    }

    pub(super) fn id(&self, at: usize) -> Option<SubchannelId> {
        Some(self.entries[at].subchannel?.id)
    }

    pub(super) fn state(&self, at: usize) -> Option<ConnState> {
        Some(self.entries[at].subchannel?.state)
    }

    pub(super) fn set_state(&mut self, at: usize, state: ConnState) {
        if let Some(subchannel) = &mut self.entries[at].subchannel {
            subchannel.state = state;
        }
    }

    /// Returns whether a policy above has ejected the backend at this address.
    pub(super) fn is_ejected(&self, at: usize) -> bool {
        self.entries[at]
            .subchannel
            .is_some_and(|subchannel| subchannel.ejected)
    }

    /// Records an ejection, or its end. Returns the position if that changed something.
    pub(super) fn set_ejected(&mut self, id: SubchannelId, ejected: bool) -> Option<usize> {
        let at = self.position(id)?;
        let subchannel = self.entries[at].subchannel.as_mut()?;
        let before = std::mem::replace(&mut subchannel.ejected, ejected);
        (before != ejected).then_some(at)
    }

    /// Returns the position of a subchannel's address; `None` if the subchannel was removed.
    pub(super) fn position(&self, id: SubchannelId) -> Option<usize> {
        self.positions.get(&id).copied()
    }

    /// Connects an address that is idle, and creates its subchannel if it has none. Does nothing
    /// in any other state.
    pub(super) fn connect(&mut self, at: usize, control: &mut Control<'_>) {
        let entry = &mut self.entries[at];
        let (id, ejected) = match entry.subchannel {
            Some(Subchannel {
                id,
                state: ConnState::Idle,
                ejected,
            }) => (id, ejected),
            Some(_) => return,
            None => {
                let id = control.create_subchannel(entry.address.clone());
                self.positions.insert(id, at);
                (id, false)
            }
        };
        let state = ConnState::Connecting;
        entry.subchannel = Some(Subchannel { id, state, ejected });
        control.connect(id);
    }

    /// Marks an address as failed in the current pass. Returns whether it was not marked before.
    pub(super) fn mark_failed(&mut self, at: usize) -> bool {
        !std::mem::replace(&mut self.entries[at].failed, true)
    }

    /// Removes the marks of [`mark_failed`](Self::mark_failed).
    pub(super) fn forget_failures(&mut self) {
        self.entries
            .iter_mut()
            .for_each(|entry| entry.failed = false);
    }

    /// Removes all subchannels but that of one address.
    pub(super) fn keep_only(&mut self, at: usize, control: &mut Control<'_>) {
        for (other, entry) in self.entries.iter_mut().enumerate() {
            if other != at
                && let Some(subchannel) = entry.subchannel.take()
            {
                self.positions.remove(&subchannel.id);
                control.remove_subchannel(subchannel.id);
            }
        }
    }

    /// Removes all addresses but one, which moves to position 0. No other address may have a
    /// subchannel.
    pub(super) fn truncate_to(&mut self, at: usize) {
        self.entries.swap(0, at);
        self.entries.truncate(1);
        self.positions.values_mut().for_each(|at| *at = 0);
    }

    /// Removes all addresses and subchannels.
    pub(super) fn clear(&mut self, control: &mut Control<'_>) {
        self.replace(Vec::new(), control);
    }

    /// Returns whether `list`, which has no duplicates, has exactly these addresses, in any order.
    pub(super) fn has_same_addresses(&self, list: &[Address]) -> bool {
        let mut known = AddressMap::new();
        for entry in &self.entries {
            known.insert(entry.address.clone(), ());
        }
        list.len() == self.entries.len()
            && list.iter().all(|address| known.remove(address).is_some())
    }

    /// Replaces the addresses by `list`, which has no duplicates. Addresses that stay keep their
    /// subchannels; all other subchannels are removed.
    pub(super) fn replace(&mut self, list: Vec<Address>, control: &mut Control<'_>) {
        let mut old = AddressMap::new();
        for entry in self.entries.drain(..) {
            if let Some(subchannel) = entry.subchannel {
                old.insert(entry.address, subchannel);
            }
        }
        self.positions.clear();
        for (at, address) in list.into_iter().enumerate() {
            let subchannel = old.remove(&address);
            if let Some(subchannel) = subchannel {
                self.positions.insert(subchannel.id, at);
            }
            self.entries.push(Entry {
                address,
                subchannel,
                failed: false,
            });
        }
        for (_, subchannel) in old {
            control.remove_subchannel(subchannel.id);
        }
    }
}
