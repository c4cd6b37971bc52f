//! A lookup that one or several wait for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::client::Shared;
use super::driver::Driver;
use super::wakers::Wakers;
use crate::core::{Question, Success};
use crate::{FamilyAnswer, LookupError};

/// A lookup under way. There is no task behind it: whoever waits for it and is polled carries it
/// on, for all.
#[derive(Debug)]
pub(super) struct Flight {
    driver: Mutex<Driver>,
    wakers: Arc<Wakers>,
}

impl Flight {
    pub(super) fn new(driver: Driver) -> Self {
        Self {
            driver: Mutex::new(driver),
            wakers: Arc::default(),
        }
    }

    fn driver(&self) -> MutexGuard<'_, Driver> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits for a flight. Dropping it gives the flight up where nobody else waits.
#[derive(Debug)]
pub(super) struct Waiter {
    shared: Arc<Shared>,
    flight: Option<Arc<Flight>>,
    question: Question,
    number: u64,
    /// Events that were seen.
    seen: usize,
}

impl Waiter {
    pub(super) fn new(
        shared: Arc<Shared>,
        flight: Arc<Flight>,
        question: Question,
        number: u64,
    ) -> Self {
        Self {
            shared,
            flight: Some(flight),
            question,
            number,
            seen: 0,
        }
    }

    /// Carries the flight on; what `look` finds in it, where there is something.
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&Driver) -> Option<T>,
    ) -> Poll<T> {
        let Some(flight) = &self.flight else {
            return Poll::Pending;
        };
        let mut driver = flight.driver();
        if driver.lookup.result().is_none() {
            let waker = flight.wakers.join(self.number, cx.waker());
            let before = driver.lookup.events().len();
            let shared = &self.shared;
            let done = driver
                .poll(&mut Context::from_waker(&waker), &mut |report, now| {
                    shared.report(report, now);
                })
                .is_ready();
            if done {
                shared.forget(&self.question, flight);
            }
            if done || driver.lookup.events().len() > before {
                flight.wakers.wake_others(self.number);
            }
        }
        look(&driver).map_or(Poll::Pending, Poll::Ready)
    }

    /// The next event; `None` when there is a result.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<FamilyAnswer>> {
        let seen = self.seen;
        let event = self.poll_with(cx, |driver| {
            let event = driver.lookup.events().get(seen).cloned();
            (event.is_some() || driver.lookup.result().is_some()).then_some(event)
        });
        if let Poll::Ready(Some(_)) = event {
            self.seen += 1;
        }
        event
    }

    pub(super) fn poll_result(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Success, LookupError>> {
        self.poll_with(cx, |driver| driver.lookup.result().cloned())
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            flight.wakers.leave(self.number);
            self.shared.leave(&self.question, flight);
        }
    }
}
