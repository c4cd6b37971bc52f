//! The trace of one call.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use http::HeaderMap;

use crate::observer::facts::{AttemptEnded, AttemptSent, AttemptStarted, CallEnded};

/// Receives what happens to one call, from its start to its end, and can add headers to its
/// attempts. Made by [`Observer::trace_call`](crate::Observer::trace_call).
///
/// The methods are called in the order of what happens to an attempt. Attempts of a hedged call run
/// side by side, and their `number` distinguishes them. None may block. No method has to do
/// anything. The end of the call is the last.
///
/// Source: [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md).
pub trait CallTrace: Debug + Send + Sync {
    /// Handles the end of the wait for the first resolution of the name ("Delayed name resolution
    /// complete"). Not called where the call did not have to wait.
    fn resolution_delayed(&self, waited: Duration, at: Instant) {
        let _ = (waited, at);
    }

    /// Handles the start of an attempt.
    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        let _ = attempt;
    }

    /// Handles the end of an attempt's wait for a connection ("Delayed LB pick complete"). Not called
    /// where the first pick chose one.
    fn pick_delayed(&self, number: u32, waited: Duration, at: Instant) {
        let _ = (number, waited, at);
    }

    /// Adds headers to an attempt, such as the context of its span, just before it is sent.
    fn inject(&self, number: u32, headers: &mut HeaderMap) {
        let _ = (number, headers);
    }

    /// Handles an attempt that was handed to a connection.
    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        let _ = attempt;
    }

    /// Handles a message that an attempt sent or received: its prefix has passed, and the rest of it may
    /// follow later.
    fn message(&self, message: &MessageFact) {
        let _ = message;
    }

    /// Handles the end of an attempt.
    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let _ = attempt;
    }

    /// Handles the end of the call, after that of its attempts.
    fn call_ended(&self, call: &CallEnded<'_>) {
        let _ = call;
    }
}

/// One message of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageFact {
    /// The number of the attempt in its call.
    pub number: u32,
    /// Whether it was sent or received.
    pub direction: Direction,
    /// The number of the message in this direction of the attempt; the first is 0.
    pub sequence: u64,
    /// Its size in bytes, as it was on the wire, without the gRPC prefix of 5 bytes.
    pub bytes: u64,
    /// True when it is compressed: its size before compression is not known then.
    pub is_compressed: bool,
    /// When it passed the channel.
    pub at: Instant,
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From this client to the server.
    Sent,
    /// From the server to this client.
    Received,
}
