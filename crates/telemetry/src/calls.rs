//! The metrics of the calls of a channel.

use std::sync::Arc;

use trunkline_channel::{AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted};
use trunkline_endpoint::{Address, BackendLabels};
use trunkline_lb::SubchannelId;

use crate::instrument::Instrument;
use crate::instruments;
use crate::label::LabelKey;
use crate::methods::{AttemptMeasures, MethodTable};
use crate::recorder::{LazyRecorder, Scope};
use crate::subchannel_labels::SubchannelLabels;

/// The instruments that are recorded by calls.
const OF_CALLS: &[&Instrument] = &[
    &instruments::ATTEMPT_STARTED,
    &instruments::ATTEMPT_DURATION,
    &instruments::ATTEMPT_SENT,
    &instruments::ATTEMPT_RECEIVED,
    &instruments::CALL_DURATION,
    &instruments::CALL_RETRIES,
    &instruments::CALL_TRANSPARENT_RETRIES,
    &instruments::CALL_HEDGES,
    &instruments::CALL_RETRY_DELAY,
    &instruments::CALLS_OPEN,
    &instruments::ATTEMPTS_WAITING,
    &instruments::ATTEMPT_WAIT,
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
    is_on: bool,
    methods: MethodTable,
    open: LazyRecorder,
    waiting: LazyRecorder,
    wait: LazyRecorder,
    /// `None` where series have no labels of backends.
    labels: Option<SubchannelLabels>,
}

impl CallMetrics {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        let mut labels = [LabelKey::LOCALITY, LabelKey::BACKEND_SERVICE].into_iter();
        let has_labels = labels.any(|label| scope.has_label(label));
        Self {
            is_on: scope.records_any(OF_CALLS),
            methods: MethodTable::new(Arc::clone(&scope)),
            open: LazyRecorder::default(),
            waiting: LazyRecorder::default(),
            wait: LazyRecorder::default(),
            labels: has_labels.then(SubchannelLabels::default),
            scope,
        }
    }

    /// Returns whether calls record anything.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Handles a new subchannel: attempts that are sent on it have the labels of its address.
    pub(crate) fn subchannel_created(&self, id: SubchannelId, address: &Address) {
        if let Some(labels) = &self.labels {
            labels.set(id, BackendLabels::of(address.attributes()));
        }
    }

    /// Handles the start of a call. Its tag keeps later facts from looking up its method again.
    pub(crate) fn call_started(&self, call: &CallStarted<'_>) {
        self.add_open(1);
        call.set_tag(self.methods.tag(call.path));
    }

    pub(crate) fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.add_waiting(1);
        let series = self.methods.series(attempt.tag, attempt.path);
        series.attempt_started(&self.scope);
    }

    pub(crate) fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.add_waiting(-1);
        let waited = attempt.waited.as_secs_f64();
        let bind = || self.scope.bind(&instruments::ATTEMPT_WAIT, &[]);
        self.wait.record(waited, bind);
    }

    pub(crate) fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        if attempt.sent.is_none() {
            self.add_waiting(-1);
        }
        let subchannel = attempt.sent.map(|sent| sent.subchannel);
        match (&self.labels, subchannel) {
            (Some(own), Some(id)) => own.with(id, |labels| self.record_end(attempt, labels)),
            _ => self.record_end(attempt, None),
        }
    }

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

    pub(crate) fn call_ended(&self, call: &CallEnded<'_>) {
        self.add_open(-1);
        let series = self.methods.series(call.tag, call.path);
        series.call_ended(&self.scope, call);
    }

    fn add_open(&self, calls: i64) {
        let bind = || self.scope.bind(&instruments::CALLS_OPEN, &[]);
        self.open.record(calls, bind);
    }

    fn add_waiting(&self, attempts: i64) {
        let bind = || self.scope.bind(&instruments::ATTEMPTS_WAITING, &[]);
        self.waiting.record(attempts, bind);
    }
}

/// Returns the bytes of messages without their prefixes.
fn without_prefixes(bytes: u64, messages: u64) -> u64 {
    bytes.saturating_sub(PREFIX.saturating_mul(messages))
}
