//! The trace of a call that is recorded.

use std::time::{Duration, Instant};

use http::HeaderMap;
use opentelemetry::trace::{SpanBuilder, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use trunkline_channel::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallTrace, MessageFact,
};
use trunkline_runtime::Lock;

use crate::propagation::MetadataInjector;
use crate::trace::clock::CallClock;
use crate::trace::settings::{Propagator, SharedTracer};
use crate::trace::spans;

/// The trace of a call: a span for the call, and one under it for each attempt.
#[derive(Debug)]
pub(super) struct RecordingTrace {
    pub(super) tracer: SharedTracer,
    pub(super) propagator: Option<Propagator>,
    pub(super) has_message_events: bool,
    pub(super) has_peer_attributes: bool,
    pub(super) clock: CallClock,
    /// The context of the call's span.
    pub(super) context: Context,
    /// The open attempts. All but hedged calls have at most one.
    pub(super) attempts: Lock<Vec<OpenAttempt>>,
}

#[derive(Debug)]
pub(super) struct OpenAttempt {
    number: u32,
    /// The context of its span.
    context: Context,
}

impl RecordingTrace {
    /// Adds an event to the span of this context.
    fn add_event(
        &self,
        context: &Context,
        at: Instant,
        (name, attributes): (&'static str, Vec<KeyValue>),
    ) {
        let time = self.clock.time(at);
        let span = context.span();
        span.add_event_with_timestamp(name, time, attributes);
    }

    /// Returns the context of an open attempt.
    fn attempt(&self, number: u32) -> Option<Context> {
        let attempts = self.attempts.lock();
        let attempt = attempts.iter().find(|attempt| attempt.number == number)?;
        Some(attempt.context.clone())
    }

    /// Removes an attempt and returns its context.
    fn remove_attempt(&self, number: u32) -> Option<Context> {
        let mut attempts = self.attempts.lock();
        let is_it = |attempt: &OpenAttempt| attempt.number == number;
        let index = attempts.iter().position(is_it)?;
        Some(attempts.swap_remove(index).context)
    }
}

impl CallTrace for RecordingTrace {
    fn resolution_delayed(&self, _: Duration, at: Instant) {
        let event = (spans::RESOLUTION_DELAYED, Vec::new());
        self.add_event(&self.context, at, event);
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        let builder = SpanBuilder::from_name(spans::name("Attempt", attempt.path))
            .with_kind(SpanKind::Internal)
            .with_start_time(self.clock.time(attempt.at))
            .with_attributes(spans::attempt(attempt));
        let span = self.tracer.start(builder, &self.context);
        let context = self.context.with_span(span);
        self.attempts.lock().push(OpenAttempt {
            number: attempt.number,
            context,
        });
    }

    fn pick_delayed(&self, number: u32, _: Duration, at: Instant) {
        if let Some(attempt) = self.attempt(number) {
            self.add_event(&attempt, at, (spans::PICK_DELAYED, Vec::new()));
        }
    }

    fn inject(&self, number: u32, headers: &mut HeaderMap) {
        if let Some(propagator) = &self.propagator
            && let Some(attempt) = self.attempt(number)
        {
            propagator.inject_context(&attempt, &mut MetadataInjector::new(headers));
        }
    }

    fn attempt_sent(&self, sent: &AttemptSent<'_>) {
        if self.has_peer_attributes
            && let Some(attempt) = self.attempt(sent.number)
        {
            attempt.span().set_attributes(spans::peer(sent.to.peer));
        }
    }

    fn message(&self, message: &MessageFact) {
        if self.has_message_events
            && let Some(attempt) = self.attempt(message.number)
        {
            self.add_event(&attempt, message.at, spans::message(message));
        }
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        if let Some(context) = self.remove_attempt(attempt.started.number) {
            let span = context.span();
            span.set_status(spans::status(attempt.outcome.status));
            span.end_with_timestamp(self.clock.end(attempt.started.at, attempt.latency));
        }
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let span = self.context.span();
        span.set_status(spans::status(call.status));
        span.end_with_timestamp(self.clock.end_of_call(call.latency));
    }
}
