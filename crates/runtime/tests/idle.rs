//! An idle program uses no CPU. A process of its own: it counts what all of its threads do.

#![cfg(all(target_os = "linux", feature = "async-std"))]

use std::fs;
use std::time::Duration;

use trunkline_runtime::{AsyncStd, Runtime, block_on};

/// Returns how often the threads of this process gave their processor back.
fn switches() -> u64 {
    let count = |text: String| {
        let mut lines = text.lines();
        let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.map_or(0, |count| count.trim().parse::<u64>().unwrap())
    };
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let statuses = tasks.map(|task| task.unwrap().path().join("status"));
    statuses
        .map(|path| fs::read_to_string(path).map_or(0, count))
        .sum()
}

/// While `block_on` waits, and after it, no thread wakes up again and again: not the one that finds out
/// that the reactor is not driven, and not the thread that waits.
#[test]
fn nothing_spins() {
    /// A loop of one millisecond would count 300 in this time.
    const TIME: Duration = Duration::from_millis(300);
    const MOST: u64 = 60;

    let runtime: &dyn Runtime = &AsyncStd::new();
    let mut before = 0;
    block_on(async {
        runtime.sleep_until(runtime.now() + TIME / 10).await;
        before = switches();
        runtime.sleep_until(runtime.now() + TIME).await;
    });
    let waiting = switches() - before;
    assert!(waiting < MOST, "{waiting} switches while waiting");
    let before = switches();
    async_std::task::block_on(runtime.sleep_until(runtime.now() + TIME));
    let after = switches() - before;
    assert!(after < MOST, "{after} switches after the end");
}
