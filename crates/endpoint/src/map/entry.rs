//! The place of one key.

use std::fmt;

use super::identity_map::IdentityMap;
use crate::Identity;
use crate::index::Found;

/// The place of one key in an [`IdentityMap`].
#[derive(Debug)]
pub enum Entry<'a, K, V> {
    /// There is a value.
    Occupied(OccupiedEntry<'a, K, V>),
    /// There is none.
    Vacant(VacantEntry<'a, K, V>),
}

/// A place with a value.
pub struct OccupiedEntry<'a, K, V> {
    map: &'a mut IdentityMap<K, V>,
    key: K,
    found: Found,
}

/// A place without a value.
pub struct VacantEntry<'a, K, V> {
    map: &'a mut IdentityMap<K, V>,
    key: K,
    hash: u64,
}

impl<K: Identity, V> IdentityMap<K, V> {
    /// The place of a key, to look at it and to fill it with one lookup.
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
    /// The value, which is this one if there was none.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The value, which is made now if there was none.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        self.or_insert_with_key(|_| make())
    }

    /// The value, which is made of the key now if there was none.
    pub fn or_insert_with_key(self, make: impl FnOnce(&K) -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => {
                let value = make(&entry.key);
                entry.insert(value)
            }
        }
    }

    /// The value, which is the default if there was none.
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

    /// The key that was asked for.
    #[must_use]
    pub fn key(&self) -> &K {
        match self {
            Self::Occupied(entry) => &entry.key,
            Self::Vacant(entry) => &entry.key,
        }
    }
}

impl<'a, K: Identity, V> OccupiedEntry<'a, K, V> {
    /// The key that is stored.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.map.slot(self.found).key
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> &V {
        &self.map.slot(self.found).value
    }

    /// The value, to change it.
    pub fn get_mut(&mut self) -> &mut V {
        &mut self.map.slot_mut(self.found).value
    }

    /// The value, for as long as the map is borrowed.
    #[must_use]
    pub fn into_mut(self) -> &'a mut V {
        &mut self.map.slot_mut(self.found).value
    }

    /// Puts another value in; returns the one that was there. The stored key stays.
    pub fn insert(&mut self, value: V) -> V {
        std::mem::replace(self.get_mut(), value)
    }

    /// Stores the key that was asked for; returns the one that was there.
    pub fn replace_key(self) -> K {
        std::mem::replace(&mut self.map.slot_mut(self.found).key, self.key)
    }

    /// Takes it out; returns the value.
    pub fn remove(self) -> V {
        self.remove_entry().1
    }

    /// Takes it out; returns the stored key and the value.
    pub fn remove_entry(self) -> (K, V) {
        self.map.take(self.found)
    }
}

impl<'a, K: Identity, V> VacantEntry<'a, K, V> {
    /// The key that was asked for.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The key by value.
    #[must_use]
    pub fn into_key(self) -> K {
        self.key
    }

    /// Puts a value in.
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
