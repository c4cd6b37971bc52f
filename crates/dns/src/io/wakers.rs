//! One waker for all who wait for the same lookup.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The wakers of all who wait, each under a number.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    list: Mutex<Vec<(u64, Waker)>>,
}

impl Wakers {
    fn list(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Waker)>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the waker of one who waits, and returns the waker to poll with: theirs where nobody
    /// else waits, else one for all.
    pub(super) fn join(self: &Arc<Self>, waiter: u64, waker: &Waker) -> Waker {
        let mut list = self.list();
        match list.iter_mut().find(|(other, _)| *other == waiter) {
            Some((_, old)) => old.clone_from(waker),
            None => list.push((waiter, waker.clone())),
        }
        match list.len() {
            1 => waker.clone(),
            _ => Arc::clone(self).into(),
        }
    }

    pub(super) fn leave(&self, waiter: u64) {
        self.list().retain(|(other, _)| *other != waiter);
    }

    /// Wakes all but one.
    pub(super) fn wake_others(&self, waiter: u64) {
        let list = self.list();
        for (_, waker) in list.iter().filter(|(other, _)| *other != waiter) {
            waker.wake_by_ref();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for (_, waker) in self.list().iter() {
            waker.wake_by_ref();
        }
    }
}
