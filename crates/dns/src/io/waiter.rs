//! One caller that waits for a lookup.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::flight::Flight;
use super::shared::{ClientShared, Joined};
use crate::core::{Lookup, Success, Ticket};
use crate::{FamilyAnswer, LookupError};

/// One caller that waits for a flight. Dropping the last waiter of a flight ends the flight.
#[derive(Debug)]
pub(super) struct Waiter {
    shared: Arc<ClientShared>,
    flight: Arc<Flight>,
    ticket: Ticket,
    /// Number of events that were returned.
    seen: usize,
}

impl Waiter {
    pub(super) fn new(shared: Arc<ClientShared>, joined: Joined) -> Self {
        Self {
            shared,
            flight: joined.flight,
            ticket: joined.ticket,
            seen: 0,
        }
    }

    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&Lookup) -> Option<T>,
    ) -> Poll<T> {
        let (shared, ticket) = (&self.shared, &self.ticket);
        self.flight.poll(
            ticket.waiter(),
            cx,
            &mut |report, now| shared.report(report, now),
            || shared.handle_end(ticket),
            look,
        )
    }

    /// Returns the queries that have no answer yet, in words.
    pub(super) fn waiting_for(&self) -> Option<String> {
        self.flight.waiting_for()
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
        self.flight.leave(self.ticket.waiter());
        self.shared.leave(&self.ticket);
    }
}
