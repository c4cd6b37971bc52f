//! The metrics of channels.
//!
//! Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md).

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use trunkline_opentelemetry::{OpenTelemetry, OpenTelemetrySink};
use trunkline_sim::CallReply;
use trunkline_status::Code;
use trunkline_telemetry::{
    Instrument, InstrumentKind, LabelKey, MetricsOptions, MetricsSink, Value, ValueKind,
    instruments,
};

use crate::printed::{expect_lines, print_metrics};
use crate::world::{RETRY, Traced, call, call_ok};

/// The buckets of a histogram that has no advice.
///
/// Source: [OpenTelemetry, metrics SDK](https://opentelemetry.io/docs/specs/otel/metrics/sdk/#explicit-bucket-histogram-aggregation).
const DEFAULT_BUCKETS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];

/// A meter provider whose metrics are kept in memory.
struct Metered {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Metered {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self { provider, exporter }
    }

    /// Returns the series that were recorded, as sorted lines.
    fn printed(&self) -> Vec<String> {
        self.provider.force_flush().expect("an export");
        let exported = self.exporter.get_finished_metrics().expect("metrics");
        exported.last().map(print_metrics).unwrap_or_default()
    }

    /// Checks the series that were recorded, whole.
    #[track_caller]
    fn expect(&self, expected: &str) {
        expect_lines(&self.printed(), expected);
    }
}

/// Each attempt and each call is counted once, with its method, target and status.
#[test]
fn calls_with_a_retry_and_a_failure() {
    let (traced, metered) = (Traced::new(), Metered::new());
    let unavailable = CallReply::Status {
        code: 14,
        message: String::new(),
    };
    let backend = traced.backend(1);
    backend.push_reply(unavailable);
    let internal = CallReply::Status {
        code: 13,
        message: String::new(),
    };
    backend.push_reply(CallReply::Echo);
    backend.push_reply(internal.after(Duration::from_millis(300)));
    let options = MetricsOptions::default()
        .with_instrument(&instruments::CALL_RETRIES)
        .with_instrument(&instruments::CALL_RETRY_DELAY)
        .with_instrument(&instruments::CONNECTION_ATTEMPTS_SUCCEEDED)
        .with_instrument(&instruments::OPEN_CONNECTIONS);
    let telemetry = OpenTelemetry::new()
        .with_meter_provider(&metered.provider)
        .with_metrics_options(options);
    let channel = traced.builder_with(1, telemetry);
    let channel = channel.default_service_config(RETRY).build();
    let channel = channel.expect("a channel");
    traced.sim.run(async {
        call_ok(&channel).await;
        let status = call(&channel, &[b"hello"]).await;
        assert_eq!(status.code(), Code::Internal);
        call_ok(&channel).await;
    });
    metered.expect(
        "
        grpc.client.attempt.duration [s] {grpc.method=test.Echo/Say, grpc.status=INTERNAL, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0.302: 1 up to 0.4
        grpc.client.attempt.duration [s] {grpc.method=test.Echo/Say, grpc.status=OK, grpc.target=ipv4:///198.51.100.1:50051} 2 values, sum 0.004: 2 up to 0.002
        grpc.client.attempt.duration [s] {grpc.method=test.Echo/Say, grpc.status=UNAVAILABLE, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0.004: 1 up to 0.004
        grpc.client.attempt.rcvd_total_compressed_message_size [By] {grpc.method=test.Echo/Say, grpc.status=INTERNAL, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0: 1 up to 0
        grpc.client.attempt.rcvd_total_compressed_message_size [By] {grpc.method=test.Echo/Say, grpc.status=OK, grpc.target=ipv4:///198.51.100.1:50051} 2 values, sum 10: 2 up to 1024
        grpc.client.attempt.rcvd_total_compressed_message_size [By] {grpc.method=test.Echo/Say, grpc.status=UNAVAILABLE, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0: 1 up to 0
        grpc.client.attempt.sent_total_compressed_message_size [By] {grpc.method=test.Echo/Say, grpc.status=INTERNAL, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 5: 1 up to 1024
        grpc.client.attempt.sent_total_compressed_message_size [By] {grpc.method=test.Echo/Say, grpc.status=OK, grpc.target=ipv4:///198.51.100.1:50051} 2 values, sum 10: 2 up to 1024
        grpc.client.attempt.sent_total_compressed_message_size [By] {grpc.method=test.Echo/Say, grpc.status=UNAVAILABLE, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 5: 1 up to 1024
        grpc.client.attempt.started [{attempt}] {grpc.method=test.Echo/Say, grpc.target=ipv4:///198.51.100.1:50051} 4
        grpc.client.call.duration [s] {grpc.method=test.Echo/Say, grpc.status=INTERNAL, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0.302: 1 up to 0.4
        grpc.client.call.duration [s] {grpc.method=test.Echo/Say, grpc.status=OK, grpc.target=ipv4:///198.51.100.1:50051} 2 values, sum 0.837970351: 1 up to 0.002, 1 up to 1
        grpc.client.call.retries [{retry}] {grpc.method=test.Echo/Say, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 1: 1 up to 1
        grpc.client.call.retry_delay [s] {grpc.method=test.Echo/Say, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0.829970351: 1 up to 1
        grpc.subchannel.connection_attempts_succeeded [{attempt}] {grpc.target=ipv4:///198.51.100.1:50051} 1
        grpc.subchannel.open_connections [{connection}] {grpc.target=ipv4:///198.51.100.1:50051} 1
        ",
    );
}

/// A channel has both metrics and traces where both providers are given: of calls, and of its
/// connections.
#[test]
fn metrics_and_traces_of_one_channel() {
    let (traced, metered) = (Traced::new(), Metered::new());
    traced.backend(1);
    let mut options = MetricsOptions::default();
    options.instruments = vec![
        &instruments::ATTEMPT_STARTED,
        &instruments::ATTEMPT_DURATION,
        &instruments::CALL_DURATION,
        &instruments::ATTEMPT_WAIT,
        &instruments::CONNECTION_ATTEMPTS_SUCCEEDED,
    ];
    let telemetry = traced.telemetry().with_meter_provider(&metered.provider);
    let telemetry = telemetry.with_metrics_options(options);
    let channel = traced.builder_with(1, telemetry).build();
    traced.sim.run(call_ok(&channel.expect("a channel")));
    metered.expect(
        "
        grpc.client.attempt.duration [s] {grpc.method=test.Echo/Say, grpc.status=OK, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0.004: 1 up to 0.004
        grpc.client.attempt.started [{attempt}] {grpc.method=test.Echo/Say, grpc.target=ipv4:///198.51.100.1:50051} 1
        grpc.client.call.duration [s] {grpc.method=test.Echo/Say, grpc.status=OK, grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0.004: 1 up to 0.004
        grpc.subchannel.connection_attempts_succeeded [{attempt}] {grpc.target=ipv4:///198.51.100.1:50051} 1
        trunkline.client.attempt.wait [s] {grpc.target=ipv4:///198.51.100.1:50051} 1 values, sum 0.002: 1 up to 0.002
        ",
    );
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..4ms Ok
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..4ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @2ms Delayed LB pick complete
            @2ms Outbound message {sequence-number=0, message-size=5}
            @4ms Inbound message {sequence-number=0, message-size=5}
        ",
    );
}

/// Every instrument is made with its name, unit, description and kind, and a histogram with its
/// buckets. The instrumentation scope is the crate.
#[test]
fn all_instruments() {
    let metered = Metered::new();
    let sink = OpenTelemetrySink::new(&metered.provider);
    for instrument in instruments::ALL {
        let labels: Vec<_> = instrument
            .labels
            .iter()
            .map(|key| (*key, "value"))
            .collect();
        sink.series(instrument, &labels)
            .record(match instrument.value {
                ValueKind::Integer => Value::Integer(1),
                _ => Value::Float(0.5),
            });
    }
    metered.provider.force_flush().expect("an export");
    let exported = metered.exporter.get_finished_metrics().expect("metrics");
    let scopes: Vec<_> = exported[0].scope_metrics().collect();
    let [scope] = &scopes[..] else {
        panic!("{} scopes", scopes.len())
    };
    assert_eq!(scope.scope().name(), "trunkline-opentelemetry");
    assert_eq!(scope.scope().version(), Some(env!("CARGO_PKG_VERSION")));
    let mut made: Vec<_> = scope
        .metrics()
        .map(|metric| {
            let (kind, buckets) = match metric.data() {
                AggregatedMetrics::F64(data) => kind(data),
                AggregatedMetrics::U64(data) => kind(data),
                AggregatedMetrics::I64(data) => kind(data),
            };
            let texts = [metric.name(), metric.unit(), metric.description()];
            (texts.map(str::to_owned), kind, buckets)
        })
        .collect();
    made.sort_by(|one, other| one.0.cmp(&other.0));
    let mut described: Vec<_> = instruments::ALL
        .iter()
        .map(|instrument| {
            let texts = [instrument.name, instrument.unit, instrument.description];
            let is_histogram = instrument.kind == InstrumentKind::Histogram;
            let buckets = if is_histogram && instrument.buckets.is_empty() {
                DEFAULT_BUCKETS.to_vec()
            } else {
                instrument.buckets.to_vec()
            };
            (texts.map(str::to_owned), instrument.kind, buckets)
        })
        .collect();
    described.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(made, described);
}

fn kind<T>(data: &MetricData<T>) -> (InstrumentKind, Vec<f64>) {
    match data {
        MetricData::Sum(sum) if sum.is_monotonic() => (InstrumentKind::Counter, Vec::new()),
        MetricData::Sum(_) => (InstrumentKind::UpDownCounter, Vec::new()),
        MetricData::Gauge(_) => (InstrumentKind::Gauge, Vec::new()),
        MetricData::Histogram(histogram) => {
            let points: Vec<_> = histogram.data_points().collect();
            (InstrumentKind::Histogram, points[0].bounds().collect())
        }
        MetricData::ExponentialHistogram(_) => panic!("an exponential histogram"),
    }
}

/// A measurement on the path of a call allocates nothing once the SDK has the series.
#[test]
fn a_record_allocates_nothing() {
    let metered = Metered::new();
    let sink = OpenTelemetrySink::new(&metered.provider);
    let labels = [
        (LabelKey::METHOD, "a.B/C"),
        (LabelKey::TARGET, "dns:///orders:50051"),
        (LabelKey::STATUS, "OK"),
    ];
    let started = sink.series(&instruments::ATTEMPT_STARTED, &labels[..2]);
    let duration = sink.series(&instruments::ATTEMPT_DURATION, &labels);
    let record = || {
        started.record(Value::Integer(1));
        duration.record(Value::Float(0.25));
    };
    record();
    assert_eq!(allocation_counter::measure(record).count_total, 0);
}

/// A call that is measured allocates as much as one that is not, once it has series.
#[test]
fn a_measured_call_allocates_nothing() {
    let allocations = |telemetry: OpenTelemetry| {
        let traced = Traced::new();
        traced.backend(1);
        let channel = traced.builder_with(1, telemetry).build();
        let channel = channel.expect("a channel");
        traced.sim.run(async {
            call_ok(&channel).await;
            call_ok(&channel).await;
        });
        let call = call_ok(&channel);
        allocation_counter::measure(|| traced.sim.run(call)).count_total
    };
    let metered = Metered::new();
    let metrics = OpenTelemetry::new().with_meter_provider(&metered.provider);
    assert_eq!(allocations(metrics), allocations(OpenTelemetry::new()));
}

/// Each kind of instrument with each kind of number keeps what is recorded.
#[test]
fn all_kinds() {
    static KINDS: [Instrument; 8] = {
        use InstrumentKind::{Counter, Gauge, Histogram, UpDownCounter};
        use ValueKind::{Float, Integer};
        const fn instrument(
            name: &'static str,
            kind: InstrumentKind,
            value: ValueKind,
        ) -> Instrument {
            Instrument::new(name, kind, value).with_unit("{thing}")
        }
        [
            instrument("counter.float", Counter, Float),
            instrument("counter.integer", Counter, Integer),
            instrument("gauge.float", Gauge, Float),
            instrument("gauge.integer", Gauge, Integer),
            instrument("histogram.float", Histogram, Float).with_buckets(&[1.0, 2.0]),
            instrument("histogram.integer", Histogram, Integer).with_buckets(&[1.0, 2.0]),
            instrument("up_down.float", UpDownCounter, Float),
            instrument("up_down.integer", UpDownCounter, Integer),
        ]
    };
    let metered = Metered::new();
    let sink = Arc::new(OpenTelemetrySink::new(&metered.provider));
    for instrument in &KINDS {
        let series = sink.series(instrument, &[(LabelKey::METHOD, "a.B/C")]);
        let other = sink.series(instrument, &[(LabelKey::METHOD, "a.B/D")]);
        for value in [3, 2] {
            match instrument.value {
                ValueKind::Integer => series.record(Value::Integer(value)),
                _ => series.record(Value::Float(value as f64 / 2.0)),
            }
        }
        if instrument.kind == InstrumentKind::UpDownCounter {
            other.record(match instrument.value {
                ValueKind::Integer => Value::Integer(-1),
                _ => Value::Float(-1.0),
            });
        }
    }
    metered.expect(
        "
        counter.float [{thing}] {grpc.method=a.B/C} 2.5
        counter.integer [{thing}] {grpc.method=a.B/C} 5
        gauge.float [{thing}] {grpc.method=a.B/C} 1.0
        gauge.integer [{thing}] {grpc.method=a.B/C} 2
        histogram.float [{thing}] {grpc.method=a.B/C} 2 values, sum 2.5: 1 up to 1, 1 up to 2
        histogram.integer [{thing}] {grpc.method=a.B/C} 2 values, sum 5: 1 up to 2, 1 more
        up_down.float [{thing}] {grpc.method=a.B/C} 2.5
        up_down.float [{thing}] {grpc.method=a.B/D} -1.0
        up_down.integer [{thing}] {grpc.method=a.B/C} 5
        up_down.integer [{thing}] {grpc.method=a.B/D} -1
        ",
    );
}
