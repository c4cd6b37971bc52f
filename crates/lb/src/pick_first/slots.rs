//! The addresses of a list with their subchannels.

use std::collections::BTreeMap;

use trunkline_endpoint::{Address, AddressMap};

use crate::{Control, SubchannelId};

/// The addresses in the order to try them; each has a subchannel once its turn has come.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// Where each subchannel is in `slots`.
    positions: BTreeMap<SubchannelId, usize>,
}

#[derive(Debug)]
struct Slot {
    address: Address,
    subchannel: Option<Subchannel>,
    /// Whether an attempt has failed in the pass under way.
    failed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Subchannel {
    id: SubchannelId,
    link: Link,
}

/// How a subchannel stands, as far as it matters to its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Can be asked to connect.
    Idle,
    /// Was asked to connect, or does so.
    Connecting,
    /// Has failed, and will be idle when its back-off is over.
    Backoff,
    /// Is connected.
    Ready,
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn address(&self, at: usize) -> &Address {
        &self.slots[at].address
    }

    pub(super) fn id(&self, at: usize) -> Option<SubchannelId> {
        Some(self.slots[at].subchannel?.id)
    }

    pub(super) fn link(&self, at: usize) -> Option<Link> {
        Some(self.slots[at].subchannel?.link)
    }

    pub(super) fn set_link(&mut self, at: usize, link: Link) {
        if let Some(subchannel) = &mut self.slots[at].subchannel {
            subchannel.link = link;
        }
    }

    pub(super) fn position(&self, id: SubchannelId) -> Option<usize> {
        self.positions.get(&id).copied()
    }

    /// Connects a slot that can be connected, making its subchannel if there is none.
    pub(super) fn connect(&mut self, at: usize, control: &mut Control<'_>) {
        let slot = &mut self.slots[at];
        let id = match slot.subchannel {
            Some(Subchannel {
                id,
                link: Link::Idle,
            }) => id,
            Some(_) => return,
            None => {
                let id = control.create_subchannel(slot.address.clone());
                self.positions.insert(id, at);
                id
            }
        };
        let link = Link::Connecting;
        slot.subchannel = Some(Subchannel { id, link });
        control.connect(id);
    }

    /// Marks a slot as failed in this pass; whether it was not marked before.
    pub(super) fn fail(&mut self, at: usize) -> bool {
        !std::mem::replace(&mut self.slots[at].failed, true)
    }

    pub(super) fn forget_failures(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.failed = false);
    }

    /// Drops all subchannels but that of one slot.
    pub(super) fn keep_only(&mut self, at: usize, control: &mut Control<'_>) {
        for (other, slot) in self.slots.iter_mut().enumerate() {
            if other != at
                && let Some(subchannel) = slot.subchannel.take()
            {
                self.positions.remove(&subchannel.id);
                control.remove_subchannel(subchannel.id);
            }
        }
    }

    /// Forgets all slots but one, which becomes the first. No other may have a subchannel.
    pub(super) fn truncate_to(&mut self, at: usize) {
        self.slots.swap(0, at);
        self.slots.truncate(1);
        self.positions.values_mut().for_each(|at| *at = 0);
    }

    /// Drops all subchannels and slots.
    pub(super) fn clear(&mut self, control: &mut Control<'_>) {
        self.replace(Vec::new(), control);
    }

    /// Whether `list`, which has no duplicates, has the same addresses, in any order.
    pub(super) fn has_all_of(&self, list: &[Address]) -> bool {
        let mut known = AddressMap::new();
        for slot in &self.slots {
            known.insert(slot.address.clone(), ());
        }
        list.len() == self.slots.len() && list.iter().all(|address| known.remove(address).is_some())
    }

    /// Puts `list`, which has no duplicates, in the place of the slots. Addresses that stay keep
    /// their subchannel; the other subchannels are dropped.
    pub(super) fn replace(&mut self, list: Vec<Address>, control: &mut Control<'_>) {
        let mut old = AddressMap::new();
        for slot in self.slots.drain(..) {
            if let Some(subchannel) = slot.subchannel {
                old.insert(slot.address, subchannel);
            }
        }
        self.positions.clear();
        for (at, address) in list.into_iter().enumerate() {
            let subchannel = old.remove(&address);
            if let Some(subchannel) = subchannel {
                self.positions.insert(subchannel.id, at);
            }
            self.slots.push(Slot {
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
