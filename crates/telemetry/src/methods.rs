//! The series of the methods of a channel, which a call finds without a lock, and once.

use std::sync::Arc;

use trunkline_channel::CallEnded;
use trunkline_endpoint::BackendLabels;
use trunkline_status::Code;

use crate::backend_labels::{self, LabelValues};
use crate::grow_only::{Found, GrowOnly};
use crate::instrument::Instrument;
use crate::instruments;
use crate::label::LabelKey;
use crate::options::without_slash;
use crate::recorder::{LazyRecorder, OTHER, Recorder, Scope};

/// The most different labels of backends that the series of one method have; those of all further
/// ones are `other`.
const MAX_LABELS: usize = 64;

/// The number of gRPC's codes.
const CODES: usize = 17;

/// The tag of all methods that have no series of their own. A call without a tag has 0.
const OTHER_METHODS: u64 = 1;

/// The tag of the method in the first place.
const FIRST_METHOD: u64 = 2;

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

    /// Returns the tag of the method that `path` names. [`series`](Self::series) finds the method again by its tag.
    pub(crate) fn tag(&self, path: &str) -> u64 {
        let found = self.find(path);
        found.map_or(OTHER_METHODS, |found| found.place as u64 + FIRST_METHOD)
    }

    /// Returns the series of the method with this tag; that of `path` where a call has no tag.
    pub(crate) fn series(&self, tag: u64, path: &str) -> &MethodSeries {
        let known = match tag.checked_sub(FIRST_METHOD) {
            Some(place) => usize::try_from(place).ok().and_then(|at| self.known.at(at)),
            None if tag == OTHER_METHODS => None,
            None => self.find(path).map(|found| found.value),
        };
        known.unwrap_or(&self.other)
    }

    fn find(&self, path: &str) -> Option<Found<'_, MethodSeries>> {
        self.known.find_or_add(path, || {
            let method = without_slash(path);
            let is_accepted = self.scope.options.methods.accepts(method);
            is_accepted.then(|| (path.into(), MethodSeries::new(method)))
        })
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
        let (series, values) = match self.labelled.find_or_add(labels, make) {
            Some(found) => (found.value, backend_labels::values(labels)),
            None => (&self.over, backend_labels::all(OTHER)),
        };
        self.record_end(scope, series, values, end);
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

    /// Records the end of a call: its duration, and how often and how late it was sent again, each of
    /// these unless it is 0.
    pub(crate) fn call_ended(&self, scope: &Scope, call: &CallEnded<'_>) {
        let code = call.status.code();
        let series = &self.calls[usize::from(code.number())];
        series.record(call.latency.as_secs_f64(), || {
            let method = (LabelKey::METHOD, &*self.method);
            let values = [method, (LabelKey::STATUS, code.name())];
            scope.bind(&instruments::CALL_DURATION, &values)
        });
        let record = |series: &LazyRecorder, instrument, times: u32| {
            if times > 0 {
                series.record(u64::from(times), || self.bind(scope, instrument));
            }
        };
        record(&self.retries, &instruments::CALL_RETRIES, call.retries);
        let (series, times) = (&self.transparent_retries, call.transparent_retries);
        record(series, &instruments::CALL_TRANSPARENT_RETRIES, times);
        record(&self.hedges, &instruments::CALL_HEDGES, call.hedges);
        if !call.retry_delay.is_zero() {
            let delay = call.retry_delay.as_secs_f64();
            let bind = || self.bind(scope, &instruments::CALL_RETRY_DELAY);
            self.retry_delay.record(delay, bind);
        }
    }

    fn bind(&self, scope: &Scope, instrument: &'static Instrument) -> Recorder {
        scope.bind(instrument, &[(LabelKey::METHOD, &self.method)])
    }
}
