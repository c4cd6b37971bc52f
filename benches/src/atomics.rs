//! A sink of metrics that costs as little as one can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_telemetry::{Instrument, InstrumentKind, LabelKey, MetricsSink, Series, Value};

/// A sink of atomics: the least that a sink can do.
#[derive(Clone, Copy, Debug)]
pub struct Atomics;

/// A sum, or the counts of the buckets and their sum.
#[derive(Debug)]
struct AtomicSeries {
    buckets: &'static [f64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl MetricsSink for Atomics {
    fn series(&self, instrument: &'static Instrument, _: &[(LabelKey, &str)]) -> Arc<dyn Series> {
        let is_histogram = instrument.kind == InstrumentKind::Histogram;
        let buckets = if is_histogram {
            instrument.buckets
        } else {
            &[]
        };
        Arc::new(AtomicSeries {
            buckets,
            counts: (0..=buckets.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        })
    }
}

impl Series for AtomicSeries {
    fn record(&self, value: Value) {
        let number = value.as_f64();
        let bucket = self.buckets.partition_point(|bound| *bound < number);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value.as_u64(), Ordering::Relaxed);
    }
}
