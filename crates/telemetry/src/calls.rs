//! The metrics of the calls of a channel.

use std::sync::Arc;

use trunkline_channel::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, Interests,
};
use trunkline_endpoint::{Address, BackendLabels, CustomLabel};
use trunkline_lb::SubchannelId;

use crate::instrument::Instrument;
use crate::instruments;
use crate::label::LabelKey;
use crate::method_series::AttemptMeasures;
use crate::methods::MethodTable;
use crate::recorder::{LazyRecorder, Scope};
use crate::subchannel_labels::SubchannelLabels;

/// The instruments that the start of an attempt records, beside that of the attempts which wait.
const OF_STARTS: &[&Instrument] = &[&instruments::ATTEMPT_STARTED];

/// The same for the end of an attempt.
const OF_ATTEMPTS: &[&Instrument] = &[
    &instruments::ATTEMPT_DURATION,
    &instruments::ATTEMPT_SENT,
    &instruments::ATTEMPT_RECEIVED,
];

/// The instruments that the end of a call records, beside that of the calls which are open.
const OF_CALLS: &[&Instrument] = &[
    &instruments::CALL_DURATION,
    &instruments::CALL_RETRIES,
    &instruments::CALL_TRANSPARENT_RETRIES,
    &instruments::CALL_HEDGES,
    &instruments::CALL_RETRY_DELAY,
];

/// The bytes before each message: a flag and the length.
///
/// Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md),
/// length-prefixed message.
const PREFIX: u64 = 5;

/// The metrics of the calls of a channel. Its methods take no lock and allocate nothing, once the
/// series of a method and its status exist.
#[derive(Debug)]
pub(crate) struct CallMetrics {
    scope: Arc<Scope>,
    interests: Interests,
    methods: MethodTable,
    /// Each is `None` where its instrument is off.
    open: Option<LazyRecorder>,
    waiting: Option<LazyRecorder>,
    wait: Option<LazyRecorder>,
    /// `None` where series have no labels of backends.
    labels: Option<SubchannelLabels>,
}

impl CallMetrics {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        let mut labels = [LabelKey::LOCALITY, LabelKey::BACKEND_SERVICE].into_iter();
        let has_labels = labels.any(|label| scope.has_label(label));
        let lazy = |instrument| {
            let is_on = scope.options.records(instrument);
            is_on.then(LazyRecorder::default)
        };
        let open = lazy(&instruments::CALLS_OPEN);
        let waiting = lazy(&instruments::ATTEMPTS_WAITING);
        let wait = lazy(&instruments::ATTEMPT_WAIT);
        let counts_waiting = waiting.is_some();
        let interests = Interests::NONE
            .with_attempt_started(counts_waiting || scope.records_any(OF_STARTS))
            .with_attempt_sent(counts_waiting || wait.is_some())
            .with_attempt_ended(counts_waiting || scope.records_any(OF_ATTEMPTS))
            .with_call_ended(open.is_some() || scope.records_any(OF_CALLS));
        let is_on = interests != Interests::NONE;
        Self {
            // The start of a call finds its method for all other facts.
            interests: interests.with_call_started(is_on),
            methods: MethodTable::new(Arc::clone(&scope)),
            open,
            waiting,
            wait,
            labels: has_labels.then(SubchannelLabels::default),
            scope,
        }
    }

    /// Returns which facts record anything.
    pub(crate) fn interests(&self) -> Interests {
        self.interests
    }

    /// Handles a new subchannel: attempts that are sent on it have the labels of its address.
    pub(crate) fn subchannel_created(&self, id: SubchannelId, address: &Address) {
        if let Some(labels) = &self.labels {
            labels.set(id, BackendLabels::of(address.attributes()));
        }
    }

    /// Handles the start of a call. Its tag keeps later facts from looking up its method again.
    #[inline]
    pub(crate) fn call_started(&self, call: &CallStarted<'_>) {
        self.add_open(1);
        let label = if self.methods.has_custom() {
            call.attributes.get::<CustomLabel>()
        } else {
            None
        };
        let label = label.map_or("", |label| label);
        call.set_tag(self.methods.tag(call.path, label));
    }

    #[inline]
    pub(crate) fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.add_waiting(1);
        let series = self.methods.series(attempt.tag, attempt.path);
        series.attempt_started(&self.scope);
    }

    pub(crate) fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.add_waiting(-1);
        if let Some(wait) = &self.wait {
            let waited = attempt.waited.as_secs_f64();
            let bind = || self.scope.bind(&instruments::ATTEMPT_WAIT, &[]);
            wait.record(waited, bind);
        }
    }

    #[inline]
    pub(crate) fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        if attempt.sent.is_none() {
            self.add_waiting(-1);
        }
        match &self.labels {
            None => self.record_end(attempt, None),
            Some(labels) => self.record_labelled(labels, attempt),
        }
    }

    fn record_labelled(&self, labels: &SubchannelLabels, attempt: &AttemptEnded<'_>) {
        match attempt.picked {
            Some(picked) => labels.with(picked, |labels| self.record_end(attempt, labels)),
            None => {
                let mut labels = BackendLabels::default();
                labels.backend_service = attempt.backend_service.cloned();
                let labels = Some(labels).filter(|labels| !labels.is_empty());
                self.record_end(attempt, labels.as_ref());
            }
        }
    }

    #[inline]
    fn record_end(&self, attempt: &AttemptEnded<'_>, labels: Option<&BackendLabels>) {
        let outcome = attempt.outcome;
        let measures = AttemptMeasures {
            code: outcome.status.code(),
            duration: attempt.latency.as_secs_f64(),
            sent: without_prefixes(outcome.bytes_sent, outcome.messages_sent),
            received: without_prefixes(outcome.bytes_received, outcome.messages_received),
            labels,
        };
        let started = &attempt.started;
        let series = self.methods.series(started.tag, started.path);
        series.attempt_ended(&self.scope, &measures);
    }

    #[inline]
    pub(crate) fn call_ended(&self, call: &CallEnded<'_>) {
        self.add_open(-1);
        let series = self.methods.series(call.tag, call.path);
        series.call_ended(&self.scope, call);
    }

    #[inline]
    fn add_open(&self, calls: i64) {
        if let Some(open) = &self.open {
            open.record(calls, || self.scope.bind(&instruments::CALLS_OPEN, &[]));
        }
    }

    #[inline]
    fn add_waiting(&self, attempts: i64) {
        if let Some(waiting) = &self.waiting {
            let bind = || self.scope.bind(&instruments::ATTEMPTS_WAITING, &[]);
            waiting.record(attempts, bind);
        }
    }
}

/// Returns the bytes of messages without their prefixes.
fn without_prefixes(bytes: u64, messages: u64) -> u64 {
    bytes.saturating_sub(PREFIX.saturating_mul(messages))
}
