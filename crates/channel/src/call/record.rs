//! The end of a call and of its attempts. Everything that depends on an end is here, and only here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::uri::PathAndQuery;
use trunkline_lb::{AttemptOutcome, SubchannelId};
use trunkline_runtime::{Lock, PeerAddr};
use trunkline_status::{Code, Status};
use trunkline_transport::Connection;

use crate::call::plan::ThrottleShare;
use crate::core::connections::ConnectionId;
use crate::core::pushback::Pushback;
use crate::core::snapshot::Snapshot;
use crate::grpc::GRPC_STATUS;
use crate::observer::{AttemptEnded, AttemptStarted, CallEnded, CallStarted, Observer, SentTo};
use crate::open_calls::OpenCall;
use crate::shared::ChannelShared;

/// Records one call from its start, and reports its end to the observer exactly once: when
/// [`end`](Self::end) is called, or as `CANCELLED` when it is dropped before.
///
/// It also keeps the channel from entering idleness until then. That is all it does in a channel
/// without an observer.
#[derive(Default)]
pub(crate) struct CallRecord {
    /// `None` without an observer.
    observed: Option<Arc<ObservedCall>>,
    /// `None` once the call has ended.
    open: Option<OpenCall>,
}

/// A call whose end is reported to the observer.
struct ObservedCall {
    shared: Arc<ChannelShared>,
    path: PathAndQuery,
    started: Instant,
    totals: Lock<CallTotals>,
}

/// The totals over the attempts of a call.
#[derive(Default)]
struct CallTotals {
    /// The attempts that were sent, ended or not. The other totals are those of ended attempts.
    attempts: u32,
    /// The address of the attempt that ended last, of those that no other one has overtaken.
    peer: Option<PeerAddr>,
    /// True when the head of a response arrived.
    has_headers: bool,
    /// True when that attempt has the status of a server.
    has_status: bool,
    bytes_sent: u64,
    bytes_received: u64,
}

impl CallRecord {
    pub(crate) fn start(
        shared: &Arc<ChannelShared>,
        path: &PathAndQuery,
        metadata: &HeaderMap,
        now: Instant,
    ) -> Self {
        let is_observed = shared.observers.iter().any(Observer::observes_calls);
        let observed = is_observed.then(|| {
            let started = CallStarted {
                path: path.path(),
                metadata,
                at: now,
            };
            for observer in shared.observers.iter() {
                observer.call_started(&started);
            }
            Arc::new(ObservedCall {
                shared: Arc::clone(shared),
                path: path.clone(),
                started: now,
                totals: Lock::default(),
            })
        });
        Self {
            observed,
            open: Some(shared.open_calls.begin()),
        }
    }

    /// Reports the end of the call, unless it was reported before.
    pub(crate) fn end(&mut self, status: &Status) {
        self.open = None;
        let Some(call) = self.observed.take() else {
            return;
        };
        let totals = call.totals.lock();
        let ended = CallEnded {
            path: call.path.path(),
            status,
            latency: since(&call.shared, call.started),
            attempts: totals.attempts,
            peer: totals.peer.as_ref(),
            has_headers: totals.has_headers,
            has_status: totals.has_status,
            bytes_sent: totals.bytes_sent,
            bytes_received: totals.bytes_received,
            retries: 0,
            transparent_retries: 0,
            hedges: 0,
            retry_delay: Duration::ZERO,
        };
        for observer in call.shared.observers.iter() {
            observer.call_ended(&ended);
        }
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        if self.observed.is_some() {
            self.end(&dropped());
        }
    }
}

/// Records one attempt from its pick, and reports its end to the picker's tracker and to the
/// observer exactly once: when [`end`](Self::end) is called, or as `CANCELLED` when it is dropped
/// before.
///
/// Empty, and of no cost, when the channel has no observer, the picker no tracker and the call no
/// throttle: it then keeps no reference to anything that calls share.
#[derive(Default)]
pub(crate) struct AttemptRecord(Option<Box<Attempt>>);

struct Attempt {
    shared: Arc<ChannelShared>,
    id: SubchannelId,
    /// The snapshot of the pick, if its picker has a tracker.
    snapshot: Option<Arc<Snapshot<Connection>>>,
    /// The call, if the channel has an observer.
    call: Option<Arc<ObservedCall>>,
    /// The number of the attempt among those of the call that were sent; the first is 1.
    number: u32,
    started: Instant,
    /// `None` until the request is sent.
    peer: Option<PeerAddr>,
    has_headers: bool,
    /// True when another attempt decides the call.
    is_overtaken: bool,
    /// True when the attempt was dropped before its end.
    is_dropped: bool,
    bytes_received: u64,
    /// The effect of the end on the throttle, if the call has a plan and the channel a throttle.
    throttle: Option<ThrottleShare>,
}

/// The end of an attempt.
pub(crate) struct AttemptEnd<'a> {
    pub(crate) status: &'a Status,
    /// The trailers, or the head of a trailers-only response.
    pub(crate) trailers: Option<&'a HeaderMap>,
    pub(crate) bytes_sent: u64,
}

impl<'a> AttemptEnd<'a> {
    /// Returns the end of an attempt whose server sent no status.
    pub(crate) fn without_trailers(status: &'a Status, bytes_sent: u64) -> Self {
        Self {
            status,
            trailers: None,
            bytes_sent,
        }
    }
}

impl AttemptRecord {
    /// Starts the record of an attempt that `snapshot`'s picker chose the subchannel `id` for.
    pub(crate) fn start(
        shared: &Arc<ChannelShared>,
        snapshot: &Arc<Snapshot<Connection>>,
        id: SubchannelId,
        call: &CallRecord,
        throttle: Option<ThrottleShare>,
    ) -> Self {
        let is_tracked = snapshot.picker.tracker().is_some();
        if !is_tracked && call.observed.is_none() && throttle.is_none() {
            return Self(None);
        }
        Self(Some(Box::new(Attempt {
            shared: Arc::clone(shared),
            id,
            snapshot: is_tracked.then(|| Arc::clone(snapshot)),
            call: call.observed.clone(),
            number: 0,
            started: shared.runtime.now(),
            peer: None,
            has_headers: false,
            is_overtaken: false,
            is_dropped: false,
            bytes_received: 0,
            throttle,
        })))
    }

    /// Returns true until the end of the attempt is reported; false if nothing is to be reported.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Leaves the throttle out: the attempt was not sent, is followed by a transparent retry, or was
    /// dropped.
    pub(crate) fn exempt(&mut self) {
        if let Some(attempt) = &mut self.0 {
            attempt.throttle = None;
        }
    }

    /// Records that another attempt decides the call: this one shows nothing of how the call ends.
    pub(crate) fn set_overtaken(&mut self) {
        self.exempt();
        if let Some(attempt) = &mut self.0 {
            attempt.is_overtaken = true;
        }
    }

    /// Records that the request was sent.
    pub(crate) fn sent_to(&mut self, peer: &PeerAddr) {
        if let Some(attempt) = &mut self.0 {
            attempt.peer = Some(peer.clone());
            if let Some(call) = &attempt.call {
                let mut totals = call.totals.lock();
                totals.attempts += 1;
                attempt.number = totals.attempts;
            }
        }
    }

    /// Records that the request is sent to another address than first meant.
    pub(crate) fn set_peer(&mut self, peer: &PeerAddr) {
        if let Some(attempt) = &mut self.0 {
            attempt.peer = Some(peer.clone());
        }
    }

    /// Records that the head of a response arrived.
    pub(crate) fn set_has_headers(&mut self) {
        if let Some(attempt) = &mut self.0 {
            attempt.has_headers = true;
        }
    }

    /// Records data of the response.
    pub(crate) fn add_bytes_received(&mut self, bytes: usize) {
        if let Some(attempt) = &mut self.0 {
            attempt.bytes_received += bytes as u64;
        }
    }

    /// Reports the end of the attempt, unless it was reported before.
    pub(crate) fn end(&mut self, end: &AttemptEnd<'_>) {
        let Some(attempt) = self.0.take() else {
            return;
        };
        let now = attempt.shared.runtime.now();
        let mut outcome = AttemptOutcome::new(end.status)
            .with_headers(attempt.has_headers)
            .with_latency(now.saturating_duration_since(attempt.started))
            .with_ended_at(now)
            .with_bytes(end.bytes_sent, attempt.bytes_received)
            .with_sent(attempt.peer.is_some())
            .with_dropped(attempt.is_dropped || attempt.is_overtaken);
        outcome.trailers = end.trailers;
        if let Some(throttle) = &attempt.throttle {
            let pushback = end.trailers.map(Pushback::of);
            throttle.handle_end(end.status.code(), pushback.unwrap_or_default());
        }
        if let Some(snapshot) = &attempt.snapshot
            && let Some(tracker) = snapshot.picker.tracker()
        {
            tracker.attempt_ended(attempt.id, &outcome);
        }
        // A pick whose connection was lost before the request was sent is not an attempt of the
        // call: only the tracker is notified of its end.
        let (Some(call), Some(peer)) = (attempt.call, attempt.peer) else {
            return;
        };
        let ended = AttemptEnded {
            started: AttemptStarted {
                path: call.path.path(),
                number: attempt.number,
                previous_attempts: 0,
                is_transparent_retry: false,
                is_hedged: false,
                at: attempt.started,
            },
            sent: Some(SentTo {
                peer: &peer,
                subchannel: attempt.id,
                connection: ConnectionId::START,
            }),
            latency: outcome.latency,
            outcome,
        };
        for observer in attempt.shared.observers.iter() {
            observer.attempt_ended(&ended);
        }
        let mut totals = call.totals.lock();
        totals.has_headers |= attempt.has_headers;
        totals.bytes_sent += end.bytes_sent;
        totals.bytes_received += attempt.bytes_received;
        if !attempt.is_overtaken {
            let trailers = end.trailers;
            totals.has_status = trailers.is_some_and(|own| own.contains_key(GRPC_STATUS));
            totals.peer = Some(peer);
        }
    }

    /// Reports the end of an attempt that was not sent. It shows nothing of the server, so the throttle
    /// is left out.
    pub(crate) fn end_unsent(&mut self, status: &Status) {
        self.exempt();
        self.end(&AttemptEnd::without_trailers(status, 0));
    }

    /// Reports the end of an attempt that was dropped before its end, unless it was reported
    /// before.
    pub(crate) fn end_dropped(&mut self, bytes_sent: u64) {
        if let Some(attempt) = &mut self.0 {
            attempt.is_dropped = true;
            self.exempt();
            self.end(&AttemptEnd::without_trailers(&dropped(), bytes_sent));
        }
    }
}

impl Drop for AttemptRecord {
    fn drop(&mut self) {
        self.end_dropped(0);
    }
}

fn since(shared: &ChannelShared, started: Instant) -> Duration {
    shared.runtime.now().saturating_duration_since(started)
}

/// Returns the status of a call or an attempt that was dropped before its end.
fn dropped() -> Status {
    Status::new(Code::Cancelled, "the call was dropped before its end")
}
