//! The observer of a channel.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use trunkline_lb::AttemptOutcome;
use trunkline_runtime::PeerAddr;
use trunkline_status::Status;

use crate::core::event::ChannelEvent;

/// Receives the events of a channel and of its calls.
///
/// Logs, traces, metrics and idle timers are made from it. A channel without an observer records
/// nothing.
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
    /// Called by the channel's control task, in the order of the events; must not block. Only
    /// [`ChannelEvent::Resolver`] may come from another task, where a resolver of your own reports
    /// from one.
    ///
    /// The default does nothing.
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        let _ = (event, at);
    }

    /// Handles the start of a call.
    ///
    /// This and the following methods are called by the tasks of the calls, many at a time; they
    /// must not block. Each started call ends exactly once.
    fn call_started(&self, call: &CallStarted<'_>) {
        let _ = call;
    }

    /// Handles the end of one attempt of a call. A call makes one attempt for each time that it is
    /// sent on a connection.
    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let _ = attempt;
    }

    /// Handles the end of a call, after that of its attempts: the response was read to its end or
    /// dropped, or the call failed.
    fn call_ended(&self, call: &CallEnded<'_>) {
        let _ = call;
    }
}

/// The start of a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallStarted<'a> {
    /// The path, `/package.Service/Method`.
    pub path: &'a str,
}

/// The end of one attempt of a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttemptEnded<'a> {
    /// The path of the call, `/package.Service/Method`.
    pub path: &'a str,
    /// The number of the attempt in its call; the first is 1.
    pub number: u32,
    /// The address at the other end.
    pub peer: &'a PeerAddr,
    /// How the attempt ended.
    pub outcome: AttemptOutcome<'a>,
}

/// The end of a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallEnded<'a> {
    /// The path, `/package.Service/Method`.
    pub path: &'a str,
    /// The status that the caller sees; `CANCELLED` when the caller dropped the call.
    pub status: &'a Status,
    /// The time from the start of the call to its end.
    pub latency: Duration,
    /// The number of attempts; 0 when the call was never sent.
    pub attempts: u32,
    /// The address at the other end of the last attempt that ended; of hedged attempts, the one that
    /// decided the call.
    pub peer: Option<&'a PeerAddr>,
    /// True when the head of a response arrived.
    pub has_headers: bool,
    /// True when a server has sent a status for that attempt; false when this side made it, for example
    /// because the connection was lost.
    pub has_status: bool,
    /// The bytes of request messages that all attempts sent, each with its gRPC prefix of 5 bytes.
    pub bytes_sent: u64,
    /// The bytes of response messages that all attempts received, each with its gRPC prefix.
    pub bytes_received: u64,
}

impl<'a> CallStarted<'a> {
    pub(crate) fn new(path: &'a str) -> Self {
        Self { path }
    }
}
