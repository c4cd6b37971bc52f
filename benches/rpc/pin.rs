//! Which core a process runs on.

use std::env;

use rustix::thread::{CpuSet, sched_setaffinity};

/// Tells a child its core; on any, if it is not set.
pub(crate) const CORE: &str = "TRUNKLINE_BENCH_RPC_CORE";

/// Puts this process on the core that its parent chose. To be called before there are threads.
pub(crate) fn apply() {
    let core = env::var(CORE).ok().and_then(|core| core.parse().ok());
    let Some(core) = core else { return };
    let mut set = CpuSet::new();
    set.set(core);
    // On a machine with one core, both share it.
    let _ = sched_setaffinity(None, &set);
}
