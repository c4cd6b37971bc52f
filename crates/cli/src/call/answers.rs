//! Counts the calls that a server answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use trunkline::{AttemptEnded, ChannelEvent, Observer};

use crate::event::Tracer;

/// Counts the calls that a server answered with a status of its own, also one that is not OK. A
/// status that the client made, such as for a connection that is lost, is not counted.
#[derive(Clone, Debug, Default)]
pub(super) struct AnswerCounter(Arc<AtomicU64>);

impl AnswerCounter {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Observer for AnswerCounter {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        Tracer.observe(event, at);
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        // A call is not repeated after a status has come: one attempt of a call has it at most.
        let trailers = attempt.outcome.trailers;
        if trailers.is_some_and(|trailers| trailers.contains_key("grpc-status")) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
