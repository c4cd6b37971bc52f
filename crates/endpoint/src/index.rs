//! Where in a list the element with a hash is.

/// A table of positions by hash: open addressing, linear probing, three quarters full at most.
///
/// The elements are the caller's; so are the hashes, which must have 32 good low bits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// A power of two of them, or none: the low half of a hash above, a position plus one below;
    /// 0 is free.
    slots: Vec<u64>,
    count: usize,
}

impl Index {
    pub(crate) fn with_capacity(elements: usize) -> Self {
        let mut index = Self::default();
        index.reserve(elements);
        index
    }

    /// How many elements there is room for: so many are found within a few steps.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len() / 4 * 3
    }

    /// Makes room for so many elements in all.
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

    /// The element with this hash for which `is_it` holds.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Option<Found> {
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
                return Some(Found { at, position });
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

    /// Takes out an element that was found since the last change.
    pub(crate) fn remove(&mut self, found: Found) {
        let mut free = found.at;
        self.count -= 1;
        // Close the gap, so that every probe still meets what it looks for.
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

    fn place(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = home(slot, mask);
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

/// Where an element is.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    /// In the table.
    at: usize,
    /// In the list.
    pub(crate) position: usize,
}

const LOW: u64 = 0xFFFF_FFFF;

const fn slot(hash: u64, position: usize) -> u64 {
    hash << 32 | (position as u64 + 1)
}

const fn position(slot: u64) -> usize {
    ((slot & LOW) - 1) as usize
}

const fn home(slot: u64, mask: usize) -> usize {
    (slot >> 32) as usize & mask
}
