//! The latencies of calls, in bounded memory.

use std::collections::BTreeMap;
use std::time::Duration;

/// Buckets per factor of two: the error of a quantile is below 1.1 %.
const STEPS: f64 = 64.0;

/// A histogram of latencies. The least and the greatest are exact; a latency in between is known to
/// within a bucket. The memory does not grow with the number of calls.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    buckets: BTreeMap<u16, u64>,
    count: u64,
    min: Duration,
    max: Duration,
}

impl Latencies {
    pub(super) fn add(&mut self, latency: Duration) {
        let is_first = self.count == 0;
        self.min = if is_first {
            latency
        } else {
            self.min.min(latency)
        };
        self.max = self.max.max(latency);
        self.count += 1;
        *self.buckets.entry(bucket(latency)).or_insert(0) += 1;
    }

    /// Returns the latency that `share` (0 to 1) of the calls did not exceed; `None` without calls.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if share <= 0.0 {
                return Some(self.min);
            }
            if seen >= wanted {
                return Some(top(*bucket).clamp(self.min, self.max));
            }
        }
        None
    }
}

fn bucket(latency: Duration) -> u16 {
    let nanos = (latency.as_nanos() as f64).max(1.0);
    (nanos.log2() * STEPS).ceil() as u16
}

fn top(bucket: u16) -> Duration {
    Duration::from_nanos((f64::from(bucket) / STEPS).exp2() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a quantile is at most a bucket; the least and the greatest are exact.
    #[test]
    fn quantiles() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        for micros in 1..=1000 {
            latencies.add(Duration::from_micros(micros));
        }
        assert_eq!(latencies.quantile(0.0), Some(Duration::from_micros(1)));
        assert_eq!(latencies.quantile(1.0), Some(Duration::from_micros(1000)));
        for (share, micros) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0)] {
            let found = latencies.quantile(share).expect("a quantile").as_secs_f64() * 1e6;
            assert!((found / micros - 1.0).abs() < 0.012, "{share}: {found}");
        }
    }
}
