//! A table that finds the elements of a list by their hashes.

/// A table of positions in a list, by hash. It uses open addressing with linear probing, and is at
/// most three quarters full.
///
/// The caller keeps the elements and computes the hashes, whose low 32 bits must be well
/// distributed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The slots; their number is 0 or a power of two. A slot has the low half of a hash in its
    /// high half, and a position plus one in its low half; 0 is a free slot.
    slots: Vec<u64>,
    count: usize,
}

impl Index {
    pub(crate) fn with_capacity(elements: usize) -> Self {
        let mut index = Self::default();
        index.reserve(elements);
        index
    }

    /// Returns how many elements there is room for, so that each is found within a few steps.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len() / 4 * 3
    }

    /// Makes room for this many elements in all.
    pub(crate) fn reserve(&mut self, elements: usize) {
        if elements <= self.capacity() {
            return;
        }
        let wanted = elements.saturating_mul(4).div_ceil(3);
        let wanted = wanted.next_power_of_two().max(8);
        let old = std::mem::replace(&mut self.slots, vec![0; wanted]);
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            self.place(slot);
        }
    }

    /// Returns the element with this hash for which `is_it` returns true.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Option<IndexSlot> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = home(hash << 32, mask);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            if slot >> 32 == hash & LOW && is_it(position(slot)) {
                let position = position(slot);
                return Some(IndexSlot { at, position });
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds an element that is not in the table.
    pub(crate) fn insert(&mut self, hash: u64, position: usize) {
        self.count += 1;
        self.reserve(self.count);
        self.place(slot(hash, position));
    }

    /// Removes an element that was found since the last change.
    pub(crate) fn remove(&mut self, found: IndexSlot) {
        let mut free = found.at;
        self.count -= 1;
        // Close the gap, so that every later search still finds its element.
        let mask = self.slots.len() - 1;
        let mut at = free;
        loop {
            at = (at + 1) & mask;
            let slot = self.slots[at];
            if slot == 0 {
                break;
            }
            let way = at.wrapping_sub(home(slot, mask)) & mask;
            if way >= at.wrapping_sub(free) & mask {
                self.slots[free] = slot;
                free = at;
            }
        }
        self.slots[free] = 0;
    }

    pub(crate) fn clear(&mut self) {
        self.slots.fill(0);
        self.count = 0;
    }

    /// Stores a slot in the first free place.
    fn place(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = home(slot, mask);
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

/// The place of an element.
#[derive(Clone, Copy)]
pub(crate) struct IndexSlot {
    /// The index of its slot in the table.
    at: usize,
    /// Its position in the list.
    pub(crate) position: usize,
}

/// The low half of a slot or hash.
const LOW: u64 = 0xFFFF_FFFF;

const fn slot(hash: u64, position: usize) -> u64 {
    hash << 32 | (position as u64 + 1)
}

const fn position(slot: u64) -> usize {
    ((slot & LOW) - 1) as usize
}

/// Returns the slot at which a search for this element starts.
const fn home(slot: u64, mask: usize) -> usize {
    (slot >> 32) as usize & mask
}
