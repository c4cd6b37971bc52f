//! Iterators over a map.

use std::fmt;
use std::iter::FusedIterator;
use std::{slice, vec};

use super::identity_map::{IdentityMap, Slot};

macro_rules! iterator {
    ($(#[$doc:meta])* $name:ident<$($life:lifetime,)? K, V>($inner:ty) -> $item:ty, $map:expr) => {
        $(#[$doc])*
        pub struct $name<$($life,)? K, V> {
            slots: $inner,
            /// The number of slots left that are not empty.
            left: usize,
        }

        impl<$($life,)? K, V> Iterator for $name<$($life,)? K, V> {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                loop {
                    if let Some(slot) = self.slots.next()? {
                        self.left -= 1;
                        return Some($map(slot));
                    }
                }
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.left, Some(self.left))
            }
        }

        impl<$($life,)? K, V> DoubleEndedIterator for $name<$($life,)? K, V> {
            fn next_back(&mut self) -> Option<$item> {
                loop {
                    if let Some(slot) = self.slots.next_back()? {
                        self.left -= 1;
                        return Some($map(slot));
                    }
                }
            }
        }

        impl<$($life,)? K, V> ExactSizeIterator for $name<$($life,)? K, V> {}

        impl<$($life,)? K, V> FusedIterator for $name<$($life,)? K, V> {}

        impl<$($life,)? K, V> fmt::Debug for $name<$($life,)? K, V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} left)"), self.left)
            }
        }
    };
}

iterator! {
    /// Iterator over keys and values.
    Iter<'a, K, V>(slice::Iter<'a, Option<Slot<K, V>>>) -> (&'a K, &'a V),
    |slot: &'a Slot<K, V>| (&slot.key, &slot.value)
}
iterator! {
    /// Iterator over keys and mutable values.
    IterMut<'a, K, V>(slice::IterMut<'a, Option<Slot<K, V>>>) -> (&'a K, &'a mut V),
    |slot: &'a mut Slot<K, V>| (&slot.key, &mut slot.value)
}
iterator! {
    /// Iterator over keys and values, by value.
    IntoIter<K, V>(vec::IntoIter<Option<Slot<K, V>>>) -> (K, V),
    |slot: Slot<K, V>| (slot.key, slot.value)
}
iterator! {
    /// Iterator over keys.
    Keys<'a, K, V>(slice::Iter<'a, Option<Slot<K, V>>>) -> &'a K,
    |slot: &'a Slot<K, V>| &slot.key
}
iterator! {
    /// Iterator over values.
    Values<'a, K, V>(slice::Iter<'a, Option<Slot<K, V>>>) -> &'a V,
    |slot: &'a Slot<K, V>| &slot.value
}
iterator! {
    /// Iterator over mutable values.
    ValuesMut<'a, K, V>(slice::IterMut<'a, Option<Slot<K, V>>>) -> &'a mut V,
    |slot: &'a mut Slot<K, V>| &mut slot.value
}

impl<K, V> IdentityMap<K, V> {
    /// Returns the keys and values, in the order of insertion.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            left: self.len,
            slots: self.slots.iter(),
        }
    }

    /// Returns the keys and values, in the order of insertion, to change the values.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut {
            left: self.len,
            slots: self.slots.iter_mut(),
        }
    }

    /// Returns the keys, in the order of insertion.
    #[must_use]
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys {
            left: self.len,
            slots: self.slots.iter(),
        }
    }

    /// Returns the values, in the order of insertion.
    #[must_use]
    pub fn values(&self) -> Values<'_, K, V> {
        Values {
            left: self.len,
            slots: self.slots.iter(),
        }
    }

    /// Returns the values, in the order of insertion, to change them.
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V> {
        ValuesMut {
            left: self.len,
            slots: self.slots.iter_mut(),
        }
    }
}

impl<K, V> IntoIterator for IdentityMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter {
            left: self.len,
            slots: self.slots.into_iter(),
        }
    }
}

impl<'a, K, V> IntoIterator for &'a IdentityMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut IdentityMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}
