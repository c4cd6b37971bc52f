//! The weight of one backend, which its reports change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::config::WeightedRoundRobinConfig;

/// A time that has not come.
const NEVER: u64 = u64::MAX;

/// The time of reports, as a number that threads can share: nanoseconds since the policy got its
/// first event.
#[derive(Debug)]
pub(super) struct ReportClock {
    start: Instant,
    /// The time of the newest event of the policy.
    newest: AtomicU64,
}

impl ReportClock {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            newest: AtomicU64::new(0),
        }
    }

    /// Records the time of an event of the policy.
    pub(super) fn advance(&self, now: Instant) {
        self.newest.store(self.nanos(now), Ordering::Relaxed);
    }

    /// Returns the number of a time. A time that is not known is that of the newest event.
    pub(super) fn nanos_or_newest(&self, at: Option<Instant>) -> u64 {
        at.map_or_else(|| self.newest.load(Ordering::Relaxed), |at| self.nanos(at))
    }

    pub(super) fn nanos(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.start))
    }
}

/// Returns a duration in nanoseconds; all that are longer than 584 years are the same.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER - 1)
}

/// The weight of the backend at the other end of one connection.
///
/// Reports change it from many threads, and the policy reads it when it makes a schedule; no pick
/// does. The fields are those of gRFC A58. They may be of different reports for a moment, which the
/// next schedule corrects.
///
/// It has a cache line of its own: two backends' reports do not wait for each other.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct BackendWeight {
    /// The bits of the weight that the newest report gives.
    weight: AtomicU64,
    /// When the newest report with a weight came; [`NEVER`] if none has.
    last_updated: AtomicU64,
    /// When the first report came since the connection was made or the weight expired; [`NEVER`] if
    /// none has.
    non_empty_since: AtomicU64,
}

/// Why a backend has no weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoWeight {
    /// It has not reported one, or not for the blackout period.
    NotYetUsable,
    /// The last report is too long ago.
    Stale,
}

impl BackendWeight {
    /// Creates the weight of a backend that has just been connected: it is not known.
    pub(super) fn unknown() -> Self {
        Self {
            weight: AtomicU64::new(0),
            last_updated: AtomicU64::new(NEVER),
            non_empty_since: AtomicU64::new(NEVER),
        }
    }

    /// Records the weight that a report gives.
    pub(super) fn record(&self, weight: f64, now: u64) {
        self.weight.store(weight.to_bits(), Ordering::Relaxed);
        self.last_updated.store(now, Ordering::Relaxed);
        if self.non_empty_since.load(Ordering::Relaxed) == NEVER {
            self.non_empty_since.store(now, Ordering::Relaxed);
        }
    }

    /// Returns the weight, unless there is none yet, the last report is too long ago, or the blackout
    /// period has not ended. A weight that has expired needs another blackout
    /// period.
    pub(super) fn current(
        &self,
        now: u64,
        config: &WeightedRoundRobinConfig,
    ) -> Result<f64, NoWeight> {
        let weight = self.state(now, config);
        if weight == Err(NoWeight::Stale) {
            self.non_empty_since.store(NEVER, Ordering::Relaxed);
        }
        weight
    }

    /// Returns the same as [`current`](Self::current), and changes nothing.
    pub(super) fn state(
        &self,
        now: u64,
        config: &WeightedRoundRobinConfig,
    ) -> Result<f64, NoWeight> {
        let last_updated = self.last_updated.load(Ordering::Relaxed);
        if last_updated == NEVER {
            return Err(NoWeight::NotYetUsable);
        }
        let age = |since: u64| now.saturating_sub(since);
        if age(last_updated) >= nanos(config.weight_expiration_period) {
            return Err(NoWeight::Stale);
        }
        let blackout = nanos(config.blackout_period);
        let since = self.non_empty_since.load(Ordering::Relaxed);
        if blackout > 0 && (since == NEVER || age(since) < blackout) {
            return Err(NoWeight::NotYetUsable);
        }
        Ok(f64::from_bits(self.weight.load(Ordering::Relaxed)))
    }
}
