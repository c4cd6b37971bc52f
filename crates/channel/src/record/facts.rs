//! What is known of an observed call and of its attempts.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::uri::PathAndQuery;
use trunkline_lb::SubchannelId;
use trunkline_runtime::{Lock, PeerAddr, Runtime};
use trunkline_status::{Code, Status};
use trunkline_transport::{Connection, MessageCounter};

use crate::core::connections::ConnectionId;
use crate::core::snapshot::Snapshot;
use crate::observer::observers::Observers;
use crate::observer::{AttemptStarted, CallEnded, CallStarted, CallTrace, Observer};
use crate::record::messages::SentMessages;
use crate::record::traces::Traces;
use crate::throttle::ThrottleShare;

/// The memory of an observed call that has ended, for another call of the same channel.
pub(crate) type SpareCall = Arc<ObservedCall>;

/// A call that an observer wants.
///
/// It is used again for later calls, so that an observed call allocates nothing.
pub(crate) struct ObservedCall {
    observers: Observers,
    pub(crate) runtime: Arc<dyn Runtime>,
    /// The observers that want this call.
    wanted: Vec<Wanted>,
    /// `None` if no observer traces the call.
    pub(crate) traces: Option<Traces>,
    /// `None` in memory that no call uses.
    path: Option<PathAndQuery>,
    started: Instant,
    pub(crate) progress: Lock<Progress>,
}

/// An observer that wants a call.
#[derive(Clone, Copy)]
struct Wanted {
    /// Its place among the observers of the channel.
    at: usize,
    /// What it has set as the tag of the call.
    tag: u64,
}

/// What has happened to a call so far, and the totals over its attempts.
#[derive(Default)]
pub(crate) struct Progress {
    /// When the call began to wait for the first resolution, if it did.
    pub(crate) unresolved_since: Option<Instant>,
    /// The attempts that were started.
    pub(crate) started: u32,
    pub(crate) retries: u32,
    pub(crate) transparent_retries: u32,
    pub(crate) hedges: u32,
    /// The attempts that have not ended.
    running: u32,
    /// When the last one of them ended.
    idle_since: Option<Instant>,
    pub(crate) retry_delay: Duration,
    /// Of the attempts that were sent, those that have ended.
    pub(crate) sent: u32,
    /// The address of the attempt that ended last, of those that no other one has overtaken.
    pub(crate) peer: Option<PeerAddr>,
    /// True when the head of a response arrived.
    pub(crate) has_headers: bool,
    /// True when that attempt has the status of a server.
    pub(crate) has_status: bool,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    /// The memory of an attempt that has ended, for the next one.
    spare: Option<Box<Attempt>>,
}

/// What an attempt is to its call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AttemptKind {
    /// The number of attempts before this one, without transparent retries.
    pub(crate) previous_attempts: u32,
    pub(crate) is_transparent_retry: bool,
    pub(crate) is_hedged: bool,
}

/// One attempt, from its start to its end.
pub(crate) struct Attempt {
    pub(crate) runtime: Arc<dyn Runtime>,
    /// The call, if an observer wants it. Otherwise the record begins with the pick, and only the
    /// picker and the throttle are notified of the end.
    pub(crate) call: Option<Arc<ObservedCall>>,
    /// The number of the attempt among those of the call that were started; the first is 1.
    pub(crate) number: u32,
    pub(crate) kind: AttemptKind,
    pub(crate) started: Instant,
    /// The pick in force, whose end is not reported yet.
    pub(crate) pick: Option<PickInForce>,
    pub(crate) facts: AttemptFacts,
}

/// What has happened to an attempt so far.
#[derive(Default)]
pub(crate) struct AttemptFacts {
    /// True once the attempt had to wait: for a pick, for credentials or in line.
    pub(crate) has_waited: bool,
    /// True once it had a connection.
    pub(crate) is_connected: bool,
    /// True once the request is sent.
    pub(crate) is_sent: bool,
    /// The other end of an observed attempt that was sent.
    pub(crate) sent_to: Option<(PeerAddr, ConnectionId)>,
    /// Reports the messages that the attempt sends, if the call is traced.
    pub(crate) sent_messages: Option<Arc<SentMessages>>,
    pub(crate) has_headers: bool,
    /// True when another attempt decides the call.
    pub(crate) is_overtaken: bool,
    /// True when the attempt was dropped before its end.
    pub(crate) is_dropped: bool,
    pub(crate) bytes_received: u64,
    pub(crate) received: MessageCounter,
}

/// An attempt whose end was reported, but not counted for its call.
pub(crate) struct EndedAttempt {
    pub(crate) attempt: Box<Attempt>,
    /// True when it has the status of a server.
    pub(crate) has_status: bool,
    pub(crate) bytes_sent: u64,
    /// The time from its start to its end.
    pub(crate) latency: Duration,
    pub(crate) at: Instant,
}

/// A pick whose end is not reported yet.
pub(crate) struct PickInForce {
    pub(crate) id: SubchannelId,
    /// The snapshot of the pick, if its picker has a tracker.
    pub(crate) snapshot: Option<Arc<Snapshot<Connection>>>,
    /// The effect of the end on the throttle, if the call has a plan and the channel a throttle.
    pub(crate) throttle: Option<ThrottleShare>,
    pub(crate) at: Instant,
}

impl Attempt {
    /// Returns an attempt that has just started.
    pub(crate) fn new(runtime: Arc<dyn Runtime>, now: Instant) -> Self {
        Self {
            runtime,
            call: None,
            number: 0,
            kind: AttemptKind::default(),
            started: now,
            pick: None,
            facts: AttemptFacts::default(),
        }
    }

    /// Returns what observers receive of the start of an attempt of `call`, without a tag.
    pub(crate) fn started<'a>(&self, call: &'a ObservedCall) -> AttemptStarted<'a> {
        AttemptStarted {
            path: call.path(),
            tag: 0,
            number: self.number,
            previous_attempts: self.kind.previous_attempts,
            is_transparent_retry: self.kind.is_transparent_retry,
            is_hedged: self.kind.is_hedged,
            at: self.started,
        }
    }
}

impl Progress {
    /// Counts an attempt that starts now. Returns its number, and memory for it if there is some.
    fn start(&mut self, kind: AttemptKind, now: Instant) -> (u32, Option<Box<Attempt>>) {
        let is_first = self.started == 0;
        self.started += 1;
        if kind.is_transparent_retry {
            self.transparent_retries += 1;
        } else if !is_first {
            let count = if kind.is_hedged {
                &mut self.hedges
            } else {
                &mut self.retries
            };
            *count += 1;
        }
        if self.running == 0
            && let Some(since) = self.idle_since
        {
            self.retry_delay += now.saturating_duration_since(since);
        }
        self.running += 1;
        (self.started, self.spare.take())
    }

    /// Counts the end of an attempt, and keeps its memory.
    fn end(&mut self, ended: EndedAttempt) {
        let mut attempt = ended.attempt;
        let facts = std::mem::take(&mut attempt.facts);
        self.running -= 1;
        if self.running == 0 {
            self.idle_since = Some(ended.at);
        }
        if let Some((peer, _)) = facts.sent_to {
            self.sent += 1;
            self.has_headers |= facts.has_headers;
            self.bytes_sent += ended.bytes_sent;
            self.bytes_received += facts.bytes_received;
            if !facts.is_overtaken {
                self.has_status = ended.has_status;
                self.peer = Some(peer);
            }
        }
        self.spare.get_or_insert(attempt);
    }

    /// Returns the progress at the end of the call, and forgets it. The attempts that still run stay
    /// counted, because each of them ends later.
    fn take(&mut self) -> Self {
        let still = Self {
            running: self.running,
            ..Self::default()
        };
        std::mem::replace(self, still)
    }
}

impl ObservedCall {
    /// Starts a call, if an observer wants it, and notifies these observers. `spare` returns memory to
    /// use again, if there is some.
    pub(crate) fn start(
        observers: &Observers,
        runtime: &Arc<dyn Runtime>,
        path: &PathAndQuery,
        metadata: &HeaderMap,
        now: Instant,
        spare: impl FnOnce() -> Option<SpareCall>,
    ) -> Option<Arc<Self>> {
        let mut wanted = (0..)
            .zip(observers.iter())
            .filter(|(_, observer)| observer.observes_calls())
            .map(|(at, _)| Wanted { at, tag: 0 });
        let first = wanted.next()?;
        let mut call = spare().unwrap_or_else(|| Arc::new(Self::unused(observers, runtime, now)));
        if Arc::get_mut(&mut call).is_none() {
            call = Arc::new(Self::unused(observers, runtime, now));
        }
        let own = Arc::get_mut(&mut call)?;
        own.wanted.push(first);
        own.wanted.extend(wanted);
        own.path = Some(path.clone());
        own.started = now;
        let tag = Cell::new(0);
        let started = CallStarted {
            path: path.path(),
            metadata,
            at: now,
            tag: &tag,
        };
        for wanted in &mut own.wanted {
            if let Some(observer) = observers.get(wanted.at) {
                observer.call_started(&started);
                wanted.tag = tag.take();
            }
        }
        let traces = own
            .observers()
            .filter_map(|(own, _)| own.trace_call(&started));
        own.traces = Traces::collect(traces);
        Some(call)
    }

    fn unused(observers: &Observers, runtime: &Arc<dyn Runtime>, now: Instant) -> Self {
        Self {
            observers: observers.clone(),
            runtime: Arc::clone(runtime),
            wanted: Vec::with_capacity(1),
            traces: None,
            path: None,
            started: now,
            progress: Lock::default(),
        }
    }

    /// Returns the path of the call, `/package.Service/Method`.
    pub(crate) fn path(&self) -> &str {
        self.path.as_ref().map_or("", PathAndQuery::path)
    }

    /// Returns the observers that want the call, each with what it has set as the tag of the call.
    pub(crate) fn observers(&self) -> impl Iterator<Item = (&dyn Observer, u64)> {
        let wanted = self.wanted.iter();
        wanted.filter_map(|own| Some((self.observers.get(own.at)?, own.tag)))
    }

    /// Returns the traces of the call.
    pub(crate) fn traces(&self) -> &[Box<dyn CallTrace>] {
        self.traces.as_ref().map_or(&[], Traces::as_slice)
    }

    /// Starts an attempt of the call. `now` is the time, if it is known.
    pub(crate) fn start_attempt(
        self: &mut Arc<Self>,
        kind: AttemptKind,
        now: Option<Instant>,
    ) -> Box<Attempt> {
        let now = now.unwrap_or_else(|| self.runtime.now());
        // No attempt of a call that is not hedged runs now, so the call is not shared.
        let (number, spare) = match Arc::get_mut(self) {
            Some(own) => own.progress.get_mut().start(kind, now),
            None => self.progress.lock().start(kind, now),
        };
        let mut attempt =
            spare.unwrap_or_else(|| Box::new(Attempt::new(Arc::clone(&self.runtime), now)));
        attempt.number = number;
        attempt.kind = kind;
        attempt.started = now;
        let mut started = attempt.started(self);
        for (observer, tag) in self.observers() {
            started.tag = tag;
            observer.attempt_started(&started);
        }
        started.tag = 0;
        for trace in self.traces() {
            trace.attempt_started(&started);
        }
        attempt.call = Some(Arc::clone(self));
        attempt
    }

    /// Handles the end of an attempt, which was reported.
    pub(crate) fn end_attempt(&self, ended: EndedAttempt) {
        self.progress.lock().end(ended);
    }

    /// Handles the end of the call: notifies observers and traces. `last` is an attempt that ends with
    /// it. Returns memory that another call can use; `None` if an attempt still uses it.
    pub(crate) fn end(
        mut self: Arc<Self>,
        status: &Status,
        last: Option<EndedAttempt>,
        now: Option<Instant>,
    ) -> Option<SpareCall> {
        let now = now.unwrap_or_else(|| self.runtime.now());
        let latency = match &last {
            Some(last) if last.attempt.started == self.started => last.latency,
            _ => now.saturating_duration_since(self.started),
        };
        let Some(own) = Arc::get_mut(&mut self) else {
            let mut shared = self.progress.lock();
            last.into_iter().for_each(|ended| shared.end(ended));
            let progress = shared.take();
            drop(shared);
            self.report_end(&progress, status, latency);
            return None;
        };
        let mut progress = std::mem::take(own.progress.get_mut());
        last.into_iter().for_each(|ended| progress.end(ended));
        own.report_end(&progress, status, latency);
        own.progress.get_mut().spare = progress.spare;
        // Frees what belongs to the call.
        own.wanted.clear();
        own.traces = None;
        own.path = None;
        Some(self)
    }

    fn report_end(&self, progress: &Progress, status: &Status, latency: Duration) {
        let mut ended = CallEnded {
            path: self.path(),
            tag: 0,
            status,
            latency,
            attempts: progress.sent,
            peer: progress.peer.as_ref(),
            has_headers: progress.has_headers,
            has_status: progress.has_status,
            bytes_sent: progress.bytes_sent,
            bytes_received: progress.bytes_received,
            retries: progress.retries,
            transparent_retries: progress.transparent_retries,
            hedges: progress.hedges,
            retry_delay: progress.retry_delay,
        };
        for (observer, tag) in self.observers() {
            ended.tag = tag;
            observer.call_ended(&ended);
        }
        ended.tag = 0;
        for trace in self.traces() {
            trace.call_ended(&ended);
        }
    }
}

/// Returns the status of a call or an attempt that was dropped before its end.
pub(crate) fn dropped() -> Status {
    Status::new(Code::Cancelled, "the call was dropped before its end")
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use trunkline_sim::Sim;

    use super::*;

    /// An observer that wants all calls.
    #[derive(Debug)]
    struct All;

    impl Observer for All {}

    /// Returns an attempt that ends now, and which was not sent.
    fn ended(attempt: Box<Attempt>, at: Instant) -> EndedAttempt {
        EndedAttempt {
            attempt,
            has_status: false,
            bytes_sent: 0,
            latency: Duration::ZERO,
            at,
        }
    }

    /// An attempt may end after its call, whose end has reported the progress: it is counted once.
    #[test]
    fn an_attempt_that_ends_after_its_call() {
        let sim = Sim::new(1);
        let runtime = sim.runtime();
        let now = runtime.now();
        let observers = Observers::new(vec![Arc::new(All)]);
        let path = PathAndQuery::from_static("/p.Orders/Get");
        let metadata = HeaderMap::new();
        let call = ObservedCall::start(&observers, &runtime, &path, &metadata, now, || None);
        let mut call = call.expect("an observer wants the call");
        let kind = AttemptKind::default();
        let [early, late] = [(); 2].map(|()| call.start_attempt(kind, Some(now)));
        let of_late = late.call.clone().expect("the call of the attempt");
        let spare = call.end(&dropped(), Some(ended(early, now)), Some(now));
        assert!(spare.is_none());
        assert_eq!(of_late.progress.lock().running, 1);
        of_late.end_attempt(ended(late, now));
        assert_eq!(of_late.progress.lock().running, 0);
    }
}
