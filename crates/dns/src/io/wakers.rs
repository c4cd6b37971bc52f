//! One waker for everything that waits for the same lookup.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Wake, Waker};

use trunkline_runtime::Lock;

/// The wakers of all waiters, each under its number.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    list: Lock<BTreeMap<u64, Waker>>,
}

impl Wakers {
    /// Stores the waker of a waiter, and returns the waker to poll with: the waiter's own where it
    /// is the only one, else one that wakes all.
    pub(super) fn join(self: &Arc<Self>, waiter: u64, waker: &Waker) -> Waker {
        let mut list = self.list.lock();
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
        self.list.lock().remove(&waiter);
    }

    /// Wakes all waiters but one.
    pub(super) fn wake_others(&self, waiter: u64) {
        let list = self.list.lock();
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
        for waker in self.list.lock().values() {
            waker.wake_by_ref();
        }
    }
}
