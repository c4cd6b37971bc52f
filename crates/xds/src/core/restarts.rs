//! When the next stream to a server starts.

use std::time::{Duration, Instant};

use trunkline_backoff::{Backoff, BackoffPolicy};

/// The shortest time between the starts of two streams.
const SHORTEST_BETWEEN_STARTS: Duration = Duration::from_secs(1);

/// Decides when the next stream to a server starts, for resources as for load reports.
///
/// After a stream that the server has answered, at once; after one that it has not, with back-off, which
/// the first answer ends. In any case two starts are a second apart.
#[derive(Debug)]
pub(super) struct Restarts {
    backoff: Backoff,
}

impl Restarts {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            backoff: Backoff::new(BackoffPolicy::default(), seed),
        }
    }

    /// Handles the first answer on a stream.
    pub(super) fn handle_answer(&mut self) {
        self.backoff.reset();
    }

    /// Returns when the next stream starts after one that has ended, was `started` then, and had an
    /// answer.
    pub(super) fn after_answer(started: Instant, now: Instant) -> Instant {
        now.max(started + SHORTEST_BETWEEN_STARTS)
    }

    /// Returns when the next stream starts after one that has ended, was `started` then, and failed.
    pub(super) fn after_failure(&mut self, started: Instant, now: Instant) -> Instant {
        let next = now + self.backoff.next_delay();
        next.max(started + SHORTEST_BETWEEN_STARTS)
    }
}
