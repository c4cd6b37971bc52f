//! Where in a list the element with a hash is.

/// A table of positions by hash: open addressing, linear probing, half full at most.
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

    /// Makes room for so many elements in all.
    pub(crate) fn reserve(&mut self, elements: usize) {
        let wanted = elements.saturating_mul(2).next_power_of_two().max(8);
        if elements == 0 || wanted <= self.slots.len() {
            return;
        }
        let old = std::mem::replace(&mut self.slots, vec![0; wanted]);
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            self.place(slot);
        }
    }

    /// The position of the element with this hash for which `is_it` holds.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Option<usize> {
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
                return Some(position(slot));
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds an element that is not in the table.
    pub(crate) fn insert(&mut self, hash: u64, position: usize) {
        if (self.count + 1) * 2 > self.slots.len() {
            self.reserve(self.count + 1);
        }
        self.count += 1;
        self.place(slot(hash, position));
    }

    /// Takes an element out.
    pub(crate) fn remove(&mut self, hash: u64, position: usize) {
        let Some(mut free) = self.slot_of(hash, position) else {
            return;
        };
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

    fn slot_of(&self, hash: u64, position: usize) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let wanted = slot(hash, position);
        let mut at = home(wanted, mask);
        while self.slots[at] != wanted {
            if self.slots[at] == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
        Some(at)
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
