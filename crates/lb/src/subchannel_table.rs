//! Values by subchannel, in a table whose copies are cheap.

use std::fmt;
use std::sync::Arc;

use crate::subchannel::SubchannelId;

/// The number of subchannels in one chunk: near the square root of 10,000, so that a change and a copy
/// of a table of that size cost about the same.
const CHUNK: usize = 128;

/// A value for each of some subchannels, found in constant time.
///
/// A clone shares all chunks of 128 subchannels with its original, and a change copies one chunk that is
/// shared. So a policy can change its table for each connection, and give a clone to each picker.
///
/// Values are kept by [`SubchannelId::index`], of which each has one value: that of a new subchannel
/// takes the place of that of a removed one. The value of another generation is never returned.
///
/// ```
/// use trunkline_lb::{SubchannelId, SubchannelTable};
///
/// let id = |text: &str| text.parse::<SubchannelId>().expect("an id");
/// let mut table = SubchannelTable::new();
/// table.insert(id("#3.0"), "a");
/// let before = table.clone();
/// table.insert(id("#3.1"), "b");
/// assert_eq!(table.get(id("#3.1")), Some(&"b"));
/// assert_eq!(table.get(id("#3.0")), None);
/// assert_eq!(before.get(id("#3.0")), Some(&"a"));
/// ```
pub struct SubchannelTable<T> {
    chunks: Vec<Arc<Chunk<T>>>,
}

type Chunk<T> = [Option<(SubchannelId, T)>; CHUNK];

impl<T> SubchannelTable<T> {
    /// Creates an empty table, without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Returns the value of a subchannel.
    #[must_use]
    pub fn get(&self, id: SubchannelId) -> Option<&T> {
        let chunk = self.chunks.get(id.index() / CHUNK)?;
        let (own, value) = chunk[id.index() % CHUNK].as_ref()?;
        (*own == id).then_some(value)
    }

    /// Iterates over the subchannels and their values, sorted by index.
    pub fn iter(&self) -> impl Iterator<Item = (SubchannelId, &T)> {
        let entries = self.chunks.iter().flat_map(|chunk| chunk.iter().flatten());
        entries.map(|(id, value)| (*id, value))
    }
}

impl<T: Clone> SubchannelTable<T> {
    /// Sets the value of a subchannel, in place of the one at its index.
    pub fn insert(&mut self, id: SubchannelId, value: T) {
        while self.chunks.len() <= id.index() / CHUNK {
            self.chunks.push(Arc::new([const { None }; CHUNK]));
        }
        *self.entry(id) = Some((id, value));
    }

    /// Returns the value of a subchannel, to be changed.
    pub fn get_mut(&mut self, id: SubchannelId) -> Option<&mut T> {
        self.get(id)?;
        let (_, value) = self.entry(id).as_mut()?;
        Some(value)
    }

    /// Removes the value of a subchannel, and returns it. Memory at the end of the table is freed with the
    /// last value there.
    pub fn remove(&mut self, id: SubchannelId) -> Option<T> {
        self.get(id)?;
        let removed = self.entry(id).take();
        let is_empty = |chunk: &Arc<Chunk<T>>| chunk.iter().all(Option::is_none);
        while self.chunks.last().is_some_and(is_empty) {
            self.chunks.pop();
        }
        removed.map(|(_, value)| value)
    }

    /// Returns the entry at the index of a subchannel, to be changed. The table has its chunk.
    fn entry(&mut self, id: SubchannelId) -> &mut Option<(SubchannelId, T)> {
        &mut Arc::make_mut(&mut self.chunks[id.index() / CHUNK])[id.index() % CHUNK]
    }
}

impl<T> Clone for SubchannelTable<T> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
        }
    }
}

impl<T> Default for SubchannelTable<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for SubchannelTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u32) -> SubchannelId {
        SubchannelId {
            index,
            generation: 0,
        }
    }

    /// A clone keeps the values of its time, and only a chunk that changed is copied.
    #[test]
    fn clones_share_what_does_not_change() {
        let mut table: SubchannelTable<u32> = SubchannelTable::new();
        for index in 0..400 {
            table.insert(id(index), index);
        }
        let clone = table.clone();
        assert_eq!(table.remove(id(200)), Some(200));
        assert_eq!(table.remove(id(200)), None);
        assert_eq!(table.get_mut(id(200)), None);
        assert_eq!((clone.get(id(200)), table.get(id(200))), (Some(&200), None));
        let chunks = table.chunks.iter().zip(&clone.chunks);
        let shared: Vec<bool> = chunks.map(|(one, other)| Arc::ptr_eq(one, other)).collect();
        assert_eq!(shared, [true, false, true, true]);
        assert_eq!((table.iter().count(), clone.iter().count()), (399, 400));
    }

    /// A subchannel with the index of one that was removed has a value of its own, and a late removal of the
    /// earlier one changes nothing.
    #[test]
    fn a_generation_has_its_own_value() {
        let mut table = SubchannelTable::new();
        table.insert(id(3), "a");
        let later = SubchannelId {
            index: 3,
            generation: 1,
        };
        table.insert(later, "b");
        assert_eq!(table.remove(id(3)), None);
        assert_eq!((table.get(id(3)), table.get(later)), (None, Some(&"b")));
        *table.get_mut(later).expect("a value") = "c";
        assert_eq!(table.iter().collect::<Vec<_>>(), [(later, &"c")]);
    }

    /// The memory of a table follows its last value.
    #[test]
    fn the_end_is_freed() {
        let mut table = SubchannelTable::new();
        for index in [0, 1000, 2000] {
            table.insert(id(index), ());
        }
        table.remove(id(1000));
        assert_eq!(table.chunks.len(), 2000 / CHUNK + 1);
        table.remove(id(2000));
        assert_eq!(table.chunks.len(), 1);
        table.remove(id(0));
        assert!(table.chunks.is_empty());
    }
}
