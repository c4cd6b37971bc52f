//! The timers of the reactor.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Waker;
use std::time::Instant;

use crate::Lock;

/// The key of a pending timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerKey {
    deadline: Instant,
    /// Tells timers with equal deadlines apart.
    number: u64,
}

/// The pending timers in the order of their deadlines.
#[derive(Debug, Default)]
pub(super) struct Timers {
    pending: Lock<Pending>,
    /// The number of pending timers, written under their lock. Where there are none, as in most waits, no
    /// lock is taken.
    len: AtomicUsize,
}

#[derive(Debug, Default)]
struct Pending {
    wakers: BTreeMap<TimerKey, Waker>,
    /// The number of the next timer.
    next: u64,
}

impl Timers {
    /// Adds a timer. Also returns whether it is the first to fire.
    pub(super) fn insert(&self, deadline: Instant, waker: Waker) -> (TimerKey, bool) {
        let mut pending = self.pending.lock();
        let number = pending.next;
        pending.next += 1;
        let key = TimerKey { deadline, number };
        pending.wakers.insert(key, waker);
        self.len.store(pending.wakers.len(), SeqCst);
        let first = pending.wakers.first_key_value();
        (key, first.is_some_and(|(first, _)| *first == key))
    }

    /// Has a pending timer wake `waker`. Returns false if it has fired.
    pub(super) fn set_waker(&self, key: TimerKey, waker: &Waker) -> bool {
        let mut pending = self.pending.lock();
        let Some(own) = pending.wakers.get_mut(&key) else {
            return false;
        };
        if !own.will_wake(waker) {
            let old = std::mem::replace(own, waker.clone());
            drop(pending);
            // A waker is an executor's code, which is not run under the lock.
            drop(old);
        }
        true
    }

    /// Removes a timer, if it has not fired.
    pub(super) fn remove(&self, key: TimerKey) {
        let mut pending = self.pending.lock();
        let waker = pending.wakers.remove(&key);
        self.len.store(pending.wakers.len(), SeqCst);
        drop(pending);
        drop(waker);
    }

    /// Returns the deadline of the first timer to fire.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.len.load(SeqCst) == 0 {
            return None;
        }
        let pending = self.pending.lock();
        let first = pending.wakers.first_key_value();
        first.map(|(key, _)| key.deadline)
    }

    /// Removes the timers that are due, and adds their tasks to `wakers`. Reads the clock only where
    /// there are timers.
    pub(super) fn take_due(&self, now: fn() -> Instant, wakers: &mut Vec<Waker>) {
        if self.len.load(SeqCst) == 0 {
            return;
        }
        let mut pending = self.pending.lock();
        let now = now();
        while let Some(first) = pending.wakers.first_entry()
            && first.key().deadline <= now
        {
            wakers.push(first.remove());
        }
        self.len.store(pending.wakers.len(), SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reactor::now;

    /// Timers fire in the order of their deadlines; one that is removed does not fire.
    #[test]
    fn fires_what_is_due() {
        let (timers, start) = (Timers::default(), now());
        let late = start + Duration::from_secs(3600);
        let insert = |deadline| timers.insert(deadline, Waker::noop().clone());
        let (far, is_first) = insert(late);
        assert!(is_first);
        let (due, is_first) = insert(start);
        assert!(is_first);
        let (also_due, is_first) = insert(start);
        assert!(!is_first);
        assert_eq!(timers.next(), Some(start));
        timers.remove(also_due);
        let mut wakers = Vec::new();
        timers.take_due(now, &mut wakers);
        assert_eq!((wakers.len(), timers.next()), (1, Some(late)));
        assert!(!timers.set_waker(due, Waker::noop()));
        assert!(timers.set_waker(far, Waker::noop()));
        timers.remove(far);
        assert_eq!(timers.next(), None);
    }
}
