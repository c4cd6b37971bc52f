//! The map, with all operations on a key but its entry.

use std::fmt;

use crate::Identity;
use crate::index::{Index, IndexSlot};

/// A map whose keys are compared by [`Identity`].
///
/// Iteration is in the order of insertion, and so the same in every run. Lookup, insertion and
/// removal take constant time. A removal leaves an empty slot, which iteration skips. When the map
/// would have to grow, and at least half of its slots are empty, the empty ones are removed first.
#[derive(Clone)]
pub struct IdentityMap<K, V> {
    /// Positions in `slots`, by hash.
    index: Index,
    /// In the order of insertion; `None` where a key was removed.
    pub(super) slots: Vec<Option<Slot<K, V>>>,
    /// The number of slots that are not `None`.
    pub(super) len: usize,
}

/// The index has positions of occupied slots only.
const OCCUPIED: &str = "the index points to an occupied slot";

#[derive(Clone)]
pub(super) struct Slot<K, V> {
    pub(super) key: K,
    pub(super) value: V,
}

impl<K, V> IdentityMap<K, V> {
    /// Returns an empty map, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            index: Index::default(),
            slots: Vec::new(),
            len: 0,
        }
    }

    /// Returns an empty map with room for this many keys.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            index: Index::with_capacity(capacity),
            slots: Vec::with_capacity(capacity),
            len: 0,
        }
    }

    /// Returns how many keys the map can hold before it grows, if none is removed.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when the map has no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all keys, and keeps the memory.
    pub fn clear(&mut self) {
        self.index.clear();
        // Set before the values are dropped, which may panic.
        self.len = 0;
        self.slots.clear();
    }

    pub(super) fn slot(&self, found: IndexSlot) -> &Slot<K, V> {
        self.slots[found.position].as_ref().expect(OCCUPIED)
    }

    pub(super) fn slot_mut(&mut self, found: IndexSlot) -> &mut Slot<K, V> {
        self.slots[found.position].as_mut().expect(OCCUPIED)
    }

    pub(super) fn take(&mut self, found: IndexSlot) -> (K, V) {
        // Change the index first: that does not depend on the slot, which may not be in the CPU's
        // cache yet.
        self.index.remove(found);
        let slot = self.slots[found.position].take().expect(OCCUPIED);
        self.len -= 1;
        if self.len == 0 {
            self.slots.clear();
        }
        (slot.key, slot.value)
    }
}

impl<K: Identity, V> IdentityMap<K, V> {
    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// Returns the value of a key, to change it.
    #[must_use]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let found = self.find(key.identity_hash(), key)?;
        Some(&mut self.slot_mut(found).value)
    }

    /// Returns the stored key and its value.
    #[must_use]
    pub fn get_key_value(&self, key: &K) -> Option<(&K, &V)> {
        let slot = self.slot(self.find(key.identity_hash(), key)?);
        Some((&slot.key, &slot.value))
    }

    /// True when the map has the key.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key.identity_hash(), key).is_some()
    }

    /// Sets the value of a key, and returns the earlier one.
    ///
    /// The key replaces the stored key, so that the order and the attributes of an endpoint are the
    /// latest.
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

    /// Removes a key, and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes a key, and returns the stored key and its value.
    pub fn remove_entry(&mut self, key: &K) -> Option<(K, V)> {
        let found = self.find(key.identity_hash(), key)?;
        Some(self.take(found))
    }

    /// Keeps the keys for which `keep` returns true, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for slot in &mut self.slots {
            let dropped = slot.take_if(|slot| !keep(&slot.key, &mut slot.value));
            self.len -= usize::from(dropped.is_some());
        }
        self.compact();
    }

    /// Removes the empty slots, and builds the index again.
    fn compact(&mut self) {
        self.slots.retain(Option::is_some);
        self.index.clear();
        for (at, slot) in self.slots.iter().flatten().enumerate() {
            self.index.insert(slot.key.identity_hash(), at);
        }
    }

    pub(super) fn find(&self, hash: u64, key: &K) -> Option<IndexSlot> {
        // After a `retain` that panicked, the index has positions of slots that are empty or gone.
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

    /// Makes room for one more slot.
    fn make_room(&mut self) {
        // At least half of the slots are empty, so compacting takes constant time for each removal
        // that emptied one.
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
