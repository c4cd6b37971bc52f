//! Metrics and traces of one channel.

use std::sync::Arc;
use std::time::Instant;

use trunkline_channel::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, CallTrace, ChannelEvent,
    Interests, Observer,
};

use crate::trace::TraceObserver;

/// The metrics and the traces of one channel.
#[derive(Debug)]
pub(crate) struct Joined {
    /// Keeps nothing for each call: it starts no trace.
    pub(crate) metrics: Arc<dyn Observer>,
    /// Needs only the start of a call.
    pub(crate) traces: TraceObserver,
}

impl Observer for Joined {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.metrics.observe(event, at);
    }

    fn interests(&self) -> Interests {
        self.metrics.interests().with_traces(true)
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        self.metrics.call_started(call);
    }

    fn trace_call(&self, call: &CallStarted<'_>) -> Option<Box<dyn CallTrace>> {
        self.traces.trace_call(call)
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.metrics.attempt_started(attempt);
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.metrics.attempt_sent(attempt);
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        self.metrics.attempt_ended(attempt);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.metrics.call_ended(call);
    }
}
