//! The deadlines of calls that wait.

use std::time::Instant;

/// Deadlines of calls that wait, with what each call is woken by. The earliest one is found at once.
///
/// * [`add`](Self::add), [`update`](Self::update) and [`remove`](Self::remove) are for the calls. A call
///   removes its deadline exactly once, also after that has passed.
/// * Wait until [`next`](Self::next), then take the calls whose deadlines have passed by
///   [`take_passed`](Self::take_passed), until that returns `None`.
///
/// It is a binary heap whose elements know their places, so a call leaves at once and nothing is left
/// of it. A call whose deadline is not earlier than that of its parent in the heap, as with one
/// timeout for all calls, is added without a move. The memory of calls that have left is used again: it
/// is that of the most calls that ever waited at a time.
#[derive(Debug)]
pub(crate) struct Deadlines<W> {
    /// The calls, by their keys, and free memory.
    slots: Vec<Slot<W>>,
    /// The keys of free slots.
    free: Vec<DeadlineKey>,
    /// The deadlines that have not passed. None is earlier than the one at half of its index.
    heap: Vec<Pending>,
}

/// Identifies a deadline from its addition until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeadlineKey(usize);

/// What a deadline wakes.
#[derive(Debug)]
struct Slot<W> {
    /// `None` once the deadline has passed, and in a free slot.
    waits: Option<Waits<W>>,
}

#[derive(Debug)]
struct Waits<W> {
    /// The index in the heap.
    place: usize,
    wake: W,
}

/// A deadline that has not passed.
#[derive(Clone, Copy, Debug)]
struct Pending {
    at: Instant,
    key: DeadlineKey,
}

impl<W> Default for Deadlines<W> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            heap: Vec::new(),
        }
    }
}

impl<W> Deadlines<W> {
    /// Returns the earliest deadline; `None` if no call waits.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|first| first.at)
    }

    /// Adds a deadline, at which `wake` is taken.
    pub(crate) fn add(&mut self, at: Instant, wake: W) -> DeadlineKey {
        let key = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { waits: None });
            DeadlineKey(self.slots.len() - 1)
        });
        let place = self.heap.len();
        self.heap.push(Pending { at, key });
        self.slots[key.0].waits = Some(Waits { place, wake });
        self.rise(place);
        key
    }

    /// Returns what the deadline wakes, to replace it; `None` once the deadline has passed.
    pub(crate) fn update(&mut self, key: DeadlineKey) -> Option<&mut W> {
        let waits = self.slots.get_mut(key.0)?.waits.as_mut();
        waits.map(|waits| &mut waits.wake)
    }

    /// Removes a deadline. Returns what it would have woken, unless it has passed.
    pub(crate) fn remove(&mut self, key: DeadlineKey) -> Option<W> {
        let wake = self.take(key);
        self.free.push(key);
        wake
    }

    /// Takes what the earliest deadline wakes, if that has passed.
    pub(crate) fn take_passed(&mut self, now: Instant) -> Option<W> {
        let first = self.heap.first().filter(|first| first.at <= now)?;
        self.take(first.key)
    }

    /// Takes a deadline out of the heap, if it is there.
    fn take(&mut self, key: DeadlineKey) -> Option<W> {
        let Waits { place, wake } = self.slots.get_mut(key.0)?.waits.take()?;
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.set_place(place);
            // The one that was last may belong to either side of its new place.
            let place = self.rise(place);
            self.sink(place);
        }
        Some(wake)
    }

    /// Moves a deadline before those that are later. Returns its new place.
    fn rise(&mut self, mut place: usize) -> usize {
        while let Some(parent) = place.checked_sub(1).map(|before| before / 2)
            && self.heap[place].at < self.heap[parent].at
        {
            self.swap(place, parent);
            place = parent;
        }
        place
    }

    /// Moves a deadline behind those that are earlier.
    fn sink(&mut self, mut place: usize) {
        loop {
            let children = [2 * place + 1, 2 * place + 2].into_iter();
            let children = children.filter(|child| *child < self.heap.len());
            let earliest = children.min_by_key(|child| self.heap[*child].at);
            match earliest.filter(|child| self.heap[*child].at < self.heap[place].at) {
                Some(child) => self.swap(place, child),
                None => return,
            }
            place = earliest.unwrap_or(place);
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.set_place(one);
        self.set_place(other);
    }

    /// Records the place of the deadline that is there.
    fn set_place(&mut self, place: usize) {
        let key = self.heap[place].key;
        if let Some(waits) = &mut self.slots[key.0].waits {
            waits.place = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trunkline_backoff::Rng;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
    fn base() -> Instant {
        Instant::now()
    }

    fn taken(deadlines: &mut Deadlines<u64>, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| deadlines.take_passed(now)).collect()
    }

    /// Each deadline is taken once, in the order of time, and none before its time.
    #[test]
    fn deadlines_pass_in_the_order_of_time() {
        let base = base();
        let at = |millis| base + Duration::from_millis(millis);
        let mut deadlines = Deadlines::default();
        for millis in [30, 10, 20, 50, 40] {
            deadlines.add(at(millis), millis);
        }
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(taken(&mut deadlines, at(9)), [0; 0]);
        assert_eq!(taken(&mut deadlines, at(30)), [10, 20, 30]);
        assert_eq!(deadlines.next(), Some(at(40)));
        assert_eq!(taken(&mut deadlines, at(50)), [40, 50]);
        assert_eq!(deadlines.next(), None);
    }

    /// A deadline that was removed is not taken. One that has passed has nothing left to wake.
    #[test]
    fn removed_deadlines_do_not_pass() {
        let base = base();
        let mut deadlines = Deadlines::default();
        let keys = [1, 2, 3].map(|secs| deadlines.add(base + Duration::from_secs(secs), secs));
        assert_eq!(deadlines.remove(keys[1]), Some(2));
        let later = base + Duration::from_secs(9);
        assert_eq!(taken(&mut deadlines, later), [1, 3]);
        assert_eq!(deadlines.update(keys[0]), None);
        assert_eq!(deadlines.remove(keys[0]), None);
    }

    /// However calls come and leave, the earliest deadline is known, and each that is left passes at its
    /// time. No more memory is kept than for the most calls at a time.
    #[test]
    fn any_order_of_additions_and_removals() {
        let base = base();
        for seed in 0..50 {
            let mut rng = Rng::from_seed(seed);
            let mut deadlines = Deadlines::default();
            let mut model: Vec<(Instant, u64, DeadlineKey)> = Vec::new();
            let mut most = 0;
            for id in 0..2000 {
                if rng.below(5) < 3 {
                    let at = base + Duration::from_millis(rng.below(100) as u64);
                    model.push((at, id, deadlines.add(at, id)));
                } else if !model.is_empty() {
                    let index = rng.below(model.len());
                    let (_, id, key) = model.swap_remove(index);
                    assert_eq!(deadlines.update(key).copied(), Some(id));
                    assert_eq!(deadlines.remove(key), Some(id));
                }
                most = most.max(model.len());
                assert_eq!(deadlines.next(), model.iter().map(|(at, ..)| *at).min());
            }
            assert_eq!(deadlines.slots.len(), most);
            for millis in 0..100 {
                let now = base + Duration::from_millis(millis);
                let mut passed = taken(&mut deadlines, now);
                passed.sort_unstable();
                let due = model.iter().filter(|(at, ..)| *at == now);
                let mut due: Vec<u64> = due.map(|(_, id, _)| *id).collect();
                due.sort_unstable();
                assert_eq!(passed, due, "at {millis} ms, seed {seed}");
            }
            assert_eq!(deadlines.next(), None);
        }
    }
}
