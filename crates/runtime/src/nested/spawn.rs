//! Spawns tasks.

use super::global::nested;
use super::task::Task;
use crate::BoxFuture;

/// Runs a task to its end: on the thread that is in `block_on`, else on async-std's pool.
pub(crate) fn spawn(task: BoxFuture<()>) {
    match nested() {
        Ok(nested) => Task::spawn(task, nested),
        Err(_) => drop(async_std::task::spawn(task)),
    }
}
