//! The record of an attempt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use trunkline_lb::{AttemptOutcome, SubchannelId};
use trunkline_runtime::{PeerAddr, Runtime};
use trunkline_status::Status;
use trunkline_transport::{Connection, MessageListener};

use crate::core::connections::{ConnectionId, ReadyConnection};
use crate::core::holds::HoldId;
use crate::core::snapshot::Snapshot;
use crate::observer::{AttemptEnded, AttemptSent, Direction, SentTo};
use crate::record::call::CallRecord;
use crate::record::facts::CallFacts;
use crate::record::messages::{SentMessages, message_fact};
use crate::record::observed::{Attempt, ObservedCall, dropped};
use crate::record::pick::PickInForce;
use crate::record::progress::{AttemptKind, EndedAttempt};
use crate::throttle::ThrottleShare;

/// Records one attempt, and reports its end exactly once, to the picker's tracker and to the
/// observers: when [`end`](Self::end) is called, or as `CANCELLED` when it is dropped before.
///
/// An attempt of a call that an observer wants is recorded from its start, through all of its picks.
/// Every other one is recorded from its pick. It is empty, and of no cost, where the picker has no
/// tracker and the call no throttle: it then keeps no reference to anything that calls share.
#[derive(Default)]
pub(crate) struct AttemptRecord(Option<Box<Attempt>>);

/// The end of an attempt.
pub(crate) struct AttemptEnd<'a> {
    pub(crate) status: &'a Status,
    /// The trailers, or the head of a trailers-only response. This side may have added the status.
    pub(crate) trailers: Option<&'a HeaderMap>,
    /// True when the server sent the status, also in a head that did not end its response.
    pub(crate) has_status: bool,
    pub(crate) sent: SentData<'a>,
}

/// What an attempt has sent of the request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SentData<'a> {
    /// The other end; `None` if it was never sent.
    pub(crate) peer: Option<&'a PeerAddr>,
    /// The messages whose prefixes were sent.
    pub(crate) messages: u64,
    /// The bytes of messages, with their prefixes.
    pub(crate) bytes: u64,
}

impl<'a> AttemptEnd<'a> {
    /// Returns the end of an attempt whose server sent no status.
    pub(crate) fn without_trailers(status: &'a Status, sent: SentData<'a>) -> Self {
        Self {
            status,
            trailers: None,
            has_status: false,
            sent,
        }
    }
}

impl AttemptRecord {
    /// Starts an attempt that is about to be picked a connection. Does nothing if it has started, or if
    /// no observer wants the call. `kind` returns what the attempt is to its call. `now` is the time, if
    /// it is known.
    #[inline]
    pub(crate) fn start(
        &mut self,
        call: &mut CallRecord,
        now: Option<Instant>,
        kind: impl FnOnce() -> AttemptKind,
    ) {
        if self.0.is_none()
            && let Some(call) = call.observed()
        {
            self.0 = Some(call.start_attempt(kind(), now));
        }
    }

    /// Records that `snapshot`'s picker chose the subchannel of a hold.
    pub(crate) fn set_picked(
        &mut self,
        runtime: &Arc<dyn Runtime>,
        snapshot: &Arc<Snapshot<Connection>>,
        hold: HoldId,
        throttle: Option<ThrottleShare>,
    ) {
        let is_tracked = snapshot.picker.tracker().is_some();
        if self.0.is_none() && !is_tracked && throttle.is_none() {
            return;
        }
        let attempt = self.0.get_or_insert_with(|| {
            let now = runtime.now();
            Box::new(Attempt::new(Arc::clone(runtime), now))
        });
        attempt.pick = Some(PickInForce {
            hold,
            subchannel: hold,
            snapshot: is_tracked.then(|| Arc::clone(snapshot)),
            throttle,
            at: if attempt.facts.has_waited {
                runtime.now()
            } else {
                attempt.started
            },
        });
    }

    /// Records that the pick has a connection: `ready` is one of the subchannel.
    pub(crate) fn set_connected(&mut self, ready: &ReadyConnection<Connection>) {
        let Some(attempt) = &mut self.0 else {
            return;
        };
        if let Some(pick) = &mut attempt.pick {
            pick.subchannel = ready.id;
        }
        if std::mem::replace(&mut attempt.facts.is_connected, true) || !attempt.facts.has_waited {
            return;
        }
        if let (Some(call), Some(pick)) = (&attempt.call, &attempt.pick) {
            let waited = pick.at.saturating_duration_since(attempt.started);
            for trace in call.facts.traces() {
                trace.pick_delayed(attempt.number, waited, pick.at);
            }
        }
    }

    /// Handles the loss of the pick's connection before the request was sent: ends the pick, with this
    /// status. The attempt of an observed call goes on, with its next pick.
    pub(crate) fn lose_pick(&mut self, status: &Status) {
        let Some(attempt) = &mut self.0 else {
            return;
        };
        let pick = attempt.pick.take();
        if let Some(pick) = pick.filter(|pick| pick.snapshot.is_some()) {
            let now = attempt.runtime.now();
            let outcome = AttemptOutcome::new(status)
                .with_latency(now.saturating_duration_since(pick.at))
                .with_ended_at(now);
            pick.end(&outcome);
        }
        if attempt.call.is_none() {
            self.0 = None;
        }
    }

    /// Records that the attempt waits: for a connection, for credentials or in line.
    pub(crate) fn set_waiting(&mut self) {
        if let Some(attempt) = &mut self.0 {
            attempt.facts.has_waited = true;
        }
    }

    /// Returns true until the end of the attempt is reported; false if nothing is to be reported.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Leaves the throttle out: the attempt was not sent, is followed by a transparent retry, or was
    /// dropped.
    pub(crate) fn exempt(&mut self) {
        if let Some(pick) = self.0.as_mut().and_then(|own| own.pick.as_mut()) {
            pick.throttle = None;
        }
    }

    /// Records that another attempt decides the call: this one shows nothing of how the call ends.
    pub(crate) fn set_overtaken(&mut self) {
        self.exempt();
        if let Some(attempt) = &mut self.0 {
            attempt.facts.is_overtaken = true;
        }
    }

    /// Adds the headers of traces to those of the request, which is about to be sent. Returns what is
    /// notified of each message that the attempt sends, if the call is traced.
    pub(crate) fn inject(&mut self, headers: &mut HeaderMap) -> Option<Arc<dyn MessageListener>> {
        let attempt = self.0.as_mut()?;
        let call = attempt.call.as_ref()?;
        let traces = call.facts.traces.as_ref()?;
        traces.inject(attempt.number, headers);
        let runtime = Arc::clone(&attempt.runtime);
        let messages = Arc::new(SentMessages::new(traces.clone(), runtime, attempt.number));
        attempt.facts.sent_messages = Some(Arc::clone(&messages));
        Some(messages)
    }

    /// Records that the request was handed to a connection.
    pub(crate) fn set_sent(&mut self, peer: &PeerAddr, connection: ConnectionId) {
        let Some(attempt) = &mut self.0 else {
            return;
        };
        attempt.facts.is_sent = true;
        let (Some(call), Some(pick)) = (&attempt.call, &attempt.pick) else {
            return;
        };
        attempt.facts.sent_on = Some(connection);
        let facts = &call.facts;
        if !facts.want(|wants| wants.attempt_sent) {
            return;
        }
        // The clock costs time, so it is not read where it would show next to nothing.
        let (at, waited) = if attempt.facts.has_waited || facts.traces.is_some() {
            let now = attempt.runtime.now();
            (now, now.saturating_duration_since(attempt.started))
        } else {
            (attempt.started, Duration::ZERO)
        };
        let mut sent = AttemptSent {
            path: facts.path(),
            tag: 0,
            number: attempt.number,
            to: SentTo {
                peer,
                subchannel: pick.subchannel,
                connection,
            },
            waited,
            at,
        };
        for (observer, tag) in facts.wanting(|wants| wants.attempt_sent) {
            sent.tag = tag;
            observer.attempt_sent(&sent);
        }
        sent.tag = 0;
        for trace in facts.traces() {
            trace.attempt_sent(&sent);
        }
        if let Some(messages) = &attempt.facts.sent_messages {
            messages.handle_attempt_sent();
        }
    }

    /// Records the service that a picker named for the attempt.
    pub(crate) fn set_backend_service(&mut self, service: Arc<str>) {
        if let Some(attempt) = &mut self.0 {
            attempt.facts.backend_service = Some(service);
        }
    }

    /// Records that the head of a response arrived.
    pub(crate) fn set_has_headers(&mut self) {
        if let Some(attempt) = &mut self.0 {
            attempt.facts.has_headers = true;
        }
    }

    /// Records data of the response.
    pub(crate) fn add_received(&mut self, data: &[u8]) {
        let Some(attempt) = self.0.as_deref_mut() else {
            return;
        };
        attempt.facts.bytes_received += data.len() as u64;
        let call = attempt.call.as_ref();
        match call.filter(|call| call.facts.traces.is_some()) {
            None => attempt.facts.received.handle_data(data, |_| ()),
            Some(call) => attempt.facts.received.handle_data(data, |message| {
                let at = call.runtime.now();
                let fact = message_fact(attempt.number, Direction::Received, message, at);
                for trace in call.facts.traces() {
                    trace.message(&fact);
                }
            }),
        }
    }

    /// Reports the end of the attempt, unless it was reported before.
    pub(crate) fn end(&mut self, end: &AttemptEnd<'_>) {
        if let Some(attempt) = self.0.take() {
            attempt.end(end, None);
        }
    }

    /// Reports the end of the attempt, and of its call, which ends with it, each unless it was reported
    /// before.
    pub(crate) fn end_with_call(&mut self, end: &AttemptEnd<'_>, call: &mut CallRecord) {
        match self.0.take() {
            Some(attempt) => attempt.end(end, Some(call)),
            None => call.end(end.status, None),
        }
    }

    /// Reports the end of an attempt that was not sent. It shows nothing of the server, so the throttle
    /// is left out.
    pub(crate) fn end_unsent(&mut self, status: &Status) {
        self.exempt();
        self.end(&AttemptEnd::without_trailers(status, SentData::default()));
    }

    /// Reports the end of an attempt that was not sent, because another one decides the call.
    pub(crate) fn end_overtaken(&mut self, status: &Status) {
        self.set_overtaken();
        self.end_unsent(status);
    }

    /// Reports the end of an attempt that was dropped before its end, unless it was reported
    /// before. `sent` returns what it has sent.
    pub(crate) fn end_dropped<'a>(&mut self, sent: impl FnOnce() -> SentData<'a>) {
        if let Some(attempt) = &mut self.0 {
            attempt.facts.is_dropped = true;
            self.exempt();
            self.end(&AttemptEnd::without_trailers(&dropped(), sent()));
        }
    }
}

impl Drop for AttemptRecord {
    fn drop(&mut self) {
        self.end_dropped(SentData::default);
    }
}

impl Attempt {
    /// Reports the end of the attempt, and then that of its call, if `call` ends with it.
    fn end(mut self: Box<Self>, end: &AttemptEnd<'_>, call: Option<&mut CallRecord>) {
        let observed = self.call.take();
        let ended = self.report_end(end, observed.as_deref());
        match (call, observed) {
            (Some(call), observed) => {
                // The attempt uses the call no longer, so that the call can be ended without a lock.
                let last = observed.map(|_| (self, &ended));
                call.end_after(end.status, last, Some(ended.at));
            }
            (None, Some(observed)) => observed.end_attempt(self, &ended),
            (None, None) => {}
        }
    }

    /// Reports the end of the attempt to the throttle, the picker's tracker, observers and traces. `call` is
    /// the call, if an observer wants it.
    #[inline]
    fn report_end<'a>(
        &mut self,
        end: &AttemptEnd<'a>,
        call: Option<&ObservedCall>,
    ) -> EndedAttempt<'a> {
        let now = self.runtime.now();
        let latency = now.saturating_duration_since(self.started);
        let facts = call.map(|call| &call.facts);
        let facts = facts.filter(|facts| facts.want(|wants| wants.attempt_ended));
        let picked = self.pick.as_ref().map(|pick| pick.subchannel);
        let tracked = self.pick.as_ref().filter(|pick| pick.is_tracked());
        if tracked.is_some() || facts.is_some() {
            let since_pick = match tracked {
                Some(pick) if pick.at == self.started => latency,
                Some(pick) => now.saturating_duration_since(pick.at),
                None => Duration::ZERO,
            };
            let outcome = self.outcome(end, since_pick, now);
            if let Some(pick) = tracked {
                pick.end(&outcome);
            }
            if let Some(messages) = self.facts.sent_messages.take() {
                messages.handle_attempt_ended();
            }
            if let Some(facts) = facts {
                self.notify_ended(facts, &outcome, picked, end.sent.peer, latency);
            }
        }
        self.pick = None;
        EndedAttempt {
            peer: end.sent.peer.filter(|_| self.facts.sent_on.is_some()),
            has_headers: self.facts.has_headers,
            has_status: end.has_status,
            is_overtaken: self.facts.is_overtaken,
            bytes_sent: end.sent.bytes,
            bytes_received: self.facts.bytes_received,
            started: self.started,
            latency,
            at: now,
        }
    }

    /// Reports the end to observers and traces. `picked` is the subchannel of its pick, if it has one.
    #[inline]
    fn notify_ended(
        &self,
        facts: &CallFacts,
        outcome: &AttemptOutcome<'_>,
        picked: Option<SubchannelId>,
        peer: Option<&PeerAddr>,
        latency: Duration,
    ) {
        let sent_on = self.facts.sent_on.zip(picked).zip(peer);
        let mut ended = AttemptEnded {
            started: self.started(facts.path()),
            sent: sent_on.map(|((connection, subchannel), peer)| SentTo {
                peer,
                subchannel,
                connection,
            }),
            picked,
            backend_service: self.facts.backend_service.as_ref(),
            latency,
            outcome,
        };
        for (observer, tag) in facts.wanting(|wants| wants.attempt_ended) {
            ended.started.tag = tag;
            observer.attempt_ended(&ended);
        }
        ended.started.tag = 0;
        for trace in facts.traces() {
            trace.attempt_ended(&ended);
        }
    }

    #[inline]
    fn outcome<'a>(
        &self,
        end: &AttemptEnd<'a>,
        since_pick: Duration,
        now: Instant,
    ) -> AttemptOutcome<'a> {
        let facts = &self.facts;
        let mut outcome = AttemptOutcome::new(end.status)
            .with_headers(facts.has_headers)
            .with_latency(since_pick)
            .with_ended_at(now)
            .with_bytes(end.sent.bytes, facts.bytes_received)
            .with_messages(end.sent.messages, facts.received.messages())
            .with_sent(facts.is_sent)
            .with_dropped(facts.is_dropped || facts.is_overtaken);
        outcome.trailers = end.trailers;
        outcome
    }
}
