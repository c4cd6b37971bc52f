//! The series of the methods of a channel, which calls find without a lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use trunkline_runtime::Lock;
use trunkline_status::Code;

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
/// A method that was called before is found without a lock, and without an allocation. Methods are
/// never removed; [`max_methods`](crate::MetricsOptions::max_methods) bounds them.
#[derive(Debug)]
pub(crate) struct MethodTable {
    scope: Arc<Scope>,
    /// By path, with the leading slash.
    known: ArcSwap<HashMap<Box<str>, Arc<MethodSeries>>>,
    /// Held while a method is added.
    adding: Lock<()>,
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
            scope,
            known: ArcSwap::default(),
            adding: Lock::default(),
            other: MethodSeries::new(OTHER),
        }
    }

    /// Calls `f` with the series of the method that `path` names.
    pub(crate) fn with(&self, path: &str, f: impl FnOnce(&Scope, &MethodSeries)) {
        let known = self.known.load();
        if let Some(series) = known.get(path) {
            return f(&self.scope, series);
        }
        let is_full = known.len() >= self.scope.options.max_methods;
        drop(known);
        if is_full || !self.scope.options.methods.accepts(without_slash(path)) {
            return f(&self.scope, &self.other);
        }
        match self.add(path) {
            Some(series) => f(&self.scope, &series),
            None => f(&self.scope, &self.other),
        }
    }

    /// Adds a method, unless there are too many. Another thread may have added it meanwhile.
    fn add(&self, path: &str) -> Option<Arc<MethodSeries>> {
        let _adding = self.adding.lock();
        let known = self.known.load_full();
        if let Some(series) = known.get(path) {
            return Some(Arc::clone(series));
        }
        if known.len() >= self.scope.options.max_methods {
            return None;
        }
        let series = Arc::new(MethodSeries::new(without_slash(path)));
        let mut known = HashMap::clone(&known);
        known.insert(path.into(), Arc::clone(&series));
        self.known.store(Arc::new(known));
        Some(series)
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
