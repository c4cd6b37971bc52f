//! What this process has used so far.

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// The unit of `ru_maxrss` on Linux.
const KIBIBYTE: i64 = 1024;

/// Returns the counters of all threads of this process.
pub(crate) fn now() -> Result<Usage, String> {
    getrusage(UsageWho::RUSAGE_SELF).map_err(|error| format!("getrusage: {error}"))
}

/// Returns the CPU time between two readings, in user and kernel mode, in nanoseconds.
pub(crate) fn cpu_ns(before: &Usage, after: &Usage) -> u64 {
    let micros = |usage: &Usage| (usage.user_time() + usage.system_time()).num_microseconds();
    difference(micros(before), micros(after)) * 1_000
}

/// Returns the most memory that the process has had so far, in bytes.
pub(crate) fn max_rss_bytes(usage: &Usage) -> u64 {
    difference(0, usage.max_rss() * KIBIBYTE)
}

/// Returns by how much a counter has grown; counters never shrink.
pub(crate) fn difference(before: i64, after: i64) -> u64 {
    u64::try_from(after - before).unwrap_or_default()
}
