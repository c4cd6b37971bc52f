//! One waker for all who wait for the same lookup.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The wakers of all who wait, each under a number.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    list: Mutex<BTreeMap<u64, Waker>>,
}

impl Wakers {
    fn list(&self) -> MutexGuard<'_, BTreeMap<u64, Waker>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the waker of one who waits, and returns the waker to poll with: theirs where nobody
    /// else waits, else one for all.
    pub(super) fn join(self: &Arc<Self>, waiter: u64, waker: &Waker) -> Waker {
        let mut list = self.list();
        match list.get_mut(&waiter) {
            Some(old) => old.clone_from(waker),
            None => drop(list.insert(waiter, waker.clone())),
        }
        match list.len() {
            1 => waker.clone(),
            _ => Arc::clone(self).into(),
        }
    }

    pub(super) fn leave(&self, waiter: u64) {
        self.list().remove(&waiter);
    }

    /// Wakes all but one.
    pub(super) fn wake_others(&self, waiter: u64) {
        let list = self.list();
        for (_, waker) in list.iter().filter(|&(&other, _)| other != waiter) {
            waker.wake_by_ref();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for waker in self.list().values() {
            waker.wake_by_ref();
        }
    }
}
