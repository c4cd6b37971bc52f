//! How many calls a round of the benchmark `rpc` has time for.

use std::time::Duration;

use crate::protocol::Case;

/// How long a round of CPU may take. A client that waits 40 ms a call for a delayed
/// acknowledgement makes fewer calls: what it costs a call is known from them too.
pub const ROUND: Duration = Duration::from_millis(300);

/// The least calls of a round.
pub const FEW: usize = 20;

/// Returns how many calls fit into a [`ROUND`], if `ran` of them took `took`: at most `calls`, and at
/// least [`FEW`] and one of each caller, as a case with fewer calls has fewer of them in flight.
#[must_use]
pub fn calls(case: &Case, calls: usize, ran: usize, took: Duration) -> usize {
    let fit = ROUND.as_secs_f64() * ran as f64 / took.as_secs_f64();
    // Of a client that is fast, this is far more than the calls of a round.
    (fit as usize).clamp(FEW.max(case.in_flight).min(calls), calls)
}
