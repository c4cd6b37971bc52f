//! The series of one method.

use std::sync::OnceLock;

use trunkline_channel::CallEnded;
use trunkline_endpoint::BackendLabels;
use trunkline_status::Code;

use crate::backend_labels::{self, LabelValues};
use crate::grow_only::GrowOnly;
use crate::instrument::Instrument;
use crate::instruments;
use crate::label::LabelKey;
use crate::recorder::{LazyRecorder, OTHER, Recorder, Scope};

/// The most different labels of backends that the series of one method have; those of all further
/// ones are `other`.
const MAX_LABELS: usize = 64;

/// The number of gRPC's codes.
const CODES: usize = 17;

/// The series of one method, of the calls with one custom label.
#[derive(Debug)]
pub(crate) struct MethodSeries {
    method: Box<str>,
    /// Empty where the calls have none.
    custom: Box<str>,
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

/// The series of the attempts of a method that end with one code. The end of an attempt records in all of
/// them, so they are made together.
#[derive(Debug, Default)]
struct AttemptSeries(OnceLock<EndRecorders>);

/// What the end of an attempt records in.
#[derive(Debug)]
struct EndRecorders {
    duration: Recorder,
    sent: Recorder,
    received: Recorder,
}

impl MethodSeries {
    pub(crate) fn new(method: &str, custom: &str) -> Self {
        Self {
            method: method.into(),
            custom: custom.into(),
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

    #[inline]
    pub(crate) fn attempt_started(&self, scope: &Scope) {
        let bind = || self.bind(scope, &instruments::ATTEMPT_STARTED);
        self.started.record(1u64, bind);
    }

    /// Records the end of an attempt.
    #[inline]
    pub(crate) fn attempt_ended(&self, scope: &Scope, end: &AttemptMeasures<'_>) {
        match end.labels {
            None => self.record_end(scope, &self.attempts, backend_labels::NONE, end),
            Some(labels) => self.labelled_attempt_ended(scope, labels, end),
        }
    }

    fn labelled_attempt_ended(
        &self,
        scope: &Scope,
        labels: &BackendLabels,
        end: &AttemptMeasures<'_>,
    ) {
        let make = || Some((labels.clone(), AttemptsByCode::default()));
        let (series, values) = match self.labelled.find_or_add(labels, make) {
            Some(found) => (found.value, backend_labels::values(labels)),
            None => (&self.over, backend_labels::all(OTHER)),
        };
        self.record_end(scope, series, values, end);
    }

    #[inline]
    fn record_end(
        &self,
        scope: &Scope,
        series: &AttemptsByCode,
        labels: LabelValues<'_>,
        end: &AttemptMeasures<'_>,
    ) {
        let series = &series[usize::from(end.code.number())];
        let bound = series.0.get();
        let recorders = bound.unwrap_or_else(|| self.bind_end(scope, series, labels, end.code));
        recorders.duration.record(end.duration);
        recorders.sent.record(end.sent);
        recorders.received.record(end.received);
    }

    #[cold]
    fn bind_end<'a>(
        &self,
        scope: &Scope,
        series: &'a AttemptSeries,
        [locality, service]: LabelValues<'_>,
        code: Code,
    ) -> &'a EndRecorders {
        series.0.get_or_init(|| {
            let bind = |instrument| {
                let status = (LabelKey::STATUS, code.name());
                let values = [self.method(), status, locality, service, self.custom()];
                scope.bind(instrument, &values)
            };
            EndRecorders {
                duration: bind(&instruments::ATTEMPT_DURATION),
                sent: bind(&instruments::ATTEMPT_SENT),
                received: bind(&instruments::ATTEMPT_RECEIVED),
            }
        })
    }

    /// Records the end of a call: its duration, and how often and how late it was sent again, each of
    /// these unless it is 0.
    #[inline]
    pub(crate) fn call_ended(&self, scope: &Scope, call: &CallEnded<'_>) {
        let code = call.status.code();
        let series = &self.calls[usize::from(code.number())];
        series.record(call.latency.as_secs_f64(), || {
            let status = (LabelKey::STATUS, code.name());
            let values = [self.method(), status, self.custom()];
            scope.bind(&instruments::CALL_DURATION, &values)
        });
        let again = call.retries | call.transparent_retries | call.hedges;
        if again > 0 || !call.retry_delay.is_zero() {
            self.sent_again(scope, call);
        }
    }

    /// Records how often and how late a call was sent again.
    #[cold]
    fn sent_again(&self, scope: &Scope, call: &CallEnded<'_>) {
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
        scope.bind(instrument, &[self.method(), self.custom()])
    }

    fn method(&self) -> (LabelKey, &str) {
        (LabelKey::METHOD, &self.method)
    }

    fn custom(&self) -> (LabelKey, &str) {
        (LabelKey::CUSTOM, &self.custom)
    }
}
