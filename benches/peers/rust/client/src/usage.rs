//! What this process has used so far.

use std::fs;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Returns the counters of all threads of this process.
pub(crate) fn now() -> Result<Usage, String> {
    getrusage(UsageWho::RUSAGE_SELF).map_err(|error| format!("getrusage: {error}"))
}

/// Returns the CPU time between two readings, in user and kernel mode, in nanoseconds.
pub(crate) fn cpu_ns(before: &Usage, after: &Usage) -> u64 {
    let micros = |usage: &Usage| (usage.user_time() + usage.system_time()).num_microseconds();
    difference(micros(before), micros(after)) * 1_000
}

/// Returns the most memory that the process has had so far, in bytes; `None` where there is no `/proc`.
/// `ru_maxrss` would count its parent, too.
pub(crate) fn max_rss_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// Returns the memory that the process has resident now, in bytes; `None` where there is no `/proc`.
pub(crate) fn rss_bytes() -> Option<u64> {
    status_bytes("VmRSS:")
}

fn status_bytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns by how much a counter has grown; counters never shrink.
pub(crate) fn difference(before: i64, after: i64) -> u64 {
    u64::try_from(after - before).unwrap_or_default()
}
