//! The entry of one key.

use std::fmt;

use super::identity_map::IdentityMap;
use crate::Identity;
use crate::index::IndexSlot;

/// The entry of one key in an [`IdentityMap`].
#[derive(Debug)]
pub enum Entry<'a, K, V> {
    /// The map has the key.
    Occupied(OccupiedEntry<'a, K, V>),
    /// The map does not have the key.
    Vacant(VacantEntry<'a, K, V>),
}

/// The entry of a key that the map has.
pub struct OccupiedEntry<'a, K, V> {
    map: &'a mut IdentityMap<K, V>,
    key: K,
    found: IndexSlot,
}

/// The entry of a key that the map does not have.
pub struct VacantEntry<'a, K, V> {
    map: &'a mut IdentityMap<K, V>,
    key: K,
    hash: u64,
}

impl<K: Identity, V> IdentityMap<K, V> {
    /// Returns the entry of a key, to read and set its value with one lookup.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let hash = key.identity_hash();
        match self.find(hash, &key) {
            Some(found) => Entry::Occupied(OccupiedEntry {
                map: self,
                key,
                found,
            }),
            None => Entry::Vacant(VacantEntry {
                map: self,
                key,
                hash,
            }),
        }
    }
}

impl<'a, K: Identity, V> Entry<'a, K, V> {
    /// Returns the value, after inserting `value` if there is none.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// Returns the value, after inserting the result of `make` if there is none.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        self.or_insert_with_key(|_| make())
    }

    /// Returns the value, after inserting the result of `make` for the key if there is none.
    pub fn or_insert_with_key(self, make: impl FnOnce(&K) -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => {
                let value = make(&entry.key);
                entry.insert(value)
            }
        }
    }

    /// Returns the value, after inserting the default if there is none.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value, if there is one.
    #[must_use]
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Self::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }

    /// Returns the key that was passed to [`entry`](IdentityMap::entry).
    #[must_use]
    pub fn key(&self) -> &K {
        match self {
            Self::Occupied(entry) => &entry.key,
            Self::Vacant(entry) => &entry.key,
        }
    }
}

impl<'a, K: Identity, V> OccupiedEntry<'a, K, V> {
    /// Returns the stored key.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.map.slot(self.found).key
    }

    /// Returns the value.
    #[must_use]
    pub fn get(&self) -> &V {
        &self.map.slot(self.found).value
    }

    /// Returns the value, to change it.
    pub fn get_mut(&mut self) -> &mut V {
        &mut self.map.slot_mut(self.found).value
    }

    /// Returns the value, borrowed for as long as the map is.
    #[must_use]
    pub fn into_mut(self) -> &'a mut V {
        &mut self.map.slot_mut(self.found).value
    }

    /// Replaces the value, and returns the earlier one. The stored key stays.
    pub fn insert(&mut self, value: V) -> V {
        std::mem::replace(self.get_mut(), value)
    }

    /// Replaces the stored key by the one that was passed to [`entry`](IdentityMap::entry), and
    /// returns the earlier one.
    pub fn replace_key(self) -> K {
        std::mem::replace(&mut self.map.slot_mut(self.found).key, self.key)
    }

    /// Removes the key, and returns its value.
    pub fn remove(self) -> V {
        self.remove_entry().1
    }

    /// Removes the key, and returns the stored key and the value.
    pub fn remove_entry(self) -> (K, V) {
        self.map.take(self.found)
    }
}

impl<'a, K: Identity, V> VacantEntry<'a, K, V> {
    /// Returns the key that was passed to [`entry`](IdentityMap::entry).
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns the key that was passed, by value.
    #[must_use]
    pub fn into_key(self) -> K {
        self.key
    }

    /// Inserts the key with `value`, and returns the value.
    pub fn insert(self, value: V) -> &'a mut V {
        self.map.push(self.hash, self.key, value)
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OccupiedEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot = self.map.slot(self.found);
        f.debug_tuple("OccupiedEntry")
            .field(&slot.key)
            .field(&slot.value)
            .finish()
    }
}

impl<K: fmt::Debug, V> fmt::Debug for VacantEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VacantEntry").field(&self.key).finish()
    }
}
