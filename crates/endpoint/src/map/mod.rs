//! Maps keyed by identity.

mod entry;
mod iter;

use std::fmt;

pub use self::entry::{Entry, OccupiedEntry, VacantEntry};
pub use self::iter::{IntoIter, Iter, IterMut, Keys, Values, ValuesMut};
use crate::index::Index;
use crate::{Address, Endpoint, Identity};

/// A map keyed by what a connection to an address depends on: place, server name and identifying
/// attributes. Other attributes make no new key.
pub type AddressMap<V> = IdentityMap<Address, V>;

/// A map keyed by the unordered set of places of an endpoint's addresses.
///
/// `[a, b]`, `[b, a]` and `[a, b, a]` are one key; attributes and server names do not count. Looking
/// up an endpoint of up to 8 addresses allocates nothing.
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::{Endpoint, EndpointMap};
///
/// let v4: SocketAddr = "192.0.2.1:443".parse()?;
/// let v6: SocketAddr = "[2001:db8::1]:443".parse()?;
/// let mut map = EndpointMap::new();
/// map.insert(Endpoint::new([v4, v6]), "one backend");
/// assert_eq!(map.get(&Endpoint::new([v6, v4])), Some(&"one backend"));
/// assert_eq!(map.get(&Endpoint::new([v4])), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
///
/// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
/// grpc-go's key is a multiset there; ours is a set, as the gRFC says.
pub type EndpointMap<V> = IdentityMap<Endpoint, V>;

/// A map whose keys are compared by [`Identity`].
///
/// Iteration goes in the order of insertion, until a removal puts the last one in the place of the
/// removed one: it is the same in every run. Lookup, insertion and removal take constant time.
#[derive(Clone)]
pub struct IdentityMap<K, V> {
    /// Positions in `slots`, by hash.
    index: Index,
    slots: Vec<Slot<K, V>>,
}

#[derive(Clone)]
struct Slot<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K, V> IdentityMap<K, V> {
    /// An empty map, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            index: Index::default(),
            slots: Vec::new(),
        }
    }

    /// An empty map with room for so many keys.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            index: Index::with_capacity(capacity),
            slots: Vec::with_capacity(capacity),
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Removes everything, and keeps the room.
    pub fn clear(&mut self) {
        self.index.clear();
        self.slots.clear();
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
        let at = self.position(key.identity_hash(), key)?;
        Some(&mut self.slots[at].value)
    }

    /// The stored key and its value.
    #[must_use]
    pub fn get_key_value(&self, key: &K) -> Option<(&K, &V)> {
        let slot = &self.slots[self.position(key.identity_hash(), key)?];
        Some((&slot.key, &slot.value))
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.position(key.identity_hash(), key).is_some()
    }

    /// Puts a value in; returns the one that was there.
    ///
    /// The key is stored as it is given now: an endpoint's order and attributes are the latest.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = key.identity_hash();
        match self.position(hash, &key) {
            Some(at) => {
                let slot = &mut self.slots[at];
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
        let at = self.position(key.identity_hash(), key)?;
        Some(self.take(at))
    }

    /// The place of a key, to look at it and to fill it with one lookup.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let hash = key.identity_hash();
        match self.position(hash, &key) {
            Some(at) => Entry::Occupied(OccupiedEntry::new(self, key, at)),
            None => Entry::Vacant(VacantEntry::new(self, key, hash)),
        }
    }

    /// Keeps those for which `keep` holds, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.slots
            .retain_mut(|slot| keep(&slot.key, &mut slot.value));
        self.index.clear();
        for (at, slot) in self.slots.iter().enumerate() {
            self.index.insert(slot.hash, at);
        }
    }

    fn position(&self, hash: u64, key: &K) -> Option<usize> {
        let is_it = |at: usize| self.slots[at].key.same_identity(key);
        self.index.find(hash, is_it)
    }

    fn push(&mut self, hash: u64, key: K, value: V) -> usize {
        let at = self.slots.len();
        self.index.insert(hash, at);
        self.slots.push(Slot { hash, key, value });
        at
    }

    fn take(&mut self, at: usize) -> (K, V) {
        self.index.remove(self.slots[at].hash, at);
        let last = self.slots.len() - 1;
        if at != last {
            self.index.relocate(self.slots[last].hash, last, at);
        }
        let slot = self.slots.swap_remove(at);
        (slot.key, slot.value)
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
