//! A sink of metrics that costs as little as one can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_telemetry::{Instrument, InstrumentKind, LabelKey, MetricsSink, Series, Value};

/// A sink of atomics: the least that a sink can do.
#[derive(Clone, Copy, Debug)]
pub struct Atomics;

/// The bounds of the buckets of a histogram.
#[derive(Debug)]
pub struct Buckets {
    bounds: &'static [f64],
    /// The first bucket that a value can be in, by its binary exponent: the search starts there.
    first: [u8; EXPONENTS],
}

/// A sum of integers.
#[derive(Debug, Default)]
struct AtomicSum(AtomicU64);

/// The counts of the buckets, and the sum of the values.
#[derive(Debug)]
struct AtomicHistogram {
    buckets: Buckets,
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// The exponents that are told apart: from that of 2^-32 to that of 2^31. Others count as the nearest one.
const EXPONENTS: usize = 64;

/// The exponent field of 2^-32.
const SMALLEST: usize = 1023 - 32;

/// The bits of a value after its exponent.
const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;

impl Buckets {
    /// Returns the buckets with these upper bounds, at most 255 of them, which ascend.
    ///
    /// # Panics
    ///
    /// When there are more.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        let smaller = |at| bounds.partition_point(|bound| exponent(*bound) < at);
        let first = |at| u8::try_from(smaller(at)).expect("few bounds");
        Self {
            bounds,
            first: std::array::from_fn(first),
        }
    }

    /// Returns the number of the bucket of a value: of the first one whose bound is at least the value.
    #[must_use]
    pub fn of(&self, value: f64) -> usize {
        let first = usize::from(self.first[exponent(value)]);
        let rest = self.bounds[first..].iter();
        first + rest.take_while(|bound| **bound < value).count()
    }
}

/// Returns the place of the exponent of a value; 0 for one that is not positive.
fn exponent(value: f64) -> usize {
    let exponent = value.max(0.0).to_bits() >> FRACTION_BITS;
    (exponent as usize)
        .saturating_sub(SMALLEST)
        .min(EXPONENTS - 1)
}

impl MetricsSink for Atomics {
    fn series(&self, instrument: &'static Instrument, _: &[(LabelKey, &str)]) -> Arc<dyn Series> {
        if instrument.kind == InstrumentKind::Histogram {
            let len = instrument.buckets.len();
            Arc::new(AtomicHistogram {
                buckets: Buckets::new(instrument.buckets),
                counts: (0..=len).map(|_| AtomicU64::new(0)).collect(),
                sum: AtomicU64::new(0),
            })
        } else {
            Arc::<AtomicSum>::default()
        }
    }
}

impl Series for AtomicSum {
    fn record(&self, value: Value) {
        // A negative number is added as its two's complement.
        self.0.fetch_add(value.as_i64() as u64, Ordering::Relaxed);
    }
}

impl Series for AtomicHistogram {
    fn record(&self, value: Value) {
        let bucket = self.buckets.of(value.as_f64());
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value.as_u64(), Ordering::Relaxed);
    }
}
