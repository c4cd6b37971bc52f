//! The times of a call.

use std::time::{Duration, Instant, SystemTime};

/// Maps the instants of a call to times of day.
///
/// The time of day is read once, at the start of the call. So the spans of a call fit together also
/// where the clock of the computer is set while the call runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallClock {
    /// When the call started.
    instant: Instant,
    /// The time of day then.
    time: SystemTime,
}

impl CallClock {
    /// Returns the clock of a call that started at `instant`, when the time of day was `time`.
    pub(super) fn new(instant: Instant, time: SystemTime) -> Self {
        Self { instant, time }
    }

    /// Returns the time of day at `at`; the start of the call for what was before it.
    pub(super) fn time(&self, at: Instant) -> SystemTime {
        self.end_of_call(at.saturating_duration_since(self.instant))
    }

    /// Returns the time of day at the end of what started at `start`.
    pub(super) fn end(&self, start: Instant, latency: Duration) -> SystemTime {
        let until_start = start.saturating_duration_since(self.instant);
        self.end_of_call(until_start.saturating_add(latency))
    }

    /// Returns the time of day at the end of the call.
    pub(super) fn end_of_call(&self, latency: Duration) -> SystemTime {
        self.time.checked_add(latency).unwrap_or(self.time)
    }
}
