//! Runs callers as tasks of tokio.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// Returns a runtime: the current thread for one thread, else a pool.
///
/// # Errors
///
/// Why there is none.
pub fn runtime(threads: usize) -> Result<Arc<Runtime>, String> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads).enable_all();
    let built = builder.build().map(Arc::new);
    built.map_err(|error| error.to_string())
}

/// Runs each caller as a task, and returns their results.
///
/// # Errors
///
/// The first failure of a caller.
pub fn run<F>(runtime: &Runtime, callers: Vec<F>) -> Result<Vec<Vec<u64>>, String>
where
    F: Future<Output = Result<Vec<u64>, String>> + Send + 'static,
{
    runtime.block_on(async {
        let tasks: Vec<_> = callers.into_iter().map(tokio::spawn).collect();
        let mut results = Vec::with_capacity(tasks.len());
        for task in tasks {
            results.push(task.await.map_err(|error| error.to_string())??);
        }
        Ok(results)
    })
}

/// Waits, while the tasks of the runtime work.
pub fn wait(runtime: &Runtime, time: Duration) {
    runtime.block_on(async { tokio::time::sleep(time).await });
}
