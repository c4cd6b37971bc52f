//! What a picker needs of each ready child.

/// What a policy over an [`EndpointSharding`](crate::EndpointSharding) needs of each ready child to
/// make its picker: for example the subchannel, or the subchannel and a weight.
///
/// It keeps one value for each slot, close together in memory, so that making a picker for a
/// thousand endpoints does not visit a thousand children. Only the children that settled are
/// visited:
///
/// ```
/// use trunkline_lb::{EndpointSharding, PickFirst, ReadyList, SubchannelId};
///
/// fn ready(
///     endpoints: &EndpointSharding<PickFirst>,
///     list: &mut ReadyList<SubchannelId>,
/// ) -> Vec<SubchannelId> {
///     list.refresh(endpoints.settled(), |child| child.policy().selected());
///     list.in_order(endpoints.slots()).copied().collect()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ReadyList<T> {
    /// By slot; `None` for a child that is not ready.
    by_slot: Vec<Option<T>>,
}

impl<T> ReadyList<T> {
    /// Creates an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            by_slot: Vec::new(),
        }
    }

    /// Computes the values of the children that settled; `ready` returns `None` for a child that is
    /// not ready.
    ///
    /// Call it after each [`EndpointSharding::settle`](crate::EndpointSharding::settle), with
    /// [`EndpointSharding::settled`](crate::EndpointSharding::settled).
    pub fn refresh<C>(
        &mut self,
        settled: impl IntoIterator<Item = (usize, C)>,
        mut ready: impl FnMut(C) -> Option<T>,
    ) {
        self.update(settled, |child, _| ready(child));
    }

    /// Does the same as [`refresh`](Self::refresh), for values that outlast an event: `ready` gets
    /// the earlier value of the slot too.
    ///
    /// The earlier value may be that of another child, which had the slot before.
    pub fn update<C>(
        &mut self,
        settled: impl IntoIterator<Item = (usize, C)>,
        mut ready: impl FnMut(C, Option<T>) -> Option<T>,
    ) {
        for (slot, child) in settled {
            if self.by_slot.len() <= slot {
                self.by_slot.resize_with(slot + 1, || None);
            }
            let value = &mut self.by_slot[slot];
            *value = ready(child, value.take());
        }
    }

    /// Returns the value of the child in this slot; `None` if it is not ready.
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<&T> {
        self.by_slot.get(slot)?.as_ref()
    }

    /// Returns the value of the child in this slot, to be changed.
    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        self.by_slot.get_mut(slot)?.as_mut()
    }

    /// Iterates over the values of the ready children among `slots`, in the order of `slots`.
    pub fn in_order(&self, slots: impl IntoIterator<Item = usize>) -> impl Iterator<Item = &T> {
        slots.into_iter().filter_map(|slot| self.get(slot))
    }
}

impl<T> Default for ReadyList<T> {
    fn default() -> Self {
        Self::new()
    }
}
