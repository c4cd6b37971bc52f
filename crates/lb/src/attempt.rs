//! How attempts end, for pickers that depend on it.

use std::cell::OnceCell;
use std::fmt;
use std::time::{Duration, Instant};

use http::HeaderMap;
use trunkline_status::Status;

use crate::orca::{LoadReport, report_in};
use crate::subchannel::SubchannelId;

/// Handles the ends of attempts, for a picker that depends on how calls end: that of least_request,
/// outlier detection or load reports.
///
/// When [`Picker::tracker`](crate::Picker::tracker) returns a tracker, each
/// [`Pick::Subchannel`](crate::Pick::Subchannel) that the picker returns to a call is followed by
/// exactly one [`attempt_ended`](Self::attempt_ended) with the same id, on the same picker, also
/// when a newer picker is published meanwhile. It follows however the attempt ends: the response is
/// read to its end or dropped, the deadline passes, the stream is reset, the connection is lost, or
/// the chosen subchannel has no connection any more and nothing is sent.
///
/// # Examples
///
/// The picker of a policy that limits the calls in progress at one backend:
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use trunkline_lb::{AttemptOutcome, AttemptTracker, Pick, PickRequest, Picker, SubchannelId};
/// use trunkline_status::Status;
///
/// #[derive(Debug)]
/// struct Limited {
///     backend: SubchannelId,
///     calls: AtomicUsize,
/// }
///
/// impl Picker for Limited {
///     fn pick(&self, _: &PickRequest<'_>) -> Pick {
///         if self.calls.fetch_add(1, Ordering::Relaxed) < 100 {
///             return Pick::Subchannel(self.backend);
///         }
///         self.calls.fetch_sub(1, Ordering::Relaxed);
///         Pick::Fail(Status::unavailable("100 calls are in progress"))
///     }
///
///     fn tracker(&self) -> Option<&dyn AttemptTracker> {
///         Some(self)
///     }
/// }
///
/// impl AttemptTracker for Limited {
///     fn attempt_ended(&self, _: SubchannelId, _: &AttemptOutcome<'_>) {
///         self.calls.fetch_sub(1, Ordering::Relaxed);
///     }
/// }
/// ```
pub trait AttemptTracker: fmt::Debug + Send + Sync {
    /// Handles the end of an attempt that used the subchannel `id`.
    ///
    /// Runs on the data path, from many threads at the same time: it takes no lock that a pick or
    /// another attempt may hold for long, and does not block.
    fn attempt_ended(&self, id: SubchannelId, outcome: &AttemptOutcome<'_>);
}

/// How one attempt of a call ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttemptOutcome<'a> {
    /// The status of the attempt: the server's, or the client's own where the server sent none
    /// (`CANCELLED` when the response was dropped before its end).
    pub status: &'a Status,
    /// The header list that has `status`: the trailers, or the head of a response that has nothing
    /// else (trailers-only).
    ///
    /// `None` if `status` is not from there: the server sent no trailers, or they came after the
    /// deadline.
    pub trailers: Option<&'a HeaderMap>,
    /// Whether the head of a response came; the head of a trailers-only response counts.
    pub has_headers: bool,
    /// The time from the pick to the end.
    pub latency: Duration,
    /// The time of the end. The channel sets it always; `None` in an outcome that was made without
    /// it, in a test for example.
    pub ended_at: Option<Instant>,
    /// The bytes of request messages that were sent, each with its gRPC prefix of 5 bytes.
    pub bytes_sent: u64,
    /// The bytes of response messages that came, each with its gRPC prefix of 5 bytes.
    pub bytes_received: u64,
    /// The number of request messages in `bytes_sent`. A message counts once its prefix is complete.
    pub messages_sent: u64,
    /// The number of response messages in `bytes_received`.
    pub messages_received: u64,
    /// Whether the attempt was sent: false if the subchannel had no connection any more, or the
    /// request never left the client.
    pub was_sent: bool,
    /// Whether the client ended the attempt itself: the application dropped the call before its end,
    /// or another attempt decided the call. It shows nothing of the backend then. A deadline that passes
    /// does not count.
    pub was_dropped: bool,
    /// The load report in the trailers, once it was asked for.
    load_report: OnceCell<Option<LoadReport>>,
}

impl<'a> AttemptOutcome<'a> {
    /// Creates the outcome of an attempt that was never sent: no trailers, no headers, no bytes, no
    /// time.
    #[inline]
    #[must_use]
    pub fn new(status: &'a Status) -> Self {
        Self {
            status,
            trailers: None,
            has_headers: false,
            latency: Duration::ZERO,
            ended_at: None,
            bytes_sent: 0,
            bytes_received: 0,
            messages_sent: 0,
            messages_received: 0,
            was_sent: false,
            was_dropped: false,
            load_report: OnceCell::new(),
        }
    }

    /// Returns the load report that the backend sent in the trailers (`endpoint-load-metrics-bin`);
    /// `None` if there is none, or a malformed one.
    ///
    /// It is decoded when it is asked for first, and once for all trackers of the attempt. An
    /// attempt whose report is not asked for pays nothing.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use trunkline_lb::{AttemptOutcome, AttemptTracker, SubchannelId};
    ///
    /// /// Adds up what the calls have cost, in thousandths.
    /// #[derive(Debug, Default)]
    /// struct Costs {
    ///     database: AtomicU64,
    /// }
    ///
    /// impl AttemptTracker for Costs {
    ///     fn attempt_ended(&self, _: SubchannelId, outcome: &AttemptOutcome<'_>) {
    ///         if let Some(report) = outcome.load_report()
    ///             && let Some(cost) = report.request_cost.get("database")
    ///         {
    ///             self.database.fetch_add((cost * 1000.0) as u64, Ordering::Relaxed);
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Source: [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md),
    /// "per-query".
    #[must_use]
    pub fn load_report(&self) -> Option<&LoadReport> {
        let report = || report_in(self.trailers?);
        self.load_report.get_or_init(report).as_ref()
    }

    /// Sets the header list that has the status: the trailers, or the head of a trailers-only
    /// response.
    #[inline]
    #[must_use]
    pub fn with_trailers(mut self, trailers: &'a HeaderMap) -> Self {
        self.trailers = Some(trailers);
        self.load_report = OnceCell::new();
        self
    }

    /// Sets whether the head of a response came.
    #[inline]
    #[must_use]
    pub fn with_headers(mut self, has_headers: bool) -> Self {
        self.has_headers = has_headers;
        self
    }

    /// Sets the time from the pick to the end.
    #[inline]
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Sets the time of the end.
    #[inline]
    #[must_use]
    pub fn with_ended_at(mut self, ended_at: Instant) -> Self {
        self.ended_at = Some(ended_at);
        self
    }

    /// Sets the bytes of messages, sent and received, each message with its gRPC prefix.
    #[inline]
    #[must_use]
    pub fn with_bytes(mut self, sent: u64, received: u64) -> Self {
        self.bytes_sent = sent;
        self.bytes_received = received;
        self
    }

    /// Sets the number of messages, sent and received.
    #[inline]
    #[must_use]
    pub fn with_messages(mut self, sent: u64, received: u64) -> Self {
        self.messages_sent = sent;
        self.messages_received = received;
        self
    }

    /// Sets whether the attempt was sent.
    #[inline]
    #[must_use]
    pub fn with_sent(mut self, was_sent: bool) -> Self {
        self.was_sent = was_sent;
        self
    }

    /// Sets whether the client ended the attempt itself.
    #[inline]
    #[must_use]
    pub fn with_dropped(mut self, was_dropped: bool) -> Self {
        self.was_dropped = was_dropped;
        self
    }
}
