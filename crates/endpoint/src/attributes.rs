//! Typed, immutable attributes.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A key of [`Attributes`]: a type of its own, so that two crates cannot clash.
pub trait AttributeKey: 'static {
    /// What is stored under the key; compared by its own equality.
    type Value: PartialEq + fmt::Debug + Send + Sync + 'static;

    /// The name that is printed.
    const NAME: &'static str;

    /// Whether a connection made with one value may not be used for another: a change then makes a
    /// new connection. Weights and the like are not part of it.
    const IDENTIFIES_CONNECTION: bool;
}

/// What is known of an address or endpoint beyond where it is.
///
/// Cheap to clone; adding a value makes a new set.
///
/// ```
/// use trunkline_endpoint::{AttributeKey, Attributes};
///
/// struct Weight;
///
/// impl AttributeKey for Weight {
///     type Value = u32;
///     const NAME: &'static str = "weight";
///     const IDENTIFIES_CONNECTION: bool = false;
/// }
///
/// let light = Attributes::new().with::<Weight>(1);
/// let heavy = light.with::<Weight>(9);
/// assert_eq!(heavy.get::<Weight>(), Some(&9));
/// assert_ne!(light, heavy);
/// assert!(light.same_connection(&heavy));
/// ```
///
/// Equality is that of the keys and, key by key, of the values. There is no `Eq` and no `Hash`: a
/// value is asked for equality alone.
#[derive(Clone, Default)]
pub struct Attributes {
    /// Sorted by key; `None` for the empty set, which allocates nothing. A `Vec`, as a thin pointer
    /// keeps the many empty sets small.
    entries: Option<Arc<Vec<Entry>>>,
}

#[derive(Clone)]
struct Entry {
    key: TypeId,
    name: &'static str,
    identifies_connection: bool,
    value: Arc<dyn Value>,
}

trait Value: Any + fmt::Debug + Send + Sync {
    fn equals(&self, other: &dyn Any) -> bool;
}

impl<V: PartialEq + fmt::Debug + Send + Sync + 'static> Value for V {
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<V>().is_some_and(|other| self == other)
    }
}

impl Attributes {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: None }
    }

    /// This set with `value` under the key `K`, in place of what was there.
    #[must_use]
    pub fn with<K: AttributeKey>(&self, value: K::Value) -> Self {
        let key = TypeId::of::<K>();
        let mut entries: Vec<Entry> = self
            .entries()
            .iter()
            .filter(|entry| entry.key != key)
            .cloned()
            .collect();
        let at = entries.partition_point(|entry| entry.key < key);
        let entry = Entry {
            key,
            name: K::NAME,
            identifies_connection: K::IDENTIFIES_CONNECTION,
            value: Arc::new(value),
        };
        entries.insert(at, entry);
        Self {
            entries: Some(Arc::new(entries)),
        }
    }

    /// This set without what is under the key `K`.
    #[must_use]
    pub fn without<K: AttributeKey>(&self) -> Self {
        let key = TypeId::of::<K>();
        if self.get::<K>().is_none() {
            return self.clone();
        }
        let kept = self.entries().iter().filter(|entry| entry.key != key);
        let entries: Vec<Entry> = kept.cloned().collect();
        Self {
            entries: (!entries.is_empty()).then(|| Arc::new(entries)),
        }
    }

    /// The value under the key `K`.
    #[must_use]
    pub fn get<K: AttributeKey>(&self) -> Option<&K::Value> {
        let key = TypeId::of::<K>();
        let at = self
            .entries()
            .binary_search_by_key(&key, |entry| entry.key)
            .ok()?;
        let value: &dyn Any = &*self.entries()[at].value;
        value.downcast_ref()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there is nothing in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Whether a connection made with this set may be used for `other`: the same values under all
    /// keys that are part of a connection's identity.
    #[must_use]
    pub fn same_connection(&self, other: &Self) -> bool {
        let identity = |entry: &&Entry| entry.identifies_connection;
        self.entries()
            .iter()
            .filter(identity)
            .eq(other.entries().iter().filter(identity))
    }

    /// Adds the keys that are part of a connection's identity, in their order, to a hash.
    pub(crate) fn hash_connection_keys(&self, hasher: &mut impl Hasher) {
        for entry in self.entries() {
            if entry.identifies_connection {
                entry.key.hash(hasher);
            }
        }
    }

    /// The names of the keys and the values, printed, sorted by name.
    #[must_use]
    pub fn to_strings(&self) -> Vec<(&'static str, String)> {
        let mut pairs: Vec<_> = self
            .entries()
            .iter()
            .map(|entry| (entry.name, format!("{:?}", entry.value)))
            .collect();
        pairs.sort();
        pairs
    }

    fn entries(&self) -> &[Entry] {
        self.entries.as_ref().map_or(&[], |entries| entries)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value.equals(&*other.value as &dyn Any)
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.entries()
                    .iter()
                    .map(|entry| (entry.name, &entry.value)),
            )
            .finish()
    }
}
