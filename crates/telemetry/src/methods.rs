//! The series of the methods of a channel, which calls find without a lock.

use std::sync::Arc;

use trunkline_endpoint::BackendLabels;
use trunkline_status::Code;

use crate::backend_labels::{self, LabelValues};
use crate::grow_only::GrowOnly;
use crate::instrument::Instrument;
use crate::instruments;
use crate::label::LabelKey;
use crate::options::without_slash;
use crate::recorder::{LazyRecorder, OTHER, Recorder, Scope};
use crate::sink::Value;

/// The most different labels of backends that the series of one method have; those of all further
/// ones are `other`.
const MAX_LABELS: usize = 64;

/// The number of gRPC's codes.
const CODES: usize = 17;

/// The methods of a channel.
///
/// Methods are never removed; [`max_methods`](crate::MetricsOptions::max_methods) bounds them.
#[derive(Debug)]
pub(crate) struct MethodTable {
    scope: Arc<Scope>,
    /// By path, with the leading slash.
    known: GrowOnly<Box<str>, MethodSeries>,
    other: MethodSeries,
}

/// The series of one method.
#[derive(Debug)]
pub(crate) struct MethodSeries {
    method: Box<str>,
    started: LazyRecorder,
    retries: LazyRecorder,
    transparent_retries: LazyRecorder,
    hedges: LazyRecorder,
    retry_delay: LazyRecorder,
    /// The durations of calls, by their code.
    calls: [LazyRecorder; CODES],
    /// The ends of attempts at backends without labels, and all where labels are off.
    attempts: AttemptsByCode,
    /// The ends of attempts at backends with labels.
    labelled: GrowOnly<BackendLabels, AttemptsByCode>,
    /// The ends of attempts at backends with further labels.
    over: AttemptsByCode,
}

/// The series of the ends of attempts, by their code.
type AttemptsByCode = [AttemptSeries; CODES];

/// The end of an attempt.
pub(crate) struct AttemptMeasures<'a> {
    pub(crate) code: Code,
    /// In seconds.
    pub(crate) duration: f64,
    /// The bytes of the messages that were sent, without their prefixes.
    pub(crate) sent: u64,
    /// The bytes of the messages that were received, without their prefixes.
    pub(crate) received: u64,
    /// The labels of the backend; `None` without a backend, or where the labels are off.
    pub(crate) labels: Option<&'a BackendLabels>,
}

/// The series of the attempts of a method that end with one code.
#[derive(Debug, Default)]
struct AttemptSeries {
    duration: LazyRecorder,
    sent: LazyRecorder,
    received: LazyRecorder,
}

impl MethodTable {
    pub(crate) fn new(scope: Arc<Scope>) -> Self {
        Self {
            known: GrowOnly::new(scope.options.max_methods),
            other: MethodSeries::new(OTHER),
            scope,
        }
    }

    /// Calls `f` with the series of the method that `path` names.
    pub(crate) fn with(&self, path: &str, f: impl FnOnce(&Scope, &MethodSeries)) {
        let scope = &*self.scope;
        let make = || {
            let method = without_slash(path);
            let is_accepted = scope.options.methods.accepts(method);
            is_accepted.then(|| (path.into(), MethodSeries::new(method)))
        };
        self.known.with(path, make, |series| {
            f(scope, series.unwrap_or(&self.other));
        });
    }
}

impl MethodSeries {
    fn new(method: &str) -> Self {
        Self {
            method: method.into(),
            started: LazyRecorder::default(),
            retries: LazyRecorder::default(),
            transparent_retries: LazyRecorder::default(),
            hedges: LazyRecorder::default(),
            retry_delay: LazyRecorder::default(),
            calls: Default::default(),
            attempts: Default::default(),
            labelled: GrowOnly::new(MAX_LABELS),
            over: Default::default(),
        }
    }

    pub(crate) fn attempt_started(&self, scope: &Scope) {
        let bind = || self.bind(scope, &instruments::ATTEMPT_STARTED);
        self.started.record(1u64, bind);
    }

    /// Records the end of an attempt.
    pub(crate) fn attempt_ended(&self, scope: &Scope, end: &AttemptMeasures<'_>) {
        let Some(labels) = end.labels else {
            return self.record_end(scope, &self.attempts, backend_labels::NONE, end);
        };
        let make = || Some((labels.clone(), AttemptsByCode::default()));
        self.labelled.with(labels, make, |series| match series {
            Some(series) => self.record_end(scope, series, backend_labels::values(labels), end),
            None => self.record_end(scope, &self.over, backend_labels::all(OTHER), end),
        });
    }

    fn record_end(
        &self,
        scope: &Scope,
        series: &AttemptsByCode,
        [locality, service]: LabelValues<'_>,
        end: &AttemptMeasures<'_>,
    ) {
        let bind = |instrument| {
            let method = (LabelKey::METHOD, &*self.method);
            let status = (LabelKey::STATUS, end.code.name());
            scope.bind(instrument, &[method, status, locality, service])
        };
        let series = &series[usize::from(end.code.number())];
        let duration = &instruments::ATTEMPT_DURATION;
        series.duration.record(end.duration, || bind(duration));
        let sent = &instruments::ATTEMPT_SENT;
        series.sent.record(end.sent, || bind(sent));
        let received = &instruments::ATTEMPT_RECEIVED;
        series.received.record(end.received, || bind(received));
    }

    /// Records the duration of a call in seconds.
    pub(crate) fn call_ended(&self, scope: &Scope, code: Code, duration: f64) {
        let series = &self.calls[usize::from(code.number())];
        series.record(duration, || {
            let method = (LabelKey::METHOD, &*self.method);
            let values = [method, (LabelKey::STATUS, code.name())];
            scope.bind(&instruments::CALL_DURATION, &values)
        });
    }

    /// Records how often a call was sent again, each number unless it is 0, and the delay in
    /// seconds.
    pub(crate) fn call_sent_again(
        &self,
        scope: &Scope,
        retries: u32,
        transparent_retries: u32,
        hedges: u32,
        delay: f64,
    ) {
        let record = |series: &LazyRecorder, instrument, value: Value| {
            if value.as_f64() > 0.0 {
                series.record(value, || self.bind(scope, instrument));
            }
        };
        let retries = Value::from(u64::from(retries));
        record(&self.retries, &instruments::CALL_RETRIES, retries);
        let transparent = Value::from(u64::from(transparent_retries));
        let series = &self.transparent_retries;
        record(series, &instruments::CALL_TRANSPARENT_RETRIES, transparent);
        let hedges = Value::from(u64::from(hedges));
        record(&self.hedges, &instruments::CALL_HEDGES, hedges);
        let delay = Value::from(delay);
        record(&self.retry_delay, &instruments::CALL_RETRY_DELAY, delay);
    }

    fn bind(&self, scope: &Scope, instrument: &'static Instrument) -> Recorder {
        scope.bind(instrument, &[(LabelKey::METHOD, &self.method)])
    }
}
