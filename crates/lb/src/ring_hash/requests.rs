//! The endpoints that picks want connected.

use std::sync::atomic::{AtomicU32, Ordering};

/// The slots of idle endpoints that picks have requested, from many threads, until the policy takes
/// them.
///
/// It is a linked list in an array: the link of a slot is the slot that was requested before it. So
/// a request takes no lock and allocates nothing, and taking all of them costs nothing for the slots
/// that were not requested.
#[derive(Debug)]
pub(super) struct Requests {
    /// The slot that was requested last, or [`END`].
    newest: AtomicU32,
    /// By slot: the slot that was requested before it or [`END`], or else [`NOT_REQUESTED`].
    links: Box<[AtomicU32]>,
}

/// No further slot.
const END: u32 = u32::MAX;

/// The link of a slot that is not in the list.
const NOT_REQUESTED: u32 = u32::MAX - 1;

impl Requests {
    /// Creates an empty list for the slots below `slots`.
    pub(super) fn new(slots: usize) -> Self {
        let links = (0..slots).map(|_| AtomicU32::new(NOT_REQUESTED));
        Self {
            newest: AtomicU32::new(END),
            links: links.collect(),
        }
    }

    /// Requests a slot; does nothing if it is requested already.
    pub(super) fn add(&self, slot: usize) {
        let (Some(link), Ok(slot)) = (self.links.get(slot), u32::try_from(slot)) else {
            return;
        };
        // The thread that changes this link is the only one that adds the slot.
        let is_added =
            link.compare_exchange(NOT_REQUESTED, END, Ordering::Relaxed, Ordering::Relaxed);
        if is_added.is_err() {
            return;
        }
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            link.store(newest, Ordering::Relaxed);
            // `Release`: whoever takes the slot sees its link.
            match self.newest.compare_exchange_weak(
                newest,
                slot,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(other) => newest = other,
            }
        }
    }

    /// Removes and returns all slots, the newest first.
    pub(super) fn take(&self) -> Vec<usize> {
        let mut slots = Vec::new();
        let mut next = self.newest.swap(END, Ordering::Acquire);
        while next != END {
            let slot = next as usize;
            slots.push(slot);
            next = self.links[slot].swap(NOT_REQUESTED, Ordering::Relaxed);
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::thread;

    use super::Requests;

    /// A slot is returned once, however often it was requested, and can be requested again then.
    #[test]
    fn once_each() {
        let requests = Requests::new(4);
        for slot in [2, 0, 2, 2, 9] {
            requests.add(slot);
        }
        assert_eq!(requests.take(), [0, 2]);
        assert_eq!(requests.take(), [0; 0]);
        requests.add(2);
        assert_eq!(requests.take(), [2]);
    }

    /// No request is lost or doubled when threads add and take at the same time.
    #[test]
    fn many_threads() {
        const SLOTS: usize = 64;
        let requests = Requests::new(SLOTS);
        for _ in 0..200 {
            let barrier = Barrier::new(3);
            let add = || {
                barrier.wait();
                for slot in 0..SLOTS {
                    requests.add(slot);
                }
            };
            let taken = thread::scope(|scope| {
                let adders = [scope.spawn(add), scope.spawn(add)];
                barrier.wait();
                let mut taken = requests.take();
                for adder in adders {
                    adder.join().expect("no panic");
                }
                taken.extend(requests.take());
                taken
            });
            let distinct: BTreeSet<usize> = taken.iter().copied().collect();
            assert_eq!(distinct.len(), SLOTS);
            // A slot that was taken early may have been requested by the second thread after that.
            assert!(taken.len() <= 2 * SLOTS);
            assert_eq!(requests.take(), [0; 0]);
        }
    }
}
