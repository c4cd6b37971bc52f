//! The choice of a subchannel for one attempt of a call.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use trunkline_endpoint::Attributes;
use trunkline_status::Status;

use crate::SubchannelId;

/// Chooses a subchannel for each attempt of a call: a policy publishes one, the data path uses it.
///
/// Many threads call one picker at the same time, so a pick takes no lock, spawns nothing and
/// allocates nothing.
pub trait Picker: fmt::Debug + Send + Sync {
    /// Chooses for one attempt.
    fn pick(&self, request: &PickRequest<'_>) -> Pick;

    /// Returns the tracker that is notified when an attempt ends, or `None` if this picker does not
    /// need to know.
    ///
    /// A picker returns the same answer for its whole life. With `None`, a pick and the end of its
    /// attempt cost nothing beyond the pick: no reference to the picker is kept.
    ///
    /// A picker over other pickers returns a tracker if any of them does, and forwards each end of
    /// an attempt to the picker that made the pick. It finds that picker by the id: a subchannel
    /// belongs to one child, so a table by [`SubchannelId::index`], made when the picker is made,
    /// is enough ([`Child::subchannels`](crate::Child::subchannels) lists a child's ids).
    fn tracker(&self) -> Option<&dyn AttemptTracker>;
}

/// Is notified of the end of attempts: the seat of least_request, outlier detection, load reports
/// and other policies that depend on how calls end.
///
/// When [`Picker::tracker`] returns a tracker, each [`Pick::Subchannel`] that the picker returns to
/// a call is followed by exactly one [`attempt_ended`](Self::attempt_ended) with the same id, on
/// the same picker, also when a newer picker is published meanwhile. It follows however the attempt
/// ends: the response is read to its end or dropped, the deadline passes, the stream is reset, the
/// connection is lost, or the chosen subchannel has no connection any more and nothing is sent.
pub trait AttemptTracker: fmt::Debug + Send + Sync {
    /// Handles the end of an attempt that used the subchannel `id`.
    ///
    /// Runs on the data path, from many threads at the same time: it takes no lock that a pick or
    /// another attempt may hold for long, and does not block.
    fn attempt_ended(&self, id: SubchannelId, outcome: &AttemptOutcome<'_>);
}

/// How one attempt of a call ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptOutcome<'a> {
    /// The status of the attempt: the server's, or the client's own where the server sent none
    /// (`CANCELLED` when the response was dropped before its end).
    pub status: &'a Status,
    /// The trailers, or the head of a trailers-only response; `None` if neither came.
    pub trailers: Option<&'a HeaderMap>,
    /// Whether the head of a response came that is followed by messages or trailers.
    pub has_headers: bool,
    /// The time from the pick to the end.
    pub latency: Duration,
    /// The bytes of request messages that were sent, each with its gRPC prefix of 5 bytes.
    pub bytes_sent: u64,
    /// The bytes of response messages that came, each with its gRPC prefix of 5 bytes.
    pub bytes_received: u64,
    /// Whether the attempt was sent: false if the subchannel had no connection any more, or the
    /// request never left the client.
    pub was_sent: bool,
}

impl<'a> AttemptOutcome<'a> {
    /// Creates the outcome of an attempt that was never sent: no trailers, no headers, no bytes, no
    /// time.
    #[must_use]
    pub fn new(status: &'a Status) -> Self {
        Self {
            status,
            trailers: None,
            has_headers: false,
            latency: Duration::ZERO,
            bytes_sent: 0,
            bytes_received: 0,
            was_sent: false,
        }
    }

    /// Sets the trailers, or the head of a trailers-only response.
    #[must_use]
    pub fn with_trailers(mut self, trailers: &'a HeaderMap) -> Self {
        self.trailers = Some(trailers);
        self
    }

    /// Sets whether the head of a response came.
    #[must_use]
    pub fn with_headers(mut self, has_headers: bool) -> Self {
        self.has_headers = has_headers;
        self
    }

    /// Sets the time from the pick to the end.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Sets the bytes of messages, sent and received, each message with its gRPC prefix.
    #[must_use]
    pub fn with_bytes(mut self, sent: u64, received: u64) -> Self {
        self.bytes_sent = sent;
        self.bytes_received = received;
        self
    }

    /// Sets whether the attempt was sent.
    #[must_use]
    pub fn with_sent(mut self, was_sent: bool) -> Self {
        self.was_sent = was_sent;
        self
    }
}

/// What a picker may look at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PickRequest<'a> {
    /// The path of the call, `/package.Service/Method`.
    pub path: &'a str,
    /// The call's metadata.
    pub metadata: &'a HeaderMap,
    /// The call's attributes: what the application or the configuration of the call gives to
    /// policies beside the metadata (a hash key, the cluster that a route chose).
    pub attributes: &'a Attributes,
}

impl<'a> PickRequest<'a> {
    /// Creates a request for the method at `path`, without attributes.
    #[must_use]
    pub fn new(path: &'a str, metadata: &'a HeaderMap) -> Self {
        const NONE: &Attributes = &Attributes::new();
        Self {
            path,
            metadata,
            attributes: NONE,
        }
    }

    /// Sets the call's attributes.
    #[must_use]
    pub fn with_attributes(mut self, attributes: &'a Attributes) -> Self {
        self.attributes = attributes;
        self
    }
}

/// The choice of a picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Use this subchannel. If it has no connection any more, the call waits for the next picker.
    Subchannel(SubchannelId),
    /// Wait for the next picker.
    Queue,
    /// Wait for the next picker, and make the policy leave idleness
    /// ([`Policy::exit_idle`](crate::Policy::exit_idle)).
    ExitIdle,
    /// Fail, unless the call is wait-for-ready.
    Fail(Status),
    /// Fail, also if the call is wait-for-ready, and never retry.
    Drop(Status),
}

/// Makes the same choice for every call.
impl Picker for Pick {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        self.clone()
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}
