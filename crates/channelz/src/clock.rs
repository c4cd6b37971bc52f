//! Times of day.

use std::time::{Duration, Instant, UNIX_EPOCH};

use prost_types::Timestamp;
use trunkline_runtime::Runtime;

/// Converts times of a runtime's clock to times of day.
///
/// The time of day is read once. A clock of the system that is set later does not move the events
/// of the past, and events keep their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    /// The time of day of `started`, from the Unix epoch.
    epoch: Duration,
}

impl Clock {
    pub(crate) fn start(runtime: &dyn Runtime) -> Self {
        let time_of_day = runtime.system_time();
        Self {
            started: runtime.now(),
            // A clock before 1970 is not set.
            epoch: time_of_day.duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// Returns the time at which the clock was read.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Returns the nanoseconds from the start of the clock to `at`; 0 for a time before it.
    pub(crate) fn nanos(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.started).as_nanos();
        // 584 years.
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// Returns the time of day of `at`.
    pub(crate) fn timestamp(&self, at: Instant) -> Timestamp {
        self.timestamp_of_nanos(self.nanos(at))
    }

    /// Returns the time of day so many nanoseconds after the start of the clock.
    pub(crate) fn timestamp_of_nanos(&self, nanos: u64) -> Timestamp {
        let time = self.epoch.saturating_add(Duration::from_nanos(nanos));
        Timestamp {
            seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            // Below 1,000,000,000.
            nanos: time.subsec_nanos() as i32,
        }
    }
}
