//! What this process uses.

use std::fmt;
use std::fs;

use crate::wrong::Wrong;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// The resident memory of this process, in bytes.
    pub(super) memory: u64,
    pub(super) descriptors: usize,
    pub(super) tasks: usize,
    /// The changes of the resources until now.
    pub(super) changes: u32,
    /// The messages that the control plane has sent and received, and their bytes.
    pub(super) sent: u64,
    pub(super) sent_bytes: u64,
    pub(super) received: u64,
    pub(super) received_bytes: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} MiB, {} descriptors, {} tasks; {} changes, {} responses of {} KiB, {} requests of {} KiB in all",
            self.memory as f64 / f64::from(1 << 20),
            self.descriptors,
            self.tasks,
            self.changes,
            self.sent,
            self.sent_bytes >> 10,
            self.received,
            self.received_bytes >> 10,
        )
    }
}

/// Returns the resident memory of this process, in bytes.
pub(super) fn memory() -> Result<u64, Wrong> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: u64 = kilobytes.ok_or("no VmRSS in /proc/self/status")?.parse()?;
    Ok(kilobytes << 10)
}

/// Returns how many descriptors of this process are open.
pub(super) fn descriptors() -> Result<usize, Wrong> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}
