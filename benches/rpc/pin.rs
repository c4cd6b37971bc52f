//! Pins a process to a core.

use std::env;

use rustix::thread::{CpuSet, sched_setaffinity};

/// Environment variable with the core of a child. If unset, the child runs on any core.
pub(crate) const CORE: &str = "TRUNKLINE_BENCH_RPC_CORE";

/// Pins this process to the core that its parent has chosen. Call it before other threads start.
pub(crate) fn apply() {
    let core = env::var(CORE).ok().and_then(|core| core.parse().ok());
    let Some(core) = core else { return };
    let mut set = CpuSet::new();
    set.set(core);
    // On a machine with one core this fails, and all processes share that core.
    let _ = sched_setaffinity(None, &set);
}
