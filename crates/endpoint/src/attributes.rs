//! Typed, immutable attributes.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A key of [`Attributes`]. Each key is a type of its own, so that the keys of two crates cannot
/// clash.
///
/// # Examples
///
/// ```
/// use trunkline_endpoint::{AttributeKey, Attributes};
///
/// /// The certificate name that a backend must have: another one needs another connection.
/// #[derive(Debug)]
/// struct CertificateName;
///
/// impl AttributeKey for CertificateName {
///     type Value = String;
///     const NAME: &'static str = "certificate name";
///     const IDENTIFIES_CONNECTION: bool = true;
/// }
///
/// let named = |name: &str| Attributes::new().with::<CertificateName>(name.to_owned());
/// assert!(!named("a").same_connection(&named("b")));
/// ```
pub trait AttributeKey: 'static {
    /// The type of the value under this key. Values are compared by their own equality.
    type Value: PartialEq + fmt::Debug + Send + Sync + 'static;

    /// The name of the key where it is printed.
    const NAME: &'static str;

    /// True when the value is part of a connection's identity: a connection that was made with one
    /// value must not be used for another, so a new value causes a new connection. It is false for
    /// a weight, for example.
    const IDENTIFIES_CONNECTION: bool;
}

/// Properties of an address or endpoint beyond its location, by key.
///
/// A set is immutable and cheap to clone. Adding a value returns a new set.
///
/// ```
/// use trunkline_endpoint::{AttributeKey, Attributes};
///
/// struct Zone;
///
/// impl AttributeKey for Zone {
///     type Value = &'static str;
///     const NAME: &'static str = "zone";
///     const IDENTIFIES_CONNECTION: bool = false;
/// }
///
/// let near = Attributes::new().with::<Zone>("a");
/// let far = near.with::<Zone>("b");
/// assert_eq!(far.get::<Zone>(), Some(&"b"));
/// assert_ne!(near, far);
/// assert!(near.same_connection(&far));
/// ```
///
/// Two sets are equal when they have the same keys with equal values. There is no `Eq` and no
/// `Hash`, because a value must implement `PartialEq` only.
#[derive(Clone, Default)]
pub struct Attributes {
    /// Sorted by key; `None` for the empty set, which allocates nothing. The `Arc` holds a `Vec`
    /// and not a slice, because a thin pointer keeps the many empty sets small.
    entries: Option<Arc<Vec<Attribute>>>,
}

/// A value, with the properties of its key.
#[derive(Clone)]
struct Attribute {
    key: TypeId,
    name: &'static str,
    identifies_connection: bool,
    value: Arc<dyn AnyValue>,
}

/// A value of any type, which can be compared with others.
trait AnyValue: Any + fmt::Debug + Send + Sync {
    /// True when `other` is of the same type, and equal.
    fn equals(&self, other: &dyn Any) -> bool;
}

impl<V: PartialEq + fmt::Debug + Send + Sync + 'static> AnyValue for V {
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<V>().is_some_and(|other| self == other)
    }
}

impl Attributes {
    /// Returns the empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: None }
    }

    /// Returns this set with `value` under the key `K`, in place of an earlier value.
    #[must_use]
    pub fn with<K: AttributeKey>(&self, value: K::Value) -> Self {
        let key = TypeId::of::<K>();
        let mut entries: Vec<Attribute> = self
            .entries()
            .iter()
            .filter(|entry| entry.key != key)
            .cloned()
            .collect();
        let at = entries.partition_point(|entry| entry.key < key);
        let entry = Attribute {
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

    /// Returns this set without the key `K`.
    #[must_use]
    pub fn without<K: AttributeKey>(&self) -> Self {
        let key = TypeId::of::<K>();
        if self.get::<K>().is_none() {
            return self.clone();
        }
        let kept = self.entries().iter().filter(|entry| entry.key != key);
        let entries: Vec<Attribute> = kept.cloned().collect();
        Self {
            entries: (!entries.is_empty()).then(|| Arc::new(entries)),
        }
    }

    /// Returns the value under the key `K`.
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

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// True when the set has no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// True when a connection that was made with this set may be used for `other`: both have the
    /// same values under all keys that are part of a connection's identity.
    #[must_use]
    pub fn same_connection(&self, other: &Self) -> bool {
        let identity = |entry: &&Attribute| entry.identifies_connection;
        self.entries()
            .iter()
            .filter(identity)
            .eq(other.entries().iter().filter(identity))
    }

    /// Adds the keys that are part of a connection's identity to a hash, in their order.
    pub(crate) fn hash_connection_keys(&self, hasher: &mut impl Hasher) {
        for entry in self.entries() {
            if entry.identifies_connection {
                entry.key.hash(hasher);
            }
        }
    }

    /// Returns the name of each key with its value, formatted by `Debug`, sorted by name.
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

    fn entries(&self) -> &[Attribute] {
        self.entries.as_ref().map_or(&[], |entries| entries)
    }
}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value.equals(&*other.value as &dyn Any)
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        match (&self.entries, &other.entries) {
            // Sets are shared among endpoints and with later lists, so most equal ones are the same.
            (Some(entries), Some(others)) if Arc::ptr_eq(entries, others) => true,
            _ => self.entries() == other.entries(),
        }
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
