//! The task of a connection's driver.

use std::task::Waker;

use trunkline_runtime::Lock;

/// Wakes the driver of a connection for what HTTP/2 does not wake it for. Unlike a `HeldWaker`, it wakes
/// at once.
#[derive(Debug, Default)]
pub(crate) struct DriverTask(Lock<Option<Waker>>);

impl DriverTask {
    /// Sets the waker of the driver. The caller must then check what it can be woken for: a wake before
    /// `set` reached no task.
    pub(crate) fn set(&self, waker: Waker) {
        let old = self.0.lock().replace(waker);
        drop(old);
    }

    /// Frees the waker, at the end of the driver.
    pub(crate) fn clear(&self) {
        let old = self.0.lock().take();
        drop(old);
    }

    /// Wakes the driver, if it runs.
    pub(crate) fn wake(&self) {
        // `wake` is not called under the lock: it may poll or drop a task.
        let waker = self.0.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
