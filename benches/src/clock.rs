//! The time that a thread has run.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns the CPU time of the current thread: other work on the machine does not count.
pub(crate) fn cpu_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// Returns the time since the machine started.
pub(crate) fn wall_time() -> Duration {
    time(ClockId::Monotonic)
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).expect("a time after the start"),
        u32::try_from(time.tv_nsec).expect("less than a second"),
    )
}

/// Returns the CPU time of `work`, in nanoseconds.
pub(crate) fn nanoseconds(work: impl FnOnce()) -> f64 {
    let start = cpu_time();
    work();
    (cpu_time() - start).as_nanos() as f64
}

/// Returns the median; not a number if there is no value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
