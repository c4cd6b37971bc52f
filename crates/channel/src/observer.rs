//! The observers of a channel.
//!
//! From the ground up: `facts`, what observers receive of calls; `trace`, the traces of calls; `interests`,
//! which of them an observer wants; this file, the traits; `recent`, the last events of a channel; and
//! `observers`, all observers of one channel.

mod facts;
mod interests;
pub(crate) mod observers;
pub(crate) mod recent;
mod trace;

use std::fmt::Debug;
use std::time::Instant;

use crate::core::event::ChannelEvent;

pub use self::facts::{AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, SentTo};
pub use self::interests::Interests;
pub use self::trace::{CallTrace, Direction, MessageFact};

/// Receives the events of a channel and of its calls.
///
/// Logs, traces, metrics and idle timers are made from it. A channel without an observer records
/// nothing. An observer that is given to several channels receives the events of all of them
/// mixed: where that matters, an [`ObserverFactory`](crate::ObserverFactory) makes one for each.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Instant;
/// use trunkline_channel::{CallEnded, ChannelEvent, Observer};
/// use trunkline_status::Code;
///
/// /// Counts the calls that failed, and logs the lost connections.
/// #[derive(Debug, Default)]
/// struct Failures {
///     calls: AtomicU64,
/// }
///
/// impl Observer for Failures {
///     fn observe(&self, event: &ChannelEvent, _: Instant) {
///         if let ChannelEvent::Lost { address, why, .. } = event {
///             eprintln!("{address} lost: {why}");
///         }
///     }
///
///     fn call_ended(&self, call: &CallEnded<'_>) {
///         if call.status.code() != Code::Ok {
///             self.calls.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait Observer: Debug + Send + Sync {
    /// Handles one event of the channel, which happened at `at`.
    ///
    /// Called by the channel's control task, in the order of the events; must neither block nor panic: a
    /// panic ends the task, and with it the channel. Only
    /// [`ChannelEvent::Resolver`] may come from another task, where a resolver of your own reports
    /// from one.
    ///
    /// The default does nothing.
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        let _ = (event, at);
    }

    /// Returns which facts of calls the observer wants.
    ///
    /// Asked once, when the channel is built. What no observer of a channel wants costs its calls nothing, and
    /// the methods for it are not called.
    ///
    /// The default returns all of them.
    fn interests(&self) -> Interests {
        Interests::ALL
    }

    /// Returns whether the observer wants the facts of a call that starts now.
    ///
    /// Asked once for each call, so it must be cheap. A call that no observer wants costs what it
    /// costs in a channel without observers. Where the answer is false, no other method is called
    /// for this call. Not asked where [`interests`](Self::interests) returns none.
    ///
    /// The default returns true.
    fn observes_calls(&self) -> bool {
        true
    }

    /// Handles the start of a call.
    ///
    /// This and the following methods are called by the tasks of the calls, many at a time; they
    /// must neither block nor panic: a panic unwinds through the task of the call. Each started call ends exactly once, and so does each of its attempts.
    fn call_started(&self, call: &CallStarted<'_>) {
        let _ = call;
    }

    /// Starts the trace of a call, after [`call_started`](Self::call_started). It receives what
    /// happens to this one call, and can add headers to its attempts.
    ///
    /// The default returns `None`: the observer keeps nothing for each call.
    fn trace_call(&self, call: &CallStarted<'_>) -> Option<Box<dyn CallTrace>> {
        let _ = call;
        None
    }

    /// Handles the start of one attempt of a call: the name is resolved, and the attempt is about to
    /// be picked a connection.
    ///
    /// Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md), the
    /// attempt is created before the pick.
    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        let _ = attempt;
    }

    /// Handles an attempt that was handed to a connection. One that waits in line for a free stream is
    /// not, until it leaves the line.
    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        let _ = attempt;
    }

    /// Handles the end of one attempt of a call, sent or not.
    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let _ = attempt;
    }

    /// Handles the end of a call, after that of its attempts: the response was read to its end or
    /// dropped, or the call failed.
    fn call_ended(&self, call: &CallEnded<'_>) {
        let _ = call;
    }
}
