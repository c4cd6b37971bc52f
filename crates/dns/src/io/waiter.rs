//! One caller that waits for a lookup.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::flight::Flight;
use super::shared::{ClientShared, Joined};
use crate::core::{Lookup, Question, Success};
use crate::{FamilyAnswer, LookupError};

/// One caller that waits for a flight. Dropping the last waiter of a flight ends the flight.
#[derive(Debug)]
pub(super) struct Waiter {
    shared: Arc<ClientShared>,
    /// `None` only while the waiter is dropped.
    flight: Option<Arc<Flight>>,
    question: Question,
    number: u64,
    /// Number of events that were returned.
    seen: usize,
}

impl Waiter {
    pub(super) fn new(shared: Arc<ClientShared>, joined: Joined) -> Self {
        Self {
            shared,
            flight: Some(joined.flight),
            question: joined.question,
            number: joined.number,
            seen: 0,
        }
    }

    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&Lookup) -> Option<T>,
    ) -> Poll<T> {
        let Some(flight) = &self.flight else {
            return Poll::Pending;
        };
        let (shared, question) = (&self.shared, &self.question);
        flight.poll(
            self.number,
            cx,
            &mut |report, now| shared.report(report, now),
            || shared.forget(question, flight),
            look,
        )
    }

    /// Waits for the next event; `None` once there is a result and no further event.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<FamilyAnswer>> {
        let seen = self.seen;
        let event = self.poll_with(cx, |lookup| {
            let event = lookup.events().get(seen).cloned();
            (event.is_some() || lookup.result().is_some()).then_some(event)
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
        self.poll_with(cx, |lookup| lookup.result().cloned())
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            flight.leave(self.number);
            self.shared.leave(&self.question, flight);
        }
    }
}
