//! The sink of the crate `metrics`.

use std::fmt;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use trunkline_telemetry::{Instrument, InstrumentKind, LabelKey, MetricsSink, Series, Value};

/// Records the measurements of channels with a recorder of the crate `metrics`.
///
/// A counter is a counter, an up-down counter or a gauge is a gauge, and a histogram is a histogram;
/// units are described where that crate has them (seconds and bytes). A series is registered once, so a
/// record is one step of its handle.
///
/// # Examples
///
/// ```
/// use trunkline_metrics::MetricsFacade;
/// use trunkline_telemetry::Metrics;
///
/// // The recorder that the program has installed, as the macros of `metrics` use it.
/// let metrics = Metrics::new(MetricsFacade::global());
/// // `Channel::builder(..).telemetry(metrics)` turns it on for a channel.
/// ```
pub struct MetricsFacade {
    /// `None` for the recorder that the program has installed.
    recorder: Option<Arc<dyn Recorder + Send + Sync>>,
}

/// One series.
enum FacadeSeries {
    Counter(Counter),
    /// An up-down counter: values are added.
    UpDown(Gauge),
    /// A gauge: the last value counts.
    Gauge(Gauge),
    Histogram(Histogram),
}

impl MetricsFacade {
    /// Returns a sink that records with the recorder that the program has installed
    /// (`metrics::set_global_recorder`), or with that of the thread while one is set there.
    ///
    /// The recorder must be installed before the first call of a channel: a series that was registered
    /// before records nothing.
    #[must_use]
    pub fn global() -> Self {
        Self { recorder: None }
    }

    /// Returns a sink that records with this recorder.
    pub fn new(recorder: impl Recorder + Send + Sync + 'static) -> Self {
        Self {
            recorder: Some(Arc::new(recorder)),
        }
    }

    fn with_recorder<R>(&self, then: impl FnOnce(&dyn Recorder) -> R) -> R {
        match &self.recorder {
            Some(recorder) => then(&**recorder),
            None => metrics::with_recorder(|recorder| then(recorder)),
        }
    }
}

impl fmt::Debug for MetricsFacade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsFacade")
            .field("is_global", &self.recorder.is_none())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FacadeSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter(_) => "Counter",
            Self::UpDown(_) => "UpDown",
            Self::Gauge(_) => "Gauge",
            Self::Histogram(_) => "Histogram",
        })
    }
}

impl MetricsSink for MetricsFacade {
    fn series(
        &self,
        instrument: &'static Instrument,
        labels: &[(LabelKey, &str)],
    ) -> Arc<dyn Series> {
        let labels = labels.iter().map(label).collect::<Vec<_>>();
        let key = Key::from_parts(instrument.name, labels);
        let series = self.with_recorder(|recorder| register(recorder, instrument, &key));
        Arc::new(series)
    }
}

fn label((key, value): &(LabelKey, &str)) -> Label {
    Label::new(key.as_str(), (*value).to_owned())
}

/// Describes an instrument to a recorder, and registers one series of it.
fn register(recorder: &dyn Recorder, instrument: &'static Instrument, key: &Key) -> FacadeSeries {
    let name = KeyName::from_const_str(instrument.name);
    let unit = match instrument.unit {
        "s" => Some(Unit::Seconds),
        "By" => Some(Unit::Bytes),
        _ => None,
    };
    let text = instrument.description.into();
    let metadata = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
    match instrument.kind {
        InstrumentKind::Counter => {
            recorder.describe_counter(name, unit, text);
            FacadeSeries::Counter(recorder.register_counter(key, &metadata))
        }
        InstrumentKind::Histogram => {
            recorder.describe_histogram(name, unit, text);
            FacadeSeries::Histogram(recorder.register_histogram(key, &metadata))
        }
        InstrumentKind::UpDownCounter => {
            recorder.describe_gauge(name, unit, text);
            FacadeSeries::UpDown(recorder.register_gauge(key, &metadata))
        }
        _ => {
            recorder.describe_gauge(name, unit, text);
            FacadeSeries::Gauge(recorder.register_gauge(key, &metadata))
        }
    }
}

impl Series for FacadeSeries {
    fn record(&self, value: Value) {
        match self {
            Self::Counter(counter) => counter.increment(value.as_u64()),
            Self::UpDown(gauge) => gauge.increment(value.as_f64()),
            Self::Gauge(gauge) => gauge.set(value.as_f64()),
            Self::Histogram(histogram) => histogram.record(value.as_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use trunkline_telemetry::instruments;

    use super::*;

    /// Records a value in each instrument, and returns how often memory was allocated by the second
    /// value of each.
    fn record_all(sink: &MetricsFacade) -> u64 {
        let record = |instrument: &'static Instrument| {
            let labels: Vec<_> = instrument.labels.iter().map(|key| (*key, "x")).collect();
            let series = sink.series(instrument, &labels);
            series.record(Value::Integer(3));
            allocation_counter::measure(|| series.record(Value::Integer(-1))).count_total
        };
        instruments::ALL.iter().map(|own| record(own)).sum()
    }

    /// Each kind of instrument is recorded as what it is: an up-down counter sums up, also with
    /// negative values, and a counter takes none. A record looks nothing up and allocates nothing.
    #[test]
    fn kinds_are_kept() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let page = recorder.handle();
        let sink = MetricsFacade::new(recorder);
        // A histogram keeps its values in blocks until they are collected.
        assert!(record_all(&sink) <= 1, "allocations");
        let text = page.render();
        for line in [
            r#"grpc_subchannel_open_connections{grpc_target="x"} 2"#,
            r#"grpc_client_attempt_started{grpc_method="x",grpc_target="x"} 3"#,
            r#"grpc_client_call_duration_count{grpc_method="x",grpc_target="x",grpc_status="x"} 2"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }

    /// The global sink records with the recorder that is installed when a series is made.
    #[test]
    fn the_installed_recorder_is_used() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let page = recorder.handle();
        metrics::with_local_recorder(&recorder, || record_all(&MetricsFacade::global()));
        assert!(page.render().contains("grpc_client_attempt_started"));
    }
}
