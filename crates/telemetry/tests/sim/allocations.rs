//! What measuring costs: no allocation a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use trunkline_channel::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, Channel, ChannelBuilder,
    ChannelEvent, ChannelIdentity, Interests, Observer, ObserverFactory,
};
use trunkline_sim::{CallReply, Sim};
use trunkline_status::Code;
use trunkline_telemetry::{
    Instrument, LabelKey, Metrics, MetricsOptions, MetricsSink, Series, Value,
};

use crate::labels;
use crate::world::{GET, SECOND, backend, builder, call, failing};

/// A sink that counts the values.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicU64>);

impl MetricsSink for Counting {
    fn series(&self, _: &'static Instrument, _: &[(LabelKey, &str)]) -> Arc<dyn Series> {
        Arc::new(self.clone())
    }
}

impl Series for Counting {
    fn record(&self, _: Value) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts the allocations of the metrics of a channel while they handle the facts of calls.
#[derive(Clone, Debug)]
struct Counted {
    metrics: Metrics,
    allocations: Arc<AtomicU64>,
}

#[derive(Debug)]
struct CountedObserver {
    inner: Arc<dyn Observer>,
    allocations: Arc<AtomicU64>,
}

impl ObserverFactory for Counted {
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        let inner = self.metrics.observer_for(channel)?;
        let allocations = Arc::clone(&self.allocations);
        Some(Arc::new(CountedObserver { inner, allocations }))
    }
}

impl CountedObserver {
    fn count(&self, handle: impl FnOnce(&dyn Observer)) {
        let allocated = allocation_counter::measure(|| handle(&*self.inner));
        let count = allocated.count_total;
        self.allocations.fetch_add(count, Ordering::Relaxed);
    }
}

impl Observer for CountedObserver {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.inner.observe(event, at);
    }

    fn interests(&self) -> Interests {
        self.inner.interests()
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        self.count(|inner| inner.call_started(call));
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.count(|inner| inner.attempt_started(attempt));
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.count(|inner| inner.attempt_sent(attempt));
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        self.count(|inner| inner.attempt_ended(attempt));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.count(|inner| inner.call_ended(call));
    }
}

/// Adds metrics with all instruments to a channel. Returns it with its sink, and with the number of
/// allocations.
fn counted(
    channel: ChannelBuilder,
    options: MetricsOptions,
) -> (Channel, Arc<AtomicU64>, Arc<AtomicU64>) {
    let (sink, allocations) = (Counting::default(), Arc::new(AtomicU64::new(0)));
    let options = options.with_all_instruments();
    let channel = channel.telemetry(Counted {
        metrics: Metrics::new(sink.clone()).with_options(options),
        allocations: Arc::clone(&allocations),
    });
    let channel = channel.build().expect("a valid target");
    (channel, sink.0, allocations)
}

/// With all instruments on, a call of a method that was called before, and that ends with a status
/// that the method had before, allocates nothing in the metrics.
#[test]
fn a_call_allocates_nothing() {
    let sim = Sim::new(1);
    let backend = backend(&sim, 1);
    let options = MetricsOptions::default().with_max_methods(1);
    let (channel, recorded, allocations) = counted(builder(&sim, 1), options);
    let calls = async || {
        backend.push_reply(CallReply::Echo);
        assert_eq!(call(&channel, GET, b"hello").await, Code::Ok);
        backend.push_reply(failing(Code::NotFound));
        assert_eq!(call(&channel, GET, b"hello").await, Code::NotFound);
        // A method over the limit.
        backend.push_reply(CallReply::Echo);
        assert_eq!(call(&channel, "/a.B/C", b"hello").await, Code::Ok);
    };
    sim.run(async {
        calls().await;
        assert!(allocations.swap(0, Ordering::Relaxed) > 0);
        let before = recorded.load(Ordering::Relaxed);
        for _ in 0..10 {
            calls().await;
        }
        assert_eq!(allocations.load(Ordering::Relaxed), 0);
        let recorded = recorded.load(Ordering::Relaxed) - before;
        assert!(recorded >= 30 * 5, "{recorded}");
    });
}

/// The same with the labels of backends.
#[test]
fn labels_of_backends_allocate_nothing() {
    let sim = Sim::new(1);
    let options = MetricsOptions::default()
        .with_optional_label(LabelKey::LOCALITY)
        .with_optional_label(LabelKey::BACKEND_SERVICE);
    let (channel, _, allocations) = counted(labels::builder(&sim), options);
    sim.run(async {
        assert_eq!(call(&channel, GET, b"hello").await, Code::Ok);
        sim.sleep(SECOND).await;
        for _ in 0..2 {
            assert_eq!(call(&channel, GET, b"hello").await, Code::Ok);
        }
        assert!(allocations.swap(0, Ordering::Relaxed) > 0);
        for _ in 0..10 {
            assert_eq!(call(&channel, GET, b"hello").await, Code::Ok);
        }
        assert_eq!(allocations.load(Ordering::Relaxed), 0);
    });
}
