//! Lookups that several callers wait for, without I/O.

use trunkline_dns::core::{Flights, LookupRequest};
use trunkline_dns::{Families, Name};

fn request(name: &str) -> LookupRequest {
    let name = Name::parse(name).expect("a name");
    LookupRequest::addresses(name, Families::Both)
}

/// Lookups of one request, in any letter case, share a flight; another request has its own.
#[test]
fn one_request_is_one_flight() {
    let mut flights = Flights::default();
    flights.start(request("a.test."), 1, false);
    flights.start(request("b.test."), 2, false);
    let mut joined = |name| flights.join(&request(name)).map(|(flight, _)| flight);
    assert_eq!(joined("A.test."), Some(1));
    assert_eq!(joined("b.test."), Some(2));
    assert_eq!(joined("c.test."), None);
}

/// No two waiters have one number.
#[test]
fn waiters_have_numbers() {
    let mut flights = Flights::default();
    let first = flights.start(request("a.test."), 1, false);
    let (_, second) = flights.join(&request("a.test.")).expect("a flight");
    let third = flights.start(request("b.test."), 2, true);
    assert_eq!([first, second, third].map(|it| it.waiter()), [1, 2, 3]);
}

/// A flight stays until its last waiter leaves, in any order.
#[test]
fn the_last_waiter_takes_the_flight() {
    for last in 0..3 {
        let mut flights = Flights::default();
        let mut tickets = vec![flights.start(request("a.test."), 1, false)];
        for _ in 1..3 {
            let (_, ticket) = flights.join(&request("a.test.")).expect("a flight");
            tickets.push(ticket);
        }
        let last = tickets.remove(last);
        for ticket in &tickets {
            assert_eq!(flights.leave(ticket), None);
        }
        assert_eq!(flights.leave(&last), Some(1));
        assert!(flights.join(&request("a.test.")).is_none());
    }
}

/// A flight that has ended is not joined, and its waiters do not touch the next one.
#[test]
fn an_ended_flight_is_not_joined() {
    let mut flights = Flights::default();
    let old = flights.start(request("a.test."), 1, false);
    flights.handle_end(&old);
    assert!(flights.join(&request("a.test.")).is_none());
    let new = flights.start(request("a.test."), 2, false);
    flights.handle_end(&old);
    assert_eq!(flights.leave(&old), None);
    assert_eq!(flights.leave(&new), Some(2));
}

/// A flight that was answered from the cache is not joined.
#[test]
fn a_cached_answer_is_not_shared() {
    let mut flights = Flights::default();
    let ticket = flights.start(request("a.test."), 1, true);
    assert!(flights.join(&request("a.test.")).is_none());
    assert_eq!(flights.leave(&ticket), None);
}

/// At most 8192 flights are under way; one that ends makes room.
#[test]
fn flights_are_bounded() {
    let mut flights = Flights::default();
    let mut last = None;
    for number in 0..8192 {
        assert!(!flights.is_full());
        last = Some(flights.start(request(&format!("h{number}.test.")), number, false));
    }
    assert!(flights.is_full());
    assert_eq!(flights.leave(&last.expect("a ticket")), Some(8191));
    assert!(!flights.is_full());
}

/// After a clear no flight is joined, and the waiters of before change nothing.
#[test]
fn cleared_flights_are_not_joined() {
    let mut flights = Flights::default();
    let old = flights.start(request("a.test."), 1, false);
    flights.clear();
    assert!(flights.join(&request("a.test.")).is_none());
    flights.start(request("a.test."), 2, false);
    assert_eq!(flights.leave(&old), None);
    assert!(flights.join(&request("a.test.")).is_some());
}
