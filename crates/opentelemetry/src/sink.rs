//! The measurements.

use std::fmt;
use std::sync::Arc;

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, MeterProvider, UpDownCounter};
use opentelemetry::{Key, KeyValue};
use trunkline_runtime::Lock;
use trunkline_telemetry::{
    Instrument, InstrumentKind, LabelKey, MetricsSink, Series, Value, ValueKind,
};

use crate::scope::scope;

/// Records the measurements of channels with the instruments of a [`MeterProvider`].
///
/// An instrument is made when its first series is. A histogram has the buckets of its gRFC as advice; a
/// view of the provider can change them. Integers are recorded as `u64` (counters, histograms) or `i64`,
/// all else as `f64`.
///
/// Most programs need only [`OpenTelemetry`](crate::OpenTelemetry). The sink alone is for
/// a `Metrics` of `trunkline-telemetry` with several sinks.
///
/// # Examples
///
/// ```
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
/// use trunkline_opentelemetry::OpenTelemetrySink;
/// use trunkline_telemetry::{LabelKey, MetricsSink, instruments};
///
/// let sink = OpenTelemetrySink::new(&SdkMeterProvider::builder().build());
/// let labels = [(LabelKey::METHOD, "orders.Orders/Get"), (LabelKey::TARGET, "dns:///orders:443")];
/// sink.series(&instruments::ATTEMPT_STARTED, &labels).record(1u64.into());
/// ```
///
/// Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md) and
/// [gRFC A79](https://github.com/grpc/proposal/blob/master/A79-non-per-call-metrics-architecture.md).
pub struct OpenTelemetrySink {
    meter: Meter,
    /// The instruments that were made, by their name.
    instruments: Lock<Vec<(&'static str, Recorder)>>,
}

/// An instrument of OpenTelemetry.
#[derive(Clone, Debug)]
enum Recorder {
    Counter(Counter<u64>),
    FloatCounter(Counter<f64>),
    UpDownCounter(UpDownCounter<i64>),
    FloatUpDownCounter(UpDownCounter<f64>),
    Gauge(Gauge<i64>),
    FloatGauge(Gauge<f64>),
    Histogram(Histogram<u64>),
    FloatHistogram(Histogram<f64>),
}

/// One series: an instrument and its attributes, which are made once.
#[derive(Debug)]
struct OpenTelemetrySeries {
    recorder: Recorder,
    attributes: Box<[KeyValue]>,
}

impl OpenTelemetrySink {
    /// Returns a sink that records with the instruments of this provider.
    #[must_use]
    pub fn new(provider: &impl MeterProvider) -> Self {
        Self {
            meter: provider.meter_with_scope(scope()),
            instruments: Lock::default(),
        }
    }

    /// Returns the recorder of an instrument. It is made at the first time.
    fn recorder(&self, instrument: &Instrument) -> Recorder {
        let mut instruments = self.instruments.lock();
        let is_it = |(name, _): &&(&str, Recorder)| *name == instrument.name;
        if let Some((_, recorder)) = instruments.iter().find(is_it) {
            return recorder.clone();
        }
        let recorder = Recorder::new(&self.meter, instrument);
        instruments.push((instrument.name, recorder.clone()));
        recorder
    }
}

impl MetricsSink for OpenTelemetrySink {
    fn series(
        &self,
        instrument: &'static Instrument,
        labels: &[(LabelKey, &str)],
    ) -> Arc<dyn Series> {
        let attribute = |(key, value): &(LabelKey, &str)| {
            KeyValue::new(Key::from_static_str(key.as_str()), (*value).to_owned())
        };
        Arc::new(OpenTelemetrySeries {
            recorder: self.recorder(instrument),
            attributes: labels.iter().map(attribute).collect(),
        })
    }
}

impl Series for OpenTelemetrySeries {
    fn record(&self, value: Value) {
        let attributes = &*self.attributes;
        match &self.recorder {
            Recorder::Counter(counter) => counter.add(value.as_u64(), attributes),
            Recorder::FloatCounter(counter) => counter.add(value.as_f64(), attributes),
            Recorder::UpDownCounter(counter) => counter.add(value.as_i64(), attributes),
            Recorder::FloatUpDownCounter(counter) => counter.add(value.as_f64(), attributes),
            Recorder::Gauge(gauge) => gauge.record(value.as_i64(), attributes),
            Recorder::FloatGauge(gauge) => gauge.record(value.as_f64(), attributes),
            Recorder::Histogram(histogram) => histogram.record(value.as_u64(), attributes),
            Recorder::FloatHistogram(histogram) => histogram.record(value.as_f64(), attributes),
        }
    }
}

/// Builds an instrument with the name, unit and description of ours.
macro_rules! build {
    ($builder:expr, $instrument:expr) => {
        $builder
            .with_unit($instrument.unit)
            .with_description($instrument.description)
            .build()
    };
    ($builder:expr, $instrument:expr, buckets) => {{
        let builder = $builder;
        let buckets = $instrument.buckets;
        if buckets.is_empty() {
            build!(builder, $instrument)
        } else {
            build!(builder.with_boundaries(buckets.to_vec()), $instrument)
        }
    }};
}

impl Recorder {
    fn new(meter: &Meter, instrument: &Instrument) -> Self {
        let (name, i) = (instrument.name, instrument);
        match (instrument.kind, instrument.value) {
            (InstrumentKind::Counter, ValueKind::Integer) => {
                Self::Counter(build!(meter.u64_counter(name), i))
            }
            (InstrumentKind::Counter, _) => Self::FloatCounter(build!(meter.f64_counter(name), i)),
            (InstrumentKind::UpDownCounter, ValueKind::Integer) => {
                Self::UpDownCounter(build!(meter.i64_up_down_counter(name), i))
            }
            (InstrumentKind::UpDownCounter, _) => {
                Self::FloatUpDownCounter(build!(meter.f64_up_down_counter(name), i))
            }
            (InstrumentKind::Gauge, ValueKind::Integer) => {
                Self::Gauge(build!(meter.i64_gauge(name), i))
            }
            (InstrumentKind::Gauge, _) => Self::FloatGauge(build!(meter.f64_gauge(name), i)),
            (InstrumentKind::Histogram, ValueKind::Integer) => {
                Self::Histogram(build!(meter.u64_histogram(name), i, buckets))
            }
            // `Histogram`: both enums may grow, and a distribution loses the least.
            _ => Self::FloatHistogram(build!(meter.f64_histogram(name), i, buckets)),
        }
    }
}

impl fmt::Debug for OpenTelemetrySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTelemetrySink").finish_non_exhaustive()
    }
}
