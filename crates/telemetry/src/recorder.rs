//! The series of one channel.

use std::sync::{Arc, OnceLock};

use crate::instrument::Instrument;
use crate::label::LabelKey;
use crate::options::MetricsOptions;
use crate::sink::{MetricsSink, Series, Value};

/// The value of a label for all that is not told apart.
///
/// Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md).
pub(crate) const OTHER: &str = "other";

/// What all series of a channel have in common.
#[derive(Debug)]
pub(crate) struct Scope {
    sink: Arc<dyn MetricsSink>,
    pub(crate) options: Arc<MetricsOptions>,
    target: String,
}

/// A series that something is recorded in, or nothing if its instrument is off.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(Option<Arc<dyn Series>>);

/// A series that the sink is asked for when its first value is recorded.
#[derive(Debug, Default)]
pub(crate) struct LazyRecorder(OnceLock<Recorder>);

impl Scope {
    pub(crate) fn new(
        sink: Arc<dyn MetricsSink>,
        options: Arc<MetricsOptions>,
        target: &str,
    ) -> Self {
        let filter = options.target_filter.as_ref();
        let is_kept = filter.is_none_or(|filter| filter.accepts(target));
        Self {
            sink,
            target: if is_kept { target } else { OTHER }.to_owned(),
            options,
        }
    }

    pub(crate) fn records_any(&self, instruments: &[&Instrument]) -> bool {
        let mut instruments = instruments.iter();
        instruments.any(|instrument| self.options.records(instrument))
    }

    /// Returns whether an optional label is turned on.
    pub(crate) fn has_label(&self, label: LabelKey) -> bool {
        self.options.optional_labels.contains(&label)
    }

    /// Returns the series of an instrument whose labels have these values. The target is known. A
    /// label without a value is empty, and a value without a label is left out.
    pub(crate) fn bind(
        &self,
        instrument: &'static Instrument,
        values: &[(LabelKey, &str)],
    ) -> Recorder {
        if !self.options.records(instrument) {
            return Recorder::off();
        }
        self.bind_labels(instrument, &self.labels(instrument, values))
    }

    /// Returns the labels of the series whose labels have these values.
    pub(crate) fn labels<'a>(
        &'a self,
        instrument: &Instrument,
        values: &[(LabelKey, &'a str)],
    ) -> Vec<(LabelKey, &'a str)> {
        let optional = instrument.optional_labels.iter();
        let optional = optional.filter(|key| self.has_label(**key));
        let keys = instrument.labels.iter().chain(optional);
        keys.map(|key| (*key, self.value(*key, values))).collect()
    }

    /// Returns the series with these [labels](Self::labels).
    pub(crate) fn bind_labels(
        &self,
        instrument: &'static Instrument,
        labels: &[(LabelKey, &str)],
    ) -> Recorder {
        Recorder(Some(self.sink.series(instrument, labels)))
    }

    fn value<'a>(&'a self, key: LabelKey, values: &[(LabelKey, &'a str)]) -> &'a str {
        if key == LabelKey::TARGET {
            return &self.target;
        }
        let found = values.iter().find(|(own, _)| *own == key);
        found.map_or("", |(_, value)| *value)
    }
}

impl Recorder {
    /// Returns a recorder that records nothing.
    pub(crate) fn off() -> Self {
        Self(None)
    }

    #[inline]
    pub(crate) fn record(&self, value: impl Into<Value>) {
        if let Some(series) = &self.0 {
            series.record(value.into());
        }
    }
}

impl LazyRecorder {
    /// Records a value in the series that `bind` returns at the first call.
    #[inline]
    pub(crate) fn record(&self, value: impl Into<Value>, bind: impl FnOnce() -> Recorder) {
        let bound = self.0.get();
        bound.unwrap_or_else(|| self.bind(bind)).record(value);
    }

    /// Apart from [`record`](Self::record), which is small then: this is called once.
    #[cold]
    fn bind(&self, bind: impl FnOnce() -> Recorder) -> &Recorder {
        self.0.get_or_init(bind)
    }
}
