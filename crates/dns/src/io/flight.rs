//! A lookup that one or several callers wait for.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use trunkline_runtime::Lock;

use super::driver::LookupDriver;
use super::wakers::Wakers;
use crate::core::{Lookup, Report};

/// A lookup under way. It has no task: the waiter that is polled drives it, for all waiters.
#[derive(Debug)]
pub(super) struct Flight {
    driver: Lock<LookupDriver>,
    wakers: Arc<Wakers>,
}

impl Flight {
    pub(super) fn new(driver: LookupDriver) -> Self {
        Self {
            driver: Lock::new(driver),
            wakers: Arc::default(),
        }
    }

    /// Drives the lookup for the waiter with this number, then returns what `look` finds in it, or
    /// waits where `look` finds nothing.
    ///
    /// `report` gets the facts for the client's state, `done` is called when this poll has ended
    /// the lookup.
    pub(super) fn poll<T>(
        &self,
        waiter: u64,
        cx: &mut Context<'_>,
        report: &mut dyn FnMut(Report, Instant),
        done: impl FnOnce(),
        look: impl FnOnce(&Lookup) -> Option<T>,
    ) -> Poll<T> {
        let mut driver = self.driver.lock();
        if driver.lookup.result().is_none() {
            let waker = self.wakers.join(waiter, cx.waker());
            let before = driver.lookup.events().len();
            let is_done = driver
                .poll(&mut Context::from_waker(&waker), report)
                .is_ready();
            if is_done {
                done();
            }
            if is_done || driver.lookup.events().len() > before {
                self.wakers.wake_others(waiter);
            }
        }
        look(&driver.lookup).map_or(Poll::Pending, Poll::Ready)
    }

    /// Returns the queries that have no answer yet, in words.
    pub(super) fn waiting_for(&self) -> Option<String> {
        self.driver.lock().lookup.waiting_for()
    }

    /// Removes the waker of a waiter.
    pub(super) fn leave(&self, waiter: u64) {
        self.wakers.leave(waiter);
    }
}
