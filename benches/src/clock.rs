//! Time that has passed, and time that a thread has run.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns the CPU time of the current thread: other work on the machine does not count.
///
/// # Panics
///
/// Never: the clock of a thread cannot be before its start.
#[must_use]
pub fn thread_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// Returns the time since the machine started.
///
/// # Panics
///
/// Never: this clock cannot be before its start.
#[must_use]
pub fn wall_time() -> Duration {
    time(ClockId::Monotonic)
}

fn time(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).expect("a time since the start")
}

/// Returns the CPU time of `work` on this thread, in nanoseconds.
pub fn nanoseconds(work: impl FnOnce()) -> f64 {
    let start = thread_time();
    work();
    (thread_time() - start).as_nanos() as f64
}
