//! Measures what the metrics of a channel cost a call.
//!
//! A channel in a simulation makes one call. Each fact of it is handed to the metrics many times, and
//! timed: so the facts are real ones, and nothing else is measured. Prints nanoseconds for each fact
//! and for a call, which has one attempt: with the default instruments, which are five records, with
//! the labels of backends, and with all instruments. The sink is one of atomics with the buckets of the
//! instruments, or the SDK of OpenTelemetry.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use tower::Service;
use trunkline::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, Channel, ChannelEvent,
    ChannelIdentity, Interests, Observer, ObserverFactory,
};
use trunkline_benches::allocations::{CountingAllocator, allocations};
use trunkline_benches::atomics::Atomics;
use trunkline_opentelemetry::OpenTelemetrySink;
use trunkline_sim::Sim;
use trunkline_telemetry::{LabelKey, Metrics, MetricsOptions, MetricsSink};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// How often each fact is handled.
const TIMES: u32 = 200_000;

/// Hands each fact of a call to the metrics of a channel many times.
#[derive(Clone, Debug)]
struct Repeating {
    metrics: Metrics,
    results: Arc<Mutex<Vec<Measured>>>,
}

/// What the handling of one fact costs.
#[derive(Debug)]
struct Measured {
    fact: &'static str,
    time: Duration,
    allocations: u64,
}

#[derive(Debug)]
struct RepeatingObserver {
    inner: Arc<dyn Observer>,
    results: Arc<Mutex<Vec<Measured>>>,
}

impl ObserverFactory for Repeating {
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        let inner = self.metrics.observer_for(channel)?;
        let results = Arc::clone(&self.results);
        Some(Arc::new(RepeatingObserver { inner, results }))
    }
}

impl RepeatingObserver {
    #[expect(clippy::disallowed_methods, reason = "this measures real time")]
    fn repeat(&self, fact: &'static str, handle: impl Fn(&dyn Observer)) {
        // The series are made.
        handle(&*self.inner);
        let start = Instant::now();
        for _ in 0..TIMES {
            handle(black_box(&*self.inner));
        }
        let time = start.elapsed() / TIMES;
        let allocations = allocations(|| handle(&*self.inner));
        let measured = Measured {
            fact,
            time,
            allocations,
        };
        self.results.lock().expect("no panic").push(measured);
    }
}

impl Observer for RepeatingObserver {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.inner.observe(event, at);
    }

    fn interests(&self) -> Interests {
        self.inner.interests()
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        self.repeat("call started", |inner| inner.call_started(call));
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.repeat("attempt started", |inner| inner.attempt_started(attempt));
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.repeat("attempt sent", |inner| inner.attempt_sent(attempt));
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        self.repeat("attempt ended", |inner| inner.attempt_ended(attempt));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.repeat("call ended", |inner| inner.call_ended(call));
    }
}

/// Makes one call of a channel with these metrics, and prints what its facts cost.
fn measure(name: &str, sink: impl MetricsSink + 'static, options: MetricsOptions) {
    let sim = Sim::new(1);
    let address = SocketAddr::from(([198, 51, 100, 1], 50051));
    sim.backend(address);
    let results = Arc::<Mutex<Vec<Measured>>>::default();
    let channel = Channel::builder(format!("ipv4:{address}"))
        .plaintext()
        .runtime(sim.runtime())
        .telemetry(Repeating {
            metrics: Metrics::new(sink).with_options(options),
            results: Arc::clone(&results),
        })
        .build();
    let mut channel = channel.expect("a valid target");
    sim.run(async move {
        let message = Bytes::from_static(b"\0\0\0\0\x05hello");
        let request = Request::post("/orders.inventory.v1.Inventory/ReserveStock")
            .header("content-type", "application/grpc")
            .body(http_body_util::Full::new(message))
            .expect("a valid request");
        let Ok(response) = channel.call(request).await;
        let body = http_body_util::BodyExt::collect(response.into_body()).await;
        assert!(body.is_ok());
    });
    let results = results.lock().expect("no panic");
    let call: Duration = results.iter().map(|measured| measured.time).sum();
    let allocations: u64 = results.iter().map(|measured| measured.allocations).sum();
    println!(
        "{name}: {} ns a call, {allocations} allocations",
        call.as_nanos()
    );
    for measured in &*results {
        println!("  {:16} {:5} ns", measured.fact, measured.time.as_nanos());
    }
}

fn main() {
    let labelled = || {
        MetricsOptions::default()
            .with_optional_label(LabelKey::LOCALITY)
            .with_optional_label(LabelKey::BACKEND_SERVICE)
    };
    let all = || labelled().with_all_instruments();
    measure("atomics, default", Atomics, MetricsOptions::default());
    measure("atomics, labels of backends", Atomics, labelled());
    measure("atomics, all instruments", Atomics, all());
    // Without a reader, the SDK would record nothing.
    let reader = PeriodicReader::builder(InMemoryMetricExporter::default()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let sink = || OpenTelemetrySink::new(&provider);
    measure("OpenTelemetry, default", sink(), MetricsOptions::default());
    measure("OpenTelemetry, all instruments", sink(), all());
}
