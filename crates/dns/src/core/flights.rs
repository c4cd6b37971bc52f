//! The lookups under way, each with the callers that wait for it.

use std::collections::BTreeMap;

use super::plan::LookupRequest;

/// The maximum number of lookups under way. Their sockets are more than most processes may open.
pub(crate) const MAX_FLIGHTS: usize = 8192;

/// The lookups under way ("flights"), by their requests. Lookups of one request at the same time
/// share one flight `F`, which ends early when its last waiter leaves.
///
/// # Examples
///
/// ```
/// use trunkline_dns::core::{Flights, LookupRequest};
/// use trunkline_dns::{Families, Name};
///
/// let request = LookupRequest::addresses(Name::parse("a.test.")?, Families::Both);
/// let mut flights = Flights::default();
/// assert!(flights.join(&request).is_none());
/// let first = flights.start(request.clone(), "a flight", false);
/// let (flight, second) = flights.join(&request).expect("it is under way");
/// assert_eq!(flight, "a flight");
/// assert_eq!(flights.leave(&first), None);
/// assert_eq!(flights.leave(&second), Some("a flight"));
/// # Ok::<(), trunkline_dns::NameError>(())
/// ```
#[derive(Debug)]
pub struct Flights<F> {
    by_request: BTreeMap<LookupRequest, SharedFlight<F>>,
    /// The number of flights so far, which is also the number of the newest flight.
    flights: u64,
    /// The number of waiters so far, which is also the number of the newest waiter.
    waiters: u64,
}

#[derive(Debug)]
struct SharedFlight<F> {
    flight: F,
    number: u64,
    waiting: usize,
}

/// The place of one waiter in a flight.
#[derive(Debug)]
pub struct Ticket {
    request: LookupRequest,
    flight: u64,
    waiter: u64,
}

impl Ticket {
    /// Returns the number of the waiter, which no other waiter of the client has.
    #[must_use]
    pub fn waiter(&self) -> u64 {
        self.waiter
    }
}

impl<F> Default for Flights<F> {
    fn default() -> Self {
        Self {
            by_request: BTreeMap::new(),
            flights: 0,
            waiters: 0,
        }
    }
}

impl<F: Clone> Flights<F> {
    /// Joins the flight of a request; `None` where there is none.
    pub fn join(&mut self, request: &LookupRequest) -> Option<(F, Ticket)> {
        let shared = self.by_request.get_mut(request)?;
        shared.waiting += 1;
        self.waiters += 1;
        let ticket = Ticket {
            request: request.clone(),
            flight: shared.number,
            waiter: self.waiters,
        };
        Some((shared.flight.clone(), ticket))
    }

    /// Returns whether no further flight may start: 8192 are under way.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.by_request.len() >= MAX_FLIGHTS
    }

    /// Adds a flight, with its first waiter.
    ///
    /// A flight that `is_over` already was answered from the cache. It is not shared, since its
    /// answer may have expired for a later waiter.
    pub fn start(&mut self, request: LookupRequest, flight: F, is_over: bool) -> Ticket {
        self.flights += 1;
        self.waiters += 1;
        if !is_over {
            let shared = SharedFlight {
                flight,
                number: self.flights,
                waiting: 1,
            };
            self.by_request.insert(request.clone(), shared);
        }
        Ticket {
            request,
            flight: self.flights,
            waiter: self.waiters,
        }
    }

    /// Handles the end of a flight, so that a later lookup starts another one.
    pub fn handle_end(&mut self, ticket: &Ticket) {
        if self.is_current(ticket) {
            self.by_request.remove(&ticket.request);
        }
    }

    /// Removes a waiter; returns the flight where it was the last one, so that the flight ends.
    pub fn leave(&mut self, ticket: &Ticket) -> Option<F> {
        if !self.is_current(ticket) {
            return None;
        }
        let shared = self.by_request.get_mut(&ticket.request)?;
        shared.waiting -= 1;
        if shared.waiting > 0 {
            return None;
        }
        let last = self.by_request.remove(&ticket.request)?;
        Some(last.flight)
    }

    /// Removes all flights: later lookups start others. Waiters of the removed ones still get their
    /// answers.
    pub fn clear(&mut self) {
        self.by_request.clear();
    }

    fn is_current(&self, ticket: &Ticket) -> bool {
        let shared = self.by_request.get(&ticket.request);
        shared.is_some_and(|shared| shared.number == ticket.flight)
    }
}
