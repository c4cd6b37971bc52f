//! Spawns tasks.

use super::global::nested;
use super::task::Task;
use crate::BoxFuture;

/// Runs a task to its end: on the thread that is in `block_on`, else on async-std's pool.
pub(crate) fn spawn(task: BoxFuture<()>) {
    spawn_as(task, false);
}

/// Runs a task that never blocks to its end: where other tasks run, or on the thread that drives async-io.
pub(crate) fn spawn_driver(task: BoxFuture<()>) {
    spawn_as(task, true);
}

fn spawn_as(task: BoxFuture<()>, is_driver: bool) {
    match nested() {
        Ok(nested) => Task::spawn(task, is_driver, nested),
        Err(_) => drop(async_std::task::spawn(task)),
    }
}
