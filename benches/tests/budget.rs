//! A round of `rpc` has as many calls as there is time for, within bounds.

use std::time::Duration;

use trunkline_benches::budget;
use trunkline_benches::protocol::Case;

/// Returns the calls of a round with this many in flight, if a call takes so long.
fn calls(in_flight: usize, calls: usize, each: Duration) -> usize {
    budget::calls(&Case::unary(16, in_flight), calls, 10, each * 10)
}

#[test]
fn a_round_takes_300_ms() {
    assert_eq!(calls(1, 500, Duration::from_millis(3)), 100);
    assert_eq!(calls(100, 2_000, Duration::from_micros(10)), 2_000);
}

/// With fewer calls than callers, the case would not have its calls in flight.
#[test]
fn each_caller_makes_a_call() {
    assert_eq!(calls(1, 500, Duration::from_millis(40)), 20);
    assert_eq!(calls(100, 2_000, Duration::from_millis(40)), 100);
    assert_eq!(calls(100, 50, Duration::from_millis(40)), 50);
}
