//! The spans of calls.

use std::time::{Duration, Instant};

use tracing::Span;
use tracing::field::{Empty, display};
use trunkline_runtime::Lock;
use trunkline_status::{Code, Status};

use crate::observer::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, CallTrace, Direction,
    MessageFact,
};

/// The span of one call, and those of its attempts that run.
#[derive(Debug)]
pub(super) struct CallSpans {
    call: Span,
    /// By the number of the attempt. Only a hedged call has more than one.
    attempts: Lock<Vec<(u32, Span)>>,
}

impl CallSpans {
    /// Starts the span of a call, as a child of the caller's.
    pub(super) fn start(call: &CallStarted<'_>, target: &str) -> Self {
        let path = call.path.strip_prefix('/').unwrap_or(call.path);
        let (service, method) = path.rsplit_once('/').unwrap_or((path, ""));
        let span = tracing::debug_span!(
            target: "trunkline::call",
            "call",
            otel.name = path,
            otel.kind = "client",
            otel.status_code = Empty,
            rpc.system = "grpc",
            rpc.service = service,
            rpc.method = method,
            server.address = target,
            rpc.grpc.status_code = Empty,
            attempts = Empty,
        );
        Self {
            call: span,
            attempts: Lock::default(),
        }
    }

    /// Returns the span of an attempt; that of the call if it has none.
    fn attempt(&self, number: u32) -> Span {
        let attempts = self.attempts.lock();
        let found = attempts.iter().find(|(own, _)| *own == number);
        found.map_or_else(|| self.call.clone(), |(_, span)| span.clone())
    }
}

impl CallTrace for CallSpans {
    fn resolution_delayed(&self, waited: Duration, _: Instant) {
        tracing::debug!(
            target: "trunkline::call",
            parent: &self.call,
            waited_ms = millis(waited),
            "delayed name resolution"
        );
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        let span = tracing::debug_span!(
            target: "trunkline::call",
            parent: &self.call,
            "attempt",
            number = attempt.number,
            previous_attempts = attempt.previous_attempts,
            transparent_retry = attempt.is_transparent_retry,
            network.peer.address = Empty,
            rpc.grpc.status_code = Empty,
            otel.status_code = Empty,
        );
        self.attempts.lock().push((attempt.number, span));
    }

    fn pick_delayed(&self, number: u32, waited: Duration, _: Instant) {
        tracing::debug!(
            target: "trunkline::call",
            parent: &self.attempt(number),
            waited_ms = millis(waited),
            "delayed pick"
        );
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        let span = self.attempt(attempt.number);
        span.record("network.peer.address", display(attempt.to.peer));
    }

    fn message(&self, message: &MessageFact) {
        let name = match message.direction {
            Direction::Sent => "message sent",
            Direction::Received => "message received",
        };
        tracing::trace!(
            target: "trunkline::call",
            parent: &self.attempt(message.number),
            sequence = message.sequence,
            bytes = message.bytes,
            compressed = message.is_compressed,
            "{name}"
        );
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let span = {
            let mut attempts = self.attempts.lock();
            let number = attempt.started.number;
            let Some(at) = attempts.iter().position(|(own, _)| *own == number) else {
                return;
            };
            attempts.swap_remove(at).1
        };
        let outcome = attempt.outcome;
        record_status(&span, outcome.status);
        tracing::debug!(
            target: "trunkline::call",
            parent: &span,
            code = display(outcome.status.code()),
            status_message = text_of(outcome.status),
            latency_ms = millis(attempt.latency),
            bytes_sent = outcome.bytes_sent,
            bytes_received = outcome.bytes_received,
            "attempt ended"
        );
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        record_status(&self.call, call.status);
        self.call.record("attempts", call.attempts);
        tracing::debug!(
            target: "trunkline::call",
            parent: &self.call,
            code = display(call.status.code()),
            status_message = text_of(call.status),
            latency_ms = millis(call.latency),
            attempts = call.attempts,
            "call ended"
        );
    }
}

/// Records how a call or an attempt ended, also under the name that OpenTelemetry has for failures.
fn record_status(span: &Span, status: &Status) {
    span.record("rpc.grpc.status_code", status.code() as u32);
    if status.code() != Code::Ok {
        span.record("otel.status_code", "ERROR");
    }
}

/// Returns the message of a status; `None` if it has none.
fn text_of(status: &Status) -> Option<&str> {
    Some(status.message()).filter(|text| !text.is_empty())
}

/// Returns a time in milliseconds, in steps of a microsecond.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}
