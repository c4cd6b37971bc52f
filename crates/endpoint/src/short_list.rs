//! Lists that are short most of the time.

use std::fmt;
use std::ops::Deref;
use std::slice;

/// A list that most of the time has one item, which then is part of the list itself: only more than one
/// take an allocation.
///
/// Inspections have such lists for each endpoint: of its addresses, and of its subchannels.
///
/// ```
/// use trunkline_endpoint::ShortList;
///
/// let one: ShortList<u32> = [7].into_iter().collect();
/// assert_eq!(one, [7]);
/// let two = ShortList::from(vec![7, 8]);
/// assert_eq!(two.iter().sum::<u32>(), 15);
/// assert!(ShortList::<u32>::new().is_empty());
/// ```
#[derive(Clone)]
pub struct ShortList<T>(Items<T>);

#[derive(Clone)]
enum Items<T> {
    None,
    One(T),
    Many(Vec<T>),
}

impl<T> ShortList<T> {
    /// Creates an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Items::None)
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        self.0 = match std::mem::replace(&mut self.0, Items::None) {
            Items::None => Items::One(item),
            Items::One(first) => Items::Many(vec![first, item]),
            Items::Many(mut items) => {
                items.push(item);
                Items::Many(items)
            }
        };
    }

    /// Returns the items.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match &self.0 {
            Items::None => &[],
            Items::One(item) => slice::from_ref(item),
            Items::Many(items) => items,
        }
    }

    /// Returns the items, to change them.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.0 {
            Items::None => &mut [],
            Items::One(item) => slice::from_mut(item),
            Items::Many(items) => items,
        }
    }

    /// Removes the items for which `keep` returns false.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        match &mut self.0 {
            Items::None => {}
            Items::One(item) => {
                if !keep(item) {
                    self.0 = Items::None;
                }
            }
            Items::Many(items) => items.retain(keep),
        }
    }
}

impl<T> Default for ShortList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for ShortList<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T> Extend<T> for ShortList<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.push(item);
        }
    }
}

impl<T> FromIterator<T> for ShortList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::new();
        list.extend(items);
        list
    }
}

impl<T> From<Vec<T>> for ShortList<T> {
    fn from(items: Vec<T>) -> Self {
        Self(Items::Many(items))
    }
}

impl<T> From<ShortList<T>> for Vec<T> {
    fn from(list: ShortList<T>) -> Self {
        match list.0 {
            Items::None => Self::new(),
            Items::One(item) => vec![item],
            Items::Many(items) => items,
        }
    }
}

impl<'a, T> IntoIterator for &'a ShortList<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Lists are equal when their items are.
impl<T: PartialEq> PartialEq for ShortList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq> Eq for ShortList<T> {}

impl<T: PartialEq, const N: usize> PartialEq<[T; N]> for ShortList<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        self.as_slice() == other
    }
}

impl<T: fmt::Debug> fmt::Debug for ShortList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list has what was put into it, in that order, however many items that are.
    #[test]
    fn keeps_the_order() {
        for count in 0..5 {
            let list: ShortList<u32> = (0..count).collect();
            let expected: Vec<u32> = (0..count).collect();
            assert_eq!(*list, *expected);
            assert_eq!(list, ShortList::from(expected.clone()));
            assert_eq!(format!("{list:?}"), format!("{expected:?}"));
            assert_eq!(Vec::from(list), expected);
        }
    }

    /// Items are changed and removed in place.
    #[test]
    fn changes_and_removes_items() {
        for count in 0..5 {
            let mut list: ShortList<u32> = (0..count).collect();
            list.as_mut_slice().iter_mut().for_each(|item| *item *= 10);
            list.retain(|item| *item != 10);
            let expected: Vec<u32> = (0..count).filter(|n| *n != 1).map(|n| n * 10).collect();
            assert_eq!(*list, *expected);
        }
    }
}
