//! What this process has used so far.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How often the threads of a process gave up, or lost, the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// How often a thread had to wait.
    pub voluntary: u64,
    /// How often another thread got the core.
    pub involuntary: u64,
}

/// Returns the CPU time of all threads of this process, in user and kernel mode.
///
/// # Panics
///
/// Never: the clock of a process cannot be before its start.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a time since the start")
}

/// Returns the switches of all threads that run now. `None` where there is no `/proc`.
#[must_use]
pub fn switches() -> Option<Switches> {
    let mut sum = Switches::default();
    for thread in fs::read_dir("/proc/self/task").ok()?.flatten() {
        // A thread can end meanwhile.
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        sum.voluntary += field(&status, "voluntary_ctxt_switches").unwrap_or_default();
        sum.involuntary += field(&status, "nonvoluntary_ctxt_switches").unwrap_or_default();
    }
    Some(sum)
}

/// Returns the most memory that this process has had resident, in bytes. `None` where there is no
/// `/proc`.
#[must_use]
pub fn max_rss_bytes() -> Option<u64> {
    kibibytes("VmHWM")
}

/// Returns the memory that this process has resident now, in bytes. `None` where there is no
/// `/proc`.
#[must_use]
pub fn rss_bytes() -> Option<u64> {
    kibibytes("VmRSS")
}

fn kibibytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(field(&status, name)? * 1024)
}

/// Returns the first number of a line `name: number`.
fn field(status: &str, name: &str) -> Option<u64> {
    let values = status.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = values.into_iter().find(|(key, _)| *key == name)?;
    value.split_whitespace().next()?.parse().ok()
}
