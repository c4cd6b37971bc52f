//! The series of the methods of a channel, which calls find without a lock.

use std::sync::Arc;

use trunkline_status::Code;

use crate::grow_only::GrowOnly;
use crate::instrument::Instrument;
use crate::instruments;
use crate::label::LabelKey;
use crate::options::without_slash;
use crate::recorder::{LazyRecorder, OTHER, Recorder, Scope};
use crate::sink::Value;

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
    /// The ends of attempts, by their code.
    attempts: [AttemptSeries; CODES],
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
        }
    }

    pub(crate) fn attempt_started(&self, scope: &Scope) {
        let bind = || self.bind(scope, &instruments::ATTEMPT_STARTED);
        self.started.record(1u64, bind);
    }

    /// Records the end of an attempt: its duration in seconds, and the bytes of its messages.
    pub(crate) fn attempt_ended(
        &self,
        scope: &Scope,
        code: Code,
        duration: f64,
        sent: u64,
        received: u64,
    ) {
        let series = &self.attempts[usize::from(code.number())];
        let bind = |instrument| self.bind_with(scope, instrument, code);
        let duration_of = &instruments::ATTEMPT_DURATION;
        series.duration.record(duration, || bind(duration_of));
        let sent_by = &instruments::ATTEMPT_SENT;
        series.sent.record(sent, || bind(sent_by));
        let received_by = &instruments::ATTEMPT_RECEIVED;
        series.received.record(received, || bind(received_by));
    }

    /// Records the duration of a call in seconds.
    pub(crate) fn call_ended(&self, scope: &Scope, code: Code, duration: f64) {
        let series = &self.calls[usize::from(code.number())];
        let bind = || self.bind_with(scope, &instruments::CALL_DURATION, code);
        series.record(duration, bind);
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

    fn bind_with(&self, scope: &Scope, instrument: &'static Instrument, code: Code) -> Recorder {
        let labels = [
            (LabelKey::METHOD, &*self.method),
            (LabelKey::STATUS, code.name()),
        ];
        scope.bind(instrument, &labels)
    }
}
