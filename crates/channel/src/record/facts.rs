//! What is known of an observed call from its start on, and the observers that want it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::uri::PathAndQuery;
use trunkline_endpoint::Attributes;
use trunkline_status::Status;

use crate::observer::observers::CallObserver;
use crate::observer::{CallEnded, CallStarted, CallTrace, Interests, Observer};
use crate::record::progress::{EndedAttempt, Progress};
use crate::record::traces::Traces;

/// What is known of an observed call from its start on.
pub(crate) struct CallFacts {
    /// The observers of the channel that want facts of calls.
    observers: Box<[ObserverOfCall]>,
    /// What any of them wants of the call.
    wants: Interests,
    /// `None` if no observer traces the call.
    pub(crate) traces: Option<Traces>,
    /// `None` in memory that no call uses.
    path: Option<PathAndQuery>,
    pub(crate) started: Instant,
}

/// A call that starts.
#[derive(Clone, Copy)]
pub(crate) struct NewCall<'a> {
    pub(crate) path: &'a PathAndQuery,
    pub(crate) metadata: &'a HeaderMap,
    pub(crate) attributes: &'a Attributes,
}

/// An observer of a channel, and what it wants of one call.
struct ObserverOfCall {
    of_channel: CallObserver,
    /// What it wants of the call; nothing where it does not want the call.
    wants: Interests,
    /// What it has set as the tag of the call.
    tag: u64,
}

/// Returns the place of the first observer that wants a call which starts now.
pub(crate) fn first_wanting(observers: &[CallObserver]) -> Option<usize> {
    let mut observers = observers.iter();
    observers.position(|own| own.observer.observes_calls())
}

impl CallFacts {
    /// Returns memory for a call.
    pub(crate) fn unused(observers: &[CallObserver], now: Instant) -> Self {
        let own = observers.iter().map(|own| ObserverOfCall {
            of_channel: own.clone(),
            wants: Interests::NONE,
            tag: 0,
        });
        Self {
            wants: Interests::NONE,
            observers: own.collect(),
            traces: None,
            path: None,
            started: now,
        }
    }

    /// Handles the start of a call that the observer at `first` wants, and none before it: notifies those that
    /// want it.
    #[inline]
    pub(crate) fn start(&mut self, call: &NewCall<'_>, first: usize, now: Instant) {
        self.path = Some(call.path.clone());
        self.started = now;
        let tag = Cell::new(0);
        let started = CallStarted {
            path: call.path.path(),
            metadata: call.metadata,
            attributes: call.attributes,
            at: now,
            tag: &tag,
        };
        self.wants = Interests::NONE;
        for (at, own) in self.observers.iter_mut().enumerate() {
            let CallObserver { observer, wants } = &own.of_channel;
            own.wants = Interests::NONE;
            // Each is asked once for each call.
            if at == first || at > first && observer.observes_calls() {
                own.wants = *wants;
                self.wants = self.wants.or(*wants);
                if wants.call_started {
                    observer.call_started(&started);
                }
                own.tag = tag.take();
            }
        }
        if self.wants.traces {
            let tracers = self.wanting(|wants| wants.traces);
            self.traces = Traces::collect(tracers.filter_map(|(own, _)| own.trace_call(&started)));
        }
    }

    /// Frees what belongs to the call, so that another one can use the memory.
    pub(crate) fn clear(&mut self) {
        self.traces = None;
        self.path = None;
    }

    /// Returns the path of the call, `/package.Service/Method`.
    pub(crate) fn path(&self) -> &str {
        self.path.as_ref().map_or("", PathAndQuery::path)
    }

    /// Returns the traces of the call.
    pub(crate) fn traces(&self) -> &[Box<dyn CallTrace>] {
        self.traces.as_ref().map_or(&[], Traces::as_slice)
    }

    /// Returns the observers that want the call and this fact of it, each with what it has set as the tag of
    /// the call.
    #[inline]
    pub(crate) fn wanting(
        &self,
        is_wanted: impl Fn(&Interests) -> bool,
    ) -> impl Iterator<Item = (&dyn Observer, u64)> {
        let observers = self.observers.iter();
        let wanting = observers.filter(move |own| is_wanted(&own.wants));
        wanting.map(|own| (&*own.of_channel.observer, own.tag))
    }

    /// Returns whether a trace or an observer of the call wants this fact of it.
    #[inline]
    pub(crate) fn want(&self, is_wanted: impl Fn(&Interests) -> bool) -> bool {
        self.traces.is_some() || is_wanted(&self.wants)
    }

    /// Notifies observers and traces of the end of the call. `last` is an attempt that ends with it, and
    /// which is not in `progress`.
    #[inline(always)]
    pub(crate) fn report_end(
        &self,
        progress: &Progress,
        last: Option<&EndedAttempt<'_>>,
        status: &Status,
        latency: Duration,
    ) {
        if !self.want(|wants| wants.call_ended) {
            return;
        }
        let (mut totals, mut peer) = (progress.totals, progress.peer.as_ref());
        if let Some(last) = last {
            totals.add(last);
            peer = last.decisive_peer().or(peer);
        }
        let mut ended = CallEnded {
            path: self.path(),
            tag: 0,
            status,
            latency,
            attempts: totals.attempts,
            peer,
            has_headers: totals.has_headers,
            has_status: totals.has_status,
            bytes_sent: totals.bytes_sent,
            bytes_received: totals.bytes_received,
            retries: progress.retries,
            transparent_retries: progress.transparent_retries,
            hedges: progress.hedges,
            retry_delay: progress.retry_delay,
        };
        for (observer, tag) in self.wanting(|wants| wants.call_ended) {
            ended.tag = tag;
            observer.call_ended(&ended);
        }
        ended.tag = 0;
        for trace in self.traces() {
            trace.call_ended(&ended);
        }
    }
}
