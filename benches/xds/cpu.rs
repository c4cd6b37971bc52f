//! The CPU time of another process.

use std::fs;
use std::time::Duration;

/// Returns the time that the threads of a process have run, those that run now.
///
/// The file has nanoseconds; that of the whole process has hundredths of a second.
///
/// # Panics
///
/// When the process is gone, or the kernel does not count that.
pub(crate) fn time_of(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let time = threads.flatten().map(|thread| {
        // A thread can end meanwhile.
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let time = text.split_whitespace().next().unwrap_or("0");
        time.parse::<u64>().expect("nanoseconds")
    });
    let time = Duration::from_nanos(time.sum());
    assert!(
        !time.is_zero(),
        "the kernel does not count the CPU time of threads"
    );
    time
}
