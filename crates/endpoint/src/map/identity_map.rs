//! The map that both maps are.

use std::fmt;

use crate::Identity;
use crate::index::{Found, Index};

/// A map whose keys are compared by [`Identity`].
///
/// Iteration goes in the order of insertion: it is the same in every run. Lookup, insertion and
/// removal take constant time. A removal leaves an empty place, which iteration passes by, and which
/// is used again when the map would have to grow.
#[derive(Clone)]
pub struct IdentityMap<K, V> {
    /// Positions in `slots`, by hash.
    index: Index,
    /// In the order of insertion; `None` where something was removed.
    pub(super) slots: Vec<Option<Slot<K, V>>>,
    /// Those that are not `None`.
    pub(super) len: usize,
}

/// Positions in the index are of places that are taken.
const TAKEN: &str = "a place that is taken";

#[derive(Clone)]
pub(super) struct Slot<K, V> {
    pub(super) key: K,
    pub(super) value: V,
}

impl<K, V> IdentityMap<K, V> {
    /// An empty map, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            index: Index::default(),
            slots: Vec::new(),
            len: 0,
        }
    }

    /// An empty map with room for so many keys.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            index: Index::with_capacity(capacity),
            slots: Vec::with_capacity(capacity),
            len: 0,
        }
    }

    /// How many keys there can be before the map grows, if none is removed.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes everything, and keeps the room.
    pub fn clear(&mut self) {
        self.index.clear();
        // Before anything is dropped, which may panic.
        self.len = 0;
        self.slots.clear();
    }

    pub(super) fn slot(&self, found: Found) -> &Slot<K, V> {
        self.slots[found.position].as_ref().expect(TAKEN)
    }

    pub(super) fn slot_mut(&mut self, found: Found) -> &mut Slot<K, V> {
        self.slots[found.position].as_mut().expect(TAKEN)
    }

    pub(super) fn take(&mut self, found: Found) -> (K, V) {
        // The index first: it does not wait for the memory of the slot.
        self.index.remove(found);
        let slot = self.slots[found.position].take().expect(TAKEN);
        self.len -= 1;
        if self.len == 0 {
            self.slots.clear();
        }
        (slot.key, slot.value)
    }
}

impl<K: Identity, V> IdentityMap<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The value of a key, to change it.
    #[must_use]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let found = self.find(key.identity_hash(), key)?;
        Some(&mut self.slot_mut(found).value)
    }

    /// The stored key and its value.
    #[must_use]
    pub fn get_key_value(&self, key: &K) -> Option<(&K, &V)> {
        let slot = self.slot(self.find(key.identity_hash(), key)?);
        Some((&slot.key, &slot.value))
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key.identity_hash(), key).is_some()
    }

    /// Puts a value in; returns the one that was there.
    ///
    /// The key is stored as it is given now: an endpoint's order and attributes are the latest.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = key.identity_hash();
        match self.find(hash, &key) {
            Some(found) => {
                let slot = self.slot_mut(found);
                slot.key = key;
                Some(std::mem::replace(&mut slot.value, value))
            }
            None => {
                self.push(hash, key, value);
                None
            }
        }
    }

    /// Takes a key out; returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Takes a key out; returns the stored key and its value.
    pub fn remove_entry(&mut self, key: &K) -> Option<(K, V)> {
        let found = self.find(key.identity_hash(), key)?;
        Some(self.take(found))
    }

    /// Keeps those for which `keep` holds, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for slot in &mut self.slots {
            let dropped = slot.take_if(|slot| !keep(&slot.key, &mut slot.value));
            self.len -= usize::from(dropped.is_some());
        }
        self.compact();
    }

    /// Closes the gaps that removals left.
    fn compact(&mut self) {
        self.slots.retain(Option::is_some);
        self.index.clear();
        for (at, slot) in self.slots.iter().flatten().enumerate() {
            self.index.insert(slot.key.identity_hash(), at);
        }
    }

    pub(super) fn find(&self, hash: u64, key: &K) -> Option<Found> {
        // A `retain` that panicked has left positions that are empty now, or gone.
        let slot = |at: usize| self.slots.get(at)?.as_ref();
        let is_it = |at| slot(at).is_some_and(|slot| slot.key.same_identity(key));
        self.index.find(hash, is_it)
    }

    pub(super) fn push(&mut self, hash: u64, key: K, value: V) -> &mut V {
        if self.slots.len() == self.slots.capacity() {
            self.make_room();
        }
        self.index.insert(hash, self.slots.len());
        self.len += 1;
        self.slots.push(None);
        let last = self.slots.len() - 1;
        &mut self.slots[last].insert(Slot { key, value }).value
    }

    /// Makes room for one place more.
    fn make_room(&mut self) {
        // Each gap that is closed was paid for by a removal.
        if self.len <= self.slots.len() / 2 {
            self.compact();
        }
        self.index.reserve(self.slots.len() + 1);
        let more = self.index.capacity() - self.slots.len();
        self.slots.reserve_exact(more);
    }
}

impl<K, V> Default for IdentityMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for IdentityMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Equal maps have the same keys, by identity, with equal values, in any order.
impl<K: Identity, V: PartialEq> PartialEq for IdentityMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(key, value)| other.get(key).is_some_and(|there| there == value))
    }
}

impl<K: Identity, V: Eq> Eq for IdentityMap<K, V> {}

impl<K: Identity, V> Extend<(K, V)> for IdentityMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.insert(key, value);
        }
    }
}

impl<K: Identity, V> FromIterator<(K, V)> for IdentityMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        let mut map = Self::with_capacity(pairs.size_hint().0);
        map.extend(pairs);
        map
    }
}

impl<K: Identity, V, const N: usize> From<[(K, V); N]> for IdentityMap<K, V> {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}
