//! An observed call, and its attempts.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_runtime::{Lock, Runtime};
use trunkline_status::{Code, Status};
use trunkline_transport::MessageCounter;

use crate::core::connections::ConnectionId;
use crate::observer::AttemptStarted;
use crate::observer::observers::CallObserver;
use crate::record::facts::{CallFacts, NewCall, first_wanting};
use crate::record::messages::SentMessages;
use crate::record::pick::PickInForce;
use crate::record::progress::{AttemptKind, EndedAttempt, Progress};

/// The memory of an observed call that has ended, for another call of the same channel.
pub(crate) type SpareCall = Arc<ObservedCall>;

/// A call that an observer wants.
///
/// It is used again for later calls, so that an observed call allocates nothing.
pub(crate) struct ObservedCall {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) facts: CallFacts,
    state: Lock<CallState>,
}

/// What the call and its attempts write.
#[derive(Default)]
struct CallState {
    progress: Progress,
    /// The memory of an attempt that has ended, for the next one.
    spare: Option<Box<Attempt>>,
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
    pub(crate) has_headers: bool,
    /// True when another attempt decides the call.
    pub(crate) is_overtaken: bool,
    /// True when the attempt was dropped before its end.
    pub(crate) is_dropped: bool,
    /// The connection that an observed attempt was sent on.
    pub(crate) sent_on: Option<ConnectionId>,
    /// The last service that a picker named for the attempt.
    pub(crate) backend_service: Option<Arc<str>>,
    /// Reports the messages that the attempt sends, if the call is traced.
    pub(crate) sent_messages: Option<Arc<SentMessages>>,
    pub(crate) bytes_received: u64,
    pub(crate) received: MessageCounter,
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

    /// Returns what observers receive of the start of an attempt of the call with this path, without a tag.
    pub(crate) fn started<'a>(&self, path: &'a str) -> AttemptStarted<'a> {
        AttemptStarted {
            path,
            tag: 0,
            number: self.number,
            previous_attempts: self.kind.previous_attempts,
            is_transparent_retry: self.kind.is_transparent_retry,
            is_hedged: self.kind.is_hedged,
            at: self.started,
        }
    }
}

impl ObservedCall {
    /// Starts a call, if an observer wants it, and notifies these observers. `spare` returns memory to
    /// use again, if there is some, and `now` the time.
    ///
    /// Not inlined: most channels have no observer of calls, and pass by.
    #[inline(never)]
    pub(crate) fn start(
        observers: &[CallObserver],
        runtime: &Arc<dyn Runtime>,
        call: &NewCall<'_>,
        spare: impl FnOnce() -> Option<SpareCall>,
        now: impl FnOnce() -> Instant,
    ) -> Option<Arc<Self>> {
        let first = first_wanting(observers)?;
        let now = now();
        let mut observed = spare().unwrap_or_else(|| {
            Arc::new(Self {
                runtime: Arc::clone(runtime),
                facts: CallFacts::unused(observers, now),
                state: Lock::default(),
            })
        });
        // There is no other reference: memory is given back only then.
        let own = Arc::get_mut(&mut observed)?;
        own.facts.start(call, first, now);
        Some(observed)
    }

    /// Starts an attempt of the call. `now` is the time, if it is known.
    ///
    /// Not inlined: most calls have no observer, and pass by.
    #[inline(never)]
    pub(crate) fn start_attempt(
        self: &mut Arc<Self>,
        kind: AttemptKind,
        now: Option<Instant>,
    ) -> Box<Attempt> {
        let now = now.unwrap_or_else(|| self.runtime.now());
        // No attempt of a call that is not hedged runs now, so the call is not shared.
        let (number, spare) = match Arc::get_mut(self) {
            Some(own) => own.state.get_mut().start(kind, now),
            None => self.state.lock().start(kind, now),
        };
        let mut attempt =
            spare.unwrap_or_else(|| Box::new(Attempt::new(Arc::clone(&self.runtime), now)));
        attempt.number = number;
        attempt.kind = kind;
        attempt.started = now;
        attempt.call = Some(Arc::clone(self));
        let facts = &self.facts;
        if facts.want(|wants| wants.attempt_started) {
            let mut started = attempt.started(facts.path());
            for (observer, tag) in facts.wanting(|wants| wants.attempt_started) {
                started.tag = tag;
                observer.attempt_started(&started);
            }
            started.tag = 0;
            for trace in facts.traces() {
                trace.attempt_started(&started);
            }
        }
        attempt
    }

    /// Handles the end of an attempt, which was reported, and after which the call goes on.
    pub(crate) fn end_attempt(&self, attempt: Box<Attempt>, ended: &EndedAttempt<'_>) {
        let mut state = self.state.lock();
        state.progress.end(ended);
        state.keep(attempt);
    }

    /// Records that the call waits for the first resolution of the name, since `now`.
    pub(crate) fn wait_for_resolution(&self, now: impl FnOnce() -> Instant) {
        let mut state = self.state.lock();
        state.progress.unresolved_since.get_or_insert_with(now);
    }

    /// Returns since when the call has waited for the first resolution, if it has. The wait is over.
    pub(crate) fn take_unresolved(&self) -> Option<Instant> {
        self.state.lock().progress.unresolved_since.take()
    }

    /// Handles the end of the call: notifies observers and traces. `last` is an attempt that ends with
    /// it, and `now` the time, if it is known. Returns memory that another call can use; `None` if an
    /// attempt still uses it.
    #[inline]
    pub(crate) fn end(
        mut self: Arc<Self>,
        status: &Status,
        last: Option<(Box<Attempt>, &EndedAttempt<'_>)>,
        now: Option<Instant>,
    ) -> Option<SpareCall> {
        let (memory, last) = last.unzip();
        let latency = match last {
            Some(last) if last.started == self.facts.started => last.latency,
            _ => {
                let now = now.unwrap_or_else(|| self.runtime.now());
                now.saturating_duration_since(self.facts.started)
            }
        };
        let Some(own) = Arc::get_mut(&mut self) else {
            self.end_shared(last, status, latency);
            return None;
        };
        let state = own.state.get_mut();
        own.facts.report_end(&state.progress, last, status, latency);
        state.progress.clear();
        if let Some(memory) = memory {
            state.keep(memory);
        }
        own.facts.clear();
        Some(self)
    }

    /// Handles the end of the call while an attempt still uses it.
    #[cold]
    fn end_shared(&self, last: Option<&EndedAttempt<'_>>, status: &Status, latency: Duration) {
        let progress = mem::take(&mut self.state.lock().progress);
        self.facts.report_end(&progress, last, status, latency);
    }
}

impl CallState {
    /// Counts an attempt that starts now. Returns its number, and memory for it if there is some.
    #[inline]
    fn start(&mut self, kind: AttemptKind, now: Instant) -> (u32, Option<Box<Attempt>>) {
        (self.progress.start(kind, now), self.spare.take())
    }

    /// Keeps the memory of an attempt that has ended.
    #[inline]
    fn keep(&mut self, mut attempt: Box<Attempt>) {
        attempt.facts = AttemptFacts::default();
        self.spare.get_or_insert(attempt);
    }
}

/// Returns the status of a call or an attempt that was dropped before its end.
pub(crate) fn dropped() -> Status {
    Status::new(Code::Cancelled, "the call was dropped before its end")
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::uri::PathAndQuery;
    use trunkline_endpoint::Attributes;
    use trunkline_runtime::PeerAddr;
    use trunkline_sim::Sim;

    use super::*;
    use crate::observer::observers::Observers;
    use crate::observer::{CallEnded, Observer};

    /// Logs the numbers of attempts of the calls that end.
    #[derive(Debug, Default)]
    struct Ends(Lock<Vec<u32>>);

    impl Observer for Ends {
        fn call_ended(&self, call: &CallEnded<'_>) {
            self.0.lock().push(call.attempts);
        }
    }

    /// An attempt may end after its call, whose end has reported the progress: the call ends once, and its
    /// memory is not used again.
    #[test]
    fn an_attempt_that_ends_after_its_call() {
        let sim = Sim::new(1);
        let runtime = sim.runtime();
        let now = runtime.now();
        let ends = Arc::new(Ends::default());
        let observers = Observers::new(vec![Arc::clone(&ends) as _]);
        let new = NewCall {
            path: &PathAndQuery::from_static("/p.Orders/Get"),
            metadata: &HeaderMap::new(),
            attributes: &Attributes::new(),
        };
        let call = ObservedCall::start(observers.of_calls(), &runtime, &new, || None, || now);
        let mut call = call.expect("an observer wants the call");
        let kind = AttemptKind::default();
        let [mut early, mut late] = [(); 2].map(|()| call.start_attempt(kind, Some(now)));
        assert_eq!([early.number, late.number], [1, 2]);
        let of_late = late.call.take().expect("the call of the attempt");
        early.call = None;
        let peer = PeerAddr::from(std::net::SocketAddr::from(([192, 0, 2, 1], 443)));
        let ended = EndedAttempt {
            peer: Some(&peer),
            has_headers: false,
            has_status: false,
            is_overtaken: false,
            bytes_sent: 0,
            bytes_received: 0,
            started: now,
            latency: Duration::ZERO,
            at: now,
        };
        let spare = call.end(&dropped(), Some((early, &ended)), Some(now));
        assert!(spare.is_none());
        of_late.end_attempt(late, &ended);
        drop(of_late);
        assert_eq!(*ends.0.lock(), [1]);
    }
}
