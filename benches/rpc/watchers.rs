//! What observes the calls of a channel, for what telemetry costs.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use tracing::Level;
use trunkline::{AttemptEnded, CallEnded, ChannelBuilder, Observer};
use trunkline_benches::atomics::Atomics;
use trunkline_opentelemetry::OpenTelemetrySink;
use trunkline_telemetry::Metrics;

use crate::variant::Watcher;

/// Counts the ends of attempts and calls.
#[derive(Debug, Default)]
struct Counts {
    attempts: AtomicU64,
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Observer for Counts {
    fn attempt_ended(&self, _: &AttemptEnded<'_>) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let bytes = call.bytes_sent + call.bytes_received;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Returns the provider of all channels. Without a reader, it would record nothing.
fn open_telemetry() -> SdkMeterProvider {
    static PROVIDER: OnceLock<SdkMeterProvider> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        let reader = PeriodicReader::builder(InMemoryMetricExporter::default()).build();
        SdkMeterProvider::builder().with_reader(reader).build()
    });
    provider.clone()
}

/// Starts what sees the calls of all channels.
pub(crate) fn listen(watcher: Watcher) {
    let level = match watcher {
        Watcher::Lines => Level::INFO,
        Watcher::Spans => Level::DEBUG,
        Watcher::Nobody | Watcher::Observer | Watcher::Metrics | Watcher::OpenTelemetry => return,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::sink);
    subscriber.init();
}

/// Adds what sees the calls of one channel.
pub(crate) fn add(watcher: Watcher, builder: ChannelBuilder) -> ChannelBuilder {
    match watcher {
        Watcher::Observer => builder.observer(Counts::default()),
        Watcher::Metrics => builder.telemetry(Metrics::new(Atomics)),
        Watcher::OpenTelemetry => {
            let provider = open_telemetry();
            builder.telemetry(Metrics::new(OpenTelemetrySink::new(&provider)))
        }
        Watcher::Nobody | Watcher::Lines | Watcher::Spans => builder,
    }
}
